//! Calls: resampling and padding.

use cresset_ops::{
    Apply, Error, Result, Scalar, Shape,
    methods::{GridMode, GridPadding, GridSampling, InterpolateOptions, PadMode, Padding, Resampling},
};
use cresset_tensor::Sizes;

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    Ok(Some(Value::Tensor(match name {
        "nn.functional.pad" => {
            let mode = match args.text_or(2, "mode", "constant")?.parse()? {
                PadMode::Constant(_) => PadMode::Constant(args.number_or(3, "value", 0)?),
                mode => {
                    // Means nothing for the other modes.
                    args.get(3, "value");
                    mode
                }
            };
            x()?.pad(args.ints(1, "pad")?, mode)?
        }
        "constant_pad_nd" => {
            let value: Scalar = args.number_or(2, "value", 0)?;
            x()?.constant_pad_nd(args.ints(1, "pad")?, value)?
        }
        "nn.functional.interpolate" | "nn.functional.upsample" => x()?.interpolate(&interpolation(args)?)?,
        "nn.functional.upsample_nearest" => x()?.upsample_nearest(size(args)?, scale(args)?)?,
        "nn.functional.upsample_bilinear" => x()?.upsample_bilinear(size(args)?, scale(args)?)?,
        "nn.functional.grid_sample" => {
            let mode = args.text_or(2, "mode", "bilinear")?.parse()?;
            let padding = args.text_or(3, "padding_mode", "zeros")?.parse()?;
            let align = args.bool_or(4, "align_corners", false)?;
            x()?.grid_sample(args.tensor(1, "grid")?, mode, padding, align)?
        }
        "grid_sampler_2d" | "grid_sampler_3d" | "grid_sampler" => {
            let modes = [GridMode::Bilinear, GridMode::Nearest, GridMode::Bicubic];
            let paddings = [GridPadding::Zeros, GridPadding::Border, GridPadding::Reflection];
            let mode = modes.get(args.size(2, "interpolation_mode")?);
            let padding = paddings.get(args.size(3, "padding_mode")?);
            let (Some(&mode), Some(&padding)) = (mode, padding) else {
                return Err(Error::argument(name.to_owned(), "there is no such mode"));
            };
            x()?.grid_sample(args.tensor(1, "grid")?, mode, padding, args.bool(4, "align_corners")?)?
        }
        "nn.functional.affine_grid" => {
            let size: Shape = args.sizes(1, "size")?.into();
            args.tensor(0, "theta")?.affine_grid(size, args.bool_or(2, "align_corners", false)?)?
        }
        "nn.functional.pixel_shuffle" => x()?.pixel_shuffle(args.int(1, "upscale_factor")?)?,
        "nn.functional.pixel_unshuffle" => x()?.pixel_unshuffle(args.int(1, "downscale_factor")?)?,
        "nn.functional.channel_shuffle" | "channel_shuffle" => {
            x()?.channel_shuffle(args.int(1, "groups")?)?
        }
        _ => return Ok(None),
    })))
}

/// A list must have a number for every dimension; a number alone stands for all of them.
fn check_list<T: Apply>(args: &Args<T>, place: usize, name: &str) -> Result<()> {
    let dims = args.tensor(0, "input")?.rank().saturating_sub(2);
    match args.given(place, name) {
        Some(Value::List(list)) if list.len() != dims => Err(Error::argument(
            "interpolate",
            format!("{name} must have {dims} numbers, not {}", list.len()),
        )),
        _ => Ok(()),
    }
}

fn size<T: Apply>(args: &Args<T>) -> Result<Option<Sizes>> {
    check_list(args, 1, "size")?;
    Ok(args.maybe_ints(1, "size")?.map(Sizes::from))
}

fn scale<T: Apply>(args: &Args<T>) -> Result<Option<Vec<f64>>> {
    check_list(args, 2, "scale_factor")?;
    args.maybe_floats(2, "scale_factor")
}

fn interpolation<T: Apply>(args: &Args<T>) -> Result<InterpolateOptions> {
    Ok(InterpolateOptions {
        size: size(args)?,
        scale_factor: scale(args)?,
        mode: args.text_or(3, "mode", "nearest")?.parse()?,
        align_corners: args.maybe_bool(4, "align_corners")?,
        recompute_scale_factor: args.maybe_bool(5, "recompute_scale_factor")?,
        antialias: args.bool_or(6, "antialias", false)?,
    })
}
