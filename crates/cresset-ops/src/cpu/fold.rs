//! Folding: what the numbers of a chunk come to. One vector loop for every kind of reduction and lane.
//!
//! Sums and products are carried in f64 (in wrapping i64 for integers): converting costs less than fetching, and no
//! order of adding f32 numbers is as exact.

use super::{plan::Lane, simd::for_every_simd};
use crate::{
    math::Fma,
    op::Reduction::{self, All, Any, ArgMax, ArgMin, Max, Min, Prod, Sum},
};

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
        (Max | ArgMax, false) => i64::MIN as u64,
        (Min | ArgMin, false) => i64::MAX as u64,
    }
}

/// What a number is carried as within a chunk.
trait Carried: Copy {
    fn total(self) -> Total;
    fn of(total: Total) -> Self;
}

impl Carried for f64 {
    #[inline(always)]
    fn total(self) -> Total {
        self.to_bits()
    }
    #[inline(always)]
    fn of(total: Total) -> f64 {
        f64::from_bits(total)
    }
}

impl Carried for f32 {
    #[inline(always)]
    fn total(self) -> Total {
        f64::from(self).to_bits()
    }
    #[inline(always)]
    fn of(total: Total) -> f32 {
        f64::from_bits(total) as f32
    }
}

impl Carried for i64 {
    #[inline(always)]
    fn total(self) -> Total {
        self as u64
    }
    #[inline(always)]
    fn of(total: Total) -> i64 {
        total as i64
    }
}

impl Carried for u8 {
    #[inline(always)]
    fn total(self) -> Total {
        self.into()
    }
    #[inline(always)]
    fn of(total: Total) -> u8 {
        u8::from(total != 0)
    }
}

/// One line of numbers. Long ones in many lanes, so that no addition waits for the one before.
#[inline(always)]
fn line<T: Copy, A: Carried>(
    x: &[T],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
) -> A {
    if x.len() < 16 {
        return x.iter().fold(start, |a, &x| f(a, widen(x)));
    }
    if x.len() < 256 { lanes::<T, A, 16>(x, start, widen, f) } else { lanes::<T, A, 64>(x, start, widen, f) }
}

#[inline(always)]
fn lanes<T: Copy, A: Carried, const N: usize>(
    x: &[T],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
) -> A {
    let mut totals = [start; N];
    let (blocks, rest) = x.as_chunks::<N>();
    for block in blocks {
        for (total, &x) in totals.iter_mut().zip(block) {
            *total = f(*total, widen(x));
        }
    }
    for (total, &x) in totals.iter_mut().zip(rest) {
        *total = f(*total, widen(x));
    }
    let mut n = N;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            totals[i] = f(totals[i], totals[i + n]);
        }
    }
    totals[0]
}

/// Elements of a line of narrow rows taken together.
const TOGETHER: usize = 128;

#[inline(always)]
fn fold_into<T: Copy, A: Carried>(
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
) {
    let Extent { rows, columns, .. } = extent;
    if columns == 1 {
        for (row, total) in x.chunks_exact(rows).zip(totals) {
            *total = f(A::of(*total), line(row, start, widen, f)).total();
        }
        return;
    }
    for (block, totals) in x.chunks_exact(rows * columns).zip(totals.chunks_exact_mut(columns)) {
        let mut rest = block;
        if columns <= TOGETHER / 4 && block.len() >= 4 * TOGETHER {
            // So many rows together make one that is worth a vector loop.
            let width = TOGETHER / columns * columns;
            let mut sums = [start; TOGETHER];
            let wide = block.chunks_exact(width);
            rest = wide.remainder();
            for row in wide {
                for (sum, &x) in sums[..width].iter_mut().zip(row) {
                    *sum = f(*sum, widen(x));
                }
            }
            for sums in sums[..width].chunks_exact(columns) {
                for (total, &sum) in totals.iter_mut().zip(sums) {
                    *total = f(A::of(*total), sum).total();
                }
            }
        }
        for row in rest.chunks_exact(columns) {
            for (total, &x) in totals.iter_mut().zip(row) {
                *total = f(A::of(*total), widen(x)).total();
            }
        }
    }
}

/// The first of the best numbers and where it lies; a place below zero says that nothing was seen yet.
#[inline(always)]
fn find_into<T: Copy, A: Carried>(
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    places: &mut [i64],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    (better, same): (impl Fn(A, A) -> bool + Copy, impl Fn(A, A) -> bool + Copy),
) {
    let Extent { rows, columns, first } = extent;
    if columns == 1 {
        for (row, (total, place)) in x.chunks_exact(rows).zip(totals.iter_mut().zip(places)) {
            let best = line(row, start, widen, |a, b| if better(b, a) { b } else { a });
            if *place < 0 || better(best, A::of(*total)) {
                // First the block that has it, in a vector loop, then the place.
                let (blocks, _) = row.as_chunks::<64>();
                let has = |block: &&[T; 64]| !block.iter().fold(false, |any, &x| any | same(widen(x), best));
                let skipped = 64 * blocks.iter().take_while(has).count();
                let at = row[skipped..].iter().position(|&x| same(widen(x), best));
                *place = (first + skipped + at.unwrap_or(0)) as i64;
                *total = best.total();
            }
        }
        return;
    }
    let blocks = totals.chunks_exact_mut(columns).zip(places.chunks_exact_mut(columns));
    for (block, (totals, places)) in x.chunks_exact(rows * columns).zip(blocks) {
        for (i, row) in block.chunks_exact(columns).enumerate() {
            let here = (first + i) as i64;
            if places[0] < 0 {
                places.fill(here);
                totals.iter_mut().zip(row).for_each(|(total, &x)| *total = widen(x).total());
                continue;
            }
            for ((total, place), &x) in totals.iter_mut().zip(places.iter_mut()).zip(row) {
                let x = widen(x);
                let found = better(x, A::of(*total));
                *total = if found { x.total() } else { *total };
                *place = if found { here } else { *place };
            }
        }
    }
}

/// NaN is larger than all, and smaller than all, so that it comes out.
macro_rules! better {
    (float >) => {
        (|a, b| a > b || (a.is_nan() && !b.is_nan()), |a, b| a == b || (a.is_nan() && b.is_nan()))
    };
    (float <) => {
        (|a, b| a < b || (a.is_nan() && !b.is_nan()), |a, b| a == b || (a.is_nan() && b.is_nan()))
    };
    (int >) => {
        (|a, b| a > b, |a, b| a == b)
    };
    (int <) => {
        (|a, b| a < b, |a, b| a == b)
    };
}

macro_rules! float_fold {
    ($name:ident, $type:ident) => {
        #[inline(always)]
        fn $name(
            kind: Reduction,
            x: &[$type],
            extent: Extent,
            totals: &mut [Total],
            places: &mut [i64],
            low: $type,
            high: $type,
        ) {
            let own = |x: $type| x;
            match kind {
                Sum => fold_into(x, extent, totals, 0.0, |x| f64::from(x), |a, b| a + b),
                Prod => fold_into(x, extent, totals, 1.0, |x| f64::from(x), |a, b| a * b),
                Max => {
                    fold_into(x, extent, totals, low, own, |a, b| if b > a || b.is_nan() { b } else { a });
                }
                Min => {
                    fold_into(x, extent, totals, high, own, |a, b| if b < a || b.is_nan() { b } else { a });
                }
                ArgMax => find_into(x, extent, totals, places, low, own, better!(float >)),
                ArgMin => find_into(x, extent, totals, places, high, own, better!(float <)),
                Any => fold_into(x, extent, totals, 0u8, |x| u8::from(x != 0.0), |a, b| a | b),
                All => fold_into(x, extent, totals, 1u8, |x| u8::from(x != 0.0), |a, b| a & b),
            }
        }
    };
}

float_fold!(fold_f32, f32);
float_fold!(fold_f64, f64);

#[inline(always)]
fn fold_i64<T: Copy>(
    kind: Reduction,
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    places: &mut [i64],
    widen: impl Fn(T) -> i64 + Copy,
) {
    match kind {
        Sum => fold_into(x, extent, totals, 0, widen, i64::wrapping_add),
        Prod => fold_into(x, extent, totals, 1, widen, i64::wrapping_mul),
        Max => fold_into(x, extent, totals, i64::MIN, widen, i64::max),
        Min => fold_into(x, extent, totals, i64::MAX, widen, i64::min),
        ArgMax => find_into(x, extent, totals, places, i64::MIN, widen, better!(int >)),
        ArgMin => find_into(x, extent, totals, places, i64::MAX, widen, better!(int <)),
        Any => fold_into(x, extent, totals, 0u8, |x| u8::from(widen(x) != 0), |a, b| a | b),
        All => fold_into(x, extent, totals, 1u8, |x| u8::from(widen(x) != 0), |a, b| a & b),
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn fold_all<F: Fma>(kind: Reduction, x: Numbers, extent: Extent, totals: &mut [Total], places: &mut [i64]) {
    match x {
        Numbers::F32(x) => fold_f32(kind, x, extent, totals, places, f32::NEG_INFINITY, f32::INFINITY),
        Numbers::F64(x) => fold_f64(kind, x, extent, totals, places, f64::NEG_INFINITY, f64::INFINITY),
        Numbers::I64(x) => fold_i64(kind, x, extent, totals, places, |x| x),
        Numbers::Bool(x) => fold_i64(kind, x, extent, totals, places, i64::from),
    }
}

for_every_simd! {
    /// Folds a chunk into the totals (and places) of its columns, group after group.
    pub fn fold(kind: Reduction, x: Numbers, extent: Extent, totals: &mut [Total], places: &mut [i64]) = fold_all
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
        // SAFETY: an f64 and an i64 are as large and aligned as the u64 they are kept in.
        let x = unsafe {
            Numbers::new(if float { Lane::F64 } else { Lane::I64 }, later.as_ptr().cast(), later.len())
        };
        return fold(kind, x, extent, totals, places);
    }
    for (i, (&total, &place)) in later.iter().zip(later_places).enumerate() {
        let (a, b) = (f64::from_bits(total), f64::from_bits(totals[i]));
        let (m, n) = (total as i64, totals[i] as i64);
        let found = match (float, kind == ArgMax) {
            (true, true) => a > b || (a.is_nan() && !b.is_nan()),
            (true, false) => a < b || (a.is_nan() && !b.is_nan()),
            (false, true) => m > n,
            (false, false) => m < n,
        };
        if found {
            (totals[i], places[i]) = (total, place);
        }
    }
}
