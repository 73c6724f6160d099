//! Adagrad: steps divided by the root of the sum of all squared gradients.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options},
};

options! {
    /// Options of [`Adagrad`].
    AdagradOptions of "Adagrad" {
        /// The learning rate.
        lr: f64 = 1e-2,
        /// How fast the rate falls with the number of steps.
        lr_decay: f64 = 0.0,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// What the sum of squares begins with.
        initial_accumulator_value: f64 = 0.0,
        /// Added to the divisor.
        eps: f64 = 1e-10,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let AdagradOptions { lr, lr_decay, weight_decay, initial_accumulator_value, eps, .. } = *options;
        not_negative("Adagrad", &[("lr", lr), ("lr_decay", lr_decay), ("weight_decay", weight_decay)])?;
        not_negative("Adagrad", &[("initial_accumulator_value", initial_accumulator_value), ("eps", eps)])
    }
}

/// Adagrad: `s ← s + ∇²`, `p ← p − lr/(1 + (t − 1)·lr_decay)·∇/(√s + eps)`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Adagrad;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = Adagrad::new([&w], 1e-2).lr_decay(1e-3).initial_accumulator_value(0.1);
/// # Ok::<(), Error>(())
/// ```
pub type Adagrad = Descent<AdagradOptions>;

builders! { Adagrad:
    /// How fast the rate falls with the number of steps.
    lr_decay: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// What the sum of squares begins with.
    initial_accumulator_value: f64,
    /// Added to the divisor.
    eps: f64,
    /// Upwards.
    maximize: bool,
}

impl Method for AdagradOptions {
    const NAME: &'static str = "Adagrad";
    const KEEPS: &'static [(&'static str, Kept)] = &[("step", Kept::Number), ("sum", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        at.start("sum", self.initial_accumulator_value)?;
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        let rate = self.lr / (1.0 + (t - 1.0) * self.lr_decay);
        at.update(slope, ["sum"], [rate, self.eps], |p, g, [sum], [rate, eps]| {
            let sum = sum + g * g;
            (p - rate * g / (sum.sqrt() + eps), [sum])
        })
    }
}
