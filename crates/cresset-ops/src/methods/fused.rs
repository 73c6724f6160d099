//! What method files share: a reduction of a formula as one operation, and arguments that are one number for every
//! dimension or one for each.

use cresset_tensor::{Error, Listed, Result, Scalar, Shape, Sizes};

use crate::{
    Apply, Expr,
    backend::execute_at,
    expr::Closure,
    op::{List, Map, Numbers, Op, Reduce, Reduction},
    view::View,
};

/// A reduction of a formula's values, which are never written to memory.
#[track_caller]
pub(crate) fn reduce_formula<T: Apply, F>(
    kind: Reduction,
    dims: &[usize],
    keepdim: bool,
    inputs: &[&T],
    numbers: &[Scalar],
    f: F,
) -> Result<T>
where
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    reduce_closure(kind, dims, keepdim, inputs, numbers, Closure::of(&f))
}

/// [`reduce_formula`] of a closure whose type is forgotten: compiled once for all.
#[track_caller]
#[inline(never)]
pub(crate) fn reduce_closure<T: Apply>(
    kind: Reduction,
    dims: &[usize],
    keepdim: bool,
    inputs: &[&T],
    numbers: &[Scalar],
    closure: Closure,
) -> Result<T> {
    let map = Map::of(closure.traced(inputs.len(), numbers.len()), numbers);
    let reduce = Reduce { kind, dims: List::from_slice(dims), keepdim, map: Some(map) };
    T::apply_one(Op::Reduce(Box::new(reduce)), inputs)
}

/// The sizes of a window and the like: one for every dimension, or one for each, none below `least`.
#[track_caller]
pub(crate) fn per_dimension(
    name: &'static str,
    what: &str,
    list: &Sizes,
    dims: usize,
    least: i64,
) -> Result<List> {
    if list.len() != 1 && list.len() != dims {
        return Err(Error::argument(name, format!("{what} must be one number or {dims}, not {list}")));
    }
    if let Some(size) = list.iter().find(|&&size| size < least) {
        return Err(Error::argument(name, format!("{what} must be at least {least}, but is {size}")));
    }
    Ok((0..dims).map(|dim| list[if list.len() == 1 { 0 } else { dim }] as usize).collect())
}

/// Dimensions in another order.
#[track_caller]
pub(crate) fn permuted<T: Apply>(x: &T, order: &[usize]) -> Result<T> {
    T::apply_one(Op::View(View::Permute(List::from_slice(order))), &[x])
}

/// The last two dimensions exchanged.
#[track_caller]
pub(crate) fn transposed<T: Apply>(x: &T) -> Result<T> {
    let mut order: List = (0..x.rank()).listed();
    if let [.., a, b] = order.as_mut_slice() {
        std::mem::swap(a, b);
    }
    permuted(x, &order)
}

/// The same elements in another shape of as many.
#[track_caller]
pub(crate) fn shaped<T: Apply>(x: &T, shape: Shape) -> Result<T> {
    if *x.shape() == shape {
        return Ok(x.clone());
    }
    T::apply_one(Op::View(View::Reshape(shape)), &[x])
}

/// With one more dimension of size one before `dim`.
#[track_caller]
pub(crate) fn unsqueezed<T: Apply>(x: &T, dim: usize) -> Result<T> {
    let mut shape = x.shape().clone();
    shape.insert(dim, 1);
    shaped(x, shape)
}

/// Without a dimension of size one.
#[track_caller]
pub(crate) fn squeezed<T: Apply>(x: &T, dim: usize) -> Result<T> {
    let mut shape = x.shape().clone();
    shape.remove(dim);
    shaped(x, shape)
}

/// The sum over some dimensions of a formula's values.
#[track_caller]
pub(crate) fn sum_formula<T: Apply, F>(
    inputs: &[&T],
    numbers: &[Scalar],
    dims: impl IntoIterator<Item = usize>,
    keepdim: bool,
    f: F,
) -> Result<T>
where
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    let dims: List = dims.into_iter().listed();
    reduce_formula(Reduction::Sum, &dims, keepdim, inputs, numbers, f)
}

/// A formula over a shape that the inputs need not tell: they broadcast to it.
#[track_caller]
pub(crate) fn formula_over<T: Apply, F>(shape: &Shape, inputs: &[&T], numbers: &[Scalar], f: F) -> Result<T>
where
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    closure_over(shape, inputs, numbers, Closure::of(&f))
}

#[track_caller]
#[inline(never)]
fn closure_over<T: Apply>(shape: &Shape, inputs: &[&T], numbers: &[Scalar], closure: Closure) -> Result<T> {
    let program = closure.traced(inputs.len(), numbers.len());
    let map = Map { program, numbers: Numbers::from_slice(numbers), shape: Some(shape.clone().into()) };
    T::apply_one(Op::Map(map), inputs)
}

/// A formula of places alone, over a shape. No input tells where to compute it: where another array lives.
#[track_caller]
pub(crate) fn formula_of_places<T: Apply, F>(beside: &T, shape: &Shape, numbers: &[Scalar], f: F) -> Result<T>
where
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    let program = Closure::of(&f).traced(0, numbers.len());
    let map = Map { program, numbers: Numbers::from_slice(numbers), shape: Some(shape.clone().into()) };
    Ok(T::constant(execute_at(beside.device(), &Op::Map(map))?))
}
