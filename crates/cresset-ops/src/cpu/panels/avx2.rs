//! The inner loops of products for AVX2 with FMA: a tile of 6 rows and 16 columns in registers, and what moves blocks into
//! panels.

use std::arch::x86_64::*;

use super::{Lines, Steps, Tile, Turn};

/// Rows of a tile: with 12 sums, a row of the panel and one factor, 15 of 16 registers are used.
pub const ROWS: usize = 6;
/// Numbers in a register; a tile is two registers wide, or one where there are no more columns.
pub const LANES: usize = 8;
/// So many lines of memory are asked for at a time, and then not before so many steps: many at once would have to be waited
/// for, and looking for the next one at every step has no registers left.
const ASKED: usize = 4;
const BETWEEN: usize = 8;

/// The first so many lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn first(lanes: usize) -> __m256i {
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
    // What will be written is on its way while the sums are made.
    for r in 0..R {
        let row = tile.c.wrapping_offset(r as isize * tile.c_row);
        for v in 0..V {
            if tile.runs.is_empty() {
                _mm_prefetch::<_MM_HINT_ET0>(row.wrapping_add(LANES * v).cast());
            }
        }
        for run in tile.runs {
            let c = row.wrapping_offset(run.offset);
            _mm_prefetch::<_MM_HINT_ET0>(c.cast());
            _mm_prefetch::<_MM_HINT_ET0>(c.wrapping_offset((run.count - 1) as isize * run.step).cast());
        }
    }
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    let mut step = |a: *const f32, b: *const f32| {
        let mut row = [_mm256_setzero_ps(); V];
        for (v, row) in row.iter_mut().enumerate() {
            // SAFETY: every step of `b` has a full row of the panel.
            *row = unsafe { _mm256_loadu_ps(b.add(LANES * v)) };
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: every step of `a` has a number in each of the rows.
            let x = _mm256_set1_ps(unsafe { *a.offset(r as isize * tile.a_row) });
            for v in 0..V {
                sums[v] = _mm256_fmadd_ps(x, row[v], sums[v]);
            }
        }
    };
    let ask = |lines: &[*const f32]| lines.iter().for_each(|line| _mm_prefetch::<_MM_HINT_T1>(line.cast()));
    let (some, rest) = tile.asked.as_chunks::<ASKED>();
    let mut asked = some.iter();
    ask(rest);
    match tile.steps {
        Steps::Even { count, a: over_a, b: over_b } => {
            let (mut a, mut b, mut left) = (tile.a, tile.b, count);
            while left > 0 {
                let some = match asked.next() {
                    Some(lines) => {
                        ask(lines);
                        left.min(BETWEEN)
                    }
                    None => left,
                };
                for _ in 0..some {
                    step(a, b);
                    (a, b) = (a.wrapping_offset(over_a), b.wrapping_offset(over_b));
                }
                left -= some;
            }
        }
        Steps::Listed(steps) => {
            for some in steps.chunks(BETWEEN) {
                if let Some(lines) = asked.next() {
                    ask(lines);
                }
                for &[over_a, over_b] in some {
                    step(tile.a.wrapping_offset(over_a), tile.b.wrapping_offset(over_b));
                }
            }
        }
    }
    asked.for_each(|lines| ask(lines));
    if !tile.runs.is_empty() {
        // SAFETY: the caller's.
        return unsafe { in_runs(tile, sums) };
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            let inside = tile.columns.saturating_sub(LANES * v);
            // SAFETY: the row has as many columns as are loaded and stored.
            unsafe {
                let c = tile.c.offset(r as isize * tile.c_row).add(LANES * v);
                store(c, inside, tile.add, sum);
            }
        }
    }
}

/// Stores sums where the runs say, straight from the registers.
///
/// # Safety
/// As of [`tile`]; the runs have steps of 1 or 2.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[__m256; V]; R]) {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let low = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    let high = _mm256_add_epi32(low, _mm256_set1_epi32(4));
    let evens = _mm256_setr_epi32(-1, 0, -1, 0, -1, 0, -1, 0);
    let put = |to: *mut f32, places: __m256i, sums: __m256| {
        // SAFETY: the masks let through a run's columns.
        unsafe {
            let sums = if tile.add { _mm256_add_ps(_mm256_maskload_ps(to, places), sums) } else { sums };
            _mm256_maskstore_ps(to, places, sums);
        }
    };
    for run in tile.runs {
        for v in 0..V {
            let column = (LANES * v) as isize - run.column as isize;
            let at = _mm256_add_epi32(lanes, _mm256_set1_epi32(column as i32));
            let short = _mm256_cmpgt_epi32(_mm256_setzero_si256(), at);
            let inside =
                _mm256_andnot_si256(short, _mm256_cmpgt_epi32(_mm256_set1_epi32(run.count as i32), at));
            if _mm256_testz_si256(inside, inside) == 1 {
                continue;
            }
            let to = tile.c.wrapping_offset(run.offset + column * run.step);
            let near = _mm256_and_si256(_mm256_permutevar8x32_epi32(inside, low), evens);
            let far = _mm256_and_si256(_mm256_permutevar8x32_epi32(inside, high), evens);
            for (r, sums) in sums.iter().enumerate() {
                let to = to.wrapping_offset(r as isize * tile.c_row);
                if run.step == 1 {
                    put(to, inside, sums[v]);
                } else {
                    put(to, near, _mm256_permutevar8x32_ps(sums[v], low));
                    put(to.wrapping_add(LANES), far, _mm256_permutevar8x32_ps(sums[v], high));
                }
            }
        }
    }
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
pub unsafe fn lines(job: &Lines) {
    for p in 0..job.count {
        let from = job.source.wrapping_offset(p as isize * job.line);
        let to = job.target.wrapping_add(p * job.step);
        for (number, part) in (0..job.len).step_by(job.step).enumerate() {
            for start in (0..job.step).step_by(LANES) {
                let read = job.len.saturating_sub(part + start);
                let (from, to) =
                    (from.wrapping_add(part + start), to.wrapping_add(number * job.apart + start));
                // SAFETY: no more is read than the line has, no more written than the step has room for.
                unsafe {
                    let line = if read >= LANES {
                        _mm256_loadu_ps(from)
                    } else {
                        _mm256_maskload_ps(from, first(read))
                    };
                    store(to, job.step - start, false, line);
                }
            }
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
            *x = unsafe { _mm256_maskload_ps(from, first(count)) };
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
