//! Correlations whose patches are read where they lie: bands of the image are copied once, with their padding, and every
//! tap of a kernel is the same lines a little further on. What has a stride is first sorted by its remainders.
//!
//! Positions are counted through the copy's lines, of which the last few are padding. Panels go either along all of them,
//! and what was computed of the padding is left out; or along each line, whose end may leave lanes unused.

use std::ops::Range;

use cresset_tensor::{Error, Result};
use smallvec::SmallVec;

use super::{
    correlate::Correlation,
    gemm::Matrix,
    padded::Padded,
    panels::{Ahead, DEPTH, Left, Patches, Run, Scratch, Steps, Strip},
    threads,
    windows::Windows,
};

/// Bytes of a band's copy, about: it stays in the second-level cache.
const BAND: usize = 256 << 10;
/// Bytes of it that a panel looks at: they stay in the first-level cache.
const NEAR: usize = 30 << 10;
/// Tasks to divide the work into where it is large enough.
const TASKS: usize = 8;
/// Rows below which a task does not divide its band with another: both would copy it.
const ROWS: usize = 64;
/// Cycles of a step of a tile, a register wide.
const STEP: usize = 4;
/// Numbers that are asked for at once.
const PIECE: usize = 64;
/// Cycles of a register of a tile's sums that is stored in runs.
const RUN: usize = 40;
/// Cycles of a weight packed.
const PACK: usize = 3;
/// Cycles of a register copied from afar.
const MOVE: usize = 15;

/// How a correlation is computed: a function of its shape alone.
#[derive(Debug)]
pub struct Plan {
    /// The bands.
    copy: Padded,
    /// Do panels go along single lines?
    by_lines: bool,
    /// Channels of a block.
    channels: usize,
}

impl Plan {
    /// Registers for so many lines of positions: those of panels as wide as a tile, and narrower ones.
    fn registers(&self, lines: usize, lanes: usize) -> [usize; 2] {
        let of = |columns: usize| {
            let all = columns.div_ceil(lanes);
            [all / 2 * 2, all % 2]
        };
        if self.by_lines {
            of(self.copy.count[1]).map(|registers| registers * lines)
        } else {
            of((lines - 1) * self.copy.pitch + self.copy.count[1])
        }
    }
}

/// Some rows of the result, at some lines of positions of an image.
struct Task {
    group: usize,
    image: usize,
    lines: Range<usize>,
    rows: Range<usize>,
}

/// A correlation by a plan.
struct Job<'a> {
    correlation: &'a Correlation,
    plan: &'a Plan,
    /// For each phase of each group, a tile after the other, the numbers of its rows side by side.
    weights: *const f32,
}

// SAFETY: as of `Correlation`.
unsafe impl Sync for Job<'_> {}

impl Correlation {
    /// The plan for this, if it is worth it.
    pub fn plan(&self) -> Option<Plan> {
        let first = self.phases.first()?;
        let (lanes, width) = (self.kernel.lanes, self.kernel.width());
        let copy = Padded::new(&self.phases)?;
        let all_taps: usize = self.phases.iter().map(|phase| phase.places.len()).sum();
        if all_taps < 2 || self.channels == 0 || copy.reach[1] > 4 * width {
            return None;
        }
        let Padded { step, least, reach, count, pitch, .. } = copy;
        // What a panel looks at in a channel: lines of the cache for each line of the copy.
        let mut lines: Vec<[usize; 2]> = Vec::new();
        for [_, y, x] in self.phases.iter().flat_map(|phase| phase.taps()) {
            let from = [(y - least[0]) as usize, (x - least[1]) as usize];
            let line = [from[0], from[1] % step[1]];
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let near = lines.len() * ((width + reach[1]) / 16 + 1) * 64;
        // Longer sums would lose more digits than shorter ones that are added.
        let most = self.phases.iter().map(|phase| phase.places.len()).max().unwrap_or(0);
        let blocks = self.channels.div_ceil((NEAR / near).min(DEPTH / most.max(1)).max(1));
        let mut plan = Plan { copy, by_lines: false, channels: self.channels.div_ceil(blocks) };
        let steps = self.channels * all_taps;
        let tiles: usize = (0..self.rows)
            .step_by(self.kernel.rows)
            .map(|row| (self.rows - row).min(self.kernel.rows).max(4))
            .sum();
        let cost = |plan: &Plan| {
            let parts = self.parts(count[0].div_ceil(plan.copy.band));
            let (mut all, mut at) = (0, 0);
            while at < count[0] {
                let lines = plan.copy.band.min(count[0] - at);
                let [wide, narrow] = plan.registers(lines, lanes);
                // A narrow tile waits for its own sums, and is no faster than a wide one.
                let registers = wide + 2 * narrow;
                let stored =
                    if plan.by_lines && self.phases.len() == 1 { 0 } else { RUN * self.phases.len() };
                all += registers * tiles * (steps * STEP + stored * blocks) / self.kernel.rows;
                all += (lines + reach[0])
                    * plan.copy.parts.len()
                    * pitch.div_ceil(lanes)
                    * self.channels
                    * MOVE
                    * parts;
                at += plan.copy.band;
            }
            all * first.images + self.rows * steps * PACK
        };
        let wanted = TASKS.div_ceil(self.groups * first.images * (self.rows / ROWS).max(1));
        let wanted = if self.parallel { wanted } else { 1 };
        let mut best: Option<(usize, usize, bool)> = None;
        for bands in wanted.min(count[0])..=(4 * wanted + 64).min(count[0]) {
            plan.copy.band = count[0].div_ceil(bands);
            let fits = plan.channels * plan.copy.channel() * size_of::<f32>() <= BAND || plan.copy.band == 1;
            if !fits {
                continue;
            }
            for by_lines in [false, true] {
                plan.by_lines = by_lines;
                let cost = cost(&plan);
                if best.is_none_or(|best| cost < best.0) {
                    best = Some((cost, plan.copy.band, by_lines));
                }
            }
        }
        let (cost, band, by_lines) = best?;
        (plan.copy.band, plan.by_lines) = (band, by_lines);
        // What packing patches would cost: every tap's part of a panel, in pieces of lines that are near.
        let panels = (first.images * count[0] * count[1]).div_ceil(width);
        let piece = [6, 16, 64][step[1].min(3) - 1];
        let packed = 2 * panels * tiles * (steps * STEP + RUN * steps.div_ceil(DEPTH)) / self.kernel.rows
            + panels * steps * (1 + width / count[1]) * piece;
        (cost < packed).then_some(plan)
    }

    /// Into how many parts rows are divided where there are so many bands.
    fn parts(&self, bands: usize) -> usize {
        let wanted = TASKS.div_ceil(self.groups * self.phases[0].images * bands);
        if self.parallel { wanted.min(self.rows / ROWS).max(1) } else { 1 }
    }

    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Correlation::run`].
    pub unsafe fn direct(&self, plan: &Plan) -> Result<()> {
        let no_memory = || Error::memory("conv", "out of memory for the copied bands");
        let tile = self.kernel.rows;
        let tiles = self.rows.div_ceil(tile);
        let all_taps: usize = self.phases.iter().map(|phase| phase.places.len()).sum();
        let weights =
            Scratch::new(self.groups * tiles * tile * self.channels * all_taps).ok_or_else(no_memory)?;
        let job = Job { correlation: self, plan, weights: weights.start() };
        threads::divide(self.parallel, self.groups * tiles, &|number| {
            // SAFETY: the caller's; every task packs a tile of its own.
            unsafe { job.pack(number / tiles, number % tiles) }
        });
        let images = self.phases[0].images;
        let bands = plan.copy.count[0].div_ceil(plan.copy.band);
        let parts = self.parts(bands);
        let rows = self.rows.div_ceil(parts).next_multiple_of(tile);
        let parts = self.rows.div_ceil(rows);
        let count = images * self.groups * bands * parts;
        let task = |number: usize| {
            let (number, part) = (number / parts, number % parts);
            let (number, band) = (number / bands, number % bands);
            let first = band * plan.copy.band;
            Task {
                group: number % self.groups,
                image: number / self.groups,
                lines: first..(first + plan.copy.band).min(plan.copy.count[0]),
                rows: part * rows..((part + 1) * rows).min(self.rows),
            }
        };
        threads::try_divide(self.parallel, count, &|number| {
            // Most likely this thread goes on with the one after.
            let next = (number + 1 < count).then(|| task(number + 1));
            // SAFETY: the caller's; tasks do not overlap.
            unsafe { job.task(&task(number), next.as_ref()) }
        })
        .ok_or_else(no_memory)
    }
}

impl Job<'_> {
    /// The packed weights of a phase: where those of a tile start.
    fn tile(&self, group: usize, phase: usize, tile: usize) -> *mut f32 {
        let Correlation { kernel, channels, rows, ref phases, .. } = *self.correlation;
        let all: usize = phases.iter().map(|phase| phase.places.len()).sum();
        let before: usize = phases[..phase].iter().map(|phase| phase.places.len()).sum();
        let tiles = rows.div_ceil(kernel.rows);
        let taps = group * tiles * all + tiles * before + tile * phases[phase].places.len();
        self.weights.cast_mut().wrapping_add(taps * channels * kernel.rows)
    }

    /// Packs a tile of each phase.
    ///
    /// # Safety
    /// The weights may be read.
    unsafe fn pack(&self, group: usize, tile: usize) {
        let Correlation { kernel, channels, rows, weights, ref phases, .. } = *self.correlation;
        let first = tile * kernel.rows;
        let start =
            weights.start.wrapping_offset(weights.group * group as isize + weights.row * first as isize);
        for (number, phase) in phases.iter().enumerate() {
            let mut to = self.tile(group, number, tile);
            for c in 0..channels {
                let channel = start.wrapping_offset(c as isize * weights.channel);
                for &place in &phase.places {
                    for r in 0..kernel.rows {
                        // SAFETY: the caller's; there is room for whole tiles.
                        unsafe {
                            let inside = first + r < rows;
                            let from = channel.wrapping_offset(r as isize * weights.row).wrapping_add(place);
                            to.add(r).write(if inside { *from } else { 0.0 });
                        }
                    }
                    to = to.wrapping_add(kernel.rows);
                }
            }
        }
    }

    /// The panels of so many lines: where each starts in the copy, and its columns.
    fn panels(&self, lines: usize) -> Vec<(usize, usize)> {
        let (plan, width) = (self.plan, self.correlation.kernel.width());
        let along = |start: usize, len: usize| {
            (0..len).step_by(width).map(move |at| (start + at, width.min(len - at)))
        };
        if plan.by_lines {
            (0..lines).flat_map(|line| along(line * plan.copy.pitch, plan.copy.count[1])).collect()
        } else {
            along(0, (lines - 1) * plan.copy.pitch + plan.copy.count[1]).collect()
        }
    }

    /// Where the columns of a panel lie in the result of a phase, from the start of a channel.
    fn runs(&self, task: &Task, windows: &Windows, (start, columns): (usize, usize)) -> SmallVec<[Run; 4]> {
        let [z, y, x] = &windows.axes;
        let dims = windows.output.dims;
        let mut runs = SmallVec::new();
        let mut column = 0;
        while column < columns {
            let (line, at) =
                ((start + column) / self.plan.copy.pitch, (start + column) % self.plan.copy.pitch);
            let len = (self.plan.copy.pitch - at).min(columns - column);
            let count = len.min(x.count.saturating_sub(at));
            if task.lines.start + line < y.count && count > 0 {
                let places = [(0, z), (task.lines.start + line, y), (at, x)];
                let inside: isize = places
                    .iter()
                    .zip(dims)
                    .map(|(&(t, axis), dim)| (t * axis.spread + axis.start) as isize * dim)
                    .sum();
                let offset = task.image as isize * windows.output.image + inside;
                runs.push(Run { column, count, offset, step: windows.spread() });
            }
            column += len;
        }
        runs
    }

    /// What will be copied of a block of channels.
    fn ahead(&self, task: &Task, first: usize) -> Ahead {
        let Correlation { channels, input, ref phases, .. } = *self.correlation;
        let (windows, copy) = (&phases[0], &self.plan.copy);
        let (height, width) = (windows.axes[1].size as isize, windows.axes[2].size);
        let [_, line, step] = windows.input.dims;
        let inside = |at: usize| ((at * copy.step[0]) as isize + copy.least[0]).clamp(0, height);
        let (from, to) = (inside(task.lines.start), inside(task.lines.end + copy.reach[0]));
        if step != 1 || line < width as isize || from == to {
            return Ahead::NOTHING;
        }
        let channel = (task.group * channels + first) as isize * windows.input.channel;
        Ahead {
            start: input.wrapping_offset(task.image as isize * windows.input.image + channel + from * line),
            line: windows.input.channel,
            count: self.plan.channels.min(channels - first),
            len: ((to - from - 1) * line) as usize + width,
        }
    }

    /// # Safety
    /// As of [`Correlation::run`]; the task's part of the result is nobody else's.
    unsafe fn task(&self, task: &Task, next: Option<&Task>) -> Option<()> {
        let Correlation { kernel, channels, input, result, ref phases, .. } = *self.correlation;
        let (plan, windows) = (self.plan, &phases[0]);
        let channel = plan.copy.channel();
        // Columns that are no positions read what lies behind the last.
        let slack = kernel.width() + plan.copy.reach[0] * plan.copy.pitch + plan.copy.reach[1];
        let scratch = Scratch::new(plan.channels * channel + slack)?;
        // SAFETY: so much was taken.
        unsafe { std::slice::from_raw_parts_mut(scratch.start(), plan.channels * channel + slack) }.fill(0.0);
        let moves = plan.copy.moves(windows, task.lines.clone(), kernel.lanes);
        let panels = self.panels(task.lines.len());
        let taps: Vec<Vec<usize>> =
            phases.iter().map(|phase| phase.taps().iter().map(|&tap| plan.copy.tap(tap)).collect()).collect();
        let mut steps: Vec<Vec<[isize; 2]>> = vec![Vec::new(); phases.len()];
        for (steps, taps) in steps.iter_mut().zip(&taps) {
            for c in 0..plan.channels {
                for tap in taps {
                    steps.push([(steps.len() * kernel.rows) as isize, (c * channel + tap) as isize]);
                }
            }
        }
        for first in (0..channels).step_by(plan.channels) {
            let several = plan.channels.min(channels - first);
            let own = task.image as isize * windows.input.image
                + (task.group * channels + first) as isize * windows.input.channel;
            let patches = Patches {
                source: input.wrapping_offset(own),
                channel: windows.input.channel,
                channels: several,
                stride: windows.stride(),
                moves: &moves,
                target: scratch.start(),
                rows: channel,
            };
            // SAFETY: the caller's; the scratch has room for all channels.
            unsafe { kernel.patches(&patches) };
            // What is copied next is asked for a little with each panel: all of a channel at once would have to be waited for.
            let next = if first + several < channels {
                self.ahead(task, first + several)
            } else {
                next.map_or(Ahead::NOTHING, |next| self.ahead(next, 0))
            };
            let mut ahead: SmallVec<[Ahead; 8]> = SmallVec::new();
            for (i, &(start, columns)) in panels.iter().enumerate() {
                let part = next.part(i, panels.len());
                ahead.clear();
                ahead.extend((0..part.count).map(|c| Ahead {
                    start: part.start.wrapping_offset(c as isize * part.line),
                    line: PIECE as isize,
                    count: part.len.div_ceil(PIECE),
                    len: PIECE,
                }));
                for (number, phase) in phases.iter().enumerate() {
                    let runs = self.runs(task, phase, (start, columns));
                    if runs.is_empty() || taps[number].is_empty() {
                        continue;
                    }
                    let row = (task.group * self.correlation.rows + task.rows.start) as isize;
                    let place = result.wrapping_offset(row * phase.output.channel);
                    let mut c = Matrix { start: place, row: phase.output.channel, column: 1 };
                    let whole = runs[0].count == columns && runs[0].step == 1;
                    if whole {
                        c = c.shift(runs[0].offset);
                    }
                    let depth = taps[number].len();
                    let tile = self.tile(task.group, number, task.rows.start / kernel.rows).cast_const();
                    let left = Left {
                        start: tile.wrapping_add(first * depth * kernel.rows),
                        row: 1,
                        tile: (channels * depth * kernel.rows) as isize,
                    };
                    // SAFETY: the caller's; the scratch has a panel's columns after each place that a tap looks at.
                    unsafe {
                        kernel.strip(&Strip {
                            rows: task.rows.len(),
                            columns,
                            left,
                            panel: scratch.start().wrapping_add(start),
                            steps: Steps::Listed(&steps[number][..several * depth]),
                            c,
                            runs: if whole { &[] } else { &runs },
                            add: first > 0,
                            ahead: if number == 0 { &ahead } else { &[] },
                        });
                    }
                }
            }
        }
        Some(())
    }
}
