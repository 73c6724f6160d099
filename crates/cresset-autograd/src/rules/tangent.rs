//! The interpreter `tangent`: forward derivatives. Linear operations push a tangent through themselves; formulas and
//! products by the chain rule; any other by the adjoint of its backward rule, which is linear in the gradient.

use cresset_ops::{
    Apply, Op, Outputs, Result, Shape,
    methods::prelude::*,
    op::{Reduction, Scan},
    view::View,
};

use super::{Context, contiguous_for, fit, placed, zeros};
use crate::{Tensor, functional};

/// The tangents of the outputs, given those of the inputs (`None` is zero).
#[inline]
pub(crate) fn tangent(context: &Context<Tensor>, dxs: &[Option<Tensor>]) -> Result<Outputs<Option<Tensor>>> {
    let op = context.op;
    let one = |y: Tensor| -> Result<Outputs<Option<Tensor>>> { Ok([Some(y)].into_iter().collect()) };
    let first = dxs.first().and_then(Option::as_ref);
    // One that is there tells where all are.
    let Some(there) = dxs.iter().flatten().next() else {
        return Ok(context.output_metas.iter().map(|_| None).collect());
    };
    // A tangent that is missing is zeros, where an operation mixes its inputs.
    let full = |i: usize| -> Result<Tensor> {
        match &dxs[i] {
            Some(dx) => Ok(dx.clone()),
            None => zeros(there, context.input_shape(i), context.input_meta(i).dtype),
        }
    };
    match (op, first) {
        (Op::View(View::AsStrided { .. }), _) => by_adjoint(context, there, dxs),
        (
            Op::View(_) | Op::Unview { .. } | Op::Scan { kind: Scan::Sum, .. } | Op::ToDevice { .. },
            Some(dx),
        ) => one(Tensor::apply_one(op.clone(), &[dx])?),
        (Op::Reduce(reduce), Some(dx)) if reduce.kind == Reduction::Sum && reduce.map.is_none() => {
            one(Tensor::apply_one(op.clone(), &[dx])?)
        }
        (Op::Overwrite(view), _) => {
            let dx = contiguous_for(&full(0)?, view)?;
            one(Tensor::apply_one(Op::Overwrite(placed(view, &dx)), &[&dx, &full(1)?])?)
        }
        (Op::Concat { .. }, _) => {
            let parts = (0..dxs.len()).map(full).collect::<Result<Vec<_>>>()?;
            one(Tensor::apply_one(op.clone(), &parts.iter().collect::<Vec<_>>())?)
        }
        (Op::Matmul | Op::Convolve(_), _) => {
            // Of a product: each tangent with the other factor.
            let mut sum: Option<Tensor> = None;
            for (i, dx) in dxs.iter().enumerate().take(2) {
                let Some(dx) = dx else { continue };
                let other = context.x(1 - i)?;
                let part = Tensor::apply_one(op.clone(), &if i == 0 { [dx, other] } else { [other, dx] })?;
                sum = Some(match sum {
                    Some(sum) => sum.add(&part)?,
                    None => part,
                });
            }
            if let Some(Some(dx)) = dxs.get(2) {
                // What is added to every row, or to channels.
                let shape = context.output_metas[0].shape();
                let after = if matches!(op, Op::Matmul) { 0 } else { shape.rank() - 2 };
                let mut line = Shape::repeat(1, 1 + after);
                line[0] = dx.numel();
                let dx = dx.reshape(line)?;
                sum = Some(match sum {
                    Some(sum) => sum.add(&dx)?,
                    None => dx.expand(shape.clone())?,
                });
            }
            Ok([sum].into_iter().collect())
        }
        (Op::IndexSelect { .. } | Op::Gather { .. }, Some(dx)) => {
            one(Tensor::apply_one(op.clone(), &[dx, context.x(1)?])?)
        }
        (Op::Sort { dim, .. } | Op::TopK { dim, .. }, Some(dx)) => {
            let picked = Tensor::apply_one(Op::Gather { dim: *dim }, &[dx, context.y(1)?])?;
            Ok([Some(picked), None].into_iter().collect())
        }
        (
            Op::Map(_)
            | Op::Reduce(_)
            | Op::Scan { .. }
            | Op::View(_)
            | Op::Unview { .. }
            | Op::MaxPool(_)
            | Op::IndexSelect { .. }
            | Op::IndexPut { .. }
            | Op::Gather { .. }
            | Op::Scatter { .. }
            | Op::Sort { .. }
            | Op::TopK { .. }
            | Op::SearchSorted { .. }
            | Op::Softmax { .. }
            | Op::CrossEntropy { .. }
            | Op::Normalize { .. }
            | Op::Attention { .. }
            | Op::AttentionBackward { .. }
            | Op::ToDevice { .. },
            _,
        ) => by_adjoint(context, there, dxs),
    }
}

/// A backward rule is linear in the gradient `u` of the output: `∂x = Jᵀu`. The gradient of `⟨∂x, v⟩` with regard to
/// `u` is therefore `J·v`, the tangent.
#[inline]
fn by_adjoint(
    context: &Context<Tensor>,
    there: &Tensor,
    dxs: &[Option<Tensor>],
) -> Result<Outputs<Option<Tensor>>> {
    let mut tangents = Outputs::new();
    for (k, meta) in context.output_metas.iter().enumerate() {
        if !meta.dtype.is_float() {
            tangents.push(None);
            continue;
        }
        let u: Tensor = zeros(there, meta.shape(), meta.dtype)?.requires_grad();
        let us: Vec<Option<Tensor>> =
            (0..context.output_metas.len()).map(|j| (j == k).then(|| u.clone())).collect();
        let gradients = crate::enable_grad(|| super::differentiate(context, &us))?;
        let mut sum: Option<Tensor> = None;
        for (i, gradient) in gradients.into_iter().enumerate() {
            let (Some(gradient), Some(Some(dx))) = (gradient, dxs.get(i)) else { continue };
            let gradient = crate::enable_grad(|| fit(gradient, context.input_meta(i)))?;
            if !gradient.needs_grad() {
                continue;
            }
            let parts = functional::grad_with(&[&gradient], &[&u], &[Some(dx)], true, true)?;
            let Some(part) = parts.into_iter().next().flatten() else { continue };
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
        tangents.push(Some(match sum {
            Some(sum) => sum,
            None => zeros(there, meta.shape(), meta.dtype)?,
        }));
    }
    Ok(tangents)
}
