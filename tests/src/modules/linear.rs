//! Modules: linear maps.

use cresset_autograd::Tensor;
use cresset_nn::Linear;
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::Args;

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    Ok(Some(match name {
        "Linear" => {
            let linear = Linear::new(init.size(0, "in_features")?, init.size(1, "out_features")?);
            wanted.layer(linear.bias(init.bool_or(2, "bias", true)?))?
        }
        _ => return Ok(None),
    }))
}
