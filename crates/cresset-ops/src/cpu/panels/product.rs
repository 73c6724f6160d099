//! Products of matrices in memory: which factor is packed and how, and which way round it is less work.

use super::{
    Ahead, DEPTH, Kernel, Left, Scratch, Steps, Strip, kernel,
    pack::{self, LeftAs},
};
use crate::cpu::gemm::{Matrix, Size};

/// Tiles that look at a panel below which it is not packed, if it is near.
const LOW: usize = 16;
/// Numbers of a factor that are in the first-level cache with what else is read.
const NEAR: usize = 64 * 128;

/// `[0, k)` in blocks of about the same length.
pub(super) fn depths(k: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = k.div_ceil(DEPTH).max(1);
    let depth = k.div_ceil(blocks).next_multiple_of(8).max(1);
    (0..k).step_by(depth).map(move |start| (start, depth.min(k - start)))
}

/// `c = a·b`, or `c += a·b`, on this thread. `false`, and nothing done, where there is no kernel or no memory.
///
/// # Safety
/// The matrices lie in memory that may be read (`a`, `b`) and written (`c`); nobody else touches `c`.
pub unsafe fn multiply(size: Size, a: Matrix<f32>, b: Matrix<f32>, add: bool, c: Matrix<f32>) -> bool {
    let Some(kernel) = kernel() else { return false };
    // SAFETY: the caller's.
    unsafe {
        if kernel.is_better_turned(size, a, b, c) {
            let size = Size { m: size.n, k: size.k, n: size.m };
            kernel.product(size, b.transposed(), a.transposed(), add, c.transposed())
        } else {
            kernel.product(size, a, b, add, c)
        }
    }
}

impl Kernel {
    /// Do so many rows of a panel lie in lines of the first-level cache that leave each other room?
    fn is_near(&self, rows: usize, b: Matrix<f32>) -> bool {
        /// Numbers in a line of the cache, sets of lines, and lines of a set that a panel may take.
        const CACHE: (usize, usize, usize) = (16, 64, 6);
        let (line, sets, ways) = CACHE;
        let apart = b.row.unsigned_abs();
        // Rows a power of two apart fall into one set again after as many as there are of it in the sets.
        let together = 1usize << (apart / line).trailing_zeros().min(sets.trailing_zeros());
        apart.is_multiple_of(line) && rows.saturating_mul(together) <= sets * ways
    }

    /// Is `cᵀ = bᵀ·aᵀ` less work?
    fn is_better_turned(&self, size: Size, a: Matrix<f32>, b: Matrix<f32>, c: Matrix<f32>) -> bool {
        let cost = |m: usize, n: usize, b: Matrix<f32>, c: Matrix<f32>| {
            // Of each step in the inner dimension, in multiply-adds of a register: those of the tiles …
            let wide = n.next_multiple_of(self.lanes);
            let tiles = m * wide / self.lanes;
            // … what packing costs the right factor, more where its rows are not lines in memory …
            let packing = if b.column == 1 { 4 } else { 16 } * wide / self.lanes;
            // … and storing the result.
            let storing = if c.column == 1 { 2 } else { 16 } * tiles / size.k.max(1);
            tiles + packing + storing
        };
        cost(size.n, size.m, a.transposed(), c.transposed()) < cost(size.m, size.n, b, c)
    }

    /// As [`multiply`], this way round.
    ///
    /// # Safety
    /// As of [`multiply`].
    unsafe fn product(&self, size: Size, a: Matrix<f32>, b: Matrix<f32>, add: bool, c: Matrix<f32>) -> bool {
        let Size { m, k, n } = size;
        let width = self.width();
        let left_as = pack::left(self, size, a);
        // A panel that only a few tiles look at is read where it lies, and so is one that stays there in the first-level
        // cache, if it is not looked at for long.
        let direct =
            b.column == 1 && (m <= 4 * self.rows || (m <= LOW * self.rows && self.is_near(size.k, b)));
        // Of what is near nothing need be asked for ahead.
        let near = m.max(n).saturating_mul(k) <= NEAR;
        let depth = depths(k).map(|(_, depth)| depth).max().unwrap_or(0);
        let left_room = left_as.room(self, m, depth);
        let Some(scratch) = Scratch::new(left_room + depth * width) else { return false };
        let (packed, panel) = (scratch.start(), scratch.start().wrapping_add(left_room));
        // The panel after this one, which begins the next block after the last.
        let after = |start: usize, depth: usize, column: usize| {
            let (start, column) =
                if column + width < n { (start, column + width) } else { (start + depth, 0) };
            Ahead::of(b.at(start, column), depth.min(k.saturating_sub(start)), width.min(n - column))
        };
        let mut add = add;
        for (start, depth) in depths(k) {
            let next = depth.min(k - start - depth);
            let next_block = if left_as != LeftAs::Columns || next == 0 {
                Ahead::NOTHING
            } else {
                Ahead::of(a.at(0, start + depth), m, next)
            };
            let rows = a.at(0, start);
            let (left, a_step) = left_as.lies(self, rows, depth, packed);
            if left_as == LeftAs::Columns {
                // SAFETY: the caller's; the scratch has room for the packed block.
                unsafe { pack::columns(self, rows, m, depth, packed) };
            }
            for column in (0..n).step_by(width) {
                let columns = width.min(n - column);
                let right = b.at(start, column);
                let in_place = direct && (columns == width || columns == self.lanes);
                let (panel, b_step) = if in_place {
                    (right.start.cast_const(), right.row)
                } else {
                    // SAFETY: as above.
                    unsafe { pack::right(self, right, depth, columns, panel) };
                    (panel.cast_const(), self.room(columns) as isize)
                };
                let steps = Steps::Even { count: depth, a: a_step, b: b_step };
                let (c, after) = (c.at(0, column), after(start, depth, column));
                if left_as == LeftAs::Rows && column == 0 {
                    // Each tile is packed when it is needed, and the next one's rows are asked for.
                    let tiles = m.div_ceil(self.rows);
                    for tile in 0..tiles {
                        let row = tile * self.rows;
                        let count = self.rows.min(m - row);
                        let below = self.rows.min(m - row - count);
                        let ahead =
                            [after.part(tile, tiles), Ahead::of(rows.at(row + count, 0), below, depth)];
                        let shift = tile as isize * left.tile;
                        let left = Left { start: left.start.wrapping_offset(shift), ..left };
                        // SAFETY: as below; the scratch has room for the tile.
                        unsafe {
                            let target = packed.wrapping_offset(shift);
                            pack::rows(self, rows.at(row, 0), count, depth, target);
                            let (c, ahead) = (c.at(row, 0), &ahead);
                            let runs = &[];
                            self.strip(&Strip {
                                rows: count,
                                columns,
                                left,
                                panel,
                                steps,
                                c,
                                runs,
                                add,
                                ahead,
                            });
                        }
                    }
                    continue;
                }
                let next_block = next_block.part(column / width, n.div_ceil(width));
                let ahead = [after, next_block];
                let ahead = if near { &[] } else { &ahead[..] };
                // SAFETY: the caller's, of matrices or of what was packed of them.
                unsafe {
                    self.strip(&Strip { rows: m, columns, left, panel, steps, c, runs: &[], add, ahead });
                }
            }
            add = true;
        }
        true
    }
}
