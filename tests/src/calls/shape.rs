//! Calls: shapes and views.

use cresset_ops::{
    Apply, Axes, Error, Result,
    methods::{broadcast_shapes, prelude::*},
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    if name == "broadcast_shapes" {
        return shapes(args).map(Some);
    }
    if let Some(value) = lists(name, args)? {
        return Ok(Some(value));
    }
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    let x = args.tensor(0, "input|self")?;
    Ok(Some(Value::Tensor(match name {
        "view" => x.view(args.ints_from(1, "shape|size")?)?,
        "view_copy" => x.view_copy(args.ints_from(1, "shape|size")?)?,
        "view_as" => x.view_as(args.tensor(1, "other")?)?,
        "reshape" | "_reshape_alias" => x.reshape(args.ints_from(1, "shape|size")?)?,
        "reshape_as" => x.reshape_as(args.tensor(1, "other")?)?,
        "alias_copy" => x.alias_copy()?,
        "flatten" => x.flatten_dims(args.int_or(1, "start_dim", 0)?, args.int_or(2, "end_dim", -1)?)?,
        "unflatten" => x.unflatten(args.int(1, "dim")?, args.ints(2, "sizes|size")?)?,
        "ravel" => x.ravel()?,
        "squeeze" => x.squeeze(dims(args)?)?,
        "squeeze_copy" => x.squeeze_copy(dims(args)?)?,
        "unsqueeze" => x.unsqueeze(args.int(1, "dim")?)?,
        "unsqueeze_copy" => x.unsqueeze_copy(args.int(1, "dim")?)?,
        "expand" => x.expand(args.ints_from(1, "size")?)?,
        "expand_copy" => x.expand_copy(args.ints_from(1, "size")?)?,
        "expand_as" => x.expand_as(args.tensor(1, "other")?)?,
        "broadcast_to" => x.broadcast_to(args.sizes(1, "size|shape")?)?,
        "contiguous" => x.contiguous()?,
        "clone" => x.copy()?,
        "permute" => x.permute(args.ints_from(1, "dims")?)?,
        "permute_copy" => x.permute_copy(args.ints_from(1, "dims")?)?,
        "transpose" => x.transpose(args.int(1, "dim0")?, args.int(2, "dim1")?)?,
        "transpose_copy" => x.transpose_copy(args.int(1, "dim0")?, args.int(2, "dim1")?)?,
        "swapaxes" => x.swapaxes(args.int(1, "axis0")?, args.int(2, "axis1")?)?,
        "swapdims" => x.swapdims(args.int(1, "dim0")?, args.int(2, "dim1")?)?,
        "t" => x.t()?,
        "t_copy" => x.t_copy()?,
        "T" => x.T()?,
        "H" => x.H()?,
        "mT" => x.mT()?,
        "mH" => x.mH()?,
        "adjoint" => x.adjoint()?,
        "movedim" => x.movedim(args.ints(1, "source")?, args.ints(2, "destination")?)?,
        "moveaxis" => x.moveaxis(args.ints(1, "source")?, args.ints(2, "destination")?)?,
        "flip" => x.flip(args.ints_from(1, "dims")?)?,
        "fliplr" => x.fliplr()?,
        "flipud" => x.flipud()?,
        "rot90" => {
            let plane = args.maybe_ints(2, "dims")?.unwrap_or(vec![0, 1]);
            x.rot90(args.int_or(1, "k", 1)?, plane)?
        }
        "roll" => {
            let dims = args.maybe_ints(2, "dims")?.unwrap_or_default();
            x.roll(args.ints(1, "shifts")?, dims)?
        }
        "diag" => x.diag(args.int_or(1, "diagonal", 0)?)?,
        "diagflat" => x.diagflat(args.int_or(1, "offset", 0)?)?,
        "diag_embed" => x.diag_embed(
            args.int_or(1, "offset", 0)?,
            args.int_or(2, "dim1", -2)?,
            args.int_or(3, "dim2", -1)?,
        )?,
        "tril" => x.tril(args.int_or(1, "diagonal", 0)?)?,
        "triu" => x.triu(args.int_or(1, "diagonal", 0)?)?,
        other => return Err(Error::argument("call", format!("{other} is listed, but not called"))),
    })))
}

/// Names that take a tensor and give one.
const NAMES: &[&str] = &[
    "view",
    "view_copy",
    "view_as",
    "reshape",
    "_reshape_alias",
    "reshape_as",
    "alias_copy",
    "flatten",
    "unflatten",
    "ravel",
    "squeeze",
    "squeeze_copy",
    "unsqueeze",
    "unsqueeze_copy",
    "expand",
    "expand_copy",
    "expand_as",
    "broadcast_to",
    "contiguous",
    "clone",
    "permute",
    "permute_copy",
    "transpose",
    "transpose_copy",
    "swapaxes",
    "swapdims",
    "t",
    "t_copy",
    "T",
    "H",
    "mT",
    "mH",
    "adjoint",
    "movedim",
    "moveaxis",
    "flip",
    "fliplr",
    "flipud",
    "rot90",
    "roll",
    "diag",
    "diagflat",
    "diag_embed",
    "tril",
    "triu",
];

fn dims<T: Apply>(args: &Args<T>) -> Result<Axes> {
    Ok(args.maybe_ints(1, "dim")?.map_or(Axes::All, |dims| Axes::List(dims.into())))
}

/// Functions of several tensors, or of one that may be several.
fn lists<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    Ok(Some(match name {
        "broadcast_tensors" => T::broadcast_tensors(&args.tensors_from(0, "tensors")?)?.into(),
        "atleast_1d" => each(args, T::atleast_1d)?,
        "atleast_2d" => each(args, T::atleast_2d)?,
        "atleast_3d" => each(args, T::atleast_3d)?,
        _ => return Ok(None),
    }))
}

fn each<T: Apply>(args: &Args<T>, f: impl Fn(&T) -> Result<T>) -> Result<Value<T>> {
    match args.rest(0) {
        [Value::Tensor(x)] => Ok(f(x)?.into()),
        _ => {
            Ok(Value::list(args.tensors_from(0, "tensors")?.into_iter().map(f).collect::<Result<Vec<T>>>()?))
        }
    }
}

fn shapes<T: Apply>(args: &Args<T>) -> Result<Value<T>> {
    let shapes = (0..args.len()).map(|i| Ok(args.sizes(i, "shapes")?.into()));
    let shapes: Vec<cresset_ops::Shape> = shapes.collect::<Result<_>>()?;
    Ok(Value::integers(broadcast_shapes(&shapes)?.iter().map(|&size| size as i64)))
}
