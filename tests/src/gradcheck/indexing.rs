//! Drawn reading and writing at indices.

use cresset_ops::{Op, Shape, op::Combine};

use super::{
    draw::{Draw, Laid},
    operation::ANY,
    sample::{Input, Sample},
};

/// What is read or written, not empty along the dimension it is indexed in.
fn base(draw: &mut Draw) -> (Shape, usize, usize) {
    let mut shape = draw.shape((0, 3), (0, 4));
    let dim = draw.integer(0, shape.rank().max(1) - 1);
    if shape.rank() > 0 {
        shape[dim] = shape[dim].max(1);
    }
    let size = shape.get(dim).copied().unwrap_or(1);
    (shape, dim, size)
}

/// Slices along a dimension.
pub fn index_select(draw: &mut Draw) -> Sample {
    let (shape, dim, size) = base(draw);
    let count = if shape.rank() == 0 { 1 } else { draw.size((0, 5)) };
    let index = draw.indices(&[count].into(), size);
    let inputs = vec![Input::Vary(draw.laid(&shape, ANY)), Input::Index(index)];
    Sample { op: Op::IndexSelect { dim }, inputs }
}

/// Slices written along a dimension.
pub fn index_put(draw: &mut Draw, combine: Combine) -> Sample {
    let (shape, dim, size) = base(draw);
    let mut count = if shape.rank() == 0 { 1 } else { draw.size((0, 5)) };
    if combine == Combine::Set {
        count = count.min(size);
    }
    let mut index = draw.indices(&[count].into(), size);
    if combine == Combine::Set {
        unique(&mut index, 0, size);
    }
    let mut given = shape.clone();
    if shape.rank() > 0 {
        given[dim] = count;
    }
    written(draw, Op::IndexPut { dim, combine }, &shape, index, &given, combine)
}

/// The shape of an index into a base: at most its own, except along `dim`.
fn reach(draw: &mut Draw, shape: &Shape, dim: usize) -> Shape {
    let whole = draw.truth();
    shape
        .iter()
        .enumerate()
        .map(|(i, &size)| if i == dim || whole { size } else { draw.integer(0, size) })
        .collect()
}

/// Elements along a dimension.
pub fn gather(draw: &mut Draw) -> Sample {
    let (shape, dim, size) = base(draw);
    let mut seen = reach(draw, &shape, dim);
    if seen.rank() > 0 {
        seen[dim] = draw.size((0, 5));
    }
    let index = draw.indices(&seen, size);
    Sample { op: Op::Gather { dim }, inputs: vec![Input::Vary(draw.laid(&shape, ANY)), Input::Index(index)] }
}

/// Elements written along a dimension.
pub fn scatter(draw: &mut Draw, combine: Combine) -> Sample {
    let (shape, dim, size) = base(draw);
    let mut seen = reach(draw, &shape, dim);
    if seen.rank() > 0 {
        seen[dim] = draw.size((0, if combine == Combine::Set { size } else { 5 }));
    }
    let mut index = draw.indices(&seen, size);
    if combine == Combine::Set {
        unique(&mut index, dim, size);
    }
    // The source may be larger than the index.
    let more = draw.truth();
    let given: Shape = seen.iter().map(|&size| size + if more { draw.integer(0, 1) } else { 0 }).collect();
    written(draw, Op::Scatter { dim, combine }, &shape, index, &given, combine)
}

fn written(draw: &mut Draw, op: Op, shape: &Shape, index: Laid, given: &Shape, combine: Combine) -> Sample {
    let (mut x, mut source) = (draw.laid(shape, ANY), draw.laid(given, ANY));
    if combine == Combine::Mul && draw.truth() {
        // Zeros, one or several at one place: a product's derivative is not a quotient there.
        let i = draw.integer(0, 5);
        x.values.iter_mut().skip(i).step_by(3).for_each(|x| *x = 0.0);
        source.values.iter_mut().skip(draw.integer(0, 5)).step_by(2).for_each(|x| *x = 0.0);
    }
    Sample { op, inputs: vec![Input::Vary(x), Input::Index(index), Input::Vary(source)] }
}

/// Makes indices different along a dimension, where there are as many as that: of several values written at one place
/// only one stays, and which gradient the others have is not defined.
fn unique(index: &mut Laid, dim: usize, size: usize) {
    let after: usize = index.shape.iter().skip(dim + 1).product();
    let len = index.shape.get(dim).copied().unwrap_or(1);
    for i in 0..index.values.len() {
        let (row, column) = (i / after / len.max(1) * after + i % after, i / after % len.max(1));
        index.values[i] = ((column + row) % size) as f64;
    }
}
