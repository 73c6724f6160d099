//! The inner loops of products for AVX-512: a tile of 8 rows and 32 columns in registers, and what moves blocks into panels.
//!
//! Eight rows suffice: 16 sums hide the latency of the multiply-adds, and 10 loads go with 16 of them.

use std::arch::x86_64::*;

use super::{Tile, Turn, tile_sums};

/// Rows of a tile.
pub const ROWS: usize = 8;
/// Numbers in a register; a tile is two registers wide, or one where there are no more columns.
pub const LANES: usize = 16;
/// The first so many lanes.
#[inline(always)]
fn first(lanes: usize) -> __mmask16 {
    if lanes >= LANES { !0 } else { (1 << lanes) - 1 }
}

/// # Safety
/// The machine has AVX-512F, and the tile is as its fields say.
#[target_feature(enable = "avx512f")]
pub unsafe fn tile(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        match (tile.columns > LANES, tile.rows) {
            (true, 8..) => sums::<8, 2>(tile),
            (true, 7) => sums::<7, 2>(tile),
            (true, 6) => sums::<6, 2>(tile),
            (true, 5) => sums::<5, 2>(tile),
            (true, 4) => sums::<4, 2>(tile),
            (true, 3) => sums::<3, 2>(tile),
            (true, 2) => sums::<2, 2>(tile),
            (true, _) => sums::<1, 2>(tile),
            (false, 8..) => sums::<8, 1>(tile),
            (false, 7) => sums::<7, 1>(tile),
            (false, 6) => sums::<6, 1>(tile),
            (false, 5) => sums::<5, 1>(tile),
            (false, 4) => sums::<4, 1>(tile),
            (false, 3) => sums::<3, 1>(tile),
            (false, 2) => sums::<2, 1>(tile),
            (false, _) => sums::<1, 1>(tile),
        }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn sums<const R: usize, const V: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe { tile_sums::sums::<__m512, R, V>(tile) }
}

/// Apart from [`sums`]: where sums are read one after another, they would be kept in memory while they are made.
///
/// # Safety
/// As of [`tile`]; the runs have steps of 1 or 2.
#[inline(never)]
#[target_feature(enable = "avx512f")]
pub unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[__m512; V]; R]) {
    // SAFETY: the caller's.
    unsafe { tile_sums::in_runs(tile, &sums) }
}

/// # Safety
/// The machine has AVX-512F, and source and target are as the fields say.
#[target_feature(enable = "avx512f")]
pub unsafe fn turn(job: &Turn) {
    if (job.lines, job.step, job.written, job.add) == (ROWS, ROWS as isize, ROWS, false) {
        let whole = job.count - job.count % LANES;
        let rest = Turn {
            source: job.source.wrapping_add(whole),
            count: job.count - whole,
            target: job.target.wrapping_add(whole * ROWS),
            ..*job
        };
        // SAFETY: the caller's; the rest is shorter than a register.
        return unsafe {
            rows(job, whole);
            turned(&rest);
        };
    }
    // SAFETY: the caller's.
    unsafe { turned(job) }
}

/// The rows of a tile side by side, so many numbers of each: the left factor is packed by nothing else, and half of a
/// register's lines would be zeros.
///
/// # Safety
/// As of [`turn`]; the count is a multiple of a register's.
#[target_feature(enable = "avx512f")]
unsafe fn rows(job: &Turn, count: usize) {
    let (first, second) =
        (_mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15));
    for start in (0..count).step_by(LANES) {
        let mut x = [_mm512_setzero_ps(); ROWS];
        for (r, x) in x.iter_mut().enumerate() {
            // SAFETY: so many numbers of the line are there.
            *x = unsafe {
                _mm512_loadu_ps(job.source.wrapping_offset(r as isize * job.line).wrapping_add(start))
            };
        }
        // In each quarter of the register: column `i` of the quarter, of four rows.
        let fours = |x: &[__m512]| {
            let wide = |x: __m512| _mm512_castps_pd(x);
            let (low, high) = (_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1]));
            let (low_after, high_after) = (_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3]));
            [
                _mm512_unpacklo_pd(wide(low), wide(low_after)),
                _mm512_unpackhi_pd(wide(low), wide(low_after)),
                _mm512_unpacklo_pd(wide(high), wide(high_after)),
                _mm512_unpackhi_pd(wide(high), wide(high_after)),
            ]
        };
        let (upper, lower) = (fours(&x[..4]), fours(&x[4..]));
        for i in 0..4 {
            let near = _mm512_permutex2var_pd(upper[i], first, lower[i]);
            let far = _mm512_permutex2var_pd(upper[i], second, lower[i]);
            for (j, eight) in [
                _mm512_castpd512_pd256(near),
                _mm512_extractf64x4_pd::<1>(near),
                _mm512_castpd512_pd256(far),
                _mm512_extractf64x4_pd::<1>(far),
            ]
            .into_iter()
            .enumerate()
            {
                let to = job.target.wrapping_add((start + 4 * j + i) * ROWS);
                // SAFETY: the target has room for eight numbers of each step.
                unsafe { _mm256_storeu_ps(to, _mm256_castpd_ps(eight)) };
            }
        }
    }
}

/// # Safety
/// As of [`turn`].
#[target_feature(enable = "avx512f")]
unsafe fn turned(job: &Turn) {
    let written = first(job.written);
    for start in (0..job.count).step_by(LANES) {
        let count = LANES.min(job.count - start);
        let mut x = [_mm512_setzero_ps(); LANES];
        for (l, x) in x.iter_mut().enumerate().take(job.lines) {
            let from = job.source.wrapping_offset(l as isize * job.line).wrapping_add(start);
            // SAFETY: so many numbers of the line are there.
            *x = unsafe { _mm512_maskz_loadu_ps(first(count), from) };
        }
        let x = transposed(x);
        for (i, &x) in x.iter().enumerate().take(count) {
            let to = job.target.wrapping_offset((start + i) as isize * job.step);
            // SAFETY: the target has room for what is written of each step.
            unsafe {
                let x = if job.add { _mm512_add_ps(_mm512_maskz_loadu_ps(written, to), x) } else { x };
                _mm512_mask_storeu_ps(to, written, x);
            }
        }
    }
}

/// Rows as columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(x: [__m512; 16]) -> [__m512; 16] {
    let mut pairs = x;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_ps(x[2 * i], x[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(x[2 * i], x[2 * i + 1]);
    }
    // Each quarter of `fours[4·g + i]` holds four rows of one column.
    let mut fours = x;
    for g in 0..4 {
        let wide = |i: usize| _mm512_castps_pd(pairs[4 * g + i]);
        let wide = [wide(0), wide(1), wide(2), wide(3)];
        fours[4 * g] = _mm512_castpd_ps(_mm512_unpacklo_pd(wide[0], wide[2]));
        fours[4 * g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(wide[0], wide[2]));
        fours[4 * g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(wide[1], wide[3]));
        fours[4 * g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(wide[1], wide[3]));
    }
    let mut y = x;
    for i in 0..4 {
        let even = _mm512_shuffle_f32x4::<0x88>(fours[i], fours[4 + i]);
        let odd = _mm512_shuffle_f32x4::<0xdd>(fours[i], fours[4 + i]);
        let more_even = _mm512_shuffle_f32x4::<0x88>(fours[8 + i], fours[12 + i]);
        let more_odd = _mm512_shuffle_f32x4::<0xdd>(fours[8 + i], fours[12 + i]);
        y[i] = _mm512_shuffle_f32x4::<0x88>(even, more_even);
        y[4 + i] = _mm512_shuffle_f32x4::<0x88>(odd, more_odd);
        y[8 + i] = _mm512_shuffle_f32x4::<0xdd>(even, more_even);
        y[12 + i] = _mm512_shuffle_f32x4::<0xdd>(odd, more_odd);
    }
    y
}
