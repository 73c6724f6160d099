//! The inner loops of products for AVX-512: a tile of 8 rows and 32 columns in registers, and what moves blocks into panels.
//!
//! Eight rows suffice: 16 sums hide the latency of the multiply-adds, and 10 loads go with 16 of them.

use std::arch::{asm, x86_64::*};

use super::{Lines, Steps, Tile, Turn};

/// Rows of a tile.
pub const ROWS: usize = 8;
/// Numbers in a register; a tile is two registers wide, or one where there are no more columns.
pub const LANES: usize = 16;
/// So many lines of memory are asked for at a time, and then not before so many steps: many at once would have to be waited
/// for, and looking for the next one at every step has no registers left.
const ASKED: usize = 4;
const BETWEEN: usize = 8;

/// The first so many lanes.
#[inline(always)]
pub fn first(lanes: usize) -> __mmask16 {
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
    // What will be written is on its way while the sums are made.
    for r in 0..R {
        let row = tile.c.wrapping_offset(r as isize * tile.c_row);
        for v in 0..V {
            let c = row.wrapping_add(LANES * v);
            if tile.runs.is_empty() {
                _mm_prefetch::<_MM_HINT_ET0>(c.cast());
            }
        }
        for run in tile.runs {
            let c = row.wrapping_offset(run.offset);
            _mm_prefetch::<_MM_HINT_ET0>(c.cast());
            _mm_prefetch::<_MM_HINT_ET0>(c.wrapping_offset((run.count - 1) as isize * run.step).cast());
        }
    }
    // How far each row is, in a register of its own: the compiler would find each from the one before, and a chain of eight
    // additions takes as long as the multiply-adds.
    let mut rows = [0; R];
    for (r, over) in rows.iter_mut().enumerate() {
        *over = r as isize * tile.a_row;
        // SAFETY: it does nothing; what it does is not known to the compiler.
        unsafe { asm!("/* {} */", inout(reg) * over, options(pure, nomem, nostack, preserves_flags)) };
    }
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    let mut step = |a: *const f32, b: *const f32| {
        let mut row = [_mm512_setzero_ps(); V];
        for (v, row) in row.iter_mut().enumerate() {
            // SAFETY: every step of `b` has a full row of the panel.
            *row = unsafe { _mm512_loadu_ps(b.add(LANES * v)) };
        }
        for (&over, sums) in rows.iter().zip(&mut sums) {
            // SAFETY: every step of `a` has a number in each of the rows.
            let x = _mm512_set1_ps(unsafe { *a.offset(over) });
            for v in 0..V {
                sums[v] = _mm512_fmadd_ps(x, row[v], sums[v]);
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
            let inside = first(tile.columns.saturating_sub(LANES * v));
            // SAFETY: the row has as many columns as the mask lets through.
            unsafe {
                let c = tile.c.offset(r as isize * tile.c_row).add(LANES * v);
                let sum = if tile.add { _mm512_add_ps(_mm512_maskz_loadu_ps(inside, c), sum) } else { sum };
                _mm512_mask_storeu_ps(c, inside, sum);
            }
        }
    }
}

/// Stores sums where the runs say, straight from the registers: what is stored first and read again to be stored elsewhere
/// waits until everything before has left for the cache.
///
/// # Safety
/// As of [`tile`]; the runs have steps of 1 or 2.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[__m512; V]; R]) {
    let low = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    let put = |to: *mut f32, places: __mmask16, sums: __m512| {
        // SAFETY: the masks let through a run's columns.
        unsafe {
            let sums = if tile.add { _mm512_add_ps(_mm512_maskz_loadu_ps(places, to), sums) } else { sums };
            _mm512_mask_storeu_ps(to, places, sums);
        }
    };
    for run in tile.runs {
        for v in 0..V {
            let end = (run.column + run.count).saturating_sub(LANES * v);
            let inside = first(end) & !first(run.column.saturating_sub(LANES * v));
            if inside == 0 {
                continue;
            }
            let column = (LANES * v) as isize - run.column as isize;
            let to = tile.c.wrapping_offset(run.offset + column * run.step);
            // Every second place, for each lane.
            let places = |lanes: __mmask16| {
                let mut places = u32::from(lanes & 0xff);
                places = (places | places << 4) & 0x0f0f;
                places = (places | places << 2) & 0x3333;
                ((places | places << 1) & 0x5555) as __mmask16
            };
            for (r, sums) in sums.iter().enumerate() {
                let to = to.wrapping_offset(r as isize * tile.c_row);
                if run.step == 1 {
                    put(to, inside, sums[v]);
                } else {
                    put(to, places(inside), _mm512_permutexvar_ps(low, sums[v]));
                    put(to.wrapping_add(LANES), places(inside >> 8), _mm512_permutexvar_ps(high, sums[v]));
                }
            }
        }
    }
}

/// # Safety
/// The machine has AVX-512F, and source and target are as the fields say.
#[target_feature(enable = "avx512f")]
pub unsafe fn lines(job: &Lines) {
    if (job.len, job.step) == (2 * LANES, 2 * LANES) {
        // Whole panels: nothing to mask.
        for p in 0..job.count {
            let from = job.source.wrapping_offset(p as isize * job.line);
            let to = job.target.wrapping_add(p * 2 * LANES);
            // SAFETY: the line has two registers, and so has the step.
            unsafe {
                let (left, right) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(LANES)));
                _mm512_storeu_ps(to, left);
                _mm512_storeu_ps(to.add(LANES), right);
            }
        }
        return;
    }
    for p in 0..job.count {
        let from = job.source.wrapping_offset(p as isize * job.line);
        let to = job.target.wrapping_add(p * job.step);
        for (number, part) in (0..job.len).step_by(job.step).enumerate() {
            for start in (0..job.step).step_by(LANES) {
                let read = first(job.len.saturating_sub(part + start));
                let written = first(job.step - start);
                // SAFETY: the masks let through what the line has, and what the step has room for.
                unsafe {
                    let line = _mm512_maskz_loadu_ps(read, from.wrapping_add(part + start));
                    _mm512_mask_storeu_ps(to.wrapping_add(number * job.apart + start), written, line);
                }
            }
        }
    }
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
