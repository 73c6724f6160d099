//! Calls: reductions and norms.

use cresset_ops::{Apply, Axes, Error, Result, methods::prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

/// `dim`, of which nothing and an empty list name all dimensions.
pub(super) fn dims<T: Apply>(args: &Args<T>, place: usize) -> Result<Axes> {
    let list = args.maybe_ints(place, "dim|axis")?.filter(|list| !list.is_empty());
    Ok(list.map_or(Axes::All, Axes::from))
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input");
    let keepdim = |place| args.bool_or(place, "keepdim", false);
    // In the dtype asked for.
    let cast = || args.maybe_dtype(usize::MAX, "dtype")?.map_or_else(|| x().cloned(), |to| x()?.to_dtype(to));
    let back =
        |y: T| args.maybe_dtype(usize::MAX, "dtype")?.map_or_else(|| Ok(y.clone()), |to| y.to_dtype(to));
    let both = |(a, b): (T, T)| Value::from((a, b));
    Ok(Some(match name {
        "sum" => back(cast()?.sum_dim(dims(args, 1)?, keepdim(2)?)?)?.into(),
        "nansum" => back(cast()?.nansum_dim(dims(args, 1)?, keepdim(2)?)?)?.into(),
        "mean" => back(cast()?.mean_dim(dims(args, 1)?, keepdim(2)?)?)?.into(),
        "nanmean" => back(cast()?.nanmean_dim(dims(args, 1)?, keepdim(2)?)?)?.into(),
        "prod" => back(match args.maybe_int(1, "dim")? {
            Some(dim) => cast()?.prod_dim(dim, keepdim(2)?)?,
            None => cast()?.prod()?,
        })?
        .into(),
        "sum_to_size" => {
            let sizes = args.ints_from(1, "size")?;
            let sizes = sizes.iter().map(|&size| usize::try_from(size));
            let sizes: Vec<usize> = sizes
                .collect::<Result<_, _>>()
                .map_err(|_| Error::shape("sum_to_size", "sizes must not be negative"))?;
            x()?.sum_to_size(sizes)?.into()
        }
        "max" | "min" => match args.get(1, "dim|other") {
            Some(Value::Tensor(other)) if name == "max" => x()?.maximum(other)?.into(),
            Some(Value::Tensor(other)) => x()?.minimum(other)?.into(),
            Some(_) if name == "max" => both(x()?.max_dim(args.int(1, "dim")?, keepdim(2)?)?),
            Some(_) => both(x()?.min_dim(args.int(1, "dim")?, keepdim(2)?)?),
            None if name == "max" => x()?.max()?.into(),
            None => x()?.min()?.into(),
        },
        "amax" => x()?.amax(dims(args, 1)?, keepdim(2)?)?.into(),
        "amin" => x()?.amin(dims(args, 1)?, keepdim(2)?)?.into(),
        "aminmax" => match args.maybe_int(usize::MAX, "dim")? {
            Some(dim) => both(x()?.aminmax_dim(dim, keepdim(usize::MAX)?)?),
            None => both(x()?.aminmax()?),
        },
        "argmax" => match args.maybe_int(1, "dim")? {
            Some(dim) => x()?.argmax_dim(dim, keepdim(2)?)?.into(),
            None => x()?.argmax()?.into(),
        },
        "argmin" => match args.maybe_int(1, "dim")? {
            Some(dim) => x()?.argmin_dim(dim, keepdim(2)?)?.into(),
            None => x()?.argmin()?.into(),
        },
        // Here an empty list names no dimension.
        "any" | "all" => {
            let dims = args.maybe_ints(1, "dim")?.map_or(Axes::All, Axes::from);
            let keepdim = keepdim(2)?;
            if name == "any" {
                x()?.any_dim(dims, keepdim)?.into()
            } else {
                x()?.all_dim(dims, keepdim)?.into()
            }
        }
        "count_nonzero" => x()?.count_nonzero_dim(dims(args, 1)?)?.into(),
        "logsumexp" => x()?.logsumexp(args.ints(1, "dim")?, keepdim(2)?)?.into(),
        "norm" => {
            let p = match args.given(1, "p") {
                None => 2.0,
                Some(Value::Text(text)) if text == "fro" => 2.0,
                Some(Value::Text(text)) if text == "nuc" => {
                    let dims = args.maybe_ints(2, "dim")?.unwrap_or_else(|| vec![0, 1]);
                    let &[rows, columns] = &dims[..] else {
                        return Err(Error::argument("norm", "the nuclear norm is of two dimensions"));
                    };
                    return Ok(Some(x()?.nuclear_norm(rows, columns, keepdim(3)?)?.into()));
                }
                Some(Value::Text(text)) => {
                    return Err(Error::argument("norm", format!("there is no norm '{text}'")));
                }
                Some(_) => args.float(1, "p")?,
            };
            back(cast()?.norm_dim(p, dims(args, 2)?, keepdim(3)?)?)?.into()
        }
        "dist" => x()?.dist(args.operand(1, "other")?, args.float_or(2, "p", 2.0)?)?.into(),
        "renorm" => {
            let (p, dim, maxnorm) = (args.float(1, "p")?, args.int(2, "dim")?, args.float(3, "maxnorm")?);
            x()?.renorm(p, dim, maxnorm)?.into()
        }
        "trace" => x()?.trace()?.into(),
        _ => return Ok(None),
    }))
}
