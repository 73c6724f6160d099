//! Calls: tensors made of nothing, and filling.

use cresset_ops::{Apply, Error, Result, Shape, methods::broadcast_shapes, prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    let dtype = || args.maybe_dtype(usize::MAX, "dtype");
    let shape = |place: usize| args.sizes(place, "size").map(Shape::from);
    let y: T = match name {
        "arange" => {
            // One number alone is the end.
            let (start, end) = match (args.len(), args.has("end")) {
                (1, false) => (0.into(), args.number(0, "end")?),
                _ => (args.number(0, "start")?, args.number(1, "end")?),
            };
            T::arange_with(start, end, args.number_or(2, "step", 1)?, dtype()?)?
        }
        "broadcast_shapes" => {
            let shapes = args.rest(0).iter().map(|value| match value {
                Value::Number(number) => {
                    Ok(Shape::from([usize::try_from(number.to_i64()).unwrap_or_default()]))
                }
                Value::List(list) => list
                    .iter()
                    .map(|value| match value {
                        Value::Number(number) => Ok(usize::try_from(number.to_i64()).unwrap_or_default()),
                        _ => Err(Error::argument("broadcast_shapes", "a shape has numbers")),
                    })
                    .collect(),
                _ => Err(Error::argument("broadcast_shapes", "takes shapes")),
            });
            let shapes = shapes.collect::<Result<Vec<Shape>>>()?;
            let common = broadcast_shapes(&shapes)?;
            return Ok(Some(Value::integers(common.iter().map(|&size| size as i64))));
        }
        "eye" => {
            let n = args.size(0, "n")?;
            T::eye_with(n, args.size_or(1, "m", n)?, dtype()?)?
        }
        "fill" => x()?.fill(args.operand(1, "value")?)?,
        "full" => T::full_with(shape(0)?, args.number(1, "fill_value")?, dtype()?)?,
        "full_like" => {
            let dtype = dtype()?.unwrap_or(x()?.dtype());
            T::full_with(x()?.shape(), args.number(1, "fill_value")?, dtype)?
        }
        "linspace" => T::linspace_with(
            args.number(0, "start")?,
            args.number(1, "end")?,
            args.size(2, "steps")?,
            dtype()?,
        )?,
        "logspace" => T::logspace_with(
            args.number(0, "start")?,
            args.number(1, "end")?,
            args.size(2, "steps")?,
            args.float_or(3, "base", 10.0)?,
            dtype()?,
        )?,
        "new_full" => {
            let dtype = dtype()?.unwrap_or(x()?.dtype());
            T::full_with(shape(1)?, args.number(2, "fill_value")?, dtype)?
        }
        "new_ones" => T::ones_with(shape(1)?, dtype()?.unwrap_or(x()?.dtype()))?,
        "new_zeros" => T::zeros_with(shape(1)?, dtype()?.unwrap_or(x()?.dtype()))?,
        "ones" => T::ones_with(args.ints_from(0, "size").and_then(|sizes| sizes_of(&sizes))?, dtype()?)?,
        "ones_like" => T::ones_with(x()?.shape(), dtype()?.unwrap_or(x()?.dtype()))?,
        "scalar_tensor" => T::scalar_tensor(args.number(0, "s")?, dtype()?)?,
        "tril_indices" => T::tril_indices(
            args.size(0, "row")?,
            args.size(1, "col")?,
            args.int_or(2, "offset", 0)?,
            dtype()?,
        )?,
        "triu_indices" => T::triu_indices(
            args.size(0, "row")?,
            args.size(1, "col")?,
            args.int_or(2, "offset", 0)?,
            dtype()?,
        )?,
        // What is written to must not be the tensor whose gradient is asked for.
        "zero_" => {
            let copy = x()?.copy()?;
            copy.zero_()?;
            copy
        }
        "zeros" => T::zeros_with(args.ints_from(0, "size").and_then(|sizes| sizes_of(&sizes))?, dtype()?)?,
        "zeros_like" => T::zeros_with(x()?.shape(), dtype()?.unwrap_or(x()?.dtype()))?,
        _ => return Ok(None),
    };
    Ok(Some(y.into()))
}

fn sizes_of(sizes: &[i64]) -> Result<Shape> {
    let size = |size: &i64| {
        usize::try_from(*size)
            .map_err(|_| Error::shape("zeros", format!("a size must not be negative: {size}")))
    };
    sizes.iter().map(size).collect()
}
