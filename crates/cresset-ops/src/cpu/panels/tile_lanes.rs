//! Winograd's transforms with channels in the lanes, for AVX-512: of kernels, and what the gradient of a kernel is multiplied
//! of, and made of.
//!
//! Of `F(2×2, 3×3)` the derivative by the kernel is `Gᵀ·Σ (A·dy·Aᵀ)∘(Bᵀ·x·B)·G`, summed over tiles.

use std::arch::x86_64::*;

use super::{Gradients, Kernels, TileLanes, Turn, avx512};

/// `Bᵀ·x·B` of tiles of 4×4.
///
/// # Safety
/// The machine has AVX-512F, and memory is as the fields say.
#[target_feature(enable = "avx512f")]
pub unsafe fn of_input(job: &TileLanes) {
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(avx512::LANES) {
            // Down, then across: a − c, b + c, c − b, b − d.
            let sums = |[a, b, c, d]: [__m512; 4]| {
                [_mm512_sub_ps(a, c), _mm512_add_ps(b, c), _mm512_sub_ps(c, b), _mm512_sub_ps(b, d)]
            };
            let load = |place: usize| {
                // SAFETY: every place has so many channels, filled up to a register.
                unsafe { _mm512_loadu_ps(job.image.add(places[place] + c)) }
            };
            let down = |j: usize| sums([load(j), load(4 + j), load(8 + j), load(12 + j)]);
            let (first, second, third, fourth) = (down(0), down(1), down(2), down(3));
            for i in 0..4 {
                let line = sums([first[i], second[i], third[i], fourth[i]]);
                // SAFETY: the caller's.
                unsafe { put(job, t, c, i, line) };
            }
        }
    }
}

/// `A·dy·Aᵀ` of tiles of 2×2.
///
/// # Safety
/// As of [`of_input`].
#[target_feature(enable = "avx512f")]
pub unsafe fn of_output(job: &TileLanes) {
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(avx512::LANES) {
            // Down, then across: a, a + b, a − b, −b.
            let sums = |a: __m512, b: __m512| {
                [a, _mm512_add_ps(a, b), _mm512_sub_ps(a, b), _mm512_sub_ps(_mm512_setzero_ps(), b)]
            };
            let load = |place: usize| {
                // SAFETY: as above.
                unsafe { _mm512_loadu_ps(job.image.add(places[place] + c)) }
            };
            let (left, right) = (sums(load(0), load(2)), sums(load(1), load(3)));
            for i in 0..4 {
                // SAFETY: the caller's.
                unsafe { put(job, t, c, i, sums(left[i], right[i])) };
            }
        }
    }
}

/// `Aᵀ·m·A` of products: tiles of 2×2.
///
/// # Safety
/// As of [`of_input`]; every place may be written.
#[target_feature(enable = "avx512f")]
pub unsafe fn of_products(job: &TileLanes) {
    let image = job.image.cast_mut();
    for (t, places) in job.places.iter().enumerate() {
        for c in (0..job.channels).step_by(avx512::LANES) {
            // Down, then across: a + b + c, b − c − d.
            let sums = |[a, b, c, d]: [__m512; 4]| {
                [_mm512_add_ps(_mm512_add_ps(a, b), c), _mm512_sub_ps(_mm512_sub_ps(b, c), d)]
            };
            let at = c / job.width * job.strip + t * job.width + c % job.width;
            // SAFETY: every part has so many channels, filled up to a register.
            let load = |part: usize| unsafe { _mm512_loadu_ps(job.parts.add(part * job.part + at)) };
            let down = |j: usize| sums([load(j), load(4 + j), load(8 + j), load(12 + j)]);
            let (first, second, third, fourth) = (down(0), down(1), down(2), down(3));
            for i in 0..2 {
                for (j, value) in sums([first[i], second[i], third[i], fourth[i]]).into_iter().enumerate() {
                    // SAFETY: the caller's.
                    unsafe { _mm512_storeu_ps(image.add(places[2 * i + j] + c), value) };
                }
            }
        }
    }
}

/// Stores a line of a tile's parts.
///
/// # Safety
/// The parts have room for all tiles and channels.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn put(job: &TileLanes, tile: usize, channel: usize, line: usize, values: [__m512; 4]) {
    let at = channel / job.width * job.strip + tile * job.width + channel % job.width;
    for (j, &value) in values.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { _mm512_storeu_ps(job.parts.add((4 * line + j) * job.part + at), value) };
    }
}

/// `G·g·Gᵀ` of kernels.
///
/// # Safety
/// As of [`of_input`].
#[target_feature(enable = "avx512f")]
pub unsafe fn of_kernels(job: &Kernels) {
    let mut nine = [0.0_f32; 9 * avx512::LANES];
    let half = _mm512_set1_ps(0.5);
    for c in (0..job.channels).step_by(avx512::LANES) {
        let turn = Turn {
            source: job.weights.wrapping_offset(c as isize * job.channel),
            line: job.channel,
            lines: avx512::LANES.min(job.channels - c),
            count: 9,
            target: nine.as_mut_ptr(),
            step: avx512::LANES as isize,
            written: avx512::LANES,
            add: false,
        };
        // SAFETY: there are nine numbers for each channel, and nine registers.
        unsafe { avx512::turn(&turn) };
        // SAFETY: as above.
        let load = |i: usize| unsafe { _mm512_loadu_ps(nine.as_ptr().add(job.places[i] * avx512::LANES)) };
        let sums = |a: __m512, b: __m512, c: __m512| {
            let (outer, inner) = (_mm512_mul_ps(_mm512_add_ps(a, c), half), _mm512_mul_ps(b, half));
            [a, _mm512_add_ps(outer, inner), _mm512_sub_ps(outer, inner), c]
        };
        let down = |j: usize| sums(load(j), load(3 + j), load(6 + j));
        let (first, second, third) = (down(0), down(1), down(2));
        for i in 0..4 {
            for (j, value) in sums(first[i], second[i], third[i]).into_iter().enumerate() {
                // SAFETY: there is room for a whole register after each channel.
                unsafe { _mm512_storeu_ps(job.parts.add((4 * i + j) * job.part + c), value) };
            }
        }
    }
}

/// `Gᵀ·m·G` of the sums for every row and channel.
///
/// # Safety
/// As of [`of_input`].
#[target_feature(enable = "avx512f")]
pub unsafe fn together(job: &Gradients) {
    let mut nine = [0.0_f32; 9 * avx512::LANES];
    let half = _mm512_set1_ps(0.5);
    for row in 0..job.rows {
        for c in (0..job.channels).step_by(avx512::LANES) {
            let from = job.sums.wrapping_add(row * job.row + c);
            let load = |part: usize| {
                let from = from.wrapping_add(part * job.part);
                let mut sum = _mm512_setzero_ps();
                for share in 0..job.shares {
                    // SAFETY: every share has so many channels, filled up to a register.
                    sum = _mm512_add_ps(sum, unsafe { _mm512_loadu_ps(from.add(share * job.share)) });
                }
                sum
            };
            let sums = |[a, b, c, d]: [__m512; 4]| {
                let (both, between) = (_mm512_add_ps(b, c), _mm512_sub_ps(b, c));
                [_mm512_fmadd_ps(both, half, a), _mm512_mul_ps(between, half), _mm512_fmadd_ps(both, half, d)]
            };
            let down = |j: usize| sums([load(j), load(4 + j), load(8 + j), load(12 + j)]);
            let (first, second, third, fourth) = (down(0), down(1), down(2), down(3));
            for i in 0..3 {
                let line = sums([first[i], second[i], third[i], fourth[i]]);
                for (j, &value) in line.iter().enumerate() {
                    // SAFETY: there are nine registers.
                    unsafe { _mm512_storeu_ps(nine.as_mut_ptr().add((3 * i + j) * avx512::LANES), value) };
                }
            }
            let turn = Turn {
                source: nine.as_ptr(),
                line: avx512::LANES as isize,
                lines: 9,
                count: avx512::LANES.min(job.channels - c),
                target: job.target.wrapping_add(row * job.target_row + 9 * c),
                step: 9,
                written: 9,
                add: false,
            };
            // SAFETY: the target has nine numbers for each row and channel.
            unsafe { avx512::turn(&turn) };
        }
    }
}
