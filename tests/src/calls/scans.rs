//! Calls: running totals, integrals and differences.

use cresset_ops::{Apply, Axes, Error, Result, Scalar, methods::prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|y");
    let dim = || args.int(1, "dim");
    // In the dtype asked for.
    let cast = || args.maybe_dtype(usize::MAX, "dtype")?.map_or_else(|| x().cloned(), |to| x()?.to_dtype(to));
    let back =
        |y: T| args.maybe_dtype(usize::MAX, "dtype")?.map_or_else(|| Ok(y.clone()), |to| y.to_dtype(to));
    Ok(Some(match name {
        "cumsum" => back(cast()?.cumsum(dim()?)?)?.into(),
        "cumprod" => back(cast()?.cumprod(dim()?)?)?.into(),
        "logcumsumexp" => x()?.logcumsumexp(dim()?)?.into(),
        "cummax" => x()?.cummax(dim()?)?.into(),
        "cummin" => x()?.cummin(dim()?)?.into(),
        "trapezoid" | "trapz" | "cumulative_trapezoid" => {
            let spacing = match args.maybe_tensor(1, "x")? {
                Some(points) => Spacing::Points(points),
                None => Spacing::Step(args.float_or(usize::MAX, "dx", 1.0)?),
            };
            let dim = args.int_or(usize::MAX, "dim", -1)?;
            match name {
                "trapezoid" => x()?.trapezoid(spacing, dim)?.into(),
                "trapz" => x()?.trapz(spacing, dim)?.into(),
                _ => x()?.cumulative_trapezoid(spacing, dim)?.into(),
            }
        }
        "diff" => {
            let options = DiffOptions {
                n: args.int_or(1, "n", 1)?,
                dim: args.int_or(2, "dim", -1)?,
                prepend: args.maybe_tensor(3, "prepend")?,
                append: args.maybe_tensor(4, "append")?,
            };
            x()?.diff_with(options)?.into()
        }
        "gradient" => {
            let dims = args.maybe_ints(usize::MAX, "dim")?.map_or(Axes::All, Axes::from);
            let edge_order = args.size_or(usize::MAX, "edge_order", 1)?;
            let list: Vec<Spacing<'_, T>>;
            let spacing = match args.named("spacing") {
                None => Spacings::Same(1.0),
                Some(Value::Number(step)) => Spacings::Same(step.to_f64()),
                Some(Value::List(values)) => {
                    let spacing = |value| match value {
                        &Value::Number(step) => Ok(Spacing::Step(Scalar::to_f64(step))),
                        Value::Tensor(points) => Ok(Spacing::Points(points)),
                        _ => Err(Error::argument("gradient", "a spacing is a number or a tensor")),
                    };
                    list = values.iter().map(spacing).collect::<Result<_>>()?;
                    Spacings::Each(&list)
                }
                Some(_) => return Err(Error::argument("gradient", "a spacing is a number or a list")),
            };
            x()?.gradient_with(spacing, dims, edge_order)?.into()
        }
        _ => return Ok(None),
    }))
}
