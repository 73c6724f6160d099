//! Calls: convolution and pooling.

use cresset_ops::{
    Apply, Error, Result,
    methods::{
        AdaptivePooling, AvgPoolOptions, ConvOptions, ConvPadding, ConvTransposeOptions, Convolutions,
        MaxPoolOptions, MaxUnpoolOptions, PoolSizes, Pooling, WindowOptions, Windows,
    },
};
use cresset_tensor::Sizes;

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    let functional = name.strip_prefix("nn.functional.");
    Ok(Some(match functional.unwrap_or(name) {
        "conv1d" => x()?.conv1d_with(weight(args)?, bias(args)?, &convolution(args)?)?.into(),
        "conv2d" => x()?.conv2d_with(weight(args)?, bias(args)?, &convolution(args)?)?.into(),
        "conv3d" => x()?.conv3d_with(weight(args)?, bias(args)?, &convolution(args)?)?.into(),
        "conv_transpose1d" => {
            x()?.conv_transpose1d_with(weight(args)?, bias(args)?, &transposed(args)?)?.into()
        }
        "conv_transpose2d" => {
            x()?.conv_transpose2d_with(weight(args)?, bias(args)?, &transposed(args)?)?.into()
        }
        "conv_transpose3d" => {
            x()?.conv_transpose3d_with(weight(args)?, bias(args)?, &transposed(args)?)?.into()
        }
        "max_pool1d" => largest(args, x()?.max_pool1d_with_indices(kernel(args)?, &max_pool(args)?)?)?,
        "max_pool2d" => largest(args, x()?.max_pool2d_with_indices(kernel(args)?, &max_pool(args)?)?)?,
        "max_pool3d" => largest(args, x()?.max_pool3d_with_indices(kernel(args)?, &max_pool(args)?)?)?,
        "max_pool2d_with_indices_backward" => {
            // As PyTorch's sample: the pool's own indices, and ones for a gradient.
            args.get(6, "return_indices");
            let (x, kernel, options) = (x()?, kernel(args)?, max_pool(args)?);
            let (values, indices) = x.max_pool2d_with_indices(kernel.clone(), &options)?;
            let ones = T::formula(&[&values], &[], |x, _| x[0].eq(x[0]).cast_like(x[0]))?;
            x.max_pool2d_with_indices_backward(&ones, kernel, &options, &indices)?.into()
        }
        "avg_pool1d" => x()?.avg_pool1d_with(kernel(args)?, &avg_pool(args)?)?.into(),
        "avg_pool2d" => x()?.avg_pool2d_with(kernel(args)?, &avg_pool(args)?)?.into(),
        "avg_pool3d" => x()?.avg_pool3d_with(kernel(args)?, &avg_pool(args)?)?.into(),
        "lp_pool1d" => x()?
            .lp_pool1d(args.float(1, "norm_type")?, norm_kernel(args)?, stride(args, 3)?, ceil(args)?)?
            .into(),
        "lp_pool2d" => x()?
            .lp_pool2d(args.float(1, "norm_type")?, norm_kernel(args)?, stride(args, 3)?, ceil(args)?)?
            .into(),
        "lp_pool3d" => x()?
            .lp_pool3d(args.float(1, "norm_type")?, norm_kernel(args)?, stride(args, 3)?, ceil(args)?)?
            .into(),
        "max_unpool1d" => {
            x()?.max_unpool1d(args.tensor(1, "indices")?, unpool_kernel(args)?, &unpool(args)?)?.into()
        }
        "max_unpool2d" => {
            x()?.max_unpool2d(args.tensor(1, "indices")?, unpool_kernel(args)?, &unpool(args)?)?.into()
        }
        "max_unpool3d" => {
            x()?.max_unpool3d(args.tensor(1, "indices")?, unpool_kernel(args)?, &unpool(args)?)?.into()
        }
        "adaptive_avg_pool1d" => x()?.adaptive_avg_pool1d(pool_sizes(args)?)?.into(),
        "adaptive_avg_pool2d" => x()?.adaptive_avg_pool2d(pool_sizes(args)?)?.into(),
        "adaptive_avg_pool3d" => x()?.adaptive_avg_pool3d(pool_sizes(args)?)?.into(),
        "adaptive_max_pool1d" => adaptive(args, x()?.adaptive_max_pool1d_with_indices(pool_sizes(args)?)?)?,
        "adaptive_max_pool2d" => adaptive(args, x()?.adaptive_max_pool2d_with_indices(pool_sizes(args)?)?)?,
        "adaptive_max_pool3d" => adaptive(args, x()?.adaptive_max_pool3d_with_indices(pool_sizes(args)?)?)?,
        "unfold" if functional.is_some() => x()?.im2col(kernel(args)?, &windows(args, 2)?)?.into(),
        "fold" => {
            let output: Sizes = args.ints(1, "output_size")?.into();
            let kernel: Sizes = args.ints(2, "kernel_size")?.into();
            x()?.col2im(output, kernel, &windows(args, 3)?)?.into()
        }
        _ => return Ok(None),
    }))
}

fn weight<T: Apply>(args: &Args<T>) -> Result<&T> {
    args.tensor(1, "weight")
}

fn bias<T: Apply>(args: &Args<T>) -> Result<Option<&T>> {
    args.maybe_tensor(2, "bias")
}

/// One number or several, or what they are where nobody says.
fn sizes_or<T: Apply>(args: &Args<T>, place: usize, name: &str, default: i64) -> Result<Sizes> {
    Ok(args.maybe_ints(place, name)?.map_or(default.into(), Sizes::from))
}

fn convolution<T: Apply>(args: &Args<T>) -> Result<ConvOptions> {
    let padding = match args.given(4, "padding") {
        Some(Value::Text(name)) => name.parse()?,
        _ => ConvPadding::Zeros(sizes_or(args, 4, "padding", 0)?),
    };
    Ok(ConvOptions {
        stride: sizes_or(args, 3, "stride", 1)?,
        padding,
        dilation: sizes_or(args, 5, "dilation", 1)?,
        groups: args.int_or(6, "groups", 1)?,
    })
}

fn transposed<T: Apply>(args: &Args<T>) -> Result<ConvTransposeOptions> {
    Ok(ConvTransposeOptions {
        stride: sizes_or(args, 3, "stride", 1)?,
        padding: sizes_or(args, 4, "padding", 0)?,
        output_padding: sizes_or(args, 5, "output_padding", 0)?,
        groups: args.int_or(6, "groups", 1)?,
        dilation: sizes_or(args, 7, "dilation", 1)?,
    })
}

fn kernel<T: Apply>(args: &Args<T>) -> Result<Sizes> {
    Ok(args.ints(1, "kernel_size")?.into())
}

fn stride<T: Apply>(args: &Args<T>, place: usize) -> Result<Option<Sizes>> {
    Ok(args.maybe_ints(place, "stride")?.map(Sizes::from))
}

fn max_pool<T: Apply>(args: &Args<T>) -> Result<MaxPoolOptions> {
    Ok(MaxPoolOptions {
        stride: stride(args, 2)?,
        padding: sizes_or(args, 3, "padding", 0)?,
        dilation: sizes_or(args, 4, "dilation", 1)?,
        ceil_mode: args.bool_or(5, "ceil_mode", false)?,
    })
}

/// The values, and the indices where they are asked for.
fn largest<T: Apply>(args: &Args<T>, (values, indices): (T, T)) -> Result<Value<T>> {
    Ok(if args.bool_or(6, "return_indices", false)? { (values, indices).into() } else { values.into() })
}

fn adaptive<T: Apply>(args: &Args<T>, (values, indices): (T, T)) -> Result<Value<T>> {
    Ok(if args.bool_or(2, "return_indices", false)? { (values, indices).into() } else { values.into() })
}

fn avg_pool<T: Apply>(args: &Args<T>) -> Result<AvgPoolOptions> {
    Ok(AvgPoolOptions {
        stride: stride(args, 2)?,
        padding: sizes_or(args, 3, "padding", 0)?,
        ceil_mode: args.bool_or(4, "ceil_mode", false)?,
        count_include_pad: args.bool_or(5, "count_include_pad", true)?,
        divisor_override: args.maybe_int(6, "divisor_override")?,
    })
}

fn norm_kernel<T: Apply>(args: &Args<T>) -> Result<Sizes> {
    Ok(args.ints(2, "kernel_size")?.into())
}

fn ceil<T: Apply>(args: &Args<T>) -> Result<bool> {
    args.bool_or(4, "ceil_mode", false)
}

fn unpool_kernel<T: Apply>(args: &Args<T>) -> Result<Sizes> {
    Ok(args.ints(2, "kernel_size")?.into())
}

fn unpool<T: Apply>(args: &Args<T>) -> Result<MaxUnpoolOptions> {
    Ok(MaxUnpoolOptions {
        stride: stride(args, 3)?,
        padding: sizes_or(args, 4, "padding", 0)?,
        output_size: args.maybe_ints(5, "output_size")?.map(Sizes::from),
    })
}

/// Sizes of which some may be `None`.
fn pool_sizes<T: Apply>(args: &Args<T>) -> Result<PoolSizes> {
    let Some(Value::List(list)) = args.get(1, "output_size") else {
        return Ok(args.int(1, "output_size")?.into());
    };
    let size = |value: &Value<T>| match value {
        Value::None => Ok(None),
        value => Args::new(vec![value.clone()], Vec::new(), "").int(0, "output_size").map(Some),
    };
    let list = list.iter().map(size).collect::<Result<Vec<Option<i64>>, Error>>()?;
    Ok(list.as_slice().into())
}

/// Dilation, padding and stride, from a place on.
fn windows<T: Apply>(args: &Args<T>, place: usize) -> Result<WindowOptions> {
    Ok(WindowOptions {
        dilation: sizes_or(args, place, "dilation", 1)?,
        padding: sizes_or(args, place + 1, "padding", 0)?,
        stride: sizes_or(args, place + 2, "stride", 1)?,
    })
}
