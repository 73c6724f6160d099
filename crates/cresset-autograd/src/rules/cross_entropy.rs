//! The derivative of what a loss of classes gives beside the loss: of its slope.

use cresset_ops::{Apply, Op, Result, Shape, methods::prelude::*, op::Combine, select};

use super::{Context, zeros};
use crate::Tensor;

/// The slope is `g = s·(p - e)`: the softmax less 1 at the target, times `s = 1/count`, or 0 in rows that are ignored. So
/// `q = s·p` is the slope and `s` at the target, and with `u` the gradient of `g`, `∂x = q·(u - count·Σ q·u)`.
pub(super) fn differentiate(
    context: &Context<Tensor>,
    ignore: i64,
    mean: bool,
    dys: &[Option<Tensor>],
) -> Result<Tensor> {
    let slope = context.y(1)?;
    let of_loss = match dys.first().and_then(Option::as_ref) {
        Some(dy) => Some(Tensor::formula(&[dy, slope], &[], |x, _| x[0] * x[1])?),
        None => None,
    };
    let Some(u) = dys.get(1).and_then(Option::as_ref) else {
        return of_loss.map_or_else(|| zeros(slope, slope.shape(), slope.dtype()), Ok);
    };
    let (target, ignored) = (context.x(1)?.unsqueeze(1)?, [ignore.into()]);
    let counted =
        Tensor::formula(&[&target], &ignored, |x, n| select(x[0].eq(n[0]), 0, 1))?.to_dtype(slope.dtype())?;
    let count = match mean {
        true => counted.sum()?,
        false => slope.filled_beside("cross_entropy", Shape::default(), slope.dtype(), 1)?,
    };
    let share = Tensor::formula(&[&counted, &count], &[], |x, _| select(x[1].gt(0), x[0] / x[1], 0))?;
    let index = Tensor::formula(&[&target], &ignored, |x, n| select(x[0].eq(n[0]), 0, x[0]))?;
    let blank = zeros(slope, slope.shape(), slope.dtype())?;
    let shares = Tensor::apply_one(Op::Scatter { dim: 1, combine: Combine::Set }, &[&blank, &index, &share])?;
    let q = Tensor::formula(&[slope, &shares], &[], |x, _| x[0] + x[1])?;
    let inner = Tensor::formula(&[&q, u], &[], |x, _| x[0] * x[1])?.sum_dim(1, true)?;
    let dx = Tensor::formula(&[&q, u, &inner, &count], &[], |x, _| x[0] * (x[1] - x[2] * x[3]))?;
    match of_loss {
        Some(other) => other.add(&dx),
        None => Ok(dx),
    }
}
