//! Dropout: in training parts are set to zero at random, and the rest is made larger for it.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, Training, entering, print::float};

macro_rules! dropouts {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            p: f64,
            training: Training,
        }

        impl Default for $name {
            #[inline]
            fn default() -> $name {
                $name::new(0.5)
            }
        }

        impl $name {
            /// Each is dropped with probability `p`. `default()` is PyTorch's 0.5.
            #[inline]
            pub fn new(p: f64) -> $name {
                $name { p, training: Training::default() }
            }

            #[inline]
            fn extra(&self) -> String {
                format!("p={}, inplace=False", float(self.p))
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$method(self.p, self.training.is_on()))
            }
        }
    )*};
}

dropouts! {
    /// Each element is set to zero with probability `p`, and the rest multiplied by `1/(1 - p)`.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let dropout = Dropout::new(0.25);
    /// let y = dropout.forward(&Tensor::ones([1000]))?;
    /// assert!(y.to_vec::<f32>()?.iter().all(|&y| y == 0.0 || y == 1.0 / 0.75));
    /// dropout.eval();
    /// assert_eq!(dropout.forward(&Tensor::ones([2]))?.to_vec::<f32>()?, [1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    Dropout dropout;
    /// Whole channels of `[n, channels, width]` are set to zero. The batch may be missing.
    Dropout1d dropout1d;
    /// Whole channels of `[n, channels, height, width]` are set to zero.
    Dropout2d dropout2d;
    /// Whole channels of `[n, channels, depth, height, width]` are set to zero. The batch may be missing.
    Dropout3d dropout3d;
    /// What is dropped becomes the lower limit of `selu`, and the mean and the variance of what went in stay: for networks
    /// of [`Selu`](crate::Selu).
    AlphaDropout alpha_dropout;
    /// [`AlphaDropout`] of whole channels.
    FeatureAlphaDropout feature_alpha_dropout;
}
