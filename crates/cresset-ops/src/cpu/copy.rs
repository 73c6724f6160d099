//! Copies: elements moved from one layout to another. They are not computed with, so only their width counts.

use cresset_tensor::{Array, Listed, Locks, Result};
use smallvec::SmallVec;

use super::{
    threads,
    walk::{Steps, Walk},
};

/// Elements of one task.
const TASK: usize = 1 << 15;
/// Elements along both sides of a tile. A tile of 8-byte elements, 8 KiB, leaves room for the lines it comes from.
const TILE: usize = 32;
/// Planes at least so many elements wide both ways are copied in tiles.
const TILED: usize = 8;

/// A pointer that tasks share: each reads and writes places of its own.
pub struct Shared<T>(pub *mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T> Shared<T> {
    /// The pointer so many elements on.
    pub fn at(self, offset: isize) -> *mut T {
        self.0.wrapping_offset(offset)
    }
}

// SAFETY: whoever makes one holds the lock, and gives tasks places that no other task writes.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

/// Calls `$body` with `$T` as a type of the width of `$dtype`.
macro_rules! with_width {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype.size() {
            8 => {
                type $T = u64;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            _ => {
                type $T = u8;
                $body
            }
        }
    };
}
pub(super) use with_width;

/// The elements in fresh row-major memory.
pub fn contiguous(x: &Array) -> Result<Array> {
    let result = Array::uninitialised("contiguous", x.shape().clone(), x.dtype())?;
    let _lock = Locks::read(x.storage());
    // SAFETY: the result's memory is fresh and has one place for each element of `x`, whose lock we hold.
    unsafe { copy_elements(x, result.as_ptr()) };
    Ok(result)
}

/// The array itself if it is row-major, else a copy that is.
pub fn dense(x: &Array) -> Result<Array> {
    if x.is_contiguous() { Ok(x.clone()) } else { contiguous(x) }
}

/// Writes the elements of `x` one after the other from `to`.
///
/// # Safety
/// `x` is locked, and `to` has room for all of its elements, which nobody else touches.
pub unsafe fn copy_elements(x: &Array, to: *mut u8) {
    // SAFETY: the caller's.
    unsafe { copy_strided(x, to, &x.shape().contiguous_strides()) }
}

/// Writes the elements of `x` to places of the same shape and of strides of their own.
///
/// # Safety
/// `x` is locked, and there is a place for each of its elements, which nobody else touches.
pub unsafe fn copy_strided(x: &Array, to: *mut u8, strides: &[isize]) {
    if x.numel() == 0 {
        return;
    }
    let walk =
        Walk::new(x.shape(), &[x.strides().iter().copied().collect(), strides.iter().copied().collect()]);
    with_width!(x.dtype(), T => {
        let (from, to) = (Shared(x.as_ptr().cast::<T>()), Shared(to.cast::<T>()));
        // SAFETY: the caller's.
        unsafe {
            match plane(&walk) {
                Some((along, across)) => tiles(&walk, along, across, from, to),
                None => lines(&walk, from, to),
            }
        }
    });
}

/// Two dimensions of which the first is contiguous where elements come from and the second where they go to, if the
/// copy has to exchange such.
fn plane(walk: &Walk) -> Option<(usize, usize)> {
    let unit = |operand: usize| {
        (0..walk.shape.len()).find(|&dim| walk.strides[operand][dim] == 1 && walk.shape[dim] >= TILED)
    };
    let (along, across) = (unit(0)?, unit(1)?);
    (along != across).then_some((along, across))
}

/// Line by line.
///
/// # Safety
/// As of `copy_strided`.
unsafe fn lines<T: Copy>(walk: &Walk, from: Shared<T>, to: Shared<T>) {
    let last = walk.shape.len() - 1;
    let (step_from, step_to) = (walk.strides[0][last], walk.strides[1][last]);
    let numel: usize = walk.shape.iter().product();
    threads::divide_range(numel >= 2 * TASK, numel, TASK, &|range| {
        walk.each_line(range.start, range.len(), |[offset_from, offset_to], _, count| {
            // SAFETY: the walk stays inside both.
            unsafe {
                let (from, to) = (from.at(offset_from), to.at(offset_to));
                match (step_from, step_to) {
                    (1, 1) if count > 8 => std::ptr::copy_nonoverlapping(from, to, count),
                    (0, 1) => std::slice::from_raw_parts_mut(to, count).fill(*from),
                    _ => (0..count as isize)
                        .for_each(|i| *to.offset(i * step_to) = *from.offset(i * step_from)),
                }
            }
        });
    });
}

/// Tile by tile, so that of every line of memory all is used while it is near: where a copy goes across the lines it
/// reads, each of its writes would otherwise bring in a line of which it uses one element.
///
/// # Safety
/// As of `copy_strided`.
unsafe fn tiles<T: Copy + Default>(walk: &Walk, along: usize, across: usize, from: Shared<T>, to: Shared<T>) {
    let (length, width) = (walk.shape[along], walk.shape[across]);
    let (pitch_from, pitch_to) = (walk.strides[0][across], walk.strides[1][along]);
    let others = |operand: usize| -> Steps {
        (0..walk.shape.len())
            .filter(|dim| ![along, across].contains(dim))
            .map(|dim| walk.strides[operand][dim])
            .collect()
    };
    let sizes: SmallVec<[usize; 6]> = (0..walk.shape.len())
        .filter(|dim| ![along, across].contains(dim))
        .map(|dim| walk.shape[dim])
        .listed();
    let outer = Walk::new(&sizes, &[others(0), others(1)]);
    let bands = length.div_ceil(TILE);
    let planes: usize = outer.shape.iter().product();
    threads::divide(planes * length * width >= 2 * TASK, planes * bands, &|task| {
        let (plane, band) = (task / bands, task % bands * TILE);
        let (from, to) = (from.at(outer.offset(0, plane)), to.at(outer.offset(1, plane)));
        let rows = TILE.min(length - band);
        let mut tile = [T::default(); TILE * TILE];
        for start in (0..width).step_by(TILE) {
            let columns = TILE.min(width - start);
            // SAFETY: `band + rows <= length` and `start + columns <= width`: inside both.
            unsafe {
                for j in 0..columns {
                    let line = from.offset(band as isize + (start + j) as isize * pitch_from);
                    if rows == TILE {
                        let line = &*line.cast::<[T; TILE]>();
                        (0..TILE).for_each(|i| tile[i * TILE + j] = line[i]);
                    } else {
                        (0..rows).for_each(|i| tile[i * TILE + j] = *line.add(i));
                    }
                }
                for i in 0..rows {
                    let line = to.offset((band + i) as isize * pitch_to + start as isize);
                    std::ptr::copy_nonoverlapping(tile.as_ptr().add(i * TILE), line, columns);
                }
            }
        }
    });
}
