//! Linear maps of the last dimension.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{
    Layer, Module, Parameter, Weighted, entering,
    init::{bound_of, within},
    print::truth,
};

/// `y = x·Wᵀ + b` over the last dimension.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = Linear::new(3, 2);
/// assert_eq!(layer.forward(&Tensor::zeros([5, 3]))?.shape(), &[5, 2]);
/// assert_eq!(format!("{layer:?}"), "Linear(in_features=3, out_features=2, bias=True)");
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct Linear {
    /// `[out_features, in_features]`.
    pub weight: Parameter,
    /// `[out_features]`.
    pub bias: Option<Parameter>,
    in_features: usize,
    out_features: usize,
}

impl Linear {
    /// From `in_features` to `out_features`, with a bias; drawn evenly within `1/√in_features`.
    #[track_caller]
    #[inline]
    pub fn new(in_features: usize, out_features: usize) -> Linear {
        let bound = bound_of(in_features);
        Linear {
            weight: Parameter::of(within([out_features, in_features], bound)),
            bias: Some(Parameter::of(within([out_features], bound))),
            in_features,
            out_features,
        }
    }

    /// With a bias, or without.
    #[track_caller]
    #[inline]
    pub fn bias(mut self, bias: bool) -> Linear {
        self.bias = bias.then(|| Parameter::of(within([self.out_features], bound_of(self.in_features))));
        self
    }

    #[inline]
    fn extra(&self) -> String {
        let Linear { in_features, out_features, bias, .. } = self;
        format!("in_features={in_features}, out_features={out_features}, bias={}", truth(bias.is_some()))
    }
}

impl Layer for Linear {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(self.forward_with(self.weight.get()?, x))
    }
}

impl Weighted for Linear {
    #[inline]
    fn weight_mut(&mut self) -> &mut Parameter {
        &mut self.weight
    }

    #[track_caller]
    #[inline]
    fn forward_with(&self, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
        x.linear(weight, self.bias.as_ref().map(Parameter::get).transpose()?)
    }
}
