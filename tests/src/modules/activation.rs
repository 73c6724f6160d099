//! Modules: activations.

use cresset_autograd::Tensor;
use cresset_nn::*;
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::Args;

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    let float = |place, name, default| init.float_or(place, name, default);
    // Whether the input may be overwritten says nothing about the values.
    let in_place = |place| init.bool_or(place, "inplace", false).map(drop);
    let dim = || init.int(0, "dim");
    Ok(Some(match name {
        "ReLU" => {
            in_place(0)?;
            wanted.layer(Relu::new())?
        }
        "ReLU6" => {
            in_place(0)?;
            wanted.layer(Relu6::new())?
        }
        "SELU" => {
            in_place(0)?;
            wanted.layer(Selu::new())?
        }
        "SiLU" => {
            in_place(0)?;
            wanted.layer(Silu::new())?
        }
        "Mish" => {
            in_place(0)?;
            wanted.layer(Mish::new())?
        }
        "Hardsigmoid" => {
            in_place(0)?;
            wanted.layer(Hardsigmoid::new())?
        }
        "Hardswish" => {
            in_place(0)?;
            wanted.layer(Hardswish::new())?
        }
        "Sigmoid" => wanted.layer(Sigmoid::new())?,
        "LogSigmoid" => wanted.layer(LogSigmoid::new())?,
        "Softsign" => wanted.layer(Softsign::new())?,
        "Tanh" => wanted.layer(Tanh::new())?,
        "Tanhshrink" => wanted.layer(Tanhshrink::new())?,
        "Softmax2d" => wanted.layer(Softmax2d::new())?,
        "LeakyReLU" => {
            in_place(1)?;
            wanted.layer(LeakyRelu::new().negative_slope(float(0, "negative_slope", 0.01)?))?
        }
        "ELU" => {
            in_place(1)?;
            wanted.layer(Elu::new().alpha(float(0, "alpha", 1.0)?))?
        }
        "CELU" => {
            in_place(1)?;
            wanted.layer(Celu::new().alpha(float(0, "alpha", 1.0)?))?
        }
        "Hardtanh" => {
            in_place(2)?;
            let (low, high) = (float(0, "min_val", -1.0)?, float(1, "max_val", 1.0)?);
            wanted.layer(Hardtanh::new().min_val(low).max_val(high))?
        }
        "Hardshrink" => wanted.layer(Hardshrink::new().lambd(float(0, "lambd", 0.5)?))?,
        "Softshrink" => wanted.layer(Softshrink::new().lambd(float(0, "lambd", 0.5)?))?,
        "Softplus" => {
            let (beta, threshold) = (float(0, "beta", 1.0)?, float(1, "threshold", 20.0)?);
            wanted.layer(Softplus::new().beta(beta).threshold(threshold))?
        }
        "Softmax" => wanted.layer(Softmax::new(dim()?))?,
        "LogSoftmax" => wanted.layer(LogSoftmax::new(dim()?))?,
        "Softmin" => wanted.layer(Softmin::new(dim()?))?,
        "GELU" => wanted.layer(Gelu::new().approximate(init.text_or(0, "approximate", "none")?.parse()?))?,
        "PReLU" => {
            let prelu = PRelu::new().num_parameters(init.size_or(0, "num_parameters", 1)?);
            wanted.layer(prelu.init(float(1, "init", 0.25)?))?
        }
        "RReLU" => {
            in_place(2)?;
            let rrelu = RRelu::new().lower(float(0, "lower", 1.0 / 8.0)?);
            wanted.layer(rrelu.upper(float(1, "upper", 1.0 / 3.0)?))?
        }
        "Threshold" => {
            in_place(2)?;
            wanted.layer(Threshold::new(init.number(0, "threshold")?, init.number(1, "value")?))?
        }
        "GLU" => wanted.layer(Glu::new().dim(init.int_or(0, "dim", -1)?))?,
        _ => return Ok(None),
    }))
}
