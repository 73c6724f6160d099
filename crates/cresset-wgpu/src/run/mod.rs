//! The interpreter `execute` for cards: the kernels of every operation.
//!
//! Softmax and normalised rows of doubles, and of few very long rows, are decomposed; a rare adjoint of a view goes by `host`.

pub mod convolve;
pub mod copy;
pub mod fill;
pub mod host;
pub mod index;
pub mod join;
pub mod map;
pub mod matmul;
pub mod neighbours;
pub mod normalize;
mod phases;
pub mod pool;
pub mod product;
pub mod reduce;
mod rewrite;
pub mod scan;
pub mod scatter;
pub mod search;
pub mod softmax;
pub mod sort;
pub mod view;

use std::sync::Arc;

use cresset_ops::{
    Array, Error, Op, Outputs, Result,
    infer::{Meta, infer},
};
use smallvec::smallvec;

use crate::card::Card;

/// Applies an operation to arrays on a card.
pub fn execute(card: &Arc<Card>, op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    match op {
        Op::Map(formula) => map::map(card, formula, inputs),
        Op::View(view) => Ok(smallvec![view::view(card, view, first(op, inputs)?)?]),
        Op::Matmul => Ok(smallvec![matmul::matmul(card, op, inputs)?]),
        Op::Convolve(convolution) => Ok(smallvec![convolve::convolve(card, op, convolution, inputs)?]),
        Op::MaxPool(window) => pool::max_pool(card, op, window, inputs),
        Op::Reduce(reduction) => Ok(smallvec![reduce::reduce(card, op, reduction, inputs)?]),
        Op::Scan { kind, dim } => scan::scan(card, op, *kind, *dim, inputs),
        Op::Sort { dim, descending } => sort::sort(card, op, *dim, *descending, inputs),
        Op::TopK { k, dim, largest } => sort::topk(card, op, *k, *dim, *largest, inputs),
        Op::SearchSorted { right } => Ok(smallvec![search::search_sorted(card, op, *right, inputs)?]),
        Op::Softmax { dim, log } => Ok(smallvec![softmax::softmax(card, op, *dim, *log, inputs)?]),
        Op::CrossEntropy { .. } => rewrite::in_parts(op, inputs),
        // Halves are computed in f32 by the parts themselves.
        Op::Attention { .. } | Op::AttentionBackward { .. } => rewrite::apart(op, inputs),
        Op::Normalize { dims, epsilon } => normalize::normalize(card, op, *dims, *epsilon, inputs),
        Op::Unview { view, base } => {
            Ok(smallvec![view::unview(card, view, base, checked(op, inputs)?.0[0])?])
        }
        Op::Overwrite(view) => {
            let ([base, source], _) = pair(op, inputs)?;
            Ok(smallvec![view::overwrite(card, view, base, source)?])
        }
        Op::Concat { dim } => {
            let (inputs, meta) = checked(op, inputs)?;
            Ok(smallvec![join::concat(card, *dim, inputs, meta.shape, meta.dtype)?])
        }
        Op::IndexSelect { dim } => {
            let ([x, index], meta) = pair(op, inputs)?;
            Ok(smallvec![index::index_select(card, *dim, x, index, &meta.shape)?])
        }
        Op::Gather { dim } => {
            let ([x, index], _) = pair(op, inputs)?;
            Ok(smallvec![index::gather(card, *dim, x, index)?])
        }
        Op::IndexPut { .. } | Op::Scatter { .. } => {
            let (inputs, _) = checked(op, inputs)?;
            let result = view::contiguous(card, inputs[0])?;
            view::write_at(card, op, &[&[&result], &inputs[1..]].concat(), &result)?;
            Ok(smallvec![result])
        }
        // The door has done it.
        Op::ToDevice { to, .. } => Ok(smallvec![cresset_ops::backend::to_device(first(op, inputs)?, *to)?]),
    }
}

/// Applies an operation and writes its outputs into what is there already.
pub fn execute_into(card: &Arc<Card>, op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    if let Op::Map(formula) = op {
        return map::map_into(card, formula, inputs, targets);
    }
    if let ([x, ..], [target]) = (inputs, targets)
        && x.shares_memory(target)
        && x.layout() == target.layout()
        && view::write_at(card, op, inputs, target)?
    {
        return Ok(());
    }
    let outputs = execute(card, op, inputs)?;
    if outputs.len() != targets.len() {
        return Err(Error::argument(
            op.name(),
            format!("{} targets for {} outputs", targets.len(), outputs.len()),
        ));
    }
    for (output, target) in outputs.iter().zip(targets) {
        view::assign(card, op.name(), output, target)?;
    }
    Ok(())
}

fn first<'a>(op: &Op, inputs: &[&'a Array]) -> Result<&'a Array> {
    match inputs {
        [x] => Ok(x),
        _ => Err(Error::argument(op.name(), format!("takes one array, not {}", inputs.len()))),
    }
}

/// The inputs, which inference has passed, and what it says of the first output.
fn checked<'i, 'a>(op: &Op, inputs: &'i [&'a Array]) -> Result<(&'i [&'a Array], Meta)> {
    let meta = infer(op, inputs)?.into_iter().next();
    match meta {
        Some(meta) => Ok((inputs, meta)),
        None => Err(Error::argument(op.name(), "the operation has no output")),
    }
}

/// As [`checked`], of two inputs.
fn pair<'a>(op: &Op, inputs: &[&'a Array]) -> Result<([&'a Array; 2], Meta)> {
    let (inputs, meta) = checked(op, inputs)?;
    match inputs {
        [a, b] => Ok(([a, b], meta)),
        _ => Err(Error::argument(op.name(), format!("takes two arrays, not {}", inputs.len()))),
    }
}
