//! Patches of images packed as a matrix: a row for each channel and tap, a column for each position.

use super::Kernel;
use crate::cpu::windows::{Meeting, Piece};

/// Patches to be packed: `target[(c·taps + t)·row + column + i] = source[c·channel + from + i·stride]`, or zero outside.
pub struct Patches<'a> {
    pub source: *const f32,
    /// From one channel to the next.
    pub channel: isize,
    pub channels: usize,
    /// Between neighbours.
    pub stride: isize,
    pub pieces: &'a [Piece],
    /// For every tap those of all pieces.
    pub meetings: &'a [Meeting],
    pub taps: usize,
    pub target: *mut f32,
    /// From one row of the target to the next.
    pub row: usize,
}

impl Patches<'_> {
    /// Every piece of every tap and channel, where it is taken from, and where it goes. A channel's taps come one after the
    /// other, since they look at nearly the same.
    #[inline(always)]
    pub fn each(&self, mut f: impl FnMut(&Piece, &Meeting, *const f32, *mut f32)) {
        for c in 0..self.channels {
            let source = self.source.wrapping_offset(c as isize * self.channel);
            let mut target = self.target.wrapping_add(c * self.taps * self.row);
            for meetings in self.meetings.chunks_exact(self.pieces.len().max(1)) {
                for (piece, meeting) in self.pieces.iter().zip(meetings) {
                    f(
                        piece,
                        meeting,
                        source.wrapping_offset(meeting.from),
                        target.wrapping_add(piece.column),
                    );
                }
                target = target.wrapping_add(self.row);
            }
        }
    }
}

impl Kernel {
    /// Packs patches.
    ///
    /// # Safety
    /// What the meetings say is inside may be read; the target has room for the rows of all channels and taps.
    pub unsafe fn patches(&self, job: &Patches) {
        if self.strides.contains(&job.stride) {
            // SAFETY: the caller's; this kernel is for this machine.
            return unsafe { (self.patches)(job) };
        }
        job.each(|piece, meeting, source, target| {
            for i in 0..piece.count {
                // SAFETY: the caller's.
                unsafe {
                    let inside = meeting.inside >> i & 1 != 0;
                    let value = if inside { *source.offset(i as isize * job.stride) } else { 0.0 };
                    target.add(i).write(value);
                }
            }
        });
    }
}
