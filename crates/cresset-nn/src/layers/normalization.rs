//! Normalisation of each sample by itself: of layers, groups, vectors and neighbourhoods.

use cresset_autograd::{Apply, Error, Result, Shape, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, Parameter, entering, print};

#[track_caller]
fn ones(shape: impl Into<Shape>) -> Option<Parameter> {
    Some(Parameter::of(Tensor::ones_with(shape, ())))
}

#[track_caller]
fn zeros(shape: impl Into<Shape>) -> Option<Parameter> {
    Some(Parameter::of(Tensor::zeros_with(shape, ())))
}

#[inline]
fn get(parameter: &Option<Parameter>) -> Result<Option<&Tensor>> {
    parameter.as_ref().map(Parameter::get).transpose()
}

/// `(x - mean)/√(variance + ε)·weight + bias` over the last dimensions.
///
/// ```
/// use cresset_nn::prelude::*;
/// let y = LayerNorm::new(2).eps(0.0).forward(&Tensor::new([[1.0f32, 3.0], [10.0, 30.0]]))?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct LayerNorm {
    /// The factor of each element: the normalised shape.
    pub weight: Option<Parameter>,
    /// What is added to each element: the normalised shape.
    pub bias: Option<Parameter>,
    normalized_shape: Shape,
    eps: f64,
}

impl LayerNorm {
    /// Over the last dimensions, which have this shape.
    #[track_caller]
    pub fn new(normalized_shape: impl Into<Shape>) -> LayerNorm {
        let shape = normalized_shape.into();
        LayerNorm { weight: ones(&shape), bias: zeros(&shape), normalized_shape: shape, eps: 1e-5 }
    }

    /// What is added to the variance; 1e-5 unless said.
    #[inline]
    pub fn eps(self, eps: f64) -> LayerNorm {
        LayerNorm { eps, ..self }
    }

    /// With a factor and a bias for each element, or without.
    #[track_caller]
    #[inline]
    pub fn elementwise_affine(mut self, affine: bool) -> LayerNorm {
        let shape = &self.normalized_shape;
        (self.weight, self.bias) = if affine { (ones(shape), zeros(shape)) } else { (None, None) };
        self
    }

    /// Of a norm with factors: with a bias, or without.
    #[track_caller]
    #[inline]
    pub fn bias(mut self, bias: bool) -> LayerNorm {
        self.bias = if bias && self.weight.is_some() { zeros(&self.normalized_shape) } else { None };
        self
    }

    #[inline]
    fn extra(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}, bias={}",
            print::tuple(&self.normalized_shape),
            print::float(self.eps),
            print::truth(self.weight.is_some()),
            print::truth(self.bias.is_some())
        )
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.layer_norm(
            &self.normalized_shape,
            get(&self.weight)?,
            get(&self.bias)?,
            self.eps,
        ))
    }
}

/// `x/√(mean(x²) + ε)·weight` over the last dimensions.
#[derive(Module)]
#[module(name = "RMSNorm", extra)]
pub struct RmsNorm {
    /// The factor of each element: the normalised shape.
    pub weight: Option<Parameter>,
    normalized_shape: Shape,
    eps: Option<f64>,
}

impl RmsNorm {
    /// Over the last dimensions, which have this shape.
    #[track_caller]
    pub fn new(normalized_shape: impl Into<Shape>) -> RmsNorm {
        let shape = normalized_shape.into();
        RmsNorm { weight: ones(&shape), normalized_shape: shape, eps: None }
    }

    /// What is added to the mean square; unless said (`None`), the smallest step from 1 of the input's dtype.
    pub fn eps(self, eps: impl Into<Option<f64>>) -> RmsNorm {
        RmsNorm { eps: eps.into(), ..self }
    }

    /// With a factor for each element, or without.
    #[track_caller]
    #[inline]
    pub fn elementwise_affine(mut self, affine: bool) -> RmsNorm {
        self.weight = if affine { ones(&self.normalized_shape) } else { None };
        self
    }

    #[inline]
    fn extra(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}",
            print::tuple(&self.normalized_shape),
            print::maybe(self.eps, print::float),
            print::truth(self.weight.is_some())
        )
    }
}

impl Layer for RmsNorm {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.rms_norm(&self.normalized_shape, get(&self.weight)?, self.eps))
    }
}

/// Each group of channels (dimension 1) of each sample with mean 0 and variance 1, then `·weight + bias` by channel.
#[derive(Module)]
#[module(extra)]
pub struct GroupNorm {
    /// The factor of each channel: `[num_channels]`.
    pub weight: Option<Parameter>,
    /// What is added to each channel: `[num_channels]`.
    pub bias: Option<Parameter>,
    num_groups: usize,
    num_channels: usize,
    eps: f64,
}

impl GroupNorm {
    /// So many groups of so many channels together.
    #[track_caller]
    #[inline]
    pub fn new(num_groups: usize, num_channels: usize) -> GroupNorm {
        let mut norm = GroupNorm {
            weight: ones([num_channels]),
            bias: zeros([num_channels]),
            num_groups,
            num_channels,
            eps: 1e-5,
        };
        if let Err(error) = norm.check() {
            norm.weight = Some(Parameter::of(Err(error)));
        }
        norm
    }

    /// What is added to the variance; 1e-5 unless said.
    #[inline]
    pub fn eps(self, eps: f64) -> GroupNorm {
        GroupNorm { eps, ..self }
    }

    /// With a factor and a bias for each channel, or without.
    #[track_caller]
    #[inline]
    pub fn affine(self, affine: bool) -> GroupNorm {
        if affine {
            return GroupNorm { eps: self.eps, ..GroupNorm::new(self.num_groups, self.num_channels) };
        }
        GroupNorm { weight: None, bias: None, ..self }
    }

    /// Of a norm with factors: with a bias, or without.
    #[track_caller]
    #[inline]
    pub fn bias(mut self, bias: bool) -> GroupNorm {
        self.bias = if bias && self.weight.is_some() { zeros([self.num_channels]) } else { None };
        self
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let GroupNorm { num_groups, num_channels, .. } = self;
        if *num_groups > 0 && num_channels.is_multiple_of(*num_groups) {
            return Ok(());
        }
        Err(Error::argument(
            "GroupNorm",
            format!(
                "num_groups must divide num_channels: {num_channels} channels do not fall into {num_groups}"
            ),
        ))
    }

    #[inline]
    fn extra(&self) -> String {
        format!(
            "{}, {}, eps={}, affine={}, bias={}",
            self.num_groups,
            self.num_channels,
            print::float(self.eps),
            print::truth(self.weight.is_some()),
            print::truth(self.bias.is_some())
        )
    }
}

impl Layer for GroupNorm {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let boundary = entering(self);
        let (weight, bias) = (get(&self.weight)?, get(&self.bias)?);
        self.check()?;
        if weight.is_some() && x.rank() > 1 && x.shape()[1] != self.num_channels {
            return Err(Error::shape(
                "GroupNorm",
                format!(
                    "made for {} channels (num_channels), but dimension 1 of the input {} has {}",
                    self.num_channels,
                    x.shape(),
                    x.shape()[1]
                ),
            ));
        }
        boundary.gives(x.group_norm(self.num_groups, weight, bias, self.eps))
    }
}

/// `x/(k + α·mean(x²))^β`, the mean being over neighbouring channels (dimension 1).
#[derive(Module)]
#[module(extra)]
pub struct LocalResponseNorm {
    size: usize,
    alpha: f64,
    beta: f64,
    k: f64,
}

impl LocalResponseNorm {
    /// Over `size` neighbouring channels.
    #[inline]
    pub fn new(size: usize) -> LocalResponseNorm {
        LocalResponseNorm { size, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }

    /// The factor of the squares; 1e-4 unless said.
    #[inline]
    pub fn alpha(self, alpha: f64) -> LocalResponseNorm {
        LocalResponseNorm { alpha, ..self }
    }

    /// The exponent; 0.75 unless said.
    #[inline]
    pub fn beta(self, beta: f64) -> LocalResponseNorm {
        LocalResponseNorm { beta, ..self }
    }

    /// What is added; 1 unless said.
    #[inline]
    pub fn k(self, k: f64) -> LocalResponseNorm {
        LocalResponseNorm { k, ..self }
    }

    #[inline]
    fn extra(&self) -> String {
        let [alpha, beta, k] = [self.alpha, self.beta, self.k].map(print::float);
        format!("{}, alpha={alpha}, beta={beta}, k={k}", self.size)
    }
}

impl Layer for LocalResponseNorm {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.local_response_norm(self.size, self.alpha, self.beta, self.k))
    }
}
