//! Stochastic gradient descent, with momentum.

use cresset_autograd::{Error, Result};

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options},
};

options! {
    /// Options of [`Sgd`].
    SgdOptions of "SGD" {
        /// The learning rate.
        lr: f64 = 1e-3,
        /// How much of the last direction is kept.
        momentum: f64 = 0.0,
        /// How much less of the gradient goes into the direction.
        dampening: f64 = 0.0,
        /// So much of the parameter is added to its gradient.
        weight_decay: f64 = 0.0,
        /// Looks ahead along the direction.
        nesterov: bool = false,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        let SgdOptions { lr, momentum, dampening, weight_decay, nesterov, .. } = *options;
        not_negative("SGD", &[("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)])?;
        if nesterov && (momentum == 0.0 || dampening != 0.0) {
            return Err(Error::argument("SGD", "nesterov needs a momentum above 0 and no dampening"));
        }
        Ok(())
    }
}

/// Stochastic gradient descent, PyTorch's `SGD`: `p ← p − lr·b`, where `b ← momentum·b + (1 − dampening)·∇`, and
/// `b ← ∇` at first; without momentum `p ← p − lr·∇`. With `nesterov`, `∇ + momentum·b` takes the place of `b`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Optimizer, Sgd};
/// let w = Tensor::new([1.0]).requires_grad();
/// let mut optimizer = Sgd::new([&w], 0.125).momentum(0.5);
/// w.square()?.sum()?.backward()?;
/// optimizer.step()?;
/// assert_eq!(w.item::<f64>()?, 0.75);
/// optimizer.step()?; // once more with the same gradient
/// assert_eq!(w.item::<f64>()?, 0.375);
/// # Ok::<(), Error>(())
/// ```
pub type Sgd = Descent<SgdOptions>;

builders! { Sgd:
    /// How much of the last direction is kept.
    momentum: f64,
    /// How much less of the gradient goes into the direction.
    dampening: f64,
    /// So much of the parameter is added to its gradient.
    weight_decay: f64,
    /// Looks ahead along the direction.
    nesterov: bool,
    /// Upwards.
    maximize: bool,
}

impl Method for SgdOptions {
    const NAME: &'static str = "SGD";
    const KEEPS: &'static [(&'static str, Kept)] = &[("momentum_buffer", Kept::Sometimes)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let slope = Slope::new(self.maximize, self.weight_decay, false, self.lr);
        if self.momentum == 0.0 {
            return at.update(slope, [], [self.lr], |p, g, [], [lr]| (p - lr * g, []));
        }
        // The first direction is the gradient, not dampened.
        let (keep, take) =
            if at.has("momentum_buffer") { (self.momentum, 1.0 - self.dampening) } else { (0.0, 1.0) };
        if self.nesterov {
            let numbers = [self.lr, self.momentum, keep, take];
            return at.update(
                slope,
                ["momentum_buffer"],
                numbers,
                |p, g, [b], [lr, momentum, keep, take]| {
                    let b = keep * b + take * g;
                    (p - lr * (g + momentum * b), [b])
                },
            );
        }
        at.update(slope, ["momentum_buffer"], [self.lr, keep, take], |p, g, [b], [lr, keep, take]| {
            let b = keep * b + take * g;
            (p - lr * b, [b])
        })
    }
}
