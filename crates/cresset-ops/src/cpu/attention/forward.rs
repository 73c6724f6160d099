//! The way forward: some queries, past which all keys go that they look at.

use super::{
    GRAIN, Item, Job, PARALLEL, QUERIES,
    tiles::{self, LANES, Rows},
    weights::{Block, Known, scale_rows, weigh},
};
use crate::{
    cpu::{
        gemm::{Matrix, Size},
        panels::Scratch,
        threads,
    },
    infer::Extent,
};

/// Keys that are done at once: weights of a panel's queries and a panel's part of the values share the first-level cache.
const KEYS: usize = 128;

/// Computes all outputs. `None` where there is no memory.
pub fn run(job: &Job, y: *mut f32, logarithms: *mut f32) -> Option<()> {
    let Extent { queries, value_width, .. } = job.extent;
    let blocks = queries.div_ceil(QUERIES);
    let units = job.count * blocks;
    let several = GRAIN / (job.work() / units.max(1)).max(1) + 1;
    // Addresses that tasks may share.
    let y = Matrix { start: y, row: (queries * value_width) as isize, column: value_width as isize };
    let logarithms = Matrix { start: logarithms, row: queries as isize, column: 1 };
    threads::try_divide(job.work() >= PARALLEL, units.div_ceil(several), &|task| {
        for unit in task * several..units.min((task + 1) * several) {
            let (item, first) = (unit / blocks, unit % blocks * QUERIES);
            let y = Rows { start: y.at(item, first).start, row: value_width };
            // SAFETY: the inputs are locked; these queries' outputs, which are fresh, are this task's.
            unsafe { queries_of(job, &job.item(item), first, y, logarithms.at(item, first).start)? };
        }
        Some(())
    })
}

/// Some queries of one attention, from a first one on.
///
/// # Safety
/// The inputs may be read, and these queries' outputs written.
unsafe fn queries_of(job: &Job, item: &Item, first: usize, y: Rows, logarithms: *mut f32) -> Option<()> {
    let Extent { queries, width, value_width, .. } = job.extent;
    let (tiles, panel) = (&job.tiles, job.tiles.width);
    let count = QUERIES.min(queries - first);
    let seen = job.seen(first + count);
    let most = KEYS.min(seen);
    let packed = count.next_multiple_of(panel).checked_mul(width)?;
    let key_room = most.checked_mul(tiles::room(width))?;
    let value_room = most.checked_mul(tiles::room(value_width))?;
    let rest = most * panel + item.mask.room(most, panel);
    let scratch = Scratch::new(packed.checked_add(key_room)?.checked_add(value_room)?.checked_add(rest)?)?;
    let packed_queries = scratch.start();
    let key_copy = packed_queries.wrapping_add(packed);
    let value_copy = key_copy.wrapping_add(key_room);
    let scores = value_copy.wrapping_add(value_room);
    let of_mask = scores.wrapping_add(most * panel);
    let (mut largest, mut sums) = ([f32::NEG_INFINITY; QUERIES], [0.0; QUERIES]);
    let mut factors = [0.0; QUERIES];
    // SAFETY: the caller's; the scratch has room for every block.
    unsafe {
        tiles.pack(item.query.at(first, 0), count, width, packed_queries);
        if seen == 0 {
            (0..count).for_each(|row| y.at(row, 0).start.write_bytes(0, value_width));
        }
        for key in (0..seen).step_by(KEYS) {
            let keys = KEYS.min(seen - key);
            let k = tiles::rows(item.key.at(key, 0), keys, width, key_copy);
            let v = tiles::rows(item.value.at(key, 0), keys, value_width, value_copy);
            for start in (0..count).step_by(panel) {
                let rows = panel.min(count - start);
                let keys = keys.min(job.seen(first + start + rows).saturating_sub(key));
                if keys == 0 {
                    continue;
                }
                let lanes = rows.next_multiple_of(LANES);
                let block = Rows { start: scores, row: panel };
                let q = Rows { start: packed_queries.wrapping_add(start * width), row: panel };
                tiles.multiply(Size { m: keys, k: width, n: lanes }, k.matrix(), q, false, block);
                let mut of_keys = Block {
                    start: scores,
                    row: panel,
                    keys,
                    lanes,
                    scale: job.scale,
                    seen: job.seen_from(first + start, key),
                };
                item.mask.lay_on(tiles, &mut of_keys, [first + start, key], rows, of_mask);
                let known = start..start + lanes;
                weigh(
                    &of_keys,
                    &mut Known {
                        largest: &mut largest[known.clone()],
                        sums: &mut sums[known.clone()],
                        factors: &mut factors[known],
                    },
                );
                let (y, factors) = (y.at(start, 0), &factors[start..start + rows]);
                if key > 0 && factors.iter().any(|&factor| factor != 1.0) {
                    scale_rows(y.start, y.row, value_width, factors);
                }
                let weights = block.matrix().transposed();
                tiles.multiply(Size { m: rows, k: keys, n: value_width }, weights, v, key > 0, y);
            }
        }
        for (factor, &sum) in factors.iter_mut().zip(&sums) {
            *factor = if sum == 0.0 { 0.0 } else { 1.0 / sum };
        }
        scale_rows(y.start, y.row, value_width, &factors[..count]);
        for (i, (&sum, &largest)) in sums.iter().zip(&largest).enumerate().take(count) {
            let logarithm = if sum == 0.0 {
                f32::NEG_INFINITY
            } else {
                let shift = if largest == f32::NEG_INFINITY { 0.0 } else { f64::from(largest) };
                (shift + f64::from(sum).ln()) as f32
            };
            logarithms.add(i).write(logarithm);
        }
    }
    Some(())
}
