//! Sorting and searching.

use cresset_tensor::{DType, Error, Result};

use super::{Elementwise, Picking};
use crate::{Apply, Operand, op::Op};

/// The options of [`Sorting::searchsorted_with`].
#[derive(Clone, Copy, Debug)]
pub struct SearchOptions<'a, T> {
    /// After equals instead of before; PyTorch's `side="right"`.
    pub right: bool,
    /// The places as `int32` instead of `int64`.
    pub out_int32: bool,
    /// The order in which the sequence is sorted, where it is not: indices as of `argsort`.
    pub sorter: Option<&'a T>,
}

impl<T> Default for SearchOptions<'_, T> {
    fn default() -> Self {
        SearchOptions { right: false, out_int32: false, sorter: None }
    }
}

/// Sorting.
pub trait Sorting: Apply {
    /// The elements along a dimension in order, and where each came from. Equals stay in their order; NaN is the
    /// largest.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let (values, indices) = Array::new([2.0, 3.0, 1.0]).sort(-1, true)?;
    /// assert_eq!(values.to_vec::<f64>()?, [3.0, 2.0, 1.0]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 0, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn sort(&self, dim: i64, descending: bool) -> Result<(Self, Self)> {
        let dim = self.shape().axis("sort", dim)?;
        Self::apply_two(Op::Sort { dim, descending }, &[self])
    }

    /// Where the elements along a dimension lie, in order.
    #[track_caller]
    fn argsort(&self, dim: i64, descending: bool) -> Result<Self> {
        let dim = self.shape().axis("argsort", dim)?;
        Ok(Self::apply_two(Op::Sort { dim, descending }, &[self])?.1)
    }

    /// The elements along the first dimension in ascending order.
    #[track_caller]
    fn msort(&self) -> Result<Self> {
        Ok(self.sort(0, false)?.0)
    }

    /// The `k` largest (or smallest) along a dimension in order, and where they lie. NaN is the largest.
    #[track_caller]
    fn topk(&self, k: usize, dim: i64, largest: bool) -> Result<(Self, Self)> {
        let dim = self.shape().axis("topk", dim)?;
        Self::apply_two(Op::TopK { k, dim, largest }, &[self])
    }

    /// Where values would go in this sorted sequence, before equals. Several sequences (all but the last dimension)
    /// take values of their own.
    #[track_caller]
    fn searchsorted<'a>(&self, values: impl Into<Operand<'a, Self>>) -> Result<Self> {
        self.searchsorted_with(values, SearchOptions::default())
    }

    /// Where values would go in this sequence.
    #[track_caller]
    fn searchsorted_with<'a>(
        &self,
        values: impl Into<Operand<'a, Self>>,
        options: SearchOptions<'_, Self>,
    ) -> Result<Self> {
        let SearchOptions { right, out_int32, sorter } = options;
        let values = values.into();
        let number = matches!(values, Operand::Number(_));
        let values = values.value_beside(self)?;
        let mut sequence = self.clone();
        if let Some(sorter) = sorter {
            if sorter.shape() != self.shape() {
                return Err(Error::shape(
                    "searchsorted",
                    format!(
                        "the sorter must have the sequence's shape {}, not {}",
                        self.shape(),
                        sorter.shape()
                    ),
                ));
            }
            if sorter.dtype() != DType::I64 {
                return Err(Error::dtype(
                    "searchsorted",
                    format!("the sorter must be int64, not {}", sorter.dtype()),
                ));
            }
            sequence = sequence.gather(-1, sorter)?;
        }
        // A number that is not of the sequence's family takes the sequence along.
        if number && values.dtype() != sequence.dtype() {
            sequence = sequence.to_dtype(values.dtype())?;
        }
        let places = Self::apply_one(Op::SearchSorted { right }, &[&sequence, &values])?;
        if !out_int32 {
            return Ok(places);
        }
        if i32::try_from(self.shape().last().copied().unwrap_or(0)).is_err() {
            return Err(Error::dtype("searchsorted", "the sequence is too long for places of int32"));
        }
        places.to_dtype(DType::I32)
    }

    /// In which interval between ascending boundaries each element lies: with `right`, an element equal to a boundary
    /// belongs to the interval after it.
    #[track_caller]
    fn bucketize(&self, boundaries: &Self, right: bool) -> Result<Self> {
        if boundaries.rank() != 1 {
            return Err(Error::shape(
                "bucketize",
                format!("the boundaries must have one dimension, not shape {}", boundaries.shape()),
            ));
        }
        boundaries.searchsorted_with(self, SearchOptions { right, ..SearchOptions::default() })
    }
}

impl<T: Apply> Sorting for T {}
