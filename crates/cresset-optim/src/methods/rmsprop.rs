//! RMSprop: steps divided by the root of an average of squared gradients, or by their deviation.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options},
};

options! {
    /// Options of [`RMSprop`].
    RMSpropOptions of "RMSprop" {
        /// The learning rate.
        lr: f64 = 1e-2,
        /// How much of the average of squares is kept.
        alpha: f64 = 0.99,
        /// Added to the divisor.
        eps: f64 = 1e-8,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// How much of the last step is kept.
        momentum: f64 = 0.0,
        /// Divides by the deviation of gradients, rather than by the root of their squares.
        centered: bool = false,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let RMSpropOptions { lr, alpha, eps, weight_decay, momentum, .. } = *options;
        not_negative("RMSprop", &[("lr", lr), ("eps", eps), ("momentum", momentum)])?;
        not_negative("RMSprop", &[("weight_decay", weight_decay), ("alpha", alpha)])
    }
}

/// RMSprop: `v ← αv + (1 − α)∇²`, `p ← p − lr·∇/(√v + eps)`. If `centered`, `v − m²` takes the place of `v` in the step,
/// where `m ← αm + (1 − α)∇`. With momentum `p ← p − lr·b`, `b ← momentum·b + ∇/(√v + eps)`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::RMSprop;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = RMSprop::new([&w], 1e-2).momentum(0.9).centered(true);
/// # Ok::<(), Error>(())
/// ```
pub type RMSprop = Descent<RMSpropOptions>;

builders! { RMSprop:
    /// How much of the average of squares is kept.
    alpha: f64,
    /// Added to the divisor.
    eps: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// How much of the last step is kept.
    momentum: f64,
    /// Divides by the deviation of gradients, rather than by the root of their squares.
    centered: bool,
    /// Upwards.
    maximize: bool,
}

impl Method for RMSpropOptions {
    const NAME: &'static str = "RMSprop";
    const KEEPS: &'static [(&'static str, Kept)] = &[
        ("step", Kept::Number),
        ("square_avg", Kept::Array),
        ("momentum_buffer", Kept::Sometimes),
        ("grad_avg", Kept::Sometimes),
    ];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        at.count();
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        let numbers = [self.lr, self.alpha, 1.0 - self.alpha, self.eps, self.momentum];
        match (self.centered, self.momentum > 0.0) {
            (false, false) => {
                at.update(slope, ["square_avg"], numbers, |p, g, [v], [lr, alpha, rest, eps, _]| {
                    let v = alpha * v + rest * g * g;
                    (p - lr * g / (v.sqrt() + eps), [v])
                })
            }
            (false, true) => {
                let arrays = ["square_avg", "momentum_buffer"];
                at.update(slope, arrays, numbers, |p, g, [v, b], [lr, alpha, rest, eps, momentum]| {
                    let v = alpha * v + rest * g * g;
                    let b = momentum * b + g / (v.sqrt() + eps);
                    (p - lr * b, [v, b])
                })
            }
            (true, false) => {
                let arrays = ["square_avg", "grad_avg"];
                at.update(slope, arrays, numbers, |p, g, [v, m], [lr, alpha, rest, eps, _]| {
                    let v = alpha * v + rest * g * g;
                    let m = alpha * m + rest * g;
                    (p - lr * g / ((v - m * m).sqrt() + eps), [v, m])
                })
            }
            (true, true) => {
                let arrays = ["square_avg", "momentum_buffer", "grad_avg"];
                at.update(slope, arrays, numbers, |p, g, [v, b, m], [lr, alpha, rest, eps, momentum]| {
                    let v = alpha * v + rest * g * g;
                    let m = alpha * m + rest * g;
                    let b = momentum * b + g / ((v - m * m).sqrt() + eps);
                    (p - lr * b, [v, b, m])
                })
            }
        }
    }
}
