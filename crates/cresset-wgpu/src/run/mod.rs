//! The interpreter `execute` for cards: the kernels of every operation.
//!
//! What has no kernel of its own is computed by the processor.

pub mod convolve;
pub mod fill;
pub mod host;
pub mod map;
pub mod matmul;
pub mod normalize;
pub mod pool;
pub mod product;
pub mod reduce;
pub mod scan;
pub mod search;
pub mod softmax;
pub mod sort;
pub mod view;

use std::sync::Arc;

use cresset_ops::{Array, Error, Op, Outputs, Result};
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
        Op::Normalize { dims, epsilon } => normalize::normalize(card, op, *dims, *epsilon, inputs),
        Op::Unview { .. }
        | Op::Overwrite(_)
        | Op::Concat { .. }
        | Op::IndexSelect { .. }
        | Op::IndexPut { .. }
        | Op::Gather { .. }
        | Op::Scatter { .. } => host::execute(card, op, inputs),
        // The door has done it.
        Op::ToDevice { to, .. } => Ok(smallvec![cresset_ops::backend::to_device(first(op, inputs)?, *to)?]),
    }
}

/// Applies an operation and writes its outputs into what is there already.
pub fn execute_into(card: &Arc<Card>, op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    if let Op::Map(formula) = op {
        return map::map_into(card, formula, inputs, targets);
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
