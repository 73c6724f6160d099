//! Modules: pools whose windows follow from the size of the result.

use cresset_autograd::Tensor;
use cresset_nn::*;
use cresset_ops::{Error, Result, Scalar, methods::PoolSizes};

use super::{Built, Wanted};
use crate::golden::{Args, Value};

fn output_size(init: &Args<Tensor>) -> Result<PoolSizes> {
    let size = |value: &Value<Tensor>| match value {
        Value::None => Ok(None),
        Value::Number(Scalar::Int(size)) => Ok(Some(*size)),
        other => Err(Error::argument("call", format!("output_size of {}", other.kind()))),
    };
    match init.get(0, "output_size") {
        Some(Value::List(list)) => {
            let sizes = list.iter().map(size).collect::<Result<Vec<_>>>()?;
            Ok(sizes.as_slice().into())
        }
        Some(value) => Ok([size(value)?].into()),
        None => Err(Error::argument("call", "output_size is missing")),
    }
}

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    macro_rules! max {
        ($type:ident) => {{
            let indices = init.bool_or(1, "return_indices", false)?;
            wanted.module($type::new(output_size(init)?), move |pool, args| {
                let x = args.tensor(0, "input")?;
                Ok(match indices {
                    false => Value::Tensor(pool.forward(x)?),
                    true => pool.forward_with_indices(x)?.into(),
                })
            })?
        }};
    }
    Ok(Some(match name {
        "AdaptiveAvgPool1d" => wanted.layer(AdaptiveAvgPool1d::new(output_size(init)?))?,
        "AdaptiveAvgPool2d" => wanted.layer(AdaptiveAvgPool2d::new(output_size(init)?))?,
        "AdaptiveAvgPool3d" => wanted.layer(AdaptiveAvgPool3d::new(output_size(init)?))?,
        "AdaptiveMaxPool1d" => max!(AdaptiveMaxPool1d),
        "AdaptiveMaxPool2d" => max!(AdaptiveMaxPool2d),
        "AdaptiveMaxPool3d" => max!(AdaptiveMaxPool3d),
        _ => return Ok(None),
    }))
}
