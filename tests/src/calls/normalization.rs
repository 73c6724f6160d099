//! Calls: normalisation.

use cresset_ops::{
    Apply, Array, DType, Result,
    methods::{BatchNormOptions, prelude::*},
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input");
    let weight = || args.maybe_tensor(2, "weight");
    let bias = || args.maybe_tensor(3, "bias");
    Ok(Some(match name {
        "nn.functional.layer_norm" => x()?
            .layer_norm(
                args.sizes(1, "normalized_shape")?,
                weight()?,
                bias()?,
                args.float_or(4, "eps", 1e-5)?,
            )?
            .into(),
        "native_layer_norm" => x()?
            .native_layer_norm(args.sizes(1, "normalized_shape")?, weight()?, bias()?, args.float(4, "eps")?)?
            .into(),
        "nn.functional.rms_norm" => {
            x()?.rms_norm(args.sizes(1, "normalized_shape")?, weight()?, args.maybe_float(3, "eps")?)?.into()
        }
        "nn.functional.group_norm" => x()?
            .group_norm(args.size(1, "num_groups")?, weight()?, bias()?, args.float_or(4, "eps", 1e-5)?)?
            .into(),
        "native_group_norm" => x()?
            .native_group_norm(
                args.maybe_tensor(1, "weight")?,
                args.maybe_tensor(2, "bias")?,
                args.size(3, "N")?,
                args.size(4, "C")?,
                args.size(5, "HxW")?,
                args.size(6, "group")?,
                args.float(7, "eps")?,
            )?
            .into(),
        "nn.functional.batch_norm" => x()?.batch_norm(options(args, "training", false)?)?.into(),
        "nn.functional.instance_norm" => x()?.instance_norm(options(args, "use_input_stats", true)?)?.into(),
        // One of its forms leaves the running statistics out.
        "_native_batch_norm_legit" if args.len() == 6 => {
            let options = BatchNormOptions {
                weight: args.maybe_tensor(1, "weight")?,
                bias: args.maybe_tensor(2, "bias")?,
                training: args.bool(3, "training")?,
                momentum: args.float(4, "momentum")?,
                eps: args.float(5, "eps")?,
                ..BatchNormOptions::default()
            };
            x()?.native_batch_norm(options)?.into()
        }
        "native_batch_norm" | "_native_batch_norm_legit" => {
            x()?.native_batch_norm(native_options(args, args.bool(5, "training")?, 6)?)?.into()
        }
        "_batch_norm_with_update" => {
            let (y, mean, scale) = x()?.native_batch_norm(native_options(args, true, 5)?)?;
            let reserve = T::constant(Array::filled("reserve", 0.into(), DType::U8, 0)?);
            (y, mean, scale, reserve).into()
        }
        "nn.functional.local_response_norm" => x()?
            .local_response_norm(
                args.size(1, "size")?,
                args.float_or(2, "alpha", 1e-4)?,
                args.float_or(3, "beta", 0.75)?,
                args.float_or(4, "k", 1.0)?,
            )?
            .into(),
        "nn.functional.normalize" => {
            let (p, eps) = (args.float_or(1, "p", 2.0)?, args.float_or(3, "eps", 1e-12)?);
            match args.maybe_ints(2, "dim")? {
                None => x()?.normalize(p, 1, eps)?.into(),
                Some(dims) => x()?.normalize(p, dims, eps)?.into(),
            }
        }
        _ => return Ok(None),
    }))
}

/// In the order of `nn.functional`.
fn options<'a, T: Apply>(
    args: &'a Args<T>,
    training: &str,
    default: bool,
) -> Result<BatchNormOptions<'a, T>> {
    Ok(BatchNormOptions {
        running_mean: args.maybe_tensor(1, "running_mean")?,
        running_var: args.maybe_tensor(2, "running_var")?,
        weight: args.maybe_tensor(3, "weight")?,
        bias: args.maybe_tensor(4, "bias")?,
        training: args.bool_or(5, training, default)?,
        momentum: args.float_or(6, "momentum", 0.1)?,
        eps: args.float_or(7, "eps", 1e-5)?,
    })
}

/// In the order of the native functions.
fn native_options<T: Apply>(args: &Args<T>, training: bool, next: usize) -> Result<BatchNormOptions<'_, T>> {
    Ok(BatchNormOptions {
        running_mean: args.maybe_tensor(3, "running_mean")?,
        running_var: args.maybe_tensor(4, "running_var")?,
        weight: args.maybe_tensor(1, "weight")?,
        bias: args.maybe_tensor(2, "bias")?,
        training,
        momentum: args.float(next, "momentum")?,
        eps: args.float(next + 1, "eps")?,
    })
}
