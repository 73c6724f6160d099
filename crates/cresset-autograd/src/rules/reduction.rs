//! Derivatives of reductions. Where a formula comes first, its derivative takes the reduction's, in one pass.

use cresset_ops::{
    Apply, Error, Op, Result, Shape,
    expr::select,
    methods::prelude::*,
    op::{Map, Reduce, Reduction},
    view::View,
};
use cresset_tensor::Listed;
use smallvec::{SmallVec, smallvec};

use crate::Tensor;

use super::{Context, Gradients, Needs, Some64, formula, reshape};

/// What the derivative of a reduction needs to see.
pub(super) fn needs(reduce: &Reduce, wanted: Some64, inputs: usize) -> Needs {
    match (reduce.kind, &reduce.map) {
        (Reduction::Sum, None) => Needs { inputs: Some64::NONE, outputs: Some64::NONE },
        (Reduction::Sum, Some(map)) => {
            // The value that is reduced is not kept; a derivative that would use it has it computed again.
            let needs = formula::needs(map, wanted, inputs);
            if needs.outputs == Some64::NONE {
                needs
            } else {
                Needs { inputs: Some64::ALL, outputs: Some64::NONE }
            }
        }
        (Reduction::Prod, _) => Needs { inputs: Some64::ALL, outputs: Some64::NONE },
        (Reduction::Max | Reduction::Min, _) => Needs { inputs: Some64::ALL, outputs: Some64::ALL },
        (Reduction::ArgMax | Reduction::ArgMin | Reduction::Any | Reduction::All, _) => {
            Needs { inputs: Some64::NONE, outputs: Some64::NONE }
        }
    }
}

/// The gradients of a sum's inputs.
pub(super) fn sum<T: Apply>(context: &Context<T>, reduce: &Reduce, dy: &T) -> Result<Gradients<T>> {
    let full = full(context, reduce)?;
    let dy = keepdim(dy, reduce, &full)?;
    match &reduce.map {
        None => Ok(smallvec![Some(T::apply_one(Op::View(View::Expand(full)), &[&dy])?)]),
        Some(map) => through(context, map, dy, &full),
    }
}

/// The gradients of a reduction's inputs.
pub(super) fn differentiate(
    context: &Context<Tensor>,
    reduce: &Reduce,
    dy: &Tensor,
) -> Result<Gradients<Tensor>> {
    if reduce.kind == Reduction::Sum {
        return sum(context, reduce, dy);
    }
    let full = full(context, reduce)?;
    let dy = &keepdim(dy, reduce, &full)?;
    let y = context.outputs.first().and_then(Option::as_ref);
    match &reduce.map {
        None => Ok(smallvec![Some(of_value(reduce, context.x(0)?, y, dy, &full)?)]),
        Some(map) => {
            let dy = of_value(reduce, &value(context, map)?, y, dy, &full)?;
            through(context, map, dy, &full)
        }
    }
}

/// What a formula gives, before it is reduced.
fn value<T: Apply>(context: &Context<T>, map: &Map) -> Result<T> {
    T::apply_one(Op::Map(map.clone()), &context.inputs.iter().flatten().collect::<SmallVec<[&T; 4]>>())
}

/// The gradients of the inputs of a formula that is reduced, given that of its value.
fn through<T: Apply>(context: &Context<T>, map: &Map, dy: T, full: &Shape) -> Result<Gradients<T>> {
    // The formula's own outputs, for a derivative that is stated in terms of them.
    let uses_output = formula::needs(map, context.wanted, context.edges.len()).outputs != Some64::NONE;
    let output = [if uses_output { Some(value(context, map)?) } else { None }];
    let inner = Context {
        op: context.op,
        inputs: context.inputs,
        outputs: &output,
        edges: context.edges,
        output_metas: context.output_metas,
        wanted: context.wanted,
    };
    let dys = [Some(dy)];
    let mut gradients = Gradients::new();
    for i in 0..context.edges.len() {
        let gradient = formula::gradient(&inner, map, &dys, i, Some(full));
        gradients.push(if context.wants(i) { gradient? } else { None });
    }
    Ok(gradients)
}

/// The shape of what is reduced.
fn full<T: Apply>(context: &Context<T>, reduce: &Reduce) -> Result<Shape> {
    match &reduce.map {
        None => Ok(context.input_shape(0).clone()),
        Some(map) => broadcast(context, map),
    }
}

fn broadcast<T: Apply>(context: &Context<T>, map: &Map) -> Result<Shape> {
    if let Some(shape) = &map.shape {
        return Ok((**shape).clone());
    }
    let mut shape = Shape::default();
    for i in 0..context.edges.len() {
        let other = context.input_shape(i);
        shape = shape.broadcast(other).ok_or_else(|| {
            Error::shape(context.op.name(), format!("shapes {shape} and {other} do not broadcast together"))
        })?;
    }
    Ok(shape)
}

/// The output's gradient (or the output) with its reduced dimensions, of size one.
fn keepdim<T: Apply>(y: &T, reduce: &Reduce, full: &Shape) -> Result<T> {
    let mut shape = full.clone();
    reduce.dims.iter().for_each(|&dim| shape[dim] = 1);
    reshape(y, &shape)
}

/// The gradient of what is reduced.
fn of_value(reduce: &Reduce, x: &Tensor, y: Option<&Tensor>, dy: &Tensor, full: &Shape) -> Result<Tensor> {
    let kind = reduce.kind;
    match kind {
        Reduction::Sum => Ok(dy.clone()),
        Reduction::Max | Reduction::Min => {
            let y =
                y.ok_or_else(|| Error::gradient(kind.name(), "its output was not saved for the derivative"))?;
            let y = &keepdim(y, reduce, full)?;
            let dims: Vec<i64> = reduce.dims.iter().map(|&dim| dim as i64).collect();
            // Equals share the gradient.
            let count = x.eq(y)?.sum_dim(dims, true)?;
            Tensor::formula(&[dy, x, y, &count], &[], |x, _| select(x[1].eq(x[2]), x[0] / x[3], 0.0))
        }
        Reduction::Prod => product(reduce, x, dy),
        Reduction::ArgMax | Reduction::ArgMin | Reduction::Any | Reduction::All => {
            Err(Error::gradient(kind.name(), "has no derivative"))
        }
    }
}

/// `∂x = ∂y · (product of all before) · (product of all after)`: right where there are zeros, and differentiable.
pub(super) fn product(reduce: &Reduce, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    // The reduced dimensions become one, at the end.
    let kept: SmallVec<[usize; 4]> = (0..x.rank()).filter(|dim| !reduce.dims.contains(dim)).listed();
    let order: SmallVec<[usize; 4]> = kept.iter().chain(&reduce.dims).copied().listed();
    let moved = Tensor::apply_one(Op::View(View::Permute(order.clone())), &[x])?;
    let mut flat: Shape = kept.iter().map(|&dim| x.shape()[dim]).collect();
    flat.push(reduce.dims.iter().map(|&dim| x.shape()[dim]).product());
    let others = others_product(&reshape(&moved, &flat)?)?;
    let others = reshape(&others, moved.shape())?;
    let mut back: SmallVec<[usize; 4]> = SmallVec::from_elem(0, order.len());
    order.iter().enumerate().for_each(|(i, &dim)| back[dim] = i);
    let others = Tensor::apply_one(Op::View(View::Permute(back)), &[&others])?;
    Tensor::formula(&[dy, &others], &[], |x, _| x[0] * x[1])
}

/// Along the last dimension, the product of all others.
fn others_product(x: &Tensor) -> Result<Tensor> {
    let dim = x.rank() - 1;
    let n = x.shape()[dim];
    if n == 0 {
        return Ok(x.clone());
    }
    let before = super::scan::exclusive_product(x, dim)?;
    let reversed = super::scan::reverse(x, dim)?;
    let after = super::scan::reverse(&super::scan::exclusive_product(&reversed, dim)?, dim)?;
    Tensor::formula(&[&before, &after], &[], |x, _| x[0] * x[1])
}
