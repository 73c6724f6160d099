//! Elements picked and written where a mask is true, and where an array is not zero.

use cresset_tensor::{DType, Error, Result, Sizes};

use super::{Elementwise, Picking, Shaping, Slicing};
use crate::{
    Apply, Operand, cpu,
    expr::select,
    op::{Combine, Op},
};

/// Masks.
pub trait Masking: Apply {
    /// `a` where this condition is true, else `b`: PyTorch's `where(condition, a, b)`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([-1.0, 2.0]);
    /// assert_eq!(x.gt(0)?.where_cond(&x, 0)?.to_vec::<f64>()?, [0.0, 2.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "where")]
    #[track_caller]
    fn where_cond<'a>(
        &self,
        a: impl Into<Operand<'a, Self>>,
        b: impl Into<Operand<'a, Self>>,
    ) -> Result<Self> {
        let condition = match self.dtype() {
            DType::U8 => self.to_dtype(DType::Bool)?,
            _ => self.clone(),
        };
        let c = &condition;
        match (&a.into(), &b.into()) {
            (Operand::Number(a), Operand::Number(b)) => {
                Self::formula(&[c], &[*a, *b], |x, n| select(x[0], n[0], n[1]))
            }
            (Operand::Number(a), Operand::Value(b)) => {
                Self::formula(&[c, b], &[*a], |x, n| select(x[0], n[0], x[1]))
            }
            (Operand::Number(a), Operand::Owned(b)) => {
                Self::formula(&[c, b], &[*a], |x, n| select(x[0], n[0], x[1]))
            }
            (Operand::Value(a), Operand::Number(b)) => {
                Self::formula(&[c, a], &[*b], |x, n| select(x[0], x[1], n[0]))
            }
            (Operand::Owned(a), Operand::Number(b)) => {
                Self::formula(&[c, a], &[*b], |x, n| select(x[0], x[1], n[0]))
            }
            (Operand::Value(a), Operand::Value(b)) => {
                Self::formula(&[c, a, b], &[], |x, _| select(x[0], x[1], x[2]))
            }
            (Operand::Owned(a), Operand::Owned(b)) => {
                Self::formula(&[c, a, b], &[], |x, _| select(x[0], x[1], x[2]))
            }
            (Operand::Value(a), Operand::Owned(b)) => {
                Self::formula(&[c, a, b], &[], |x, _| select(x[0], x[1], x[2]))
            }
            (Operand::Owned(a), Operand::Value(b)) => {
                Self::formula(&[c, a, b], &[], |x, _| select(x[0], x[1], x[2]))
            }
        }
    }

    /// The value (a number, or without dimensions) where the mask is true; the dtype stays.
    #[track_caller]
    fn masked_fill<'a>(&self, mask: &Self, value: impl Into<Operand<'a, Self>>) -> Result<Self> {
        check_mask("masked_fill", mask)?;
        match single("masked_fill", value.into())? {
            Operand::Number(value) => {
                Self::formula(&[self, mask], &[value], |x, n| select(x[1], n[0].cast_like(x[0]), x[0]))
            }
            Operand::Value(value) => {
                Self::formula(&[self, mask, value], &[], |x, _| select(x[1], x[2].cast_like(x[0]), x[0]))
            }
            Operand::Owned(value) => {
                Self::formula(&[self, mask, &value], &[], |x, _| select(x[1], x[2].cast_like(x[0]), x[0]))
            }
        }
    }

    /// [`masked_fill`](Self::masked_fill) in place.
    #[track_caller]
    fn masked_fill_<'a>(&self, mask: &Self, value: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        check_mask("masked_fill_", mask)?;
        match single("masked_fill_", value.into())? {
            Operand::Number(value) => Self::formulas_into(&[self, mask], &[value], &[self], |x, n| {
                [select(x[1], n[0].cast_like(x[0]), x[0])]
            })?,
            Operand::Value(value) => Self::formulas_into(&[self, mask, value], &[], &[self], |x, _| {
                [select(x[1], x[2].cast_like(x[0]), x[0])]
            })?,
            Operand::Owned(value) => Self::formulas_into(&[self, mask, &value], &[], &[self], |x, _| {
                [select(x[1], x[2].cast_like(x[0]), x[0])]
            })?,
        }
        Ok(self)
    }

    /// The elements where the mask, broadcast together with them, is true: a list.
    #[track_caller]
    fn masked_select(&self, mask: &Self) -> Result<Self> {
        check_mask("masked_select", mask)?;
        let both = Self::broadcast_tensors(&[self, mask])?;
        let places = both[1].beside(cpu::nonzero::places(&both[1].array().to_host()?)?)?;
        both[0].ravel()?.index_select(0, &places)
    }

    /// A copy in which the elements of the source take, in their order, the places where the mask is true.
    #[track_caller]
    fn masked_scatter(&self, mask: &Self, source: &Self) -> Result<Self> {
        check_mask("masked_scatter", mask)?;
        if self.dtype() != source.dtype() {
            return Err(Error::dtype(
                "masked_scatter",
                format!("array and source must have one dtype: {} and {}", self.dtype(), source.dtype()),
            ));
        }
        let both = Self::broadcast_tensors(&[self, mask])?;
        let places = both[1].beside(cpu::nonzero::places(&both[1].array().to_host()?)?)?;
        let needed = places.numel();
        if source.numel() < needed {
            return Err(Error::shape(
                "masked_scatter",
                format!("the mask is true {needed} times, and the source has {} elements", source.numel()),
            ));
        }
        let source = source.ravel()?.narrow(0, 0, needed as i64)?;
        let put = Op::IndexPut { dim: 0, combine: Combine::Set };
        Self::apply_one(put, &[&both[0].ravel()?, &places, &source])?.reshape(both[0].shape())
    }

    /// [`masked_scatter`](Self::masked_scatter) in place.
    #[track_caller]
    fn masked_scatter_(&self, mask: &Self, source: &Self) -> Result<&Self> {
        let mask = mask.broadcast_to(self.shape())?;
        self.copy_(&self.masked_scatter(&mask, source)?)
    }

    /// The indices of all elements that are not zero, in row-major order: one row each.
    #[track_caller]
    fn nonzero(&self) -> Result<Self> {
        let places = cpu::nonzero::places(&self.array().to_host()?)?;
        self.beside(cpu::nonzero::coordinates(&places, self.shape())?)
    }

    /// See [`nonzero`](Self::nonzero).
    #[track_caller]
    fn argwhere(&self) -> Result<Self> {
        self.nonzero()
    }

    /// The indices of all elements that are not zero, one list for each dimension: PyTorch's
    /// `nonzero(as_tuple=True)`.
    #[track_caller]
    fn nonzero_tuple(&self) -> Result<Vec<Self>> {
        let x = self.atleast_1d()?;
        let rows = x.nonzero()?;
        (0..x.rank()).map(|dim| rows.select(1, dim as i64)).collect()
    }

    /// As [`nonzero`](Self::nonzero), of exactly `size` rows: what is too much is left out, what is missing is
    /// `fill_value` (PyTorch's default is -1).
    #[track_caller]
    fn nonzero_static(&self, size: i64, fill_value: i64) -> Result<Self> {
        let Ok(size) = usize::try_from(size) else {
            return Err(Error::argument("nonzero_static", format!("the size must not be negative: {size}")));
        };
        let shape = [size, self.rank()].into();
        let result = self.filled_beside("nonzero_static", shape, DType::I64, fill_value)?;
        let found = self.nonzero()?;
        let rows = found.shape()[0].min(size) as i64;
        result.narrow(0, 0, rows)?.copy_(&found.narrow(0, 0, rows)?)?;
        Ok(result)
    }

    /// Places in the row-major list of all elements of a shape as indices, one array for each dimension.
    #[track_caller]
    fn unravel_index(&self, shape: impl Into<Sizes>) -> Result<Vec<Self>> {
        if !self.dtype().is_int() {
            return Err(Error::dtype("unravel_index", format!("needs integers, not {}", self.dtype())));
        }
        let shape = shape.into().to_shape("unravel_index")?;
        if self.numel() > 0 && shape.contains(&0) {
            return Err(Error::argument(
                "unravel_index",
                format!("shape {shape} has no elements to point at"),
            ));
        }
        let mut step: i64 = 1;
        let mut indices = Vec::with_capacity(shape.len());
        for &size in shape.iter().rev() {
            let numbers = [step.into(), size.max(1).into()];
            // Narrow integers may not hold the steps.
            indices.push(Self::formula(&[self], &numbers, |x, n| {
                x[0].cast(DType::I64).floor_divide(n[0]).remainder(n[1])
            })?);
            step = step.saturating_mul(i64::try_from(size.max(1)).unwrap_or(i64::MAX));
        }
        indices.reverse();
        Ok(indices)
    }
}

impl<T: Apply> Masking for T {}

#[track_caller]
pub(super) fn check_mask<T: Apply>(name: &'static str, mask: &T) -> Result<()> {
    if mask.dtype() == DType::Bool {
        return Ok(());
    }
    Err(Error::dtype(name, format!("the mask must be bool, not {}; compare it, or convert it", mask.dtype())))
}

/// A value without dimensions.
#[track_caller]
fn single<'a, T: Apply>(name: &'static str, value: Operand<'a, T>) -> Result<Operand<'a, T>> {
    let shape = match &value {
        Operand::Value(value) => value.shape(),
        Operand::Owned(value) => value.shape(),
        Operand::Number(_) => return Ok(value),
    };
    if shape.rank() > 0 {
        return Err(Error::shape(
            name,
            format!("the value must be a number or without dimensions, not {shape}"),
        ));
    }
    Ok(value)
}
