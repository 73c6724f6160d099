//! What parameters are before they are trained: PyTorch's `torch.nn.init`.

use cresset_autograd::{Result, Shape, Tensor};
use cresset_ops::methods::prelude::*;

/// Numbers drawn evenly from `-bound` to `bound`.
#[track_caller]
pub(crate) fn within(shape: impl Into<Shape>, bound: f64) -> Result<Tensor> {
    let tensor = Tensor::empty_with(shape, ())?;
    tensor.uniform_(-bound, bound)?;
    Ok(tensor)
}

/// The bound PyTorch's layers draw from: `1/√fan_in`, or 0 where nothing comes in.
pub(crate) fn bound_of(fan_in: usize) -> f64 {
    if fan_in == 0 { 0.0 } else { (fan_in as f64).sqrt().recip() }
}
