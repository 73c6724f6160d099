//! Calls: indexing.

use cresset_ops::{Apply, Error, Operand, Result, methods::prelude::*, op::Combine};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    for themes in [parts, masks, picks, writes] {
        if let Some(value) = themes(name, args)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn own<T: Apply>(args: &Args<T>) -> Result<&T> {
    args.tensor(0, "input|self")
}

/// Parts seen as views, and copies in which they are replaced.
fn parts<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || own(args);
    let source = || args.tensor(1, "src");
    let diagonal = |at: usize| {
        let offset = args.int_or(at, "offset", 0)?;
        Ok::<_, Error>((offset, args.int_or(at + 1, "dim1", 0)?, args.int_or(at + 2, "dim2", 1)?))
    };
    let slice = |at: usize| {
        let (dim, step) = (args.int_or(at, "dim", 0)?, args.int_or(at + 3, "step", 1)?);
        let positive = step > 0;
        if !positive {
            // Ours may run backwards, PyTorch's may not.
            return Err(Error::argument("slice", "the step must be positive"));
        }
        Ok((dim, args.maybe_int(at + 1, "start")?, args.maybe_int(at + 2, "end")?, step))
    };
    let strided = |at: usize| {
        let sizes = args.ints(at, "size")?;
        Ok::<_, Error>((sizes, args.ints(at + 1, "stride")?, args.maybe_int(at + 2, "storage_offset")?))
    };
    Ok(Some(Value::Tensor(match name {
        "narrow" => x()?.narrow(args.int(1, "dim")?, start(args)?, args.int(3, "length")?)?,
        "narrow_copy" => {
            x()?.narrow_copy(args.int(1, "dim")?, args.int(2, "start")?, args.int(3, "length")?)?
        }
        "select" => x()?.select(args.int(1, "dim")?, args.int(2, "index")?)?,
        "select_copy" => x()?.select_copy(args.int(1, "dim")?, args.int(2, "index")?)?,
        "select_scatter" => x()?.select_scatter(source()?, args.int(2, "dim")?, args.int(3, "index")?)?,
        "slice" => slice(1).and_then(|(dim, start, end, step)| x()?.slice(dim, start, end, step))?,
        "slice_copy" => {
            slice(1).and_then(|(dim, start, end, step)| x()?.slice_copy(dim, start, end, step))?
        }
        "slice_scatter" => {
            let (dim, start, end, step) = slice(2)?;
            x()?.slice_scatter(source()?, dim, start, end, step)?
        }
        "diagonal" => diagonal(1).and_then(|(offset, dim1, dim2)| x()?.diagonal(offset, dim1, dim2))?,
        "linalg.diagonal" => {
            let (dim1, dim2) = (args.int_or(2, "dim1", -2)?, args.int_or(3, "dim2", -1)?);
            x()?.diagonal(args.int_or(1, "offset", 0)?, dim1, dim2)?
        }
        "diagonal_copy" => {
            diagonal(1).and_then(|(offset, dim1, dim2)| x()?.diagonal_copy(offset, dim1, dim2))?
        }
        "diagonal_scatter" => {
            let (offset, dim1, dim2) = diagonal(2)?;
            x()?.diagonal_scatter(source()?, offset, dim1, dim2)?
        }
        "unfold" => x()?.unfold(args.int(1, "dimension")?, args.int(2, "size")?, args.int(3, "step")?)?,
        "unfold_copy" => {
            x()?.unfold_copy(args.int(1, "dimension")?, args.int(2, "size")?, args.int(3, "step")?)?
        }
        "as_strided" => {
            let (sizes, strides, offset) = strided(1)?;
            x()?.as_strided(sizes, strides, offset)?
        }
        "as_strided_copy" => {
            let (sizes, strides, offset) = strided(1)?;
            x()?.as_strided_copy(sizes, strides, offset)?
        }
        "as_strided_scatter" => {
            let (sizes, strides, offset) = strided(2)?;
            x()?.as_strided_scatter(source()?, sizes, strides, offset)?
        }
        _ => return Ok(None),
    })))
}

/// What is decided by a mask, or by what is not zero.
fn masks<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || own(args);
    let mask = || args.tensor(1, "mask");
    Ok(Some(match name {
        "where" => {
            // The method, of which the tensor is the first choice.
            args.tensor(1, "condition")?.where_cond(x()?, args.operand(2, "other|y")?)?.into()
        }
        "masked_fill" => x()?.masked_fill(mask()?, args.operand(2, "value")?)?.into(),
        "masked_scatter" => x()?.masked_scatter(mask()?, args.tensor(2, "source")?)?.into(),
        "masked_select" => x()?.masked_select(mask()?)?.into(),
        "nonzero" if args.bool_or(1, "as_tuple", false)? => x()?.nonzero_tuple()?.into(),
        "nonzero" => x()?.nonzero()?.into(),
        "nonzero_static" => {
            x()?.nonzero_static(args.int(1, "size")?, args.int_or(2, "fill_value", -1)?)?.into()
        }
        "argwhere" => x()?.argwhere()?.into(),
        "unravel_index" => args.tensor(0, "indices")?.unravel_index(args.ints(1, "shape")?)?.into(),
        "_unsafe_masked_index" => {
            x()?.unsafe_masked_index(mask()?, &indices(args, 2)?, args.operand(3, "fill")?)?.into()
        }
        "_unsafe_masked_index_put_accumulate" => {
            let values = args.tensor(3, "values")?;
            x()?.unsafe_masked_index_put_accumulate(mask()?, &indices(args, 2)?, values)?.into()
        }
        _ => return Ok(None),
    }))
}

/// Where a narrowing starts: an integer, or an array of one without dimensions.
fn start<T: Apply>(args: &Args<T>) -> Result<i64> {
    match args.get(2, "start") {
        Some(Value::Tensor(start)) if !start.dtype().is_int() => {
            Err(Error::argument("narrow", "the start is an integer"))
        }
        _ => args.int(2, "start"),
    }
}

/// A list of tensors, some of which may be missing.
fn indices<T: Apply>(args: &Args<T>, place: usize) -> Result<Vec<Option<&T>>> {
    let Some(Value::List(list)) = args.get(place, "indices") else {
        return Err(Error::argument("call", "indices are a list"));
    };
    list.iter()
        .map(|value| match value {
            Value::Tensor(index) => Ok(Some(index)),
            Value::None => Ok(None),
            other => Err(Error::argument("call", format!("an index is a tensor, not {}", other.kind()))),
        })
        .collect()
}

/// What is read at indices.
fn picks<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || own(args);
    let index = |at: usize| args.tensor(at, "index|indices");
    Ok(Some(Value::Tensor(match name {
        "__getitem__" => x()?.i(brackets(args.get(1, "index"))?)?,
        "index_select" => x()?.index_select(args.int(1, "dim")?, index(2)?)?,
        "gather" => {
            args.bool_or(3, "sparse_grad", false)?;
            x()?.gather(args.int(1, "dim")?, index(2)?)?
        }
        "take" => x()?.take(index(1)?)?,
        "take_along_dim" => x()?.take_along_dim(index(1)?, args.maybe_int(2, "dim")?)?,
        _ => return Ok(None),
    })))
}

/// What stood between the brackets: a tuple where it holds anything but integers.
fn brackets<T: Apply>(value: Option<&Value<T>>) -> Result<Vec<Index<T>>> {
    match value {
        Some(Value::List(list)) if !list.iter().all(|value| matches!(value, Value::Number(_))) => {
            list.iter().map(bracket).collect()
        }
        Some(value) => Ok(vec![bracket(value)?]),
        None => Err(Error::argument("call", "an index is missing")),
    }
}

fn bracket<T: Apply>(value: &Value<T>) -> Result<Index<T>> {
    use cresset_ops::Scalar;
    let refuse = || Error::argument("call", format!("{} is not an index", value.kind()));
    Ok(match value {
        Value::Number(Scalar::Int(place)) => Index::Int(*place),
        Value::Number(Scalar::Bool(truth)) => Index::Bool(*truth),
        Value::Slice([start, end, step]) => {
            let step = step.unwrap_or(1);
            if step <= 0 {
                return Err(Error::argument("slice", "the step must be positive"));
            }
            Index::range(*start, *end, step)
        }
        Value::Ellipsis => Index::Ellipsis,
        Value::None => Index::NewAxis,
        Value::Tensor(index) => Index::Tensor(index.clone()),
        Value::List(list) => {
            let places = list.iter().map(|value| match value {
                Value::Number(Scalar::Int(place)) => Ok(*place),
                _ => Err(refuse()),
            });
            Index::List(places.collect::<Result<_>>()?)
        }
        Value::Number(Scalar::Float(_)) | Value::Text(_) | Value::DType(_) | Value::Dict(_) => {
            return Err(refuse());
        }
    })
}

/// What is written at indices.
fn writes<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || own(args);
    let dim = || args.int(1, "dim");
    let index = || args.tensor(2, "index");
    let source = || args.tensor(3, "src|source");
    Ok(Some(Value::Tensor(match name {
        "scatter" => {
            let source: Operand<'_, T> = args.operand(3, "src|value")?;
            match args.maybe_text(4, "reduce")? {
                None => x()?.scatter(dim()?, index()?, source)?,
                Some("add") => x()?.scatter_combine(dim()?, index()?, source, Combine::Add)?,
                Some("multiply") => x()?.scatter_combine(dim()?, index()?, source, Combine::Mul)?,
                Some(other) => {
                    return Err(Error::argument(
                        "scatter",
                        format!("reduce is add or multiply, not {other}"),
                    ));
                }
            }
        }
        "scatter_add" => x()?.scatter_add(dim()?, index()?, source()?)?,
        "scatter_reduce" => {
            let (reduce, with) = (args.text(4, "reduce")?.parse()?, args.bool_or(5, "include_self", true)?);
            x()?.scatter_reduce(dim()?, index()?, source()?, reduce, with)?
        }
        "index_add" => x()?.index_add(dim()?, index()?, source()?, args.number_or(4, "alpha", 1)?)?,
        "index_copy" => x()?.index_copy(dim()?, index()?, source()?)?,
        "index_fill" => x()?.index_fill(dim()?, index()?, args.operand(3, "value")?)?,
        "index_reduce" => {
            let (reduce, with) = (args.text(4, "reduce")?.parse()?, args.bool_or(5, "include_self", true)?);
            x()?.index_reduce(dim()?, index()?, source()?, reduce, with)?
        }
        "index_put" => {
            let places = indices(args, 1)?.into_iter().map(|index| match index {
                Some(index) => Index::Tensor(index.clone()),
                None => Index::range(None, None, 1),
            });
            let places: Vec<Index<T>> = places.collect();
            x()?.index_put(places, args.tensor(2, "values")?, args.bool_or(3, "accumulate", false)?)?
        }
        "put" => {
            let source = args.tensor(2, "source")?;
            x()?.put(args.tensor(1, "index")?, source, args.bool_or(3, "accumulate", false)?)?
        }
        _ => return Ok(None),
    })))
}
