//! Convolution and its transposed form by panels: patches of images are packed where the product reads them next, and never
//! lie in memory as a whole.

use std::ops::Range;

use cresset_tensor::{Error, Result};

use super::{
    gemm::Matrix,
    panels::{Ahead, DEPTH, Kernel, Left, Patches, Run, Scratch, Steps, Strip},
    threads,
    windows::{Move, Stretch, Windows},
};

/// Columns of the result that one task computes at most: so many that the patches' part of the input is used again.
const COLUMNS: usize = 1024;
/// Tasks to divide the work into where it is large enough.
const TASKS: usize = 16;
/// Rows below which a task does not divide its patches with another: both would pack them.
const ROWS: usize = 128;

/// Bytes of a line of the first-level cache,
const LINE: usize = 64;
/// sets of lines,
const SETS: usize = 64;
/// and lines of a set that may be one panel's.
const WAYS: usize = 8;

/// The weights, where they lie: of each row of the result, and channel of the input.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    pub start: *const f32,
    pub group: isize,
    pub row: isize,
    pub channel: isize,
}

/// `result[n, m, t] = Σ weights[m, c, tap]·input[n, c, t·step + tap]`, for every group and phase.
pub struct Correlation {
    pub kernel: &'static Kernel,
    /// One for every phase.
    pub phases: Vec<Windows>,
    pub groups: usize,
    /// Channels of a group.
    pub channels: usize,
    /// Rows of the result in a group.
    pub rows: usize,
    pub input: *const f32,
    pub weights: Weights,
    pub result: *mut f32,
    /// Is there enough to do for several threads?
    pub parallel: bool,
}

// SAFETY: what is read is locked by the caller; every task writes a part of the result that no other one touches.
unsafe impl Sync for Correlation {}

struct Task {
    phase: usize,
    group: usize,
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Correlation {
    /// Computes all of it.
    ///
    /// # Safety
    /// Input and weights may be read where the windows and strides say; the result is the caller's.
    pub unsafe fn run(&self) -> Result<()> {
        if let Some(places) = self.winograd_places() {
            // SAFETY: the caller's.
            return unsafe { if self.fills_lines() { self.winograd(places) } else { self.by_tiles(places) } };
        }
        if let Some(copy) = self.depthwise_copy() {
            // SAFETY: the caller's.
            return unsafe { self.depthwise(&copy) };
        }
        if let Some(plan) = self.plan() {
            // SAFETY: the caller's.
            return unsafe { self.direct(&plan) };
        }
        let tasks: Vec<Task> = (0..self.phases.len()).flat_map(|phase| self.tasks(phase)).collect();
        threads::try_divide(self.parallel, tasks.len(), &|number| {
            // SAFETY: the caller's; tasks do not overlap.
            unsafe { self.task(&tasks[number]) }
        })
        .ok_or_else(|| Error::memory("conv", "out of memory for the packed patches"))
    }

    /// How a phase is divided: a function of its shape alone.
    fn tasks(&self, phase: usize) -> Vec<Task> {
        let windows = &self.phases[phase];
        let (total, width) = (windows.positions() * windows.images, self.kernel.width());
        let wanted = TASKS.div_ceil(self.groups);
        let columns = total.div_ceil(wanted).next_multiple_of(width).clamp(width, COLUMNS);
        let count = total.div_ceil(columns).max(1);
        let parts = wanted.div_ceil(count).min(self.rows / ROWS).max(1);
        let rows = self.rows.div_ceil(parts).next_multiple_of(self.kernel.rows).max(1);
        let mut tasks = Vec::new();
        for group in 0..self.groups {
            for start in (0..total).step_by(columns) {
                for row in (0..self.rows).step_by(rows) {
                    let (columns, rows) =
                        (start..(start + columns).min(total), row..(row + rows).min(self.rows));
                    tasks.push(Task { phase, group, columns, rows });
                }
            }
        }
        tasks
    }

    /// Where a panel of so many columns and channels starts in each channel, if it is read where it lies: of a kernel of one
    /// element whole registers of neighbours, where channels are not so far apart that they fall into few sets of the
    /// first-level cache.
    fn in_place(
        &self,
        windows: &Windows,
        stretch: &Stretch,
        columns: usize,
        channels: usize,
    ) -> Option<isize> {
        if windows.places.len() != 1 || windows.stride() != 1 || columns != self.kernel.room(columns) {
            return None;
        }
        let from = stretch.moves.first()?.from;
        let plain = |part: &Move| {
            part.inside.count_ones() == part.count.into() && part.from == from + part.to as isize
        };
        let apart = (windows.input.channel.unsigned_abs() * size_of::<f32>()).div_ceil(LINE).max(1);
        let sets = SETS >> apart.trailing_zeros().min(SETS.trailing_zeros());
        let lines = channels * (columns * size_of::<f32>()).div_ceil(LINE);
        (stretch.moves.iter().all(plain) && lines <= sets * WAYS).then_some(from)
    }

    /// # Safety
    /// As of [`Correlation::run`]; the task's part of the result is nobody else's.
    unsafe fn task(&self, task: &Task) -> Option<()> {
        let (kernel, windows) = (self.kernel, &self.phases[task.phase]);
        let (width, taps) = (kernel.width(), windows.places.len());
        let panels: Vec<Range<usize>> =
            task.columns.clone().step_by(width).map(|at| at..(at + width).min(task.columns.end)).collect();
        let describe = |panel: &Range<usize>, taps: Range<usize>| {
            let room = kernel.room(panel.len());
            windows.describe(panel.clone(), taps, kernel.lanes, room, room)
        };
        let blocks = Blocks::new(self.channels, taps);
        let all: Vec<Stretch> = if blocks.taps == taps {
            panels.iter().map(|panel| describe(panel, 0..taps)).collect()
        } else {
            Vec::new()
        };
        let scratch = Scratch::new(DEPTH * width)?;
        let mut steps = [[0; 2]; DEPTH];
        let (mut runs, mut ahead) = (Vec::new(), Vec::new());
        let weights = self.weights.group * task.group as isize + self.weights.row * task.rows.start as isize;
        let input = self.input.wrapping_offset((task.group * self.channels) as isize * windows.input.channel);
        let first_row = (task.group * self.rows + task.rows.start) as isize;
        for (number, (channels, taps)) in blocks.iter().enumerate() {
            let depth = channels.len() * taps.len();
            let steps = &mut steps[..depth];
            let places = &windows.places[taps.clone()];
            for (step, (c, &place)) in steps
                .iter_mut()
                .zip(channels.clone().flat_map(|c| places.iter().map(move |place| (c, place))))
            {
                step[0] = c as isize * self.weights.channel + place as isize;
            }
            // All places of a kernel, or the only one: they lie one after the other.
            let along = steps.get(1).map_or(0, |step| step[0] - steps[0][0]);
            let even = steps.windows(2).all(|pair| pair[1][0] - pair[0][0] == along);
            let shift = steps.first().map_or(0, |step| step[0]);
            let left = Left {
                start: self.weights.start.wrapping_offset(weights + if even { shift } else { 0 }),
                row: self.weights.row,
                tile: self.weights.row * kernel.rows as isize,
            };
            for (i, panel) in panels.iter().enumerate() {
                let described: Stretch;
                let stretch = if let Some(stretch) = all.get(i) {
                    stretch
                } else {
                    described = describe(panel, taps.clone());
                    &described
                };
                let room = kernel.room(panel.len());
                let patches = Patches {
                    source: input.wrapping_offset(channels.start as isize * windows.input.channel),
                    channel: windows.input.channel,
                    channels: channels.len(),
                    stride: windows.stride(),
                    moves: &stretch.moves,
                    target: scratch.start(),
                    rows: taps.len() * room,
                };
                let in_place = self.in_place(windows, stretch, panel.len(), channels.len());
                let (right, down) = in_place.map_or((scratch.start().cast_const(), room as isize), |from| {
                    (patches.source.wrapping_offset(from), patches.channel)
                });
                let steps = if even {
                    Steps::Even { count: depth, a: along, b: down }
                } else {
                    if i == 0 || steps.get(1).is_some_and(|step| step[1] != down) {
                        steps.iter_mut().enumerate().for_each(|(p, step)| step[1] = p as isize * down);
                    }
                    Steps::Listed(steps)
                };
                runs_of(stretch, panel.len(), windows.spread(), &mut runs);
                let start = self.result.wrapping_offset(first_row * windows.output.channel);
                let mut c = Matrix { start, row: windows.output.channel, column: 1 };
                let whole = runs.len() == 1 && runs[0].step == 1;
                if whole {
                    c = c.shift(runs[0].offset);
                }
                ahead.clear();
                if let Some(next) = all.get(i + 1) {
                    ahead.extend(windows.fresh(next).map(|(from, len)| Ahead {
                        start: patches.source.wrapping_offset(from),
                        line: patches.channel,
                        count: patches.channels,
                        len,
                    }));
                }
                // SAFETY: the caller's; the scratch has room for a panel.
                unsafe {
                    if in_place.is_none() {
                        kernel.patches(&patches);
                    }
                    kernel.strip(&Strip {
                        rows: task.rows.len(),
                        columns: panel.len(),
                        left,
                        panel: right,
                        steps,
                        c,
                        runs: if whole { &[] } else { &runs },
                        add: number > 0,
                        ahead: &ahead,
                    });
                }
            }
        }
        Some(())
    }
}

/// Where a panel's columns lie in the result, pieces that continue each other as one.
fn runs_of(stretch: &Stretch, columns: usize, step: isize, runs: &mut Vec<Run>) {
    runs.clear();
    for piece in stretch.pieces.iter().filter(|piece| piece.column < columns) {
        if let Some(last) = runs.last_mut()
            && last.offset + last.count as isize * step == piece.out
        {
            last.count += piece.count;
            continue;
        }
        runs.push(Run { column: piece.column, count: piece.count, offset: piece.out, step });
    }
}

/// The inner dimension, channels and taps, in blocks that fit a panel.
struct Blocks {
    channels: usize,
    /// Channels of a block.
    several: usize,
    all_taps: usize,
    /// Taps of a block: all, unless a single channel has too many.
    taps: usize,
}

impl Blocks {
    fn new(channels: usize, taps: usize) -> Blocks {
        let most = (DEPTH / taps.max(1)).max(1);
        let several = channels.div_ceil(channels.div_ceil(most).max(1)).max(1);
        Blocks { channels, several, all_taps: taps, taps: taps.clamp(1, DEPTH) }
    }

    fn iter(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        (0..self.channels).step_by(self.several).flat_map(move |c| {
            let channels = c..(c + self.several).min(self.channels);
            (0..self.all_taps)
                .step_by(self.taps)
                .map(move |tap| (channels.clone(), tap..(tap + self.taps).min(self.all_taps)))
        })
    }
}
