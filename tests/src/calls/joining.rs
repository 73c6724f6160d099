//! Calls: joining and splitting.

use cresset_ops::{
    Apply, Error, Result,
    methods::{Sections, prelude::*},
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let tensors = || args.tensors(0, "tensors");
    let x = || args.tensor(0, "input|self");
    Ok(Some(match name {
        "cat" | "concat" | "concatenate" => T::cat(&tensors()?, args.int_or(1, "dim|axis", 0)?)?.into(),
        "stack" => T::stack(&tensors()?, args.int_or(1, "dim", 0)?)?.into(),
        "hstack" => T::hstack(&tensors()?)?.into(),
        "vstack" | "row_stack" => T::vstack(&tensors()?)?.into(),
        "dstack" => T::dstack(&tensors()?)?.into(),
        "column_stack" => T::column_stack(&tensors()?)?.into(),
        "block_diag" => T::block_diag(&args.tensors_from(0, "tensors")?)?.into(),
        "meshgrid" => {
            let indexing = args.named("indexing");
            let indexing = match indexing {
                Some(Value::Text(text)) => text.as_str(),
                Some(_) => return Err(Error::argument("call", "indexing must be a string")),
                None => "ij",
            };
            T::meshgrid(&args.tensors_from(0, "tensors")?, indexing)?.into()
        }
        "cartesian_prod" => T::cartesian_prod(&args.tensors_from(0, "tensors")?)?.into(),
        "combinations" => {
            x()?.combinations(args.int_or(1, "r", 2)?, args.bool_or(2, "with_replacement", false)?)?.into()
        }
        "repeat" => x()?.repeat(args.ints_from(1, "repeats")?)?.into(),
        "tile" => x()?.tile(args.ints_from(1, "dims")?)?.into(),
        "repeat_interleave" => repeat_interleave(args)?.into(),
        "split" => x()?.split(sections(args, "split_size_or_sections|split_size")?, dim(args)?)?.into(),
        "split_copy" => x()?.split_copy(sections(args, "split_size")?, dim(args)?)?.into(),
        "unsafe_split" => x()?.unsafe_split(args.int(1, "split_size")?, dim(args)?)?.into(),
        "split_with_sizes" => x()?.split_with_sizes(args.ints(1, "split_sizes")?, dim(args)?)?.into(),
        "split_with_sizes_copy" => {
            x()?.split_with_sizes_copy(args.ints(1, "split_sizes")?, dim(args)?)?.into()
        }
        "unsafe_split_with_sizes" => {
            x()?.unsafe_split_with_sizes(args.ints(1, "split_sizes")?, dim(args)?)?.into()
        }
        "chunk" => x()?.chunk(args.int(1, "chunks")?, dim(args)?)?.into(),
        "unsafe_chunk" => x()?.unsafe_chunk(args.int(1, "chunks")?, dim(args)?)?.into(),
        "tensor_split" => {
            let name = "indices_or_sections|sections|indices|tensor_indices_or_sections";
            x()?.tensor_split(sections(args, name)?, dim(args)?)?.into()
        }
        "hsplit" => x()?.hsplit(sections(args, "indices_or_sections|sections|indices")?)?.into(),
        "vsplit" => x()?.vsplit(sections(args, "indices_or_sections|sections|indices")?)?.into(),
        "dsplit" => x()?.dsplit(sections(args, "indices_or_sections|sections|indices")?)?.into(),
        "unbind" => x()?.unbind(args.int_or(1, "dim", 0)?)?.into(),
        "unbind_copy" => x()?.unbind_copy(args.int_or(1, "dim", 0)?)?.into(),
        _ => return Ok(None),
    }))
}

fn dim<T: Apply>(args: &Args<T>) -> Result<i64> {
    args.int_or(2, "dim", 0)
}

fn sections<T: Apply>(args: &Args<T>, name: &str) -> Result<Sections> {
    match args.get(1, name) {
        Some(Value::Tensor(sections)) => Sections::try_from(sections.array()),
        Some(Value::List(_)) => Ok(args.ints(1, name)?.into()),
        _ => Ok(args.int(1, name)?.into()),
    }
}

fn repeat_interleave<T: Apply>(args: &Args<T>) -> Result<T> {
    let x = args.tensor(0, "input|self")?;
    // How long the result is follows from the repeats.
    let length = args.maybe_size(3, "output_size")?;
    let dim = args.maybe_int(2, "dim")?;
    let result = match args.given(1, "repeats") {
        None => x.repeated_indices()?,
        Some(Value::Tensor(repeats)) => x.repeat_interleave_each(repeats, dim)?,
        Some(_) => x.repeat_interleave(args.int(1, "repeats")?, dim)?,
    };
    let along = dim.unwrap_or(0);
    match length {
        Some(length) if result.size(along)? != length => {
            Err(Error::argument("repeat_interleave", format!("the result has not {length} elements")))
        }
        Some(_) | None => Ok(result),
    }
}
