//! Neighbouring windows of a line compared in the lanes of a register: without a branch for each number, which no processor
//! foresees.

use super::pool::Lines;

/// The loop for this machine's vector instructions, if there is one.
pub fn loops() -> Option<fn(&mut Lines<f32>)> {
    #[cfg(target_arch = "x86_64")]
    {
        use super::simd::{Simd, simd};
        match simd() {
            // SAFETY: the machine has these instructions.
            Simd::Avx512 => return Some(|job| unsafe { avx512::lines(job) }),
            // SAFETY: as above.
            Simd::Avx2 => return Some(|job| unsafe { avx2::lines(job) }),
            Simd::Portable => {}
        }
    }
    None
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::Lines;

    const LANES: usize = 16;

    /// # Safety
    /// The machine has AVX-512F and BMI2.
    #[target_feature(enable = "avx512f,bmi2")]
    pub unsafe fn lines(job: &mut Lines<f32>) {
        let width = job.dims[2];
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let steps = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(width.stride as i32));
        let evens = _mm512_add_epi32(lanes, lanes);
        let last = _mm512_set1_epi32(width.size as i32 - 1);
        for (number, line) in job.range.clone().enumerate() {
            let sources = job.sources(line);
            for start in (0..width.output).step_by(LANES) {
                let count = LANES.min(width.output - start);
                let along = (start * width.stride) as isize;
                let mut named = [0_i32; LANES];
                for (l, named) in named.iter_mut().enumerate().take(width.padding.div_ceil(width.stride)) {
                    *named = width.first(start + l) as i32;
                }
                // Windows that begin in the padding are those of the first lanes, if any.
                let first = _mm512_set1_epi32((along - width.padding as isize) as i32);
                let first = _mm512_min_epi32(_mm512_add_epi32(first, steps), last);
                // SAFETY: an array of 16.
                let named = unsafe { _mm512_loadu_si512(named.as_ptr().cast()) };
                let short = _mm512_cmplt_epi32_mask(first, _mm512_setzero_si512());
                let first = _mm512_mask_mov_epi32(first, short, named);
                let mut places = _mm512_add_epi32(first, _mm512_set1_epi32(sources.corner as i32));
                let mut values = _mm512_set1_ps(job.lowest);
                for &source in &sources.lines {
                    for tap in job.taps {
                        let from = tap.inside.start.clamp(start, start + count) - start;
                        let to = tap.inside.end.clamp(start + from, start + count) - start;
                        let inside = ((1_u32 << to) - (1 << from)) as __mmask16;
                        let at = source as isize + along + tap.shift;
                        let here = sources.plane.wrapping_offset(at);
                        // SAFETY: the mask lets through what is inside of the line.
                        let x = unsafe {
                            match width.stride {
                                1 => _mm512_maskz_loadu_ps(inside, here),
                                2 => {
                                    let both = _pdep_u32(inside.into(), 0x5555_5555);
                                    let low = _mm512_maskz_loadu_ps(both as __mmask16, here);
                                    let high = (both >> LANES) as __mmask16;
                                    let high = _mm512_maskz_loadu_ps(high, here.wrapping_add(LANES));
                                    _mm512_permutex2var_ps(low, evens, high)
                                }
                                _ => {
                                    let nothing = _mm512_setzero_ps();
                                    _mm512_mask_i32gather_ps::<4>(nothing, inside, steps, here.cast())
                                }
                            }
                        };
                        // The last of several NaNs is named, as in PyTorch.
                        let better = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, values)
                            | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
                        let better = better & inside;
                        values = _mm512_mask_mov_ps(values, better, x);
                        let place = _mm512_add_epi32(_mm512_set1_epi32(at as i32), steps);
                        places = _mm512_mask_mov_epi32(places, better, place);
                    }
                }
                let own = number * width.output + start;
                let written = ((1_u32 << count) - 1) as __mmask16;
                let wide = [
                    _mm512_cvtepi32_epi64(_mm512_castsi512_si256(places)),
                    _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(places)),
                ];
                // SAFETY: the masks let through the windows of this line.
                unsafe {
                    _mm512_mask_storeu_ps(job.values.as_mut_ptr().wrapping_add(own), written, values);
                    let to = job.places.as_mut_ptr().wrapping_add(own);
                    _mm512_mask_storeu_epi64(to, written as __mmask8, wide[0]);
                    _mm512_mask_storeu_epi64(to.wrapping_add(8), (written >> 8) as __mmask8, wide[1]);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::Lines;
    use crate::cpu::panels::Lanes;

    const LANES: usize = 8;

    /// # Safety
    /// The machine has AVX2.
    #[target_feature(enable = "avx2")]
    pub unsafe fn lines(job: &mut Lines<f32>) {
        let width = job.dims[2];
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let steps = _mm256_mullo_epi32(lanes, _mm256_set1_epi32(width.stride as i32));
        let last = _mm256_set1_epi32(width.size as i32 - 1);
        let before = |lane: usize| _mm256_cmpgt_epi32(_mm256_set1_epi32(lane as i32), lanes);
        for (number, line) in job.range.clone().enumerate() {
            let sources = job.sources(line);
            for start in (0..width.output).step_by(LANES) {
                let count = LANES.min(width.output - start);
                let along = (start * width.stride) as isize;
                let mut named = [0_i32; LANES];
                for (l, named) in named.iter_mut().enumerate().take(width.padding.div_ceil(width.stride)) {
                    *named = width.first(start + l) as i32;
                }
                // Windows that begin in the padding are those of the first lanes, if any.
                let first = _mm256_set1_epi32((along - width.padding as isize) as i32);
                let first = _mm256_min_epi32(_mm256_add_epi32(first, steps), last);
                // SAFETY: an array of 8.
                let named = unsafe { _mm256_loadu_si256(named.as_ptr().cast()) };
                let short = _mm256_cmpgt_epi32(_mm256_setzero_si256(), first);
                let first = _mm256_blendv_epi8(first, named, short);
                let mut places = _mm256_add_epi32(first, _mm256_set1_epi32(sources.corner as i32));
                let mut values = _mm256_set1_ps(job.lowest);
                for &source in &sources.lines {
                    for tap in job.taps {
                        let from = tap.inside.start.clamp(start, start + count) - start;
                        let to = tap.inside.end.clamp(start + from, start + count) - start;
                        let bits = (1_u32 << to) - (1 << from);
                        let inside = _mm256_castsi256_ps(_mm256_andnot_si256(before(from), before(to)));
                        let at = source as isize + along + tap.shift;
                        let here = sources.plane.wrapping_offset(at);
                        // SAFETY: the bits and the mask let through what is inside of the line.
                        let x: __m256 = unsafe {
                            match width.stride {
                                1 => Lanes::load_some(here, bits),
                                2 => Lanes::load_seconds(here, bits),
                                _ => _mm256_mask_i32gather_ps::<4>(_mm256_setzero_ps(), here, steps, inside),
                            }
                        };
                        // The last of several NaNs is named, as in PyTorch.
                        let better = _mm256_or_ps(
                            _mm256_cmp_ps::<_CMP_GT_OQ>(x, values),
                            _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x),
                        );
                        let better = _mm256_and_ps(better, inside);
                        values = _mm256_blendv_ps(values, x, better);
                        let place = _mm256_add_epi32(_mm256_set1_epi32(at as i32), steps);
                        places = _mm256_blendv_epi8(places, place, _mm256_castps_si256(better));
                    }
                }
                let own = number * width.output + start;
                let wide = |x: __m256i| {
                    let high = _mm256_extracti128_si256::<1>(x);
                    [_mm256_cvtepi32_epi64(_mm256_castsi256_si128(x)), _mm256_cvtepi32_epi64(high)]
                };
                // SAFETY: bits and masks let through the windows of this line.
                unsafe {
                    Lanes::store_some(values, job.values.as_mut_ptr().wrapping_add(own), (1 << count) - 1);
                    let (to, places) = (job.places.as_mut_ptr().wrapping_add(own), wide(places));
                    if count == LANES {
                        _mm256_storeu_si256(to.cast(), places[0]);
                        _mm256_storeu_si256(to.wrapping_add(4).cast(), places[1]);
                    } else {
                        let written = wide(before(count));
                        _mm256_maskstore_epi64(to, written[0], places[0]);
                        _mm256_maskstore_epi64(to.wrapping_add(4), written[1], places[1]);
                    }
                }
            }
        }
    }
}
