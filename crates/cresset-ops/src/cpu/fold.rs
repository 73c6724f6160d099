//! Folding: what the numbers of a chunk come to, by kind of reduction and lane.
//!
//! Sums and products are carried in f64 (in wrapping i64 for integers): converting costs less than fetching from memory, and
//! no order of adding f32 numbers is as exact. Only long lines, which the caches bring faster than that, are added up in f32
//! for some steps first.

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

/// Running totals of a line in the portable loops.
const LANES: usize = 16;

/// Adds to an f64 total.
#[inline(always)]
fn sum(total: Total, x: f64) -> Total {
    (f64::from_bits(total) + x).to_bits()
}

/// Multiplies an f64 total.
#[inline(always)]
fn product(total: Total, x: f64) -> Total {
    (f64::from_bits(total) * x).to_bits()
}

/// From so many numbers on a line is long.
const LONG: usize = 4096;
/// Lanes in which a long line is added up in f32, so many numbers in each, and then eight of those: the error is that of as
/// many roundings, fewer than where sums are cascaded.
const WIDE: usize = 128;
const STEPS: usize = 16;

for_every_simd! { fn sum_line(x: &[f32], total: &mut Total) = sum_long }

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn sum_long<F: Fma>(x: &[f32], total: &mut Total) {
    let mut totals = [0.0f64; 16];
    let (steps, rest) = x.as_chunks::<WIDE>();
    for block in steps.chunks(STEPS) {
        let mut sums = [0.0f32; WIDE];
        for step in block {
            // Counted, so that the sums stay in registers.
            for i in 0..WIDE {
                sums[i] += step[i];
            }
        }
        let mut half = WIDE / 2;
        while half >= totals.len() {
            for i in 0..half {
                sums[i] += sums[i + half];
            }
            half /= 2;
        }
        for i in 0..totals.len() {
            totals[i] += f64::from(sums[i]);
        }
    }
    for (total, x) in totals.iter_mut().zip(rest.chunks(WIDE / 16)) {
        *total += x.iter().copied().map(f64::from).sum::<f64>();
    }
    *total = sum(*total, line::<f64, f64, 16>(&totals, 0.0, |x| x, |a, b| a + b));
}

for_every_simd! { fn sum_double(x: &[f64], extent: Extent, totals: &mut [Total]) = sum_f64 }
for_every_simd! {
    fn extreme_double(x: &[f64], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_f64
}
for_every_simd! {
    fn extreme_integer(x: &[i64], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_i64
}
for_every_simd! { fn sum_single(x: &[f32], extent: Extent, totals: &mut [Total]) = sum_f32 }
for_every_simd! {
    fn extreme_single(x: &[f32], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_f32
}
for_every_simd! {
    fn find_single(x: &[f32], extent: Extent, totals: &mut [Total], places: &mut [i64], kind: Reduction) = find_f32
}
for_every_simd! { fn place_single(x: &[f32], value: f32, place: &mut usize) = place_f32 }

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn sum_f32<F: Fma>(x: &[f32], extent: Extent, totals: &mut [Total]) {
    fold_into::<_, _, 64>(x, extent, totals, 0.0, f64::from, |a, b| a + b, sum);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn sum_f64<F: Fma>(x: &[f64], extent: Extent, totals: &mut [Total]) {
    fold_into::<_, _, LANES>(x, extent, totals, 0.0, |x| x, |a, b| a + b, sum);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn extreme_f64<F: Fma>(x: &[f64], extent: Extent, totals: &mut [Total], kind: Reduction) {
    extreme::<_, 32>(x, extent, totals, kind);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn extreme_i64<F: Fma>(x: &[i64], extent: Extent, totals: &mut [Total], kind: Reduction) {
    // So many that the inner loop stays one: of fewer, the compiler makes a gather from block to block.
    extreme::<_, 64>(x, extent, totals, kind);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn extreme_f32<F: Fma>(x: &[f32], extent: Extent, totals: &mut [Total], kind: Reduction) {
    extreme::<_, 64>(x, extent, totals, kind);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn find_f32<F: Fma>(x: &[f32], extent: Extent, totals: &mut [Total], places: &mut [i64], kind: Reduction) {
    find_rows(x, extent, totals, places, kind);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn place_f32<F: Fma>(x: &[f32], value: f32, place: &mut usize) {
    self::place(x, value, place);
}

/// Numbers with a largest.
trait Ordered: Copy + PartialOrd {
    /// Whether totals of them are f64.
    const FLOAT: bool;
    /// What nothing is below.
    const LOWEST: Self;
    /// In the opposite order if so asked, NaN staying NaN: so that one loop finds the largest and the smallest.
    fn turned(self, turn: bool) -> Self;
    #[inline(always)]
    fn is_nan(self) -> bool {
        // Only NaN differs from itself.
        self.partial_cmp(&self).is_none()
    }
    fn total(self) -> Total;
    fn of(total: Total) -> Self;
}

macro_rules! ordered {
    ($($type:ty, $float:literal, $lowest:expr, |$x:ident, $turn:ident| $turned:expr, $total:expr, |$t:ident| $of:expr;)*) => {$(
        impl Ordered for $type {
            const FLOAT: bool = $float;
            const LOWEST: $type = $lowest;
            #[inline(always)]
            fn turned(self, $turn: bool) -> $type {
                let $x = self;
                $turned
            }
            #[inline(always)]
            fn total(self) -> Total {
                let $x = self;
                $total
            }
            #[inline(always)]
            fn of($t: Total) -> $type {
                $of
            }
        }
    )*};
}

ordered! {
    f32, true, f32::NEG_INFINITY, |x, turn| f32::from_bits(x.to_bits() ^ u32::from(turn) << 31),
        f64::from(x).to_bits(), |total| f64::from_bits(total) as f32;
    f64, true, f64::NEG_INFINITY, |x, turn| f64::from_bits(x.to_bits() ^ u64::from(turn) << 63),
        x.to_bits(), |total| f64::from_bits(total);
    i64, false, i64::MIN, |x, turn| x ^ -i64::from(turn), x as u64, |total| total as i64;
    u8, false, 0, |x, turn| x ^ u8::from(turn), x.into(), |total| u8::from(total != 0);
}

/// One line of numbers. Long ones in many lanes, so that no addition waits for the one before.
#[inline(always)]
fn line<T: Copy, A: Copy, const N: usize>(
    x: &[T],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
) -> A {
    if x.len() < 16 {
        let mut total = start;
        for &x in x {
            total = f(total, widen(x));
        }
        return total;
    }
    // What a short line comes to is soon added up in few lanes.
    if N > 16 && x.len() < 256 {
        lanes::<T, A, 16>(x, start, widen, f)
    } else {
        lanes::<T, A, N>(x, start, widen, f)
    }
}

#[inline(always)]
fn lanes<T: Copy, A: Copy, const N: usize>(
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

/// Columns of wide rows taken together.
const STRIP: usize = 512;

/// Folds in numbers that are made of the elements, and joins what they come to with the totals.
#[inline(always)]
fn fold_into<T: Copy, A: Copy, const N: usize>(
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
    join: impl Fn(Total, A) -> Total + Copy,
) {
    let Extent { rows, columns, .. } = extent;
    if columns == 1 {
        for (row, total) in x.chunks_exact(rows).zip(totals) {
            *total = join(*total, line::<T, A, N>(row, start, widen, f));
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
                    *total = join(*total, sum);
                }
            }
        }
        if size_of::<A>() < size_of::<Total>() && columns > TOGETHER / 4 && rows > 2 {
            // Totals are wider than what is folded: strip by strip, they are only seen once for all rows.
            for first in (0..columns).step_by(STRIP) {
                let width = STRIP.min(columns - first);
                let mut sums = [start; STRIP];
                for row in block.chunks_exact(columns) {
                    for (sum, &x) in sums[..width].iter_mut().zip(&row[first..first + width]) {
                        *sum = f(*sum, widen(x));
                    }
                }
                for (total, &sum) in totals[first..].iter_mut().zip(&sums[..width]) {
                    *total = join(*total, sum);
                }
            }
            continue;
        }
        row_by_row(rest, totals, widen, join);
    }
}

/// Joins every row's numbers with the totals of their columns.
#[inline(always)]
fn row_by_row<T: Copy, A>(
    rows: &[T],
    totals: &mut [Total],
    widen: impl Fn(T) -> A,
    join: impl Fn(Total, A) -> Total,
) {
    for row in rows.chunks_exact(totals.len()) {
        for (total, &x) in totals.iter_mut().zip(row) {
            *total = join(*total, widen(x));
        }
    }
}

/// As [`fold_into`] for products, which are rare: of several columns one row after the other.
#[inline(always)]
fn multiply_into<T: Copy, A: Copy>(
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    start: A,
    widen: impl Fn(T) -> A + Copy,
    f: impl Fn(A, A) -> A + Copy,
    join: impl Fn(Total, A) -> Total + Copy,
) {
    let Extent { rows, columns, .. } = extent;
    for (block, totals) in x.chunks_exact(rows * columns).zip(totals.chunks_exact_mut(columns)) {
        match totals {
            [total] => *total = join(*total, line::<T, A, LANES>(block, start, widen, f)),
            _ => row_by_row(block, totals, widen, join),
        }
    }
}

/// The largest or smallest. NaN is larger than all, and smaller than all, so that it comes out.
#[inline(always)]
fn extreme<T: Ordered, const N: usize>(x: &[T], extent: Extent, totals: &mut [Total], kind: Reduction) {
    let turn = matches!(kind, Min | ArgMin);
    let f = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
    let join = |total, x| f(T::of(total).turned(turn), x).turned(turn).total();
    fold_into::<T, T, N>(x, extent, totals, T::LOWEST, |x| x.turned(turn), f, join);
}

/// Is any number not zero, or, for all: is none zero?
fn ask<T: Copy + PartialEq>(x: &[T], extent: Extent, totals: &mut [Total], zero: T, all: bool) {
    let decides = |x: T| (x == zero) == all;
    let decided = u64::from(!all);
    let Extent { rows, columns, .. } = extent;
    if columns == 1 {
        for (row, total) in x.chunks_exact(rows).zip(totals) {
            if row.iter().fold(false, |any, &x| any | decides(x)) {
                *total = decided;
            }
        }
        return;
    }
    for (block, totals) in x.chunks_exact(rows * columns).zip(totals.chunks_exact_mut(columns)) {
        for row in block.chunks_exact(columns) {
            for (total, &x) in totals.iter_mut().zip(row) {
                *total = if decides(x) { decided } else { *total };
            }
        }
    }
}

/// Is one total better than another? NaN is better than every number, and not than itself.
fn better(kind: Reduction, float: bool, a: Total, b: Total) -> bool {
    let largest = kind == ArgMax;
    if float {
        let (a, b) = (f64::from_bits(a), f64::from_bits(b));
        (if largest { a > b } else { a < b }) || (a.is_nan() && !b.is_nan())
    } else {
        let (a, b) = (a as i64, b as i64);
        if largest { a > b } else { a < b }
    }
}

/// The loops by which the best are found.
struct Ways<T> {
    rows: fn(&[T], Extent, &mut [Total], &mut [i64], Reduction),
    extreme: fn(&[T], Extent, &mut [Total], Reduction),
    place: fn(&[T], T, &mut usize),
}

impl<T: Ordered> Ways<T> {
    /// The portable ones, but for the extreme.
    fn plain(extreme: fn(&[T], Extent, &mut [Total], Reduction)) -> Ways<T> {
        Ways { rows: find_rows, extreme, place }
    }
}

/// The first of the best numbers and where it lies; a place below zero says that nothing was seen yet.
fn find<T: Ordered>(
    kind: Reduction,
    x: &[T],
    extent: Extent,
    totals: &mut [Total],
    places: &mut [i64],
    ways: Ways<T>,
) {
    if extent.columns > 1 {
        return (ways.rows)(x, extent, totals, places, kind);
    }
    for (row, (total, place)) in x.chunks_exact(extent.rows).zip(totals.iter_mut().zip(places)) {
        let mut best = T::LOWEST.turned(kind == ArgMin).total();
        (ways.extreme)(row, extent, std::slice::from_mut(&mut best), kind);
        if *place < 0 || better(kind, T::FLOAT, best, *total) {
            let mut at = 0;
            (ways.place)(row, T::of(best), &mut at);
            (*total, *place) = (best, (extent.first + at) as i64);
        }
    }
}

/// Where a value first is: the block that has it, in a vector loop, then the place.
#[inline(always)]
fn place<T: Ordered>(x: &[T], value: T, place: &mut usize) {
    let same = |x: T| x == value || (x.is_nan() && value.is_nan());
    let (blocks, _) = x.as_chunks::<64>();
    let mut skipped = 0;
    for block in blocks {
        let mut any = false;
        for &x in block {
            any |= same(x);
        }
        if any {
            break;
        }
        skipped += block.len();
    }
    *place = skipped + x[skipped..].iter().position(|&x| same(x)).unwrap_or(0);
}

/// As [`find`], of several columns.
#[inline(always)]
fn find_rows<T: Ordered>(x: &[T], extent: Extent, totals: &mut [Total], places: &mut [i64], kind: Reduction) {
    let turn = kind == ArgMin;
    let Extent { rows, columns, first } = extent;
    let blocks = totals.chunks_exact_mut(columns).zip(places.chunks_exact_mut(columns));
    for (block, (totals, places)) in x.chunks_exact(rows * columns).zip(blocks) {
        for (i, row) in block.chunks_exact(columns).enumerate() {
            let here = (first + i) as i64;
            if places[0] < 0 {
                places.fill(here);
                for (total, &x) in totals.iter_mut().zip(row) {
                    *total = x.total();
                }
                continue;
            }
            for ((total, place), &x) in totals.iter_mut().zip(places.iter_mut()).zip(row) {
                let (new, old) = (x.turned(turn), T::of(*total).turned(turn));
                let found = new > old || (new.is_nan() && !old.is_nan());
                *total = if found { x.total() } else { *total };
                *place = if found { here } else { *place };
            }
        }
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
