//! Normalisation of channels by statistics of a batch, or of each instance of one, with running statistics.

use cresset_autograd::{Apply, DType, Error, Result, Tensor, no_grad};
use cresset_ops::methods::{BatchNormOptions, prelude::*};

use crate::{Buffer, Layer, Module, Parameter, Training, entering, print};

/// What both kinds are told.
#[derive(Clone)]
struct Settings {
    num_features: usize,
    eps: f64,
    momentum: Option<f64>,
    affine: bool,
    bias: bool,
    track: bool,
}

impl Settings {
    #[track_caller]
    #[inline]
    fn weight(&self) -> Option<Parameter> {
        self.affine.then(|| Parameter::of(Tensor::ones_with([self.num_features], ())))
    }

    #[track_caller]
    #[inline]
    fn bias(&self) -> Option<Parameter> {
        (self.affine && self.bias).then(|| Parameter::of(Tensor::zeros_with([self.num_features], ())))
    }

    /// Mean, variance and number of batches.
    #[inline]
    fn running(&self) -> [Option<Buffer>; 3] {
        let count = self.num_features;
        let buffer = |made: Result<Tensor>| made.ok().map(Buffer::new);
        if !self.track {
            return [None, None, None];
        }
        [
            buffer(Tensor::zeros_with([count], ())),
            buffer(Tensor::ones_with([count], ())),
            buffer(Tensor::zeros_with((), DType::I64)),
        ]
    }

    #[inline]
    fn extra(&self, bias: bool) -> String {
        format!(
            "{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats={}",
            self.num_features,
            print::float(self.eps),
            print::maybe(self.momentum, print::float),
            print::truth(self.affine),
            print::truth(bias),
            print::truth(self.track)
        )
    }
}

macro_rules! channel_norm {
    ($(#[$doc:meta])* $name:ident $affine:literal $track:literal) => {
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            /// The factor of each channel: `[num_features]`.
            pub weight: Option<Parameter>,
            /// What is added to each channel: `[num_features]`.
            pub bias: Option<Parameter>,
            /// The running means.
            pub running_mean: Option<Buffer>,
            /// The running variances.
            pub running_var: Option<Buffer>,
            /// How many batches went into them.
            pub num_batches_tracked: Option<Buffer>,
            training: Training,
            #[module(skip)]
            settings: Settings,
        }

        impl $name {
            /// For so many channels.
            #[track_caller]
            #[inline]
            pub fn new(num_features: usize) -> $name {
                let settings = Settings {
                    num_features,
                    eps: 1e-5,
                    momentum: Some(0.1),
                    affine: $affine,
                    bias: true,
                    track: $track,
                };
                let [running_mean, running_var, num_batches_tracked] = settings.running();
                $name {
                    weight: settings.weight(),
                    bias: settings.bias(),
                    running_mean,
                    running_var,
                    num_batches_tracked,
                    training: Training::default(),
                    settings,
                }
            }

            /// What is added to the variance; 1e-5 unless said.
            #[inline]
            pub fn eps(mut self, eps: f64) -> $name {
                self.settings.eps = eps;
                self
            }

            /// How much of a batch's statistics goes into the running ones; 0.1 unless said. `None` is the mean of all
            /// batches.
            pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> $name {
                self.settings.momentum = momentum.into();
                self
            }

            /// With a factor and a bias for each channel, or without.
            #[track_caller]
            #[inline]
            pub fn affine(mut self, affine: bool) -> $name {
                self.settings.affine = affine;
                (self.weight, self.bias) = (self.settings.weight(), self.settings.bias());
                self
            }

            /// Of a norm with factors: with a bias, or without.
            #[track_caller]
            #[inline]
            pub fn bias(mut self, bias: bool) -> $name {
                self.settings.bias = bias;
                self.bias = self.settings.bias();
                self
            }

            /// With running statistics, or without. Without, the statistics of what goes in are always used.
            #[track_caller]
            #[inline]
            pub fn track_running_stats(mut self, track: bool) -> $name {
                self.settings.track = track;
                [self.running_mean, self.running_var, self.num_batches_tracked] = self.settings.running();
                self
            }

            #[inline]
            fn extra(&self) -> String {
                self.settings.extra(self.bias.is_some())
            }

            /// The arguments of the function, with the batch's own statistics or the running ones.
            #[track_caller]
            #[inline]
            fn options(&self, own: bool, running: bool, momentum: f64) -> Result<BatchNormOptions<'_, Tensor>> {
                Ok(BatchNormOptions {
                    running_mean: self.running_mean.as_deref().filter(|_| running),
                    running_var: self.running_var.as_deref().filter(|_| running),
                    weight: self.weight.as_ref().map(Parameter::get).transpose()?,
                    bias: self.bias.as_ref().map(Parameter::get).transpose()?,
                    training: own,
                    momentum,
                    eps: self.settings.eps,
                })
            }
        }
    };
}

macro_rules! batch_norms {
    ($($(#[$example:meta])* $name:ident $ranks:pat, $shape:literal;)*) => {$(
        channel_norm! {
            #[doc = concat!("`(x - mean)/√(variance + ε)·weight + bias` for each channel of ", $shape, ".")]
            ///
            /// In training, mean and variance are those of the batch, and go into the running ones. Otherwise the running ones
            /// are used.
            $(#[$example])*
            $name true true
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let boundary = entering(self);
                check(stringify!($name), matches!(x.rank(), $ranks), $shape, x)?;
                channels(stringify!($name), self.settings.num_features, 1, x)?;
                let (training, track) = (self.training.is_on(), self.settings.track);
                let momentum = match &self.num_batches_tracked {
                    Some(seen) if training && track => {
                        no_grad(|| seen.add_(1).map(drop))?;
                        let mean_of_all = || seen.item::<i64>().map(|seen| 1.0 / seen.max(1) as f64);
                        self.settings.momentum.map_or_else(mean_of_all, Ok)?
                    }
                    _ => self.settings.momentum.unwrap_or(0.0),
                };
                let own = training || !track;
                boundary.gives(x.batch_norm(self.options(own, !training || track, momentum)?))
            }
        }
    )*};
}

macro_rules! instance_norms {
    ($($name:ident $dims:literal, $shape:literal;)*) => {$(
        channel_norm! {
            #[doc = concat!("`(x - mean)/√(variance + ε)` for each channel of each sample of ", $shape, ", the batch of which may be missing.")]
            ///
            /// Factors and biases, and running statistics, only if asked for.
            $name false false
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let boundary = entering(self);
                let batched = x.rank() == $dims + 2;
                check(stringify!($name), batched || x.rank() == $dims + 1, $shape, x)?;
                // Without parameters for each it does not matter how many channels there are.
                if self.settings.affine || self.settings.track {
                    channels(stringify!($name), self.settings.num_features, usize::from(batched), x)?;
                }
                let own = self.training.is_on() || !self.settings.track;
                let options = self.options(own, true, self.settings.momentum.unwrap_or(0.0))?;
                boundary.gives(match batched {
                    true => x.instance_norm(options),
                    false => x.unsqueeze(0)?.instance_norm(options)?.squeeze(0),
                })
            }
        }
    )*};
}

#[track_caller]
#[inline]
fn check(name: &'static str, fits: bool, wanted: &str, x: &Tensor) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::shape(name, format!("expected {wanted}, got an input of shape {}", x.shape())))
}

#[track_caller]
#[inline]
fn channels(name: &'static str, wanted: usize, dim: usize, x: &Tensor) -> Result<()> {
    if x.shape()[dim] == wanted {
        return Ok(());
    }
    Err(Error::shape(
        name,
        format!(
            "made for {wanted} channels (num_features), but dimension {dim} of the input {} has {}",
            x.shape(),
            x.shape()[dim]
        ),
    ))
}

batch_norms! {
    BatchNorm1d 2 | 3, "`[n, channels]` or `[n, channels, width]`";
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let norm = BatchNorm2d::new(2);
    /// let x = Tensor::randn([8, 2, 5, 5]);
    /// assert!(norm.forward(&x)?.mean()?.item::<f64>()?.abs() < 1e-6);
    /// assert_ne!(norm.running_mean.as_ref().unwrap().to_vec::<f32>()?, [0.0; 2]);
    /// norm.eval(); // from now on by the running statistics
    /// # Ok::<(), Error>(())
    /// ```
    BatchNorm2d 4, "`[n, channels, height, width]`";
    BatchNorm3d 5, "`[n, channels, depth, height, width]`";
}

instance_norms! {
    InstanceNorm1d 1, "`[n, channels, width]`";
    InstanceNorm2d 2, "`[n, channels, height, width]`";
    InstanceNorm3d 3, "`[n, channels, depth, height, width]`";
}
