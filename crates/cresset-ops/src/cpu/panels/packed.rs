//! A right factor that is packed once and multiplied many times, such as the weight of a recurrence at every step.

use std::ops::Range;

use super::{Asking, Kernel, Scratch, Steps, jobs::Tile, pack, product::depths, strip::ASKED};
use crate::cpu::{gemm::Matrix, threads};

/// All panels of a matrix, one after the other, each whole from the first row to the last.
pub struct Packed {
    kernel: &'static Kernel,
    scratch: Scratch,
    /// Rows, and columns.
    size: [usize; 2],
}

// SAFETY: what is packed is only read.
unsafe impl Sync for Packed {}
// SAFETY: as above.
unsafe impl Send for Packed {}

impl Packed {
    /// Packs a matrix of so many rows and columns. `None` where there is no memory.
    ///
    /// # Safety
    /// The matrix may be read.
    pub unsafe fn new(kernel: &'static Kernel, b: Matrix<f32>, size: [usize; 2]) -> Option<Packed> {
        /// Numbers from which on several threads pack.
        const PARALLEL: usize = 1 << 16;
        let (rows, columns) = (size[0], size[1]);
        let width = kernel.width();
        let panels = columns.div_ceil(width);
        let scratch = Scratch::new(panels.checked_mul(width)?.checked_mul(rows)?)?;
        let packed = Packed { kernel, scratch, size };
        threads::divide(rows * columns >= PARALLEL, panels, &|panel| {
            let first = panel * width;
            // SAFETY: the caller's; every panel has its own room.
            unsafe {
                pack::right(
                    kernel,
                    b.at(0, first),
                    rows,
                    width.min(columns - first),
                    packed.panel(panel, 0).cast_mut(),
                );
            }
        });
        Some(packed)
    }

    /// Columns of a panel.
    pub fn width(&self) -> usize {
        self.kernel.width()
    }

    /// So many rows at once are whole tiles.
    pub fn tile(&self) -> usize {
        self.kernel.rows
    }

    /// Where a panel has a row.
    fn panel(&self, panel: usize, row: usize) -> *const f32 {
        let width = self.width();
        let columns = width.min(self.size[1] - panel * width);
        self.scratch.start().wrapping_add(panel * width * self.size[0] + row * self.kernel.room(columns))
    }

    /// How many times a product of so many rows and panels goes on asking.
    pub fn tiles(&self, rows: usize, panels: usize) -> usize {
        rows.div_ceil(self.kernel.rows) * panels * depths(self.size[0]).count()
    }

    /// `c = a·b` of some panels' columns, which are the first of `c`. With every tile more of what is needed next is asked
    /// for.
    ///
    /// # Safety
    /// The left factor has so many rows. Its numbers and those of `c` lie side by side; the columns of `c` are the caller's.
    pub unsafe fn multiply(
        &self,
        rows: usize,
        a: Matrix<f32>,
        panels: Range<usize>,
        c: Matrix<f32>,
        ahead: &mut Asking,
    ) {
        let width = self.width();
        let mut list = [std::ptr::null(); ASKED];
        for (number, panel) in panels.enumerate() {
            let columns = width.min(self.size[1] - panel * width);
            let room = self.kernel.room(columns) as isize;
            for (start, depth) in depths(self.size[0]) {
                // Of about the same height: a tile of few rows waits for its own sums.
                let tiles = rows.div_ceil(self.kernel.rows);
                for tile in 0..tiles {
                    let (row, end) = (rows * tile / tiles, rows * (tile + 1) / tiles);
                    let some = ahead.list(&mut list);
                    let tile = Tile {
                        rows: end - row,
                        columns,
                        a: a.at(row, start).start,
                        a_row: a.row,
                        b: self.panel(panel, start),
                        steps: Steps::Even { count: depth, a: 1, b: room },
                        c: c.at(row, number * width).start,
                        c_row: c.row,
                        runs: &[],
                        add: start > 0,
                        asked: &list[..some],
                    };
                    // SAFETY: the caller's, of a panel as it was packed; the kernel is for this machine.
                    unsafe { (self.kernel.tile)(&tile) };
                }
            }
        }
    }
}
