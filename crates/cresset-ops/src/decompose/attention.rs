//! Attention with all scores at once, in products, maxima, sums and formulas.

use cresset_tensor::{DType, Result, Shape};
use smallvec::smallvec;

use super::{copy, reduce_one};
use crate::{
    Apply, Expr,
    door::Outputs,
    infer::exact,
    methods::{
        Elementwise,
        fused::{formula_of_places, squeezed, sum_formula, transposed, unsqueezed},
    },
    op::{Op, Reduction},
    select,
};

/// From where on a logarithm of sums, as it is kept, is no longer precise enough to be all that is known of the weights:
/// beside the lowest number, which some add where a query may not look, the number of keys is lost.
pub(crate) const FAR: f64 = 256.0;

/// `scale·q·kᵀ + mask`, `-∞` where a query may not look.
pub(crate) fn scores<T: Apply>(causal: bool, scale: f64, query: &T, key: &T, mask: Option<&T>) -> Result<T> {
    let products = T::apply_one(Op::Matmul, &[query, &transposed(key)?])?;
    let seen = if causal { Some(looking_back(&products)?) } else { None };
    let (first, second) = match (mask, &seen) {
        (Some(mask), seen) => (Some(mask), seen.as_ref()),
        (None, seen) => (seen.as_ref(), None),
    };
    let numbers = [scale.into(), f64::NEG_INFINITY.into()];
    let scores = match first {
        None if scale == 1.0 => products,
        None => T::formula(&[&products], &numbers[..1], |x, n| x[0] * n[0])?,
        Some(mask) if mask.dtype() == DType::Bool => {
            T::formula(&[&products, mask], &numbers, |x, n| select(x[1], x[0] * n[0], n[1]))?
        }
        Some(mask) => T::formula(&[&products, mask], &numbers[..1], |x, n| x[0] * n[0] + x[1])?,
    };
    match second {
        Some(seen) => T::formula(&[&scores, seen], &numbers[1..], |x, n| select(x[1], x[0], n[0])),
        None => Ok(scores),
    }
}

/// Whether a query looks at a key: at those up to its own place.
fn looking_back<T: Apply>(scores: &T) -> Result<T> {
    let (queries, keys) = (scores.shape()[scores.rank() - 2], scores.shape()[scores.rank() - 1]);
    formula_of_places(scores, &[queries, keys].into(), &[keys.into()], |_, n| {
        Expr::index().remainder(n[0]).le(Expr::index().floor_divide(n[0]))
    })
}

/// Halves are computed in f32, as products of halves overflow; and masks in what scores are.
pub(crate) fn wide<T: Apply>(inputs: &[&T]) -> Result<Vec<T>> {
    let dtype = inputs.first().map_or(DType::F32, |query| exact(query.dtype()));
    let one = |x: &&T| if x.dtype() == DType::Bool { Ok((*x).clone()) } else { x.to_dtype(dtype) };
    inputs.iter().map(one).collect()
}

/// The parts of [`Op::Attention`], whose inputs inference has passed: `softmax(scores)·v`, and `log Σ exp(scores)`.
#[track_caller]
pub fn forward<T: Apply>(causal: bool, scale: f64, inputs: &[&T]) -> Result<Outputs<T>> {
    let x = wide(inputs)?;
    let scores = scores(causal, scale, &x[0], &x[1], x.get(3))?;
    let last = scores.rank() - 1;
    if scores.shape()[last] == 0 {
        // Of no scores there is no largest.
        let y = T::apply_one(Op::Matmul, &[&scores, &x[2]])?;
        let sums = sum_formula(&[&scores], &[], [last], false, |x, _| x[0])?;
        let low = T::formula(&[&sums], &[f64::NEG_INFINITY.into()], |x, n| x[0] + n[0])?;
        return given(inputs[0], y, &low);
    }
    // What is subtracted is added again: no derivative goes through it. Of a row of -∞ alone it is nothing.
    let largest = T::constant(reduce_one(Reduction::Max, &scores, last)?.array().clone());
    let low = [f64::NEG_INFINITY.into()];
    let largest = T::formula(&[&largest], &low, |x, n| select(x[0].eq(n[0]), 0, x[0]))?;
    let powers = T::formula(&[&scores, &largest], &[], |x, _| (x[0] - x[1]).exp())?;
    let total = reduce_one(Reduction::Sum, &powers, last)?;
    let sums = T::apply_one(Op::Matmul, &[&powers, &x[2]])?;
    let y = T::formula(&[&sums, &total], &[], |x, _| x[0] / select(x[1].eq(0), 1, x[1]))?;
    let logarithm = T::formula(&[&largest, &total], &low, |x, n| {
        select(x[1].eq(0), n[0], x[0] + select(x[1].eq(0), 1, x[1]).log())
    })?;
    given(inputs[0], y, &squeezed(&logarithm, last)?)
}

/// The outputs as they are given: of the batch that the output has.
fn given<T: Apply>(query: &T, y: T, logarithm: &T) -> Result<Outputs<T>> {
    let rows = Shape::from_slice(&y.shape()[..y.rank() - 1]);
    let logarithm = if *logarithm.shape() == rows { logarithm.clone() } else { spread(logarithm, rows)? };
    Ok(smallvec![y.to_dtype(query.dtype())?, logarithm])
}

/// The same numbers for more of a batch.
fn spread<T: Apply>(x: &T, shape: Shape) -> Result<T> {
    copy(&T::apply_one(Op::View(crate::view::View::Expand(shape)), &[x])?)
}

/// The parts of [`Op::AttentionBackward`], whose inputs inference has passed: `g·k`, `gᵀ·q` and `pᵀ·dy`.
#[track_caller]
pub fn backward<T: Apply>(causal: bool, scale: f64, inputs: &[&T]) -> Result<Outputs<T>> {
    let x = wide(inputs)?;
    let scores = scores(causal, scale, &x[0], &x[1], x.get(6))?;
    let column = |x: &T| unsqueezed(x, x.rank());
    // A query that may look nowhere has weights of 0.
    let both = [f64::NEG_INFINITY.into(), f64::INFINITY.into()];
    let top = T::formula(&[&column(&x[3])?], &both, |x, n| select(x[0].eq(n[0]), n[1], x[0]))?;
    let weights = T::formula(&[&scores, &top], &[], |x, _| (x[0] - x[1]).exp())?;
    // Sums that are 1 but for the rounding of far logarithms: no derivative goes through them.
    let sums = T::constant(reduce_one(Reduction::Sum, &weights, weights.rank() - 1)?.array().clone());
    let weights = T::formula(&[&weights, &sums, &top], &[FAR.into()], |x, n| {
        let rounded = (x[2].abs().ge(n[0])) & x[1].gt(0);
        x[0] / select(rounded, x[1], 1)
    })?;
    let slopes = T::apply_one(Op::Matmul, &[&x[5], &transposed(&x[2])?])?;
    let slopes = T::formula(&[&weights, &slopes, &column(&x[4])?], &[scale.into()], |x, n| {
        x[0] * (x[1] - x[2]) * n[0]
    })?;
    let outputs = [
        T::apply_one(Op::Matmul, &[&slopes, &x[1]])?,
        T::apply_one(Op::Matmul, &[&transposed(&slopes)?, &x[0]])?,
        T::apply_one(Op::Matmul, &[&transposed(&weights)?, &x[5]])?,
    ];
    outputs.iter().map(|y| y.to_dtype(inputs[0].dtype())).collect()
}
