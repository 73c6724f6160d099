//! The loss of logits against classes and its derivative by them, in one sweep over every row.

use std::sync::Mutex;

use cresset_tensor::{Array, DType, Error, Locks, Result, Shape};
use smallvec::smallvec;

use super::{
    rows::{self, Output, Real, Rows, computed},
    simd::for_every_simd,
    softmax::{Seen, Way, row_f32, row_f64},
};
use crate::{door::Outputs, math::Fma, methods::Elementwise};

/// Rows whose losses are summed together, in an order that does not depend on threads.
const BLOCK: usize = 64;

/// The mean (or sum) of `log Σeˣ - x[target]` over the rows whose target is not ignored, and its derivative
/// `(softmax(x) - [class is target])/count`, which is 0 in rows that are.
pub fn cross_entropy(ignore: i64, mean: bool, x: &Array, target: &Array) -> Result<Outputs<Array>> {
    let dtype = computed(x.dtype());
    if dtype != x.dtype() {
        let wide = cross_entropy(ignore, mean, &x.to_dtype(dtype)?, target)?;
        return wide.iter().map(|y| y.to_dtype(x.dtype())).collect();
    }
    let classes = x.shape()[1] as i64;
    let targets = target.to_vec::<i64>()?;
    let outside = |t: i64| (t < 0 || t >= classes) && t != ignore;
    if let Some(wrong) = targets.iter().find(|&&t| outside(t)) {
        let message = format!("target {wrong} is out of range for {classes} classes");
        return Err(Error::index("cross_entropy", message));
    }
    let count = if mean { targets.iter().filter(|&&t| t != ignore).count() as f64 } else { 1.0 };
    let loss = Array::uninitialised("cross_entropy", Shape::default(), dtype)?;
    let slope = Array::uninitialised("cross_entropy", x.shape().clone(), dtype)?;
    let job = Job { ignore, count, x, targets: &targets, slope: &slope };
    match dtype {
        DType::F64 => write(&loss, job.run(Loops { row: row_f64, logs: logs_f64 })?),
        _ => write(&loss, job.run(Loops { row: row_f32, logs: logs_f32 })?),
    }
    Ok(smallvec![loss, slope])
}

/// Writes the loss.
fn write(loss: &Array, value: f64) {
    // SAFETY: the array is fresh and has one element, of that dtype.
    unsafe {
        match loss.dtype() {
            DType::F64 => loss.as_ptr().cast::<f64>().write(value),
            _ => loss.as_ptr().cast::<f32>().write(value as f32),
        }
    }
}

struct Job<'a> {
    ignore: i64,
    count: f64,
    x: &'a Array,
    targets: &'a [i64],
    slope: &'a Array,
}

/// The loops over numbers of one kind.
#[derive(Clone, Copy)]
struct Loops<R> {
    /// A row of softmax.
    row: fn(&[R], &mut [R], Way, &mut Seen<R>),
    /// Logarithms in place.
    logs: fn(&mut [R]),
}

for_every_simd! { fn logs_f64(numbers: &mut [f64]) = logs_in_f64 }
for_every_simd! { fn logs_f32(numbers: &mut [f32]) = logs_in_f32 }

#[inline(always)]
fn logs_in_f32<F: Fma>(numbers: &mut [f32]) {
    logs::<F, f32>(numbers);
}

#[inline(always)]
fn logs_in_f64<F: Fma>(numbers: &mut [f64]) {
    logs::<F, f64>(numbers);
}

#[inline(always)]
fn logs<F: Fma, R: Real>(numbers: &mut [R]) {
    for x in numbers {
        *x = x.log::<F>();
    }
}

impl Job<'_> {
    /// The loss.
    fn run<R: Real + Send + Sync>(&self, loops: Loops<R>) -> Result<f64> {
        let rows = Rows::new(self.x, 1)?;
        let _lock = Locks::read(rows.array().storage());
        let slope = Output::<R>::new(self.slope);
        let count = rows.count.div_ceil(BLOCK);
        if count == 1 {
            return Ok(self.block(&rows, 0, &slope, loops) / self.count);
        }
        let sums = Mutex::new(vec![0.0; count]);
        rows::for_all(count, BLOCK * rows.len, &|range| {
            for number in range {
                let sum = self.block(&rows, number * BLOCK, &slope, loops);
                sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[number] = sum;
            }
        });
        let sums = sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(sums.iter().sum::<f64>() / self.count)
    }

    /// The losses of the rows of a block, summed, and their slopes.
    fn block<R: Real>(&self, rows: &Rows, first: usize, slope: &Output<R>, loops: Loops<R>) -> f64 {
        let (len, share) = (rows.len, self.count.recip());
        // Logarithms in a loop of their own, several at a time.
        let (mut sums, mut above) = ([R::narrow(1.0); BLOCK], [R::ZERO; BLOCK]);
        for (i, &target) in self.targets[first..(first + BLOCK).min(rows.count)].iter().enumerate() {
            // SAFETY: the array is of type R and locked; row `first + i` of the fresh slope is this task's alone.
            let (x, y) = unsafe { (rows.get::<R>(first + i), slope.part((first + i) * len, len)) };
            if target == self.ignore {
                y.fill(R::ZERO);
                continue;
            }
            let target = target as usize;
            let mut seen = Seen::default();
            (loops.row)(x, y, Way::Shares(share), &mut seen);
            y[target] = y[target] - R::narrow(share);
            (sums[i], above[i]) = (R::narrow(seen.sum), seen.largest - x[target]);
        }
        (loops.logs)(&mut sums);
        sums.iter().zip(&above).map(|(log, above)| log.wide() + above.wide()).sum()
    }
}
