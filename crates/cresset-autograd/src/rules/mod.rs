//! The interpreter `differentiate`: the rule of every operation, as mathematics.
//!
//! A rule is given the gradients of the outputs and what was saved, and says the gradient of every input. It knows
//! nothing of accumulation, of broadcasting, of dtypes or of devices: the driver sees to those. Rules are written in
//! ordinary methods over any type that goes through the door: over arrays for a first derivative, over tensors where
//! the derivative is itself recorded.

mod attention;
mod combine;
mod cross_entropy;
mod formula;
mod reduction;
mod scalar;
mod scan;
mod tangent;
mod window;

use cresset_ops::{
    Apply, DType, Error, Op, Result, Shape,
    methods::prelude::*,
    op::{Combine, List, Reduce, Reduction, Scan as ScanKind},
    view::View,
};
use cresset_tensor::{Layout, Listed};
use smallvec::{SmallVec, smallvec};

use crate::{
    Tensor,
    backward::Carrier,
    history::{Edge, Kind, Meta},
};
use combine::Places;
pub(crate) use tangent::tangent;

/// The gradients of an operation's inputs; `None` where there is none.
pub(crate) type Gradients<T> = SmallVec<[Option<T>; 2]>;

/// A few numbers of inputs or outputs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Some64(pub u64);

impl Some64 {
    pub const NONE: Some64 = Some64(0);
    pub const ALL: Some64 = Some64(u64::MAX);

    pub fn of(list: &[usize]) -> Some64 {
        Some64(list.iter().fold(0, |bits, &i| bits | 1 << i))
    }

    /// Those of which it is true. All beyond the first 64 count as contained.
    pub fn which(list: impl Iterator<Item = bool>) -> Some64 {
        Some64(list.take(64).enumerate().fold(0, |bits, (i, is)| bits | u64::from(is) << i))
    }

    pub fn contains(self, i: usize) -> bool {
        i >= 64 || self.0 >> i & 1 == 1
    }
}

/// Which inputs and outputs a rule needs to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needs {
    pub inputs: Some64,
    pub outputs: Some64,
}

impl Needs {
    pub const NOTHING: Needs = Needs { inputs: Some64::NONE, outputs: Some64::NONE };
}

/// What a rule is given.
pub(crate) struct Context<'a, T> {
    pub op: &'a Op,
    pub inputs: &'a [Option<T>],
    pub outputs: &'a [Option<T>],
    /// Where every input came from, and what it was like.
    pub edges: &'a [Edge],
    /// What every output was like.
    pub output_metas: &'a [Meta],
    /// For which inputs a gradient is asked.
    pub wanted: Some64,
}

impl<T: Apply> Context<'_, T> {
    pub fn x(&self, i: usize) -> Result<&T> {
        self.inputs.get(i).and_then(Option::as_ref).ok_or_else(|| self.missing("input", i))
    }

    pub fn y(&self, i: usize) -> Result<&T> {
        self.outputs.get(i).and_then(Option::as_ref).ok_or_else(|| self.missing("output", i))
    }

    fn missing(&self, what: &str, i: usize) -> Error {
        Error::gradient(self.op.name(), format!("{what} {i} was not saved for the derivative"))
    }

    pub fn wants(&self, i: usize) -> bool {
        self.wanted.contains(i)
    }

    /// What an input was like.
    pub fn input_meta(&self, i: usize) -> &Meta {
        self.edges[i].meta.as_ref().unwrap_or(&self.output_metas[0])
    }

    pub fn input_shape(&self, i: usize) -> &Shape {
        self.input_meta(i).shape()
    }

    /// `f()` if input `i` wants its gradient.
    fn when(&self, i: usize, f: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        self.wants(i).then(f).transpose()
    }
}

/// Zeros of an input's shape, to be added to, where another array lives.
pub(crate) fn zeros<T: Apply>(beside: &T, shape: &Shape, dtype: DType) -> Result<T> {
    beside.filled_beside("zeros", shape.clone(), dtype, 0)
}

fn no_rule(op: &Op, what: &str) -> Error {
    Error::gradient(op.name(), format!("has no derivative {what}; detach() what should be a constant"))
}

/// What the rule of an operation needs to see.
pub(crate) fn needs(op: &Op, wanted: Some64, inputs: usize) -> Needs {
    let (inputs, outputs) = match op {
        Op::Map(map) => return formula::needs(map, wanted, inputs),
        Op::Reduce(reduce) => return reduction::needs(reduce, wanted, inputs),
        Op::Scan { kind: ScanKind::Sum, .. } => (Some64::NONE, Some64::NONE),
        Op::Scan { kind: ScanKind::Prod | ScanKind::LogSumExp, .. } => (Some64::ALL, Some64::ALL),
        Op::Scan { kind: ScanKind::Max | ScanKind::Min, .. } => (Some64::NONE, Some64::of(&[1])),
        Op::View(_) | Op::Unview { .. } | Op::Overwrite(_) | Op::Concat { .. } | Op::ToDevice { .. } => {
            (Some64::NONE, Some64::NONE)
        }
        // Each factor's gradient is of the other one.
        Op::Matmul | Op::Convolve(_) => {
            let factor = |i: usize| wanted.contains(1 - i); // what is added needs neither
            (Some64((0..2).filter(|&i| factor(i)).fold(0, |bits, i| bits | 1 << i)), Some64::NONE)
        }
        Op::IndexPut { combine: Combine::Mul | Combine::Max | Combine::Min, .. }
        | Op::Scatter { combine: Combine::Mul | Combine::Max | Combine::Min, .. } => {
            (Some64::ALL, Some64::ALL)
        }
        Op::IndexSelect { .. } | Op::IndexPut { .. } | Op::Gather { .. } | Op::Scatter { .. } => {
            (Some64::of(&[1]), Some64::NONE)
        }
        Op::MaxPool(_) | Op::Sort { .. } | Op::TopK { .. } => (Some64::NONE, Some64::of(&[1])),
        Op::SearchSorted { .. } => (Some64::NONE, Some64::NONE),
        Op::Softmax { .. } => (Some64::NONE, Some64::ALL),
        Op::CrossEntropy { .. } => (Some64::of(&[1]), Some64::of(&[1])),
        Op::Normalize { .. } => (Some64::NONE, Some64::of(&[0, 2])),
        Op::Attention { .. } => (Some64::ALL, Some64::ALL),
        Op::AttentionBackward { .. } => (Some64::ALL, Some64::NONE),
    };
    Needs { inputs, outputs }
}

/// Is the gradient of an operation's one input that of its output, if both have one shape and dtype?
pub(crate) fn hands_on(kind: &Kind) -> bool {
    matches!(kind, Kind::Op(Op::Map(map)) if formula::hands_on(map))
}

/// The gradients of an operation's inputs, given those of its outputs.
///
/// The rules of the smallest and most frequent operations are here, compiled for arrays and for tensors; the others are in
/// [`seldom`], compiled for tensors alone.
pub(crate) fn differentiate<T: Carrier>(context: &Context<T>, dys: &[Option<T>]) -> Result<Gradients<T>> {
    let dy = dys.first().and_then(Option::as_ref);
    match (context.op, dy) {
        (Op::Map(map), _) => formula::differentiate(context, map, dys),
        (Op::Reduce(reduce), Some(dy)) if reduce.kind == Reduction::Sum => {
            reduction::sum(context, reduce, dy)
        }
        (Op::View(View::Reshape(_)), Some(dy)) => Ok(smallvec![Some(reshape(dy, context.input_shape(0))?)]),
        (Op::View(View::Permute(order)), Some(dy)) => Ok(smallvec![Some(permute_back(dy, order)?)]),
        // The driver sums what was broadcast.
        (Op::View(View::Expand(_)), Some(dy)) => Ok(smallvec![Some(dy.clone())]),
        (Op::Matmul, Some(dy)) => {
            let mut gradients: Gradients<T> = smallvec![
                context.when(0, || product(context, 0, dy, &transpose(context.x(1)?)?))?, // ∂/∂a
                context.when(1, || product(context, 1, &transpose(context.x(0)?)?, dy))?, // ∂/∂b
            ];
            if context.wants(2) {
                gradients.push(Some(dy.clone())); // what was added to every row, over which the driver sums
            }
            Ok(gradients)
        }
        // The second output is the derivative of the first.
        (Op::CrossEntropy { .. }, Some(dy)) if dys.get(1).is_none_or(Option::is_none) => {
            let slope = context.y(1)?;
            Ok(smallvec![Some(T::formula(&[dy, slope], &[], |x, _| x[0] * x[1])?), None])
        }
        (
            Op::Matmul
            | Op::View(_)
            | Op::Reduce(_)
            | Op::Scan { .. }
            | Op::Unview { .. }
            | Op::Overwrite(_)
            | Op::Concat { .. }
            | Op::Convolve(_)
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
        ) => T::over_tensors(context, dys, seldom),
    }
}

fn seldom(context: &Context<Tensor>, dys: &[Option<Tensor>]) -> Result<Gradients<Tensor>> {
    let op = context.op;
    let Some(dy) = dys.first().and_then(Option::as_ref) else {
        // One operation's first output may be without a gradient while another has one.
        return match op {
            Op::Normalize { dims, .. } => Ok(smallvec![Some(normalize(context, *dims, dys)?)]),
            Op::CrossEntropy { ignore, mean } => {
                Ok(smallvec![Some(cross_entropy::differentiate(context, *ignore, *mean, dys)?), None])
            }
            Op::Attention { causal, scale } => attention::differentiate(context, *causal, *scale, dys),
            Op::AttentionBackward { causal, scale } => {
                attention::differentiate_backward(context, *causal, *scale, dys)
            }
            Op::Map(_)
            | Op::Reduce(_)
            | Op::Scan { .. }
            | Op::View(_)
            | Op::Unview { .. }
            | Op::Overwrite(_)
            | Op::Concat { .. }
            | Op::Matmul
            | Op::Convolve(_)
            | Op::MaxPool(_)
            | Op::IndexSelect { .. }
            | Op::IndexPut { .. }
            | Op::Gather { .. }
            | Op::Scatter { .. }
            | Op::Sort { .. }
            | Op::TopK { .. }
            | Op::SearchSorted { .. }
            | Op::Softmax { .. }
            | Op::ToDevice { .. } => Ok(context.edges.iter().map(|_| None).collect()),
        };
    };
    let shape = |i: usize| context.input_shape(i);
    Ok(match op {
        Op::Map(_) | Op::Matmul | Op::View(View::Reshape(_) | View::Permute(_) | View::Expand(_)) => {
            differentiate(context, dys)?
        }
        Op::Reduce(reduce) => reduction::differentiate(context, reduce, dy)?,
        Op::Scan { kind, dim } => smallvec![Some(scan::differentiate(context, *kind, *dim, dy)?)],
        // A node keeps it as what it is the adjoint of, with the layout that was seen.
        Op::View(View::AsStrided { .. }) => return Err(no_rule(op, "without the layout of its input")),
        Op::View(
            view @ (View::Slice { .. } | View::Select { .. } | View::Diagonal { .. } | View::Unfold { .. }),
        ) => {
            let base = Layout::contiguous(shape(0).clone());
            smallvec![Some(Tensor::apply_one(Op::Unview { view: view.clone(), base: base.into() }, &[dy])?)]
        }
        Op::Unview { view, base } => smallvec![Some(look(dy, view, base)?)],
        Op::Overwrite(view) => {
            let base = Layout::contiguous(shape(0).clone());
            smallvec![
                context.when(0, || {
                    let blank = zeros(dy, shape(1), dy.dtype())?;
                    let dy = contiguous_for(dy, view)?;
                    Tensor::apply_one(Op::Overwrite(placed(view, &dy)), &[&dy, &blank])
                })?,
                context.when(1, || look(dy, view, &base))?,
            ]
        }
        Op::Concat { dim } => {
            let mut start = 0;
            let mut gradients = Gradients::new();
            for i in 0..context.edges.len() {
                let len = shape(i)[*dim];
                let slice = View::Slice { dim: *dim, start, len, step: 1 };
                gradients.push(context.when(i, || Tensor::apply_one(Op::View(slice), &[dy]))?);
                start += len;
            }
            gradients
        }
        Op::Convolve(convolution) => window::convolve(context, convolution, dy)?,
        Op::MaxPool(pool) => smallvec![Some(window::max_pool(context, pool.kernel.len(), dy)?)],
        Op::IndexSelect { dim } => {
            let add = Op::IndexPut { dim: *dim, combine: Combine::Add };
            smallvec![
                Some(Tensor::apply_one(add, &[&zeros(dy, shape(0), dy.dtype())?, context.x(1)?, dy])?),
                None
            ]
        }
        Op::IndexPut { dim, combine } => {
            let index = context.x(1)?;
            let read = || Tensor::apply_one(Op::IndexSelect { dim: *dim }, &[dy, index]);
            match combine {
                Combine::Set => smallvec![
                    context.when(0, || Tensor::apply_one(
                        op.clone(),
                        &[dy, index, &zeros(dy, shape(2), dy.dtype())?]
                    ))?,
                    None,
                    context.when(2, read)?,
                ],
                Combine::Add => smallvec![Some(dy.clone()), None, context.when(2, read)?],
                Combine::Mul => combine::product(context, Places::Slices, *dim, dy)?,
                Combine::Max | Combine::Min => combine::extreme(context, Places::Slices, *dim, dy)?,
            }
        }
        Op::Gather { dim } => {
            let add = Op::Scatter { dim: *dim, combine: Combine::Add };
            smallvec![
                Some(Tensor::apply_one(add, &[&zeros(dy, shape(0), dy.dtype())?, context.x(1)?, dy])?),
                None
            ]
        }
        Op::Scatter { dim, combine } => {
            let index = context.x(1)?;
            let read =
                || source_gradient(Tensor::apply_one(Op::Gather { dim: *dim }, &[dy, index])?, shape(2));
            match combine {
                Combine::Set => smallvec![
                    context.when(0, || Tensor::apply_one(
                        op.clone(),
                        &[dy, index, &zeros(dy, shape(2), dy.dtype())?]
                    ))?,
                    None,
                    context.when(2, read)?,
                ],
                Combine::Add => smallvec![Some(dy.clone()), None, context.when(2, read)?],
                Combine::Mul => combine::product(context, Places::Elements, *dim, dy)?,
                Combine::Max | Combine::Min => combine::extreme(context, Places::Elements, *dim, dy)?,
            }
        }
        Op::Sort { dim, .. } | Op::TopK { dim, .. } => {
            let add = Op::Scatter { dim: *dim, combine: Combine::Add };
            smallvec![Some(Tensor::apply_one(add, &[&zeros(dy, shape(0), dy.dtype())?, context.y(1)?, dy])?)]
        }
        Op::SearchSorted { .. } => return Err(no_rule(op, "")),
        Op::Softmax { dim, log: false } => {
            let y = context.y(0)?;
            let inner = Tensor::formula(&[dy, y], &[], |x, _| x[0] * x[1])?.sum_dim(*dim as i64, true)?;
            smallvec![Some(Tensor::formula(&[dy, y, &inner], &[], |x, _| x[1] * (x[0] - x[2]))?)]
        }
        Op::Softmax { dim, log: true } => {
            let total = dy.sum_dim(*dim as i64, true)?;
            smallvec![Some(
                Tensor::formula(&[dy, context.y(0)?, &total], &[], |x, _| x[0] - x[1].exp() * x[2])?
            )]
        }
        Op::CrossEntropy { ignore, mean } => {
            smallvec![Some(cross_entropy::differentiate(context, *ignore, *mean, dys)?), None]
        }
        Op::Normalize { dims, .. } => smallvec![Some(normalize(context, *dims, dys)?)],
        Op::Attention { causal, scale } => attention::differentiate(context, *causal, *scale, dys)?,
        Op::AttentionBackward { causal, scale } => {
            attention::differentiate_backward(context, *causal, *scale, dys)?
        }
        Op::ToDevice { from, to } => {
            smallvec![Some(Tensor::apply_one(Op::ToDevice { from: *to, to: *from }, &[dy])?)]
        }
    })
}

/// With `y = (x − mean)·r`: `∂x = r·(∂y − mean(∂y) − y·mean(∂y·y)) + ∂mean/n − ∂r·r²·y/n`.
fn normalize(context: &Context<Tensor>, dims: usize, dys: &[Option<Tensor>]) -> Result<Tensor> {
    let (y, r) = (context.y(0)?, context.y(2)?);
    let shape = context.input_shape(0);
    let last: Vec<i64> = (shape.rank() - dims..shape.rank()).map(|dim| dim as i64).collect();
    let n = 1.0 / shape[shape.rank() - dims..].iter().product::<usize>().max(1) as f64;
    let mut dx: Option<Tensor> = None;
    let mut add = |part: Tensor| -> Result<()> {
        dx = Some(match dx.take() {
            Some(sum) => sum.add(&part)?,
            None => part,
        });
        Ok(())
    };
    if let Some(dy) = &dys[0] {
        let mean = dy.sum_dim(last.clone(), true)?;
        let along = Tensor::formula(&[dy, y], &[], |x, _| x[0] * x[1])?.sum_dim(last, true)?;
        add(Tensor::formula(&[dy, y, r, &mean, &along], &[n.into()], |x, n| {
            x[2] * (x[0] - x[3] * n[0] - x[1] * (x[4] * n[0]))
        })?)?;
    }
    if let Some(dmean) = dys.get(1).and_then(Option::as_ref) {
        add(Tensor::formula(&[dmean], &[n.into()], |x, n| x[0] * n[0])?.broadcast_to(shape)?)?;
    }
    if let Some(dr) = dys.get(2).and_then(Option::as_ref) {
        add(Tensor::formula(&[dr, r, y], &[n.into()], |x, n| -x[0] * x[1] * x[1] * x[2] * n[0])?)?;
    }
    match dx {
        Some(dx) => Ok(dx),
        None => zeros(y, shape, context.input_meta(0).dtype),
    }
}

/// Reads through a view what its adjoint wrote into what was laid out as `base`.
pub(crate) fn look(dy: &Tensor, view: &View, base: &Layout) -> Result<Tensor> {
    let View::AsStrided { shape, strides, offset } = view else {
        return Tensor::apply_one(Op::View(view.clone()), &[dy]);
    };
    // A geometry is one over memory: lay the gradient out as the base was.
    let seen = Layout::new(shape.clone(), (**strides).clone(), *offset);
    let ends = [base.span()?, seen.span()?];
    let end = ends.iter().flatten().map(|(_, end)| *end).max().unwrap_or(0);
    let own = View::AsStrided {
        shape: base.shape().clone(),
        strides: base.strides().clone().into(),
        offset: base.offset(),
    };
    let memory = if base.is_contiguous() && base.offset() == 0 && end == base.numel() {
        contiguous_for(dy, view)?
    } else {
        Tensor::apply_one(Op::Unview { view: own, base: Layout::contiguous([end].into()).into() }, &[dy])?
    };
    Tensor::apply_one(Op::View(placed(view, &memory)), &[&memory])
}

/// A geometry from the beginning of memory as one from where an array begins in it.
fn placed(view: &View, x: &Tensor) -> View {
    match view {
        View::AsStrided { shape, strides, offset } => View::AsStrided {
            shape: shape.clone(),
            strides: strides.clone(),
            offset: offset + x.array().offset(),
        },
        View::Permute(_)
        | View::Expand(_)
        | View::Reshape(_)
        | View::Slice { .. }
        | View::Select { .. }
        | View::Diagonal { .. }
        | View::Unfold { .. } => view.clone(),
    }
}

/// A geometry over memory needs the memory to be row-major.
fn contiguous_for(dy: &Tensor, view: &View) -> Result<Tensor> {
    match view {
        View::AsStrided { .. } if !dy.array().is_contiguous() => copy(dy),
        View::AsStrided { .. }
        | View::Permute(_)
        | View::Expand(_)
        | View::Reshape(_)
        | View::Slice { .. }
        | View::Select { .. }
        | View::Diagonal { .. }
        | View::Unfold { .. } => Ok(dy.clone()),
    }
}

/// A row-major copy, as an operation.
pub(crate) fn copy(x: &Tensor) -> Result<Tensor> {
    Tensor::formula(&[x], &[], |x, _| x[0])
}

pub(crate) fn reshape<T: Apply>(x: &T, shape: &Shape) -> Result<T> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    T::apply_one(Op::View(View::Reshape(shape.clone())), &[x])
}

fn permute_back<T: Apply>(x: &T, order: &[usize]) -> Result<T> {
    let mut back: SmallVec<[usize; 4]> = SmallVec::from_elem(0, order.len());
    order.iter().enumerate().for_each(|(i, &axis)| back[axis] = i);
    T::apply_one(Op::View(View::Permute(back)), &[x])
}

/// A factor's gradient, which lies as the factor does: that of a linear map's weight, which is transposed to be multiplied, need
/// not be copied into order.
fn product<T: Apply>(context: &Context<T>, factor: usize, a: &T, b: &T) -> Result<T> {
    if context.input_meta(factor).is_transposed() {
        return transpose(&T::apply_one(Op::Matmul, &[&transpose(b)?, &transpose(a)?])?);
    }
    T::apply_one(Op::Matmul, &[a, b])
}

/// The last two dimensions exchanged.
pub(crate) fn transpose<T: Apply>(x: &T) -> Result<T> {
    let rank = x.rank();
    let mut order: SmallVec<[usize; 4]> = (0..rank).listed();
    order.swap(rank - 2, rank - 1);
    T::apply_one(Op::View(View::Permute(order)), &[x])
}

/// An index may be smaller than its source: what it does not reach has no gradient.
fn source_gradient(gathered: Tensor, shape: &Shape) -> Result<Tensor> {
    let mut gradient = gathered;
    for dim in 0..shape.rank() {
        let len = gradient.shape()[dim];
        if len < shape[dim] {
            let mut larger = gradient.shape().clone();
            larger[dim] = shape[dim];
            let view = View::Slice { dim, start: 0, len, step: 1 };
            let base = Layout::contiguous(larger);
            gradient = Tensor::apply_one(Op::Unview { view, base: base.into() }, &[&gradient])?;
        }
    }
    Ok(gradient)
}

/// The sum of a gradient over what was broadcast, in the shape and dtype of the input.
pub(crate) fn fit<T: Apply>(gradient: T, meta: &Meta) -> Result<T> {
    if meta.is_of(gradient.array()) {
        return Ok(gradient);
    }
    let (mut gradient, shape, dtype) = (gradient, meta.shape(), meta.dtype);
    if gradient.shape() != shape {
        let extra = gradient.rank().saturating_sub(shape.rank());
        let dims: List = (0..gradient.rank())
            .filter(|&dim| dim < extra || (shape[dim - extra] == 1 && gradient.shape()[dim] != 1))
            .listed();
        if !dims.is_empty() {
            // Where only leading dimensions go there is nothing to reshape.
            let keepdim = dims.len() > extra;
            let sum = Reduce { kind: Reduction::Sum, dims, keepdim, map: None };
            gradient = T::apply_one(Op::Reduce(Box::new(sum)), &[&gradient])?;
        }
        if gradient.numel() == shape.numel() {
            gradient = reshape(&gradient, shape)?;
        } else {
            // Smaller than the input: constant along what is missing.
            gradient = gradient.broadcast_to(shape)?;
        }
    }
    if gradient.dtype() != dtype { gradient.to_dtype(dtype) } else { Ok(gradient) }
}
