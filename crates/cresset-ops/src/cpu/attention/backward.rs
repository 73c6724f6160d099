//! The way back: some queries, past which all keys go once more.
//!
//! What comes back to keys is added up over queries. Where there are few attentions, each has several parts of its
//! queries, which add for themselves, and are added in their order then.

use cresset_tensor::Array;

use super::{
    GRAIN, Item, Job, PARALLEL, QUERIES,
    tiles::{self, LANES, Rows},
    weights::{Back, Block, Known, slope, weigh},
};
use crate::{
    cpu::{
        gemm::{Matrix, Size},
        matmul::matrix,
        panels::Scratch,
        threads,
        walk::Walk,
    },
    decompose::FAR,
    infer::Extent,
};

/// Keys that are done at once: fewer than forward, since five blocks share the second-level cache, and of those at the
/// diagonal half is for nothing.
const KEYS: usize = 64;
/// Tasks to divide into where there are few attentions.
const TASKS: usize = 16;
/// Parts of an attention at most: every further one has gradients of all keys.
const PARTS: usize = 8;

/// What queries have besides.
struct OfQueries {
    walk: Walk,
    logarithms: Matrix<f32>,
    projections: Matrix<f32>,
    gradients: Matrix<f32>,
}

/// A gradient: a matrix for each attention, one after the other.
#[derive(Clone, Copy)]
struct Gradient {
    start: *mut f32,
    rows: usize,
    width: usize,
}

// SAFETY: an address; whoever writes through it says why it may.
unsafe impl Sync for Gradient {}
// SAFETY: as above.
unsafe impl Send for Gradient {}

impl Gradient {
    fn of(self, item: usize) -> Rows {
        Rows { start: self.start.wrapping_add(item * self.rows * self.width), row: self.width }
    }
}

/// Computes all gradients. `None` where there is no memory.
pub fn run(job: &Job, of_queries: [&Array; 3], gradients: [*mut f32; 3]) -> Option<()> {
    let Extent { queries, keys, width, value_width, .. } = job.extent;
    let [logarithms, projections, dy] = of_queries;
    let batch = job.extent.batch.rank();
    let over = of_queries.map(|x| x.strides()[..batch].iter().copied().collect());
    let line = |x: &Array| Matrix { start: x.as_ptr().cast(), row: x.strides()[batch], column: 1 };
    let of_queries = OfQueries {
        walk: Walk::new(&job.extent.batch, &over),
        logarithms: line(logarithms),
        projections: line(projections),
        gradients: matrix(dy),
    };
    let parts = TASKS.div_ceil(job.count.max(1)).min(PARTS).min(queries.div_ceil(QUERIES)).max(1);
    let [dq, dk, dv] = gradients;
    let dq = Gradient { start: dq, rows: queries, width };
    let (size, value_size) = (job.count * keys * width, job.count * keys * value_width);
    let more = Scratch::new((parts - 1).checked_mul(size + value_size)?)?;
    // Of keys and of values, for each part.
    let shares: Vec<[Gradient; 2]> = (0..parts)
        .map(|part| {
            let of = |first: *mut f32, before: usize, size: usize, width: usize| {
                let further = || more.start().wrapping_add(before + (part - 1) * size);
                Gradient { start: if part == 0 { first } else { further() }, rows: keys, width }
            };
            [of(dk, 0, size, width), of(dv, (parts - 1) * size, value_size, value_width)]
        })
        .collect();
    let units = job.count * parts;
    let several = GRAIN / (job.work() / units.max(1)).max(1) + 1;
    let worth = job.work() >= PARALLEL;
    threads::try_divide(worth, units.div_ceil(several), &|task| {
        for unit in task * several..units.min((task + 1) * several) {
            let (item, part) = (unit / parts, unit % parts);
            let [dk, dv] = shares[part];
            let to = [dq.of(item), dk.of(item), dv.of(item)];
            // SAFETY: the inputs are locked; the gradients of these queries, and this part's of the keys, are this task's.
            unsafe { queries_of(job, &of_queries, item, [part, parts], to)? };
        }
        Some(())
    })?;
    if parts > 1 {
        let items = job.count;
        threads::divide(worth, items, &|item| {
            for share in &shares[1..] {
                for (to, from) in shares[0].iter().zip(share) {
                    let len = to.rows * to.width;
                    // SAFETY: these parts are written, and this attention's sums are this task's.
                    unsafe {
                        let to = std::slice::from_raw_parts_mut(to.of(item).start, len);
                        let from = std::slice::from_raw_parts(from.of(item).start, len);
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        });
    }
    Some(())
}

/// Every so many-th block of an attention's queries.
///
/// # Safety
/// The inputs may be read, and the gradients written.
unsafe fn queries_of(
    job: &Job,
    of_queries: &OfQueries,
    number: usize,
    [part, parts]: [usize; 2],
    [dq, dk, dv]: [Rows; 3],
) -> Option<()> {
    let Extent { queries, keys, width, value_width, .. } = job.extent;
    let panel = job.tiles.width;
    let item = job.item(number);
    let most = QUERIES.min(queries).next_multiple_of(panel);
    let keys_most = KEYS.min(keys);
    let (room, value_room) = (tiles::room(width), tiles::room(value_width));
    let score_room = tiles::room(most);
    let sizes = [
        most.checked_mul(width)?,
        most.checked_mul(value_width)?,
        most.checked_mul(room)?,
        most.checked_mul(value_room)?,
        keys_most.checked_mul(room)?,
        keys_most.checked_mul(value_room)?,
        keys_most * score_room,
        keys_most * score_room,
        item.mask.room(keys_most, score_room),
    ];
    let scratch = Scratch::new(sizes.iter().try_fold(0, |sum: usize, &size| sum.checked_add(size))?)?;
    let mut end = scratch.start();
    let blocks = sizes.map(|size| {
        let start = end;
        end = end.wrapping_add(size);
        start
    });
    // SAFETY: the caller's.
    unsafe {
        dk.start.write_bytes(0, keys * width);
        dv.start.write_bytes(0, keys * value_width);
        for first in (part * QUERIES..queries).step_by(parts * QUERIES) {
            some_queries(job, of_queries, (&item, number), first, &blocks, [dq, dk, dv]);
        }
    }
    Some(())
}

/// One block of queries.
///
/// # Safety
/// As of [`queries_of`]; the blocks have room.
unsafe fn some_queries(
    job: &Job,
    of_queries: &OfQueries,
    (item, number): (&Item, usize),
    first: usize,
    blocks: &[*mut f32; 9],
    [dq, dk, dv]: [Rows; 3],
) {
    let Extent { queries, width, value_width, .. } = job.extent;
    let (tiles, panel) = (&job.tiles, job.tiles.width);
    let [q_packed, dy_packed, q_copy, dy_copy, key_copy, value_copy, scores, products, of_mask] = *blocks;
    let count = QUERIES.min(queries - first);
    let seen = job.seen(first + count);
    let query = item.query.at(first, 0);
    let place =
        |operand: usize, x: Matrix<f32>| x.shift(of_queries.walk.offset(operand, number)).at(first, 0);
    let dy = place(2, of_queries.gradients);
    let line = |operand: usize, x: Matrix<f32>| {
        let (mut line, x) = ([0.0; QUERIES], place(operand, x));
        for (i, number) in line.iter_mut().enumerate().take(count) {
            // SAFETY: there is a number for every query.
            *number = unsafe { *x.at(i, 0).start };
        }
        line
    };
    let (mut logarithms, projections) = (line(0, of_queries.logarithms), line(1, of_queries.projections));
    let row = tiles::room(count.next_multiple_of(panel));
    let (scores, products) = (Rows { start: scores, row }, Rows { start: products, row });
    let dq = dq.at(first, 0);
    let is_far = |logarithm: f32| logarithm.is_finite() && f64::from(logarithm.abs()) >= FAR;
    let far = logarithms[..count].iter().copied().any(is_far);
    let mut factors = [1.0; QUERIES];
    // SAFETY: the caller's.
    unsafe {
        tiles.pack(query, count, width, q_packed);
        tiles.pack(dy, count, value_width, dy_packed);
        let q = tiles::rows(query, count, width, q_copy);
        let dy = tiles::rows(dy, count, value_width, dy_copy);
        if seen == 0 {
            dq.start.write_bytes(0, count * width);
        }
        if far {
            // The largest scores and the sums are found once more.
            let (mut largest, mut sums) = ([f32::NEG_INFINITY; QUERIES], [0.0; QUERIES]);
            let lanes = count.next_multiple_of(LANES);
            for key in (0..seen).step_by(KEYS) {
                let keys = KEYS.min(seen - key);
                let k = tiles::rows(item.key.at(key, 0), keys, width, key_copy);
                for start in (0..count).step_by(panel) {
                    let size =
                        Size { m: keys, k: width, n: panel.min(count - start).next_multiple_of(LANES) };
                    let q = Rows { start: q_packed.wrapping_add(start * width), row: panel };
                    tiles.multiply(size, k.matrix(), q, false, scores.at(0, start));
                }
                let seen = job.seen_from(first, key);
                let mut block = Block { start: scores.start, row, keys, lanes, scale: job.scale, seen };
                item.mask.lay_on(tiles, &mut block, [first, key], count, of_mask);
                let mut unused = [0.0; QUERIES];
                let (largest, sums) = (&mut largest[..lanes], &mut sums[..lanes]);
                weigh(&block, &mut Known { largest, sums, factors: &mut unused[..lanes] });
            }
            for i in 0..count {
                if is_far(logarithms[i]) && largest[i].is_finite() {
                    (logarithms[i], factors[i]) = (largest[i], 1.0 / sums[i]);
                }
            }
        }
        for key in (0..seen).step_by(KEYS) {
            let keys = KEYS.min(seen - key);
            // Queries before the first that looks at any of these keys are left out, by whole panels.
            let from = if job.causal { key.saturating_sub(first) / panel * panel } else { 0 };
            let rows = count - from;
            let k = tiles::rows(item.key.at(key, 0), keys, width, key_copy);
            let v = tiles::rows(item.value.at(key, 0), keys, value_width, value_copy);
            for start in (from..count).step_by(panel) {
                let lanes = panel.min(count - start).next_multiple_of(LANES);
                let of = |packed: *mut f32, width: usize| Rows {
                    start: packed.wrapping_add(start * width),
                    row: panel,
                };
                let (size, to) = (Size { m: keys, k: width, n: lanes }, scores.at(0, start - from));
                tiles.multiply(size, k.matrix(), of(q_packed, width), false, to);
                let (size, to) = (Size { k: value_width, ..size }, products.at(0, start - from));
                tiles.multiply(size, v.matrix(), of(dy_packed, value_width), false, to);
            }
            let mut block = Block {
                start: scores.start,
                row,
                keys,
                lanes: rows.next_multiple_of(LANES),
                scale: job.scale,
                seen: job.seen_from(first + from, key),
            };
            item.mask.lay_on(tiles, &mut block, [first + from, key], rows, of_mask);
            let back = Back {
                logarithms: &logarithms[from..],
                factors: &factors[from..],
                projections: &projections[from..],
                products: products.start,
                scale: job.scale,
            };
            slope(&block, &back);
            // To values, queries and keys.
            let of_keys = Size { m: keys, k: rows, n: value_width };
            tiles.multiply(of_keys, scores.matrix(), dy.at(from, 0), true, dv.at(key, 0));
            let of_keys = Size { n: width, ..of_keys };
            tiles.multiply(of_keys, products.matrix(), q.at(from, 0), true, dk.at(key, 0));
            let of_queries = Size { m: rows, k: keys, n: width };
            tiles.multiply(of_queries, products.matrix().transposed(), k, key > 0, dq.at(from, 0));
        }
    }
}
