//! Reductions of segments that follow each other along a dimension.

use cresset_tensor::{Array, DType, Error, Result, Shape};

use super::{Arithmetic, Elementwise, Shaping, Slicing, reduction::check_float};
use crate::{
    Apply,
    op::{Combine, Op},
};

/// What a segment is reduced to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentReduction {
    /// The sum.
    Sum,
    /// The mean; of nothing NaN.
    Mean,
    /// The largest; of nothing -∞.
    Max,
    /// The smallest; of nothing ∞.
    Min,
    /// The product.
    Prod,
}

/// Where segments begin and end, along the last dimension of a list for each batch.
#[derive(Clone, Copy, Debug)]
pub enum Segments<'a, T> {
    /// How long each is. Together they are as long as the dimension.
    Lengths(&'a T),
    /// Where each begins, and where the last ends.
    Offsets(&'a T),
}

/// The options of [`SegmentReductions::segment_reduce_with`].
#[derive(Clone, Copy, Default, Debug)]
pub struct SegmentOptions {
    /// Is taken in with each segment, and is what an empty one gives.
    pub initial: Option<f64>,
    /// Elements after the last segment belong to none: one use of PyTorch's `unsafe`. Else they are refused.
    pub partial: bool,
}

/// Reductions of segments.
pub trait SegmentReductions: Apply {
    /// Every segment reduced. The lists of segments have as many dimensions as lie before (and with) the one that is
    /// cut into them.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([1.0, 2.0, 3.0]);
    /// let lengths = Array::new([1i64, 2]);
    /// let sums = x.segment_reduce(SegmentReduction::Sum, Segments::Lengths(&lengths))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [1.0, 5.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn segment_reduce(&self, reduction: SegmentReduction, segments: Segments<'_, Self>) -> Result<Self> {
        self.segment_reduce_with(reduction, segments, SegmentOptions::default())
    }

    /// Every segment reduced, with an initial value or elements left over.
    #[track_caller]
    fn segment_reduce_with(
        &self,
        reduction: SegmentReduction,
        segments: Segments<'_, Self>,
        options: SegmentOptions,
    ) -> Result<Self> {
        check_float("segment_reduce", self)?;
        let SegmentOptions { initial, partial } = options;
        let plan = Plan::new(self, segments, partial)?;
        let (combine, nothing) = match reduction {
            SegmentReduction::Sum | SegmentReduction::Mean => (Combine::Add, 0.0),
            SegmentReduction::Max => (Combine::Max, f64::NEG_INFINITY),
            SegmentReduction::Min => (Combine::Min, f64::INFINITY),
            SegmentReduction::Prod => (Combine::Mul, 1.0),
        };
        let axis = plan.axis as i64;
        let mut shape = self.shape().clone();
        // One more, for what lies in no segment.
        shape[plan.axis] = plan.count + 1;
        let start = initial.unwrap_or(nothing);
        let base = self.filled_beside("segment_reduce", shape, self.dtype(), start)?;
        let mut place = Shape::repeat(1, self.rank());
        place[..=plan.axis].copy_from_slice(&self.shape()[..=plan.axis]);
        let index = self.beside(Array::from_vec(plan.segment_of, place)?)?.broadcast_to(self.shape())?;
        let op = Op::Scatter { dim: plan.axis, combine };
        let result = Self::apply_one(op, &[&base, &index, self])?.narrow(axis, 0, plan.count as i64)?;
        if reduction != SegmentReduction::Mean {
            return Ok(result);
        }
        // An initial value alone is not divided.
        let least = if initial.is_some() { 1 } else { 0 };
        let lengths: Vec<f64> = plan.lengths.iter().map(|&length| length.max(least) as f64).collect();
        let mut place = Shape::repeat(1, self.rank());
        place[..plan.axis].copy_from_slice(&self.shape()[..plan.axis]);
        place[plan.axis] = plan.count;
        let lengths = self.beside(Array::from_vec(lengths, place)?.to_dtype(self.dtype())?)?;
        result.div(&lengths)
    }
}

impl<T: Apply> SegmentReductions for T {}

/// Segments as they were asked for, made sure to lie inside.
struct Plan {
    /// The dimension that is cut.
    axis: usize,
    /// How many segments each batch has.
    count: usize,
    /// The segment of every element along the dimension, batch after batch; `count` where there is none.
    segment_of: Vec<i64>,
    /// How long each segment is, batch after batch.
    lengths: Vec<i64>,
}

impl Plan {
    #[track_caller]
    fn new<T: Apply>(x: &T, segments: Segments<'_, T>, partial: bool) -> Result<Plan> {
        let (list, by_offset) = match segments {
            Segments::Lengths(list) => (list, false),
            Segments::Offsets(list) => (list, true),
        };
        let fail = |what: String| Error::argument("segment_reduce", what);
        if list.dtype() != DType::I64 && list.dtype() != DType::I32 {
            return Err(Error::dtype(
                "segment_reduce",
                format!("segments must be integers, not {}", list.dtype()),
            ));
        }
        let Some(axis) = list.rank().checked_sub(1).filter(|&axis| axis < x.rank()) else {
            return Err(Error::shape(
                "segment_reduce",
                format!("lists of segments of shape {} do not cut shape {}", list.shape(), x.shape()),
            ));
        };
        if list.shape()[..axis] != x.shape()[..axis] {
            return Err(Error::shape(
                "segment_reduce",
                format!(
                    "there must be a list of segments for each batch of {}, not {}",
                    x.shape(),
                    list.shape()
                ),
            ));
        }
        let (n, width) = (x.shape()[axis], list.shape()[axis]);
        let count = if by_offset { width.saturating_sub(1) } else { width };
        let batches: usize = x.shape()[..axis].iter().product();
        let mut plan = Plan { axis, count, segment_of: Vec::new(), lengths: Vec::new() };
        let numbers = list.array().to_i64s()?;
        for batch in 0..batches {
            let list = &numbers[batch * width..(batch + 1) * width];
            let first = plan.segment_of.len();
            plan.segment_of.resize(first + n, count as i64);
            let mut end = if by_offset { list.first().copied().unwrap_or(0) } else { 0 };
            for segment in 0..count {
                let start = end;
                end = if by_offset { list[segment + 1] } else { start.saturating_add(list[segment]) };
                if start < 0 || end < start || end > n as i64 {
                    return Err(fail(format!(
                        "segment {segment} from {start} to {end} does not lie in 0 to {n}"
                    )));
                }
                plan.segment_of[first + start as usize..first + end as usize].fill(segment as i64);
                plan.lengths.push(end - start);
            }
            if !by_offset && !partial && end != n as i64 {
                return Err(fail(format!("the lengths add up to {end}, not to the {n} elements there are")));
            }
        }
        Ok(plan)
    }
}
