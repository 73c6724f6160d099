//! Lines and columns of numbers added up, multiplied and asked, in as many lanes as registers have.

use super::{Extent, Total};
use crate::{cpu::simd::for_every_simd, math::Fma};

/// Running totals of a line in the portable loops.
pub const LANES: usize = 16;

/// Adds to an f64 total.
#[inline(always)]
fn sum(total: Total, x: f64) -> Total {
    (f64::from_bits(total) + x).to_bits()
}

/// Multiplies an f64 total.
#[inline(always)]
pub fn product(total: Total, x: f64) -> Total {
    (f64::from_bits(total) * x).to_bits()
}

/// From so many numbers on a line is long.
pub const LONG: usize = 4096;
/// Lanes in which a long line is added up in f32, so many numbers in each, and then eight of those: the error is that of as
/// many roundings, fewer than where sums are cascaded.
const WIDE: usize = 128;
const STEPS: usize = 16;

for_every_simd! { pub fn sum_line(x: &[f32], total: &mut Total) = sum_long }

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

for_every_simd! { pub fn sum_double(x: &[f64], extent: Extent, totals: &mut [Total]) = sum_f64 }
for_every_simd! { pub fn sum_single(x: &[f32], extent: Extent, totals: &mut [Total]) = sum_f32 }

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
pub fn fold_into<T: Copy, A: Copy, const N: usize>(
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
pub fn multiply_into<T: Copy, A: Copy>(
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

/// Is any number not zero, or, for all: is none zero?
pub fn ask<T: Copy + PartialEq>(x: &[T], extent: Extent, totals: &mut [Total], zero: T, all: bool) {
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
