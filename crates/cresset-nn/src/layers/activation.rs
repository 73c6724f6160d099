//! Activations: what networks put between their layers.

use std::str::FromStr;

use cresset_autograd::{Apply, Error, Result, Scalar, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, Parameter, Training, entering, print};

/// Activations without settings: name, PyTorch's name, what is computed.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident $printed:literal |$x:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module, Default)]
        #[module(name = $printed)]
        pub struct $name {}

        impl $name {
            /// The activation, which has no settings.
            #[inline]
            pub fn new() -> $name {
                $name::default()
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, $x: &Tensor) -> Result<Tensor> {
                entering(self).gives($forward)
            }
        }
    )*};
}

/// Activations with numbers: names, PyTorch's name, how the numbers are printed, each with its default, what is computed.
macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident $printed:literal $format:literal ($($(#[$about:meta])* $field:ident = $default:expr),*) |$this:ident, $x:ident| $forward:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(name = $printed, extra)]
        pub struct $name {
            $($field: f64,)*
        }

        impl Default for $name {
            #[inline]
            fn default() -> $name {
                $name { $($field: $default),* }
            }
        }

        impl $name {
            /// With PyTorch's defaults.
            #[inline]
            pub fn new() -> $name {
                $name::default()
            }

            $(
                $(#[$about])*
                #[doc = concat!(" ", stringify!($default), " unless said.")]
                pub fn $field(self, $field: f64) -> $name {
                    #[allow(clippy::needless_update)]
                    $name { $field, ..self }
                }
            )*

            #[inline]
            fn extra(&self) -> String {
                format!($format, $(print::float(self.$field)),*)
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, $x: &Tensor) -> Result<Tensor> {
                let boundary = entering(self);
                let $this = self;
                boundary.gives($forward)
            }
        }
    )*};
}

/// Activations over a dimension: what is computed.
macro_rules! over_dimension {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            dim: i64,
        }

        impl $name {
            /// Over dimension `dim`, which may be counted from the end.
            #[inline]
            pub fn new(dim: i64) -> $name {
                $name { dim }
            }

            #[inline]
            fn extra(&self) -> String {
                format!("dim={}", self.dim)
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$method(self.dim))
            }
        }
    )*};
}

plain! {
    /// `max(x, 0)`.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// assert_eq!(Relu::new().forward(&Tensor::new([-1.0, 2.0]))?.to_vec::<f64>()?, [0.0, 2.0]);
    /// assert_eq!(format!("{:?}", Relu::new()), "ReLU()");
    /// # Ok::<(), Error>(())
    /// ```
    Relu "ReLU" |x| x.relu();
    /// `min(max(x, 0), 6)`.
    Relu6 "ReLU6" |x| x.relu6();
    /// `λ·(x > 0 ? x : α·(eˣ - 1))` with the constants of self-normalising networks.
    Selu "SELU" |x| x.selu();
    /// `x·σ(x)`, also known as swish.
    Silu "SiLU" |x| x.silu();
    /// `x·tanh(log(1 + eˣ))`.
    Mish "Mish" |x| x.mish();
    /// `1/(1 + e⁻ˣ)`.
    Sigmoid "Sigmoid" |x| x.sigmoid();
    /// `log(1/(1 + e⁻ˣ))`.
    LogSigmoid "LogSigmoid" |x| x.logsigmoid();
    /// `min(max(x/6 + ½, 0), 1)`.
    Hardsigmoid "Hardsigmoid" |x| x.hardsigmoid();
    /// `x·min(max(x/6 + ½, 0), 1)`.
    Hardswish "Hardswish" |x| x.hardswish();
    /// `x/(1 + |x|)`.
    Softsign "Softsign" |x| x.softsign();
    /// The hyperbolic tangent.
    Tanh "Tanh" |x| x.tanh();
    /// `x - tanh x`.
    Tanhshrink "Tanhshrink" |x| x.tanhshrink();
    /// The softmax over the channels of every pixel of images `[n, channels, height, width]`, the batch of which may be
    /// missing.
    Softmax2d "Softmax2d" |x| match x.rank() {
        3 | 4 => x.softmax(-3),
        _ => Err(Error::shape(
            "Softmax2d",
            format!("needs images [n, channels, height, width], with or without the batch, not {}", x.shape()),
        )),
    };
}

numbered! {
    /// `x > 0 ? x : negative_slope·x`.
    LeakyRelu "LeakyReLU" "negative_slope={}" (
        /// The slope below zero;
        negative_slope = 0.01
    ) |this, x| x.leaky_relu(this.negative_slope);
    /// `x > 0 ? x : α·(eˣ - 1)`.
    Elu "ELU" "alpha={}" (
        /// `α`;
        alpha = 1.0
    ) |this, x| x.elu(this.alpha);
    /// `x > 0 ? x : α·(e^(x/α) - 1)`.
    Celu "CELU" "alpha={}" (
        /// `α`, which must not be zero;
        alpha = 1.0
    ) |this, x| x.celu(this.alpha);
    /// `x` within bounds.
    Hardtanh "Hardtanh" "min_val={}, max_val={}" (
        /// The lower bound;
        min_val = -1.0,
        /// The upper bound;
        max_val = 1.0
    ) |this, x| x.hardtanh(this.min_val, this.max_val);
    /// `x`, and zero where `|x| ≤ λ`.
    Hardshrink "Hardshrink" "{}" (
        /// `λ`;
        lambd = 0.5
    ) |this, x| x.hardshrink(this.lambd);
    /// `x` moved towards zero by `λ`, and zero where it would pass it.
    Softshrink "Softshrink" "{}" (
        /// `λ`, at least zero;
        lambd = 0.5
    ) |this, x| x.softshrink(this.lambd);
    /// `log(1 + e^(βx))/β`, and `x` itself where `βx` exceeds the threshold.
    Softplus "Softplus" "beta={}, threshold={}" (
        /// `β`, which must not be zero;
        beta = 1.0,
        /// From where on it is `x` itself;
        threshold = 20.0
    ) |this, x| x.softplus(this.beta, this.threshold);
}

over_dimension! {
    /// `exp(x)/Σ exp(x)` over a dimension.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let y = Softmax::new(-1).forward(&Tensor::new([0.0, 0.0]))?;
    /// assert_eq!(y.to_vec::<f64>()?, [0.5, 0.5]);
    /// # Ok::<(), Error>(())
    /// ```
    Softmax softmax;
    /// The logarithm of [`Softmax`], computed without leaving the range of numbers.
    LogSoftmax log_softmax;
    /// [`Softmax`] of `-x`.
    Softmin softmin;
}

/// `x·Φ(x)`, the Gaussian error linear unit.
#[derive(Module, Default)]
#[module(name = "GELU", extra)]
pub struct Gelu {
    #[module(skip)]
    approximate: GeluApproximation,
}

/// How [`Gelu`] is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GeluApproximation {
    /// As its formula says: PyTorch's `none`.
    #[default]
    None,
    /// With a hyperbolic tangent: `½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))`.
    Tanh,
}

impl FromStr for GeluApproximation {
    type Err = Error;

    /// From PyTorch's name, `none` or `tanh`.
    #[inline]
    fn from_str(name: &str) -> Result<GeluApproximation> {
        match name {
            "none" => Ok(GeluApproximation::None),
            "tanh" => Ok(GeluApproximation::Tanh),
            _ => Err(Error::argument("GELU", format!("approximate is 'none' or 'tanh', not '{name}'"))),
        }
    }
}

impl Gelu {
    /// Not approximated.
    #[inline]
    pub fn new() -> Gelu {
        Gelu::default()
    }

    /// Approximated with a hyperbolic tangent, or not.
    #[inline]
    pub fn approximate(self, approximate: GeluApproximation) -> Gelu {
        Gelu { approximate }
    }

    #[inline]
    fn extra(&self) -> String {
        match self.approximate {
            GeluApproximation::None => "approximate='none'".into(),
            GeluApproximation::Tanh => "approximate='tanh'".into(),
        }
    }
}

impl Layer for Gelu {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(match self.approximate {
            GeluApproximation::None => x.gelu(),
            GeluApproximation::Tanh => x.gelu_tanh(),
        })
    }
}

/// `x > 0 ? x : w·x` with a slope that is learned: one for all, or one for each channel (dimension 1).
#[derive(Module)]
#[module(name = "PReLU", extra)]
pub struct PRelu {
    /// `[num_parameters]`.
    pub weight: Parameter,
    num_parameters: usize,
    init: f64,
}

impl Default for PRelu {
    #[inline]
    fn default() -> PRelu {
        PRelu { weight: slopes(1, 0.25), num_parameters: 1, init: 0.25 }
    }
}

#[track_caller]
#[inline]
fn slopes(count: usize, value: f64) -> Parameter {
    Parameter::of(Tensor::full_with([count], value, ()))
}

impl PRelu {
    /// One slope, 0.25 at first.
    #[inline]
    pub fn new() -> PRelu {
        PRelu::default()
    }

    /// How many slopes: 1, or the number of channels.
    #[track_caller]
    #[inline]
    pub fn num_parameters(self, num_parameters: usize) -> PRelu {
        PRelu { weight: slopes(num_parameters, self.init), num_parameters, ..self }
    }

    /// The slopes at first; 0.25 unless said.
    #[track_caller]
    #[inline]
    pub fn init(self, init: f64) -> PRelu {
        PRelu { weight: slopes(self.num_parameters, init), init, ..self }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("num_parameters={}", self.num_parameters)
    }
}

impl Layer for PRelu {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.prelu(self.weight.get()?))
    }
}

/// [`LeakyRelu`] with a slope that in training is drawn for each element between bounds, and otherwise is their mean.
#[derive(Module)]
#[module(name = "RReLU", extra)]
pub struct RRelu {
    lower: f64,
    upper: f64,
    training: Training,
}

impl Default for RRelu {
    #[inline]
    fn default() -> RRelu {
        RRelu { lower: 1.0 / 8.0, upper: 1.0 / 3.0, training: Training::default() }
    }
}

impl RRelu {
    /// Between 1/8 and 1/3.
    #[inline]
    pub fn new() -> RRelu {
        RRelu::default()
    }

    /// The lower bound of the slope; 1/8 unless said.
    #[inline]
    pub fn lower(self, lower: f64) -> RRelu {
        RRelu { lower, ..self }
    }

    /// The upper bound of the slope; 1/3 unless said.
    #[inline]
    pub fn upper(self, upper: f64) -> RRelu {
        RRelu { upper, ..self }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("lower={}, upper={}", print::float(self.lower), print::float(self.upper))
    }
}

impl Layer for RRelu {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.rrelu(self.lower, self.upper, self.training.is_on()))
    }
}

/// `x > threshold ? x : value`.
#[derive(Module)]
#[module(extra)]
pub struct Threshold {
    threshold: Scalar,
    value: Scalar,
}

impl Threshold {
    /// `value` where the input does not exceed `threshold`.
    pub fn new(threshold: impl Into<Scalar>, value: impl Into<Scalar>) -> Threshold {
        Threshold { threshold: threshold.into(), value: value.into() }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("threshold={}, value={}", print::number(self.threshold), print::number(self.value))
    }
}

impl Layer for Threshold {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.threshold(self.threshold, self.value))
    }
}

/// `a·σ(b)` of the two halves `a`, `b` of a dimension.
#[derive(Module)]
#[module(name = "GLU", extra)]
pub struct Glu {
    dim: i64,
}

impl Default for Glu {
    #[inline]
    fn default() -> Glu {
        Glu { dim: -1 }
    }
}

impl Glu {
    /// Halves the last dimension.
    #[inline]
    pub fn new() -> Glu {
        Glu::default()
    }

    /// The dimension that is halved; the last unless said.
    #[inline]
    pub fn dim(self, dim: i64) -> Glu {
        Glu { dim }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("dim={}", self.dim)
    }
}

impl Layer for Glu {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.glu(self.dim))
    }
}
