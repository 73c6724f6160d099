//! Reading slices along one dimension at indices: `index_select`, and what is asked of indices.

use std::ops::Range;

use cresset_tensor::{Array, Error, Locks, Result};

use super::{
    copy::{Shared, dense, with_width},
    threads,
    walk::{Steps, Walk},
};
use crate::infer::Meta;

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
    let (from, to) = (Shared(x.as_ptr()), Shared(result.as_ptr()));
    let picking: Picking = with_width!(x.dtype(), T => pick::<T>);
    let width = x.dtype().size();
    threads::divide_range(result.numel() >= PARALLEL, result.numel(), TASK, &|range| {
        // SAFETY: both are locked or fresh, every index is below `size`, the result has room for each slice.
        unsafe { select_range(&sides, index, from, to, range, width as isize, picking) }
    });
    Ok(result)
}

/// Writes elements, of places so far apart, each at an index if there are any; of a source, to a place, so many.
type Picking = unsafe fn(*const u8, isize, Option<&[i64]>, *mut u8, usize);

/// # Safety
/// The source has elements of this width at those places, and there is room for them.
unsafe fn pick<T: Copy>(from: *const u8, step: isize, index: Option<&[i64]>, to: *mut u8, count: usize) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    // SAFETY: the caller's.
    unsafe {
        match index {
            Some(index) => {
                for (k, &at) in index[..count].iter().enumerate() {
                    *to.add(k) = *from.offset(at as isize * step);
                }
            }
            None => {
                for k in 0..count {
                    *to.add(k) = *from.offset(k as isize * step);
                }
            }
        }
    }
}

/// Fills a range of the result's places.
///
/// # Safety
/// `from` has the geometry of `sides`, within which all indices are; `to` is row-major and has the range. Elements are
/// so many bytes wide, as the loop expects.
unsafe fn select_range(
    sides: &Sides,
    index: &[i64],
    from: Shared<u8>,
    to: Shared<u8>,
    range: Range<usize>,
    bytes: isize,
    picking: Picking,
) {
    let outer = Walk::new(&sides.outer.0, std::slice::from_ref(&sides.outer.1));
    let inner = Walk::new(&sides.inner.0, std::slice::from_ref(&sides.inner.1));
    let width: usize = inner.shape.iter().product();
    let step = inner.strides[0][inner.shape.len() - 1];
    let simple = inner.shape.len() == 1 && step == 1;
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
                let (from, to) = (from.at(base * bytes), to.at(place as isize * bytes));
                picking(from, sides.stride, Some(&index[i..]), to, end - place);
                place = end;
                continue;
            }
            while place < end {
                let count = (width - within).min(end - place);
                let line = from.at((base + index[i] as isize * sides.stride) * bytes);
                let target = to.at(place as isize * bytes);
                if simple {
                    let line = line.wrapping_offset(within as isize * bytes);
                    std::ptr::copy_nonoverlapping(line, target, count * bytes as usize);
                } else {
                    inner.lines(0, within, count, |offset, done, count| {
                        let to = target.wrapping_offset(done as isize * bytes);
                        picking(line.wrapping_offset(offset * bytes), step, None, to, count);
                    });
                }
                (place, within, i) = (place + count, 0, i + 1);
            }
        }
    }
}
