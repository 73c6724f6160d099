//! Reading and writing single elements at indices along one dimension: `gather` and `scatter`.

use std::sync::atomic::{AtomicBool, Ordering};

use cresset_tensor::{Array, Locks, Result, with_element};

use super::{
    combine::Combining,
    copy::{Shared, contiguous, with_width},
    index::out_of_bounds,
    threads,
    walk::{Steps, Walk},
};
use crate::{infer::Meta, op::Combine};

/// Elements of one task.
const TASK: usize = 1 << 14;
/// Elements below which no other thread is called.
const PARALLEL: usize = 1 << 15;

/// Strides over the shape of an index, with that of the indexed dimension apart: a single number has one dimension.
fn steps(x: &Array, dim: usize) -> (Steps, isize, usize) {
    if x.rank() == 0 {
        return (Steps::from_slice(&[0]), 0, 1);
    }
    let mut steps: Steps = x.strides().iter().copied().collect();
    let along = std::mem::replace(&mut steps[dim], 0);
    (steps, along, x.shape()[dim])
}

/// Strides and shape of an index or a source; a single number has one dimension.
fn whole(x: &Array) -> Steps {
    if x.rank() == 0 { Steps::from_slice(&[0]) } else { x.strides().iter().copied().collect() }
}

fn shape_of(x: &Array) -> Vec<usize> {
    if x.rank() == 0 { vec![1] } else { x.shape().to_vec() }
}

/// The first index that is not below `size`, if there is one.
///
/// # Safety
/// The index is locked.
unsafe fn first_outside(index: &Array, size: usize) -> Option<i64> {
    // What a broadcast index repeats is looked at once.
    let (mut shape, steps) = (shape_of(index), whole(index));
    shape.iter_mut().zip(&steps).filter(|(_, step)| **step == 0).for_each(|(size, _)| *size = 1);
    let walk = Walk::new(&shape, &[steps]);
    let step = walk.strides[0][walk.shape.len() - 1];
    let start = index.as_ptr().cast::<i64>();
    let mut found = None;
    walk.lines(0, 0, shape.iter().product(), |offset, _, count| {
        let line = start.wrapping_offset(offset);
        // SAFETY: the walk stays inside the index, which is locked.
        let at = |i: usize| unsafe { *line.wrapping_offset(i as isize * step) };
        if found.is_none() && (0..count).fold(false, |bad, i| bad | (at(i) as u64 >= size as u64)) {
            found = (0..count).map(at).find(|&i| i as u64 >= size as u64);
        }
    });
    found
}

/// `y[…, i, …] = x[…, index[…, i, …], …]`.
pub fn gather(dim: usize, x: &Array, index: &Array, meta: &Meta) -> Result<Array> {
    let result = Array::uninitialised("gather", meta.shape.clone(), x.dtype())?;
    if result.numel() == 0 {
        return Ok(result);
    }
    let (from, along, size) = steps(x, dim);
    let walk = Walk::new(&shape_of(index), &[whole(index), from]);
    let last = walk.shape.len() - 1;
    let (step_index, step_from) = (walk.strides[0][last], walk.strides[1][last]);
    let _locks = Locks::new([x.storage(), index.storage()].into_iter(), std::iter::empty());
    let places = Shared(index.as_ptr().cast::<i64>());
    let outside = AtomicBool::new(false);
    with_width!(x.dtype(), T => {
        let (from, to) = (Shared(x.as_ptr().cast::<T>()), Shared(result.as_ptr().cast::<T>()));
        let run = |range: std::ops::Range<usize>| {
            walk.each_line(range.start, range.len(), |[offset_index, offset_from], done, count| {
                let (places, from) = (places.at(offset_index), from.at(offset_from));
                let to = to.at((range.start + done) as isize);
                // SAFETY: the walk stays inside the index, and inside of `x` at indices below `size`; the result
                // has as many places as the walk.
                unsafe {
                    if step_index == 0 {
                        // One index for the whole line.
                        if *places as u64 >= size as u64 {
                            outside.store(true, Ordering::Relaxed);
                            return;
                        }
                        let from = from.offset(*places as isize * along);
                        if step_from == 1 {
                            std::ptr::copy_nonoverlapping(from, to, count);
                        } else {
                            (0..count).for_each(|i| *to.add(i) = *from.offset(i as isize * step_from));
                        }
                        return;
                    }
                    for i in 0..count {
                        let place = *places.offset(i as isize * step_index);
                        if place as u64 >= size as u64 {
                            outside.store(true, Ordering::Relaxed);
                            return;
                        }
                        *to.add(i) = *from.offset(i as isize * step_from + place as isize * along);
                    }
                }
            });
        };
        if result.numel() < PARALLEL {
            run(0..result.numel());
        } else {
            threads::parallel_ranges(result.numel(), TASK, run);
        }
    });
    if outside.load(Ordering::Relaxed) {
        // SAFETY: still locked.
        let place = unsafe { first_outside(index, size) };
        return Err(out_of_bounds("gather", place.unwrap_or(size as i64), dim, size));
    }
    Ok(result)
}

/// A copy of `x` into which the elements of `source` are combined at the indices.
pub fn scatter(dim: usize, combine: Combine, x: &Array, index: &Array, source: &Array) -> Result<Array> {
    let result = contiguous(x)?;
    scatter_into(dim, combine, &result, index, source)?;
    Ok(result)
}

/// Combines the elements of `source` into the target, in the row-major order of the index.
pub fn scatter_into(
    dim: usize,
    combine: Combine,
    target: &Array,
    index: &Array,
    source: &Array,
) -> Result<()> {
    if index.numel() == 0 {
        return Ok(());
    }
    let apart = |x: &Array| if x.shares_memory(target) { contiguous(x) } else { Ok(x.clone()) };
    let (index, source) = (apart(index)?, apart(source)?);
    let (to, along, size) = steps(target, dim);
    let _locks =
        Locks::new([index.storage(), source.storage()].into_iter(), std::iter::once(target.storage()));
    // SAFETY: the index is locked.
    if let Some(place) = unsafe { first_outside(&index, size) } {
        return Err(out_of_bounds("scatter", place, dim, size));
    }
    let scattering = Scattering {
        shape: shape_of(&index),
        steps: [whole(&index), whole(&source), to],
        dim,
        along,
        size,
        index: Shared(index.as_ptr().cast::<i64>()),
    };
    // SAFETY: target and source are locked, of dtype T, cover the index's shape, and all indices are inside.
    unsafe {
        match combine {
            Combine::Set => with_width!(target.dtype(), T => {
                scattering.run::<T>(target.as_ptr(), source.as_ptr(), |_, new| new);
            }),
            Combine::Add => with_element!(target.dtype(), T => {
                scattering.run::<T>(target.as_ptr(), source.as_ptr(), T::sum);
            }),
            Combine::Mul => with_element!(target.dtype(), T => {
                scattering.run::<T>(target.as_ptr(), source.as_ptr(), T::product);
            }),
            Combine::Max => with_element!(target.dtype(), T => {
                scattering.run::<T>(target.as_ptr(), source.as_ptr(), T::larger);
            }),
            Combine::Min => with_element!(target.dtype(), T => {
                scattering.run::<T>(target.as_ptr(), source.as_ptr(), T::smaller);
            }),
        }
    }
    Ok(())
}

struct Scattering {
    /// Of the index.
    shape: Vec<usize>,
    /// Of the index, the source, and the target without its indexed dimension.
    steps: [Steps; 3],
    dim: usize,
    /// The target's stride along the indexed dimension.
    along: isize,
    /// The target's size there.
    size: usize,
    index: Shared<i64>,
}

impl Scattering {
    /// # Safety
    /// Target and source are locked, have elements of T where the strides say, and no index is outside.
    unsafe fn run<T: Copy>(&self, target: *mut u8, source: *mut u8, f: impl Fn(T, T) -> T + Copy + Sync) {
        let (target, source) = (Shared(target.cast::<T>()), Shared(source.cast::<T>()));
        let numel: usize = self.shape.iter().product();
        let threads = threads::num_threads();
        // SAFETY: the caller's.
        let all = |shape: &[usize], shift: [isize; 3], rows| unsafe {
            self.combine(shape, shift, rows, source, target, f);
        };
        if numel < PARALLEL || threads == 1 {
            return all(&self.shape, [0; 3], 0..self.size);
        }
        // Of every element of the target one task sees all that is combined into it, in order: so the result does
        // not depend on how the work is shared.
        let widest = (0..self.shape.len()).filter(|&i| i != self.dim).max_by_key(|&i| self.shape[i]);
        match widest.filter(|&i| self.shape[i] >= 2 * threads) {
            Some(split) => {
                let pieces = (numel / TASK).clamp(2 * threads, self.shape[split]);
                let piece = self.shape[split].div_ceil(pieces);
                threads::parallel_ranges(self.shape[split], piece, |range| {
                    let mut shape = self.shape.clone();
                    shape[split] = range.len();
                    let shift =
                        [0, 1, 2].map(|operand: usize| range.start as isize * self.steps[operand][split]);
                    all(&shape, shift, 0..self.size);
                });
            }
            None => {
                let piece = self.size.div_ceil(threads);
                threads::parallel_ranges(self.size, piece, |rows| all(&self.shape, [0; 3], rows));
            }
        }
    }

    /// Combines what goes to those rows of the target.
    ///
    /// # Safety
    /// As of `run`, for this part of the shape.
    unsafe fn combine<T: Copy>(
        &self,
        shape: &[usize],
        shift: [isize; 3],
        rows: std::ops::Range<usize>,
        source: Shared<T>,
        target: Shared<T>,
        f: impl Fn(T, T) -> T,
    ) {
        let walk = Walk::new(shape, &self.steps);
        let last = walk.shape.len() - 1;
        let [step_index, step_source, step_target] = [0, 1, 2].map(|i: usize| walk.strides[i][last]);
        let all = rows == (0..self.size);
        walk.each_line(0, shape.iter().product(), |offsets: [isize; 3], _, count| {
            let index = self.index.at(shift[0] + offsets[0]);
            let source = source.at(shift[1] + offsets[1]);
            let target = target.at(shift[2] + offsets[2]);
            // SAFETY: the caller's; the walk stays inside index and source, and at the index inside the target.
            unsafe {
                if step_index == 0 && (all || rows.contains(&(*index as usize))) {
                    let target = target.offset(*index as isize * self.along);
                    if (step_source, step_target) == (1, 1) {
                        for i in 0..count {
                            *target.add(i) = f(*target.add(i), *source.add(i));
                        }
                        return;
                    }
                }
                for i in 0..count as isize {
                    let row = *index.offset(i * step_index);
                    if all || rows.contains(&(row as usize)) {
                        let place = target.offset(i * step_target + row as isize * self.along);
                        *place = f(*place, *source.offset(i * step_source));
                    }
                }
            }
        });
    }
}
