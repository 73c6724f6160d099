//! What encoder and decoder layers have besides attention: a network of two linear maps, and residual steps.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::prelude::*;
use std::str::FromStr;

use crate::{Error, Layer, LayerNorm};

/// What lies between the two linear maps of a transformer's layer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TransformerActivation {
    /// What is positive.
    #[default]
    Relu,
    /// `x·Φ(x)`.
    Gelu,
}

impl FromStr for TransformerActivation {
    type Err = Error;

    #[inline]
    fn from_str(name: &str) -> Result<TransformerActivation> {
        match name {
            "relu" => Ok(TransformerActivation::Relu),
            "gelu" => Ok(TransformerActivation::Gelu),
            _ => Err(Error::argument("transformer", format!("activation is relu or gelu, not {name:?}"))),
        }
    }
}

impl TransformerActivation {
    #[track_caller]
    #[inline]
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            TransformerActivation::Relu => x.relu(),
            TransformerActivation::Gelu => x.gelu(),
        }
    }
}

/// What constructors of both kinds of layers say.
#[derive(Clone)]
pub struct LayerSettings {
    pub d_model: usize,
    pub nhead: usize,
    pub dim_feedforward: usize,
    pub dropout: f64,
    pub activation: TransformerActivation,
    pub layer_norm_eps: f64,
    pub batch_first: bool,
    pub norm_first: bool,
    pub bias: bool,
}

impl LayerSettings {
    #[inline]
    pub fn new(d_model: usize, nhead: usize) -> LayerSettings {
        LayerSettings {
            d_model,
            nhead,
            dim_feedforward: 2048,
            dropout: 0.1,
            activation: TransformerActivation::Relu,
            layer_norm_eps: 1e-5,
            batch_first: false,
            norm_first: false,
            bias: true,
        }
    }

    /// What the weights depend on.
    #[inline]
    pub fn weights(&self) -> impl PartialEq + use<> {
        (self.d_model, self.nhead, self.dim_feedforward, self.bias, (0.0..=1.0).contains(&self.dropout))
    }

    #[track_caller]
    #[inline]
    pub fn norm(&self) -> LayerNorm {
        LayerNorm::new([self.d_model]).eps(self.layer_norm_eps).bias(self.bias)
    }
}

/// The builder methods of both kinds of layers, and of the whole transformer.
macro_rules! settings {
    () => {
        /// How many features lie between the two linear maps; 2048 unless said. Weights are drawn anew.
        #[track_caller]
        #[inline]
        pub fn dim_feedforward(self, dim_feedforward: usize) -> Self {
            self.with(&|settings| settings.dim_feedforward = dim_feedforward)
        }

        /// In training, the probability with which something is dropped; 0.1 unless said.
        #[track_caller]
        #[inline]
        pub fn dropout(self, dropout: f64) -> Self {
            self.with(&|settings| settings.dropout = dropout)
        }

        /// What lies between the two linear maps; ReLU unless said.
        #[track_caller]
        #[inline]
        pub fn activation(self, activation: TransformerActivation) -> Self {
            self.with(&|settings| settings.activation = activation)
        }

        /// What norms add to the variance; 1e-5 unless said.
        #[track_caller]
        #[inline]
        pub fn layer_norm_eps(self, layer_norm_eps: f64) -> Self {
            self.with(&|settings| settings.layer_norm_eps = layer_norm_eps)
        }

        /// Whether inputs are `[batch, time, features]` instead of `[time, batch, features]`.
        #[track_caller]
        #[inline]
        pub fn batch_first(self, batch_first: bool) -> Self {
            self.with(&|settings| settings.batch_first = batch_first)
        }

        /// Whether norms come before attention and network instead of after the sums.
        #[track_caller]
        #[inline]
        pub fn norm_first(self, norm_first: bool) -> Self {
            self.with(&|settings| settings.norm_first = norm_first)
        }

        /// With biases of linear maps and norms, as at first, or without. Weights are drawn anew.
        #[track_caller]
        #[inline]
        pub fn bias(self, bias: bool) -> Self {
            self.with(&|settings| settings.bias = bias)
        }
    };
}

pub(super) use settings;

/// `x + f(norm(x))`, or with the norm last `norm(x + f(x))`.
#[track_caller]
pub fn residual(
    x: &Tensor,
    norm: &LayerNorm,
    norm_first: bool,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if norm_first { x.add(&f(&norm.forward(x)?)?) } else { norm.forward(&x.add(&f(x)?)?) }
}
