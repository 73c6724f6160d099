//! Patches of images packed as a matrix: a row for each channel and tap, a column for each position.

use super::Kernel;
use crate::cpu::windows::Move;

/// Patches to be packed: of every channel so many rows, one for each tap.
pub struct Patches<'a> {
    pub source: *const f32,
    /// From one channel to the next.
    pub channel: isize,
    pub channels: usize,
    /// Between neighbours.
    pub stride: isize,
    /// What is moved of each channel.
    pub moves: &'a [Move],
    pub target: *mut f32,
    /// From the rows of one channel to those of the next in the target.
    pub rows: usize,
}

impl Patches<'_> {
    /// Every move of every channel, from where to where. A channel's taps come one after the other, since they look at
    /// nearly the same.
    #[inline(always)]
    pub fn each(&self, mut f: impl FnMut(&Move, *const f32, *mut f32)) {
        for c in 0..self.channels {
            let source = self.source.wrapping_offset(c as isize * self.channel);
            let target = self.target.wrapping_add(c * self.rows);
            for piece in self.moves {
                f(piece, source.wrapping_offset(piece.from), target.wrapping_add(piece.to));
            }
        }
    }
}

impl Kernel {
    /// Packs patches.
    ///
    /// # Safety
    /// What the moves say is inside may be read; the target has room for the rows of all channels and taps.
    pub unsafe fn patches(&self, job: &Patches) {
        if self.strides.contains(&job.stride) {
            // SAFETY: the caller's; this kernel is for this machine.
            return unsafe { (self.patches)(job) };
        }
        job.each(|piece, source, target| {
            for i in 0..usize::from(piece.count) {
                // SAFETY: the caller's.
                unsafe {
                    let inside = piece.inside >> i & 1 != 0;
                    let value = if inside { *source.offset(i as isize * job.stride) } else { 0.0 };
                    target.add(i).write(value);
                }
            }
        });
    }
}
