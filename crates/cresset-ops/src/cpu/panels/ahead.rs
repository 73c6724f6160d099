//! Memory that is read next, asked for while there is something else to compute.

use crate::cpu::gemm::Matrix;

/// Numbers in a line of the cache.
const LINE: usize = 16;

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
    pub fn ask(&self) {
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
