//! Calls: arithmetic of two, and of three.

use cresset_ops::{Apply, Error, Result, prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    // A tensor or a number; and, where Python takes only a tensor, that.
    let other = || args.operand(1, "other|exponent|value");
    let tensor = || args.tensor(1, "other");
    // The other on the left: `other ⊕ x`.
    let left = || other()?.value(x()?.dtype());
    let y: T = match name {
        "__radd__" => left()?.add(x()?)?,
        "__rand__" => left()?.bitwise_and(x()?)?,
        "__rdiv__" => x()?.rdiv(other()?)?,
        "__rmod__" => left()?.remainder(x()?)?,
        "__rmul__" => left()?.mul(x()?)?,
        "__ror__" => left()?.bitwise_or(x()?)?,
        "__rpow__" => x()?.rpow(other()?)?,
        "__rsub__" => x()?.rsub(other()?)?,
        "__rxor__" => left()?.bitwise_xor(x()?)?,
        "add" => match args.maybe_number(2, "alpha")? {
            Some(alpha) => x()?.add_alpha(other()?, alpha)?,
            None => x()?.add(other()?)?,
        },
        "addcdiv" => x()?.addcdiv(
            args.tensor(1, "tensor1")?,
            args.tensor(2, "tensor2")?,
            args.number_or(usize::MAX, "value", 1)?,
        )?,
        "addcmul" => x()?.addcmul(
            args.tensor(1, "tensor1")?,
            args.tensor(2, "tensor2")?,
            args.number_or(usize::MAX, "value", 1)?,
        )?,
        "atan2" => x()?.atan2(tensor()?)?,
        "copysign" => x()?.copysign(other()?)?,
        "div" => match args.maybe_text(usize::MAX, "rounding_mode")? {
            None => x()?.div(other()?)?,
            Some("floor") => x()?.floor_divide(other()?)?,
            Some("trunc") => x()?.trunc_divide(other()?)?,
            Some(mode) => {
                return Err(Error::argument("div", format!("there is no rounding mode '{mode}'")));
            }
        },
        "float_power" => x()?.float_power(other()?)?,
        "floor_divide" => x()?.floor_divide(other()?)?,
        "fmod" => x()?.fmod(other()?)?,
        "gcd" => x()?.gcd(tensor()?)?,
        "hypot" => x()?.hypot(tensor()?)?,
        "igamma" => x()?.igamma(tensor()?)?,
        "igammac" => x()?.igammac(tensor()?)?,
        "lcm" => x()?.lcm(tensor()?)?,
        "ldexp" => x()?.ldexp(tensor()?)?,
        "lerp" => x()?.lerp(args.tensor(1, "end")?, args.operand(2, "weight")?)?,
        "logaddexp" => x()?.logaddexp(tensor()?)?,
        "logaddexp2" => x()?.logaddexp2(tensor()?)?,
        "mul" => x()?.mul(other()?)?,
        "nextafter" => x()?.nextafter(tensor()?)?,
        "pow" => x()?.pow(other()?)?,
        "remainder" => x()?.remainder(other()?)?,
        "rsub" => match args.maybe_number(2, "alpha")? {
            Some(alpha) => x()?.rsub_alpha(other()?, alpha)?,
            None => x()?.rsub(other()?)?,
        },
        "sub" => match args.maybe_number(2, "alpha")? {
            Some(alpha) => x()?.sub_alpha(other()?, alpha)?,
            None => x()?.sub(other()?)?,
        },
        "true_divide" => x()?.true_divide(other()?)?,
        "xlogy" => x()?.xlogy(other()?)?,
        _ => return Ok(None),
    };
    Ok(Some(y.into()))
}
