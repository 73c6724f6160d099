//! Tiles of images whose channels are copied side by side: images of few positions then fill registers as well as large
//! ones do.

use std::ops::Range;

use super::panels::{Ahead, GAP, Kernel, Turn};

/// Channels that are copied at once, at most: what is made of them stays in the second-level cache,
pub const BLOCK: usize = 64;
/// with so many tiles.
pub const TOGETHER: usize = 64;
/// Products for each tile.
pub const PARTS: usize = 16;
/// From one part of what is made of tiles to the next: not a power of two, since parts are written next to each other.
pub const PART: usize = TOGETHER * BLOCK + GAP;
/// From one position of a copied image to the next.
pub const PITCH: usize = BLOCK + GAP;
/// Positions of some tiles, at most; behind them there is one for all that are outside.
pub const POSITIONS: usize = 16 * TOGETHER;

/// An image that is looked at in tiles.
pub struct Side {
    pub start: *const f32,
    pub image: isize,
    pub channel: isize,
    pub line: isize,
    /// Lines and columns.
    pub size: [usize; 2],
    /// Where the first tile begins.
    pub offset: [isize; 2],
    /// Lines and columns of a tile, each two further than the one before.
    pub reach: usize,
}

/// Neighbouring tiles of an image.
#[derive(Clone, Debug)]
pub struct Rectangle {
    image: usize,
    down: Range<usize>,
    across: Range<usize>,
}

/// Positions that follow each other: where they start in a channel of the image, and among those that are copied.
struct Run {
    from: isize,
    position: usize,
    len: usize,
}

/// How tiles of 2×2 positions are divided: those that are taken at once.
pub fn stretches(images: usize, size: [usize; 2]) -> Vec<Vec<Rectangle>> {
    let even = |len: usize, most: usize| len.div_ceil(len.div_ceil(most.max(1)).max(1)).max(1);
    let (down, across) = (size[0].div_ceil(2), size[1].div_ceil(2));
    let columns = even(across, TOGETHER);
    let lines = even(down, TOGETHER / columns);
    let mut stretches: Vec<Vec<Rectangle>> = Vec::new();
    let mut free = 0;
    for image in 0..images {
        for line in (0..down).step_by(lines) {
            for column in (0..across).step_by(columns) {
                let rectangle = Rectangle {
                    image,
                    down: line..(line + lines).min(down),
                    across: column..(column + columns).min(across),
                };
                let count = rectangle.down.len() * rectangle.across.len();
                if free < count {
                    stretches.push(Vec::new());
                    free = TOGETHER;
                }
                free -= count;
                stretches.last_mut().into_iter().for_each(|last| last.push(rectangle.clone()));
            }
        }
    }
    stretches
}

impl Side {
    /// The lines and columns of the image that some tiles look at.
    fn both(&self, rectangle: &Rectangle) -> [Range<usize>; 2] {
        [self.looked_at(0, &rectangle.down), self.looked_at(1, &rectangle.across)]
    }

    /// Those of one of the two dimensions.
    fn looked_at(&self, dim: usize, tiles: &Range<usize>) -> Range<usize> {
        let from = 2 * tiles.start as isize + self.offset[dim];
        let to = 2 * (tiles.end as isize - 1) + self.offset[dim] + self.reach as isize;
        let inside = |at: isize| at.clamp(0, self.size[dim] as isize) as usize;
        inside(from)..inside(to)
    }

    /// What some tiles look at, of so many channels.
    pub fn ahead(&self, rectangle: &Rectangle, channels: usize) -> Ahead {
        let [lines, columns] = self.both(rectangle);
        let from = rectangle.image as isize * self.image + lines.start as isize * self.line;
        let whole = lines.len().saturating_sub(1) as isize * self.line;
        Ahead {
            start: self.start.wrapping_offset(from + columns.start as isize),
            line: self.channel,
            count: if self.line > 0 { channels } else { 0 },
            len: usize::try_from(whole).unwrap_or(0) + columns.len(),
        }
    }

    /// What some tiles look at.
    fn runs(&self, stretch: &[Rectangle], mut f: impl FnMut(Run)) {
        let mut position = 0;
        for rectangle in stretch {
            let [lines, columns] = self.both(rectangle);
            let start = rectangle.image as isize * self.image
                + lines.start as isize * self.line
                + columns.start as isize;
            if columns.len() as isize == self.line {
                // Whole lines are one.
                f(Run { from: start, position, len: lines.len() * columns.len() });
            } else {
                (0..lines.len()).for_each(|line| {
                    let from = start + line as isize * self.line;
                    f(Run { from, position: position + line * columns.len(), len: columns.len() });
                });
            }
            position += lines.len() * columns.len();
        }
    }

    /// Where the elements of each tile are in a copy.
    pub fn places(&self, stretch: &[Rectangle], places: &mut Vec<[usize; 16]>) {
        places.clear();
        let mut position = 0;
        for rectangle in stretch {
            let [lines, columns] = self.both(rectangle);
            for down in rectangle.down.clone() {
                for across in rectangle.across.clone() {
                    let mut tile = [POSITIONS * PITCH; 16];
                    for (i, place) in tile.iter_mut().take(self.reach * self.reach).enumerate() {
                        let line = (2 * down + i / self.reach) as isize + self.offset[0];
                        let column = (2 * across + i % self.reach) as isize + self.offset[1];
                        let (line, column) = (line as usize, column as usize);
                        if lines.contains(&line) && columns.contains(&column) {
                            let inside = (line - lines.start) * columns.len() + column - columns.start;
                            *place = (position + inside) * PITCH;
                        }
                    }
                    places.push(tile);
                }
            }
            position += lines.len() * columns.len();
        }
    }

    /// Copies so many channels of what some tiles look at, side by side.
    ///
    /// # Safety
    /// The image may be read; the target has [`POSITIONS`].
    pub unsafe fn copy(&self, kernel: &Kernel, channels: usize, stretch: &[Rectangle], target: *mut f32) {
        self.runs(stretch, |run| {
            for first in (0..channels).step_by(kernel.lanes) {
                let turn = Turn {
                    source: self.start.wrapping_offset(run.from + first as isize * self.channel),
                    line: self.channel,
                    lines: kernel.lanes.min(channels - first),
                    count: run.len,
                    target: target.wrapping_add(run.position * PITCH + first),
                    step: PITCH as isize,
                    written: kernel.lanes,
                    add: false,
                };
                // SAFETY: the caller's.
                unsafe { kernel.turn(&turn) };
            }
        });
    }

    /// Takes so many channels of what some tiles made from side by side to the image.
    ///
    /// # Safety
    /// The image may be written, and is the caller's.
    pub unsafe fn put(&self, kernel: &Kernel, channels: usize, stretch: &[Rectangle], source: *const f32) {
        self.runs(stretch, |run| {
            for first in (0..run.len).step_by(kernel.lanes) {
                let lines = kernel.lanes.min(run.len - first);
                let turn = Turn {
                    source: source.wrapping_add((run.position + first) * PITCH),
                    line: PITCH as isize,
                    lines,
                    count: channels,
                    target: self.start.cast_mut().wrapping_offset(run.from + first as isize),
                    step: self.channel,
                    written: lines,
                    add: false,
                };
                // SAFETY: the caller's.
                unsafe { kernel.turn(&turn) };
            }
        });
    }
}
