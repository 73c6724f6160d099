//! Reductions in terms of sums, products and maxima, and matrix products in terms of sums.

use cresset_tensor::Result;

use super::{reduce_one, view};
use crate::{
    Apply, Expr,
    methods::{
        Elementwise,
        fused::{formula_of_places, reduce_formula, unsqueezed},
    },
    op::{Op, Reduce, Reduction},
    select,
    view::View,
};

/// The formula first, by itself; then each kind in terms of three.
pub fn reduce<T: Apply>(reduce: &Reduce, inputs: &[&T]) -> Result<T> {
    if let Some(map) = &reduce.map {
        let value = T::apply_one(Op::Map(map.clone()), inputs)?;
        return T::apply_one(Op::Reduce(Box::new(Reduce { map: None, ..reduce.clone() })), &[&value]);
    }
    let x = inputs[0];
    let of = |kind, x: &T| T::apply_one(Op::Reduce(Box::new(Reduce { kind, ..reduce.clone() })), &[x]);
    match reduce.kind {
        Reduction::Sum | Reduction::Prod | Reduction::Max => of(reduce.kind, x),
        Reduction::Min => turned(&of(Reduction::Max, &turned(x)?)?),
        Reduction::ArgMin => of(Reduction::ArgMax, &turned(x)?),
        Reduction::Any => {
            let count = of(Reduction::Sum, &T::formula(&[x], &[], |x, _| x[0].ne(0))?)?;
            T::formula(&[&count], &[], |x, _| x[0].ne(0))
        }
        Reduction::All => {
            let count = of(Reduction::Sum, &T::formula(&[x], &[], |x, _| x[0].eq(0))?)?;
            T::formula(&[&count], &[], |x, _| x[0].eq(0))
        }
        Reduction::ArgMax => {
            let dim = reduce.dims[0];
            let largest = reduce_one(Reduction::Max, x, dim)?;
            let places = places_along(x, dim)?;
            // NaN is the largest, and does not equal itself.
            let hits = T::formula(&[x, &largest, &places], &[x.shape()[dim].into()], |x, n| {
                select(x[0].eq(x[1]).or(x[0].ne(x[0])), x[2], n[0])
            })?;
            of(Reduction::Min, &hits)
        }
    }
}

/// In the opposite order.
pub fn turned<T: Apply>(x: &T) -> Result<T> {
    if x.dtype().is_float() {
        return T::formula(&[x], &[], |x, _| -x[0]);
    }
    // Unlike the negative, this is there for every integer, and for `bool`.
    T::formula(&[x], &[], |x, _| x[0].bitwise_not())
}

/// For each element its place along a dimension, in a shape that broadcasts.
pub fn places_along<T: Apply>(x: &T, dim: usize) -> Result<T> {
    let mut shape = cresset_tensor::Shape::repeat(1, x.rank());
    shape[dim] = x.shape()[dim];
    formula_of_places(x, &shape, &[], |_, _| Expr::index())
}

/// `Σ a[…, m, k]·b[…, k, n]` over all `k`.
pub fn matmul<T: Apply>(a: &T, b: &T) -> Result<T> {
    let a = unsqueezed(a, a.rank())?;
    let b = unsqueezed(b, b.rank() - 2)?;
    let inner = a.rank().max(b.rank()) - 2;
    reduce_formula(Reduction::Sum, &[inner], false, &[&a, &b], &[], |x, _| x[0] * x[1])?.to_dtype(a.dtype())
}

/// A slice of `len` from the start of a dimension.
pub fn first<T: Apply>(x: &T, dim: usize, len: usize) -> Result<T> {
    view(x, View::Slice { dim, start: 0, len, step: 1 })
}
