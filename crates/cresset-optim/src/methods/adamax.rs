//! Adamax: Adam with the largest gradient in the place of the root of squares.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{betas, builders, not_negative, options},
};

options! {
    /// Options of [`Adamax`].
    AdamaxOptions of "Adamax" {
        /// The learning rate.
        lr: f64 = 2e-3,
        /// How much of the average of gradients and of the largest one is kept.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the size of a gradient.
        eps: f64 = 1e-8,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let AdamaxOptions { lr, eps, weight_decay, .. } = *options;
        not_negative("Adamax", &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)])?;
        betas("Adamax", options.betas)
    }
}

/// Adamax: `m ← β₁m + (1 − β₁)∇`, `u ← max(β₂u, |∇| + eps)`, `p ← p − lr/(1 − β₁ᵗ)·m/u`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Adamax;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = Adamax::new([&w], 2e-3).betas(0.9, 0.99);
/// # Ok::<(), Error>(())
/// ```
pub type Adamax = Descent<AdamaxOptions>;

builders! { Adamax:
    /// Added to the size of a gradient.
    eps: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// Upwards.
    maximize: bool,
}

impl Adamax {
    /// How much of the average of gradients and of the largest one is kept.
    #[must_use]
    #[inline]
    pub fn betas(self, first: f64, second: f64) -> Self {
        self.with(|options| options.betas = (first, second))
    }
}

impl Method for AdamaxOptions {
    const NAME: &'static str = "Adamax";
    const KEEPS: &'static [(&'static str, Kept)] =
        &[("step", Kept::Number), ("exp_avg", Kept::Array), ("exp_inf", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        let (beta1, beta2) = self.betas;
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        let numbers = [self.lr / (1.0 - beta1.powf(t)), self.eps, beta1, 1.0 - beta1, beta2];
        at.update(slope, ["exp_avg", "exp_inf"], numbers, |p, g, [m, u], [rate, eps, beta1, rest1, beta2]| {
            let m = beta1 * m + rest1 * g;
            let u = (beta2 * u).maximum(g.abs() + eps);
            (p - rate * m / u, [m, u])
        })
    }
}
