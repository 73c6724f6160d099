//! Products of blocks that lie in the cache: by the tiles of panels where the machine has them, else by what there is for
//! any matrices.

use crate::cpu::{
    gemm::{self, Matrix, Size},
    panels::{Kernel, Left, Steps, Strip, Turn, kernel},
};

/// Numbers that weights are computed of side by side, on any machine: rows of scores are as many or a multiple.
pub const LANES: usize = 16;
/// Lines of the first-level cache that a block's rows may ask for if they are read where they lie.
const LINES: usize = 512;

/// How blocks are multiplied on this machine.
#[derive(Clone, Copy)]
pub struct Tiles {
    kernel: Option<&'static Kernel>,
    /// Columns of a panel.
    pub width: usize,
}

/// Rows that lie side by side, so far apart.
#[derive(Clone, Copy)]
pub struct Rows {
    pub start: *mut f32,
    pub row: usize,
}

impl Rows {
    /// From that row and column on.
    pub fn at(self, row: usize, column: usize) -> Rows {
        Rows { start: self.start.wrapping_add(row * self.row + column), ..self }
    }

    /// As a matrix.
    pub fn matrix(self) -> Matrix<f32> {
        Matrix { start: self.start, row: self.row as isize, column: 1 }
    }
}

/// Room for rows of so many numbers: filled up to a register, and an odd number of lines of the cache, so that they
/// do not fall into a few sets of it.
pub fn room(width: usize) -> usize {
    (width.div_ceil(LANES) | 1) * LANES
}

impl Tiles {
    pub fn new() -> Tiles {
        let kernel = kernel();
        Tiles { kernel, width: kernel.map_or(2 * LANES, Kernel::width) }
    }

    /// `c = a·b` or `c += a·b`.
    ///
    /// # Safety
    /// `a`, `b` and `c` have such sizes and may be read and written; the rows of `b` have room for whole registers.
    pub unsafe fn multiply(&self, size: Size, a: Matrix<f32>, b: Rows, add: bool, c: Rows) {
        let Some(kernel) = self.kernel else {
            // SAFETY: the caller's.
            return unsafe { gemm::multiply(size, a, b.matrix(), add, c.matrix()) };
        };
        let left = Left { start: a.start, row: a.row, tile: a.row.wrapping_mul(kernel.rows as isize) };
        let steps = Steps::Even { count: size.k, a: a.column, b: b.row as isize };
        for column in (0..size.n).step_by(self.width) {
            let strip = Strip {
                rows: size.m,
                columns: self.width.min(size.n - column),
                left,
                panel: b.at(0, column).start,
                steps,
                c: c.at(0, column).matrix(),
                runs: &[],
                add,
                ahead: &[],
            };
            // SAFETY: the caller's.
            unsafe { kernel.strip(&strip) };
        }
    }

    /// Rows of a matrix as columns, in panels of [`Tiles::width`], one after the other, the last filled up with zeros.
    ///
    /// # Safety
    /// The rows may be read; the target has room for the panels.
    pub unsafe fn pack(&self, x: Matrix<f32>, rows: usize, width: usize, target: *mut f32) {
        if x.column == 1 {
            // Row by row, as memory likes to be read: what turns them goes down columns, and would wait for every line.
            for row in 0..rows {
                for i in (0..width).step_by(LANES) {
                    // SAFETY: the caller's.
                    let _ = unsafe { x.at(row, i).start.read_volatile() };
                }
            }
        }
        for first in (0..rows).step_by(self.width) {
            let panel = target.wrapping_add(first * width);
            let count = self.width.min(rows - first);
            // SAFETY: the caller's.
            unsafe { self.turn(x.at(first, 0), count, width, panel, self.width, self.width) };
        }
    }

    /// Rows of a matrix as columns, so many lanes, the last of which are zeros.
    ///
    /// # Safety
    /// The rows may be read; the target has room for all lanes, a multiple of [`LANES`], at each step.
    pub unsafe fn turn(
        &self,
        x: Matrix<f32>,
        rows: usize,
        width: usize,
        target: *mut f32,
        step: usize,
        lanes: usize,
    ) {
        if let (Some(kernel), 1) = (self.kernel, x.column) {
            for first in (0..lanes).step_by(kernel.lanes) {
                let turn = Turn {
                    source: x.at(first, 0).start,
                    line: x.row,
                    lines: rows.saturating_sub(first).min(kernel.lanes),
                    count: width,
                    target: target.wrapping_add(first),
                    step: step as isize,
                    written: kernel.lanes,
                    add: false,
                };
                // SAFETY: the caller's.
                unsafe { kernel.turn(&turn) };
            }
            return;
        }
        for i in 0..width {
            for lane in 0..lanes {
                // SAFETY: the caller's.
                unsafe {
                    let number = if lane < rows { *x.at(lane, i).start } else { 0.0 };
                    target.add(i * step + lane).write(number);
                }
            }
        }
    }
}

/// Rows of a matrix as both factors are read: where they lie if that is side by side and in lines that leave each other
/// room, else as a copy.
///
/// # Safety
/// The rows may be read; the target has room for rows of [`room`].
pub unsafe fn rows(x: Matrix<f32>, count: usize, width: usize, target: *mut f32) -> Rows {
    let lines = x.row.unsigned_abs() / LANES;
    let together = 1 << lines.trailing_zeros().min(6);
    if x.column == 1 && x.row >= width as isize && width.is_multiple_of(LANES) && count * together <= LINES {
        return Rows { start: x.start, row: x.row.unsigned_abs() };
    }
    let copy = Rows { start: target, row: room(width) };
    for row in 0..count {
        let (from, to) = (x.at(row, 0), copy.at(row, 0).start);
        // SAFETY: the caller's.
        unsafe {
            if x.column == 1 {
                to.copy_from_nonoverlapping(from.start, width);
            } else {
                (0..width).for_each(|i| to.add(i).write(*from.at(0, i).start));
            }
            to.add(width).write_bytes(0, copy.row - width);
        }
    }
    copy
}
