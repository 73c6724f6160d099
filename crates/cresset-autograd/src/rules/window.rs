//! Derivatives of what slides windows: each product of the trilinear form is a derivative of the other two.

use cresset_ops::{
    Apply, Op, Result, Shape,
    op::{Combine, Convolution, List, Reduce, Reduction, Role},
};
use smallvec::smallvec;

use crate::Tensor;

use super::{Context, Gradients, reshape, zeros};

/// The gradients of a convolution's two factors.
pub(super) fn convolve(
    context: &Context<Tensor>,
    convolution: &Convolution,
    dy: &Tensor,
) -> Result<Gradients<Tensor>> {
    let spatial = |i: usize| -> List { context.input_shape(i)[2..].iter().copied().collect() };
    // The same form, with factor `i` as its output.
    let other = |role: Role, i: usize, a: &Tensor, b: &Tensor| {
        Tensor::apply_one(
            Op::Convolve(Box::new(Convolution { role, output: spatial(i), ..convolution.clone() })),
            &[a, b],
        )
    };
    Ok(match convolution.role {
        Role::Output => {
            let mut gradients: Gradients<Tensor> = smallvec![
                context.when(0, || other(Role::Input, 0, context.x(1)?, dy))?, // ∂x from (w, ∂y)
                context.when(1, || other(Role::Weight, 1, context.x(0)?, dy))?, // ∂w from (x, ∂y)
            ];
            if context.wants(2) {
                let dims = (0..dy.rank()).filter(|&dim| dim != 1).collect();
                let sum = Reduce { kind: Reduction::Sum, dims, keepdim: false, map: None };
                gradients.push(Some(Tensor::apply_one(Op::Reduce(Box::new(sum)), &[dy])?)); // what was added to channels
            }
            gradients
        }
        Role::Input => smallvec![
            context.when(0, || other(Role::Weight, 0, dy, context.x(1)?))?, // ∂w from (∂x, y)
            context.when(1, || other(Role::Output, 1, dy, context.x(0)?))?, // ∂y from (∂x, w)
        ],
        Role::Weight => smallvec![
            context.when(0, || other(Role::Input, 0, dy, context.x(1)?))?, // ∂x from (∂w, y)
            context.when(1, || other(Role::Output, 1, context.x(0)?, dy))?, // ∂y from (x, ∂w)
        ],
    })
}

/// The gradient of a pool's input: to where each largest was.
pub(super) fn max_pool(context: &Context<Tensor>, spatial: usize, dy: &Tensor) -> Result<Tensor> {
    let shape = context.input_shape(0);
    let flat = |shape: &Shape| -> Shape {
        let kept = shape.rank() - spatial;
        let mut flat = Shape::from_slice(&shape[..kept]);
        flat.push(shape[kept..].iter().product());
        flat
    };
    let dim = shape.rank() - spatial;
    let blank = zeros(dy, &flat(shape), dy.dtype())?;
    let index = reshape(context.y(1)?, &flat(dy.shape()))?;
    let dy = reshape(dy, &flat(dy.shape()))?;
    let dx = Tensor::apply_one(Op::Scatter { dim, combine: Combine::Add }, &[&blank, &index, &dy])?;
    reshape(&dx, shape)
}
