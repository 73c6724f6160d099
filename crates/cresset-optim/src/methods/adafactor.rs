//! Adafactor: Adam's average of squares from those of rows and columns alone.

use cresset_autograd::{Apply, Array, Result, Scalar, Shape};
use cresset_ops::{op::Reduction, prelude::*};

use crate::{
    Descent, Kept, Method, Place,
    options::{builders, not_negative, options, require},
};

options! {
    /// Options of [`Adafactor`].
    AdafactorOptions of "Adafactor" {
        /// The largest relative step.
        lr: f64 = 1e-2,
        /// The averages take `tᵈ` of the `t`-th step's squares, where `d` is this.
        beta2_decay: f64 = -0.8,
        /// The smallest variance (that of the dtype if none is given), and the smallest size of a parameter.
        eps: (Option<f64>, f64) = (None, 1e-3),
        /// Steps whose root mean square exceeds this are scaled down to it.
        d: f64 = 1.0,
        /// Parameters decay by this times the rate before each step.
        weight_decay: f64 = 0.0,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let AdafactorOptions { lr, beta2_decay, eps: (first, second), d, weight_decay, .. } = *options;
        not_negative("Adafactor", &[("lr", lr), ("weight_decay", weight_decay)])?;
        not_negative("Adafactor", &[("the first of eps", first.unwrap_or(0.0)), ("the second of eps", second)])?;
        require(beta2_decay <= 0.0, "Adafactor", "beta2_decay", beta2_decay, "at most 0")?;
        require(d >= 1.0, "Adafactor", "d", d, "at least 1")
    }
}

/// Adafactor, as PyTorch has it: steps relative to the size of the parameter, divided by the root of a variance which for
/// matrices is `rows·columns / mean(rows)`, so that only averages of rows and columns need be kept. They take `t^beta2_decay`
/// of the squares of step `t`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Adafactor;
/// let w = Tensor::new([[1.0, 2.0], [3.0, 4.0]]).requires_grad();
/// let optimizer = Adafactor::new([&w], 1e-2).eps(None, 1e-3).d(1.5);
/// # Ok::<(), Error>(())
/// ```
pub type Adafactor = Descent<AdafactorOptions>;

builders! { Adafactor:
    /// The averages take `tᵈ` of the `t`-th step's squares, where `d` is this.
    beta2_decay: f64,
    /// Steps whose root mean square exceeds this are scaled down to it.
    d: f64,
    /// Parameters decay by this times the rate before each step.
    weight_decay: f64,
    /// Upwards.
    maximize: bool,
}

impl Adafactor {
    /// The smallest variance (that of the dtype if none is given), and the smallest size of a parameter.
    #[must_use]
    #[inline]
    pub fn eps(self, variance: Option<f64>, size: f64) -> Self {
        self.with(|options| options.eps = (variance, size))
    }
}

/// The shape of sums over a dimension counted from the end.
#[inline]
fn summed(shape: &Shape, from_end: usize) -> Shape {
    let mut shape = shape.clone();
    let dim = shape.rank() - from_end;
    shape[dim] = 1;
    shape
}

impl Method for AdafactorOptions {
    const NAME: &'static str = "Adafactor";
    const KEEPS: &'static [(&'static str, Kept)] = &[
        ("step", Kept::Number),
        ("row_var", Kept::Sometimes),
        ("col_var", Kept::Sometimes),
        ("variance", Kept::Sometimes),
    ];

    #[inline]
    fn shape_of(name: &str, parameter: &Shape) -> Shape {
        match name {
            "row_var" if parameter.rank() > 1 => summed(parameter, 1),
            "col_var" if parameter.rank() > 1 => summed(parameter, 2),
            _ => parameter.clone(),
        }
    }

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        let (parameter, gradient) = (at.parameter().clone(), at.gradient().clone());
        if parameter.numel() == 0 {
            return Ok(());
        }
        let root_count = (parameter.numel() as f64).sqrt();
        let take = t.powf(self.beta2_decay);
        let (least_variance, least_size) = (self.eps.0.unwrap_or(parameter.dtype().epsilon()), self.eps.1);
        let size = parameter.norm()?.item::<f64>()? / root_count;
        let rate = least_size.max(size) * self.lr.min(1.0 / t.sqrt());
        let shrink = 1.0 - self.lr * self.weight_decay;
        let (variance, scale) = if parameter.rank() > 1 {
            let mut averages = [("row_var", -1), ("col_var", -2)].into_iter().map(|(name, dim)| {
                at.start_shaped(name, &Self::shape_of(name, parameter.shape()), 0.0)?;
                let average = at.array(name)?;
                let squares = mean_of_squares(&gradient, dim)?;
                average_into(&average, &squares, take)?;
                Ok(average)
            });
            let (Some(rows), Some(columns)) = (averages.next(), averages.next()) else { return Ok(()) };
            let (rows, columns) = (rows?, columns?);
            let mean = Array::formula(&[&rows.mean_dim(-2, true)?], &[least_variance.into()], |x, n| {
                x[0].maximum(n[0])
            })?;
            (vec![rows, columns], Some(mean))
        } else {
            at.start("variance", 0.0)?;
            let variance = at.array("variance")?;
            let numbers: [Scalar; 2] = [(1.0 - take).into(), take.into()];
            Array::formulas_into(&[&variance, &gradient], &numbers, &[&variance], |x, n| {
                [n[0] * x[0] + n[1] * x[1] * x[1]]
            })?;
            (vec![variance], None)
        };
        let least = (least_variance * least_variance).into();
        let sign = if self.maximize { 1.0 } else { -1.0 };
        // The step's size first, as a reduction of its formula, then the step: nothing of the parameter's size is made.
        let squares;
        let update = |size: f64| -> [Scalar; 3] {
            let larger = (size / (root_count * self.d)).max(1.0);
            [least, shrink.into(), (sign * rate / larger).into()]
        };
        match (&variance[..], &scale) {
            ([rows, columns], Some(mean)) => {
                let inputs = [&gradient, rows, columns, mean];
                squares = Array::reduce_formula(&inputs, &[least], Reduction::Sum, .., false, |x, n| {
                    ((x[1] * x[2] / x[3]).maximum(n[0]).rsqrt() * x[0]).square()
                })?;
                let inputs = [&parameter, &gradient, rows, columns, mean];
                let size = squares.item::<f64>()?.sqrt();
                Array::formulas_into(&inputs, &update(size), &[&parameter], |x, n| {
                    [n[1] * x[0] + n[2] * ((x[2] * x[3] / x[4]).maximum(n[0]).rsqrt() * x[1])]
                })
            }
            ([variance], None) => {
                let inputs = [&gradient, variance];
                squares = Array::reduce_formula(&inputs, &[least], Reduction::Sum, .., false, |x, n| {
                    (x[1].maximum(n[0]).rsqrt() * x[0]).square()
                })?;
                let size = squares.item::<f64>()?.sqrt();
                let inputs = [&parameter, &gradient, variance];
                Array::formulas_into(&inputs, &update(size), &[&parameter], |x, n| {
                    [n[1] * x[0] + n[2] * (x[2].maximum(n[0]).rsqrt() * x[1])]
                })
            }
            _ => Ok(()),
        }
    }
}

/// The mean of squares over a dimension, which is kept.
#[inline]
fn mean_of_squares(x: &Array, dim: i64) -> Result<Array> {
    let count = x.size(dim)? as f64;
    let sum = Array::reduce_formula(&[x], &[], Reduction::Sum, dim, true, |x, _| x[0].square())?;
    sum.div(count)
}

/// `average ← (1 − take)·average + take·x`.
#[inline]
fn average_into(average: &Array, x: &Array, take: f64) -> Result<()> {
    let numbers: [Scalar; 2] = [(1.0 - take).into(), take.into()];
    Array::formulas_into(&[average, x], &numbers, &[average], |x, n| [n[0] * x[0] + n[1] * x[1]])
}
