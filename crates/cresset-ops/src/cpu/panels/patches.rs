//! Patches of images packed as a matrix: a row for each channel and tap, a column for each position.

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::lanes::Lanes;
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
    /// A channel's source and target.
    #[inline(always)]
    fn of_channel(&self, c: usize) -> (*const f32, *mut f32) {
        (self.source.wrapping_offset(c as isize * self.channel), self.target.wrapping_add(c * self.rows))
    }
}

/// Packs patches whose stride is 1 or 2. A channel's taps come one after the other, since they look at nearly the same.
///
/// # Safety
/// The machine has the instructions; source and target are as of [`Kernel::patches`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn pack<L: Lanes>(job: &Patches) {
    // SAFETY: the caller's.
    unsafe {
        if job.stride == 1 {
            pack_every::<L, 1>(job);
        } else {
            pack_every::<L, 2>(job);
        }
    }
}

/// # Safety
/// As of [`pack`], whose stride this is.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn pack_every<L: Lanes, const STRIDE: usize>(job: &Patches) {
    for c in 0..job.channels {
        let (source, target) = job.of_channel(c);
        for piece in job.moves {
            let (from, to) = (source.wrapping_offset(piece.from), target.wrapping_add(piece.to));
            let (inside, count) = (piece.inside.into(), piece.count.into());
            // SAFETY: the bits are of what is inside, and of what the piece has.
            unsafe {
                let x = if STRIDE == 1 { L::load_some(from, inside) } else { L::load_seconds(from, inside) };
                L::store_some(x, to, L::first(count));
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
        if matches!(job.stride, 1 | 2) {
            // SAFETY: the caller's; this kernel is for this machine.
            return unsafe { (self.patches)(job) };
        }
        for c in 0..job.channels {
            let (source, target) = job.of_channel(c);
            for piece in job.moves {
                let (from, to) = (source.wrapping_offset(piece.from), target.wrapping_add(piece.to));
                for i in 0..usize::from(piece.count) {
                    // SAFETY: the caller's.
                    unsafe {
                        let inside = piece.inside >> i & 1 != 0;
                        let value = if inside { *from.offset(i as isize * job.stride) } else { 0.0 };
                        to.add(i).write(value);
                    }
                }
            }
        }
    }
}
