//! Weight norm: a weight's length and direction, trained apart.

use cresset_autograd::{Result, Tensor, no_grad};
use cresset_ops::methods::prelude::*;

use super::{Parametrized, Weighted};
use crate::{Module, Parameter};

/// A layer whose weight is `g·v/‖v‖`: its length `g` and its direction `v` are trained apart. PyTorch's
/// `parametrizations.weight_norm`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = WeightNorm::new(Linear::new(3, 2));
/// assert_eq!(layer.forward(&Tensor::zeros([5, 3]))?.shape(), &[5, 2]);
/// let names: Vec<String> = layer.state_dict().names().map(str::to_owned).collect();
/// assert_eq!(names, ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]);
/// let linear: Linear = layer.remove()?;
/// # Ok::<(), Error>(())
/// ```
pub struct WeightNorm<L> {
    pub(super) parametrized: Parametrized<L, LengthAndDirection>,
    dim: Option<i64>,
}

#[derive(Module)]
#[module(name = "ParametrizationList")]
pub(super) struct LengthAndDirection {
    /// The length: `g`.
    original0: Parameter,
    /// The direction: `v`.
    original1: Parameter,
    #[module(name = "0")]
    shown: Shown,
}

/// What PyTorch prints.
#[derive(Module)]
#[module(name = "_WeightNorm")]
struct Shown {}

impl<L: Weighted> WeightNorm<L> {
    /// A length for each index of the weight's dimension 0; it computes what the layer did.
    #[track_caller]
    pub fn new(layer: L) -> WeightNorm<L> {
        let parametrized = Parametrized::new(layer, |weight| {
            let original0 = Parameter::of(weight.get().and_then(|weight| length(weight, Some(0))));
            LengthAndDirection { original0, original1: weight, shown: Shown {} }
        });
        WeightNorm { parametrized, dim: Some(0) }
    }

    /// A length for each index of that dimension of the weight, or one for all of it (`None`): 0, unless set.
    #[track_caller]
    pub fn dim(mut self, dim: impl Into<Option<i64>>) -> WeightNorm<L> {
        let weight = no_grad(|| self.weight());
        self.dim = dim.into();
        let originals = self.parametrized.of_mut();
        originals.original0 = Parameter::of(weight.and_then(|weight| length(&weight, self.dim)));
        self
    }

    /// The weight as it is.
    #[track_caller]
    pub fn weight(&self) -> Result<Tensor> {
        let LengthAndDirection { original0, original1, .. } = self.parametrized.of();
        let (g, v) = (original0.get()?, original1.get()?);
        v.mul(&g.div(&length(v, self.dim)?)?)
    }

    /// The layer with the weight as it is: PyTorch's `remove_parametrizations`.
    #[track_caller]
    pub fn remove(self) -> Result<L> {
        let weight = no_grad(|| self.weight())?;
        Ok(self.parametrized.with(Parameter::new(weight)))
    }
}

/// `‖v‖` over all dimensions but one, which stay with size 1; or over all, which go.
#[track_caller]
#[inline]
fn length(v: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    use cresset_autograd::Apply;
    let Some(dim) = dim else {
        return v.square()?.sum()?.sqrt();
    };
    let kept = v.shape().axis("weight_norm", dim)?;
    let others: Vec<i64> = (0..v.rank()).filter(|&d| d != kept).map(|d| d as i64).collect();
    if others.is_empty() {
        return v.abs();
    }
    v.square()?.sum_dim(others, true)?.sqrt()
}
