//! NAdam: Adam that looks ahead along its direction, as Nesterov does.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{betas, builders, not_negative, options},
};

options! {
    /// Options of [`NAdam`].
    NAdamOptions of "NAdam" {
        /// The learning rate.
        lr: f64 = 2e-3,
        /// How much of the averages of gradients and of their squares is kept.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the divisor.
        eps: f64 = 1e-8,
        /// How fast parameters decay.
        weight_decay: f64 = 0.0,
        /// How fast the momentum nears its final value.
        momentum_decay: f64 = 4e-3,
        /// The decay is a step of its own, rather than a part of the gradient.
        decoupled_weight_decay: bool = false,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let NAdamOptions { lr, eps, weight_decay, momentum_decay, .. } = *options;
        not_negative("NAdam", &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)])?;
        not_negative("NAdam", &[("momentum_decay", momentum_decay)])?;
        betas("NAdam", options.betas)
    }
}

/// NAdam: Adam's averages `m` and `v̂`, and a momentum `μₜ = β₁(1 − 0.96^(t·momentum_decay)/2)` whose products are
/// `Πₜ`: `p ← p − lr·((1 − μₜ)/(1 − Πₜ)·∇ + μₜ₊₁/(1 − Πₜ₊₁)·m) / (√v̂ + eps)`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::NAdam;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = NAdam::new([&w], 2e-3).weight_decay(0.01).decoupled_weight_decay(true);
/// # Ok::<(), Error>(())
/// ```
pub type NAdam = Descent<NAdamOptions>;

builders! { NAdam:
    /// Added to the divisor.
    eps: f64,
    /// How fast parameters decay.
    weight_decay: f64,
    /// How fast the momentum nears its final value.
    momentum_decay: f64,
    /// The decay is a step of its own, rather than a part of the gradient.
    decoupled_weight_decay: bool,
    /// Upwards.
    maximize: bool,
}

impl NAdam {
    /// How much of the averages of gradients and of their squares is kept.
    #[must_use]
    #[inline]
    pub fn betas(self, first: f64, second: f64) -> Self {
        self.with(|options| options.betas = (first, second))
    }
}

impl Method for NAdamOptions {
    const NAME: &'static str = "NAdam";
    const KEEPS: &'static [(&'static str, Kept)] = &[
        ("step", Kept::Number),
        ("mu_product", Kept::Number),
        ("exp_avg", Kept::Array),
        ("exp_avg_sq", Kept::Array),
    ];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        let (beta1, beta2) = self.betas;
        let slope = Slope::new(self.maximize, self.weight_decay, self.decoupled_weight_decay, self.lr);
        let momentum = |t: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(t * self.momentum_decay));
        let (mu, next) = (momentum(t), momentum(t + 1.0));
        // PyTorch keeps the product in float32.
        let product = f64::from(at.number("mu_product", 1.0) as f32 * mu as f32);
        at.set_number("mu_product", product);
        let of_gradient = self.lr * (1.0 - mu) / (1.0 - product);
        let of_average = self.lr * next / (1.0 - product * next);
        let correction = 1.0 - beta2.powf(t);
        let numbers = [of_gradient, of_average, correction, self.eps, beta1, 1.0 - beta1, beta2, 1.0 - beta2];
        at.update(slope, ["exp_avg", "exp_avg_sq"], numbers, |p, g, [m, v], n| {
            let [of_gradient, of_average, correction, eps, beta1, rest1, beta2, rest2] = n;
            let m = beta1 * m + rest1 * g;
            let v = beta2 * v + rest2 * g * g;
            let divisor = (v / correction).sqrt() + eps;
            (p - of_gradient * g / divisor - of_average * m / divisor, [m, v])
        })
    }
}
