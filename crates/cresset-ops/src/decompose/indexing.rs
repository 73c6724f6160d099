//! Reading and writing at places, and the adjoints of views, in terms of gather and scatter.

use cresset_tensor::{Error, Layout, Result, Shape};

use super::{flat, index, view};
use crate::{
    Apply,
    methods::fused::shaped,
    op::{Combine, Op},
    view::View,
};

/// One index for every element of the slices it names.
fn spread<T: Apply>(index: &T, dim: usize, shape: &Shape) -> Result<T> {
    let mut column = Shape::repeat(1, shape.rank());
    column[dim] = index.numel();
    let mut wanted = shape.clone();
    wanted[dim] = index.numel();
    view(&shaped(index, column)?, View::Expand(wanted))
}

/// A single number as a vector of one.
fn vector<T: Apply>(x: &T) -> Result<T> {
    if x.rank() == 0 { flat(x) } else { Ok(x.clone()) }
}

pub fn index_select<T: Apply>(dim: usize, x: &T, index: &T) -> Result<T> {
    let line = vector(x)?;
    let y = T::apply_one(Op::Gather { dim }, &[&line, &spread(index, dim, line.shape())?])?;
    if x.rank() == 0 { shaped(&y, ().into()) } else { Ok(y) }
}

pub fn index_put<T: Apply>(dim: usize, combine: Combine, x: &T, index: &T, source: &T) -> Result<T> {
    let (line, source) = (vector(x)?, vector(source)?);
    let index = spread(index, dim, line.shape())?;
    let y = T::apply_one(Op::Scatter { dim, combine }, &[&line, &index, &source])?;
    if x.rank() == 0 { shaped(&y, ().into()) } else { Ok(y) }
}

/// Each at its place in zeros.
pub fn concat<T: Apply>(dim: usize, inputs: &[&T]) -> Result<T> {
    let mut shape = inputs[0].shape().clone();
    shape[dim] = inputs.iter().map(|x| x.shape()[dim]).sum();
    let mut result = inputs[0].filled_beside("cat", shape, inputs[0].dtype(), 0)?;
    let mut start = 0;
    for x in inputs {
        let end = start + x.shape()[dim] as i64;
        let put = Op::IndexPut { dim, combine: Combine::Set };
        result = T::apply_one(put, &[&result, &index(*x, (start..end).collect())?, x])?;
        start = end;
    }
    Ok(result)
}

fn places<T: Apply>(like: &T, layout: &Layout) -> Result<T> {
    index(like, layout.places().map(|place| place as i64).collect())
}

/// Added into zeros at the places which the view shows; then the base read from there.
pub fn unview<T: Apply>(view: &View, base: &Layout, x: &T) -> Result<T> {
    let (fresh, through) = view.adjoint_layout(base)?;
    let mut end = 0;
    for layout in [&fresh, &through] {
        end = layout.span()?.map_or(end, |(_, high)| end.max(high));
    }
    let memory = x.filled_beside("unview", [end].into(), x.dtype(), 0)?;
    let add = Op::IndexPut { dim: 0, combine: Combine::Add };
    let memory = T::apply_one(add, &[&memory, &places(x, &through)?, &flat(x)?])?;
    let line = T::apply_one(Op::IndexSelect { dim: 0 }, &[&memory, &places(x, &fresh)?])?;
    shaped(&line, base.shape().clone())
}

/// The source put at the places which the view shows.
pub fn overwrite<T: Apply>(view: &View, base: &T, source: &T) -> Result<T> {
    let layout = match view {
        View::AsStrided { shape, strides, offset } => {
            let array = base.array();
            match offset.checked_sub(array.offset()) {
                Some(offset) if array.is_contiguous() => {
                    Layout::new(shape.clone(), (**strides).clone(), offset)
                }
                _ => return Err(Error::argument("overwrite", "as_strided needs a contiguous array")),
            }
        }
        View::Permute(_)
        | View::Expand(_)
        | View::Reshape(_)
        | View::Slice { .. }
        | View::Select { .. }
        | View::Diagonal { .. }
        | View::Unfold { .. } => view.adjoint_layout(&Layout::contiguous(base.shape().clone()))?.1,
    };
    let set = Op::IndexPut { dim: 0, combine: Combine::Set };
    let line = T::apply_one(set, &[&flat(base)?, &places(base, &layout)?, &flat(source)?])?;
    shaped(&line, base.shape().clone())
}
