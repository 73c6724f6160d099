//! What kernels of 3×3 are to be changed by, with Winograd's algorithm: 16 products for four positions instead of 36.
//!
//! Channels lie side by side in everything that is made on the way, so that both factors are read as the product needs them.

use std::ops::Range;

use cresset_tensor::{Error, Result};

use super::{
    gemm::Matrix,
    panels::{Ahead, GAP, Gradients, Left, Scratch, Steps, Strip, TileLanes},
    side_by_side::{BLOCK, PART, PARTS, PITCH, POSITIONS, Rectangle, Side, TOGETHER, stretches},
    threads,
    weigh::Weighing,
    windows::Axis,
};

/// Fewer channels are not worth the transforms.
const CHANNELS: usize = 16;
/// Nor are fewer positions worth putting the sums together.
const FEWEST: usize = 64;
/// Tasks to divide the work into where it is large enough.
const TASKS: usize = 8;
/// Rows that a task puts together.
const ROWS: usize = 16;
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

/// From one part of the sums to the next.
const SUMS: usize = BLOCK * BLOCK + GAP;
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
        z.count == 1
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
        let [_, y, x] = &self.windows.axes;
        let (blocks, stretches) = (self.tile_blocks(), stretches(self.windows.images, [y.count, x.count]));
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
        // SAFETY: there is room for so many positions, and zeros behind them.
        unsafe { std::slice::from_raw_parts_mut(room.image.add(POSITIONS * PITCH), PITCH) }.fill(0.0);
        let mut places = Vec::with_capacity(TOGETHER);
        let strip = TOGETHER * width;
        for (number, stretch) in stretches.iter().enumerate() {
            for (side, (count, &parts)) in sides.iter().zip([channels, outputs].iter().zip(&room.parts)) {
                side.places(stretch, &mut places);
                // SAFETY: the caller's.
                unsafe {
                    side.copy(kernel, *count, stretch, room.image);
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
            let steps = Steps::Even { count: places.len(), a: width as isize, b: width as isize };
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
