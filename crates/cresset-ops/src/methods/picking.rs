//! Elements picked out by indices along one dimension.

use cresset_tensor::{Array, DType, Device, Error, ErrorKind, Result, Shape};

use super::{Elementwise, Shaping};
use crate::{Apply, cpu, op::Op, select};

/// Picking.
pub trait Picking: Apply {
    /// The slices at the indices of a list along a dimension. Negative indices are refused.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1, 2], [3, 4], [5, 6]]);
    /// let picked = x.index_select(0, &Array::new([2i64, 0]))?;
    /// assert_eq!(picked.to_vec::<i32>()?, [5, 6, 1, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn index_select(&self, dim: i64, index: &Self) -> Result<Self> {
        let dim = self.shape().axis("index_select", dim)?;
        Self::apply_one(Op::IndexSelect { dim }, &[self, &as_index("index_select", index)?])
    }

    /// `y[…, i, …] = x[…, index[…, i, …], …]`, where `…` are the other dimensions than `dim`, in which the index may be
    /// smaller. Negative indices are refused.
    #[track_caller]
    fn gather(&self, dim: i64, index: &Self) -> Result<Self> {
        let dim = self.shape().axis("gather", dim)?;
        Self::apply_one(Op::Gather { dim }, &[self, &as_index("gather", index)?])
    }

    /// The elements at indices into the list of all elements, in the shape of the indices.
    #[track_caller]
    fn take(&self, index: &Self) -> Result<Self> {
        if index.dtype() != DType::I64 {
            return Err(Error::dtype("take", format!("the index must be int64, not {}", index.dtype())));
        }
        if self.numel() == 0 && index.numel() > 0 {
            return Err(Error::index("take", "nothing can be taken where there are no elements"));
        }
        let wrapped = from_start("take", index, 0, self.numel())?;
        let list = wrapped.ravel()?;
        self.ravel()?.index_select(0, &list)?.view_as_data(crate::view::View::Reshape(index.shape().clone()))
    }

    /// As [`gather`](Self::gather), where index and array broadcast together in the other dimensions, and indices may
    /// be negative; without a dimension, of the lists of all elements.
    #[track_caller]
    fn take_along_dim(&self, indices: &Self, dim: impl Into<Option<i64>>) -> Result<Self> {
        if indices.dtype() != DType::I64 {
            return Err(Error::dtype(
                "take_along_dim",
                format!("the index must be int64, not {}", indices.dtype()),
            ));
        }
        let Some(dim) = dim.into() else {
            return self.ravel()?.take_along_dim(&indices.ravel()?, 0);
        };
        if self.rank() != indices.rank() {
            return Err(Error::shape(
                "take_along_dim",
                format!(
                    "array and index must have as many dimensions: {} and {}",
                    self.shape(),
                    indices.shape()
                ),
            ));
        }
        let axis = self.shape().axis("take_along_dim", dim)?;
        let size = self.shape().get(axis).copied().unwrap_or(1);
        let indices = from_start("take_along_dim", indices, axis, size)?;
        if self.rank() == 0 {
            return self.gather(0, &indices);
        }
        let alike = |shape: &Shape| {
            let mut shape = shape.clone();
            shape[axis] = 1;
            shape
        };
        let Some(common) = alike(self.shape()).broadcast(&alike(indices.shape())) else {
            return Err(Error::shape(
                "take_along_dim",
                format!("{} and {} do not broadcast beside dimension {dim}", self.shape(), indices.shape()),
            ));
        };
        let with = |size: usize| {
            let mut shape = common.clone();
            shape[axis] = size;
            shape
        };
        let index = indices.broadcast_to(with(indices.shape()[axis]))?;
        self.broadcast_to(with(size))?.gather(dim, &index)
    }
}

impl<T: Apply> Picking for T {}

/// An index as `int64`: `int32` is converted, everything else (unless it is empty) refused.
#[track_caller]
pub(super) fn as_index<T: Apply>(name: &'static str, index: &T) -> Result<T> {
    match index.dtype() {
        DType::I64 => Ok(index.clone()),
        DType::I32 => index.to_dtype(DType::I64),
        _ if index.numel() == 0 => index.to_dtype(DType::I64),
        other => Err(Error::dtype(name, format!("the index must be int64 or int32, not {other}"))),
    }
}

/// An `int64` index counted from either end, as one counted from the start.
#[track_caller]
pub(super) fn from_start<T: Apply>(name: &'static str, index: &T, dim: usize, size: usize) -> Result<T> {
    Ok(match counted_from_start(name, index.array(), dim, size)? {
        Some(wrapped) => T::constant(wrapped),
        None => index.clone(),
    })
}

/// As [`from_start`], without a history; `None` where the index is such already.
///
/// Elsewhere than in the processor's memory nobody waits for what the index is: it is counted there, and what reads or
/// writes at it says where it lies outside.
#[track_caller]
#[inline]
pub(super) fn counted_from_start(
    name: &'static str,
    index: &Array,
    dim: usize,
    size: usize,
) -> Result<Option<Array>> {
    if index.device() == Device::Cpu {
        return cpu::index::wrapped(name, index, dim, size);
    }
    let counted = Array::formula(&[index], &[size.into()], |x, n| select(x[0].lt(0), x[0] + n[0], x[0]));
    match counted {
        Err(error) if error.kind() == ErrorKind::DType => {
            // There are no 64-bit integers there.
            let wrapped = cpu::index::wrapped(name, &index.to_host()?, dim, size)?;
            wrapped.map(|wrapped| index.beside(wrapped)).transpose()
        }
        counted => counted.map(Some),
    }
}
