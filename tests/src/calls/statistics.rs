//! Calls: statistics.

use cresset_ops::{Apply, Result, Scalar, methods::prelude::*};

use super::reduction::dims;
use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input");
    Ok(Some(match name {
        "std" | "var" | "std_mean" | "var_mean" => {
            // Either (unbiased), or (dim, unbiased, keepdim), or (dim, correction=, keepdim=).
            let all = matches!(args.get(1, "dim"), Some(Value::Number(Scalar::Bool(_))));
            let dims = if all { (..).into() } else { dims(args, 1)? };
            let unbiased =
                if all { args.maybe_bool(1, "unbiased")? } else { args.maybe_bool(2, "unbiased")? };
            let correction = args.number_or(usize::MAX, "correction", 1)?;
            let correction = unbiased.map_or(correction, |unbiased| i64::from(unbiased).into());
            let keepdim = args.bool_or(3, "keepdim", false)?;
            match name {
                "std" => x()?.std_dim(dims, correction, keepdim)?.into(),
                "var" => x()?.var_dim(dims, correction, keepdim)?.into(),
                "std_mean" => x()?.std_mean(dims, correction, keepdim)?.into(),
                _ => x()?.var_mean(dims, correction, keepdim)?.into(),
            }
        }
        "cov" => {
            let options = CovOptions {
                correction: args.int_or(usize::MAX, "correction", 1)?,
                fweights: args.maybe_tensor(usize::MAX, "fweights")?,
                aweights: args.maybe_tensor(usize::MAX, "aweights")?,
            };
            x()?.cov_with(options)?.into()
        }
        "corrcoef" => x()?.corrcoef()?.into(),
        _ => return Ok(None),
    }))
}
