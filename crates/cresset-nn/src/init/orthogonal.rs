//! Orthogonal matrices, each as probable as any other: what is left of normally distributed rows when each is made
//! orthogonal to those before it, and of length one.

use cresset_autograd::{Apply, Array, DType, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use super::written;

/// How many rows are made orthogonal to all before them at once, by products of matrices.
const PANEL: usize = 32;

/// A matrix with orthonormal rows (or columns, whichever are fewer), times a gain. Of more than two dimensions, those behind
/// the first count as one. PyTorch's default gain is 1.
///
/// ```
/// use cresset_nn::{init, prelude::*};
/// let w = Tensor::zeros([3, 3]);
/// init::orthogonal_(&w, 1.0)?;
/// assert!(w.matmul(&w.t()?)?.sub(&Tensor::eye(3))?.abs()?.max()?.item::<f32>()? < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn orthogonal_(tensor: &Tensor, gain: f64) -> Result<&Tensor> {
    let shape = tensor.shape();
    if shape.rank() < 2 {
        return Err(Error::shape("orthogonal_", format!("needs at least 2 dimensions, not shape {shape}")));
    }
    if shape.numel() == 0 {
        return Ok(tensor);
    }
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let matrix = match rows <= columns {
        true => orthonormal_rows(rows, columns)?,
        false => orthonormal_rows(columns, rows)?.t()?,
    };
    written(tensor, matrix.mul(gain)?.reshape(shape)?)
}

/// `count` orthonormal rows of `length` numbers, which are at least as many.
#[inline]
fn orthonormal_rows(count: usize, length: usize) -> Result<Array> {
    let drawn = Array::randn_with([count, length], DType::F64)?.to_vec::<f64>()?;
    let mut done: Vec<f64> = Vec::with_capacity(drawn.len());
    for panel in drawn.chunks(PANEL * length) {
        let mut panel = panel.to_vec();
        // Twice is enough: the second time takes away what rounding left.
        for _ in 0..2 {
            if !done.is_empty() {
                let before = Array::from_slice(&done, [done.len() / length, length])?;
                let rows = Array::from_slice(&panel, [panel.len() / length, length])?;
                let along = rows.matmul(&before.t()?)?.matmul(&before)?;
                panel = rows.sub(&along)?.to_vec::<f64>()?;
            }
            orthonormalise(&mut panel, length);
        }
        done.extend(panel);
    }
    Array::from_vec(done, [count, length])
}

/// Each row made orthogonal to those before it, and of length one.
#[inline]
fn orthonormalise(rows: &mut [f64], length: usize) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..rows.len() / length {
        let (before, rest) = rows.split_at_mut(i * length);
        let row = &mut rest[..length];
        for other in before.chunks(length) {
            let along = dot(row, other);
            row.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
        }
        let norm = dot(row, row).sqrt();
        if norm > 0.0 {
            row.iter_mut().for_each(|x| *x /= norm);
        }
    }
}
