//! Adam and AdamW: steps divided by the root of an average of squared gradients.

use cresset_autograd::Result;

use crate::{
    Descent, Kept, Method, Place, Slope,
    options::{betas, builders, not_negative, options},
};

macro_rules! adam_options {
    ($options:ident, $optimizer:ident, $name:literal, $weight_decay:literal, $decoupled:literal) => {
        options! {
            #[doc = concat!("Options of [`", stringify!($optimizer), "`].")]
            $options of $name {
                /// The learning rate.
                lr: f64 = 1e-3,
                /// How much of the averages of gradients and of their squares is kept.
                betas: (f64, f64) = (0.9, 0.999),
                /// Added to the divisor.
                eps: f64 = 1e-8,
                /// How fast parameters decay.
                weight_decay: f64 = $weight_decay,
                /// Divides by the largest average of squares so far.
                amsgrad: bool = false,
                /// Upwards.
                maximize: bool = false,
                /// The decay is a step of its own, rather than a part of the gradient.
                decoupled_weight_decay: bool = $decoupled,
            }
            check(options) {
                let $options { lr, eps, weight_decay, .. } = *options;
                not_negative($name, &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)])?;
                betas($name, options.betas)
            }
        }

        builders! { $optimizer:
            /// Added to the divisor.
            eps: f64,
            /// How fast parameters decay.
            weight_decay: f64,
            /// Divides by the largest average of squares so far.
            amsgrad: bool,
            /// Upwards.
            maximize: bool,
        }

        impl $optimizer {
            /// How much of the averages of gradients and of their squares is kept.
            #[must_use]
            #[inline]
            pub fn betas(self, first: f64, second: f64) -> Self {
                self.with(|options| options.betas = (first, second))
            }
        }

        impl Method for $options {
            const NAME: &'static str = $name;
            const KEEPS: &'static [(&'static str, Kept)] = KEEPS;

            #[inline]
            fn step(&self, at: &mut Place) -> Result<()> {
                let $options { lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay } =
                    *self;
                step(at, lr, betas, eps, weight_decay, decoupled_weight_decay, amsgrad, maximize)
            }
        }
    };
}

/// Adam: `m ← β₁m + (1 − β₁)∇`, `v ← β₂v + (1 − β₂)∇²`, and with the averages of `t` steps freed of their bias,
/// `p ← p − lr·m̂ / (√v̂ + eps)`, `m̂ = m/(1 − β₁ᵗ)`, `v̂ = v/(1 − β₂ᵗ)`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Adam, Optimizer};
/// let w = Tensor::new([1.0, -3.0]).requires_grad();
/// let mut optimizer = Adam::new([&w], 0.5);
/// w.square()?.sum()?.backward()?;
/// optimizer.step()?; // the first step is of length lr
/// assert!((&w - Tensor::new([0.5, -2.5])).abs()?.max()?.item::<f64>()? < 1e-8);
/// # Ok::<(), Error>(())
/// ```
pub type Adam = Descent<AdamOptions>;

/// AdamW: [`Adam`] whose parameters decay on their own, `p ← p·(1 − lr·weight_decay)` before each step, so that the decay
/// is not divided by the root of squared gradients.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::AdamW;
/// let w = Tensor::new([1.0]).requires_grad();
/// let optimizer = AdamW::new([&w], 1e-3).betas(0.9, 0.95).weight_decay(0.1).amsgrad(true);
/// assert_eq!(optimizer.groups()[0].options.betas, (0.9, 0.95));
/// ```
pub type AdamW = Descent<AdamWOptions>;

adam_options!(AdamOptions, Adam, "Adam", 0.0, false);
adam_options!(AdamWOptions, AdamW, "AdamW", 0.01, true);

const KEEPS: &[(&str, Kept)] = &[
    ("step", Kept::Number),
    ("exp_avg", Kept::Array),
    ("exp_avg_sq", Kept::Array),
    ("max_exp_avg_sq", Kept::Sometimes),
];

#[inline]
fn step(
    at: &mut Place,
    lr: f64,
    (beta1, beta2): (f64, f64),
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    amsgrad: bool,
    maximize: bool,
) -> Result<()> {
    let t = at.count();
    let slope = Slope::new(maximize, weight_decay, decoupled, lr);
    // Numerator and divisor of `lr·m̂/(√v̂ + eps)` times the root of what is missing in v: one division less.
    let root = (1.0 - beta2.powf(t)).sqrt();
    let rate = lr / (1.0 - beta1.powf(t)) * root;
    let numbers = [rate, eps * root, beta1, 1.0 - beta1, beta2, 1.0 - beta2];
    if amsgrad {
        let arrays = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        return at.update(slope, arrays, numbers, |p, g, [m, v, largest], n| {
            let [rate, eps, beta1, rest1, beta2, rest2] = n;
            let m = beta1 * m + rest1 * g;
            let v = beta2 * v + rest2 * g * g;
            let largest = largest.maximum(v);
            (p - rate * m / (largest.sqrt() + eps), [m, v, largest])
        });
    }
    at.update(slope, ["exp_avg", "exp_avg_sq"], numbers, |p, g, [m, v], n| {
        let [rate, eps, beta1, rest1, beta2, rest2] = n;
        let m = beta1 * m + rest1 * g;
        let v = beta2 * v + rest2 * g * g;
        (p - rate * m / (v.sqrt() + eps), [m, v])
    })
}
