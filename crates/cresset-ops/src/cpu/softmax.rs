//! Softmax and its logarithm along a dimension: every row in one fused sweep while it lies in the cache.

use cresset_tensor::{Array, DType, Locks, Result};

use super::{
    copy,
    rows::{self, LANES, Output, Real, Rows, computed, for_all, larger},
    simd::for_every_simd,
};
use crate::{
    infer::Meta,
    math::{Fma, Separate},
    methods::Elementwise,
};

/// `e^(x-m)/Σ` along a dimension, `m` the largest of the row; or `x - m - log Σ`.
pub fn softmax(dim: usize, log: bool, x: &Array, meta: &Meta) -> Result<Array> {
    let dtype = computed(meta.dtype);
    if dtype != meta.dtype {
        let wide = softmax(dim, log, &x.to_dtype(dtype)?, &Meta { shape: meta.shape.clone(), dtype })?;
        return wide.to_dtype(meta.dtype);
    }
    let result = Array::uninitialised("softmax", meta.shape.clone(), dtype)?;
    let inner: usize = meta.shape.iter().skip(dim + 1).product();
    if result.numel() == 0 {
        return Ok(result);
    }
    match (dtype, inner) {
        (DType::F64, 1) => along_rows(log, dim, x, &result, row_f64)?,
        (_, 1) => along_rows(log, dim, x, &result, row_f32)?,
        (DType::F64, _) => along_columns(log, dim, x, &result, some_columns::<Separate, f64>)?,
        (_, _) => along_columns(log, dim, x, &result, columns_f32)?,
    }
    Ok(result)
}

fn along_rows<R: Real + Send + Sync>(
    log: bool,
    dim: usize,
    x: &Array,
    result: &Array,
    row: fn(&[R], &mut [R], Way, &mut Seen<R>),
) -> Result<()> {
    let rows = Rows::new(x, dim.min(x.rank()))?;
    let _lock = Locks::read(rows.array().storage());
    let output = Output::new(result);
    let way = if log { Way::Logarithms } else { Way::Shares(1.0) };
    for_all(rows.count, rows.len, &|range| {
        for i in range {
            // SAFETY: the array is of type R and locked; row `i` of the fresh result is this task's alone.
            let (from, to) = unsafe { (rows.get::<R>(i), output.part(i * rows.len, rows.len)) };
            row(from, to, way, &mut Seen::default());
        }
    });
    Ok(())
}

/// The columns of one block: `len` rows of a few neighbours each, `inner` elements apart.
struct Block<R> {
    from: *const R,
    to: *mut R,
    /// Rows.
    len: usize,
    /// From row to row.
    inner: usize,
    /// Neighbours, at most `LANES`.
    width: usize,
    log: bool,
}

fn along_columns<R: Real + Send + Sync>(
    log: bool,
    dim: usize,
    x: &Array,
    result: &Array,
    columns: fn(&Block<R>),
) -> Result<()> {
    struct Shared<R>(*const R, *mut R);
    // SAFETY: tasks read what is locked, and write columns of their own.
    unsafe impl<R> Sync for Shared<R> {}
    let x = if x.is_contiguous() { x.clone() } else { copy::contiguous(x)? };
    let _lock = Locks::read(x.storage());
    let (len, inner) = (x.shape()[dim], x.shape()[dim + 1..].iter().product::<usize>());
    let outer = x.numel() / (len * inner);
    let blocks = inner.div_ceil(LANES);
    let shared = Shared(x.as_ptr().cast::<R>().cast_const(), result.as_ptr().cast::<R>());
    for_all(outer * blocks, len * inner.min(LANES), &|range| {
        let Shared(from, to) = { &shared };
        for i in range {
            let column = i % blocks * LANES;
            let start = i / blocks * len * inner + column;
            let width = LANES.min(inner - column);
            columns(&Block {
                from: from.wrapping_add(start),
                to: to.wrapping_add(start),
                len,
                inner,
                width,
                log,
            });
        }
    });
    Ok(())
}

/// What is made of a row.
#[derive(Clone, Copy)]
pub enum Way {
    /// Exponentials that sum to so much.
    Shares(f64),
    /// The logarithms of exponentials that sum to one.
    Logarithms,
}

/// What was seen in a row.
#[derive(Default)]
pub struct Seen<R> {
    /// The largest number.
    pub largest: R,
    /// The sum of the exponentials, each of its number less the largest.
    pub sum: f64,
}

for_every_simd! {
    /// A row of softmax. Cross-entropy is made of it too, so that the sweep over a row is compiled once for each kind of number.
    pub fn row_f64(x: &[f64], y: &mut [f64], way: Way, seen: &mut Seen<f64>) = one_row_f64
}
for_every_simd! {
    /// A row of softmax, as above.
    pub fn row_f32(x: &[f32], y: &mut [f32], way: Way, seen: &mut Seen<f32>) = one_row_f32
}
for_every_simd! { fn columns_f32(block: &Block<f32>) = some_columns_f32 }

#[inline(always)]
fn one_row_f32<F: Fma>(x: &[f32], y: &mut [f32], way: Way, seen: &mut Seen<f32>) {
    one_row::<F, f32>(x, y, way, seen);
}

#[inline(always)]
fn one_row_f64<F: Fma>(x: &[f64], y: &mut [f64], way: Way, seen: &mut Seen<f64>) {
    one_row::<F, f64>(x, y, way, seen);
}

#[inline(always)]
fn some_columns_f32<F: Fma>(block: &Block<f32>) {
    some_columns::<F, f32>(block);
}

#[inline(always)]
fn one_row<F: Fma, R: Real>(x: &[R], y: &mut [R], way: Way, seen: &mut Seen<R>) {
    let (largest, sum) = exponentials::<F, R>(x, y);
    *seen = Seen { largest, sum };
    match way {
        Way::Logarithms => {
            let shift = R::narrow(sum.ln());
            for (y, &x) in y.iter_mut().zip(x) {
                *y = x - largest - shift;
            }
        }
        Way::Shares(whole) => {
            let scale = R::narrow(whole / sum);
            for y in y {
                *y = *y * scale;
            }
        }
    }
}

/// Rows of no more numbers than this are taken into registers whole.
const SHORT: usize = 16;

/// Writes `e^(x-m)`, `m` the largest of the row, which is returned with their sum.
///
/// A NaN loses every comparison for the largest, but comes back with the sum. A row of `-∞` alone gives NaN, as
/// `-∞ - -∞` is.
#[inline(always)]
fn exponentials<F: Fma, R: Real>(x: &[R], y: &mut [R]) -> (R, f64) {
    if x.len() <= SHORT {
        // In loops: closures given to an array's `map` are not compiled for the instructions that these are.
        let mut lanes = [R::LOWEST; SHORT];
        lanes[..x.len()].copy_from_slice(x);
        let (mut most, mut wide) = ([R::LOWEST; SHORT], [0.0; SHORT]);
        for (most, &x) in most.iter_mut().zip(&lanes) {
            *most = larger(x, *most);
        }
        let mut half = SHORT / 2;
        while half > 0 {
            for i in 0..half {
                most[i] = larger(most[i + half], most[i]);
            }
            half /= 2;
        }
        let largest = most[0];
        for lane in &mut lanes {
            *lane = (*lane - largest).exp::<F>();
        }
        y.copy_from_slice(&lanes[..x.len()]);
        // In the order of [`rows::added`].
        for (wide, &lane) in wide.iter_mut().zip(&lanes) {
            *wide = lane.wide();
        }
        let mut half = SHORT / 2;
        while half > 0 {
            for i in 0..half {
                wide[i] += wide[i + half];
            }
            half /= 2;
        }
        return (largest, wide[0]);
    }
    let mut lanes = [R::LOWEST; LANES];
    let (full, rest) = x.as_chunks::<LANES>();
    for chunk in full {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(x, *lane);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = larger(x, *lane);
    }
    let largest = lanes.into_iter().fold(R::LOWEST, |a, b| larger(b, a));
    // Exponentials in a loop of their own: in that of the sum, which has many lanes, they are unrolled for each of them.
    for (y, &x) in y.iter_mut().zip(x) {
        *y = (x - largest).exp::<F>();
    }
    let sum = rows::sum(y, |y| y);
    (largest, sum)
}

/// As `one_row`, for neighbouring columns at once.
#[inline(always)]
fn some_columns<F: Fma, R: Real>(block: &Block<R>) {
    /// Rows after which partial sums go into f64s.
    const FLUSH: usize = 256;
    let Block { from, to, len, inner, width, log } = *block;
    // SAFETY: `along_columns` made the block of elements of the locked input.
    let row = |i: usize| unsafe { std::slice::from_raw_parts(from.add(i * inner), width) };
    // SAFETY: … and of the fresh output, where these columns are this task's alone; one row at a time is borrowed.
    let target = |i: usize| unsafe { std::slice::from_raw_parts_mut(to.add(i * inner), width) };
    let mut largest = [R::LOWEST; LANES];
    for i in 0..len {
        for (m, &x) in largest.iter_mut().zip(row(i)) {
            *m = larger(x, *m);
        }
    }
    let mut total = [0.0; LANES];
    for start in (0..len).step_by(FLUSH) {
        let mut sums = [R::ZERO; LANES];
        for i in start..len.min(start + FLUSH) {
            let places = target(i).iter_mut().zip(row(i)).zip(&largest).zip(&mut sums);
            if log {
                for (((_, &x), &m), sum) in places {
                    *sum = *sum + (x - m).exp::<F>();
                }
            } else {
                for (((y, &x), &m), sum) in places {
                    *y = (x - m).exp::<F>();
                    *sum = *sum + *y;
                }
            }
        }
        for (total, &sum) in total.iter_mut().zip(&sums) {
            *total += sum.wide();
        }
    }
    let mut factor = [R::ZERO; LANES];
    for (factor, &total) in factor.iter_mut().zip(&total) {
        *factor = R::narrow(if log { total.ln() } else { total.recip() });
    }
    for i in 0..len {
        if log {
            let places = target(i).iter_mut().zip(row(i)).zip(&largest).zip(&factor);
            for (((y, &x), &m), &shift) in places {
                *y = x - m - shift;
            }
        } else {
            for (y, &scale) in target(i).iter_mut().zip(&factor) {
                *y = *y * scale;
            }
        }
    }
}
