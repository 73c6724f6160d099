//! Rprop: each element has a step of its own, which grows while the gradient keeps its sign.

use cresset_autograd::{Result, select};

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{builders, not_negative, options, require},
};

options! {
    /// Options of [`Rprop`].
    RpropOptions of "Rprop" {
        /// The first step.
        lr: f64 = 1e-2,
        /// What a step is multiplied with after the gradient's sign has changed, and while it has not.
        etas: (f64, f64) = (0.5, 1.2),
        /// The smallest and the largest step.
        step_sizes: (f64, f64) = (1e-6, 50.0),
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        not_negative("Rprop", &[("lr", options.lr)])?;
        let (minus, plus) = options.etas;
        let right = "one between 0 and 1 and one above 1";
        require(0.0 < minus && minus < 1.0 && 1.0 < plus, "Rprop", "etas", options.etas, right)
    }
}

/// Rprop: each element steps against the sign of its gradient, by a step `s` of its own. While the sign stays,
/// `s ← η₊s`; when it has changed, `s ← η₋s`, and the element waits for a step.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Rprop;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = Rprop::new([&w], 1e-2).etas(0.5, 1.1).step_sizes(1e-5, 1.0);
/// # Ok::<(), Error>(())
/// ```
pub type Rprop = Descent<RpropOptions>;

builders! { Rprop:
    /// Upwards.
    maximize: bool,
}

impl Rprop {
    /// What a step is multiplied with after the gradient's sign has changed, and while it has not.
    #[must_use]
    #[inline]
    pub fn etas(self, minus: f64, plus: f64) -> Self {
        self.with(|options| options.etas = (minus, plus))
    }

    /// The smallest and the largest step.
    #[must_use]
    #[inline]
    pub fn step_sizes(self, smallest: f64, largest: f64) -> Self {
        self.with(|options| options.step_sizes = (smallest, largest))
    }
}

impl Method for RpropOptions {
    const NAME: &'static str = "Rprop";
    const KEEPS: &'static [(&'static str, Kept)] =
        &[("step", Kept::Number), ("prev", Kept::Array), ("step_size", Kept::Array)];

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        at.count();
        at.start("step_size", self.lr)?;
        let slope = Slope { maximize: self.maximize, ..Slope::DOWN };
        let ((minus, plus), (smallest, largest)) = (self.etas, self.step_sizes);
        let numbers = [minus, plus, smallest, largest];
        at.update(
            slope,
            ["prev", "step_size"],
            numbers,
            |p, g, [before, size], [minus, plus, smallest, largest]| {
                let agreement = g * before;
                let (turned, kept) = (agreement.lt(0), agreement.gt(0));
                let factor = select(turned, minus, select(kept, plus, 1));
                let size = (size * factor).maximum(smallest).minimum(largest);
                let g = select(turned, 0, g);
                (p - g.sign() * size, [g, size])
            },
        )
    }
}
