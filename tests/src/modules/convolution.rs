//! Modules: convolutions and transposed convolutions.

use cresset_autograd::Tensor;
use cresset_nn::{Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
use cresset_ops::{
    Result,
    methods::{ConvPadding, PadMode},
};

use super::{Built, Wanted};
use crate::golden::{Args, Value};

fn padding(init: &Args<Tensor>) -> Result<ConvPadding> {
    match init.given(4, "padding") {
        Some(Value::Text(name)) => name.parse(),
        _ => Ok(init.maybe_ints(4, "padding")?.unwrap_or(vec![0]).into()),
    }
}

fn mode(init: &Args<Tensor>) -> Result<PadMode> {
    match init.text_or(8, "padding_mode", "zeros")? {
        "zeros" => Ok(PadMode::default()),
        name => name.parse(),
    }
}

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    let ints =
        |place, name, default: i64| init.maybe_ints(place, name).map(|given| given.unwrap_or(vec![default]));
    macro_rules! conv {
        ($type:ident) => {{
            let conv = $type::new(
                init.size(0, "in_channels")?,
                init.size(1, "out_channels")?,
                init.ints(2, "kernel_size")?,
            );
            let conv = conv.stride(ints(3, "stride", 1)?).padding(padding(init)?);
            let conv = conv.dilation(ints(5, "dilation", 1)?).groups(init.size_or(6, "groups", 1)?);
            wanted.layer(conv.bias(init.bool_or(7, "bias", true)?).padding_mode(mode(init)?))?
        }};
    }
    macro_rules! transpose {
        ($type:ident) => {{
            let conv = $type::new(
                init.size(0, "in_channels")?,
                init.size(1, "out_channels")?,
                init.ints(2, "kernel_size")?,
            );
            let conv = conv.stride(ints(3, "stride", 1)?).padding(ints(4, "padding", 0)?);
            let conv = conv.output_padding(ints(5, "output_padding", 0)?);
            let conv = conv.groups(init.size_or(6, "groups", 1)?).bias(init.bool_or(7, "bias", true)?);
            let conv = conv.dilation(ints(8, "dilation", 1)?);
            wanted.module(conv, |conv, args| {
                let x = args.tensor(0, "input")?;
                Ok(Value::Tensor(match args.maybe_ints(1, "output_size")? {
                    None => cresset_nn::Layer::forward(conv, x)?,
                    Some(size) => conv.forward_with_size(x, size)?,
                }))
            })?
        }};
    }
    Ok(Some(match name {
        "Conv1d" => conv!(Conv1d),
        "Conv2d" => conv!(Conv2d),
        "Conv3d" => conv!(Conv3d),
        "ConvTranspose1d" => transpose!(ConvTranspose1d),
        "ConvTranspose2d" => transpose!(ConvTranspose2d),
        "ConvTranspose3d" => transpose!(ConvTranspose3d),
        _ => return Ok(None),
    }))
}
