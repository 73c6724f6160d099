//! Losses of numbers against numbers, and of distributions of numbers.

use std::f64::consts::PI;

use cresset_tensor::{Array, Error, Result};

use super::{LossReduction, reduced, same_shape};
use crate::{
    Apply, Expr, Operand,
    methods::fused::{shaped, sum_formula},
    op::{Op, Reduce, Reduction},
    select,
};

/// Arguments of [`RegressionLosses::poisson_nll_loss_with`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct PoissonNllOptions {
    /// Whether the input is the logarithm of the expected count.
    pub log_input: bool,
    /// Whether Stirling's approximation of `log target!` is added.
    pub full: bool,
    /// Added to the input before its logarithm is taken.
    pub eps: f64,
    /// What becomes of the losses of the elements.
    pub reduction: LossReduction,
}

impl Default for PoissonNllOptions {
    fn default() -> Self {
        PoissonNllOptions { log_input: true, full: false, eps: 1e-8, reduction: LossReduction::Mean }
    }
}

/// Losses of numbers against numbers.
pub trait RegressionLosses: Apply {
    /// The mean of `(x - target)²`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let loss = Array::new([1.0, 2.0]).mse_loss(&Array::new([1.0, 4.0]))?;
    /// assert_eq!(loss.item::<f64>()?, 2.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn mse_loss(&self, target: &Self) -> Result<Self> {
        self.mse_loss_with(target, None, LossReduction::Mean)
    }

    /// `(x - target)²`, with a weight for each element; the mean is then that of the weights.
    #[track_caller]
    fn mse_loss_with(&self, target: &Self, weight: Option<&Self>, reduction: LossReduction) -> Result<Self> {
        let Some(weight) = weight else {
            return reduced("mse_loss", reduction, &[self, target], &[], |x, _| (x[0] - x[1]).square());
        };
        same_shape("mse_loss", "weight", self, weight)?;
        let loss = |reduction| {
            reduced("mse_loss", reduction, &[self, target, weight], &[], |x, _| (x[0] - x[1]).square() * x[2])
        };
        weighted_mean(reduction, weight, loss)
    }

    /// The mean of `|x - target|`.
    #[track_caller]
    fn l1_loss(&self, target: &Self) -> Result<Self> {
        self.l1_loss_with(target, None, LossReduction::Mean)
    }

    /// `|x - target|`, with a weight for each element; the mean is then that of the weights.
    #[track_caller]
    fn l1_loss_with(&self, target: &Self, weight: Option<&Self>, reduction: LossReduction) -> Result<Self> {
        let Some(weight) = weight else {
            if reduction == LossReduction::Mean && !self.dtype().promote(target.dtype()).is_float() {
                return Err(Error::dtype(
                    "l1_loss",
                    "the mean needs floating point; convert with to_dtype first",
                ));
            }
            return reduced("l1_loss", reduction, &[self, target], &[], |x, _| (x[0] - x[1]).abs());
        };
        same_shape("l1_loss", "weight", self, weight)?;
        let loss = |reduction| {
            reduced("l1_loss", reduction, &[self, target, weight], &[], |x, _| (x[0] - x[1]).abs() * x[2])
        };
        weighted_mean(reduction, weight, loss)
    }

    /// The mean of `½(x - target)²/β` where `|x - target| < β`, and `|x - target| - ½β` elsewhere; `β` 1.
    #[track_caller]
    fn smooth_l1_loss(&self, target: &Self) -> Result<Self> {
        self.smooth_l1_loss_with(target, 1.0, LossReduction::Mean)
    }

    /// [`smooth_l1_loss`](Self::smooth_l1_loss) with all arguments.
    #[track_caller]
    fn smooth_l1_loss_with(&self, target: &Self, beta: f64, reduction: LossReduction) -> Result<Self> {
        if beta.is_nan() || beta < 0.0 {
            return Err(Error::argument("smooth_l1_loss", format!("beta must not be negative: {beta}")));
        }
        if beta == 0.0 {
            return self.l1_loss_with(target, None, reduction);
        }
        reduced("smooth_l1_loss", reduction, &[self, target], &[beta.into(), (0.5 / beta).into()], |x, n| {
            let difference = x[0] - x[1];
            let size = difference.abs();
            let near = size.lt(n[0]);
            // The parabola is kept from infinities, whose slope times zero is NaN.
            select(near, select(near, difference, 0).square() * n[1], size - 0.5 * n[0])
        })
    }

    /// The mean of `½(x - target)²` where `|x - target| ≤ δ`, and `δ(|x - target| - ½δ)` elsewhere; `δ` 1.
    #[track_caller]
    fn huber_loss(&self, target: &Self) -> Result<Self> {
        self.huber_loss_with(target, 1.0, None, LossReduction::Mean)
    }

    /// [`huber_loss`](Self::huber_loss) with all arguments.
    #[track_caller]
    fn huber_loss_with(
        &self,
        target: &Self,
        delta: f64,
        weight: Option<&Self>,
        reduction: LossReduction,
    ) -> Result<Self> {
        if delta.is_nan() || delta <= 0.0 {
            return Err(Error::argument("huber_loss", format!("delta must be positive, not {delta}")));
        }
        fn huber(x: &[Expr], n: &[Expr]) -> Expr {
            let difference = x[0] - x[1];
            let size = difference.abs();
            let near = size.le(n[0]);
            // The parabola is kept from infinities, whose slope times zero is NaN.
            select(near, 0.5 * select(near, difference, 0).square(), n[0] * (size - 0.5 * n[0]))
        }
        let Some(weight) = weight else {
            return reduced("huber_loss", reduction, &[self, target], &[delta.into()], huber);
        };
        same_shape("huber_loss", "weight", self, weight)?;
        reduced("huber_loss", reduction, &[self, target, weight], &[delta.into()], |x, n| huber(x, n) * x[2])
    }

    /// The mean of `eˣ - target·x`: the negative log likelihood of a count with expectation `eˣ`, but for a constant.
    #[track_caller]
    fn poisson_nll_loss(&self, target: &Self) -> Result<Self> {
        self.poisson_nll_loss_with(target, PoissonNllOptions::default())
    }

    /// [`poisson_nll_loss`](Self::poisson_nll_loss) with all arguments.
    #[track_caller]
    fn poisson_nll_loss_with(&self, target: &Self, options: PoissonNllOptions) -> Result<Self> {
        let PoissonNllOptions { log_input, full, eps, reduction } = options;
        /// `log t!` for `t > 1`, by Stirling; zero for others, which are kept from the logarithm.
        fn stirling(target: Expr) -> Expr {
            let small = target.le(1);
            let t = select(small, 2, target);
            select(small, 0, t * t.log() - t + 0.5 * (2.0 * PI * t).log())
        }
        let (inputs, numbers) = ([self, target], [eps.into()]);
        let name = "poisson_nll_loss";
        match (log_input, full) {
            (true, false) => reduced(name, reduction, &inputs, &[], |x, _| x[0].exp() - x[1] * x[0]),
            (true, true) => {
                reduced(name, reduction, &inputs, &[], |x, _| x[0].exp() - x[1] * x[0] + stirling(x[1]))
            }
            (false, false) => {
                reduced(name, reduction, &inputs, &numbers, |x, n| x[0] - x[1] * (x[0] + n[0]).log())
            }
            (false, true) => reduced(name, reduction, &inputs, &numbers, |x, n| {
                x[0] - x[1] * (x[0] + n[0]).log() + stirling(x[1])
            }),
        }
    }

    /// The mean of `½(log v + (x - target)²/v)`, `v` the variance but at least `eps`: the negative log likelihood of a
    /// normal distribution, but for a constant.
    #[track_caller]
    fn gaussian_nll_loss<'a>(&self, target: &Self, var: impl Into<Operand<'a, Self>>) -> Result<Self> {
        self.gaussian_nll_loss_with(target, var, false, 1e-6, LossReduction::Mean)
    }

    /// [`gaussian_nll_loss`](Self::gaussian_nll_loss) with all arguments; `full` adds the constant.
    #[track_caller]
    fn gaussian_nll_loss_with<'a>(
        &self,
        target: &Self,
        var: impl Into<Operand<'a, Self>>,
        full: bool,
        eps: f64,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "gaussian_nll_loss";
        let var = match var.into() {
            Operand::Number(number) => {
                let dtype = self.dtype().to_float();
                self.filled_beside(name, self.shape().clone(), dtype, number)?
            }
            Operand::Value(var) => var.clone(),
            Operand::Owned(var) => var,
        };
        let var = fitting(name, self, var)?;
        let least = least(var.array())?;
        if least < 0.0 {
            return Err(Error::argument(name, format!("variances must not be negative: {least}")));
        }
        // What is below the limit is lifted to it by a constant, so that its gradient is that at the limit.
        let var = if least < eps {
            let lift =
                Array::formula(&[var.array()], &[eps.into()], |x, n| select(x[0].lt(n[0]), n[0] - x[0], 0))?;
            Self::formula(&[&var, &Self::constant(lift)], &[], |x, _| x[0] + x[1])?
        } else {
            var
        };
        let constant = if full { 0.5 * (2.0 * PI).ln() } else { 0.0 };
        reduced(name, reduction, &[self, target, &var], &[constant.into()], |x, n| {
            0.5 * (x[2].log() + (x[0] - x[1]).square() / x[2]) + n[0]
        })
    }
}

impl<T: Apply> RegressionLosses for T {}

/// The mean of weighted losses is divided by the sum of the weights.
#[track_caller]
fn weighted_mean<T: Apply>(
    reduction: LossReduction,
    weight: &T,
    loss: impl Fn(LossReduction) -> Result<T>,
) -> Result<T> {
    match reduction {
        LossReduction::None | LossReduction::Sum => loss(reduction),
        LossReduction::Mean => {
            let total = sum_formula(&[weight], &[], 0..weight.rank(), false, |x, _| x[0])?;
            T::formula(&[&loss(LossReduction::Sum)?, &total], &[], |x, _| x[0] / x[1])
        }
    }
}

/// The variance in a shape that broadcasts: one for each element, or for each row of the last dimension, or with one
/// dimension of size one.
fn fitting<T: Apply>(name: &'static str, x: &T, var: T) -> Result<T> {
    let (mine, other) = (x.shape(), var.shape());
    if mine == other {
        return Ok(var);
    }
    if mine.split_last().is_some_and(|(_, rows)| *rows == **other) {
        let mut shape = other.clone();
        shape.push(1);
        return shaped(&var, shape);
    }
    // PyTorch asks that the sizes which differ add up to one, which is: one of them, and it is one.
    let differing: Vec<usize> = mine.iter().zip(other).filter(|(a, b)| a != b).map(|(_, b)| *b).collect();
    if mine.rank() == other.rank() && differing == [1] {
        return Ok(var);
    }
    Err(Error::shape(name, format!("variances of shape {other} do not fit the input {mine}")))
}

/// The smallest of all, NaN left out.
fn least(x: &Array) -> Result<f64> {
    if x.numel() == 0 {
        return Ok(f64::INFINITY);
    }
    let dims = (0..x.rank()).collect();
    let reduce = Reduce { kind: Reduction::Min, dims, keepdim: false, map: None };
    let least: f64 = Array::apply_one(Op::Reduce(Box::new(reduce)), &[x])?.item()?;
    if !least.is_nan() {
        return Ok(least);
    }
    Ok(x.to_f64s()?.into_iter().fold(f64::INFINITY, f64::min))
}
