//! Running totals and extremes along a dimension.

use cresset_tensor::Result;

use crate::{
    Apply,
    op::{Op, Scan},
};

/// Scans.
pub trait Scans: Apply {
    /// The running sum along a dimension; of integers and `bool` as `int64`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// assert_eq!(Array::new([1, 2, 3]).cumsum(0)?.to_vec::<i64>()?, [1, 3, 6]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn cumsum(&self, dim: i64) -> Result<Self> {
        let dim = self.shape().axis("cumsum", dim)?;
        Self::apply_one(Op::Scan { kind: Scan::Sum, dim }, &[self])
    }

    /// The running product along a dimension; of integers and `bool` as `int64`.
    #[track_caller]
    fn cumprod(&self, dim: i64) -> Result<Self> {
        let dim = self.shape().axis("cumprod", dim)?;
        Self::apply_one(Op::Scan { kind: Scan::Prod, dim }, &[self])
    }

    /// The running `log Σ eˣ` along a dimension, without overflow.
    #[track_caller]
    fn logcumsumexp(&self, dim: i64) -> Result<Self> {
        let dim = self.shape().axis("logcumsumexp", dim)?;
        Self::apply_one(Op::Scan { kind: Scan::LogSumExp, dim }, &[self])
    }

    /// The running maximum along a dimension, and where it lies: the last of equals. NaN is larger than all.
    #[track_caller]
    fn cummax(&self, dim: i64) -> Result<(Self, Self)> {
        let dim = self.shape().axis("cummax", dim)?;
        Self::apply_two(Op::Scan { kind: Scan::Max, dim }, &[self])
    }

    /// The running minimum along a dimension, and where it lies: the last of equals. NaN is smaller than all.
    #[track_caller]
    fn cummin(&self, dim: i64) -> Result<(Self, Self)> {
        let dim = self.shape().axis("cummin", dim)?;
        Self::apply_two(Op::Scan { kind: Scan::Min, dim }, &[self])
    }
}

impl<T: Apply> Scans for T {}
