//! Reading and writing slices along one dimension at indices: `index_select` and `index_put`.

use std::ops::Range;

use cresset_tensor::{Array, Error, Locks, Result, with_element};

use super::{
    combine::Combining,
    copy::{Shared, contiguous, dense, with_width},
    threads,
    walk::{Steps, Walk},
};
use crate::{infer::Meta, op::Combine};

/// Elements of one task.
const TASK: usize = 1 << 15;
/// Elements below which no other thread is called.
const PARALLEL: usize = 1 << 16;

/// An array seen as `[outer…, indexed, inner…]`; a single number has the one dimension.
struct Sides {
    size: usize,
    stride: isize,
    outer: (Vec<usize>, Steps),
    inner: (Vec<usize>, Steps),
}

impl Sides {
    fn of(dim: usize, x: &Array) -> Sides {
        if x.rank() == 0 {
            return Sides { size: 1, stride: 0, outer: Default::default(), inner: Default::default() };
        }
        let (shape, strides) = (x.shape(), x.strides());
        Sides {
            size: shape[dim],
            stride: strides[dim],
            outer: (shape[..dim].to_vec(), Steps::from_slice(&strides[..dim])),
            inner: (shape[dim + 1..].to_vec(), Steps::from_slice(&strides[dim + 1..])),
        }
    }
}

/// Refuses indices that are not below `size`.
#[track_caller]
pub fn check_bounds(name: &'static str, index: &[i64], dim: usize, size: usize) -> Result<()> {
    if index.iter().fold(false, |bad, &i| bad | (i as u64 >= size as u64))
        && let Some(i) = index.iter().find(|&&i| i as u64 >= size as u64)
    {
        return Err(out_of_bounds(name, *i, dim, size));
    }
    Ok(())
}

/// Indices counted from either end, as such from the start; `None` where all are already.
#[track_caller]
pub fn wrapped(name: &'static str, index: &Array, dim: usize, size: usize) -> Result<Option<Array>> {
    let index = dense(index)?;
    let _lock = Locks::read(index.storage());
    // SAFETY: dense, and locked until the end.
    let list = unsafe { elements(&index) };
    // Sizes are at most isize::MAX, so that nothing wraps twice.
    let n = size as i64;
    if let Some(&i) = list.iter().find(|&&i| i >= n || i < -n) {
        return Err(out_of_bounds(name, i, dim, size));
    }
    if list.iter().all(|&i| i >= 0) {
        return Ok(None);
    }
    let wrapped = list.iter().map(|&i| if i < 0 { i + n } else { i }).collect();
    Array::from_vec::<i64>(wrapped, index.shape()).map(Some)
}

/// What is said of an index that is not there.
#[track_caller]
pub fn out_of_bounds(name: &'static str, index: i64, dim: usize, size: usize) -> Error {
    Error::index(name, format!("index {index} is out of bounds for dimension {dim} of size {size}"))
}

/// The elements of an `i64` array.
///
/// # Safety
/// The array is row-major and its storage locked for as long as the slice is used.
pub unsafe fn elements(index: &Array) -> &[i64] {
    // SAFETY: the caller's; an index is `int64`, which inference checked.
    unsafe { std::slice::from_raw_parts(index.as_ptr().cast::<i64>(), index.numel()) }
}

/// The slices of `x` at the indices along a dimension.
pub fn index_select(dim: usize, x: &Array, index: &Array, meta: &Meta) -> Result<Array> {
    let index = dense(index)?;
    let result = Array::uninitialised("index_select", meta.shape.clone(), x.dtype())?;
    let sides = Sides::of(dim, x);
    let _locks = Locks::new([x.storage(), index.storage()].into_iter(), std::iter::empty());
    // SAFETY: dense, and locked until the end.
    let index = unsafe { elements(&index) };
    check_bounds("index_select", index, dim, sides.size)?;
    if result.numel() == 0 {
        return Ok(result);
    }
    with_width!(x.dtype(), T => {
        let (from, to) = (Shared(x.as_ptr().cast::<T>()), Shared(result.as_ptr().cast::<T>()));
        // SAFETY: both are locked or fresh, every index is below `size`, the result has room for each slice.
        let run = |range| unsafe { select_range(&sides, index, from, to, range) };
        if result.numel() < PARALLEL {
            run(0..result.numel());
        } else {
            threads::parallel_ranges(result.numel(), TASK, run);
        }
    });
    Ok(result)
}

/// Fills a range of the result's places.
///
/// # Safety
/// `from` has the geometry of `sides`, within which all indices are; `to` is row-major and has the range.
unsafe fn select_range<T: Copy>(
    sides: &Sides,
    index: &[i64],
    from: Shared<T>,
    to: Shared<T>,
    range: Range<usize>,
) {
    let outer = Walk::new(&sides.outer.0, std::slice::from_ref(&sides.outer.1));
    let inner = Walk::new(&sides.inner.0, std::slice::from_ref(&sides.inner.1));
    let width: usize = inner.shape.iter().product();
    let step = inner.strides[0][inner.shape.len() - 1];
    let simple = inner.shape.len() == 1 && (step == 1 || width == 1);
    let mut place = range.start;
    while place < range.end {
        // As many slices as follow without a change outside of the indexed dimension.
        let (row, mut within) = (place / width, place % width);
        let (round, mut i) = (row / index.len(), row % index.len());
        let base = outer.offset(0, round);
        let end = range.end.min((round + 1) * index.len() * width);
        // SAFETY: the caller's.
        unsafe {
            if width == 1 {
                for (k, &at) in index[i..i + (end - place)].iter().enumerate() {
                    *to.at((place + k) as isize) = *from.at(base + at as isize * sides.stride);
                }
                place = end;
                continue;
            }
            while place < end {
                let count = (width - within).min(end - place);
                let line = from.at(base + index[i] as isize * sides.stride);
                let target = to.at(place as isize);
                if simple {
                    std::ptr::copy_nonoverlapping(line.add(within), target, count);
                } else {
                    inner.lines(0, within, count, |offset, done, count| {
                        for k in 0..count {
                            *target.add(done + k) = *line.offset(offset + k as isize * step);
                        }
                    });
                }
                (place, within, i) = (place + count, 0, i + 1);
            }
        }
    }
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
    let (here, there) = (Sides::of(dim, target), Sides::of(dim, &source));
    let _locks =
        Locks::new([index.storage(), source.storage()].into_iter(), std::iter::once(target.storage()));
    // SAFETY: dense, and locked until the end.
    let index = unsafe { elements(&index) };
    check_bounds("index_put", index, dim, here.size)?;
    if source.numel() == 0 {
        return Ok(());
    }
    let put = Put { here: &here, there: &there, index };
    // SAFETY: target and source are locked and have those geometries, of the dtype T, and all indices are inside.
    unsafe {
        match combine {
            Combine::Set => with_width!(target.dtype(), T => {
                put.run::<T>(target.as_ptr(), source.as_ptr(), |_, new| new);
            }),
            Combine::Add => with_element!(target.dtype(), T => {
                put.run::<T>(target.as_ptr(), source.as_ptr(), T::sum);
            }),
            Combine::Mul => with_element!(target.dtype(), T => {
                put.run::<T>(target.as_ptr(), source.as_ptr(), T::product);
            }),
            Combine::Max => with_element!(target.dtype(), T => {
                put.run::<T>(target.as_ptr(), source.as_ptr(), T::larger);
            }),
            Combine::Min => with_element!(target.dtype(), T => {
                put.run::<T>(target.as_ptr(), source.as_ptr(), T::smaller);
            }),
        }
    }
    Ok(())
}

struct Put<'a> {
    here: &'a Sides,
    there: &'a Sides,
    index: &'a [i64],
}

impl Put<'_> {
    /// # Safety
    /// `here` and `there` are locked, have elements of T in the geometries of the sides, and no index is outside.
    unsafe fn run<T: Copy>(&self, here: *mut u8, there: *mut u8, f: impl Fn(T, T) -> T + Copy + Sync) {
        let Put { here: Sides { outer, inner, size, .. }, there: source, index } = self;
        let outer = Walk::new(&outer.0, &[outer.1.clone(), source.outer.1.clone()]);
        let inner = Walk::new(&inner.0, &[inner.1.clone(), source.inner.1.clone()]);
        let rounds: usize = outer.shape.iter().product();
        let width: usize = inner.shape.iter().product();
        let (here, there) = (Shared(here.cast::<T>()), Shared(there.cast::<T>()));
        // Of every element of the target one task sees all that is combined into it, in order: so the result does
        // not depend on how the work is shared.
        // SAFETY: the caller's.
        let task = |round: usize, rows: Range<usize>, columns: Range<usize>| unsafe {
            let bases = [outer.offset(0, round), outer.offset(1, round)];
            let (here, there) = (Shared(here.at(bases[0])), Shared(there.at(bases[1])));
            self.combine(&inner, rows, columns, here, there, f);
        };
        let threads = threads::num_threads();
        if rounds * index.len() * width < PARALLEL || threads == 1 {
            (0..rounds).for_each(|round| task(round, 0..*size, 0..width));
        } else if rounds >= 2 * threads {
            threads::parallel_for(rounds, |round| task(round, 0..*size, 0..width));
        } else if width >= 2 * threads * 1024 {
            let pieces = width.div_ceil(TASK).max(2 * threads);
            let piece = width.div_ceil(pieces);
            threads::parallel_for(rounds * pieces, |i| {
                let start = (i % pieces * piece).min(width);
                task(i / pieces, 0..*size, start..(start + piece).min(width));
            });
        } else {
            let pieces = threads.min(*size).max(1);
            let piece = size.div_ceil(pieces);
            threads::parallel_for(rounds * pieces, |i| {
                let start = (i % pieces * piece).min(*size);
                task(i / pieces, start..(start + piece).min(*size), 0..width);
            });
        }
    }

    /// Combines those columns of the slices that go to those rows of the target.
    ///
    /// # Safety
    /// As of `run`, with pointers to the first element of this round.
    unsafe fn combine<T: Copy>(
        &self,
        inner: &Walk,
        rows: Range<usize>,
        columns: Range<usize>,
        here: Shared<T>,
        there: Shared<T>,
        f: impl Fn(T, T) -> T,
    ) {
        let last = inner.shape.len() - 1;
        let (step_here, step_there) = (inner.strides[0][last], inner.strides[1][last]);
        let simple = last == 0 && (step_here, step_there) == (1, 1);
        for (i, &at) in self.index.iter().enumerate() {
            if !rows.contains(&(at as usize)) {
                continue;
            }
            let target = here.at(at as isize * self.here.stride);
            let source = there.at(i as isize * self.there.stride);
            // SAFETY: the caller's; the walk stays inside a slice.
            unsafe {
                if simple {
                    for k in columns.clone() {
                        *target.add(k) = f(*target.add(k), *source.add(k));
                    }
                    continue;
                }
                inner.each_line(columns.start, columns.len(), |[offset_here, offset_there], _, count| {
                    for k in 0..count as isize {
                        let place = target.offset(offset_here + k * step_here);
                        *place = f(*place, *source.offset(offset_there + k * step_there));
                    }
                });
            }
        }
    }
}
