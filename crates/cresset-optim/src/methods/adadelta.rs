//! Adadelta: steps in the units of the parameter, from averages of squared gradients and of squared steps.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options, require},
};

options! {
    /// Options of [`Adadelta`].
    AdadeltaOptions of "Adadelta" {
        /// What steps are multiplied with.
        lr: f64 = 1.0,
        /// How much of the averages of squares is kept.
        rho: f64 = 0.9,
        /// Added to the averages.
        eps: f64 = 1e-6,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let AdadeltaOptions { lr, rho, eps, weight_decay, .. } = *options;
        require((0.0..=1.0).contains(&rho), "Adadelta", "rho", rho, "from 0 to 1")?;
        not_negative("Adadelta", &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)])
    }
}

/// Adadelta: `s ← ρs + (1 − ρ)∇²`, `Δ = √(a + eps)/√(s + eps)·∇`, `a ← ρa + (1 − ρ)Δ²`, `p ← p − lr·Δ`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Adadelta;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = Adadelta::new([&w], 1.0).rho(0.95);
/// # Ok::<(), Error>(())
/// ```
pub type Adadelta = Descent<AdadeltaOptions>;

builders! { Adadelta:
    /// How much of the averages of squares is kept.
    rho: f64,
    /// Added to the averages.
    eps: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// Upwards.
    maximize: bool,
}

impl Method for AdadeltaOptions {
    const NAME: &'static str = "Adadelta";
    const KEEPS: &'static [(&'static str, Kept)] =
        &[("step", Kept::Number), ("square_avg", Kept::Array), ("acc_delta", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        at.count();
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        let numbers = [self.lr, self.eps, self.rho, 1.0 - self.rho];
        at.update(slope, ["square_avg", "acc_delta"], numbers, |p, g, [s, a], [lr, eps, rho, rest]| {
            let s = rho * s + rest * g * g;
            let delta = (a + eps).sqrt() / (s + eps).sqrt() * g;
            (p - lr * delta, [s, rho * a + rest * delta * delta])
        })
    }
}
