//! Elements by their rank: medians, the k-th, the most frequent, quantiles.

use cresset_tensor::{DType, Error, Result, Scalar, Shape};

use super::{Elementwise, Picking, Rearranging, Reductions, Shaping, Slicing, Sorting, reduction::pick};
use crate::{
    Apply, Operand,
    cpu::select::{Choice, choose},
    expr::select,
    op::Reduction,
};

/// What a quantile between two elements is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum QuantileInterpolation {
    /// On the straight line between them.
    #[default]
    Linear,
    /// The lower.
    Lower,
    /// The higher.
    Higher,
    /// Their mean.
    Midpoint,
    /// The nearest, of equally near ones that of even rank.
    Nearest,
}

/// Elements by rank.
pub trait Quantiles: Apply {
    /// The median of all elements, of two in the middle the lower; NaN if there is one, or nothing. Equals share its
    /// gradient.
    #[track_caller]
    fn median(&self) -> Result<Self> {
        middle("median", self, Choice::Median)
    }

    /// The median along a dimension, and where it lies.
    #[track_caller]
    fn median_dim(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        chosen("median", self, Choice::Median, dim, keepdim)
    }

    /// The median of all elements that are numbers.
    #[track_caller]
    fn nanmedian(&self) -> Result<Self> {
        middle("nanmedian", self, Choice::NanMedian)
    }

    /// The median along a dimension of the elements that are numbers, and where it lies.
    #[track_caller]
    fn nanmedian_dim(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        chosen("nanmedian", self, Choice::NanMedian, dim, keepdim)
    }

    /// The most frequent along a dimension, of equally frequent ones the smallest; and where the last of them lies.
    #[track_caller]
    fn mode(&self, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        chosen("mode", self, Choice::Mode, dim, keepdim)
    }

    /// The `k`-th smallest along a dimension, counted from 1, and where it lies. NaN is the largest.
    #[track_caller]
    fn kthvalue(&self, k: usize, dim: i64, keepdim: bool) -> Result<(Self, Self)> {
        let axis = self.shape().axis("kthvalue", dim)?;
        let size = self.shape().get(axis).copied().unwrap_or(1);
        if !(1..=size).contains(&k) {
            return Err(Error::index(
                "kthvalue",
                format!("k = {k} is not between 1 and the {size} elements of dimension {axis}"),
            ));
        }
        chosen("kthvalue", self, Choice::Kth(k - 1), dim, keepdim)
    }

    /// The `q`-quantiles along a dimension, or of all elements: `q` is a number, or a list, which becomes the first
    /// dimension. NaN where there is one.
    #[track_caller]
    fn quantile<'a>(
        &self,
        q: impl Into<Operand<'a, Self>>,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
    ) -> Result<Self> {
        self.quantile_with(q, dim, keepdim, QuantileInterpolation::Linear)
    }

    /// The `q`-quantiles, where they lie between two elements as the interpolation says.
    #[track_caller]
    fn quantile_with<'a>(
        &self,
        q: impl Into<Operand<'a, Self>>,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
        interpolation: QuantileInterpolation,
    ) -> Result<Self> {
        quantile("quantile", self, q.into(), dim.into(), keepdim, interpolation)
    }

    /// The `q`-quantiles of the elements that are numbers.
    #[track_caller]
    fn nanquantile<'a>(
        &self,
        q: impl Into<Operand<'a, Self>>,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
    ) -> Result<Self> {
        self.nanquantile_with(q, dim, keepdim, QuantileInterpolation::Linear)
    }

    /// The `q`-quantiles of the elements that are numbers, between two as the interpolation says.
    #[track_caller]
    fn nanquantile_with<'a>(
        &self,
        q: impl Into<Operand<'a, Self>>,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
        interpolation: QuantileInterpolation,
    ) -> Result<Self> {
        quantile("nanquantile", self, q.into(), dim.into(), keepdim, interpolation)
    }
}

impl<T: Apply> Quantiles for T {}

/// An element of each row along a dimension, and where it lies. That one has the gradient.
#[track_caller]
fn chosen<T: Apply>(name: &'static str, x: &T, choice: Choice, dim: i64, keepdim: bool) -> Result<(T, T)> {
    let axis = x.shape().axis(name, dim)?;
    if x.shape().get(axis) == Some(&0) {
        return Err(Error::shape(
            name,
            format!("dimension {axis} of shape {} is empty, and {name} of nothing is not defined", x.shape()),
        ));
    }
    let index = x.beside(choose(name, choice, axis, &x.array().to_host()?)?)?;
    pick(x, name, dim, index, keepdim)
}

/// The element of all that is in the middle.
#[track_caller]
fn middle<T: Apply>(name: &'static str, x: &T, choice: Choice) -> Result<T> {
    if x.numel() == 0 {
        let (least, _) = x.dtype().int_range();
        let nothing = if x.dtype().is_float() { Scalar::Float(f64::NAN) } else { Scalar::Int(least) };
        return x.filled_beside(name, Shape::default(), x.dtype(), nothing);
    }
    let list = x.ravel()?;
    let (value, _) = chosen(name, &list, choice, 0, false)?;
    let number = value.array().item_scalar()?;
    if !x.dtype().is_float() || number.to_f64().is_nan() {
        return Ok(value);
    }
    // The largest of those not above it: a maximum, whose equals share the gradient.
    T::reduce_formula(&[&list], &[number], Reduction::Max, 0, false, |x, n| {
        select(x[0].le(n[0]), x[0], f64::NEG_INFINITY)
    })
}

#[track_caller]
fn quantile<T: Apply>(
    name: &'static str,
    x: &T,
    q: Operand<'_, T>,
    dim: Option<i64>,
    keepdim: bool,
    interpolation: QuantileInterpolation,
) -> Result<T> {
    let number = matches!(q, Operand::Number(_));
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(Error::dtype(name, format!("needs float32 or float64, not {}", x.dtype())));
    }
    let q = q.value_beside(x)?;
    if q.rank() > 1 {
        return Err(Error::shape(name, format!("q must be a number or a list, not of shape {}", q.shape())));
    }
    if q.dtype() != x.dtype() && !number {
        return Err(Error::dtype(
            name,
            format!("q must be {} as the input is, not {}", x.dtype(), q.dtype()),
        ));
    }
    let q = q.to_dtype(x.dtype())?;
    if q.array().to_f64s()?.iter().any(|q| !(0.0..=1.0).contains(q)) {
        return Err(Error::argument(name, "q must lie between 0 and 1"));
    }
    // The dimension of the elements becomes the last.
    let axis = dim.map(|dim| x.shape().axis(name, dim)).transpose()?;
    let rows = match axis {
        Some(axis) if x.rank() > 0 => x.movedim([axis], [-1isize])?,
        _ => x.ravel()?,
    };
    let n = rows.shape().last().copied().unwrap_or(0);
    if rows.numel() == 0 || n == 0 {
        return Err(Error::shape(name, format!("shape {} holds no elements", x.shape())));
    }
    let (sorted, _) = rows.sort(-1, false)?;
    let list = q.ravel()?;
    let rank = if name == "quantile" {
        // With a NaN, which is last, every quantile is that.
        let last = sorted.narrow(-1, n as i64 - 1, 1)?;
        T::formula(&[&list, &last], &[(n - 1).into()], |x, n| select(x[1].isnan(), n[0], x[0] * n[0]))?
    } else {
        let count = T::reduce_formula(&[&rows], &[], Reduction::Sum, -1, true, |x, _| !x[0].isnan())?;
        T::formula(&[&list, &count], &[], |x, _| (x[0] * (x[1] - 1)).maximum(0))?
    };
    let at = |place: T| sorted.gather(-1, &place.to_dtype(DType::I64)?);
    let result = match interpolation {
        QuantileInterpolation::Lower => at(T::formula(&[&rank], &[], |x, _| x[0].floor())?)?,
        QuantileInterpolation::Higher => at(T::formula(&[&rank], &[], |x, _| x[0].ceil())?)?,
        QuantileInterpolation::Nearest => at(T::formula(&[&rank], &[], |x, _| x[0].round())?)?,
        QuantileInterpolation::Linear | QuantileInterpolation::Midpoint => {
            let below = at(T::formula(&[&rank], &[], |x, _| x[0].floor())?)?;
            let above = at(T::formula(&[&rank], &[], |x, _| x[0].ceil())?)?;
            if interpolation == QuantileInterpolation::Midpoint {
                T::formula(&[&below, &above], &[], |x, _| x[0] + (x[1] - x[0]) * 0.5)?
            } else {
                // From the nearer end, so that both ends are exact.
                T::formula(&[&below, &above, &rank], &[], |x, _| {
                    let weight = x[2] - x[2].floor();
                    let way = x[1] - x[0];
                    select(weight.lt(0.5), x[0] + weight * way, x[1] - way * (1.0 - weight))
                })?
            }
        }
    };
    // The last dimension is that of q: to the front, or away.
    let result = if q.rank() == 1 { result.movedim([-1isize], [0])? } else { result.squeeze(-1)? };
    if !keepdim {
        return Ok(result);
    }
    let mut shape = Shape::default();
    if q.rank() == 1 {
        shape.push(list.numel());
    }
    for (other, &size) in x.shape().iter().enumerate() {
        shape.push(if axis.is_none_or(|axis| axis == other) { 1 } else { size });
    }
    result.reshape(shape)
}
