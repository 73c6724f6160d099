//! Blocks of a matrix, whatever its strides, laid out as the tiles read them.

#[cfg(target_arch = "x86_64")]
use super::lanes::Lanes;
use super::{GAP, Kernel, Left, Lines, Turn};
use crate::cpu::gemm::{Matrix, Size};

/// Panels below which the left factor is read where it lies: it is not read often enough to be moved.
const FEW: usize = 3;

/// How the left factor is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftAs {
    /// Where it lies.
    Itself,
    /// The numbers of a tile's rows side by side, of one tile after the other while the first panel goes past them.
    Rows,
    /// The same, of all tiles at once: whole columns are gone through, since neighbours in a row may lie pages apart.
    Columns,
}

/// How to read the left factor of a product.
pub fn left(kernel: &Kernel, size: Size, a: Matrix<f32>) -> LeftAs {
    if size.n <= FEW * kernel.width() {
        return LeftAs::Itself;
    }
    match (a.column, a.row) {
        // Rows that are nearly a page apart share a set of the first-level cache.
        (1, row) if (256..4096 - 256).contains(&row.wrapping_mul(4).rem_euclid(4096)) || row == 0 => {
            LeftAs::Itself
        }
        (1, _) => LeftAs::Rows,
        _ => LeftAs::Columns,
    }
}

impl LeftAs {
    /// Elements of scratch for a block.
    pub fn room(self, kernel: &Kernel, m: usize, depth: usize) -> usize {
        match self {
            LeftAs::Itself => 0,
            _ => m.div_ceil(kernel.rows) * tile_room(kernel, depth),
        }
    }

    /// Where a block's rows lie when it is packed, and how far each step in the inner dimension goes.
    pub fn lies(self, kernel: &Kernel, a: Matrix<f32>, depth: usize, packed: *mut f32) -> (Left, isize) {
        let rows = kernel.rows as isize;
        match self {
            LeftAs::Itself => (Left { start: a.start, row: a.row, tile: a.row.wrapping_mul(rows) }, a.column),
            _ => (Left { start: packed, row: 1, tile: tile_room(kernel, depth) as isize }, rows),
        }
    }
}

/// Packs the rows of one tile, each of which lies in one piece.
///
/// # Safety
/// The rows may be read; the target has room for a tile.
pub unsafe fn rows(kernel: &Kernel, a: Matrix<f32>, count: usize, depth: usize, target: *mut f32) {
    let (source, line, step) = (a.start, a.row, kernel.rows as isize);
    let turn =
        Turn { source, line, lines: count, count: depth, target, step, written: kernel.rows, add: false };
    // SAFETY: the caller's; a register has no fewer numbers than a tile has rows.
    unsafe { (kernel.turn)(&turn) };
}

/// Packs a panel: the rows of a stretch of columns, one after the other, filled up to [`Kernel::room`].
///
/// # Safety
/// The stretch may be read; the target has room for `depth` rows.
pub unsafe fn right(kernel: &Kernel, b: Matrix<f32>, depth: usize, columns: usize, target: *mut f32) {
    let room = kernel.room(columns);
    if b.column == 1 {
        let (source, line, len) = (b.start, b.row, columns);
        let lines = Lines { source, line, count: depth, len, target, step: room, apart: 0 };
        // SAFETY: the caller's.
        unsafe { (kernel.lines)(&lines) };
        return;
    }
    for first in (0..room).step_by(kernel.lanes) {
        let lines = columns.saturating_sub(first).min(kernel.lanes);
        if b.row == 1 {
            let turn = Turn {
                source: b.at(0, first).start,
                line: b.column,
                lines,
                count: depth,
                target: target.wrapping_add(first),
                step: room as isize,
                written: kernel.lanes,
                add: false,
            };
            // SAFETY: the caller's.
            unsafe { (kernel.turn)(&turn) };
            continue;
        }
        for p in 0..depth {
            for j in 0..kernel.lanes {
                // SAFETY: the caller's.
                unsafe {
                    let value = if j < lines { *b.at(p, first + j).start } else { 0.0 };
                    target.add(p * room + first + j).write(value);
                }
            }
        }
    }
}

/// From one packed tile to the next. Whole columns are written to all tiles at once, which must not fall into one set of
/// the cache.
fn tile_room(kernel: &Kernel, depth: usize) -> usize {
    (kernel.rows * depth).next_multiple_of(GAP) + GAP
}

/// Packs the rows of all tiles: for each its part of every column.
///
/// # Safety
/// The block may be read; the target has room for whole tiles.
pub unsafe fn columns(kernel: &Kernel, a: Matrix<f32>, m: usize, depth: usize, target: *mut f32) {
    let (rows, apart) = (kernel.rows, tile_room(kernel, depth));
    if a.row == 1 {
        let (source, line) = (a.start.cast_const(), a.column);
        let lines = Lines { source, line, count: depth, len: m, target, step: rows, apart };
        // SAFETY: the caller's.
        unsafe { (kernel.lines)(&lines) };
        return;
    }
    for p in 0..depth {
        for i in 0..m {
            let to = target.wrapping_add(i / rows * apart + p * rows + i % rows);
            // SAFETY: the caller's.
            unsafe { to.write(*a.at(i, p).start) };
        }
    }
}

/// Copies lines.
///
/// # Safety
/// The machine has the instructions; source and target are as the fields say.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn lines<L: Lanes>(job: &Lines) {
    if (job.len, job.step) == (2 * L::COUNT, 2 * L::COUNT) {
        // Whole panels: nothing to mask.
        for p in 0..job.count {
            let from = job.source.wrapping_offset(p as isize * job.line);
            let to = job.target.wrapping_add(p * 2 * L::COUNT);
            // SAFETY: the line has two registers, and so has the step.
            unsafe {
                let (left, right) = (L::load(from), L::load(from.add(L::COUNT)));
                L::store(left, to);
                L::store(right, to.add(L::COUNT));
            }
        }
        return;
    }
    for p in 0..job.count {
        let from = job.source.wrapping_offset(p as isize * job.line);
        let to = job.target.wrapping_add(p * job.step);
        for (number, part) in (0..job.len).step_by(job.step).enumerate() {
            for start in (0..job.step).step_by(L::COUNT) {
                let read = L::first(job.len.saturating_sub(part + start));
                let written = L::first(job.step - start);
                // SAFETY: the bits are of what the line has, and of what the step has room for; behind the last there is more.
                unsafe {
                    let line = L::load_some(from.wrapping_add(part + start), read);
                    L::store_over(line, to.wrapping_add(number * job.apart + start), written);
                }
            }
        }
    }
}
