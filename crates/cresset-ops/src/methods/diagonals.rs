//! Diagonals and triangles of matrices.

use cresset_tensor::{Array, DType, Device, Error, Result, shape::axis_of};

use super::{Elementwise, Rearranging, Shaping, Slicing};
use crate::{
    Apply,
    expr::{Expr, select},
    op::Op,
    view::View,
};

/// Diagonals and triangles.
pub trait Diagonals: Apply {
    /// Of a matrix, a copy of a diagonal; of a list, the matrix with it as that diagonal.
    #[track_caller]
    fn diag(&self, diagonal: i64) -> Result<Self> {
        match self.rank() {
            1 => self.diag_embed(diagonal, 0, 1),
            2 => self.diagonal(diagonal, 0, 1)?.copy(),
            _ => {
                Err(Error::shape("diag", format!("takes a list or a matrix; the shape is {}", self.shape())))
            }
        }
    }

    /// Matrices, in dimensions `dim1` and `dim2` of the result, with the last dimension as their diagonal.
    #[track_caller]
    fn diag_embed(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Self> {
        let rank = self.rank() + 1;
        let (a, b) = (axis_of("diag_embed", dim1, rank)?, axis_of("diag_embed", dim2, rank)?);
        if a == b || self.rank() == 0 {
            return Err(Error::argument(
                "diag_embed",
                format!("needs a diagonal and two different dimensions for it, not {dim1} and {dim2}"),
            ));
        }
        let mut shape = self.shape().clone();
        let size = usize::try_from(offset.unsigned_abs()).ok();
        let size = size.and_then(|shift| shape.remove(self.rank() - 1).checked_add(shift));
        let size = size.ok_or_else(|| Error::memory("diag_embed", "such a matrix does not fit in memory"))?;
        shape.push(size);
        shape.push(size);
        let view = View::Diagonal { offset, dim1: self.rank() - 1, dim2: self.rank() };
        let zeros = self.filled_beside("diag_embed", shape, self.dtype(), 0)?;
        let last = rank as i64;
        Self::apply_one(Op::Overwrite(view), &[&zeros, self])?.movedim([last - 2, last - 1], [a, b])
    }

    /// The matrix with all elements as its diagonal.
    #[track_caller]
    fn diagflat(&self, offset: i64) -> Result<Self> {
        self.ravel()?.diag_embed(offset, 0, 1)
    }

    /// Matrices with what is above a diagonal set to zero.
    #[track_caller]
    fn tril(&self, diagonal: i64) -> Result<Self> {
        triangle("tril", self, diagonal, |x, n| select((x[2] - x[1]).le(n[0]), x[0], Expr::constant(false)))
    }

    /// Matrices with what is below a diagonal set to zero.
    #[track_caller]
    fn triu(&self, diagonal: i64) -> Result<Self> {
        triangle("triu", self, diagonal, |x, n| select((x[2] - x[1]).ge(n[0]), x[0], Expr::constant(false)))
    }

    /// [`tril`](Self::tril) in place.
    #[track_caller]
    fn tril_(&self, diagonal: i64) -> Result<&Self> {
        let (rows, columns) = places("tril_", self)?;
        Self::formulas_into(&[self, &rows, &columns], &[diagonal.into()], &[self], |x, n| {
            [select((x[2] - x[1]).le(n[0]), x[0], Expr::constant(false))]
        })?;
        Ok(self)
    }

    /// [`triu`](Self::triu) in place.
    #[track_caller]
    fn triu_(&self, diagonal: i64) -> Result<&Self> {
        let (rows, columns) = places("triu_", self)?;
        Self::formulas_into(&[self, &rows, &columns], &[diagonal.into()], &[self], |x, n| {
            [select((x[2] - x[1]).ge(n[0]), x[0], Expr::constant(false))]
        })?;
        Ok(self)
    }
}

impl<T: Apply> Diagonals for T {}

/// `f` of the elements, their rows and columns, and the diagonal.
#[track_caller]
fn triangle<T: Apply, F>(name: &'static str, x: &T, diagonal: i64, f: F) -> Result<T>
where
    F: Fn(&[Expr], &[Expr]) -> Expr,
{
    let (rows, columns) = places(name, x)?;
    T::formula(&[x, &rows, &columns], &[diagonal.into()], f)
}

/// The row and the column of every element, to be broadcast.
#[track_caller]
fn places<T: Apply>(name: &'static str, x: &T) -> Result<(T, T)> {
    let [.., rows, columns] = x.shape()[..] else {
        return Err(Error::shape(name, format!("needs at least 2 dimensions; the shape is {}", x.shape())));
    };
    if x.numel() == 0 {
        // Nobody asks, and a dimension beside an empty one may be longer than memory.
        let none = || x.filled_beside(name, [1, 1].into(), DType::I64, 0);
        return Ok((none()?, none()?));
    }
    let list = |n: usize, shape: [usize; 2]| {
        let list = Array::from_vec((0..n as i64).collect(), shape)?;
        // Not every device knows `int64`.
        x.beside(if x.device() == Device::Cpu { list } else { list.to_dtype(DType::I32)? })
    };
    Ok((list(rows, [rows, 1])?, list(columns, [1, columns])?))
}
