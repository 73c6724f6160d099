//! What kernels of 3×3 are to be changed by, with Winograd's algorithm: 16 products for four positions instead of 36.
//!
//! Channels lie side by side in everything that is made on the way: images of few positions then fill registers as well as
//! large ones, and both factors are read as the product needs them.

use std::ops::Range;

use cresset_tensor::{Error, Result};

use super::{
    gemm::Matrix,
    panels::{Ahead, GAP, Gradients, Left, Scratch, Strip, TileLanes, Turn},
    threads,
    weigh::Weighing,
    windows::Axis,
};

/// Fewer channels are not worth the transforms.
const CHANNELS: usize = 16;
/// Nor are fewer positions worth putting the sums together.
const FEWEST: usize = 64;
/// Channels of a block, of either image: its parts, sums among them, stay in the second-level cache,
const BLOCK: usize = 64;
/// with so many tiles at once.
const TOGETHER: usize = 64;
/// Tasks to divide the work into where it is large enough.
const TASKS: usize = 8;
/// Rows that a task puts together.
const ROWS: usize = 16;
/// Products for each tile.
const PARTS: usize = 16;

/// One of the two images.
struct Side {
    start: *const f32,
    image: isize,
    channel: isize,
    line: isize,
    /// Lines and columns.
    size: [usize; 2],
    /// Where the first tile begins.
    offset: [isize; 2],
    /// Lines and columns of a tile.
    reach: usize,
}

/// Neighbouring tiles of an image.
#[derive(Clone, Debug)]
struct Rectangle {
    image: usize,
    down: Range<usize>,
    across: Range<usize>,
}

/// Some channels of both images.
#[derive(Clone)]
struct Block {
    group: usize,
    channels: Range<usize>,
    outputs: Range<usize>,
}

/// Memory of a task.
struct Room {
    /// Channels side by side of some tiles, and zeros behind them.
    image: *mut f32,
    /// The parts of both images.
    parts: [*mut f32; 2],
    /// The sums.
    sums: *mut f32,
}

/// From one part of a block to the next: not a power of two, since parts are written next to each other.
const PART: usize = TOGETHER * BLOCK + GAP;
const SUMS: usize = BLOCK * BLOCK + GAP;
/// From one position of a copied image to the next.
const PITCH: usize = BLOCK + GAP;
/// Positions of some tiles, at most.
const POSITIONS: usize = 16 * TOGETHER;

impl Weighing {
    /// Is the algorithm for this?
    pub fn has_tiles(&self) -> bool {
        let [z, y, x] = &self.windows.axes;
        let plain = |axis: &Axis| {
            axis.step == 1
                && axis.spread == 1
                && axis.taps.len() == 3
                && axis.taps.windows(2).all(|taps| taps[1].1 == taps[0].1 + 1)
        };
        self.kernel.has_tiles()
            && z.count == 1
            && z.taps.len() == 1
            && z.taps[0].1 == 0
            && plain(y)
            && plain(x)
            && self.places == 9
            && self.windows.stride() == 1
            && self.channels >= CHANNELS
            && self.outputs >= CHANNELS
            && self.windows.images * y.count * x.count >= FEWEST
    }

    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Weighing::run`].
    pub unsafe fn by_tiles(&self) -> Result<()> {
        let no_memory = || Error::memory("conv_weight", "out of memory for tiles of the images");
        let (blocks, stretches) = (self.tile_blocks(), self.stretches());
        // Where blocks make few tasks, tiles are summed in shares, and the shares in order.
        let wanted = TASKS.div_ceil(blocks.len()).min(stretches.len().div_ceil(2));
        let shares = if self.parallel { wanted.max(1) } else { 1 };
        let all = Scratch::new(if shares > 1 { blocks.len() * shares * PARTS * SUMS } else { 0 });
        let all = all.ok_or_else(no_memory)?;
        let start = all.start() as usize;
        let of_task = |task: usize| (start as *mut f32).wrapping_add(task * PARTS * SUMS);
        threads::try_divide(self.parallel, blocks.len() * shares, &|task| {
            let (block, share) = (&blocks[task / shares], task % shares);
            let range = stretches.len() * share / shares..stretches.len() * (share + 1) / shares;
            let parts = PARTS * PART;
            let image = (POSITIONS + 1) * PITCH;
            let own = Scratch::new(image + 2 * parts + if shares > 1 { 0 } else { PARTS * SUMS })?;
            let after = |elements: usize| own.start().wrapping_add(elements);
            let sums = if shares > 1 { of_task(task) } else { after(image + 2 * parts) };
            let room = Room { image: own.start(), parts: [after(image), after(image + parts)], sums };
            // SAFETY: the caller's; every task has sums of its own, or its block of the result.
            unsafe {
                self.sum_tiles(block, &stretches[range], &room);
                if shares == 1 {
                    self.put_together(block, block.outputs.clone(), 1, sums);
                }
            }
            Some(())
        })
        .ok_or_else(no_memory)?;
        if shares > 1 {
            let parts = BLOCK / ROWS;
            threads::divide(self.parallel, blocks.len() * parts, &|number| {
                let (block, part) = (&blocks[number / parts], number % parts);
                let first = block.outputs.start + part * ROWS;
                let rows = first.min(block.outputs.end)..(first + ROWS).min(block.outputs.end);
                // SAFETY: all sums were made; these rows of the result are this task's.
                unsafe { self.put_together(block, rows, shares, of_task(number / parts * shares)) };
            });
        }
        Ok(())
    }

    /// How channels are divided.
    fn tile_blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for group in 0..self.groups {
            for output in (0..self.outputs).step_by(BLOCK) {
                for first in (0..self.channels).step_by(BLOCK) {
                    blocks.push(Block {
                        group,
                        channels: first..(first + BLOCK).min(self.channels),
                        outputs: output..(output + BLOCK).min(self.outputs),
                    });
                }
            }
        }
        blocks
    }

    /// How tiles are divided: those that are taken at once.
    fn stretches(&self) -> Vec<Vec<Rectangle>> {
        let even = |len: usize, most: usize| len.div_ceil(len.div_ceil(most.max(1)).max(1)).max(1);
        let [_, y, x] = &self.windows.axes;
        let (down, across) = (y.count.div_ceil(2), x.count.div_ceil(2));
        let columns = even(across, TOGETHER);
        let lines = even(down, TOGETHER / columns);
        let mut stretches: Vec<Vec<Rectangle>> = Vec::new();
        let mut free = 0;
        for image in 0..self.windows.images {
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

    /// The images of a block: the input, and what is at the positions.
    fn sides(&self, block: &Block) -> [Side; 2] {
        let ([_, y, x], input) = (&self.windows.axes, &self.windows.input);
        let positions = y.count * x.count;
        let channel = (block.group * self.channels + block.channels.start) as isize;
        let output = block.group * self.outputs + block.outputs.start;
        let first = |axis: &Axis| axis.taps.first().map_or(0, |tap| tap.1);
        [
            Side {
                start: self.x.wrapping_offset(channel * input.channel),
                image: input.image,
                channel: input.channel,
                line: input.dims[1],
                size: [y.size, x.size],
                offset: [first(y), first(x)],
                reach: 4,
            },
            Side {
                start: self.y.wrapping_add(output * positions),
                image: (self.groups * self.outputs * positions) as isize,
                channel: positions as isize,
                line: x.count as isize,
                size: [y.count, x.count],
                offset: [0, 0],
                reach: 2,
            },
        ]
    }

    /// The sums of a block over some stretches.
    ///
    /// # Safety
    /// As of [`Weighing::run`]; the room is the caller's.
    unsafe fn sum_tiles(&self, block: &Block, stretches: &[Vec<Rectangle>], room: &Room) {
        let (kernel, width) = (self.kernel, self.kernel.width());
        let (channels, outputs) = (block.channels.len(), block.outputs.len());
        let sides = self.sides(block);
        let mut steps = [[0; 2]; TOGETHER];
        steps.iter_mut().enumerate().for_each(|(t, step)| *step = [(t * width) as isize; 2]);
        // SAFETY: there is room for so many positions, and zeros behind them.
        unsafe { std::slice::from_raw_parts_mut(room.image.add(POSITIONS * PITCH), PITCH) }.fill(0.0);
        let mut places = Vec::with_capacity(TOGETHER);
        let strip = TOGETHER * width;
        for (number, stretch) in stretches.iter().enumerate() {
            for (side, (count, &parts)) in sides.iter().zip([channels, outputs].iter().zip(&room.parts)) {
                places.clear();
                // SAFETY: the caller's.
                unsafe {
                    side.copy(self.kernel, *count, stretch, room.image, &mut places);
                    let job = TileLanes {
                        image: room.image,
                        channels: *count,
                        places: &places,
                        parts,
                        part: PART,
                        strip,
                        width,
                    };
                    kernel.tile_lanes(&job, side.reach == 4);
                }
            }
            let next = stretches.get(number + 1).map_or(&[][..], Vec::as_slice);
            let mut ahead: Vec<Ahead> = Vec::new();
            for (side, count) in sides.iter().zip([channels, outputs]) {
                ahead.extend(next.iter().map(|rectangle| side.ahead(rectangle, count)));
            }
            let steps = &steps[..places.len()];
            for part in 0..PARTS {
                let asked: Vec<Ahead> = ahead.iter().map(|ahead| ahead.part(part, PARTS)).collect();
                for (i, first) in (0..channels).step_by(width).enumerate() {
                    for (j, row) in (0..outputs).step_by(width).enumerate() {
                        let start = room.sums.wrapping_add(part * SUMS + row * BLOCK + first);
                        // SAFETY: the parts were made; the sums are the caller's.
                        unsafe {
                            kernel.strip(&Strip {
                                rows: width.min(outputs - row),
                                columns: width.min(channels - first),
                                left: Left {
                                    start: room.parts[1].wrapping_add(part * PART + j * strip),
                                    row: 1,
                                    tile: kernel.rows as isize,
                                },
                                panel: room.parts[0].wrapping_add(part * PART + i * strip),
                                steps,
                                c: Matrix { start, row: BLOCK as isize, column: 1 },
                                runs: &[],
                                add: number > 0,
                                ahead: if i + j == 0 { &asked } else { &[] },
                            });
                        }
                    }
                }
            }
        }
    }

    /// Takes rows of a block's sums to the result.
    ///
    /// # Safety
    /// The sums were made; these rows of the result are the caller's.
    unsafe fn put_together(&self, block: &Block, rows: Range<usize>, shares: usize, sums: *const f32) {
        let output = block.group * self.outputs + rows.start;
        let gradients = Gradients {
            sums: sums.wrapping_add((rows.start - block.outputs.start) * BLOCK),
            shares,
            share: PARTS * SUMS,
            part: SUMS,
            row: BLOCK,
            rows: rows.len(),
            channels: block.channels.len(),
            target: self.result.wrapping_add((output * self.channels + block.channels.start) * 9),
            target_row: self.channels * 9,
        };
        // SAFETY: the caller's.
        unsafe { self.kernel.gradients(&gradients) };
    }
}

impl Side {
    /// The lines and columns of the image that some tiles look at, in one of two dimensions.
    fn looked_at(&self, dim: usize, tiles: &Range<usize>) -> Range<usize> {
        let from = 2 * tiles.start as isize + self.offset[dim];
        let to = 2 * (tiles.end as isize - 1) + self.offset[dim] + self.reach as isize;
        let inside = |at: isize| at.clamp(0, self.size[dim] as isize) as usize;
        inside(from)..inside(to)
    }

    /// What some tiles look at, of so many channels.
    fn ahead(&self, rectangle: &Rectangle, channels: usize) -> Ahead {
        let [lines, columns] = [self.looked_at(0, &rectangle.down), self.looked_at(1, &rectangle.across)];
        let from = rectangle.image as isize * self.image + lines.start as isize * self.line;
        let whole = lines.len().saturating_sub(1) as isize * self.line;
        Ahead {
            start: self.start.wrapping_offset(from + columns.start as isize),
            line: self.channel,
            count: if self.line > 0 { channels } else { 0 },
            len: usize::try_from(whole).unwrap_or(0) + columns.len(),
        }
    }

    /// Copies what some tiles look at, channels side by side, and says where each tile's elements are.
    ///
    /// # Safety
    /// The image may be read; the target has [`POSITIONS`], and zeros behind them.
    unsafe fn copy(
        &self,
        kernel: &super::panels::Kernel,
        channels: usize,
        stretch: &[Rectangle],
        target: *mut f32,
        places: &mut Vec<[usize; 16]>,
    ) {
        let mut position = 0;
        for rectangle in stretch {
            let [lines, columns] = [self.looked_at(0, &rectangle.down), self.looked_at(1, &rectangle.across)];
            // Whole lines are one.
            let (runs, len) = if columns.len() as isize == self.line {
                (1, lines.len() * columns.len())
            } else {
                (lines.len(), columns.len())
            };
            let start = rectangle.image as isize * self.image
                + lines.start as isize * self.line
                + columns.start as isize;
            for run in 0..runs {
                for first in (0..channels).step_by(kernel.lanes) {
                    let from = start + run as isize * self.line + first as isize * self.channel;
                    let turn = Turn {
                        source: self.start.wrapping_offset(from),
                        line: self.channel,
                        lines: kernel.lanes.min(channels - first),
                        count: len,
                        target: target.wrapping_add((position + run * len) * PITCH + first),
                        step: PITCH as isize,
                        written: kernel.lanes,
                        add: false,
                    };
                    // SAFETY: the caller's.
                    unsafe { kernel.turn(&turn) };
                }
            }
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
}
