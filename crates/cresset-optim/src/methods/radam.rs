//! RAdam: Adam that does not divide by the root of squares while it cannot be trusted.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{betas, builders, not_negative, options},
};

options! {
    /// Options of [`RAdam`].
    RAdamOptions of "RAdam" {
        /// The learning rate.
        lr: f64 = 1e-3,
        /// How much of the averages of gradients and of their squares is kept.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the divisor.
        eps: f64 = 1e-8,
        /// How fast parameters decay.
        weight_decay: f64 = 0.0,
        /// The decay is a step of its own, rather than a part of the gradient.
        decoupled_weight_decay: bool = false,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let RAdamOptions { lr, eps, weight_decay, .. } = *options;
        not_negative("RAdam", &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)])?;
        betas("RAdam", options.betas)
    }
}

/// RAdam: Adam's averages `m̂` and `v̂`. The variance of `1/√v̂` is finite where `ρₜ = ρ − 2tβ₂ᵗ/(1 − β₂ᵗ)` exceeds 5,
/// `ρ = 2/(1 − β₂) − 1`; there `p ← p − lr·r·m̂/(√v̂ + eps)` with a factor `r` that makes up for it, elsewhere
/// `p ← p − lr·m̂`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::RAdam;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = RAdam::new([&w], 1e-3);
/// # Ok::<(), Error>(())
/// ```
pub type RAdam = Descent<RAdamOptions>;

builders! { RAdam:
    /// Added to the divisor.
    eps: f64,
    /// How fast parameters decay.
    weight_decay: f64,
    /// The decay is a step of its own, rather than a part of the gradient.
    decoupled_weight_decay: bool,
    /// Upwards.
    maximize: bool,
}

impl RAdam {
    /// How much of the averages of gradients and of their squares is kept.
    #[must_use]
    #[inline]
    pub fn betas(self, first: f64, second: f64) -> Self {
        self.with(|options| options.betas = (first, second))
    }
}

impl Method for RAdamOptions {
    const NAME: &'static str = "RAdam";
    const KEEPS: &'static [(&'static str, Kept)] =
        &[("step", Kept::Number), ("exp_avg", Kept::Array), ("exp_avg_sq", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        let (beta1, beta2) = self.betas;
        let slope = Slope::new(self.maximize, self.weight_decay, self.decoupled_weight_decay, self.lr);
        let correction = 1.0 - beta2.powf(t);
        let limit = 2.0 / (1.0 - beta2) - 1.0;
        let trust = limit - 2.0 * t * beta2.powf(t) / correction;
        let rate = self.lr / (1.0 - beta1.powf(t));
        let arrays = ["exp_avg", "exp_avg_sq"];
        if trust <= 5.0 {
            let numbers = [rate, beta1, 1.0 - beta1, beta2, 1.0 - beta2];
            return at.update(slope, arrays, numbers, |p, g, [m, v], n| {
                let [rate, beta1, rest1, beta2, rest2] = n;
                let m = beta1 * m + rest1 * g;
                (p - rate * m, [m, beta2 * v + rest2 * g * g])
            });
        }
        let factor = (trust - 4.0) * (trust - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * trust);
        let rate = rate * factor.sqrt() * correction.sqrt();
        let numbers = [rate, self.eps, beta1, 1.0 - beta1, beta2, 1.0 - beta2];
        at.update(slope, arrays, numbers, |p, g, [m, v], n| {
            let [rate, eps, beta1, rest1, beta2, rest2] = n;
            let m = beta1 * m + rest1 * g;
            let v = beta2 * v + rest2 * g * g;
            (p - rate * m / (v.sqrt() + eps), [m, v])
        })
    }
}
