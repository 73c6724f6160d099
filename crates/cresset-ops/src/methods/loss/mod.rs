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

use cresset_tensor::{Error, Result, Scalar};

use super::fused::sum_formula;
use crate::{Apply, Expr, infer::broadcast};

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
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    if reduction == LossReduction::None {
        return T::formula(inputs, numbers, f).map_err(|error| error.of(name));
    }
    let arrays: Vec<_> = inputs.iter().map(|x| x.array()).collect();
    let shape = broadcast(name, &arrays, None)?;
    if reduction == LossReduction::Sum {
        return sum_formula(inputs, numbers, 0..shape.rank(), false, f);
    }
    let count = shape.numel();
    if count == 0 {
        // The mean of nothing.
        let sum = sum_formula(inputs, numbers, 0..shape.rank(), false, f)?;
        return T::formula(&[&sum], &[f64::NAN.into()], |x, n| x[0] * n[0]);
    }
    // Each term is divided, so that narrow dtypes do not overflow. `move` keeps the closure free of captures if `f` is.
    let mut all: Vec<Scalar> = vec![(1.0 / count as f64).into()];
    all.extend_from_slice(numbers);
    sum_formula(inputs, &all, 0..shape.rank(), false, move |x, n| f(x, &n[1..]) * n[0])
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
