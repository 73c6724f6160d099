//! Modules: pools, and the way back from them.

use cresset_autograd::Tensor;
use cresset_nn::{
    AvgPool1d, AvgPool2d, AvgPool3d, Layer, LpPool1d, LpPool2d, LpPool3d, MaxPool1d, MaxPool2d, MaxPool3d,
    MaxUnpool1d, MaxUnpool2d, MaxUnpool3d,
};
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    let kernel = |place| init.ints(place, "kernel_size");
    let stride = |place| Ok(init.maybe_ints(place, "stride")?.filter(|stride| !stride.is_empty()));
    let ints =
        |place, name, default: i64| init.maybe_ints(place, name).map(|given| given.unwrap_or(vec![default]));
    macro_rules! max {
        ($type:ident) => {{
            let pool = $type::new(kernel(0)?);
            let pool = match stride(1)? {
                None => pool,
                Some(stride) => pool.stride(stride),
            };
            let pool = pool.padding(ints(2, "padding", 0)?).dilation(ints(3, "dilation", 1)?);
            let indices = init.bool_or(4, "return_indices", false)?;
            let pool = pool.ceil_mode(init.bool_or(5, "ceil_mode", false)?);
            wanted.module(pool, move |pool, args| {
                let x = args.tensor(0, "input")?;
                Ok(match indices {
                    false => Value::Tensor(pool.forward(x)?),
                    true => pool.forward_with_indices(x)?.into(),
                })
            })?
        }};
    }
    macro_rules! avg {
        ($type:ident) => {{
            let pool = $type::new(kernel(0)?);
            let pool = match stride(1)? {
                None => pool,
                Some(stride) => pool.stride(stride),
            };
            let pool = pool.padding(ints(2, "padding", 0)?);
            let pool = pool.ceil_mode(init.bool_or(3, "ceil_mode", false)?);
            let pool = pool.count_include_pad(init.bool_or(4, "count_include_pad", true)?);
            wanted.layer(pool.divisor_override(init.maybe_int(5, "divisor_override")?))?
        }};
    }
    macro_rules! lp {
        ($type:ident) => {{
            let pool = $type::new(init.number(0, "norm_type")?, kernel(1)?);
            let pool = match stride(2)? {
                None => pool,
                Some(stride) => pool.stride(stride),
            };
            wanted.layer(pool.ceil_mode(init.bool_or(3, "ceil_mode", false)?))?
        }};
    }
    macro_rules! unpool {
        ($type:ident) => {{
            let pool = $type::new(kernel(0)?);
            let pool = match stride(1)? {
                None => pool,
                Some(stride) => pool.stride(stride),
            };
            wanted.module(pool.padding(ints(2, "padding", 0)?), |pool, args| {
                let (x, indices) = (args.tensor(0, "input")?, args.tensor(1, "indices")?);
                Ok(Value::Tensor(match args.maybe_ints(2, "output_size")? {
                    None => pool.forward(x, indices)?,
                    Some(size) => pool.forward_with_size(x, indices, size)?,
                }))
            })?
        }};
    }
    Ok(Some(match name {
        "MaxPool1d" => max!(MaxPool1d),
        "MaxPool2d" => max!(MaxPool2d),
        "MaxPool3d" => max!(MaxPool3d),
        "AvgPool1d" => avg!(AvgPool1d),
        "AvgPool2d" => avg!(AvgPool2d),
        "AvgPool3d" => avg!(AvgPool3d),
        "LPPool1d" => lp!(LpPool1d),
        "LPPool2d" => lp!(LpPool2d),
        "LPPool3d" => lp!(LpPool3d),
        "MaxUnpool1d" => unpool!(MaxUnpool1d),
        "MaxUnpool2d" => unpool!(MaxUnpool2d),
        "MaxUnpool3d" => unpool!(MaxUnpool3d),
        _ => return Ok(None),
    }))
}
