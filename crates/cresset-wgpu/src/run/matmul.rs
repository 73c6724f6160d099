//! Multiplication of matrices: factors are read by their strides, batches broadcast by strides of zero.

use std::sync::Arc;

use cresset_ops::{
    Array, Error, Op, Result, Shape,
    cpu::walk::{Steps, Walk, broadcast_strides},
    infer::infer,
};
use smallvec::SmallVec;

use super::product::{Bias, Product, Size, compute, form::Form, word};
use crate::card::Card;

/// Dimensions of a batch that kernels have parameters for.
const DIMS: usize = 16;

/// Are neighbours in memory neighbours along the first of two strides?
fn nearer(first: isize, second: isize) -> bool {
    // One element is all there is along a stride of 0.
    let reach = |stride: isize| if stride == 0 { usize::MAX } else { stride.unsigned_abs() };
    reach(first) < reach(second)
}

/// The product of two arrays' last dimensions, over those before.
pub fn matmul(card: &Arc<Card>, op: &Op, inputs: &[&Array]) -> Result<Array> {
    compute(card, &product(op, inputs)?)
}

/// What is to be computed.
pub fn product(op: &Op, inputs: &[&Array]) -> Result<Product> {
    let (shape, name) = (infer(op, inputs)?.remove(0).shape, op.name());
    let &[a, b, ref bias @ ..] = inputs else {
        return Err(Error::argument(name, format!("takes two arrays, not {}", inputs.len())));
    };
    let rank = shape.rank();
    let batch = Shape::from_slice(&shape[..rank - 2]);
    let (mut m, n, k) = (shape[rank - 2], shape[rank - 1], a.shape()[a.rank() - 1]);
    let last = |x: &Array| (x.strides()[x.rank() - 2], x.strides()[x.rank() - 1]);
    let over = |x: &Array| {
        let own = x.rank() - 2;
        broadcast_strides(&batch, &x.shape()[..own], &x.strides()[..own])
    };
    let ((mut a_line, a_depth), (b_depth, b_line)) = (last(a), last(b));
    let (mut a_over, mut b_over) = (over(a), over(b));
    let mut sizes: SmallVec<[usize; 6]> = batch.iter().copied().collect();
    if b_over.iter().zip(&sizes).all(|(&stride, &size)| stride == 0 || size == 1) {
        // One matrix on the right for all: where the batch and the rows are one line, they are rows of one matrix.
        let rows: Shape = batch.iter().copied().chain([m]).collect();
        let line: Steps = a_over.iter().copied().chain([a_line]).collect();
        let walk = Walk::new(&rows, &[line]);
        if let ([count], [stride]) = (&walk.shape[..], &walk.strides[0][..]) {
            (m, a_line) = (*count, *stride);
            sizes.clear();
            (a_over, b_over) = (Steps::new(), Steps::new());
        }
    }
    if !sizes.is_empty() {
        let walk = Walk::new(&sizes, &[a_over, b_over]);
        (a_over, b_over) = (walk.strides[0].clone(), walk.strides[1].clone());
        sizes = walk.shape;
    }
    if sizes.len() > DIMS {
        return Err(Error::argument(
            name,
            "batches of so many dimensions that cannot be joined; make the factors contiguous first",
        ));
    }
    let items = word(name, sizes.iter().product())?;
    let mut words: SmallVec<[u32; 32]> = SmallVec::new();
    // Negative strides wrap, and so do the sums they enter.
    words.extend([a.offset() as u32, b.offset() as u32]);
    words.extend([a_line, a_depth, b_line, b_depth].map(|stride| stride as u32));
    words.extend(sizes.iter().map(|&size| size as u32));
    words.extend(a_over.iter().chain(&b_over).map(|&stride| stride as u32));
    Ok(Product {
        name,
        form: Form::Matrices { dims: sizes.len() as u8 },
        a: a.clone(),
        b: b.clone(),
        size: Size { m: word(name, m)?, n: word(name, n)?, k: word(name, k)?, items },
        run: word(name, n)?,
        deep: [nearer(a_depth, a_line), nearer(b_depth, b_line)],
        words,
        bias: bias.first().map(|bias| Bias { numbers: (*bias).clone(), run: 1 }),
        shape,
    })
}
