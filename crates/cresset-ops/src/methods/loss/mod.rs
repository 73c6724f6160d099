//! Losses: how far an answer is from what it should be. Each is a formula and its mean or sum, in one pass.

mod classification;
mod connectionist;
mod embedding;
mod margin;
mod regression;

pub use classification::{ClassificationLosses, CrossEntropyOptions, LinearCrossEntropyOptions};
pub use connectionist::SequenceLosses;
pub use embedding::{EmbeddingLosses, TripletMarginOptions};
pub use margin::{MarginLosses, MultiMarginOptions};
pub use regression::{PoissonNllOptions, RegressionLosses};

use std::str::FromStr;

use cresset_tensor::{Error, Listed, Result, Scalar};

use super::fused::reduce_closure;
use crate::{
    Apply, Expr,
    door::mapped,
    expr::Closure,
    infer::broadcast,
    op::{List, Numbers, Reduction},
};

/// What becomes of the losses of the elements: PyTorch's `reduction`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LossReduction {
    /// They stay.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl FromStr for LossReduction {
    type Err = Error;

    /// From PyTorch's name.
    fn from_str(name: &str) -> Result<LossReduction> {
        match name {
            "none" => Ok(LossReduction::None),
            "mean" => Ok(LossReduction::Mean),
            "sum" => Ok(LossReduction::Sum),
            _ => Err(Error::argument("reduction", format!("'{name}' must be 'none', 'mean' or 'sum'"))),
        }
    }
}

/// A loss of each element by its formula, reduced in the same pass.
#[track_caller]
fn reduced<T, F>(
    name: &'static str,
    reduction: LossReduction,
    inputs: &[&T],
    numbers: &[Scalar],
    f: F,
) -> Result<T>
where
    T: Apply,
    F: Fn(&[Expr], &[Expr]) -> Expr + Copy,
{
    // Each term is divided, so that narrow dtypes do not overflow. `move` keeps the closure free of captures if `f` is.
    let mean = move |x: &[Expr], n: &[Expr]| f(x, &n[1..]) * n[0];
    reduced_closure(name, reduction, inputs, numbers, Closure::of(&f), Closure::of(&mean))
}

/// [`reduced`] of closures whose types are forgotten: compiled once for all.
#[track_caller]
#[inline(never)]
fn reduced_closure<T: Apply>(
    name: &'static str,
    reduction: LossReduction,
    inputs: &[&T],
    numbers: &[Scalar],
    loss: Closure,
    mean: Closure,
) -> Result<T> {
    if reduction == LossReduction::None {
        return mapped(loss, inputs, numbers).map_err(|error| error.of(name));
    }
    let arrays: Vec<_> = inputs.iter().map(|x| x.array()).collect();
    let shape = broadcast(name, &arrays, None)?;
    let dims: List = (0..shape.rank()).listed();
    if reduction == LossReduction::Sum {
        return reduce_closure(Reduction::Sum, &dims, false, inputs, numbers, loss);
    }
    let count = shape.numel();
    let mut all = Numbers::from_slice(&[(1.0 / count.max(1) as f64).into()]);
    all.extend_from_slice(numbers);
    let mean = reduce_closure(Reduction::Sum, &dims, false, inputs, &all, mean)?;
    // The mean of nothing.
    if count == 0 { T::formula(&[&mean], &[f64::NAN.into()], |x, n| x[0] * n[0]) } else { Ok(mean) }
}

/// Losses that are there already, reduced.
#[track_caller]
fn reduced_values<T: Apply>(name: &'static str, reduction: LossReduction, losses: T) -> Result<T> {
    match reduction {
        LossReduction::None => Ok(losses),
        LossReduction::Mean | LossReduction::Sum => reduced(name, reduction, &[&losses], &[], |x, _| x[0]),
    }
}

/// Refuses shapes that differ.
#[track_caller]
fn same_shape<T: Apply>(name: &'static str, what: &str, a: &T, b: &T) -> Result<()> {
    if a.shape() == b.shape() {
        return Ok(());
    }
    Err(Error::shape(name, format!("{what} {} must have the input's shape {}", b.shape(), a.shape())))
}
