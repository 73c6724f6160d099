//! Bilinear maps of the last dimensions of two inputs.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{
    Module, Parameter, entering,
    init::{bound_of, within},
    print::truth,
};

/// `y_o = aᵀ·W_o·b + bias_o` over the last dimensions of two inputs.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = Bilinear::new(2, 3, 4);
/// assert_eq!(layer.forward(&Tensor::zeros([5, 2]), &Tensor::zeros([5, 3]))?.shape(), &[5, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct Bilinear {
    /// `[out_features, in1_features, in2_features]`.
    pub weight: Parameter,
    /// `[out_features]`.
    pub bias: Option<Parameter>,
    in1_features: usize,
    in2_features: usize,
    out_features: usize,
}

impl Bilinear {
    /// From `in1_features` and `in2_features` to `out_features`, with a bias; drawn evenly within `1/√in1_features`.
    #[track_caller]
    #[inline]
    pub fn new(in1_features: usize, in2_features: usize, out_features: usize) -> Bilinear {
        let bound = bound_of(in1_features);
        Bilinear {
            weight: Parameter::of(within([out_features, in1_features, in2_features], bound)),
            bias: Some(Parameter::of(within([out_features], bound))),
            in1_features,
            in2_features,
            out_features,
        }
    }

    /// With a bias, or without.
    #[track_caller]
    #[inline]
    pub fn bias(mut self, bias: bool) -> Bilinear {
        self.bias = bias.then(|| Parameter::of(within([self.out_features], bound_of(self.in1_features))));
        self
    }

    /// What it computes of two inputs, whose sizes agree but for the last.
    #[track_caller]
    #[inline]
    pub fn forward(&self, x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
        entering(self).gives(x1.bilinear(
            x2,
            self.weight.get()?,
            self.bias.as_ref().map(Parameter::get).transpose()?,
        ))
    }

    #[inline]
    fn extra(&self) -> String {
        let Bilinear { in1_features, in2_features, out_features, bias, .. } = self;
        let bias = truth(bias.is_some());
        format!(
            "in1_features={in1_features}, in2_features={in2_features}, out_features={out_features}, bias={bias}"
        )
    }
}
