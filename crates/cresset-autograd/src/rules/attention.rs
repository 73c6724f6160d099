//! Derivatives of attention. A first one is an operation of its own, which computes scores again; whatever is rarer goes
//! by the parts.

use cresset_ops::{
    Apply, Op, Outputs, Result,
    decompose::{attention, attention_backward},
    methods::prelude::*,
    op::Reduction,
};
use smallvec::{SmallVec, smallvec};

use super::{Context, Gradients, zeros};
use crate::{
    Tensor, enable_grad,
    functional::{entry, grad_with},
    mode::mode,
};

/// With weights `p` and `u = dy·vᵀ`, scores have the gradient `p·(u - Σ p·u + d)`, `d` that of the logarithm. Since
/// `y = p·v`, that sum is `Σ dy·y` of each query.
pub(super) fn differentiate(
    context: &Context<Tensor>,
    causal: bool,
    scale: f64,
    dys: &[Option<Tensor>],
) -> Result<Gradients<Tensor>> {
    if context.wants(3) && context.edges.len() > 3 {
        return by_parts(context, dys, &|x| attention(causal, scale, x));
    }
    let (y, logarithm) = (context.y(0)?, context.y(1)?);
    let dy = match dys.first().and_then(Option::as_ref) {
        Some(dy) => dy.clone(),
        None => zeros(y, y.shape(), y.dtype())?,
    };
    let (wide_dy, wide_y) = (dy.to_dtype(logarithm.dtype())?, y.to_dtype(logarithm.dtype())?);
    let last = y.rank() as i64 - 1;
    let both = [&wide_dy, &wide_y];
    let mut projection = Tensor::reduce_formula(&both, &[], Reduction::Sum, last, false, |x, _| x[0] * x[1])?;
    if let Some(d) = dys.get(1).and_then(Option::as_ref) {
        projection = projection.sub(d)?;
    }
    let mut inputs: SmallVec<[&Tensor; 7]> =
        smallvec![context.x(0)?, context.x(1)?, context.x(2)?, logarithm, &projection, &dy];
    if context.edges.len() > 3 {
        inputs.push(context.x(3)?);
    }
    let found = Tensor::apply(Op::AttentionBackward { causal, scale }, &inputs)?;
    let mut gradients: Gradients<Tensor> = found.into_iter().map(Some).collect();
    gradients.resize(context.edges.len(), None);
    Ok(gradients)
}

/// Of the way back itself.
pub(super) fn differentiate_backward(
    context: &Context<Tensor>,
    causal: bool,
    scale: f64,
    dys: &[Option<Tensor>],
) -> Result<Gradients<Tensor>> {
    by_parts(context, dys, &|x| attention_backward(causal, scale, x))
}

/// The gradients of an operation's inputs by those of its parts.
fn by_parts(
    context: &Context<Tensor>,
    dys: &[Option<Tensor>],
    parts: &dyn Fn(&[&Tensor]) -> Result<Outputs<Tensor>>,
) -> Result<Gradients<Tensor>> {
    let again = mode().recording;
    let count = context.edges.len();
    let inputs = enable_grad(|| {
        (0..count)
            .map(|i| if context.wants(i) { entry(context.x(i)?) } else { Ok(context.x(i)?.clone()) })
            .collect::<Result<Vec<Tensor>>>()
    })?;
    let outputs = enable_grad(|| parts(&inputs.iter().collect::<Vec<_>>()))?;
    let asked: Vec<(&Tensor, Option<&Tensor>)> = outputs
        .iter()
        .zip(dys)
        .filter_map(|(y, dy)| dy.as_ref().filter(|_| y.needs_grad()).map(|dy| (y, Some(dy))))
        .collect();
    let (outputs, dys): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let wanted: Vec<&Tensor> = (0..count).filter(|&i| context.wants(i)).map(|i| &inputs[i]).collect();
    let mut found = grad_with(&outputs, &wanted, &dys, again, again)?.into_iter();
    Ok((0..count).map(|i| if context.wants(i) { found.next().flatten() } else { None }).collect())
}
