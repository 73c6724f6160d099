//! What becomes of a block of scores while it is in the cache: weights, and slopes.
//!
//! A block has a row for each key, and in it a number for each query, so that maxima and sums go over registers, not
//! across them.

use super::tiles::LANES;
use crate::{
    cpu::{rows::larger, simd::for_every_simd},
    math::{Fma, single},
};

/// A block of scores.
#[derive(Clone, Copy)]
pub struct Block {
    pub start: *mut f32,
    /// From one key to the next.
    pub row: usize,
    pub keys: usize,
    /// Queries, filled up to a multiple of [`LANES`].
    pub lanes: usize,
    /// The factor of the scores.
    pub scale: f32,
    /// Query `i` looks at the first `seen + i` keys.
    pub seen: isize,
}

/// What is known of some queries, a multiple of [`LANES`].
pub struct Known<'a> {
    /// The largest of their scores.
    pub largest: &'a mut [f32],
    /// The sum of their weights.
    pub sums: &'a mut [f32],
    /// By what the weights before are too large.
    pub factors: &'a mut [f32],
}

/// The queries' logarithms and projections, and the products of values and gradients, of which slopes are made.
pub struct Back<'a> {
    pub logarithms: &'a [f32],
    /// By what weights are too small: 1 where the logarithm says all.
    pub factors: &'a [f32],
    pub projections: &'a [f32],
    /// A block like that of the scores.
    pub products: *mut f32,
    /// The factor of the scores, which is one of the slopes.
    pub scale: f32,
}

for_every_simd! {
    /// Scores become weights `exp(score - largest)`, and what is known of the queries is brought up to date.
    /// The block is the caller's to write, with as many lanes as are known.
    pub fn weigh(block: &Block, known: &mut Known) = weigh_with
}
for_every_simd! {
    /// Scores become weights `exp(score - logarithm)·factor`, and products slopes.
    /// Both blocks are the caller's to write.
    pub fn slope(block: &Block, back: &Back) = slope_with
}
/// What a mask says of a block.
#[derive(Clone, Copy)]
pub struct Added {
    pub start: *mut f32,
    /// From one key to the next, a number for each lane.
    pub row: usize,
    /// Not 0 where a query may look, rather than added.
    pub truths: bool,
    /// A single number for each key, one after the other.
    pub same: bool,
}

for_every_simd! {
    /// Scales scores and lays a mask on them. The block is the caller's to write.
    pub fn lay(block: &Block, added: &Added) = lay_with
}
for_every_simd! {
    /// Bytes as numbers. They are the caller's to read and write.
    pub fn widen(from: *const u8, count: usize, to: *mut f32) = widen_with
}
for_every_simd! {
    /// Every row times its factor.
    /// The rows, one for each factor, are the caller's to write.
    pub fn scale_rows(start: *mut f32, row: usize, width: usize, factors: &[f32]) = scale_rows_with
}

/// How many keys each of some queries looks at.
#[inline(always)]
fn limits(block: &Block, first: usize) -> [i32; LANES] {
    let mut limits = [0; LANES];
    for (lane, limit) in limits.iter_mut().enumerate() {
        *limit = block.seen.saturating_add((first + lane) as isize).clamp(0, i32::MAX as isize) as i32;
    }
    limits
}

/// `eˣ`, or 0 where that is no normal number: beside a weight that is not small it is nothing, and to compute with
/// subnormal numbers takes twice as long.
#[inline(always)]
fn power<F: Fma>(x: f32) -> f32 {
    /// Of which `eˣ` is normal.
    const LEAST: f32 = -87.0;
    // In this order a NaN stays one.
    let power = single::exp::<F>(if x < LEAST { LEAST } else { x });
    if x < LEAST { 0.0 } else { power }
}

#[inline(always)]
fn weigh_with<F: Fma>(block: &Block, known: &mut Known) {
    for first in (0..block.lanes).step_by(LANES) {
        let limits = limits(block, first);
        // SAFETY: the block has such rows and lanes, which are the caller's.
        let row =
            |key: usize| unsafe { &mut *block.start.add(key * block.row + first).cast::<[f32; LANES]>() };
        let mut largest = [f32::NEG_INFINITY; LANES];
        for key in 0..block.keys {
            let row = row(key);
            for lane in 0..LANES {
                let score = row[lane] * block.scale;
                let score = if (key as i32) < limits[lane] { score } else { f32::NEG_INFINITY };
                row[lane] = score;
                largest[lane] = larger(score, largest[lane]);
            }
        }
        let (before, sums) = (&mut known.largest[first..][..LANES], &mut known.sums[first..][..LANES]);
        let factors = &mut known.factors[first..][..LANES];
        let mut shift = [0.0; LANES];
        for lane in 0..LANES {
            let most = larger(largest[lane], before[lane]);
            // Of -∞ alone nothing is to be subtracted.
            shift[lane] = if most == f32::NEG_INFINITY { 0.0 } else { most };
            factors[lane] = single::exp::<F>(before[lane] - shift[lane]);
            before[lane] = most;
        }
        let mut total = [0.0; LANES];
        for key in 0..block.keys {
            let row = row(key);
            for lane in 0..LANES {
                let weight = power::<F>(row[lane] - shift[lane]);
                row[lane] = weight;
                total[lane] += weight;
            }
        }
        for lane in 0..LANES {
            sums[lane] = sums[lane] * factors[lane] + total[lane];
        }
    }
}

#[inline(always)]
fn slope_with<F: Fma>(block: &Block, back: &Back) {
    for first in (0..block.lanes).step_by(LANES) {
        let limits = limits(block, first);
        let (mut shift, mut projections, mut factors) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        projections.copy_from_slice(&back.projections[first..][..LANES]);
        factors.copy_from_slice(&back.factors[first..][..LANES]);
        for (shift, &logarithm) in shift.iter_mut().zip(&back.logarithms[first..][..LANES]) {
            // Whoever may look nowhere has weights of 0.
            *shift = if logarithm == f32::NEG_INFINITY { f32::INFINITY } else { logarithm };
        }
        for key in 0..block.keys {
            let place = key * block.row + first;
            // SAFETY: both blocks have such rows and lanes, which are the caller's, and are apart.
            let (row, products) = unsafe {
                (
                    &mut *block.start.add(place).cast::<[f32; LANES]>(),
                    &mut *back.products.add(place).cast::<[f32; LANES]>(),
                )
            };
            for lane in 0..LANES {
                let score = row[lane] * block.scale;
                let score = if (key as i32) < limits[lane] { score } else { f32::NEG_INFINITY };
                let weight = power::<F>(score - shift[lane]) * factors[lane];
                row[lane] = weight;
                products[lane] = weight * (products[lane] - projections[lane]) * back.scale;
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "it is compiled for every set of instructions")]
fn lay_with<F: Fma>(block: &Block, added: &Added) {
    for first in (0..block.lanes).step_by(LANES) {
        for key in 0..block.keys {
            // SAFETY: the block has such rows and lanes, which are the caller's, and so has what is laid on it.
            let (row, given) = unsafe {
                let row = &mut *block.start.add(key * block.row + first).cast::<[f32; LANES]>();
                let given = match added.same {
                    true => [*added.start.add(key); LANES],
                    false => *added.start.add(key * added.row + first).cast::<[f32; LANES]>(),
                };
                (row, given)
            };
            if added.truths {
                for lane in 0..LANES {
                    let score = row[lane] * block.scale;
                    row[lane] = if given[lane] != 0.0 { score } else { f32::NEG_INFINITY };
                }
            } else {
                for lane in 0..LANES {
                    row[lane] = row[lane] * block.scale + given[lane];
                }
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "it is compiled for every set of instructions")]
fn widen_with<F: Fma>(from: *const u8, count: usize, to: *mut f32) {
    // SAFETY: the caller's.
    let (from, to) =
        unsafe { (std::slice::from_raw_parts(from, count), std::slice::from_raw_parts_mut(to, count)) };
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from));
}

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "it is compiled for every set of instructions")]
fn scale_rows_with<F: Fma>(start: *mut f32, row: usize, width: usize, factors: &[f32]) {
    for (i, &factor) in factors.iter().enumerate() {
        // SAFETY: the caller's row.
        let row = unsafe { std::slice::from_raw_parts_mut(start.add(i * row), width) };
        row.iter_mut().for_each(|x| *x *= factor);
    }
}
