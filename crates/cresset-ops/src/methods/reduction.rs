//! Reductions over dimensions: totals, extremes and where they lie, questions to all elements.

use cresset_tensor::{Axes, DType, Error, Listed, Result, Scalar, Shape, order::sort_places};
use smallvec::smallvec;

use super::{Arithmetic, Elementwise, Shaping, fused::reduce_closure};
use crate::{
    Apply, Expr,
    expr::{Closure, select},
    op::{List, Op, Reduce, Reduction},
};

/// Floating point, or an error that says so.
#[track_caller]
pub(super) fn check_float<T: Apply>(name: &'static str, x: &T) -> Result<()> {
    if x.dtype().is_float() {
        return Ok(());
    }
    Err(Error::dtype(name, format!("needs floating point, not {}; convert with to_dtype first", x.dtype())))
}

/// As many dimensions as a reduction takes, in PyTorch too.
const MOST_DIMENSIONS: usize = 64;

/// Dimensions by name as ascending numbers.
#[track_caller]
pub(super) fn axes(name: &'static str, dims: impl Into<Axes>, rank: usize) -> Result<List> {
    ascending(name, dims.into(), rank)
}

#[track_caller]
fn ascending(name: &'static str, dims: Axes, rank: usize) -> Result<List> {
    if rank > MOST_DIMENSIONS {
        return Err(Error::shape(
            name,
            format!("takes arrays of up to {MOST_DIMENSIONS} dimensions, not of {rank}"),
        ));
    }
    let mut dims: List = dims.resolve(name, rank)?.into_iter().listed();
    sort_places(&mut dims);
    Ok(dims)
}

/// How many elements of a shape come together over dimensions.
pub(super) fn count(shape: &Shape, dims: &[usize]) -> usize {
    dims.iter().map(|&dim| shape[dim]).product()
}

/// Named dimensions again, of numbers.
pub(super) fn named(dims: &[usize]) -> Axes {
    dims.to_vec().into()
}

/// Reductions. Where dimensions are asked for, `..` names all of them, and an empty list none.
pub trait Reductions: Apply {
    /// One reduction over some dimensions, or all.
    #[track_caller]
    fn reduce(&self, kind: Reduction, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        let dims = axes(kind.name(), dims, self.rank())?;
        Self::apply_one(Op::Reduce(Box::new(Reduce { kind, dims, keepdim, map: None })), &[self])
    }

    /// A reduction of a formula's values over several arrays broadcast together, in one pass.
    ///
    /// ```
    /// use cresset_ops::{op::Reduction, prelude::*};
    /// let (a, b) = (Array::new([1.0, 2.0]), Array::new([3.0, 5.0]));
    /// let square = Array::reduce_formula(&[&a, &b], &[], Reduction::Sum, .., false, |x, _| (x[0] - x[1]).square())?;
    /// assert_eq!(square.item::<f64>()?, 13.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn reduce_formula<F>(
        inputs: &[&Self],
        numbers: &[Scalar],
        kind: Reduction,
        dims: impl Into<Axes>,
        keepdim: bool,
        f: F,
    ) -> Result<Self>
    where
        F: Fn(&[Expr], &[Expr]) -> Expr,
    {
        let rank = inputs.iter().map(|x| x.rank()).max().unwrap_or(0);
        let dims = axes(kind.name(), dims, rank)?;
        reduce_closure(kind, &dims, keepdim, inputs, numbers, Closure::of(&f))
    }

    /// The sum of all elements; of integers and `bool` as `int64`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.sum()?.item::<f64>()?, 10.0);
    /// assert_eq!(x.sum_dim(0, false)?.to_vec::<f64>()?, [4.0, 6.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn sum(&self) -> Result<Self> {
        self.reduce(Reduction::Sum, .., false)
    }

    /// The sum over some dimensions.
    #[track_caller]
    fn sum_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        self.reduce(Reduction::Sum, dims, keepdim)
    }

    /// The sum down to a shape that broadcasts to this one.
    #[track_caller]
    fn sum_to_size(&self, shape: impl Into<Shape>) -> Result<Self> {
        let wanted = shape.into();
        let shape = self.shape();
        if wanted.broadcast(shape).as_ref() != Some(shape) {
            return Err(Error::shape(
                "sum_to_size",
                format!("{wanted} does not broadcast to {shape}, so {shape} cannot be summed to it"),
            ));
        }
        if wanted.rank() == 0 {
            return self.sum();
        }
        let extra = shape.rank() - wanted.rank();
        let dims: Vec<usize> = (0..shape.rank())
            .filter(|&dim| dim < extra || (wanted[dim - extra] == 1 && shape[dim] != 1))
            .collect();
        if dims.is_empty() {
            return Ok(self.clone());
        }
        let sum = self.sum_dim(dims, true)?;
        if extra == 0 { Ok(sum) } else { sum.reshape(wanted) }
    }

    /// The product of all elements; of integers and `bool` as `int64`.
    #[track_caller]
    fn prod(&self) -> Result<Self> {
        self.reduce(Reduction::Prod, .., false)
    }

    /// The product over some dimensions.
    #[track_caller]
    fn prod_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        self.reduce(Reduction::Prod, dims, keepdim)
    }

    /// The mean of all elements.
    #[track_caller]
    fn mean(&self) -> Result<Self> {
        self.mean_dim(.., false)
    }

    /// The mean over some dimensions. Of nothing it is NaN.
    #[track_caller]
    fn mean_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        check_float("mean", self)?;
        let dims = axes("mean", dims, self.rank())?;
        let n = count(self.shape(), &dims);
        if self.dtype().size() == 2 {
            // The sum may exceed what half precision holds, though the mean does not.
            let wide = self.to_dtype(DType::F32)?.sum_dim(named(&dims), keepdim)?;
            return Self::formula(&[&wide], &[n.into()], |x, n| x[0] / n[0])?.to_dtype(self.dtype());
        }
        let sum = self.sum_dim(named(&dims), keepdim)?;
        Self::formula(&[&sum], &[n.into()], |x, n| x[0] / n[0])
    }

    /// The sum of all elements that are numbers.
    #[track_caller]
    fn nansum(&self) -> Result<Self> {
        self.nansum_dim(.., false)
    }

    /// The sum over some dimensions of the elements that are numbers.
    #[track_caller]
    fn nansum_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        if !self.dtype().is_float() {
            return self.sum_dim(dims, keepdim);
        }
        Self::reduce_formula(&[self], &[], Reduction::Sum, dims, keepdim, |x, _| {
            select(x[0].isnan(), 0, x[0])
        })
    }

    /// The mean of all elements that are numbers.
    #[track_caller]
    fn nanmean(&self) -> Result<Self> {
        self.nanmean_dim(.., false)
    }

    /// The mean over some dimensions of the elements that are numbers.
    #[track_caller]
    fn nanmean_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        check_float("nanmean", self)?;
        let dims = dims.into();
        let numbers =
            Self::reduce_formula(&[self], &[], Reduction::Sum, dims.clone(), keepdim, |x, _| !x[0].isnan())?;
        self.nansum_dim(dims, keepdim)?.div(&numbers)
    }

    /// The largest element, or NaN if there is one. Equals share its gradient.
    #[track_caller]
    fn max(&self) -> Result<Self> {
        self.amax(.., false)
    }

    /// The smallest element, or NaN if there is one. Equals share its gradient.
    #[track_caller]
    fn min(&self) -> Result<Self> {
        self.amin(.., false)
    }

    /// The largest along a dimension, and where the first of them lies. That one has the gradient.
    #[track_caller]
    fn max_dim(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        let index = self.argmax_dim(dim, true)?;
        pick(self, "max", dim, index, keepdim)
    }

    /// The smallest along a dimension, and where the first of them lies. That one has the gradient.
    #[track_caller]
    fn min_dim(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        let index = self.argmin_dim(dim, true)?;
        pick(self, "min", dim, index, keepdim)
    }

    /// The largest over some dimensions, or NaN if there is one. Equals share its gradient.
    #[track_caller]
    fn amax(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        self.reduce(Reduction::Max, dims, keepdim)
    }

    /// The smallest over some dimensions, or NaN if there is one. Equals share its gradient.
    #[track_caller]
    fn amin(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        self.reduce(Reduction::Min, dims, keepdim)
    }

    /// The smallest and the largest element.
    #[track_caller]
    fn aminmax(&self) -> Result<(Self, Self)> {
        Ok((self.amin(.., false)?, self.amax(.., false)?))
    }

    /// The smallest and the largest along a dimension.
    #[track_caller]
    fn aminmax_dim(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        Ok((self.amin(dim, keepdim)?, self.amax(dim, keepdim)?))
    }

    /// Where the first largest element lies, in row-major order.
    #[track_caller]
    fn argmax(&self) -> Result<Self> {
        self.reshape(Shape::from([self.numel()]))?.argmax_dim(0, false)
    }

    /// Where the first largest along a dimension lies.
    #[track_caller]
    fn argmax_dim(&self, dim: i64, keepdim: bool) -> Result<Self> {
        find(self, Reduction::ArgMax, dim, keepdim)
    }

    /// Where the first smallest element lies, in row-major order.
    #[track_caller]
    fn argmin(&self) -> Result<Self> {
        self.reshape(Shape::from([self.numel()]))?.argmin_dim(0, false)
    }

    /// Where the first smallest along a dimension lies.
    #[track_caller]
    fn argmin_dim(&self, dim: i64, keepdim: bool) -> Result<Self> {
        find(self, Reduction::ArgMin, dim, keepdim)
    }

    /// Is any element not zero?
    #[track_caller]
    fn any(&self) -> Result<Self> {
        self.any_dim(.., false)
    }

    /// Is any element not zero, over some dimensions? Of `uint8` as `uint8`, else as `bool`.
    #[track_caller]
    fn any_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        answer(self, self.reduce(Reduction::Any, dims, keepdim)?)
    }

    /// Is no element zero?
    #[track_caller]
    fn all(&self) -> Result<Self> {
        self.all_dim(.., false)
    }

    /// Is no element zero, over some dimensions? Of `uint8` as `uint8`, else as `bool`.
    #[track_caller]
    fn all_dim(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        answer(self, self.reduce(Reduction::All, dims, keepdim)?)
    }

    /// How many elements are not zero.
    #[track_caller]
    fn count_nonzero(&self) -> Result<Self> {
        self.count_nonzero_dim(..)
    }

    /// How many elements are not zero, over some dimensions.
    #[track_caller]
    fn count_nonzero_dim(&self, dims: impl Into<Axes>) -> Result<Self> {
        Self::reduce_formula(&[self], &[], Reduction::Sum, dims, false, |x, _| x[0].ne(0))
    }

    /// `log Σ eˣ` over some dimensions, without overflow. Integers become floating point.
    #[track_caller]
    fn logsumexp(&self, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        let dims = axes("logsumexp", dims, self.rank())?;
        if count(self.shape(), &dims) == 0 {
            let sum =
                Self::reduce_formula(&[self], &[], Reduction::Sum, named(&dims), keepdim, |x, _| x[0].exp())?;
            return sum.log();
        }
        // The result does not depend on what is taken off, so neither does the gradient: a constant. Infinities
        // cannot be taken off.
        let largest = Self::constant(self.array().amax(named(&dims), true)?);
        let largest = Self::formula(&[&largest], &[], |x, _| {
            let x = x[0] * 1.0;
            select(x.abs().eq(f64::INFINITY), 0, x)
        })?;
        let sum =
            Self::reduce_formula(&[self, &largest], &[], Reduction::Sum, named(&dims), true, |x, _| {
                (x[0] - x[1]).exp()
            })?;
        let result = Self::formula(&[&sum, &largest], &[], |x, _| x[0].log() + x[1])?;
        if keepdim { Ok(result) } else { result.reshape(without(self.shape(), &dims)) }
    }
}

impl<T: Apply> Reductions for T {}

/// A shape without some of its dimensions.
pub(super) fn without(shape: &Shape, dims: &[usize]) -> Shape {
    shape.iter().enumerate().filter(|(dim, _)| !dims.contains(dim)).map(|(_, &size)| size).collect()
}

/// The elements that an index of size one along a dimension names, and the index.
#[track_caller]
pub(super) fn pick<T: Apply>(x: &T, name: &'static str, dim: i64, index: T, keepdim: bool) -> Result<(T, T)> {
    let dim = x.shape().axis(name, dim)?;
    let values = T::apply_one(Op::Gather { dim }, &[x, &index])?;
    if keepdim || x.rank() == 0 {
        return Ok((values, index));
    }
    let shape = without(x.shape(), &[dim]);
    Ok((values.reshape(&shape)?, index.reshape(&shape)?))
}

/// A single number lies at place 0.
#[track_caller]
fn find<T: Apply>(x: &T, kind: Reduction, dim: i64, keepdim: bool) -> Result<T> {
    let dim = x.shape().axis(kind.name(), dim)?;
    if x.rank() == 0 {
        return x.filled_beside(kind.name(), Shape::default(), DType::I64, 0);
    }
    T::apply_one(Op::Reduce(Box::new(Reduce { kind, dims: smallvec![dim], keepdim, map: None })), &[x])
}

#[track_caller]
fn answer<T: Apply>(x: &T, truth: T) -> Result<T> {
    if x.dtype() == DType::U8 { truth.to_dtype(DType::U8) } else { Ok(truth) }
}
