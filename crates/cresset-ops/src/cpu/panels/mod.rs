//! Products of f32 matrices by panels: blocks that fit the caches, multiplied tile by tile in vector registers.
//!
//! A panel is a stretch of the right factor's columns, as wide as a tile, over one block of the inner dimension; it stays
//! in the first-level cache while all rows of the left factor go past it. Every element of the result is summed in one
//! order, block after block, whatever tile it falls into. Which instructions do it is a table (`Kernel`); where there is
//! none for the machine, the caller has another way.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod pack;
pub mod patches;

use std::sync::OnceLock;

use cresset_tensor::memory;

use self::patches::Patches;
use super::gemm::{Matrix, Size};

/// The longest stretch of the inner dimension that is multiplied at once: a panel of it takes two thirds of the
/// first-level cache.
pub const DEPTH: usize = 256;
/// Rows and columns of the largest tile of all kernels.
const LARGEST: (usize, usize) = (8, 32);
/// Numbers in a line of the cache.
const LINE: usize = 16;
/// Between the rows of a packed block, beyond their length: rows a power of two apart fall into one set of the cache.
pub const GAP: usize = 16;

/// A tile of the result: `c = a·b` or `c += a·b`.
///
/// `steps` says how far `a` and `b` move at each step of the inner dimension; with it whatever can be addressed is
/// multiplied in place. At each step `b` has a whole row of registers to be read, `a` a number in every row.
pub struct Tile<'a> {
    pub rows: usize,
    pub columns: usize,
    pub a: *const f32,
    /// From one row of `a` to the next.
    pub a_row: isize,
    pub b: *const f32,
    pub steps: &'a [[isize; 2]],
    pub c: *mut f32,
    pub c_row: isize,
    pub add: bool,
}

/// Lines to be copied in pieces of a step, the last filled up with zeros: the first pieces of all lines one after the other,
/// the second ones so far `apart`, and so on.
pub struct Lines {
    pub source: *const f32,
    /// From one line to the next.
    pub line: isize,
    pub count: usize,
    /// Numbers in a line.
    pub len: usize,
    pub target: *mut f32,
    pub step: usize,
    pub apart: usize,
}

/// Lines to be written as columns: `target[i·step + l] = source[l·line + i]`, or added there.
pub struct Turn {
    pub source: *const f32,
    /// From one line to the next.
    pub line: isize,
    /// How many lines; at most a register has numbers. Further ones are thought zero.
    pub lines: usize,
    /// Numbers in a line.
    pub count: usize,
    pub target: *mut f32,
    pub step: isize,
    /// So many numbers are written at each step; at most a register has.
    pub written: usize,
    pub add: bool,
}

/// A tile's sums, to be taken to where runs of its columns belong, or added there.
pub struct Spread<'a> {
    pub rows: usize,
    pub sums: *const f32,
    /// From one row of the sums to the next.
    pub line: usize,
    pub start: *mut f32,
    /// From one row of the result to the next.
    pub row: isize,
    pub runs: &'a [Run],
    pub add: bool,
}

impl Spread<'_> {
    /// Every run in every row, in pieces of so many columns: the row, the run, and where the piece starts in it.
    #[inline(always)]
    pub fn pieces(&self, lanes: usize) -> impl Iterator<Item = (usize, &Run, usize)> {
        (0..self.rows).flat_map(move |row| {
            self.runs
                .iter()
                .flat_map(move |run| (0..run.count).step_by(lanes).map(move |start| (row, run, start)))
        })
    }

    /// One piece, one by one.
    ///
    /// # Safety
    /// The sums may be read, their places written.
    #[inline(always)]
    pub unsafe fn slowly(&self, row: usize, run: &Run, start: usize, count: usize) {
        for i in start..start + count {
            // SAFETY: the caller's.
            unsafe {
                let sum = *self.sums.add(row * self.line + run.column + i);
                let place = self.start.offset(row as isize * self.row + run.offset + i as isize * run.step);
                place.write(if self.add { *place + sum } else { sum });
            }
        }
    }
}

/// The inner loops for one set of instructions.
pub struct Kernel {
    /// Rows of a tile.
    pub rows: usize,
    /// Numbers in a register. A tile is one or two of them wide.
    pub lanes: usize,
    tile: unsafe fn(&Tile),
    lines: unsafe fn(&Lines),
    turn: unsafe fn(&Turn),
    /// Distances between neighbours for which there is a loop that packs patches.
    strides: &'static [isize],
    patches: unsafe fn(&Patches),
    spread: unsafe fn(&Spread),
}

#[cfg(target_arch = "x86_64")]
static AVX512: Kernel = Kernel {
    rows: avx512::ROWS,
    lanes: avx512::LANES,
    tile: avx512::tile,
    lines: avx512::lines,
    turn: avx512::turn,
    strides: &[1, 2],
    patches: avx512::patches,
    spread: avx512::spread,
};

#[cfg(target_arch = "x86_64")]
static AVX2: Kernel = Kernel {
    rows: avx2::ROWS,
    lanes: avx2::LANES,
    tile: avx2::tile,
    lines: avx2::lines,
    turn: avx2::turn,
    strides: &[1],
    patches: avx2::patches,
    spread: avx2::spread,
};

/// The loops for this machine. Without optimisation they are slower than what a dependency does, and only taken where
/// `CRESSET_SIMD` names them.
pub fn kernel() -> Option<&'static Kernel> {
    static FOUND: OnceLock<Option<&'static Kernel>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        if cfg!(not(debug_assertions)) || std::env::var_os("CRESSET_SIMD").is_some() {
            return match super::simd::simd() {
                super::simd::Simd::Avx512 => Some(&AVX512),
                super::simd::Simd::Avx2 => Some(&AVX2),
                super::simd::Simd::Portable => None,
            };
        }
        None
    })
}

/// Memory for a task's blocks.
pub struct Scratch(memory::Block);

impl Scratch {
    pub fn new(elements: usize) -> Option<Scratch> {
        Some(Scratch(memory::take(elements.checked_mul(size_of::<f32>())?)?))
    }

    pub fn start(&self) -> *mut f32 {
        self.0.as_ptr().cast()
    }
}

/// The columns of a result that one panel makes, and all rows of it.
pub struct Strip<'a> {
    pub rows: usize,
    pub columns: usize,
    pub left: Left,
    pub panel: *const f32,
    pub steps: &'a [[isize; 2]],
    pub c: Matrix<f32>,
    /// Where the columns go from where `c` starts, if they are no line.
    pub runs: &'a [Run],
    pub add: bool,
    pub ahead: &'a [Ahead],
}

/// Columns that go to places at a constant distance.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub column: usize,
    pub count: usize,
    pub offset: isize,
    pub step: isize,
}

/// Lines of memory that are read next: they are asked for while there is still something to compute.
#[derive(Clone, Copy)]
pub struct Ahead {
    pub start: *const f32,
    /// From one line to the next.
    pub line: isize,
    pub count: usize,
    /// Numbers in a line.
    pub len: usize,
}

impl Ahead {
    /// Nothing is known to be read next.
    pub const NOTHING: Ahead = Ahead { start: std::ptr::null(), line: 0, count: 0, len: 0 };

    /// So many rows and columns of a matrix, if its rows or columns lie in lines.
    pub fn of(matrix: Matrix<f32>, rows: usize, columns: usize) -> Ahead {
        let start = matrix.start.cast_const();
        match (matrix.row, matrix.column) {
            (_, 1) => Ahead { start, line: matrix.row, count: rows, len: columns },
            (1, _) => Ahead { start, line: matrix.column, count: columns, len: rows },
            _ => Ahead::NOTHING,
        }
    }

    /// One of so many parts of it.
    pub fn part(&self, number: usize, parts: usize) -> Ahead {
        let (from, to) = (self.count * number / parts, self.count * (number + 1) / parts);
        let start = self.start.wrapping_offset(from as isize * self.line);
        Ahead { start, count: to - from, ..*self }
    }

    /// Asks for it.
    fn ask(&self) {
        for line in 0..self.count {
            let start = self.start.wrapping_offset(line as isize * self.line);
            for i in (0..self.len + LINE - 1).step_by(LINE) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a prefetch reads nothing.
                unsafe {
                    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                    _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(i.min(self.len.saturating_sub(1))).cast());
                }
                let _ = (start, i);
            }
        }
    }
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
    /// Columns of a panel.
    pub fn width(&self) -> usize {
        2 * self.lanes
    }

    /// How wide a panel of so many columns is in memory: there are tiles of one register and of two.
    pub fn room(&self, columns: usize) -> usize {
        if columns > self.lanes { self.width() } else { self.lanes }
    }

    /// Writes lines as columns.
    ///
    /// # Safety
    /// As the fields say.
    pub unsafe fn turn(&self, turn: &Turn) {
        // SAFETY: the caller's; this kernel is for this machine.
        unsafe { (self.turn)(turn) }
    }

    /// All tiles of a panel.
    ///
    /// # Safety
    /// Rows, panel and steps are as of [`Tile`]; the columns of `c` are the caller's.
    pub unsafe fn strip(&self, strip: &Strip) {
        let Strip { rows, columns, left, panel, steps, c, runs, add, ahead } = *strip;
        let tiles = rows.div_ceil(self.rows);
        let mut hot = Hot([0.0; LARGEST.0 * LARGEST.1]);
        for (number, row) in (0..rows).step_by(self.rows).enumerate() {
            let count = self.rows.min(rows - row);
            ahead.iter().for_each(|ahead| ahead.part(number, tiles).ask());
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
                add,
            };
            if runs.is_empty() && (c.column == 1 || columns == 1) {
                // SAFETY: the caller's; this kernel is for this machine.
                unsafe { (self.tile)(&tile) };
                continue;
            }
            // Elsewhere than side by side: while they are hot.
            tile.c = hot.0.as_mut_ptr();
            tile.c_row = LARGEST.1 as isize;
            tile.add = false;
            // SAFETY: as above; no tile is larger than the room for it.
            unsafe { (self.tile)(&tile) };
            let hot = Matrix { start: tile.c, row: tile.c_row, column: 1 };
            // SAFETY: the caller's.
            unsafe {
                if runs.is_empty() {
                    self.settle(count, columns, hot, add, place);
                } else {
                    let (sums, line) = (tile.c.cast_const(), LARGEST.1);
                    let (start, row) = (place.start, place.row);
                    (self.spread)(&Spread { rows: count, sums, line, start, row, runs, add });
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

/// `[0, k)` in blocks of about the same length.
pub fn depths(k: usize) -> impl Iterator<Item = (usize, usize)> {
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
        // A panel that only a tile or two look at is read where it lies.
        let direct = b.column == 1 && m <= 2 * self.rows;
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
        let mut steps = [[0; 2]; DEPTH + 8];
        for (start, depth) in depths(k) {
            let steps = &mut steps[..depth];
            let next = depth.min(k - start - depth);
            let next_block = if left_as == pack::LeftAs::Itself || next == 0 {
                Ahead::NOTHING
            } else {
                Ahead::of(a.at(0, start + depth), m, next)
            };
            // SAFETY: the caller's; the scratch has room for the packed block.
            let (left, a_step) = unsafe { left_as.pack(self, a.at(0, start), m, depth, packed) };
            steps.iter_mut().enumerate().for_each(|(p, step)| step[0] = p as isize * a_step);
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
                if column == 0 || steps[depth - 1][1] != (depth as isize - 1) * b_step {
                    steps.iter_mut().enumerate().for_each(|(p, step)| step[1] = p as isize * b_step);
                }
                // SAFETY: the caller's, of matrices or of what was packed of them.
                unsafe {
                    let c = c.at(0, column);
                    let next_block = next_block.part(column / width, n.div_ceil(width));
                    let ahead = &[after(start, depth, column), next_block];
                    self.strip(&Strip { rows: m, columns, left, panel, steps, c, runs: &[], add, ahead });
                }
            }
            add = true;
        }
        true
    }
}
