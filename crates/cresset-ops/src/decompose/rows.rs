//! Softmax, normalisation, the best few, and search, row by row.

use cresset_tensor::{DType, Result, Shape};
use smallvec::smallvec;

use super::{copy, reduce_one, reduction::first};
use crate::{
    Apply,
    door::Outputs,
    methods::fused::{sum_formula, unsqueezed},
    op::{Combine, Op, Reduction},
    select,
};

/// `eˣ⁻ᵐ/Σeˣ⁻ᵐ`, or `x - m - log Σeˣ⁻ᵐ`, `m` the largest.
pub fn softmax<T: Apply>(dim: usize, log: bool, x: &T) -> Result<T> {
    if x.numel() == 0 {
        return copy(x);
    }
    let shifted = T::formula(&[x, &reduce_one(Reduction::Max, x, dim)?], &[], |x, _| x[0] - x[1])?;
    let powers = T::formula(&[&shifted], &[], |x, _| x[0].exp())?;
    let total = reduce_one(Reduction::Sum, &powers, dim)?;
    match log {
        true => T::formula(&[&shifted, &total], &[], |x, _| x[0] - x[1].log()),
        false => T::formula(&[&powers, &total], &[], |x, _| x[0] / x[1]),
    }
}

/// `-Σ log softmax(x)[target]/count`, and `(softmax(x) - [class is target])/count`.
pub fn cross_entropy<T: Apply>(ignore: i64, mean: bool, x: &T, target: &T) -> Result<Outputs<T>> {
    let (target, ignored) = (unsqueezed(target, 1)?, [ignore.into()]);
    let index = T::formula(&[&target], &ignored, |x, n| select(x[0].eq(n[0]), 0, x[0]))?;
    let logarithms = softmax(1, true, x)?;
    let picked = T::apply_one(Op::Gather { dim: 1 }, &[&logarithms, &index])?;
    let total =
        sum_formula(&[&picked, &target], &ignored, 0..2, false, |x, n| select(x[1].eq(n[0]), 0, -x[0]))?;
    let count = match mean {
        true => sum_formula(&[&target], &ignored, 0..2, false, |x, n| select(x[0].eq(n[0]), 0, 1))?,
        false => x.filled_beside("cross_entropy", Shape::default(), DType::I64, 1)?,
    };
    let loss = T::formula(&[&total, &count], &[], |x, _| x[0] / x[1])?;
    let blank = x.filled_beside("cross_entropy", x.shape().clone(), x.dtype(), 0)?;
    let ones = x.filled_beside("cross_entropy", index.shape().clone(), x.dtype(), 1)?;
    let spots = T::apply_one(Op::Scatter { dim: 1, combine: Combine::Set }, &[&blank, &index, &ones])?;
    let slope = T::formula(&[&logarithms, &spots, &target, &count], &ignored, |x, n| {
        select(x[2].eq(n[0]), 0, (x[0].exp() - x[1]) / x[3])
    })?;
    Ok(smallvec![loss, slope])
}

/// `(x - mean)·r`, the mean, and `r = 1/√(mean((x - mean)²) + ε)`.
pub fn normalize<T: Apply>(dims: usize, epsilon: f64, x: &T) -> Result<Outputs<T>> {
    let kept = x.rank() - dims;
    let count = x.shape()[kept..].iter().product::<usize>() as f64;
    let mean = |sum: &T| T::formula(&[sum], &[count.into()], |x, n| x[0] / n[0]);
    let center = mean(&sum_formula(&[x], &[], kept..x.rank(), true, |x, _| x[0])?)?;
    let centered = T::formula(&[x, &center], &[], |x, _| x[0] - x[1])?;
    let variance = mean(&sum_formula(&[&centered], &[], kept..x.rank(), true, |x, _| x[0] * x[0])?)?;
    let scale = T::formula(&[&variance], &[epsilon.into()], |x, n| 1 / (x[0] + n[0]).sqrt())?;
    let y = T::formula(&[&centered, &scale], &[], |x, _| x[0] * x[1])?;
    Ok(smallvec![y, center, scale])
}

/// The first few of all in order.
pub fn topk<T: Apply>(k: usize, dim: usize, largest: bool, x: &T) -> Result<Outputs<T>> {
    let sorted = T::apply(Op::Sort { dim, descending: largest }, &[x])?;
    if x.rank() == 0 {
        return Ok(sorted);
    }
    sorted.iter().map(|output| first(output, dim, k)).collect()
}

/// How many of the row are smaller (or not larger) than each value; a NaN would go to the end.
pub fn search_sorted<T: Apply>(right: bool, sorted: &T, values: &T) -> Result<T> {
    let values = unsqueezed(values, values.rank())?;
    let sorted = if sorted.rank() == 1 { sorted.clone() } else { unsqueezed(sorted, sorted.rank() - 1)? };
    let last = [values.rank() - 1];
    match right {
        false => sum_formula(&[&sorted, &values], &[], last, false, |x, _| !x[0].ge(x[1])),
        true => sum_formula(&[&sorted, &values], &[], last, false, |x, _| !x[0].gt(x[1])),
    }
}
