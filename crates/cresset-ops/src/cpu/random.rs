//! Arrays drawn from a stream: element `i` is a function of the stream and `i`, whoever draws it.

use cresset_tensor::{
    Array, DType, Element, Generator, Result, Shape, Stream, bf16, f16,
    random::sample::{
        integer_u32x2, integer_u64, ln_f32, ln_f64, normal_f32x4, normal_f64x2, pair, positive_f32,
        positive_f64, uniform_bf16x4, uniform_f16x4, uniform_f32x4, uniform_f64x2,
    },
};

use super::{
    simd::for_every_simd,
    sort::{Key, Packed},
    threads,
};
use crate::math::Fma;

/// A distribution of floating-point numbers.
#[derive(Clone, Copy, Debug)]
pub enum Distribution {
    /// `low ≤ x < high`, all equally likely (but for rounding).
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// The bell curve.
    Normal {
        /// Its middle.
        mean: f64,
        /// Its width.
        std: f64,
    },
    /// What is waited for: `p(x) = rate·e^(-rate·x)`.
    Exponential {
        /// How often it comes.
        rate: f64,
    },
}

/// Elements of one task; a multiple of what any block makes.
const TASK: usize = 1 << 15;

/// Lets tasks share a pointer: each writes places of its own.
struct Shared<T>(*mut T);
// SAFETY: tasks write disjoint ranges of memory nobody else knows.
unsafe impl<T> Sync for Shared<T> {}

/// A fresh array of numbers (not of `bool`, which is not any byte), each range of which `draw` fills: the number of its
/// first element, and its places.
fn fresh<T: Element>(name: &'static str, shape: Shape, draw: impl Fn(u64, &mut [T]) + Sync) -> Result<Array> {
    let array = Array::uninitialised(name, shape, T::DTYPE)?;
    let shared = Shared(array.as_ptr().cast::<T>());
    let run = |range: std::ops::Range<usize>| {
        let Shared(start) = { &shared };
        // SAFETY: the range lies inside the fresh array, and no other task has it.
        let out = unsafe { std::slice::from_raw_parts_mut(start.add(range.start), range.len()) };
        draw(range.start as u64, out);
    };
    let numel = array.numel();
    threads::divide_range(numel > TASK, numel, TASK, &run);
    Ok(array)
}

/// Floating-point numbers of a distribution.
pub fn draw(
    name: &'static str,
    distribution: Distribution,
    stream: Stream,
    shape: Shape,
    dtype: DType,
) -> Result<Array> {
    match dtype {
        DType::F64 => fresh(name, shape, |start, out| wide(distribution, stream, start, out)),
        DType::F16 => fresh::<f16>(name, shape, |start, out| match distribution {
            Distribution::Uniform { low: 0.0, high: 1.0 } => stream.fill(start, out, uniform_f16x4),
            other => rounded(other, stream, start, out, f16::from_f32),
        }),
        DType::BF16 => fresh::<bf16>(name, shape, |start, out| match distribution {
            Distribution::Uniform { low: 0.0, high: 1.0 } => stream.fill(start, out, uniform_bf16x4),
            other => rounded(other, stream, start, out, bf16::from_f32),
        }),
        DType::F32 | DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => {
            fresh(name, shape, |start, out| single(distribution, stream, start, out))
        }
    }
}

/// Half precision: drawn in `f32`, then rounded.
fn rounded<T>(distribution: Distribution, stream: Stream, start: u64, out: &mut [T], round: fn(f32) -> T) {
    let mut room = [0f32; 1024];
    for (i, part) in out.chunks_mut(room.len()).enumerate() {
        let room = &mut room[..part.len()];
        single(distribution, stream, start + (i * 1024) as u64, room);
        part.iter_mut().zip(room).for_each(|(place, x)| *place = round(*x));
    }
}

for_every_simd! {
    fn single(distribution: Distribution, stream: Stream, start: u64, out: &mut [f32]) = all_single
}

// The type says for which instructions the loop is compiled; drawing itself multiplies and adds in two steps, so that
// the numbers are the same on all of them.
#[allow(clippy::extra_unused_type_parameters)]
#[inline(always)]
fn all_single<F: Fma>(distribution: Distribution, stream: Stream, start: u64, out: &mut [f32]) {
    match distribution {
        Distribution::Uniform { low, high } => {
            let (low, width) = (low as f32, (high - low) as f32);
            stream.fill(start, out, |block| uniform_f32x4(block).map(|x| low + width * x));
        }
        Distribution::Normal { mean, std } => {
            let (mean, std) = (mean as f32, std as f32);
            stream.fill(start, out, |block| normal_f32x4(block).map(|x| mean + std * x));
        }
        Distribution::Exponential { rate } => {
            let mean = (1.0 / rate) as f32;
            stream.fill(start, out, |block| block.map(|bits| -mean * ln_f32(positive_f32(bits))));
        }
    }
}

fn wide(distribution: Distribution, stream: Stream, start: u64, out: &mut [f64]) {
    match distribution {
        Distribution::Uniform { low, high } => {
            let width = high - low;
            stream.fill(start, out, |block| uniform_f64x2(block).map(|x| low + width * x));
        }
        Distribution::Normal { mean, std } => {
            stream.fill(start, out, |block| normal_f64x2(block).map(|x| mean + std * x));
        }
        Distribution::Exponential { rate } => {
            let mean = 1.0 / rate;
            stream.fill(start, out, |block| pair(block).map(|bits| -mean * ln_f64(positive_f64(bits))));
        }
    }
}

/// Whole numbers from `low` on, below `low + range`, all equally likely. A range of zero stands for 2⁶⁴.
pub fn integers(name: &'static str, low: i64, range: u64, stream: Stream, shape: Shape) -> Result<Array> {
    fresh(name, shape, |start, out| {
        if (1..=1 << 32).contains(&range) {
            stream.fill(start, out, |block| integer_u32x2(block, range).map(|x| low.wrapping_add(x as i64)));
        } else {
            stream.fill(start, out, |block| [low.wrapping_add(integer_u64(block, range) as i64)]);
        }
    })
}

/// The numbers below `n` in an order all of which are equally likely.
pub fn permutation(n: usize, stream: Stream) -> Vec<i64> {
    const PART: usize = 1024;
    let mut order: Vec<i64> = (0..n as i64).collect();
    // The place that each is swapped with is one of those before it and itself.
    let mut words = [0u64; PART];
    for start in (0..n).step_by(PART) {
        let part = PART.min(n - start);
        stream.fill(start as u64, &mut words[..part], pair);
        for (place, word) in (start..).zip(&words[..part]) {
            let other = (u128::from(*word) * (place as u128 + 1)) >> 64;
            order.swap(place, other as usize);
        }
    }
    order
}

/// Elements of `f64`, each drawn by a generator of its own, for distributions that draw a varying number of times.
pub fn each(
    name: &'static str,
    shape: Shape,
    stream: Stream,
    draw: impl Fn(usize, &mut Generator) -> f64 + Sync,
) -> Result<Array> {
    fresh(name, shape, |start, out: &mut [f64]| {
        for (i, place) in (start..).zip(out) {
            *place = draw(i as usize, &mut stream.generator(i));
        }
    })
}

/// Numbers of categories drawn by their weights, for each row of `weights` (of `f64`, row-major).
///
/// With replacement, by searching running totals; without, the places of the largest of `weight / exponential`, which
/// is the order in which the categories would be drawn one after the other.
pub fn categories(
    weights: &[f64],
    columns: usize,
    count: usize,
    replacement: bool,
    stream: Stream,
    shape: Shape,
) -> Result<Array> {
    let numbers = if replacement { count } else { columns };
    let array = Array::uninitialised("multinomial", shape, DType::I64)?;
    let shared = Shared(array.as_ptr().cast::<i64>());
    let rows = weights.len() / columns.max(1);
    let row = |i: usize| {
        let Shared(start) = { &shared };
        // SAFETY: each row has `count` places of its own in the fresh array.
        let out = unsafe { std::slice::from_raw_parts_mut(start.add(i * count), count) };
        let weights = &weights[i * columns..(i + 1) * columns];
        let mut drawn = vec![0f64; numbers];
        let first = (i * numbers) as u64;
        if replacement {
            wide(Distribution::Uniform { low: 0.0, high: 1.0 }, stream, first, &mut drawn);
            by_totals(weights, &drawn, out);
        } else {
            wide(Distribution::Exponential { rate: 1.0 }, stream, first, &mut drawn);
            by_race(weights, &mut drawn, out);
        }
    };
    threads::divide(rows * (columns + count) >= TASK, rows, &row);
    Ok(array)
}

fn by_totals(weights: &[f64], uniform: &[f64], out: &mut [i64]) {
    let mut total = 0.0;
    let totals: Vec<f64> = weights
        .iter()
        .map(|weight| {
            total += weight;
            total
        })
        .collect();
    // Rounding must not lead past the last one that can be drawn.
    let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
    for (place, x) in out.iter_mut().zip(uniform) {
        let target = x * total;
        *place = totals.partition_point(|sum| *sum <= target).min(last) as i64;
    }
}

fn by_race(weights: &[f64], times: &mut [f64], out: &mut [i64]) {
    for (time, weight) in times.iter_mut().zip(weights) {
        *time /= weight;
    }
    // What cannot be drawn comes last, but does come if nothing else is left.
    let mut order: Vec<u128> = times.iter().enumerate().map(|(i, time)| u128::pack(time.key(), i)).collect();
    if out.len() < order.len() {
        order.select_nth_unstable(out.len());
        order.truncate(out.len());
    }
    order.sort_unstable();
    out.iter_mut().zip(order).for_each(|(place, packed)| *place = packed.place() as i64);
}
