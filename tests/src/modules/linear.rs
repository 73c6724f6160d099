//! Modules: linear and bilinear maps, and layers that only change shapes.

use cresset_autograd::Tensor;
use cresset_nn::{Bilinear, Flatten, Identity, Linear, Unflatten};
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    Ok(Some(match name {
        "Linear" => {
            let linear = Linear::new(init.size(0, "in_features")?, init.size(1, "out_features")?);
            wanted.layer(linear.bias(init.bool_or(2, "bias", true)?))?
        }
        "Bilinear" => {
            let (left, right) = (init.size(0, "in1_features")?, init.size(1, "in2_features")?);
            let bilinear = Bilinear::new(left, right, init.size(2, "out_features")?);
            wanted.module(bilinear.bias(init.bool_or(3, "bias", true)?), |bilinear, args| {
                Ok(Value::Tensor(bilinear.forward(args.tensor(0, "input1")?, args.tensor(1, "input2")?)?))
            })?
        }
        "Identity" => wanted.layer(Identity::new())?,
        "Flatten" => {
            let flatten = Flatten::new().start_dim(init.int_or(0, "start_dim", 1)?);
            wanted.layer(flatten.end_dim(init.int_or(1, "end_dim", -1)?))?
        }
        "Unflatten" => {
            wanted.layer(Unflatten::new(init.int(0, "dim")?, init.ints(1, "unflattened_size")?))?
        }
        _ => return Ok(None),
    }))
}
