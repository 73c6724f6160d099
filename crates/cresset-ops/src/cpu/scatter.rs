//! Reading and writing single elements at indices along one dimension: `gather` and `scatter`; and `index_put`, which
//! is a `scatter` by an index that is the same for whole slices.

use std::sync::atomic::{AtomicBool, Ordering};

use cresset_tensor::{Array, Listed, Locks, Result};

use super::{
    combine::{Line, Loop, combining},
    copy::{Shared, contiguous, dense, with_width},
    index::{check_bounds, elements, out_of_bounds},
    threads,
    walk::{Steps, Walk, for_three},
};
use crate::{infer::Meta, op::Combine};

/// Elements of one task.
const TASK: usize = 1 << 14;
/// Elements below which no other thread is called.
const PARALLEL: usize = 1 << 15;
/// Elements side by side that one task should have at least: they share lines of the cache.
const NARROW: usize = 256;

/// Strides over the shape of an index, with that of the indexed dimension apart: a single number has one dimension.
fn steps(x: &Array, dim: usize) -> (Steps, isize, usize) {
    if x.rank() == 0 {
        return (Steps::from_slice(&[0]), 0, 1);
    }
    let mut steps: Steps = x.strides().iter().copied().listed();
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
    let (places, from) = (Shared(index.as_ptr().cast::<i64>()), Shared(x.as_ptr()));
    let (to, width) = (Shared(result.as_ptr()), x.dtype().size());
    let outside = AtomicBool::new(false);
    let taking: Taking = with_width!(x.dtype(), T => take_line::<T>);
    threads::divide_range(result.numel() >= PARALLEL, result.numel(), TASK, &|range| {
        walk.each_line(range.start, range.len(), |[offset_index, offset_from], done, count| {
            // SAFETY: the walk stays inside the index, and inside of `x` at indices below `size`; the result has as many
            // places as the walk.
            let inside = unsafe {
                let from = from.at(offset_from * width as isize);
                let to = to.at(((range.start + done) * width) as isize);
                taking((places.at(offset_index), step_index), (from, step_from, along), size, to, count)
            };
            if !inside {
                outside.store(true, Ordering::Relaxed);
            }
        });
    });
    if outside.load(Ordering::Relaxed) {
        // SAFETY: still locked.
        let place = unsafe { first_outside(index, size) };
        return Err(out_of_bounds("gather", place.unwrap_or(size as i64), dim, size));
    }
    Ok(result)
}

/// Writes a line of elements from where the indices say: of indices (first, step), a source (first, step, stride along
/// the indexed dimension, size there), to a place, so many. Were all indices inside?
type Taking = unsafe fn((*const i64, isize), (*const u8, isize, isize), usize, *mut u8, usize) -> bool;

/// # Safety
/// The indices are there, the source has an element of this width wherever they are below the size, and the place has
/// room, which nobody else touches.
unsafe fn take_line<T: Copy>(
    (index, step_index): (*const i64, isize),
    (from, step_from, along): (*const u8, isize, isize),
    size: usize,
    to: *mut u8,
    count: usize,
) -> bool {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    // SAFETY: the caller's.
    unsafe {
        if step_index == 0 && step_from == 1 {
            // One index for the whole line.
            if *index as u64 >= size as u64 {
                return false;
            }
            std::ptr::copy_nonoverlapping(from.offset(*index as isize * along), to, count);
            return true;
        }
        for i in 0..count {
            let place = *index.offset(i as isize * step_index);
            if place as u64 >= size as u64 {
                return false;
            }
            *to.add(i) = *from.offset(i as isize * step_from + place as isize * along);
        }
    }
    true
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
        source: Shared(source.as_ptr()),
        target: Shared(target.as_ptr()),
        width: target.dtype().size() as isize,
        combining: combining(combine, target.dtype()),
    };
    // SAFETY: target and source are locked, of one dtype, cover the index's shape, and all indices are inside.
    unsafe { scattering.run() };
    Ok(())
}

/// A copy of `x` into which the slices of `source` are combined at the indices along a dimension.
pub fn index_put(dim: usize, combine: Combine, x: &Array, index: &Array, source: &Array) -> Result<Array> {
    let result = contiguous(x)?;
    index_put_into(dim, combine, &result, index, source)?;
    Ok(result)
}

/// Combines the slices of `source` into the target, in the order of the indices.
pub fn index_put_into(
    dim: usize,
    combine: Combine,
    target: &Array,
    index: &Array,
    source: &Array,
) -> Result<()> {
    let apart = |x: &Array| if x.shares_memory(target) { contiguous(x) } else { Ok(x.clone()) };
    let (index, source) = (dense(&apart(index)?)?, apart(source)?);
    let (to, along, size) = steps(target, dim);
    let _locks =
        Locks::new([index.storage(), source.storage()].into_iter(), std::iter::once(target.storage()));
    // SAFETY: dense, and locked until the end.
    check_bounds("index_put", unsafe { elements(&index) }, dim, size)?;
    if source.numel() == 0 {
        return Ok(());
    }
    let mut over_index = Steps::from_elem(0, to.len());
    over_index[dim] = 1;
    let scattering = Scattering {
        shape: shape_of(&source),
        steps: [over_index, whole(&source), to],
        dim,
        along,
        size,
        index: Shared(index.as_ptr().cast::<i64>()),
        source: Shared(source.as_ptr()),
        target: Shared(target.as_ptr()),
        width: target.dtype().size() as isize,
        combining: combining(combine, target.dtype()),
    };
    // SAFETY: target and source are locked, of one dtype and those geometries, and all indices are inside.
    unsafe { scattering.run() };
    Ok(())
}

struct Scattering {
    /// Of the index.
    shape: Vec<usize>,
    /// Of the index, the source, and the target without its indexed dimension, in elements.
    steps: [Steps; 3],
    dim: usize,
    /// The target's stride along the indexed dimension.
    along: isize,
    /// The target's size there.
    size: usize,
    index: Shared<i64>,
    source: Shared<u8>,
    target: Shared<u8>,
    /// Bytes of an element.
    width: isize,
    combining: Loop,
}

impl Scattering {
    /// # Safety
    /// Target and source are locked, have elements of the loop's dtype where the strides say, and no index is outside.
    unsafe fn run(&self) {
        let numel: usize = self.shape.iter().product();
        let threads = threads::num_threads();
        // SAFETY: the caller's.
        let all = |shape: &[usize], shift: [isize; 3], rows| unsafe { self.combine(shape, shift, rows) };
        if numel < PARALLEL || threads == 1 {
            return all(&self.shape, [0; 3], 0..self.size);
        }
        // Of every element of the target one task sees all that is combined into it, in order: so the result does
        // not depend on how the work is shared.
        let least = |dim: usize| if self.steps[2][dim] == 1 { NARROW } else { 1 };
        let widest =
            (0..self.shape.len()).filter(|&i| i != self.dim).max_by_key(|&i| self.shape[i] / least(i));
        match widest.filter(|&i| self.shape[i] >= 2 * threads * least(i)) {
            Some(split) => {
                let pieces = (numel / TASK).clamp(2 * threads, self.shape[split] / least(split));
                let piece = self.shape[split].div_ceil(pieces);
                threads::divide_range(true, self.shape[split], piece, &|range| {
                    let mut shape = self.shape.clone();
                    shape[split] = range.len();
                    let shift = for_three(|operand: usize| range.start as isize * self.steps[operand][split]);
                    all(&shape, shift, 0..self.size);
                });
            }
            None => {
                let piece = self.size.div_ceil(threads);
                threads::divide_range(true, self.size, piece, &|rows| all(&self.shape, [0; 3], rows));
            }
        }
    }

    /// Combines what goes to those rows of the target.
    ///
    /// # Safety
    /// As of `run`, for this part of the shape.
    unsafe fn combine(&self, shape: &[usize], shift: [isize; 3], rows: std::ops::Range<usize>) {
        let walk = Walk::new(shape, &self.steps);
        let last = walk.shape.len() - 1;
        let [index_step, source_step, target_step] = for_three(|i: usize| walk.strides[i][last]);
        let line = |offsets: [isize; 3], count, lines, next| Line {
            count,
            index: self.index.at(shift[0] + offsets[0]),
            index_step,
            rows: rows.clone(),
            along: self.along,
            target: self.target.at((shift[2] + offsets[2]) * self.width),
            target_step,
            source: self.source.at((shift[1] + offsets[1]) * self.width),
            source_step,
            lines,
            next,
        };
        if let [lines, count] = walk.shape[..] {
            // The rule: rows at the places that a list says, in one call.
            let next = [walk.strides[0][0], walk.strides[2][0], walk.strides[1][0]];
            // SAFETY: the caller's; these are all lines of the shape.
            return unsafe { (self.combining)(&line([0; 3], count, lines, next)) };
        }
        walk.each_line(0, shape.iter().product(), |offsets: [isize; 3], _, count| {
            let line = line(offsets, count, 1, [0; 3]);
            // SAFETY: the caller's; the walk stays inside index and source, and at the index inside the target.
            unsafe { (self.combining)(&line) };
        });
    }
}
