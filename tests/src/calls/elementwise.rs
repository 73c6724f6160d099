//! Calls: functions of one number, and other dtypes.

use cresset_ops::{Apply, DType, Error, Result, prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self|x");
    let y: T = match name {
        "abs" => x()?.abs()?,
        "acos" => x()?.acos()?,
        "acosh" => x()?.acosh()?,
        "angle" => x()?.angle()?,
        "asin" => x()?.asin()?,
        "asinh" => x()?.asinh()?,
        "atan" => x()?.atan()?,
        "atanh" => x()?.atanh()?,
        "bfloat16" => x()?.bfloat16()?,
        "bool" => x()?.bool()?,
        "byte" => x()?.byte()?,
        "ceil" => x()?.ceil()?,
        "char" => x()?.char()?,
        "complex" | "polar" => {
            x()?;
            return Err(Error::dtype(name.to_owned(), "there are no complex numbers"));
        }
        "conj" => x()?.conj()?,
        "conj_physical" => x()?.conj_physical()?,
        "cos" => x()?.cos()?,
        "cosh" => x()?.cosh()?,
        "deg2rad" => x()?.deg2rad()?,
        "digamma" => x()?.digamma()?,
        "double" => x()?.double()?,
        "erf" => x()?.erf()?,
        "erfc" => x()?.erfc()?,
        "erfinv" => x()?.erfinv()?,
        "exp" => x()?.exp()?,
        "exp2" => x()?.exp2()?,
        "expm1" => x()?.expm1()?,
        "float" => x()?.float()?,
        "floor" => x()?.floor()?,
        "frac" => x()?.frac()?,
        "frexp" => return Ok(Some(x()?.frexp()?.into())),
        "half" => x()?.half()?,
        "i0" => x()?.i0()?,
        "int" => x()?.int()?,
        "item" => return Ok(Some(Value::Number(x()?.item_scalar()?))),
        "lgamma" => x()?.lgamma()?,
        "log" => x()?.log()?,
        "log10" => x()?.log10()?,
        "log1p" => x()?.log1p()?,
        "log2" => x()?.log2()?,
        "logit" => x()?.logit(args.maybe_float(1, "eps")?)?,
        "long" => x()?.long()?,
        "mvlgamma" => x()?.mvlgamma(args.int(1, "p")?)?,
        "nan_to_num" => x()?.nan_to_num(
            args.maybe_float(1, "nan")?,
            args.maybe_float(2, "posinf")?,
            args.maybe_float(3, "neginf")?,
        )?,
        "neg" => x()?.neg()?,
        "polygamma" => x()?.polygamma(args.int(1, "n")?)?,
        "positive" => x()?.positive()?,
        "rad2deg" => x()?.rad2deg()?,
        "real" => x()?.real()?,
        "reciprocal" => x()?.reciprocal()?,
        "round" => match args.named("decimals") {
            Some(_) => x()?.round_decimals(args.int(usize::MAX, "decimals")?)?,
            None => x()?.round()?,
        },
        "rsqrt" => x()?.rsqrt()?,
        "sgn" => x()?.sgn()?,
        "short" => x()?.short()?,
        "sigmoid" => x()?.sigmoid()?,
        "sign" => x()?.sign()?,
        "sin" => x()?.sin()?,
        "sinc" => x()?.sinc()?,
        "sinh" => x()?.sinh()?,
        "sqrt" => x()?.sqrt()?,
        "square" => x()?.square()?,
        "tan" => x()?.tan()?,
        "tanh" => x()?.tanh()?,
        "to" => x()?.to_dtype(target(args)?)?,
        "trunc" => x()?.trunc()?,
        _ => return Ok(None),
    };
    Ok(Some(y.into()))
}

/// The dtype that `to` is asked for: said, that of another tensor, or after a device. Whether to copy does not show.
fn target<T: Apply>(args: &Args<T>) -> Result<DType> {
    let asked = args.rest(1).iter().find_map(|value| match value {
        Value::DType(dtype) => Some(*dtype),
        Value::Tensor(tensor) => Some(tensor.dtype()),
        _ => None,
    });
    match asked {
        Some(dtype) => Ok(dtype),
        None => Ok(args.maybe_dtype(usize::MAX, "dtype")?.unwrap_or(args.tensor(0, "input")?.dtype())),
    }
}
