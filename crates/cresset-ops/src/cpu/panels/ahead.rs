//! Memory that is read next, asked for while there is something else to compute.

use crate::cpu::gemm::Matrix;

/// Numbers in a line of the cache.
const LINE: usize = 16;
/// Bytes in a line of the cache.
const LINE_BYTES: usize = LINE * size_of::<f32>();

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
}

/// Several such stretches, asked for bit by bit.
pub struct Asking<'a> {
    rest: &'a [Ahead],
    /// The next line of the first of them.
    line: usize,
    /// How many lines at once.
    share: usize,
}

impl Asking<'_> {
    /// All of them in so many shares.
    pub fn new(list: &[Ahead], shares: usize) -> Asking<'_> {
        let lines: usize = list.iter().map(|ahead| ahead.count).sum();
        Asking { rest: list, line: 0, share: lines.div_ceil(shares.max(1)) }
    }

    /// Writes to a list where the next share lies, as much as there is room for; how much that is.
    pub fn list(&mut self, list: &mut [*const f32]) -> usize {
        let mut filled = 0;
        let mut left = self.share;
        while let [first, rest @ ..] = self.rest
            && left > 0
        {
            let until = first.count.min(self.line + left);
            left -= until - self.line;
            for line in self.line..until {
                let start = first.start.wrapping_offset(line as isize * first.line);
                let end = start.wrapping_add(first.len);
                let mut at = start.map_addr(|address| address & !(LINE_BYTES - 1));
                while at < end
                    && let Some(place) = list.get_mut(filled)
                {
                    *place = at;
                    filled += 1;
                    at = at.wrapping_add(LINE);
                }
            }
            self.line = until;
            if until == first.count {
                (self.rest, self.line) = (rest, 0);
            }
        }
        filled
    }
}
