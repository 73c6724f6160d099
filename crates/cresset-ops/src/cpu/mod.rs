//! The interpreter `execute` for the CPU: the numbers of every operation.
//!
//! `map` evaluates formulas (`plan`, `source`, `loops`, `walk` are its parts); every other operation has a file of its own.
//! Shapes and dtypes were checked by `infer` before anything here runs.

mod arithmetic;
mod attention;
mod by_panels;
mod combine;
mod convolve;
pub mod copy;
mod correlate;
mod correlate_tiles;
mod cross_entropy;
mod depthwise;
mod direct;
mod fold;
mod functions;
mod fuse;
mod gemm;
pub(crate) mod index;
mod integers;
mod join;
mod loops;
mod map;
mod matmul;
pub(crate) mod nonzero;
mod normalize;
mod operands;
mod padded;
mod panels;
pub mod plan;
mod pool;
mod pool_lanes;
mod radix;
pub(crate) mod random;
pub(crate) mod recurrence;
mod reduce;
mod rows;
mod scan;
mod scatter;
mod search;
pub(crate) mod select;
pub(crate) mod short_lines;
mod side_by_side;
mod simd;
mod small;
mod softmax;
mod sort;
mod source;
mod stream;
pub mod threads;
pub(crate) mod unique;
mod unroll;
mod view;
pub mod walk;
mod weigh;
mod weigh_tiles;
mod windows;
mod winograd;

pub use map::check_target;
pub use source::constants;

use cresset_tensor::{Array, Result};
use smallvec::smallvec;

use crate::{
    door::Outputs,
    infer::{Metas, infer},
    op::Op,
};

/// Applies an operation to arrays on the CPU.
pub fn execute(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    // A formula's plan says all that inference would.
    if let Op::Map(formula) = op {
        return map::map(formula, inputs);
    }
    // A view's layout says it as well.
    if let (Op::View(view), [x]) = (op, inputs) {
        return Ok(smallvec![view::view(view, x)?]);
    }
    let metas: Metas = infer(op, inputs)?;
    Ok(match op {
        Op::Map(formula) => map::map(formula, inputs)?,
        Op::Reduce(reduction) => smallvec![reduce::reduce(reduction, inputs, &metas[0])?],
        Op::Scan { kind, dim } => scan::scan(*kind, *dim, inputs[0], &metas)?,
        Op::View(view) => smallvec![view::view(view, inputs[0])?],
        Op::Unview { view, base } => smallvec![view::unview(view, base, inputs[0])?],
        Op::Overwrite(view) => smallvec![view::overwrite(view, inputs[0], inputs[1])?],
        Op::Concat { dim } => smallvec![join::concat(*dim, inputs, &metas[0])?],
        Op::Matmul => smallvec![matmul::matmul(inputs[0], inputs[1], inputs.get(2).copied(), &metas[0])?],
        Op::Convolve(convolution) => {
            smallvec![convolve::biased(convolution, inputs, &metas[0])?]
        }
        Op::MaxPool(window) => pool::max_pool(window, inputs[0], &metas)?,
        Op::IndexSelect { dim } => smallvec![index::index_select(*dim, inputs[0], inputs[1], &metas[0])?],
        Op::IndexPut { dim, combine } => {
            smallvec![scatter::index_put(*dim, *combine, inputs[0], inputs[1], inputs[2])?]
        }
        Op::Gather { dim } => smallvec![scatter::gather(*dim, inputs[0], inputs[1], &metas[0])?],
        Op::Scatter { dim, combine } => {
            smallvec![scatter::scatter(*dim, *combine, inputs[0], inputs[1], inputs[2])?]
        }
        Op::Sort { dim, descending } => sort::sort(*dim, *descending, inputs[0], &metas)?,
        Op::TopK { k, dim, largest } => sort::topk(*k, *dim, *largest, inputs[0], &metas)?,
        Op::SearchSorted { right } => {
            smallvec![search::search_sorted(*right, inputs[0], inputs[1], &metas[0])?]
        }
        Op::Softmax { dim, log } => smallvec![softmax::softmax(*dim, *log, inputs[0], &metas[0])?],
        Op::CrossEntropy { ignore, mean } => {
            cross_entropy::cross_entropy(*ignore, *mean, inputs[0], inputs[1])?
        }
        Op::Normalize { dims, epsilon } => normalize::normalize(*dims, *epsilon, inputs[0], &metas)?,
        Op::Attention { causal, scale } => attention::forward(*causal, *scale, inputs, &metas)?,
        Op::AttentionBackward { causal, scale } => attention::backward(*causal, *scale, inputs, &metas)?,
        // The door has done it; what comes here anyway is here already, or leaves.
        Op::ToDevice { to, .. } => smallvec![crate::backend::to_device(inputs[0], *to)?],
    })
}

/// As [`execute`], of an operation of one output: the short way of the most frequent case.
pub fn execute_one(op: &Op, inputs: &[&Array]) -> Result<Array> {
    if let Op::Map(formula) = op
        && let Some(output) = small::map(formula, inputs)?
    {
        return Ok(output);
    }
    let mut outputs = execute(op, inputs)?;
    match outputs.pop() {
        Some(output) if outputs.is_empty() => Ok(output),
        _ => Err(cresset_tensor::Error::argument(op.name(), "the operation does not have one output")),
    }
}

/// Applies an operation and writes its outputs into what is there already.
pub fn execute_into(op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    if let Op::Map(formula) = op {
        if let ([x], [target]) = (inputs, targets)
            && formula.program.is_identity()
            && let Ok(layout) = x.layout().expand(target.shape())
        {
            return view::assign("copy_", &x.with_layout(layout)?, target);
        }
        return map::map_into(formula, inputs, targets);
    }
    if let ([x, ..], [target]) = (inputs, targets)
        && x.shares_memory(target)
        && x.layout() == target.layout()
        && write_at(op, inputs, target)?
    {
        return Ok(());
    }
    let outputs = execute(op, inputs)?;
    if outputs.len() != targets.len() {
        return Err(cresset_tensor::Error::argument(
            op.name(),
            format!("{} targets for {} outputs", targets.len(), outputs.len()),
        ));
    }
    for (output, target) in outputs.iter().zip(targets) {
        view::assign(op.name(), output, target)?;
    }
    Ok(())
}

/// What only changes some elements of its first input changes those alone where that is the target. Was it such?
fn write_at(op: &Op, inputs: &[&Array], target: &Array) -> Result<bool> {
    let check = || {
        let metas = infer(op, inputs)?;
        check_target(op.name(), target, &metas[0].shape, metas[0].dtype)
    };
    if let Op::IndexPut { dim, combine } = op {
        check()?;
        scatter::index_put_into(*dim, *combine, target, inputs[1], inputs[2])?;
    } else if let Op::Scatter { dim, combine } = op {
        check()?;
        scatter::scatter_into(*dim, *combine, target, inputs[1], inputs[2])?;
    } else if let Op::Overwrite(view) = op {
        check()?;
        return view::overwrite_into(view, target, inputs[1]);
    } else {
        return Ok(false);
    }
    target.storage().bump();
    Ok(true)
}

/// The elements in another dtype: kernels are compiled for few, and the rare ones converted.
fn convert(x: &Array, dtype: cresset_tensor::DType) -> Result<Array> {
    crate::methods::Elementwise::to_dtype(x, dtype)
}
