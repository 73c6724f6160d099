//! The two transforms of Winograd's algorithm for AVX-512: images to sums of their elements, and products back to images.
//!
//! With `F(2×2, 3×3)`, four outputs of neighbours are made from 16 products of sums of 16 inputs with sums of the kernel's
//! nine numbers. A register holds one of the 16 for neighbouring tiles of a line.

use std::arch::x86_64::*;

use super::Tiles;

/// # Safety
/// The machine has AVX-512F, and memory is as the fields say.
#[target_feature(enable = "avx512f")]
pub unsafe fn apart(job: &Tiles) {
    let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    for c in 0..job.channels {
        let source = job.image.wrapping_offset(c as isize * job.channel);
        for place in job.places {
            let mut x = [[_mm512_setzero_ps(); 4]; 4];
            for (r, x) in x.iter_mut().enumerate() {
                if place.lines >> r & 1 == 0 {
                    continue;
                }
                let from = source.wrapping_offset(place.from + r as isize * job.line);
                let load = |shift: usize| {
                    let inside = (place.columns >> shift) as __mmask16;
                    // SAFETY: the mask lets through what is inside.
                    unsafe { _mm512_maskz_loadu_ps(inside, from.wrapping_add(shift)) }
                };
                let (low, high, low_after, high_after) = (load(0), load(16), load(2), load(18));
                *x = [
                    _mm512_permutex2var_ps(low, evens, high),
                    _mm512_permutex2var_ps(low, odds, high),
                    _mm512_permutex2var_ps(low_after, evens, high_after),
                    _mm512_permutex2var_ps(low_after, odds, high_after),
                ];
            }
            // Down, then across: a − c, b + c, c − b, b − d.
            let sums = |[a, b, c, d]: [__m512; 4]| {
                [_mm512_sub_ps(a, c), _mm512_add_ps(b, c), _mm512_sub_ps(c, b), _mm512_sub_ps(b, d)]
            };
            let down = |j: usize| sums([x[0][j], x[1][j], x[2][j], x[3][j]]);
            let (first, second, third, fourth) = (down(0), down(1), down(2), down(3));
            let across = |i: usize| sums([first[i], second[i], third[i], fourth[i]]);
            for i in 0..4 {
                let line = across(i);
                for (j, &value) in line.iter().enumerate() {
                    let to = job.parts.wrapping_add((4 * i + j) * job.part + c * job.row + place.column);
                    // SAFETY: there is room for a whole register after each column.
                    unsafe { _mm512_storeu_ps(to, value) };
                }
            }
        }
    }
}

/// # Safety
/// As of [`apart`].
#[target_feature(enable = "avx512f")]
pub unsafe fn together(job: &Tiles) {
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    for c in 0..job.channels {
        let target = job.image.cast_mut().wrapping_offset(c as isize * job.channel);
        for place in job.places {
            // Down, then across: a + b + c, b − c − d.
            let sums = |[a, b, c, d]: [__m512; 4]| {
                [_mm512_add_ps(_mm512_add_ps(a, b), c), _mm512_sub_ps(_mm512_sub_ps(b, c), d)]
            };
            let load = |part: usize| {
                let from = job.parts.wrapping_add(part * job.part + c * job.row + place.column);
                // SAFETY: there is room for a whole register after each column.
                unsafe { _mm512_loadu_ps(from) }
            };
            let down = |j: usize| sums([load(j), load(4 + j), load(8 + j), load(12 + j)]);
            let (first, second, third, fourth) = (down(0), down(1), down(2), down(3));
            let across = |i: usize| sums([first[i], second[i], third[i], fourth[i]]);
            for i in 0..2 {
                if place.lines >> i & 1 == 0 {
                    continue;
                }
                let [left, right] = across(i);
                let to = target.wrapping_offset(place.from + i as isize * job.line);
                // SAFETY: the masks let through what is inside.
                unsafe {
                    let near = _mm512_permutex2var_ps(left, low, right);
                    _mm512_mask_storeu_ps(to, place.columns as __mmask16, near);
                    let far = _mm512_permutex2var_ps(left, high, right);
                    _mm512_mask_storeu_ps(to.wrapping_add(16), (place.columns >> 16) as __mmask16, far);
                }
            }
        }
    }
}
