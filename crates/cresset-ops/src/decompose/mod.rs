//! The interpreter `decompose`: an operation in terms of simpler ones.
//!
//! A device that has formulas, views, sums, products and maxima, gather, scatter and sort has, with this, all of the
//! vocabulary. It is also what the kernels are tested against: a decomposition is written to be seen to be right, not
//! to be fast (that of a running sum looks at every pair of elements).

mod attention;
mod indexing;
mod reduction;
mod rows;
mod scan;
mod window;

// The processor in f64 and a rule of derivatives go by these alone: all of `decompose` is much to compile for arrays, and for
// tensors too.
pub(crate) use attention::{FAR, scores, wide};
pub use attention::{backward as attention_backward, forward as attention};

use cresset_tensor::{Array, Listed, Result, Shape};
use smallvec::smallvec;

use crate::{
    Apply,
    door::Outputs,
    infer::infer,
    methods::fused::shaped,
    op::{List, Op, Reduce, Reduction},
    view::View,
};

/// An operation on such inputs in terms of simpler ones; `None` for those that everything else is made of.
#[track_caller]
pub fn decompose<T: Apply>(op: &Op, inputs: &[&T]) -> Option<Result<Outputs<T>>> {
    if is_primitive(op) {
        return None;
    }
    let arrays: Vec<&Array> = inputs.iter().map(|x| x.array()).collect();
    Some(infer(op, &arrays).and_then(|_| parts(op, inputs)))
}

/// What cannot be said in other words.
pub fn is_primitive(op: &Op) -> bool {
    match op {
        // What numbers become, one by one, and where they lie.
        Op::Map(_) | Op::View(_) => true,
        // Reading and writing at places that are numbers themselves.
        Op::Gather { .. } | Op::Scatter { .. } => true,
        // Order.
        Op::Sort { .. } => true,
        Op::ToDevice { .. } => true,
        Op::Reduce(reduce) if reduce.map.is_some() => false,
        Op::Reduce(reduce) => match reduce.kind {
            Reduction::Sum | Reduction::Prod | Reduction::Max => true,
            Reduction::Min | Reduction::ArgMax | Reduction::ArgMin | Reduction::Any | Reduction::All => false,
        },
        Op::Scan { .. }
        | Op::Unview { .. }
        | Op::Overwrite(_)
        | Op::Concat { .. }
        | Op::Matmul
        | Op::Convolve(_)
        | Op::MaxPool(_)
        | Op::IndexSelect { .. }
        | Op::IndexPut { .. }
        | Op::TopK { .. }
        | Op::SearchSorted { .. }
        | Op::Softmax { .. }
        | Op::CrossEntropy { .. }
        | Op::Normalize { .. }
        | Op::Attention { .. }
        | Op::AttentionBackward { .. } => false,
    }
}

/// The parts of an operation that is none of the above. Inference has passed it, so inputs are as many as they must be.
fn parts<T: Apply>(op: &Op, x: &[&T]) -> Result<Outputs<T>> {
    Ok(match op {
        Op::Map(_)
        | Op::View(_)
        | Op::Gather { .. }
        | Op::Scatter { .. }
        | Op::Sort { .. }
        | Op::ToDevice { .. } => T::apply(op.clone(), x)?,
        Op::Reduce(reduce) => smallvec![reduction::reduce(reduce, x)?],
        Op::Scan { kind, dim } => scan::scan(*kind, *dim, x[0])?,
        Op::Unview { view, base } => smallvec![indexing::unview(view, base, x[0])?],
        Op::Overwrite(view) => smallvec![indexing::overwrite(view, x[0], x[1])?],
        Op::Concat { dim } => smallvec![indexing::concat(*dim, x)?],
        Op::Matmul => smallvec![biased(reduction::matmul(x[0], x[1])?, x, 0)?],
        Op::Convolve(convolution) => {
            smallvec![biased(window::convolve(convolution, x[0], x[1])?, x, convolution.stride.len())?]
        }
        Op::MaxPool(window) => window::max_pool(window, x[0])?,
        Op::IndexSelect { dim } => smallvec![indexing::index_select(*dim, x[0], x[1])?],
        Op::IndexPut { dim, combine } => {
            smallvec![indexing::index_put(*dim, *combine, x[0], x[1], x[2])?]
        }
        Op::TopK { k, dim, largest } => rows::topk(*k, *dim, *largest, x[0])?,
        Op::SearchSorted { right } => smallvec![rows::search_sorted(*right, x[0], x[1])?],
        Op::Softmax { dim, log } => smallvec![rows::softmax(*dim, *log, x[0])?],
        Op::CrossEntropy { ignore, mean } => rows::cross_entropy(*ignore, *mean, x[0], x[1])?,
        Op::Normalize { dims, epsilon } => rows::normalize(*dims, *epsilon, x[0])?,
        Op::Attention { causal, scale } => attention::forward(*causal, *scale, x)?,
        Op::AttentionBackward { causal, scale } => attention::backward(*causal, *scale, x)?,
    })
}

/// A product to which the third input is added, along the dimension before the last `after`.
#[track_caller]
fn biased<T: Apply>(product: T, inputs: &[&T], after: usize) -> Result<T> {
    let Some(bias) = inputs.get(2) else { return Ok(product) };
    let mut shape = Shape::repeat(1, 1 + after);
    shape[0] = bias.numel();
    T::formula(&[&product, &shaped(*bias, shape)?], &[], |x, _| x[0] + x[1])
}

#[track_caller]
fn view<T: Apply>(x: &T, view: View) -> Result<T> {
    T::apply_one(Op::View(view), &[x])
}

/// A reduction over one dimension, or over none of a single number.
#[track_caller]
fn reduce_one<T: Apply>(kind: Reduction, x: &T, dim: usize) -> Result<T> {
    let dims: List = (dim < x.rank()).then_some(dim).into_iter().listed();
    T::apply_one(Op::Reduce(Box::new(Reduce { kind, dims, keepdim: true, map: None })), &[x])
}

/// Whole numbers as an index, where `like` lives.
fn index<T: Apply>(like: &T, list: Vec<i64>) -> Result<T> {
    let n = list.len();
    like.beside(Array::from_vec(list, [n])?)
}

/// All elements in one line.
#[track_caller]
fn flat<T: Apply>(x: &T) -> Result<T> {
    shaped(x, x.numel().into())
}

/// A row-major copy.
#[track_caller]
fn copy<T: Apply>(x: &T) -> Result<T> {
    T::formula(&[x], &[], |x, _| x[0])
}
