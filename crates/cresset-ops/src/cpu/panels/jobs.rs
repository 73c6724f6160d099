//! What the inner loops are given: plain descriptions of memory, whose fields say what may be touched.

/// Where `a` and `b` are at each step of the inner dimension, from where they start.
#[derive(Clone, Copy, Debug)]
pub enum Steps<'a> {
    /// So many steps, all as long as the first: what matrices have. A list of them would share the first-level cache with
    /// the panel, and costs a twentieth of the time.
    Even { count: usize, a: isize, b: isize },
    /// Wherever the list says: with it whatever can be addressed is multiplied in place.
    Listed(&'a [[isize; 2]]),
}

/// A tile of the result: `c = a·b` or `c += a·b`.
///
/// At each step of the inner dimension `b` has a whole row of registers to be read, `a` a number in every row.
pub struct Tile<'a> {
    pub rows: usize,
    pub columns: usize,
    pub a: *const f32,
    /// From one row of `a` to the next.
    pub a_row: isize,
    pub b: *const f32,
    pub steps: Steps<'a>,
    pub c: *mut f32,
    pub c_row: isize,
    /// Where the columns go from where `c` starts, with steps of 1 or 2, if they are no line.
    pub runs: &'a [Run],
    pub add: bool,
    /// Memory that is read later: asked for while there is arithmetic to do.
    pub asked: &'a [*const f32],
}

/// Lines to be copied in pieces of a step, the last filled up with zeros: the first pieces of all lines one after the other,
/// the second ones so far `apart`, and so on. Where a step is not whole registers, there is room for one behind the last.
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

/// Tiles of images whose channels lie side by side, to be taken apart into 16 parts: of each part strips of so many channels,
/// in every one a row for each tile.
pub struct TileLanes<'a> {
    pub image: *const f32,
    pub channels: usize,
    /// Of every tile where its elements are, line after line: 16, or the first 4.
    pub places: &'a [[usize; 16]],
    pub parts: *mut f32,
    /// From one part to the next.
    pub part: usize,
    /// From one strip to the next.
    pub strip: usize,
    /// Channels of a strip.
    pub width: usize,
}

/// Sums of products in 16 parts, of which the gradients of kernels of 3×3 are made.
pub struct Gradients {
    pub sums: *const f32,
    /// The sums were made in so many shares, so far apart.
    pub shares: usize,
    pub share: usize,
    /// From one part to the next.
    pub part: usize,
    /// From one row of a part to the next.
    pub row: usize,
    pub rows: usize,
    pub channels: usize,
    /// Nine numbers for each channel.
    pub target: *mut f32,
    /// From one row to the next.
    pub target_row: usize,
}

/// Kernels of 3×3 of some channels, to be taken apart into 16 parts.
pub struct Kernels {
    pub weights: *const f32,
    /// From one channel to the next.
    pub channel: isize,
    pub channels: usize,
    /// Where each of the nine numbers is.
    pub places: [usize; 9],
    pub parts: *mut f32,
    /// From one part to the next; in each there is room for a register after the last channel.
    pub part: usize,
}
