//! Correlations of small images with kernels of 3×3 by Winograd's algorithm, channels side by side: lines of few tiles would
//! leave most of a register empty, and so would the rows of a product whose columns are tiles.

use cresset_tensor::{Error, Result};

use super::{
    correlate::Correlation,
    gemm::Matrix,
    panels::{GAP, Kernels, Left, Scratch, Steps, Strip, TileLanes},
    side_by_side::{BLOCK, PART, PARTS, PITCH, POSITIONS, Rectangle, Side, TOGETHER, stretches},
    threads,
    windows::Axis,
};

/// Channels whose kernels a task takes apart.
const CHANNELS: usize = 8;

/// The weights, taken apart: for every group and part strips of rows, in which each channel has a line.
struct Apart {
    start: *const f32,
    /// From one group to the next.
    group: usize,
    /// From one part to the next.
    part: usize,
}

// SAFETY: as of `Correlation`.
unsafe impl Sync for Apart {}

impl Correlation {
    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Correlation::run`].
    pub unsafe fn by_tiles(&self, places: [usize; 9]) -> Result<()> {
        let no_memory = || Error::memory("conv", "out of memory for tiles of the images");
        let (kernel, windows) = (self.kernel, &self.phases[0]);
        let width = kernel.width();
        let part = self.rows.next_multiple_of(width) * self.channels + GAP;
        let weights = Scratch::new(self.groups * PARTS * part).ok_or_else(no_memory)?;
        let apart = Apart { start: weights.start(), group: PARTS * part, part };
        let tasks = self.channels.div_ceil(CHANNELS);
        threads::divide(self.parallel, self.groups * tasks, &|number| {
            let (group, first) = (number / tasks, number % tasks * CHANNELS);
            // SAFETY: the caller's; every channel is one task's.
            unsafe { self.kernels_apart(&apart, group, first, places) };
        });
        let [_, y, x] = &windows.axes;
        let stretches = stretches(windows.images, [y.count, x.count]);
        let blocks = self.rows.div_ceil(BLOCK);
        threads::try_divide(self.parallel, self.groups * stretches.len() * blocks, &|number| {
            let (stretch, block) = (&stretches[number / blocks % stretches.len()], number % blocks);
            let group = number / blocks / stretches.len();
            // SAFETY: the caller's; every task makes rows and tiles of its own.
            unsafe { self.stretch(&apart, group, stretch, block * BLOCK) }
        })
        .ok_or_else(no_memory)
    }

    /// Takes the kernels of some channels apart.
    ///
    /// # Safety
    /// The weights may be read; what is made of these channels is the caller's.
    unsafe fn kernels_apart(&self, apart: &Apart, group: usize, first: usize, places: [usize; 9]) {
        let (weights, width) = (self.weights, self.kernel.width());
        for c in first..(first + CHANNELS).min(self.channels) {
            let from = weights.group * group as isize + weights.channel * c as isize;
            for row in (0..self.rows).step_by(width) {
                let to = group * apart.group + row * self.channels + c * width;
                let kernels = Kernels {
                    weights: weights.start.wrapping_offset(from + weights.row * row as isize),
                    channel: weights.row,
                    channels: width.min(self.rows - row),
                    places,
                    parts: apart.start.cast_mut().wrapping_add(to),
                    part: apart.part,
                };
                // SAFETY: the caller's; strips are whole registers wide.
                unsafe { self.kernel.kernels_apart(&kernels) };
            }
        }
    }

    /// A block of rows of some tiles.
    ///
    /// # Safety
    /// As of [`Correlation::run`]; these are nobody else's.
    unsafe fn stretch(&self, apart: &Apart, group: usize, stretch: &[Rectangle], row: usize) -> Option<()> {
        let (kernel, windows, width) = (self.kernel, &self.phases[0], self.kernel.width());
        let rows = BLOCK.min(self.rows - row);
        let image = (POSITIONS + 1) * PITCH;
        let scratch = Scratch::new(image + 2 * PARTS * PART)?;
        let (copy, parts) = (scratch.start(), scratch.start().wrapping_add(image));
        let products = parts.wrapping_add(PARTS * PART);
        let strip = TOGETHER * width;
        // SAFETY: there is room for zeros behind all positions.
        unsafe { std::slice::from_raw_parts_mut(copy.wrapping_add(POSITIONS * PITCH), PITCH) }.fill(0.0);
        let [_, y, x] = &windows.axes;
        let least = |axis: &Axis| axis.taps.iter().map(|tap| tap.1).min().unwrap_or(0);
        let side = |first: usize| Side {
            start: self
                .input
                .wrapping_offset((group * self.channels + first) as isize * windows.input.channel),
            image: windows.input.image,
            channel: windows.input.channel,
            line: windows.input.dims[1],
            size: [y.size, x.size],
            offset: [least(y), least(x)],
            reach: 4,
        };
        let mut places = Vec::with_capacity(TOGETHER);
        side(0).places(stretch, &mut places);
        let mut steps = [[0; 2]; BLOCK];
        for (c, step) in steps.iter_mut().enumerate() {
            *step = [(c / width * strip + c % width) as isize, (c * width) as isize];
        }
        for first in (0..self.channels).step_by(BLOCK) {
            let channels = BLOCK.min(self.channels - first);
            // SAFETY: the caller's; the scratch has room for all tiles and channels.
            unsafe {
                side(first).copy(kernel, channels, stretch, copy);
                let job =
                    TileLanes { image: copy, channels, places: &places, parts, part: PART, strip, width };
                kernel.tile_lanes(&job, true);
            }
            for part in 0..PARTS {
                for at in (0..rows).step_by(width) {
                    let from =
                        group * apart.group + part * apart.part + (row + at) * self.channels + first * width;
                    let start = products.wrapping_add(part * PART + at / width * strip);
                    // SAFETY: as above.
                    unsafe {
                        kernel.strip(&Strip {
                            rows: places.len(),
                            columns: width.min(rows - at),
                            left: Left {
                                start: parts.wrapping_add(part * PART),
                                row: width as isize,
                                tile: (width * kernel.rows) as isize,
                            },
                            panel: apart.start.wrapping_add(from),
                            steps: Steps::Listed(&steps[..channels]),
                            c: Matrix { start, row: width as isize, column: 1 },
                            runs: &[],
                            add: first > 0,
                            ahead: &[],
                        });
                    }
                }
            }
        }
        let channel = (group * self.rows + row) as isize * windows.output.channel;
        let target = Side {
            start: self.result.wrapping_offset(channel).cast_const(),
            image: windows.output.image,
            channel: windows.output.channel,
            line: windows.output.dims[1],
            size: [y.count, x.count],
            offset: [0, 0],
            reach: 2,
        };
        target.places(stretch, &mut places);
        // SAFETY: as above. What is outside goes behind all positions, where zeros are no longer needed.
        unsafe {
            kernel.lanes_together(&TileLanes {
                image: copy,
                channels: rows,
                places: &places,
                parts: products,
                part: PART,
                strip,
                width,
            });
            target.put(kernel, rows, stretch, copy);
        }
        Some(())
    }
}
