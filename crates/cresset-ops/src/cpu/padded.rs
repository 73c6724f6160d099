//! Copies of some lines of an image with their padding, sorted by the remainders of a stride: in one, every tap of a kernel
//! is the same lines a little further on.

use std::ops::Range;

use super::{
    walk::of_plane,
    windows::{Axis, Move, Windows},
};

/// How an image is copied for some phases: a function of their shape alone.
#[derive(Clone, Debug)]
pub struct Padded {
    /// How far apart neighbours look, down and across.
    pub step: [usize; 2],
    /// The smallest offsets of all taps.
    pub least: [isize; 2],
    /// The remainders of offsets that there are, each a part of the copy.
    pub parts: Vec<[usize; 2]>,
    /// How far the taps look further than the smallest, in steps.
    pub reach: [usize; 2],
    /// Positions of the largest phase.
    pub count: [usize; 2],
    /// From one line of the copy to the next.
    pub pitch: usize,
    /// Lines of positions that are copied at once.
    pub band: usize,
}

impl Padded {
    /// For phases that look at two dimensions, all positions at once.
    pub fn new(phases: &[Windows]) -> Option<Padded> {
        let first = phases.first()?;
        let flat = |windows: &Windows| {
            let z = &windows.axes[0];
            z.count == 1 && z.start == 0 && z.taps.iter().all(|tap| tap.1 == 0)
        };
        if phases.iter().all(|phase| phase.places.is_empty()) || !phases.iter().all(flat) {
            return None;
        }
        let axes = |dim: usize| phases.iter().map(move |phase| &phase.axes[dim]);
        let offsets = |dim: usize| phases.iter().flat_map(|p| p.taps()).map(move |tap| tap[dim]);
        let step = of_plane(|dim: usize| first.axes[dim].step);
        let least = of_plane(|dim| offsets(dim).min().unwrap_or(0));
        let most = of_plane(|dim| offsets(dim).max().unwrap_or(0));
        let reach = |i: usize| (most[i] - least[i]) as usize / step[i];
        let reach = [reach(0), reach(1)];
        let count = of_plane(|dim| axes(dim).map(|axis: &Axis| axis.count).max().unwrap_or(0));
        let mut parts: Vec<[usize; 2]> = Vec::new();
        for [_, y, x] in phases.iter().flat_map(|phase| phase.taps()) {
            let part = [(y - least[0]) as usize % step[0], (x - least[1]) as usize % step[1]];
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if count.contains(&0) {
            return None;
        }
        // Padding at the end of a line is that of the next one's start, where both are there in every part.
        let size = first.axes[2].size as isize;
        let full = count[1] + reach[1];
        let inside = |part: &[usize; 2], column: usize| {
            (0..size).contains(&((column * step[1] + part[1]) as isize + least[1]))
        };
        let outside = |column: &usize| parts.iter().all(|part| !inside(part, *column));
        let before = (0..reach[1]).take_while(outside).count();
        let after = (full - reach[1]..full).rev().take_while(outside).count();
        let pitch = full - before.min(after);
        Some(Padded { step, least, parts, reach, count, pitch, band: count[0] })
    }

    /// Elements from one part of a channel's copy to the next.
    pub fn part(&self) -> usize {
        (self.band + self.reach[0]) * self.pitch
    }

    /// Elements from one channel's copy to the next: an odd number of lines of the cache, so that channels do not fall
    /// into one set of it.
    pub fn channel(&self) -> usize {
        ((self.parts.len() * self.part()).div_ceil(16) | 1) * 16
    }

    /// Where a tap looks in a channel's copy.
    pub fn tap(&self, [_, y, x]: [isize; 3]) -> usize {
        let from = [(y - self.least[0]) as usize, (x - self.least[1]) as usize];
        let remainder = [from[0] % self.step[0], from[1] % self.step[1]];
        let part = self.parts.iter().position(|&part| part == remainder).unwrap_or(0);
        part * self.part() + from[0] / self.step[0] * self.pitch + from[1] / self.step[1]
    }

    /// How the lines of the first image are copied that some lines of positions look at.
    pub fn moves(&self, windows: &Windows, lines: Range<usize>, lanes: usize) -> Vec<Move> {
        let Padded { step, least, reach, pitch, .. } = *self;
        let dims = windows.input.dims;
        let [height, width] = of_plane(|dim: usize| windows.axes[dim].size as isize);
        let mut moves = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            for line in 0..lines.len() + reach[0] {
                let y = ((lines.start + line) * step[0] + part[0]) as isize + least[0];
                for column in (0..pitch).step_by(lanes) {
                    let count = lanes.min(pitch - column);
                    let x = (column * step[1] + part[1]) as isize + least[1];
                    // So many of them are before an element of the line.
                    let before = |at: isize| ((at - x).max(0) as usize).div_ceil(step[1]).min(count);
                    let (start, end) =
                        if (0..height).contains(&y) { (before(0), before(width)) } else { (0, 0) };
                    moves.push(Move {
                        from: y * dims[1] + x * dims[2],
                        to: number * self.part() + line * pitch + column,
                        inside: ((1_u32 << end) - (1 << start)) as u16,
                        count: count as u16,
                    });
                }
            }
        }
        moves
    }
}
