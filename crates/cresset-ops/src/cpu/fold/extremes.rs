//! The largest and smallest numbers, and where they lie. NaN is larger than all, and smaller than all, so that it comes out.

use super::{Extent, Total, lines::fold_into};
use crate::{
    cpu::simd::for_every_simd,
    math::Fma,
    op::Reduction::{self, ArgMax, ArgMin, Min},
};

// The loops of each lane, for every set of vector instructions.
for_every_simd! {
    pub fn extreme_double(x: &[f64], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_f64
}
for_every_simd! {
    pub fn extreme_integer(x: &[i64], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_i64
}
for_every_simd! {
    pub fn extreme_single(x: &[f32], extent: Extent, totals: &mut [Total], kind: Reduction) = extreme_f32
}
for_every_simd! {
    pub fn find_single(x: &[f32], extent: Extent, totals: &mut [Total], places: &mut [i64], kind: Reduction) = find_f32
}
for_every_simd! { pub fn place_single(x: &[f32], value: f32, place: &mut usize) = place_f32 }

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
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
pub trait Ordered: Copy + PartialOrd {
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

/// The largest or smallest. NaN is larger than all, and smaller than all, so that it comes out.
#[inline(always)]
pub fn extreme<T: Ordered, const N: usize>(x: &[T], extent: Extent, totals: &mut [Total], kind: Reduction) {
    let turn = matches!(kind, Min | ArgMin);
    let f = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
    let join = |total, x| f(T::of(total).turned(turn), x).turned(turn).total();
    fold_into::<T, T, N>(x, extent, totals, T::LOWEST, |x| x.turned(turn), f, join);
}

/// Is one total better than another? NaN is better than every number, and not than itself.
pub fn better(kind: Reduction, float: bool, a: Total, b: Total) -> bool {
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
pub struct Ways<T> {
    pub rows: fn(&[T], Extent, &mut [Total], &mut [i64], Reduction),
    pub extreme: fn(&[T], Extent, &mut [Total], Reduction),
    pub place: fn(&[T], T, &mut usize),
}

impl<T: Ordered> Ways<T> {
    /// The portable ones, but for the extreme.
    pub fn plain(extreme: fn(&[T], Extent, &mut [Total], Reduction)) -> Ways<T> {
        Ways { rows: find_rows, extreme, place }
    }
}

/// The first of the best numbers and where it lies; a place below zero says that nothing was seen yet.
pub fn find<T: Ordered>(
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
