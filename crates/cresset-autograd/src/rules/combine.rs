//! Derivatives of writing at indices where what is written is combined with what is there: products and extremes.

use std::collections::HashMap;

use cresset_ops::{
    Apply, Array, Op, Result,
    expr::select,
    methods::prelude::*,
    op::{Combine, List, Reduce, Reduction},
    view::View,
};
use smallvec::smallvec;

use crate::Tensor;

use super::{Context, Gradients, reduction, reshape, source_gradient};

/// How the places of an index are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// Whole slices, as `index_put` has them.
    Slices,
    /// Elements, as `scatter` has them.
    Elements,
}

impl Places {
    fn read(self, dim: usize, x: &Tensor, index: &Tensor) -> Result<Tensor> {
        let op = match self {
            Places::Slices => Op::IndexSelect { dim },
            Places::Elements => Op::Gather { dim },
        };
        Tensor::apply_one(op, &[x, index])
    }

    fn write(
        self,
        dim: usize,
        combine: Combine,
        x: &Tensor,
        index: &Tensor,
        source: &Tensor,
    ) -> Result<Tensor> {
        let op = match self {
            Places::Slices => Op::IndexPut { dim, combine },
            Places::Elements => Op::Scatter { dim, combine },
        };
        Tensor::apply_one(op, &[x, index, source])
    }
}

/// Equals share the gradient of the largest or smallest.
pub(super) fn extreme(
    context: &Context<Tensor>,
    places: Places,
    dim: usize,
    dy: &Tensor,
) -> Result<Gradients<Tensor>> {
    let (x, index, y) = (context.x(0)?, context.x(1)?, context.y(0)?);
    let source = &used(context.x(2)?, index, places)?;
    let there = &places.read(dim, y, index)?;
    let won = |a: &Tensor, b: &Tensor| Tensor::formula(&[a, b], &[], |x, _| x[0].eq(x[1]).cast_like(x[0]));
    let count = places.write(dim, Combine::Add, &won(x, y)?, index, &won(source, there)?)?;
    let share = Tensor::formula(&[dy, &count], &[], |x, _| x[0] / x[1])?;
    let given = |a: &Tensor, b: &Tensor, share: &Tensor| {
        Tensor::formula(&[a, b, share], &[], |x, _| select(x[0].eq(x[1]), x[2], 0.0))
    };
    Ok(smallvec![
        context.when(0, || given(x, y, &share))?,
        None,
        context.when(2, || {
            let shares = places.read(dim, &share, index)?;
            source_gradient(given(source, there, &shares)?, context.input_shape(2))
        })?,
    ])
}

/// `∂y·y/x` and so on where nothing is zero; else by the products of all others.
pub(super) fn product(
    context: &Context<Tensor>,
    places: Places,
    dim: usize,
    dy: &Tensor,
) -> Result<Gradients<Tensor>> {
    let (x, index, y) = (context.x(0)?, context.x(1)?, context.y(0)?);
    let source = &used(context.x(2)?, index, places)?;
    let zeros = |x: &Tensor| Ok(x.array().to_f64s()?.contains(&0.0));
    if zeros(x)? || zeros(source)? {
        return product_of_others(context, places, dim, source, dy);
    }
    let weighted = Tensor::formula(&[dy, y], &[], |x, _| x[0] * x[1])?;
    Ok(smallvec![
        context.when(0, || weighted.div(x))?,
        None,
        context.when(2, || {
            source_gradient(places.read(dim, &weighted, index)?.div(source)?, context.input_shape(2))
        })?,
    ])
}

/// With all that meets at a place side by side in a dimension of its own, the product is a reduction, whose rule is
/// right where there are zeros.
fn product_of_others(
    context: &Context<Tensor>,
    places: Places,
    dim: usize,
    source: &Tensor,
    dy: &Tensor,
) -> Result<Gradients<Tensor>> {
    // A single number is a list of one.
    let list = |t: &Tensor| if t.rank() == 0 { reshape(t, &[t.numel()].into()) } else { Ok(t.clone()) };
    let (x, index, source, dy) = (list(context.x(0)?)?, list(context.x(1)?)?, list(source)?, list(dy)?);
    let size = x.shape()[dim];
    let (slots, depth) = side_by_side(index.array(), places, dim, size)?;
    let slots = x.beside(slots)?;
    let mut long = x.shape().clone();
    long[dim] = size * depth;
    let mut deep = x.shape().clone();
    deep.insert(dim + 1, depth);
    let mut one = x.shape().clone();
    one.insert(dim + 1, 1);
    let blank = x.filled_beside("ones", long.clone(), x.dtype(), 1)?;
    let spread = places.write(dim, Combine::Set, &blank, &slots, &source)?;
    let factors = [&reshape(&x, &one)?, &reshape(&spread, &deep)?];
    let factors = Tensor::apply_one(Op::Concat { dim: dim + 1 }, &factors)?;
    let dims: List = smallvec![dim + 1];
    let reduce = Reduce { kind: Reduction::Prod, dims, keepdim: true, map: None };
    let gradient = reduction::product(&reduce, &factors, &reshape(&dy, &one)?)?;
    let part = |start: usize, len: usize| {
        Tensor::apply_one(Op::View(View::Slice { dim: dim + 1, start, len, step: 1 }), &[&gradient])
    };
    Ok(smallvec![
        context.when(0, || reshape(&part(0, 1)?, context.input_shape(0)))?,
        None,
        context.when(2, || {
            let read = places.read(dim, &reshape(&part(1, depth)?, &long)?, &slots)?;
            if context.input_shape(2).rank() == 0 {
                return reshape(&read, context.input_shape(2));
            }
            source_gradient(read, context.input_shape(2))
        })?,
    ])
}

/// Each index as a place of its own, there being `depth` for each: as many as the most that meet at one.
fn side_by_side(index: &Array, places: Places, dim: usize, size: usize) -> Result<(Array, usize)> {
    let shape = index.shape();
    let (after, len) = match places {
        Places::Slices => (1, shape.numel()),
        Places::Elements => (shape[dim + 1..].iter().product::<usize>().max(1), shape[dim].max(1)),
    };
    let targets = index.to_i64s()?;
    let mut seen: HashMap<(usize, i64), i64> = HashMap::new();
    let mut turns = Vec::with_capacity(targets.len());
    for (i, &target) in targets.iter().enumerate() {
        let row = if places == Places::Slices { 0 } else { i / (after * len) * after + i % after };
        let count = seen.entry((row, target.rem_euclid(size.max(1) as i64))).or_default();
        turns.push(*count);
        *count += 1;
    }
    let depth = seen.values().copied().max().unwrap_or(1);
    let slots =
        targets.iter().zip(turns).map(|(&target, turn)| target.rem_euclid(size.max(1) as i64) * depth + turn);
    Ok((Array::from_vec(slots.collect::<Vec<i64>>(), shape.clone())?, depth as usize))
}

/// The part of a source that an index, which may be smaller, takes.
fn used(source: &Tensor, index: &Tensor, places: Places) -> Result<Tensor> {
    let mut source = source.clone();
    if places == Places::Slices || source.rank() != index.rank() {
        return Ok(source);
    }
    for dim in 0..source.rank() {
        let len = index.shape()[dim];
        if len < source.shape()[dim] {
            source = Tensor::apply_one(Op::View(View::Slice { dim, start: 0, len, step: 1 }), &[&source])?;
        }
    }
    Ok(source)
}
