//! The inner loops of products for AVX2 with FMA: a tile of 6 rows and 16 columns in registers, and what moves blocks into
//! panels.

use std::arch::x86_64::*;

use super::{Tile, Turn, tile_sums};

/// Rows of a tile: with 12 sums, a row of the panel and one factor, 15 of 16 registers are used.
pub const ROWS: usize = 6;
/// Numbers in a register; a tile is two registers wide, or one where there are no more columns.
pub const LANES: usize = 8;
/// The first so many lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn first(lanes: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.min(LANES) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// # Safety
/// The machine has AVX2 and FMA, and the tile is as its fields say.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn tile(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        match (tile.columns > LANES, tile.rows) {
            (true, 6..) => sums::<6, 2>(tile),
            (true, 5) => sums::<5, 2>(tile),
            (true, 4) => sums::<4, 2>(tile),
            (true, 3) => sums::<3, 2>(tile),
            (true, 2) => sums::<2, 2>(tile),
            (true, _) => sums::<1, 2>(tile),
            (false, 6..) => sums::<6, 1>(tile),
            (false, 5) => sums::<5, 1>(tile),
            (false, 4) => sums::<4, 1>(tile),
            (false, 3) => sums::<3, 1>(tile),
            (false, 2) => sums::<2, 1>(tile),
            (false, _) => sums::<1, 1>(tile),
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn sums<const R: usize, const V: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe { tile_sums::sums::<__m256, R, V>(tile) }
}

/// Apart from [`sums`]: where sums are read one after another, they would be kept in memory while they are made.
///
/// # Safety
/// As of [`tile`]; the runs have steps of 1 or 2.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[__m256; V]; R]) {
    // SAFETY: the caller's.
    unsafe { tile_sums::in_runs(tile, &sums) }
}

/// # Safety
/// So many numbers at `c` may be written, and read if they are added to.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn store(c: *mut f32, inside: usize, add: bool, sum: __m256) {
    // SAFETY: the caller's; the mask lets through no more than are inside.
    unsafe {
        if inside >= LANES {
            let sum = if add { _mm256_add_ps(_mm256_loadu_ps(c), sum) } else { sum };
            _mm256_storeu_ps(c, sum);
        } else {
            let mask = first(inside);
            let sum = if add { _mm256_add_ps(_mm256_maskload_ps(c, mask), sum) } else { sum };
            _mm256_maskstore_ps(c, mask, sum);
        }
    }
}

/// # Safety
/// The machine has AVX2 and FMA, and source and target are as the fields say.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn turn(job: &Turn) {
    for start in (0..job.count).step_by(LANES) {
        let count = LANES.min(job.count - start);
        let mut x = [_mm256_setzero_ps(); LANES];
        for (l, x) in x.iter_mut().enumerate().take(job.lines) {
            let from = job.source.wrapping_offset(l as isize * job.line).wrapping_add(start);
            // SAFETY: so many numbers of the line are there.
            *x = unsafe {
                if count == LANES { _mm256_loadu_ps(from) } else { _mm256_maskload_ps(from, first(count)) }
            };
        }
        let x = transposed(x);
        for (i, &x) in x.iter().enumerate().take(count) {
            let to = job.target.wrapping_offset((start + i) as isize * job.step);
            // SAFETY: the target has room for what is written of each step.
            unsafe { store(to, job.written, job.add, x) };
        }
    }
}

/// Rows as columns.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn transposed(x: [__m256; 8]) -> [__m256; 8] {
    let mut pairs = x;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
    }
    // Each half of `fours[4·g + i]` holds four rows of one column.
    let mut fours = x;
    for g in 0..2 {
        let wide = |i: usize| _mm256_castps_pd(pairs[4 * g + i]);
        let wide = [wide(0), wide(1), wide(2), wide(3)];
        fours[4 * g] = _mm256_castpd_ps(_mm256_unpacklo_pd(wide[0], wide[2]));
        fours[4 * g + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(wide[0], wide[2]));
        fours[4 * g + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(wide[1], wide[3]));
        fours[4 * g + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(wide[1], wide[3]));
    }
    let mut y = x;
    for i in 0..4 {
        y[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[4 + i]);
        y[4 + i] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[4 + i]);
    }
    y
}
