//! Folding: what the numbers of a chunk come to, by kind of reduction and lane.
//!
//! Sums and products are carried in f64 (in wrapping i64 for integers): converting costs less than fetching from memory, and
//! no order of adding f32 numbers is as exact. Only long lines, which the caches bring faster than that, are added up in f32
//! for some steps first.

mod extremes;
mod lines;

use self::{
    extremes::{
        Ways, better, extreme, extreme_double, extreme_integer, extreme_single, find, find_single,
        place_single,
    },
    lines::{LANES, LONG, ask, fold_into, multiply_into, product, sum_double, sum_line, sum_single},
};
use super::plan::Lane;
use crate::op::Reduction::{self, All, Any, ArgMax, ArgMin, Max, Min, Prod, Sum};

/// Numbers of a lane.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    /// `f32`.
    F32(&'a [f32]),
    /// `f64`.
    F64(&'a [f64]),
    /// `i64`.
    I64(&'a [i64]),
    /// Truths, 0 or 1.
    Bool(&'a [u8]),
}

impl<'a> Numbers<'a> {
    /// # Safety
    /// There must be `len` numbers of the lane, which nobody writes during `'a`.
    #[inline]
    pub unsafe fn new(lane: Lane, pointer: *const u8, len: usize) -> Numbers<'a> {
        // SAFETY: the caller's.
        unsafe {
            match lane {
                Lane::F32 => Numbers::F32(std::slice::from_raw_parts(pointer.cast(), len)),
                Lane::F64 => Numbers::F64(std::slice::from_raw_parts(pointer.cast(), len)),
                Lane::I64 => Numbers::I64(std::slice::from_raw_parts(pointer.cast(), len)),
                Lane::Bool => Numbers::Bool(std::slice::from_raw_parts(pointer, len)),
            }
        }
    }
}

/// How the numbers of a chunk lie: `groups` blocks of `rows` by `columns`, of which the rows are folded together.
#[derive(Clone, Copy)]
pub struct Extent {
    /// Rows of each block.
    pub rows: usize,
    /// Columns of each block: so many totals.
    pub columns: usize,
    /// The place of the first row among all that are folded, for [`ArgMax`] and [`ArgMin`].
    pub first: usize,
}

/// A total under way, as the bits of an f64 or an i64.
pub type Total = u64;

/// Whether totals are f64; else they are i64.
pub fn is_float(kind: Reduction, lane: Lane) -> bool {
    matches!(lane, Lane::F32 | Lane::F64) && !matches!(kind, Any | All)
}

/// The total of nothing.
pub fn start(kind: Reduction, lane: Lane) -> Total {
    match (kind, is_float(kind, lane)) {
        (Sum | Any, true) => 0f64.to_bits(),
        (Prod | All, true) => 1f64.to_bits(),
        (Max | ArgMax, true) => f64::NEG_INFINITY.to_bits(),
        (Min | ArgMin, true) => f64::INFINITY.to_bits(),
        (Sum | Any, false) => 0,
        (Prod | All, false) => 1,
        // Of truths: whether any is, and whether all are.
        (Max, false) if lane == Lane::Bool => 0,
        (Min, false) if lane == Lane::Bool => 1,
        (Max | ArgMax, false) => i64::MIN as u64,
        (Min | ArgMin, false) => i64::MAX as u64,
    }
}

/// Folds a chunk into the totals (and places) of its columns, group after group.
///
/// Sums and extremes are compiled for every set of vector instructions. The rest is bound by memory with any of
/// them, or rare, and three copies of it would take longer to compile than all other loops.
pub fn fold(kind: Reduction, x: Numbers, extent: Extent, totals: &mut [Total], places: &mut [i64]) {
    match (x, kind) {
        (Numbers::F32(x), Sum) if extent.columns == 1 && extent.rows >= LONG => {
            for (row, total) in x.chunks_exact(extent.rows).zip(totals) {
                sum_line(row, total);
            }
        }
        (Numbers::F32(x), Sum) => sum_single(x, extent, totals),
        (Numbers::F32(x), Prod) => {
            multiply_into(x, extent, totals, 1.0, f64::from, |a, b| a * b, product);
        }
        (Numbers::F32(x), Max | Min) => extreme_single(x, extent, totals, kind),
        (Numbers::F32(x), ArgMax | ArgMin) => {
            let ways = Ways { rows: find_single, extreme: extreme_single, place: place_single };
            find(kind, x, extent, totals, places, ways);
        }
        (Numbers::F32(x), Any | All) => ask(x, extent, totals, 0.0, kind == All),
        (Numbers::F64(x), Sum) => sum_double(x, extent, totals),
        (Numbers::F64(x), Prod) => {
            multiply_into(x, extent, totals, 1.0, |x| x, |a, b| a * b, product);
        }
        (Numbers::F64(x), Max | Min) => extreme_double(x, extent, totals, kind),
        (Numbers::F64(x), ArgMax | ArgMin) => {
            find(kind, x, extent, totals, places, Ways::plain(extreme_double));
        }
        (Numbers::F64(x), Any | All) => ask(x, extent, totals, 0.0, kind == All),
        (Numbers::I64(x), Sum) => {
            fold_into::<_, _, LANES>(
                x,
                extent,
                totals,
                0,
                |x| x as u64,
                u64::wrapping_add,
                u64::wrapping_add,
            );
        }
        (Numbers::I64(x), Prod) => {
            let product = u64::wrapping_mul;
            multiply_into(x, extent, totals, 1, |x| x as u64, product, product);
        }
        (Numbers::I64(x), Max | Min) => extreme_integer(x, extent, totals, kind),
        (Numbers::I64(x), ArgMax | ArgMin) => {
            find(kind, x, extent, totals, places, Ways::plain(extreme_integer));
        }
        (Numbers::I64(x), Any | All) => ask(x, extent, totals, 0, kind == All),
        (Numbers::Bool(x), Sum) => {
            // A chunk has fewer than 2³² of them.
            let count = |total, n: u32| total + u64::from(n);
            fold_into::<_, _, LANES>(x, extent, totals, 0, u32::from, |a, b| a + b, count);
        }
        (Numbers::Bool(x), ArgMax | ArgMin) => {
            find(kind, x, extent, totals, places, Ways::plain(extreme::<u8, LANES>));
        }
        (Numbers::Bool(x), Max | Any) => ask(x, extent, totals, 0, false),
        (Numbers::Bool(x), Min | Prod | All) => ask(x, extent, totals, 0, true),
    }
}

/// Takes each so many neighbouring totals into one. Not for places.
pub fn join(kind: Reduction, lane: Lane, neighbours: usize, totals: &[Total], joined: &mut [Total]) {
    let extent = Extent { rows: neighbours, columns: 1, first: 0 };
    fold(kind, numbers(kind, lane, totals), extent, joined, &mut []);
}

/// Totals as numbers of their own lane.
fn numbers(kind: Reduction, lane: Lane, totals: &[Total]) -> Numbers<'_> {
    let lane = if is_float(kind, lane) { Lane::F64 } else { Lane::I64 };
    // SAFETY: an f64 and an i64 are as large and aligned as the u64 they are kept in.
    unsafe { Numbers::new(lane, totals.as_ptr().cast(), totals.len()) }
}

/// Takes the totals of a later part of the same columns into those of the earlier.
pub fn combine(
    kind: Reduction,
    lane: Lane,
    (totals, places): (&mut [Total], &mut [i64]),
    (later, later_places): (&[Total], &[i64]),
) {
    let float = is_float(kind, lane);
    if !matches!(kind, ArgMax | ArgMin) {
        let extent = Extent { rows: 1, columns: later.len(), first: 0 };
        return fold(kind, numbers(kind, lane, later), extent, totals, places);
    }
    for (i, (&total, &place)) in later.iter().zip(later_places).enumerate() {
        if better(kind, float, total, totals[i]) {
            (totals[i], places[i]) = (total, place);
        }
    }
}
