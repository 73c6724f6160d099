//! What a convolution's weights are to be changed by: the sum over all positions of patches times what is there.
//!
//! The product is made transposed: its rows are the channels and taps, whose patches are packed with positions along, and
//! its columns the channels of the other image, of which there are few, so that it is packed once for many rows.

use std::ops::Range;

use cresset_tensor::{Error, Result};

use super::{
    gemm::Matrix,
    panels::{Ahead, DEPTH, GAP, Kernel, Left, Patches, Scratch, Steps, Strip, Turn},
    threads,
    windows::Windows,
};

/// Rows of a block, about: patches of so many stay in the second-level cache.
const ROWS: usize = 288;
/// Columns of a block.
const COLUMNS: usize = 256;
/// Tasks to divide the work into where it is large enough.
const TASKS: usize = 8;

/// `result[m, c, place] = Σ y[n, m, t]·x[n, c, t·step + tap]`, for every group.
pub struct Weighing {
    pub kernel: &'static Kernel,
    pub windows: Windows,
    pub groups: usize,
    /// Channels of `x` in a group.
    pub channels: usize,
    /// Channels of `y` in a group.
    pub outputs: usize,
    /// Elements of a kernel.
    pub places: usize,
    pub x: *const f32,
    /// Row-major.
    pub y: *const f32,
    /// Row-major.
    pub result: *mut f32,
    /// Is there enough to do for several threads?
    pub parallel: bool,
}

// SAFETY: what is read is locked by the caller; every task writes a part of the result that no other one touches.
unsafe impl Sync for Weighing {}

/// Some rows and columns of the product of a group.
#[derive(Clone)]
struct Block {
    group: usize,
    channels: Range<usize>,
    outputs: Range<usize>,
}

impl Weighing {
    /// Computes all of it.
    ///
    /// # Safety
    /// `x` may be read where the windows say, `y` as a whole; the result is the caller's.
    pub unsafe fn run(&self) -> Result<()> {
        let no_memory = || Error::memory("conv_weight", "out of memory for the packed patches");
        let taps = self.windows.places.len();
        let depths = self.depths();
        if taps == 0 || depths.is_empty() {
            let all = self.groups * self.outputs * self.channels * self.places;
            // SAFETY: the result has so many elements, and is the caller's.
            unsafe { std::slice::from_raw_parts_mut(self.result, all) }.fill(0.0);
            return Ok(());
        }
        if self.has_tiles() {
            // SAFETY: the caller's.
            return unsafe { self.by_tiles() };
        }
        if let Some(copy) = self.depthwise_copy() {
            // SAFETY: the caller's.
            return unsafe { self.depthwise(&copy) };
        }
        let blocks = self.blocks();
        // Where blocks make few tasks, positions are summed in parts, and the parts in order.
        let parts = TASKS.div_ceil(blocks.len().max(1)).min(depths.len()).max(1);
        let parts = if self.parallel { parts } else { 1 };
        let room = |block: &Block| block.channels.len() * taps * self.stride(block);
        let rooms: usize = blocks.iter().map(room).sum();
        let largest = blocks.iter().map(room).max().unwrap_or(0);
        let sums = Scratch::new(if parts > 1 { rooms * parts } else { 0 }).ok_or_else(no_memory)?;
        let place = |number: usize, part: usize| {
            let before: usize = blocks[..number].iter().map(room).sum();
            sums.start().wrapping_add(before * parts + room(&blocks[number]) * part)
        };
        threads::try_divide(self.parallel, blocks.len() * parts, &|task| {
            let (number, part) = (task / parts, task % parts);
            let block = &blocks[number];
            let range = depths.len() * part / parts..depths.len() * (part + 1) / parts;
            if parts > 1 {
                // SAFETY: the caller's; every task has its own sums.
                return unsafe { self.sum(block, &depths[range], place(number, part)) };
            }
            let own = Scratch::new(largest)?;
            // SAFETY: as above; the block of the result is this task's.
            unsafe {
                self.sum(block, &depths[range], own.start())?;
                self.finish(block, own.start());
            }
            Some(())
        })
        .ok_or_else(no_memory)?;
        if parts == 1 {
            return Ok(());
        }
        threads::divide(self.parallel, blocks.len(), &|number| {
            let block = &blocks[number];
            // SAFETY: all sums were made; those of a block are this task's.
            unsafe {
                let first = std::slice::from_raw_parts_mut(place(number, 0), room(block));
                for part in 1..parts {
                    let more = std::slice::from_raw_parts(place(number, part).cast_const(), room(block));
                    first.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                }
                self.finish(block, first.as_mut_ptr());
            }
        });
        Ok(())
    }

    /// How the product is divided: a function of its shape alone.
    fn blocks(&self) -> Vec<Block> {
        let even = |len: usize, most: usize| len.div_ceil(len.div_ceil(most.max(1)).max(1)).max(1);
        let channels = even(self.channels, (ROWS / self.windows.places.len()).max(1));
        let outputs = even(self.outputs, COLUMNS).next_multiple_of(self.kernel.width());
        let mut blocks = Vec::new();
        for group in 0..self.groups {
            for first in (0..self.channels).step_by(channels) {
                for output in (0..self.outputs).step_by(outputs) {
                    blocks.push(Block {
                        group,
                        channels: first..(first + channels).min(self.channels),
                        outputs: output..(output + outputs).min(self.outputs),
                    });
                }
            }
        }
        blocks
    }

    /// All positions of all images, in stretches.
    fn depths(&self) -> Vec<Range<usize>> {
        let total = self.windows.positions() * self.windows.images;
        let depth = total.div_ceil(total.div_ceil(DEPTH).max(1)).max(1);
        (0..total).step_by(depth).map(|start| start..(start + depth).min(total)).collect()
    }

    /// From one row of a block's sums to the next.
    fn stride(&self, block: &Block) -> usize {
        block.outputs.len().next_multiple_of(self.kernel.lanes)
    }

    /// The sums of a block over some positions.
    ///
    /// # Safety
    /// As of [`Weighing::run`]; there is room for the sums.
    unsafe fn sum(&self, block: &Block, depths: &[Range<usize>], sums: *mut f32) -> Option<()> {
        let (kernel, windows) = (self.kernel, &self.windows);
        let (taps, width) = (windows.places.len(), kernel.width());
        let rows = block.channels.len() * taps;
        let row = DEPTH + GAP;
        let patches_room = (rows * row).next_multiple_of(GAP);
        let scratch = Scratch::new(patches_room + DEPTH * width)?;
        let (packed, panel) = (scratch.start(), scratch.start().wrapping_add(patches_room));
        let channel = (block.group * self.channels + block.channels.start) as isize;
        let describe =
            |range: &Range<usize>| windows.describe(range.clone(), 0..taps, kernel.lanes, range.len(), row);
        let source = self.x.wrapping_offset(channel * windows.input.channel);
        let mut stretch = describe(depths.first()?);
        let mut ahead = Vec::new();
        for (number, range) in depths.iter().enumerate() {
            let patches = Patches {
                source,
                channel: windows.input.channel,
                channels: block.channels.len(),
                stride: windows.stride(),
                moves: &stretch.moves,
                target: packed,
                rows: taps * row,
            };
            // SAFETY: the caller's; the scratch has room for the patches.
            unsafe { kernel.patches(&patches) };
            ahead.clear();
            if let Some(next) = depths.get(number + 1) {
                stretch = describe(next);
                ahead.push(self.ahead(block, next));
                ahead.extend(windows.fresh(&stretch).map(|(from, len)| Ahead {
                    start: source.wrapping_offset(from),
                    line: windows.input.channel,
                    count: block.channels.len(),
                    len,
                }));
            }
            let left = Left { start: packed, row: row as isize, tile: (row * kernel.rows) as isize };
            let panels = block.outputs.len().div_ceil(width);
            for (part, output) in block.outputs.clone().step_by(width).enumerate() {
                let columns = width.min(block.outputs.end - output);
                let room = kernel.room(columns);
                let steps = Steps::Even { count: range.len(), a: 1, b: room as isize };
                let start = sums.wrapping_add(output - block.outputs.start);
                let c = Matrix { start, row: self.stride(block) as isize, column: 1 };
                let ahead: Vec<Ahead> = ahead.iter().map(|ahead| ahead.part(part, panels)).collect();
                // SAFETY: the caller's; the scratch has room for the panel.
                unsafe {
                    self.panel(block.group, output, columns, range.clone(), panel);
                    kernel.strip(&Strip {
                        rows,
                        columns,
                        left,
                        panel,
                        steps,
                        c,
                        runs: &[],
                        add: number > 0,
                        ahead: &ahead,
                    });
                }
            }
        }
        Some(())
    }

    /// What will be read of `y` at some positions.
    fn ahead(&self, block: &Block, range: &Range<usize>) -> Ahead {
        let positions = self.windows.positions();
        let (image, position) = (range.start / positions, range.start % positions);
        let channel = (image * self.groups + block.group) * self.outputs + block.outputs.start;
        Ahead {
            start: self.y.wrapping_add(channel * positions + position),
            line: positions as isize,
            count: block.outputs.len(),
            len: range.len().min(positions - position),
        }
    }

    /// Packs some positions of some channels of `y`, channels along.
    ///
    /// # Safety
    /// As of [`Weighing::run`]; the target has room for the panel.
    unsafe fn panel(
        &self,
        group: usize,
        output: usize,
        columns: usize,
        range: Range<usize>,
        target: *mut f32,
    ) {
        let (kernel, positions) = (self.kernel, self.windows.positions());
        let room = kernel.room(columns);
        let mut at = range.start;
        while at < range.end {
            let (image, position) = (at / positions, at % positions);
            let count = (positions - position).min(range.end - at);
            for first in (0..room).step_by(kernel.lanes) {
                let channel = (image * self.groups + group) * self.outputs + output + first;
                let turn = Turn {
                    source: self.y.wrapping_add(channel * positions + position),
                    line: positions as isize,
                    lines: columns.saturating_sub(first).min(kernel.lanes),
                    count,
                    target: target.wrapping_add((at - range.start) * room + first),
                    step: room as isize,
                    written: kernel.lanes,
                    add: false,
                };
                // SAFETY: the caller's.
                unsafe { kernel.turn(&turn) };
            }
            at += count;
        }
    }

    /// Takes a block's sums to the result.
    ///
    /// # Safety
    /// The sums were made; the block of the result is the caller's.
    unsafe fn finish(&self, block: &Block, sums: *const f32) {
        let (places, taps, stride) = (self.places, &self.windows.places, self.stride(block));
        let row = self.channels * places;
        let start = (block.group * self.outputs + block.outputs.start) * row + block.channels.start * places;
        let result = self.result.wrapping_add(start);
        let rows = block.channels.len() * taps.len();
        if taps.len() == places {
            for first in (0..rows).step_by(self.kernel.lanes) {
                let lines = self.kernel.lanes.min(rows - first);
                let turn = Turn {
                    source: sums.wrapping_add(first * stride),
                    line: stride as isize,
                    lines,
                    count: block.outputs.len(),
                    target: result.wrapping_add(first),
                    step: row as isize,
                    written: lines,
                    add: false,
                };
                // SAFETY: the caller's.
                unsafe { self.kernel.turn(&turn) };
            }
            return;
        }
        for output in 0..block.outputs.len() {
            // SAFETY: the caller's.
            let line = unsafe {
                std::slice::from_raw_parts_mut(result.add(output * row), block.channels.len() * places)
            };
            // Most elements of the kernel may never meet anything.
            line.fill(0.0);
            for (c, kernel) in line.chunks_exact_mut(places).enumerate() {
                for (t, &place) in taps.iter().enumerate() {
                    // SAFETY: the caller's.
                    kernel[place] = unsafe { *sums.add((c * taps.len() + t) * stride + output) };
                }
            }
        }
    }
}
