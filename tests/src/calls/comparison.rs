//! Calls: comparisons, logic, bits, limits.

use cresset_ops::{Apply, Error, Result, prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    // A tensor or a number; and, where the samples take only a tensor, that.
    let other = || args.operand(1, "other");
    let tensor = || args.tensor(1, "other|values|min|max");
    let y: T = match name {
        "allclose" => {
            return Ok(Some(Value::number(x()?.allclose(
                tensor()?,
                args.float_or(2, "rtol", 1e-5)?,
                args.float_or(3, "atol", 1e-8)?,
                args.bool_or(4, "equal_nan", false)?,
            )?)));
        }
        "bitwise_and" => x()?.bitwise_and(other()?)?,
        "bitwise_left_shift" => x()?.bitwise_left_shift(other()?)?,
        "bitwise_not" => x()?.bitwise_not()?,
        "bitwise_or" => x()?.bitwise_or(other()?)?,
        "bitwise_right_shift" => x()?.bitwise_right_shift(other()?)?,
        "bitwise_xor" => x()?.bitwise_xor(other()?)?,
        "clamp" => match (args.maybe_operand(1, "min")?, args.maybe_operand(2, "max")?) {
            (Some(min), Some(max)) => x()?.clamp(min, max)?,
            (Some(min), None) => x()?.clamp_min(min)?,
            (None, Some(max)) => x()?.clamp_max(max)?,
            (None, None) => {
                return Err(Error::argument("clamp", "one of min and max must be given"));
            }
        },
        "clamp_max" => x()?.clamp_max(tensor()?)?,
        "clamp_min" => x()?.clamp_min(tensor()?)?,
        "eq" => x()?.eq(other()?)?,
        "equal" => return Ok(Some(Value::number(x()?.equal(tensor()?)?))),
        "fmax" => x()?.fmax(tensor()?)?,
        "fmin" => x()?.fmin(tensor()?)?,
        "ge" => x()?.ge(other()?)?,
        "gt" => x()?.gt(other()?)?,
        "heaviside" => x()?.heaviside(tensor()?)?,
        "isclose" => x()?.isclose(
            tensor()?,
            args.float_or(2, "rtol", 1e-5)?,
            args.float_or(3, "atol", 1e-8)?,
            args.bool_or(4, "equal_nan", false)?,
        )?,
        "isfinite" => x()?.isfinite()?,
        "isinf" => x()?.isinf()?,
        "isnan" => x()?.isnan()?,
        "isneginf" => x()?.isneginf()?,
        "isposinf" => x()?.isposinf()?,
        "isreal" => x()?.isreal()?,
        "le" => x()?.le(other()?)?,
        "logical_and" => x()?.logical_and(tensor()?)?,
        "logical_not" => x()?.logical_not()?,
        "logical_or" => x()?.logical_or(tensor()?)?,
        "logical_xor" => x()?.logical_xor(tensor()?)?,
        "lt" => x()?.lt(other()?)?,
        "maximum" => x()?.maximum(tensor()?)?,
        "minimum" => x()?.minimum(tensor()?)?,
        "ne" => x()?.ne(other()?)?,
        "signbit" => x()?.signbit()?,
        _ => return Ok(None),
    };
    Ok(Some(y.into()))
}
