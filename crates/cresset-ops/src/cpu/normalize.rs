//! Rows with mean 0 and variance 1. Two sweeps for the statistics, while the row lies in the cache: the variance is
//! taken about the mean, so that it is right however far from zero the row lies.

use cresset_tensor::{Array, DType, Error, Locks, Result};
use smallvec::smallvec;

use super::{
    rows::{self, Output, Real, Rows, computed, for_all},
    simd::for_every_simd,
};
use crate::{
    door::Outputs,
    infer::{Meta, Metas},
    math::Fma,
    methods::Elementwise,
};

/// `(x - mean)/√(variance + ε)`, the mean, and `1/√(variance + ε)` of every row of the last dimensions.
pub fn normalize(dims: usize, epsilon: f64, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    let [values, statistics, ..] = metas.as_slice() else {
        return Err(Error::argument("layer_norm", "has three outputs"));
    };
    let dtype = computed(x.dtype());
    if dtype != x.dtype() {
        let wide = metas.iter().map(|meta| Meta { shape: meta.shape.clone(), dtype }).collect();
        let outputs = normalize(dims, epsilon, &x.to_dtype(dtype)?, &wide)?;
        return outputs.iter().map(|output| output.to_dtype(x.dtype())).collect();
    }
    let y = Array::uninitialised("layer_norm", values.shape.clone(), dtype)?;
    let mean = Array::uninitialised("layer_norm", statistics.shape.clone(), dtype)?;
    let scale = Array::uninitialised("layer_norm", statistics.shape.clone(), dtype)?;
    let kept = x.rank().saturating_sub(dims);
    if dtype == DType::F64 {
        all_rows(x, kept, epsilon, [&y, &mean, &scale], one_row::<f64>)?;
    } else {
        all_rows(x, kept, epsilon, [&y, &mean, &scale], row_f32)?;
    }
    Ok(smallvec![y, mean, scale])
}

fn all_rows<R: Real + Send + Sync>(
    x: &Array,
    kept: usize,
    epsilon: f64,
    outputs: [&Array; 3],
    row: fn(&[R], &mut [R], &mut R, &mut R, f64),
) -> Result<()> {
    let rows = Rows::new(x, kept)?;
    let _lock = Locks::read(rows.array().storage());
    let [y, mean, scale] = outputs.map(Output::new);
    for_all(rows.count, rows.len, &|range| {
        for i in range {
            // SAFETY: the array is of type R and locked; row `i` of the fresh outputs is this task's alone.
            unsafe {
                let (mean, scale) = (mean.part(i, 1), scale.part(i, 1));
                row(rows.get::<R>(i), y.part(i * rows.len, rows.len), &mut mean[0], &mut scale[0], epsilon);
            }
        }
    });
    Ok(())
}

for_every_simd! {
    fn row_f32(x: &[f32], y: &mut [f32], mean: &mut f32, scale: &mut f32, epsilon: f64) = one_row_f32
}

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "of every body of `for_every_simd`")]
fn one_row_f32<F: Fma>(x: &[f32], y: &mut [f32], mean: &mut f32, scale: &mut f32, epsilon: f64) {
    one_row(x, y, mean, scale, epsilon);
}

#[inline(always)]
fn one_row<R: Real>(x: &[R], y: &mut [R], mean: &mut R, scale: &mut R, epsilon: f64) {
    let n = x.len() as f64;
    let center = R::narrow(rows::sum(x, |x| x) / n);
    let variance = rows::sum(x, |x| (x - center) * (x - center)) / n;
    let factor = R::narrow((variance + epsilon).sqrt().recip());
    for (y, &x) in y.iter_mut().zip(x) {
        *y = (x - center) * factor;
    }
    (*mean, *scale) = (center, factor);
}
