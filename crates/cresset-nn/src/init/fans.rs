//! How many numbers come into an output, and how much what follows a layer shrinks them.

use std::str::FromStr;

use cresset_autograd::{Apply, Error, Result, Tensor};

/// Which numbers count: those that come into an output keep the variance of the forward pass, those that an input goes to
/// that of the backward pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FanMode {
    /// Those that come into an output.
    #[default]
    FanIn,
    /// Those that an input goes to.
    FanOut,
}

impl FromStr for FanMode {
    type Err = Error;

    /// From PyTorch's name.
    #[inline]
    fn from_str(name: &str) -> Result<FanMode> {
        match name {
            "fan_in" => Ok(FanMode::FanIn),
            "fan_out" => Ok(FanMode::FanOut),
            _ => Err(Error::argument("init", format!("the mode is 'fan_in' or 'fan_out', not '{name}'"))),
        }
    }
}

/// What follows a layer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Nonlinearity {
    /// Nothing, or another linear layer or convolution.
    Linear,
    /// `1/(1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0) + slope·min(x, 0)`.
    LeakyRelu(f64),
    /// The self-normalising unit.
    Selu,
}

impl FromStr for Nonlinearity {
    type Err = Error;

    /// From PyTorch's name; a leaky ReLU has the slope 0.01.
    #[inline]
    fn from_str(name: &str) -> Result<Nonlinearity> {
        Ok(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
            | "conv_transpose3d" => Nonlinearity::Linear,
            "sigmoid" => Nonlinearity::Sigmoid,
            "tanh" => Nonlinearity::Tanh,
            "relu" => Nonlinearity::Relu,
            "leaky_relu" => Nonlinearity::LeakyRelu(0.01),
            "selu" => Nonlinearity::Selu,
            _ => {
                return Err(Error::argument(
                    "init",
                    format!("there is no gain for the nonlinearity '{name}'"),
                ));
            }
        })
    }
}

/// The factor that makes up for what a nonlinearity takes from the deviation.
///
/// ```
/// use cresset_nn::init::{Nonlinearity, calculate_gain};
/// assert_eq!(calculate_gain(Nonlinearity::Tanh), 5.0 / 3.0);
/// assert_eq!(calculate_gain(Nonlinearity::LeakyRelu(0.0)), 2f64.sqrt());
/// ```
#[inline]
pub fn calculate_gain(nonlinearity: Nonlinearity) -> f64 {
    match nonlinearity {
        Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => 2f64.sqrt(),
        Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
        // Found by trial.
        Nonlinearity::Selu => 0.75,
    }
}

/// How many numbers come into an output of a weight `[out, in, kernel…]`, and to how many outputs an input goes.
#[track_caller]
#[inline]
pub fn fans_of(name: &'static str, tensor: &Tensor) -> Result<(usize, usize)> {
    match &tensor.shape()[..] {
        [outputs, inputs, kernel @ ..] => {
            let field = kernel.iter().product::<usize>();
            Ok((inputs * field, outputs * field))
        }
        _ => Err(Error::shape(
            name,
            format!("needs a weight [out, in, …] of at least 2 dimensions, not shape {}", tensor.shape()),
        )),
    }
}

/// `gain/√fan`.
#[track_caller]
#[inline]
pub fn deviation(
    name: &'static str,
    tensor: &Tensor,
    mode: FanMode,
    nonlinearity: Nonlinearity,
) -> Result<f64> {
    let (fan_in, fan_out) = fans_of(name, tensor)?;
    let fan = match mode {
        FanMode::FanIn => fan_in,
        FanMode::FanOut => fan_out,
    };
    Ok(calculate_gain(nonlinearity) / (fan.max(1) as f64).sqrt())
}
