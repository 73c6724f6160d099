//! Winograd's transforms with channels in the lanes: of kernels, and of tiles whose channels lie side by side.

use super::{Gradients, Kernels, TileLanes, Turn, lanes::Lanes, sums};

/// Numbers of nine of the largest registers.
const NINE: usize = 9 * 16;

/// Tiles of 4×4 of an image, taken apart.
///
/// # Safety
/// The machine has the instructions, and memory is as the fields say.
#[inline(always)]
pub unsafe fn input_apart<L: Lanes>(job: &TileLanes) {
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(L::COUNT) {
            // SAFETY: every place has so many channels, filled up to a register; the parts have room for all tiles.
            unsafe {
                let mut x = [[L::splat(0.0); 4]; 4];
                for (x, place) in x.as_flattened_mut().iter_mut().zip(places) {
                    *x = L::load(job.image.add(place + c));
                }
                put(job, t, c, sums::of_input(x));
            }
        }
    }
}

/// Tiles of 2×2 of what is at the positions, taken apart.
///
/// # Safety
/// As of [`input_apart`].
#[inline(always)]
pub unsafe fn output_apart<L: Lanes>(job: &TileLanes) {
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(L::COUNT) {
            // SAFETY: as above.
            unsafe {
                let mut x = [[L::splat(0.0); 2]; 2];
                for (x, place) in x.as_flattened_mut().iter_mut().zip(places) {
                    *x = L::load(job.image.add(place + c));
                }
                put(job, t, c, sums::of_output(x));
            }
        }
    }
}

/// Products put together to tiles of 2×2.
///
/// # Safety
/// As of [`input_apart`]; every place may be written.
#[inline(always)]
pub unsafe fn products_together<L: Lanes>(job: &TileLanes) {
    let image = job.image.cast_mut();
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(L::COUNT) {
            let from = job.parts.wrapping_add(at(job, t, c));
            // SAFETY: every part has so many channels, filled up to a register.
            unsafe {
                let mut x = [[L::splat(0.0); 4]; 4];
                for (part, x) in x.as_flattened_mut().iter_mut().enumerate() {
                    *x = L::load(from.add(part * job.part));
                }
                for (&value, place) in sums::of_products(x).as_flattened().iter().zip(places) {
                    L::store(value, image.add(place + c));
                }
            }
        }
    }
}

/// Where a part has a channel of a tile.
#[inline(always)]
fn at(job: &TileLanes, tile: usize, channel: usize) -> usize {
    channel / job.width * job.strip + tile * job.width + channel % job.width
}

/// Stores a tile's parts.
///
/// # Safety
/// The parts have room for all tiles and channels.
#[inline(always)]
unsafe fn put<L: Lanes>(job: &TileLanes, tile: usize, channel: usize, values: [[L; 4]; 4]) {
    let to = job.parts.wrapping_add(at(job, tile, channel));
    for (part, &value) in values.as_flattened().iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { L::store(value, to.add(part * job.part)) };
    }
}

/// Kernels, taken apart.
///
/// # Safety
/// As of [`input_apart`].
#[inline(always)]
pub unsafe fn kernels_apart<L: Lanes>(job: &Kernels) {
    let mut nine = [0.0_f32; NINE];
    for c in (0..job.channels).step_by(L::COUNT) {
        let turn = Turn {
            source: job.weights.wrapping_offset(c as isize * job.channel),
            line: job.channel,
            lines: L::COUNT.min(job.channels - c),
            count: 9,
            target: nine.as_mut_ptr(),
            step: L::COUNT as isize,
            written: L::COUNT,
            add: false,
        };
        // SAFETY: there are nine numbers for each channel, and nine registers; there is room for a whole register after each
        // channel.
        unsafe {
            L::turn(&turn);
            let mut x = [[L::splat(0.0); 3]; 3];
            for (x, place) in x.as_flattened_mut().iter_mut().zip(job.places) {
                *x = L::load(nine.as_ptr().add(place * L::COUNT));
            }
            for (part, &value) in sums::of_kernel(x).as_flattened().iter().enumerate() {
                L::store(value, job.parts.add(part * job.part + c));
            }
        }
    }
}

/// Gradients of kernels of every row and channel, put together from sums of products.
///
/// # Safety
/// As of [`input_apart`].
#[inline(always)]
pub unsafe fn gradients_together<L: Lanes>(job: &Gradients) {
    let mut nine = [0.0_f32; NINE];
    for row in 0..job.rows {
        for c in (0..job.channels).step_by(L::COUNT) {
            let from = job.sums.wrapping_add(row * job.row + c);
            // SAFETY: every share has so many channels, filled up to a register; there are nine registers.
            unsafe {
                let mut x = [[L::splat(0.0); 4]; 4];
                for (part, x) in x.as_flattened_mut().iter_mut().enumerate() {
                    for share in 0..job.shares {
                        *x = L::plus(*x, L::load(from.add(part * job.part + share * job.share)));
                    }
                }
                for (i, &value) in sums::of_gradient(x).as_flattened().iter().enumerate() {
                    L::store(value, nine.as_mut_ptr().add(i * L::COUNT));
                }
            }
            for first in (0..9).step_by(L::COUNT) {
                let lines = L::COUNT.min(9 - first);
                let turn = Turn {
                    source: nine[first * L::COUNT..].as_ptr(),
                    line: L::COUNT as isize,
                    lines,
                    count: L::COUNT.min(job.channels - c),
                    target: job.target.wrapping_add(row * job.target_row + 9 * c + first),
                    step: 9,
                    written: lines,
                    add: false,
                };
                // SAFETY: the target has nine numbers for each row and channel.
                unsafe { L::turn(&turn) };
            }
        }
    }
}
