//! A tile of a product: its sums are made in registers, by nothing but loads and multiply-adds, and stored where they belong.

use std::arch::{asm, x86_64::*};

use super::{Run, Steps, Tile, lanes::Lanes};

/// So many lines of memory are asked for at a time, and then not before so many steps: many at once would have to be waited
/// for, and looking for the next one at every step has no registers left.
const ASKED: usize = 4;
const BETWEEN: usize = 8;

/// So many rows of registers.
pub type Sums<L, const R: usize, const V: usize> = [[L; V]; R];

/// Makes a tile of so many rows and registers.
///
/// # Safety
/// The machine has the instructions, and the tile is as its fields say.
#[inline(always)]
pub unsafe fn sums<L: Lanes, const R: usize, const V: usize>(tile: &Tile) {
    // What will be written is on its way while the sums are made.
    for r in 0..R {
        let row = tile.c.wrapping_offset(r as isize * tile.c_row);
        for v in 0..V {
            if tile.runs.is_empty() {
                ask_near(row.wrapping_add(L::COUNT * v));
            }
        }
        for run in tile.runs {
            let c = row.wrapping_offset(run.offset);
            ask_near(c);
            ask_near(c.wrapping_offset((run.count - 1) as isize * run.step));
        }
    }
    // How far each row is, in a register of its own: the compiler would find each from the one before, and a chain of
    // additions takes as long as the multiply-adds.
    let mut rows = [0; R];
    for (r, over) in rows.iter_mut().enumerate() {
        *over = r as isize * tile.a_row;
        // SAFETY: it does nothing; what it does is not known to the compiler.
        unsafe { asm!("/* {} */", inout(reg) * over, options(pure, nomem, nostack, preserves_flags)) };
    }
    // SAFETY: the caller's.
    let mut sums: Sums<L, R, V> = [[unsafe { L::splat(0.0) }; V]; R];
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
                    // SAFETY: the caller's.
                    unsafe { step(a, b, &rows, &mut sums) };
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
                    let (a, b) = (tile.a.wrapping_offset(over_a), tile.b.wrapping_offset(over_b));
                    // SAFETY: the caller's.
                    unsafe { step(a, b, &rows, &mut sums) };
                }
            }
        }
    }
    for lines in asked {
        ask(lines);
    }
    // SAFETY: the caller's.
    unsafe {
        if tile.runs.is_empty() {
            in_lines(tile, &sums);
        } else {
            L::in_runs(tile, sums);
        }
    }
}

/// A step of the inner dimension.
///
/// # Safety
/// `a` has a number in each of the rows, `b` a full row of the panel.
#[inline(always)]
unsafe fn step<L: Lanes, const R: usize, const V: usize>(
    a: *const f32,
    b: *const f32,
    rows: &[isize; R],
    sums: &mut Sums<L, R, V>,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut row = [L::splat(0.0); V];
        for (v, row) in row.iter_mut().enumerate() {
            *row = L::load(b.add(L::COUNT * v));
        }
        for (&over, sums) in rows.iter().zip(sums) {
            let x = L::splat(*a.offset(over));
            for v in 0..V {
                sums[v] = L::fused(x, row[v], sums[v]);
            }
        }
    }
}

#[inline(always)]
fn ask(lines: &[*const f32]) {
    for line in lines {
        // SAFETY: it may be asked for any memory.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) };
    }
}

#[inline(always)]
fn ask_near(line: *mut f32) {
    // SAFETY: as above.
    unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.cast()) };
}

/// Stores sums, or adds them to what is there.
///
/// # Safety
/// Where bits are set there is a place for a number.
#[inline(always)]
unsafe fn put<L: Lanes>(tile: &Tile, sums: L, to: *mut f32, bits: u32) {
    // SAFETY: the caller's.
    unsafe {
        let sums = if tile.add { L::plus(L::load_some(to, bits), sums) } else { sums };
        L::store_some(sums, to, bits);
    }
}

/// Stores sums in lines.
///
/// # Safety
/// As of [`sums`].
#[inline(always)]
unsafe fn in_lines<L: Lanes, const R: usize, const V: usize>(tile: &Tile, sums: &Sums<L, R, V>) {
    for (r, sums) in sums.iter().enumerate() {
        for (v, &sums) in sums.iter().enumerate() {
            let to = tile.c.wrapping_offset(r as isize * tile.c_row).wrapping_add(L::COUNT * v);
            // SAFETY: the row has so many columns.
            unsafe { put(tile, sums, to, L::first(tile.columns.saturating_sub(L::COUNT * v))) };
        }
    }
}

/// Stores sums where the runs say, straight from the registers: what is stored first and read again to be stored elsewhere
/// waits until everything before has left for the cache.
///
/// # Safety
/// As of [`sums`]; the runs have steps of 1 or 2.
#[inline(always)]
pub unsafe fn in_runs<L: Lanes, const R: usize, const V: usize>(tile: &Tile, sums: &Sums<L, R, V>) {
    for &Run { column, count, offset, step } in tile.runs {
        for v in 0..V {
            let end = (column + count).saturating_sub(L::COUNT * v);
            let inside = L::first(end) & !L::first(column.saturating_sub(L::COUNT * v));
            if inside == 0 {
                continue;
            }
            let to = tile.c.wrapping_offset(offset + ((L::COUNT * v) as isize - column as isize) * step);
            let twice = every_second(inside);
            for (r, sums) in sums.iter().enumerate() {
                let to = to.wrapping_offset(r as isize * tile.c_row);
                // SAFETY: the bits are those of the run's columns.
                unsafe {
                    if step == 1 {
                        put(tile, sums[v], to, inside);
                    } else {
                        let [near, far] = L::woven(sums[v], sums[v]);
                        put(tile, near, to, twice & L::first(L::COUNT));
                        put(tile, far, to.wrapping_add(L::COUNT), twice >> L::COUNT);
                    }
                }
            }
        }
    }
}

/// Each of 16 bits at twice its place.
#[inline(always)]
fn every_second(bits: u32) -> u32 {
    let bits = (bits | bits << 8) & 0x00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f;
    let bits = (bits | bits << 2) & 0x3333_3333;
    (bits | bits << 1) & 0x5555_5555
}
