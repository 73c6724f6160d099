//! ASGD: stochastic gradient descent with a falling rate, whose parameters are averaged besides.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options},
};

options! {
    /// Options of [`Asgd`].
    AsgdOptions of "ASGD" {
        /// The learning rate at first.
        lr: f64 = 1e-2,
        /// How fast parameters decay.
        lambd: f64 = 1e-4,
        /// How fast the rate falls.
        alpha: f64 = 0.75,
        /// After so many steps the average begins.
        t0: f64 = 1e6,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let AsgdOptions { lr, lambd, alpha, weight_decay, .. } = *options;
        not_negative("ASGD", &[("lr", lr), ("lambd", lambd), ("alpha", alpha), ("weight_decay", weight_decay)])
    }
}

/// Averaged stochastic gradient descent, PyTorch's `ASGD`: `p ← p·(1 − lambd·η) − η·∇`, `η = lr/(1 + lambd·lr·t)^alpha`,
/// and from step `t0` the average of the parameters, kept as `ax`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Asgd;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = Asgd::new([&w], 1e-2).t0(1000.0);
/// # Ok::<(), Error>(())
/// ```
pub type Asgd = Descent<AsgdOptions>;

builders! { Asgd:
    /// How fast parameters decay.
    lambd: f64,
    /// How fast the rate falls.
    alpha: f64,
    /// After so many steps the average begins.
    t0: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// Upwards.
    maximize: bool,
}

impl Method for AsgdOptions {
    const NAME: &'static str = "ASGD";
    const KEEPS: &'static [(&'static str, Kept)] =
        &[("step", Kept::Number), ("eta", Kept::Number), ("mu", Kept::Number), ("ax", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let t = at.count();
        // PyTorch keeps both in float32.
        let single = |x: f64| f64::from(x as f32);
        let (eta, mu) = (at.number("eta", single(self.lr)), at.number("mu", 1.0));
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        let numbers = [1.0 - self.lambd * eta, eta, mu];
        if mu == 1.0 {
            at.update(slope, ["ax"], numbers, |p, g, [_], [shrink, eta, _]| {
                let p = shrink * p - eta * g;
                (p, [p])
            })?;
        } else {
            at.update(slope, ["ax"], numbers, |p, g, [ax], [shrink, eta, mu]| {
                let p = shrink * p - eta * g;
                (p, [ax + mu * (p - ax)])
            })?;
        }
        at.set_number("eta", single(self.lr / (1.0 + self.lambd * self.lr * t).powf(self.alpha)));
        at.set_number("mu", single(1.0 / (t - self.t0).max(1.0)));
        Ok(())
    }
}
