//! Calls: activations, softmax and dropout.

use cresset_ops::{Apply, Error, Result, methods::prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    let dim = || args.int(1, "dim");
    let softmax =
        |plain: fn(&T, i64) -> Result<T>, of: fn(&T, i64, cresset_ops::DType) -> Result<T>| match args
            .maybe_dtype(3, "dtype")?
        {
            None => plain(x()?, dim()?),
            Some(dtype) => of(x()?, dim()?, dtype),
        };
    Ok(Some(Value::from(match name.strip_prefix("nn.functional.").unwrap_or(name) {
        "relu" => x()?.relu()?,
        "relu6" => x()?.relu6()?,
        "leaky_relu" => x()?.leaky_relu(args.float_or(1, "negative_slope", 0.01)?)?,
        "elu" => x()?.elu(args.float_or(1, "alpha", 1.0)?)?,
        "celu" => x()?.celu(args.float_or(1, "alpha", 1.0)?)?,
        "selu" => x()?.selu()?,
        "gelu" => match args.text_or(1, "approximate", "none")? {
            "none" => x()?.gelu()?,
            "tanh" => x()?.gelu_tanh()?,
            other => {
                return Err(Error::argument(
                    "gelu",
                    format!("approximate must be none or tanh, not {other}"),
                ));
            }
        },
        "silu" => x()?.silu()?,
        "mish" => x()?.mish()?,
        "softplus" => x()?.softplus(args.float_or(1, "beta", 1.0)?, args.float_or(2, "threshold", 20.0)?)?,
        "softsign" => x()?.softsign()?,
        "tanhshrink" => x()?.tanhshrink()?,
        "softshrink" => x()?.softshrink(args.float_or(1, "lambd", 0.5)?)?,
        "hardshrink" => x()?.hardshrink(args.float_or(1, "lambd", 0.5)?)?,
        "hardtanh" => x()?.hardtanh(args.float_or(1, "min_val", -1.0)?, args.float_or(2, "max_val", 1.0)?)?,
        "hardsigmoid" => x()?.hardsigmoid()?,
        "hardswish" => x()?.hardswish()?,
        "threshold" => x()?.threshold(args.number(1, "threshold")?, args.number(2, "value")?)?,
        "logsigmoid" => x()?.logsigmoid()?,
        "glu" => x()?.glu(args.int_or(1, "dim", -1)?)?,
        "prelu" => x()?.prelu(args.tensor(1, "weight")?)?,
        "rrelu" => {
            let (lower, upper) = (args.float_or(1, "lower", 0.125)?, args.float_or(2, "upper", 1.0 / 3.0)?);
            x()?.rrelu(lower, upper, args.bool_or(3, "training", false)?)?
        }
        "softmax" => softmax(T::softmax, T::softmax_dtype)?,
        "log_softmax" => softmax(T::log_softmax, T::log_softmax_dtype)?,
        "softmin" => softmax(T::softmin, T::softmin_dtype)?,
        "_softmax_backward_data" => {
            let output = args.tensor(1, "output")?;
            args.tensor(0, "grad_output")?.softmax_backward_data(
                output,
                args.int(2, "dim")?,
                args.dtype(3, "input_dtype")?,
            )?
        }
        "native_dropout_backward" => args
            .tensor(0, "grad_output")?
            .native_dropout_backward(args.tensor(1, "mask")?, args.float(2, "scale")?)?,
        _ => return Ok(None),
    })))
}
