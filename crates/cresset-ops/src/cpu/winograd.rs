//! Correlations with kernels of 3×3 by Winograd's algorithm: 16 products for four outputs instead of 36.
//!
//! Every number of the result is a sum of products of short sums, whose errors are of the size of those of the long sum
//! that they replace. Taken where images have tiles enough that what is done to the weights does not matter.

use std::ops::Range;

use cresset_tensor::{Error, Result};

use super::{
    correlate::Correlation,
    gemm::Matrix,
    panels::{Ahead, GAP, Kernels, Left, Place, Scratch, Steps, Strip, Tiles},
    threads,
    windows::Windows,
};

/// Fewer channels or rows are not worth the transforms.
const CHANNELS: usize = 16;
/// Nor are fewer tiles, times those of a line that fill a register: the weights are transformed once for all of them.
const TILES: usize = 2500;
/// Nor are lines of fewer,
const LINE: usize = 6;
/// nor fewer tiles at all, however they are gone through.
const FEWEST: usize = 128;
/// Weights that are worth transforming, at most: they are read again for every panel of tiles.
const WEIGHTS: usize = 512 * 512;
/// Tasks to divide the work into where there are tiles enough.
const TASKS: usize = 16;
/// Channels whose tiles are transformed at once, and rows that are made of them: both stay in the second-level cache.
const BLOCK: usize = 128;
/// Products for each tile.
const PARTS: usize = 16;

/// What is looked at: tiles of 2×2 outputs.
struct Job<'a> {
    correlation: &'a Correlation,
    windows: &'a Windows,
    /// Tiles of an image, down and across.
    tiles: [usize; 2],
    /// The smallest offsets of the taps.
    offset: [isize; 2],
    /// The transformed weights: for every group and part a row for each row of the result.
    weights: *const f32,
    /// From one part of them to the next,
    part: usize,
    /// and from one row.
    row: usize,
}

// SAFETY: as of `Correlation`.
unsafe impl Sync for Job<'_> {}

impl Correlation {
    /// Are there tiles enough, and in lines, for [`Correlation::winograd`]?
    pub fn fills_lines(&self) -> bool {
        let [_, y, x] = &self.phases[0].axes;
        let across = x.count.div_ceil(2);
        let tiles = self.phases[0].images * y.count.div_ceil(2) * across;
        across >= LINE && tiles * across.min(self.kernel.lanes) >= TILES
    }

    /// The places of the kernel in the order of their offsets, if the algorithm is for this.
    pub fn winograd_places(&self) -> Option<[usize; 9]> {
        let [windows] = &self.phases[..] else { return None };
        let [z, y, x] = &windows.axes;
        let plain = |axis: &super::windows::Axis| axis.step == 1 && axis.spread == 1 && axis.taps.len() == 3;
        let fits = z.count == 1
            && z.taps.len() == 1
            && z.taps[0].1 == 0
            && plain(y)
            && plain(x)
            && windows.places.len() == 9
            && windows.stride() == 1
            && windows.spread() == 1
            && self.channels >= CHANNELS
            && self.rows >= CHANNELS
            && self.channels * self.rows <= WEIGHTS
            && windows.images * y.count.div_ceil(2) * x.count.div_ceil(2) >= FEWEST;
        if !fits {
            return None;
        }
        let order = |axis: &super::windows::Axis| {
            let mut taps = axis.taps.clone();
            taps.sort_by_key(|&(_, offset)| offset);
            (taps[2].1 - taps[0].1 == 2).then(|| [taps[0].0, taps[1].0, taps[2].0])
        };
        let (down, across) = (order(y)?, order(x)?);
        let mut places = [0; 9];
        for (i, a) in down.iter().enumerate() {
            for (j, b) in across.iter().enumerate() {
                places[3 * i + j] = a * 3 + b;
            }
        }
        Some(places)
    }

    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Correlation::run`].
    pub unsafe fn winograd(&self, places: [usize; 9]) -> Result<()> {
        let no_memory = || Error::memory("conv", "out of memory for the transformed weights");
        let windows = &self.phases[0];
        let row = self.channels.next_multiple_of(self.kernel.lanes) + self.kernel.lanes;
        let part = self.rows * row + GAP;
        let weights = Scratch::new(self.groups * PARTS * part).ok_or_else(no_memory)?;
        let start = weights.start() as usize;
        threads::divide(self.parallel, self.groups * self.rows, &|number| {
            let (of_group, m) = (number / self.rows, number % self.rows);
            let from = self.weights.group * of_group as isize + self.weights.row * m as isize;
            let kernels = Kernels {
                weights: self.weights.start.wrapping_offset(from),
                channel: self.weights.channel,
                channels: self.channels,
                places,
                parts: (start as *mut f32).wrapping_add(of_group * PARTS * part + m * row),
                part,
            };
            // SAFETY: the caller's; every row is one task's.
            unsafe { self.kernel.kernels_apart(&kernels) };
        });
        let [_, y, x] = &windows.axes;
        let least = |axis: &super::windows::Axis| axis.taps.iter().map(|tap| tap.1).min().unwrap_or(0);
        let job = Job {
            correlation: self,
            windows,
            tiles: [y.count.div_ceil(2), x.count.div_ceil(2)],
            offset: [least(y), least(x)],
            weights: weights.start(),
            part,
            row,
        };
        let (width, total) = (self.kernel.width(), windows.images * job.tiles[0] * job.tiles[1]);
        let parts = self.rows.div_ceil(BLOCK);
        let rows = self.rows.div_ceil(parts).next_multiple_of(self.kernel.rows);
        let several = total.div_ceil(TASKS.div_ceil(parts * self.groups)).next_multiple_of(width);
        threads::try_divide(self.parallel, total.div_ceil(several) * parts * self.groups, &|number| {
            let (part, rest) = (number / (parts * self.groups), number % (parts * self.groups));
            let (of_group, first) = (rest / parts, rest % parts * rows);
            let tiles = part * several..((part + 1) * several).min(total);
            // SAFETY: the caller's; every task makes rows and tiles of its own.
            unsafe { job.task(of_group, tiles, first..(first + rows).min(self.rows)) }
        })
        .ok_or_else(no_memory)
    }
}

impl Job<'_> {
    /// From one row of tiles, or of products, to the next: whole registers are written after the last column, and read.
    fn row_of_tiles(&self) -> usize {
        self.correlation.kernel.width() + self.correlation.kernel.lanes
    }

    /// From one part of a panel's tiles to the next, and of its products of so many rows: not a power of two, since parts are
    /// written next to each other.
    fn parts(&self, rows: usize) -> [usize; 2] {
        [self.correlation.channels.min(BLOCK), rows].map(|lines| lines * self.row_of_tiles() + GAP)
    }

    /// The lines of tiles that a range of tiles falls into, as they are read and as they are written.
    fn places(&self, tiles: Range<usize>) -> (Vec<Place>, Vec<Place>) {
        let [down, across] = self.tiles;
        let [_, y, x] = &self.windows.axes;
        let (input, output) = (self.windows.input, self.windows.output);
        let (mut read, mut written) = (Vec::new(), Vec::new());
        let mut at = tiles.start;
        while at < tiles.end {
            let (line, first) = (at / across, at % across);
            let (image, row) = (line / down, line % down);
            let count = (across - first).min(tiles.end - at).min(self.correlation.kernel.lanes);
            let column = at - tiles.start;
            let inside = |start: isize, len: usize, size: usize| {
                (0..len).fold(0_u64, |bits, i| {
                    bits | u64::from((0..size as isize).contains(&(start + i as isize))) << i
                })
            };
            let top = 2 * row as isize + self.offset[0];
            let left = 2 * first as isize + self.offset[1];
            read.push(Place {
                from: image as isize * input.image + top * input.dims[1] + left,
                lines: inside(top, 4, y.size) as u32,
                columns: inside(left, 2 * count + 2, x.size),
                column,
            });
            let (top, left) = (2 * row as isize, 2 * first as isize);
            written.push(Place {
                from: image as isize * output.image + top * output.dims[1] + left,
                lines: inside(top, 2, y.count) as u32,
                columns: inside(left, 2 * count, x.count),
                column,
            });
            at += count;
        }
        (read, written)
    }

    /// Some rows of some tiles of a group.
    ///
    /// # Safety
    /// As of [`Correlation::run`]; these are nobody else's.
    unsafe fn task(&self, group: usize, tiles: Range<usize>, rows: Range<usize>) -> Option<()> {
        let kernel = self.correlation.kernel;
        let [tiles_part, products_part] = self.parts(rows.len());
        let scratch = Scratch::new(PARTS * (tiles_part + products_part))?;
        // SAFETY: so much was taken. Where there is no tile, what lies there is multiplied as well.
        unsafe { std::slice::from_raw_parts_mut(scratch.start(), PARTS * tiles_part) }.fill(0.0);
        let panel = |start: usize| start..(start + kernel.width()).min(tiles.end);
        let mut places = self.places(panel(tiles.start));
        for start in tiles.clone().step_by(kernel.width()) {
            let next = self.places(panel(start + kernel.width()));
            // SAFETY: the caller's; the scratch has room for all parts of a panel.
            unsafe {
                self.panel(group, panel(start).len(), rows.clone(), &places, &next.0, scratch.start());
            }
            places = next;
        }
        Some(())
    }

    /// A panel of tiles, in places where they are read and written; `next` are those that will be read after them.
    ///
    /// # Safety
    /// As of [`Job::task`].
    unsafe fn panel(
        &self,
        group: usize,
        columns: usize,
        rows: Range<usize>,
        (read, written): &(Vec<Place>, Vec<Place>),
        next: &[Place],
        apart: *mut f32,
    ) {
        let Correlation { kernel, channels, input, result, .. } = *self.correlation;
        let (from, to) = (self.windows.input, self.windows.output);
        let (row, block, count) = (self.row_of_tiles(), channels.min(BLOCK), rows.len());
        let [tiles_part, products_part] = self.parts(count);
        let products = apart.wrapping_add(PARTS * tiles_part);
        for first in (0..channels).step_by(block) {
            let depth = block.min(channels - first);
            let image = input.wrapping_offset((group * channels + first) as isize * from.channel);
            // SAFETY: the caller's.
            unsafe {
                kernel.tiles_apart(&Tiles {
                    image,
                    channel: from.channel,
                    line: from.dims[1],
                    channels: depth,
                    places: read,
                    parts: apart,
                    part: tiles_part,
                    row,
                });
            }
            // Of the four lines of a tile the upper two were read with those above it.
            let ahead = |part: usize| {
                next.iter().flat_map(move |place| [2, 3].map(|line| (place, line))).filter_map(
                    move |(place, line)| {
                        let start = image.wrapping_offset(place.from + line as isize * from.dims[1]);
                        let len = 64 - place.columns.leading_zeros() as usize;
                        let lines = Ahead { start, line: from.channel, count: depth, len };
                        (place.lines >> line & 1 != 0).then(|| lines.part(part, PARTS))
                    },
                )
            };
            let mut lines = Vec::new();
            for part in 0..PARTS {
                let weights = (group * PARTS + part) * self.part + rows.start * self.row;
                let start = self.weights.wrapping_add(weights + first);
                let left = Left { start, row: self.row as isize, tile: (self.row * kernel.rows) as isize };
                let start = products.wrapping_add(part * products_part);
                lines.clear();
                lines.extend(ahead(part));
                // SAFETY: the caller's.
                unsafe {
                    kernel.strip(&Strip {
                        rows: count,
                        columns,
                        left,
                        panel: apart.wrapping_add(part * tiles_part),
                        steps: Steps::Even { count: depth, a: 1, b: row as isize },
                        c: Matrix { start, row: row as isize, column: 1 },
                        runs: &[],
                        add: first > 0,
                        ahead: &lines,
                    });
                }
            }
        }
        let channel = (group * self.correlation.rows + rows.start) as isize * to.channel;
        // SAFETY: the caller's.
        unsafe {
            kernel.tiles_together(&Tiles {
                image: result.wrapping_offset(channel).cast_const(),
                channel: to.channel,
                line: to.dims[1],
                channels: count,
                places: written,
                parts: products,
                part: products_part,
                row,
            });
        }
    }
}
