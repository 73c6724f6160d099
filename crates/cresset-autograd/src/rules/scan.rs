//! Derivatives of running totals.

use cresset_ops::{
    Apply, DType, Expr, Op, Result,
    expr::select,
    methods::prelude::*,
    op::{Combine, Scan},
    view::View,
};

use crate::Tensor;

use super::{Context, zeros};

/// The gradient of a scan's input.
pub(super) fn differentiate(
    context: &Context<Tensor>,
    kind: Scan,
    dim: usize,
    dy: &Tensor,
) -> Result<Tensor> {
    if context.input_shape(0).rank() == 0 {
        return Ok(dy.clone());
    }
    match kind {
        Scan::Sum => backwards(dy, dim, |dy| run(dy, Scan::Sum, dim)),
        Scan::Prod => product(context.x(0)?, context.y(0)?, dy, dim),
        Scan::LogSumExp => log_sum_exp(context.x(0)?, context.y(0)?, dy, dim),
        Scan::Max | Scan::Min => {
            let blank = zeros(dy, context.input_shape(0), dy.dtype())?;
            Tensor::apply_one(Op::Scatter { dim, combine: Combine::Add }, &[&blank, context.y(1)?, dy])
        }
    }
}

fn run(x: &Tensor, kind: Scan, dim: usize) -> Result<Tensor> {
    Tensor::apply_one(Op::Scan { kind, dim }, &[x])
}

/// Along a dimension, the last first.
pub(super) fn reverse(x: &Tensor, dim: usize) -> Result<Tensor> {
    let len = x.shape()[dim];
    let start = len.saturating_sub(1);
    Tensor::apply_one(Op::View(View::Slice { dim, start, len, step: -1 }), &[x])
}

fn backwards(x: &Tensor, dim: usize, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    reverse(&f(&reverse(x, dim)?)?, dim)
}

/// Along a dimension, the product of all before each.
pub(super) fn exclusive_product(x: &Tensor, dim: usize) -> Result<Tensor> {
    let mut shape = x.shape().clone();
    let n = shape[dim];
    shape[dim] = 1;
    let one = x.filled_beside("ones", shape, x.dtype(), 1)?;
    let head =
        Tensor::apply_one(Op::View(View::Slice { dim, start: 0, len: n.saturating_sub(1), step: 1 }), &[x])?;
    let head = run(&head, Scan::Prod, dim)?;
    Tensor::apply_one(Op::Concat { dim }, &[&one, &head])
}

/// `∂xᵢ = Σ_{j≥i} ∂yⱼ·yⱼ/xᵢ`; with zeros about, by the products themselves, which takes the square of the memory.
fn product(x: &Tensor, y: &Tensor, dy: &Tensor, dim: usize) -> Result<Tensor> {
    if !x.array().to_f64s()?.contains(&0.0) {
        let weighted = Tensor::formula(&[dy, y], &[], |x, _| x[0] * x[1])?;
        let total = backwards(&weighted, dim, |w| run(w, Scan::Sum, dim))?;
        return total.div(x);
    }
    // P[…, i, j] = Π_{i<k≤j} xₖ for j ≥ i, else 0; then ∂xᵢ = (Π_{k<i} xₖ)·Σⱼ P[i, j]·∂yⱼ.
    let before = exclusive_product(x, dim)?;
    let last = x.rank() - 1;
    let to_end = |t: &Tensor| swap(t, dim, last);
    let (x, dy, before) = (to_end(x)?, to_end(dy)?, to_end(&before)?);
    let n = x.shape()[last] as i64;
    let row = |t: &Tensor| {
        let mut shape = t.shape().clone();
        shape.insert(last, 1);
        super::reshape(t, &shape)
    };
    let mut square = x.shape().clone();
    square.push(n as usize);
    // The place in the output tells row and column: (i, j) = (index/n mod n, index mod n).
    let wide = Tensor::apply_one(Op::View(View::Expand(square)), &[&row(&x)?])?;
    let factors = Tensor::formula(&[&wide], &[n.into()], |x, n| {
        let index = Expr::index();
        let (i, j) = (index.floor_divide(n[0]).remainder(n[0]), index.remainder(n[0]));
        select(j.gt(i), x[0], 1.0)
    })?;
    let products = run(&factors, Scan::Prod, last + 1)?;
    let weighted = Tensor::formula(&[&products, &row(&dy)?], &[n.into()], |x, n| {
        let index = Expr::index();
        let (i, j) = (index.floor_divide(n[0]).remainder(n[0]), index.remainder(n[0]));
        select(j.ge(i), x[0] * x[1], 0.0)
    })?;
    let sum = weighted.sum_dim(last as i64 + 1, false)?;
    swap(&sum.mul(&before)?, dim, last)
}

fn swap(x: &Tensor, a: usize, b: usize) -> Result<Tensor> {
    let mut order: smallvec::SmallVec<[usize; 4]> = (0..x.rank()).collect();
    order.swap(a, b);
    Tensor::apply_one(Op::View(View::Permute(order)), &[x])
}

/// `∂xᵢ = Σ_{j≥i} ∂yⱼ·e^(xᵢ−yⱼ)`, summed as logarithms, since `e^−y` alone would overflow. Logarithms want numbers above
/// zero: `∂y` is the difference of `∂y + c` and `c`, where `c` is a constant of about its size.
///
/// In double precision, and of `y` computed in it: the exponents are differences of numbers that may be large, and in
/// `float32` the neighbours of 10,000 are a thousandth apart.
fn log_sum_exp(x: &Tensor, y: &Tensor, dy: &Tensor, dim: usize) -> Result<Tensor> {
    if x.dtype() != DType::F64 {
        let (x, dy) = (x.to_dtype(DType::F64)?, dy.to_dtype(DType::F64)?);
        let y64 = run(&x, Scan::LogSumExp, dim)?;
        return log_sum_exp(&x, &y64, &dy, dim)?.to_dtype(y.dtype());
    }
    let constant = Tensor::constant(dy.array().clone());
    let total = |log: &Tensor| backwards(log, dim, |log| run(log, Scan::LogSumExp, dim));
    let above = Tensor::formula(&[dy, &constant, y], &[], |x, _| (x[0] + shift(x[1])).log() - x[2])?;
    let below = Tensor::formula(&[&constant, y], &[], |x, _| shift(x[0]).log() - x[1])?;
    Tensor::formula(&[&total(&above)?, &total(&below)?, x], &[], |x, _| {
        (x[0] + x[2]).exp() - (x[1] + x[2]).exp()
    })
}

/// Twice the size of a number, but not zero: a derivative with regard to `∂y` is taken where that is zero, too.
fn shift(x: Expr) -> Expr {
    x.abs() * 2.0 + select(x.eq(0), 1e-30, 0.0)
}
