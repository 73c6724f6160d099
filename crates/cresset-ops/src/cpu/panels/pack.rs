//! Blocks of a matrix, whatever its strides, laid out as the tiles read them.

use super::{GAP, Kernel, Left, Lines, Turn};
use crate::cpu::gemm::{Matrix, Size};

/// Panels below which the left factor is read where it lies: it is not read often enough to be moved.
const FEW: usize = 3;

/// How the left factor is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftAs {
    /// Where it lies.
    Itself,
    /// Its rows copied, a little apart.
    Rows,
    /// The numbers of a tile's rows side by side.
    Tiles,
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
        _ => LeftAs::Tiles,
    }
}

impl LeftAs {
    /// Elements of scratch for a block.
    pub fn room(self, kernel: &Kernel, m: usize, depth: usize) -> usize {
        match self {
            LeftAs::Itself => 0,
            LeftAs::Rows => (m * (depth + GAP)).next_multiple_of(GAP),
            LeftAs::Tiles => m.div_ceil(kernel.rows) * tile_room(kernel, depth),
        }
    }

    /// Packs a block, and says where its rows lie and how far each step in the inner dimension goes.
    ///
    /// # Safety
    /// The block may be read; the target has [`LeftAs::room`].
    pub unsafe fn pack(
        self,
        kernel: &Kernel,
        a: Matrix<f32>,
        m: usize,
        depth: usize,
        target: *mut f32,
    ) -> (Left, isize) {
        let rows = kernel.rows;
        match self {
            LeftAs::Itself => {
                (Left { start: a.start, row: a.row, tile: a.row.wrapping_mul(rows as isize) }, a.column)
            }
            LeftAs::Rows => {
                let row = depth + GAP;
                for i in 0..m {
                    let (from, to) = (a.at(i, 0).start, target.wrapping_add(i * row));
                    // SAFETY: the caller's; the row lies in one piece.
                    unsafe { std::ptr::copy_nonoverlapping(from.cast_const(), to, depth) };
                }
                (Left { start: target, row: row as isize, tile: (row * rows) as isize }, 1)
            }
            LeftAs::Tiles => {
                // SAFETY: the caller's.
                unsafe { columns(kernel, a, m, depth, target) };
                let tile = tile_room(kernel, depth) as isize;
                (Left { start: target, row: 1, tile }, rows as isize)
            }
        }
    }
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

/// Packs rows: for each tile its part of every column. Columns are gone through whole, since neighbours may lie pages apart.
///
/// # Safety
/// The block may be read; the target has room for whole tiles.
unsafe fn columns(kernel: &Kernel, a: Matrix<f32>, m: usize, depth: usize, target: *mut f32) {
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
