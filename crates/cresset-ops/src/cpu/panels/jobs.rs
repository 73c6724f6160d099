//! What the inner loops are given: plain descriptions of memory, whose fields say what may be touched.

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

/// Neighbouring tiles of a line.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where in a channel of the image the first lies.
    pub from: isize,
    /// Which of the lines are inside of the image, a bit for each.
    pub lines: u32,
    /// Which of the columns.
    pub columns: u64,
    /// Where the first is among the parts.
    pub column: usize,
}

/// Tiles to be taken apart into sums, or put together from products.
pub struct Tiles<'a> {
    pub image: *const f32,
    /// From one channel of the image to the next.
    pub channel: isize,
    /// From one line of the image to the next.
    pub line: isize,
    pub channels: usize,
    pub places: &'a [Place],
    pub parts: *mut f32,
    /// From one part to the next.
    pub part: usize,
    /// From one channel of a part to the next.
    pub row: usize,
}

/// Columns that go to places at a constant distance.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub column: usize,
    pub count: usize,
    pub offset: isize,
    pub step: isize,
}
