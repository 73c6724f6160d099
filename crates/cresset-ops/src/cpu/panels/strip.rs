//! A panel times all rows of the left factor, tile after tile, wherever the sums belong.

use super::{Ahead, Asking, Kernel, Run, Steps, Tile, Turn};
use crate::cpu::gemm::Matrix;

/// Rows and columns of the largest tile of all kernels.
const LARGEST: (usize, usize) = (8, 32);
/// Lines of the cache that are asked for during a tile, at most.
pub const ASKED: usize = 192;

/// The columns of a result that one panel makes, and all rows of it.
pub struct Strip<'a> {
    pub rows: usize,
    pub columns: usize,
    pub left: Left,
    pub panel: *const f32,
    pub steps: Steps<'a>,
    pub c: Matrix<f32>,
    /// Where the columns go from where `c` starts, if they are no line.
    pub runs: &'a [Run],
    pub add: bool,
    pub ahead: &'a [Ahead],
}

/// Where the rows of the left factor lie.
#[derive(Clone, Copy)]
pub struct Left {
    pub start: *const f32,
    /// From one row to the next inside of a tile.
    pub row: isize,
    /// From the rows of one tile to those of the next.
    pub tile: isize,
}

impl Kernel {
    /// All tiles of a panel.
    ///
    /// # Safety
    /// Rows, panel and steps are as of [`Tile`]; the columns of `c` are the caller's.
    pub unsafe fn strip(&self, strip: &Strip) {
        let Strip { rows, columns, left, panel, steps, c, runs, add, ahead } = *strip;
        let tiles = rows.div_ceil(self.rows);
        let mut asking = Asking::new(ahead, tiles);
        let mut room;
        let list: &mut [*const f32] = if ahead.is_empty() {
            &mut []
        } else {
            room = [std::ptr::null(); ASKED];
            &mut room
        };
        for (number, row) in (0..rows).step_by(self.rows).enumerate() {
            let count = self.rows.min(rows - row);
            let some = asking.list(list);
            let a = left.start.wrapping_offset(number as isize * left.tile);
            let place = c.at(row, 0);
            let mut tile = Tile {
                rows: count,
                columns,
                a,
                a_row: left.row,
                b: panel,
                steps,
                c: place.start,
                c_row: c.row,
                runs,
                add,
                asked: &list[..some],
            };
            let in_line = runs.is_empty() && (c.column == 1 || columns == 1);
            if in_line || (!runs.is_empty() && runs.iter().all(|run| matches!(run.step, 1 | 2))) {
                // SAFETY: the caller's; this kernel is for this machine.
                unsafe { (self.tile)(&tile) };
                continue;
            }
            // Elsewhere than side by side: while they are hot.
            let mut hot = Hot([0.0; LARGEST.0 * LARGEST.1]);
            tile.c = hot.0.as_mut_ptr();
            tile.c_row = LARGEST.1 as isize;
            (tile.runs, tile.add) = (&[], false);
            // SAFETY: as above; no tile is larger than the room for it.
            unsafe { (self.tile)(&tile) };
            let hot = Matrix { start: tile.c, row: tile.c_row, column: 1 };
            // SAFETY: the caller's.
            unsafe {
                if runs.is_empty() {
                    self.settle(count, columns, hot, add, place);
                }
                for run in runs {
                    let start = place.start.wrapping_offset(run.offset);
                    let place = Matrix { start, row: place.row, column: run.step };
                    self.settle(count, run.count, hot.at(0, run.column), add, place);
                }
            }
        }
    }

    /// Takes a tile's sums to where they belong.
    ///
    /// # Safety
    /// The sums are there; their places are the caller's.
    unsafe fn settle(&self, rows: usize, columns: usize, sums: Matrix<f32>, add: bool, c: Matrix<f32>) {
        if c.row == 1 {
            let turn = Turn {
                source: sums.start,
                line: sums.row,
                lines: rows,
                count: columns,
                target: c.start,
                step: c.column,
                written: rows,
                add,
            };
            // SAFETY: the caller's; a register has no fewer numbers than a tile has rows.
            unsafe { (self.turn)(&turn) };
            return;
        }
        for i in 0..rows {
            for j in 0..columns {
                // SAFETY: the caller's.
                unsafe {
                    let (sum, place) = (*sums.at(i, j).start, c.at(i, j).start);
                    place.write(if add { *place + sum } else { sum });
                }
            }
        }
    }
}

/// A tile's sums, where a register is stored without a split.
#[repr(align(64))]
struct Hot([f32; LARGEST.0 * LARGEST.1]);
