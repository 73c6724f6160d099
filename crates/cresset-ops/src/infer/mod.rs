//! The interpreter `infer`: the shapes and dtypes of an operation's outputs, or the error a person reads.
//!
//! Everything that can be refused without looking at the numbers is refused here, so that the interpreters that
//! compute may rely on it.

mod attention;
mod window;

pub(crate) use attention::{Extent, exact, extent};
pub(crate) use window::windows;

use cresset_tensor::{Array, DType, Error, Listed, Result, Shape};
use smallvec::{SmallVec, smallvec};

use crate::{
    expr::Type,
    op::{Map, Op, Reduce, Reduction, Role, Scan},
};

/// Shape and dtype of one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its shape.
    pub shape: Shape,
    /// Its dtype.
    pub dtype: DType,
}

/// Shapes and dtypes of all outputs.
pub type Metas = SmallVec<[Meta; 1]>;

fn meta(shape: Shape, dtype: DType) -> Meta {
    Meta { shape, dtype }
}

/// What an operation gives for such inputs. Only layouts and dtypes of the inputs are looked at.
pub fn infer(op: &Op, inputs: &[&Array]) -> Result<Metas> {
    Ok(match op {
        Op::Map(map) => infer_map(map, inputs)?,
        Op::Reduce(reduce) => smallvec![infer_reduce(reduce, inputs)?],
        Op::Scan { kind, dim } => {
            let [x] = take(op, inputs)?;
            let shape = x.shape().clone();
            check_axis(op, x, *dim)?;
            match kind {
                Scan::Sum | Scan::Prod => smallvec![meta(shape, kind.dtype(x.dtype()))],
                Scan::LogSumExp => {
                    check_float(op, x)?;
                    smallvec![meta(shape, x.dtype())]
                }
                Scan::Max | Scan::Min => smallvec![meta(shape.clone(), x.dtype()), meta(shape, DType::I64)],
            }
        }
        Op::ToDevice { .. } => {
            let [x] = take(op, inputs)?;
            smallvec![meta(x.shape().clone(), x.dtype())]
        }
        Op::View(view) => {
            let [x] = take(op, inputs)?;
            smallvec![meta(view.shape(x.layout())?, x.dtype())]
        }
        Op::Unview { view, base } => {
            let [x] = take(op, inputs)?;
            check_shape(op, x, &view.shape(base)?)?;
            smallvec![meta(base.shape().clone(), x.dtype())]
        }
        Op::Overwrite(view) => {
            let [base, source] = take(op, inputs)?;
            check_same_dtype(op, base, source)?;
            check_shape(op, source, &view.shape(base.layout())?)?;
            smallvec![meta(base.shape().clone(), base.dtype())]
        }
        Op::Concat { dim } => smallvec![infer_concat(op, *dim, inputs)?],
        Op::Matmul => {
            let ([a, b], bias) = take_biased(op, inputs)?;
            let product = infer_matmul(op, a, b)?;
            check_bias(op, bias, &product, product.shape.rank() - 1)?;
            smallvec![product]
        }
        Op::Convolve(convolution) => {
            let ([a, b], bias) = match convolution.role {
                Role::Output => take_biased(op, inputs)?,
                Role::Input | Role::Weight => (take(op, inputs)?, None),
            };
            let product = window::infer_convolution(op, convolution, a, b)?;
            check_bias(op, bias, &product, 1)?;
            smallvec![product]
        }
        Op::MaxPool(window) => {
            let [x] = take(op, inputs)?;
            let shape = window::infer_pool(op, window, x)?;
            smallvec![meta(shape.clone(), x.dtype()), meta(shape, DType::I64)]
        }
        Op::IndexSelect { dim } => {
            let [x, index] = take(op, inputs)?;
            check_index(op, index)?;
            check_axis(op, x, *dim)?;
            check_vector(op, x, index)?;
            let mut shape = x.shape().clone();
            if shape.rank() > 0 {
                shape[*dim] = index.numel();
            }
            smallvec![meta(shape, x.dtype())]
        }
        Op::IndexPut { dim, .. } => {
            let [x, index, source] = take(op, inputs)?;
            check_index(op, index)?;
            check_axis(op, x, *dim)?;
            check_same_dtype(op, x, source)?;
            check_vector(op, x, index)?;
            let mut shape = x.shape().clone();
            if shape.rank() > 0 {
                shape[*dim] = index.numel();
            }
            check_shape(op, source, &shape)?;
            smallvec![meta(x.shape().clone(), x.dtype())]
        }
        Op::Gather { dim } => {
            let [x, index] = take(op, inputs)?;
            check_gather(op, *dim, x, index)?;
            smallvec![meta(index.shape().clone(), x.dtype())]
        }
        Op::Scatter { dim, .. } => {
            let [x, index, source] = take(op, inputs)?;
            check_same_dtype(op, x, source)?;
            check_gather(op, *dim, x, index)?;
            let fits = index.rank().max(1) == source.rank().max(1)
                && index.shape().iter().zip(source.shape()).all(|(small, large)| small <= large);
            if !fits && index.numel() > 0 {
                return Err(Error::shape(
                    op.name(),
                    format!("index {} reaches beyond the source {}", index.shape(), source.shape()),
                ));
            }
            smallvec![meta(x.shape().clone(), x.dtype())]
        }
        Op::Sort { dim, .. } => {
            let [x] = take(op, inputs)?;
            check_axis(op, x, *dim)?;
            smallvec![meta(x.shape().clone(), x.dtype()), meta(x.shape().clone(), DType::I64)]
        }
        Op::TopK { k, dim, .. } => {
            let [x] = take(op, inputs)?;
            check_axis(op, x, *dim)?;
            let mut shape = x.shape().clone();
            let size = shape.get(*dim).copied().unwrap_or(1);
            if *k > size {
                return Err(Error::index(
                    op.name(),
                    format!("k = {k} exceeds the {size} elements of dimension {dim}"),
                ));
            }
            if shape.rank() > 0 {
                shape[*dim] = *k;
            }
            smallvec![meta(shape.clone(), x.dtype()), meta(shape, DType::I64)]
        }
        Op::SearchSorted { .. } => {
            let [sorted, values] = take(op, inputs)?;
            check_same_dtype(op, sorted, values)?;
            let rows = |x: &Array| Shape::from_slice(&x.shape()[..x.rank().saturating_sub(1)]);
            if sorted.rank() == 0 || (sorted.rank() > 1 && rows(sorted) != rows(values)) {
                return Err(Error::shape(
                    op.name(),
                    format!(
                        "the sorted sequences must have one dimension, or all but the last in common with the values; got {} and {}",
                        sorted.shape(),
                        values.shape()
                    ),
                ));
            }
            smallvec![meta(values.shape().clone(), DType::I64)]
        }
        Op::Softmax { dim, .. } => {
            let [x] = take(op, inputs)?;
            check_float(op, x)?;
            check_axis(op, x, *dim)?;
            smallvec![meta(x.shape().clone(), x.dtype())]
        }
        Op::CrossEntropy { .. } => {
            let [x, target] = take(op, inputs)?;
            check_float(op, x)?;
            check_index(op, target)?;
            if x.rank() != 2 || target.shape()[..] != x.shape()[..1] || x.shape()[1] == 0 {
                return Err(Error::shape(
                    op.name(),
                    format!(
                        "takes logits [n, classes] and n targets, not {} and {}",
                        x.shape(),
                        target.shape()
                    ),
                ));
            }
            smallvec![meta(Shape::default(), x.dtype()), meta(x.shape().clone(), x.dtype())]
        }
        Op::Attention { .. } => attention::infer(op, inputs)?,
        Op::AttentionBackward { .. } => attention::infer_backward(op, inputs)?,
        Op::Normalize { dims, .. } => {
            let [x] = take(op, inputs)?;
            check_float(op, x)?;
            let Some(kept) = x.rank().checked_sub(*dims) else {
                return Err(Error::shape(
                    op.name(),
                    format!("{dims} dimensions of shape {} cannot be normalised", x.shape()),
                ));
            };
            let mut rows = x.shape().clone();
            rows[kept..].fill(1);
            smallvec![
                meta(x.shape().clone(), x.dtype()),
                meta(rows.clone(), x.dtype()),
                meta(rows, x.dtype())
            ]
        }
    })
}

/// Exactly so many inputs.
pub(crate) fn take<'a, const N: usize>(op: &Op, inputs: &[&'a Array]) -> Result<[&'a Array; N]> {
    inputs
        .try_into()
        .map_err(|_| Error::argument(op.name(), format!("takes {N} inputs, not {}", inputs.len())))
}

/// The shape all inputs broadcast to.
pub fn broadcast(name: &'static str, inputs: &[&Array], shape: Option<&Shape>) -> Result<Shape> {
    let fail = |x: &Array, found: &Shape| {
        Error::shape(
            name,
            format!(
                "shapes {} and {} do not broadcast together: counted from the right, each pair of sizes must be equal or one of them 1",
                found,
                x.shape()
            ),
        )
    };
    if let Some(shape) = shape {
        for x in inputs {
            if x.shape().broadcast(shape).as_ref() != Some(shape) {
                return Err(fail(x, shape));
            }
        }
        return Ok(shape.clone());
    }
    let [first, rest @ ..] = inputs else { return Ok(Shape::default()) };
    let mut shape = first.shape().clone();
    for x in rest {
        if *x.shape() != shape {
            shape = shape.broadcast(x.shape()).ok_or_else(|| fail(x, &shape))?;
        }
    }
    Ok(shape)
}

/// The dtypes of a formula's outputs.
pub fn map_dtypes(map: &Map, inputs: &[&Array]) -> Result<SmallVec<[DType; 2]>> {
    let program = &map.program;
    if program.inputs() != inputs.len() || program.numbers() != map.numbers.len() {
        return Err(Error::argument(
            program.name(),
            format!("the formula takes {} arrays and {} numbers", program.inputs(), program.numbers()),
        ));
    }
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).listed();
    let types = program.types(&types, &map.numbers)?;
    Ok(program.outputs().iter().map(|&id| types[id as usize].dtype).collect())
}

fn infer_map(map: &Map, inputs: &[&Array]) -> Result<Metas> {
    let dtypes = map_dtypes(map, inputs)?;
    let shape = broadcast(map.program.name(), inputs, map.shape.as_deref())?;
    Ok(dtypes.into_iter().map(|dtype| meta(shape.clone(), dtype)).collect())
}

fn infer_reduce(reduce: &Reduce, inputs: &[&Array]) -> Result<Meta> {
    let name = reduce.kind.name();
    let (shape, dtype) = match &reduce.map {
        Some(map) => {
            let metas = infer_map(map, inputs)?;
            match metas.into_iter().next() {
                Some(Meta { shape, dtype }) => (shape, dtype),
                None => return Err(Error::argument(name, "the formula has no output")),
            }
        }
        None => {
            let [x]: [&Array; 1] = inputs
                .try_into()
                .map_err(|_| Error::argument(name, format!("takes 1 input, not {}", inputs.len())))?;
            (x.shape().clone(), x.dtype())
        }
    };
    let mut kept = Shape::default();
    for (i, &size) in shape.iter().enumerate() {
        if !reduce.dims.contains(&i) {
            kept.push(size);
            continue;
        }
        if size == 0
            && !reduce.kind.has_identity()
            && shape.iter().enumerate().all(|(j, &n)| n > 0 || reduce.dims.contains(&j))
        {
            return Err(Error::shape(
                name,
                format!("dimension {i} of shape {shape} is empty, and {name} of nothing is not defined"),
            ));
        }
        if reduce.keepdim {
            kept.push(1);
        }
    }
    if let Some(&dim) = reduce.dims.iter().find(|&&dim| dim >= shape.rank()) {
        return Err(Error::index(name, format!("dimension {dim} out of range for shape {shape}")));
    }
    let arg = matches!(reduce.kind, Reduction::ArgMax | Reduction::ArgMin);
    if arg && (reduce.dims.len() != 1 || shape.rank() == 0) {
        return Err(Error::argument(name, "needs exactly one dimension"));
    }
    Ok(meta(kept, reduce.kind.dtype(dtype)))
}

fn infer_concat(op: &Op, dim: usize, inputs: &[&Array]) -> Result<Meta> {
    let [first, rest @ ..] = inputs else {
        return Err(Error::argument(op.name(), "needs at least one array"));
    };
    check_axis(op, first, dim)?;
    if first.rank() == 0 {
        return Err(Error::shape(op.name(), "arrays without dimensions cannot be concatenated; use stack"));
    }
    let mut shape = first.shape().clone();
    for x in rest {
        check_same_dtype(op, first, x)?;
        let fits = x.rank() == shape.rank()
            && x.shape().iter().zip(&shape).enumerate().all(|(i, (a, b))| i == dim || a == b);
        if !fits {
            return Err(Error::shape(
                op.name(),
                format!("sizes must match except in dimension {dim}: {} and {}", first.shape(), x.shape()),
            ));
        }
        shape[dim] = shape[dim].saturating_add(x.shape()[dim]);
    }
    shape.checked_numel(op.name())?;
    Ok(meta(shape, first.dtype()))
}

/// Two inputs, and perhaps what is added to their product.
fn take_biased<'a>(op: &Op, inputs: &[&'a Array]) -> Result<([&'a Array; 2], Option<&'a Array>)> {
    match *inputs {
        [a, b, bias] => Ok(([a, b], Some(bias))),
        _ => Ok((take(op, inputs)?, None)),
    }
}

/// What is added to a product has one number for each place of a dimension.
fn check_bias(op: &Op, bias: Option<&Array>, product: &Meta, dim: usize) -> Result<()> {
    let Some(bias) = bias else { return Ok(()) };
    let count = product.shape[dim];
    if bias.shape()[..] != [count] {
        return Err(Error::shape(
            op.name(),
            format!("what is added must have one number for each of {count}, not {}", bias.shape()),
        ));
    }
    if bias.dtype() != product.dtype {
        return Err(Error::dtype(
            op.name(),
            format!("what is added must have the product's dtype: {} and {}", bias.dtype(), product.dtype),
        ));
    }
    Ok(())
}

fn infer_matmul(op: &Op, a: &Array, b: &Array) -> Result<Meta> {
    check_same_dtype(op, a, b)?;
    let (x, y) = (a.shape(), b.shape());
    if x.rank() < 2 || y.rank() < 2 {
        return Err(Error::shape(
            op.name(),
            format!("needs at least two dimensions on both sides: {x} @ {y}"),
        ));
    }
    let (m, k) = (x[x.rank() - 2], x[x.rank() - 1]);
    let (l, n) = (y[y.rank() - 2], y[y.rank() - 1]);
    if k != l {
        return Err(Error::shape(op.name(), format!("inner dimensions differ: {x} @ {y} ({k} against {l})")));
    }
    let batch = |shape: &Shape| Shape::from_slice(&shape[..shape.rank() - 2]);
    let Some(mut shape) = batch(x).broadcast(&batch(y)) else {
        return Err(Error::shape(
            op.name(),
            format!("the dimensions before the last two do not broadcast: {x} @ {y}"),
        ));
    };
    shape.push(m);
    shape.push(n);
    Ok(meta(shape, a.dtype()))
}

/// `dim` must be one of the array's; a single number counts as having one.
fn check_axis(op: &Op, x: &Array, dim: usize) -> Result<()> {
    if dim < x.rank().max(1) {
        return Ok(());
    }
    Err(Error::index(op.name(), format!("dimension {dim} out of range for shape {}", x.shape())))
}

fn check_float(op: &Op, x: &Array) -> Result<()> {
    if x.dtype().is_float() {
        return Ok(());
    }
    Err(Error::dtype(
        op.name(),
        format!("needs floating point, not {}; convert with to_dtype first", x.dtype()),
    ))
}

fn check_index(op: &Op, index: &Array) -> Result<()> {
    if index.dtype() == DType::I64 {
        return Ok(());
    }
    Err(Error::dtype(op.name(), format!("the index must be int64, not {}", index.dtype())))
}

/// An index along a dimension is a list; of a single number there is one slice to be had.
fn check_vector(op: &Op, x: &Array, index: &Array) -> Result<()> {
    if index.rank() > 1 {
        return Err(Error::shape(
            op.name(),
            format!("the index must have one dimension, not {}", index.shape()),
        ));
    }
    if x.rank() == 0 && index.numel() != 1 {
        return Err(Error::shape(
            op.name(),
            format!("a single number takes an index of 1 element, not {}", index.numel()),
        ));
    }
    Ok(())
}

fn check_same_dtype(op: &Op, a: &Array, b: &Array) -> Result<()> {
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(Error::dtype(
        op.name(),
        format!("both must have one dtype: {} and {}; convert with to_dtype", a.dtype(), b.dtype()),
    ))
}

fn check_shape(op: &Op, x: &Array, shape: &Shape) -> Result<()> {
    if x.shape() == shape {
        return Ok(());
    }
    Err(Error::shape(op.name(), format!("needs shape {shape}, not {}", x.shape())))
}

fn check_gather(op: &Op, dim: usize, x: &Array, index: &Array) -> Result<()> {
    check_index(op, index)?;
    check_axis(op, x, dim)?;
    if index.numel() == 0 {
        return Ok(());
    }
    if index.rank().max(1) != x.rank().max(1) {
        return Err(Error::shape(
            op.name(),
            format!(
                "index and input must have the same number of dimensions: {} and {}",
                index.shape(),
                x.shape()
            ),
        ));
    }
    let beyond =
        index.shape().iter().zip(x.shape()).enumerate().any(|(i, (small, large))| i != dim && small > large);
    if beyond {
        return Err(Error::shape(
            op.name(),
            format!(
                "index {} reaches beyond the input {} in a dimension other than {dim}",
                index.shape(),
                x.shape()
            ),
        ));
    }
    Ok(())
}
