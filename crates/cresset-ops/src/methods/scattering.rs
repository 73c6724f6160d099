//! Elements and slices written at indices along one dimension.

use std::str::FromStr;

use cresset_tensor::{Array, DType, Error, Result, Scalar, Shape, order::sort_by};

use super::{
    Elementwise, Shaping,
    picking::{as_index, from_start},
};
use crate::{
    Apply, Operand,
    op::{Combine, Op},
};

/// How what is written at one place is reduced: PyTorch's argument `reduce`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScatterReduction {
    /// The sum.
    Sum,
    /// The product.
    Prod,
    /// The mean; of integers, rounded down.
    Mean,
    /// The largest.
    Amax,
    /// The smallest.
    Amin,
}

impl FromStr for ScatterReduction {
    type Err = Error;

    fn from_str(name: &str) -> Result<ScatterReduction> {
        Ok(match name {
            "sum" => ScatterReduction::Sum,
            "prod" => ScatterReduction::Prod,
            "mean" => ScatterReduction::Mean,
            "amax" => ScatterReduction::Amax,
            "amin" => ScatterReduction::Amin,
            _ => {
                return Err(Error::argument(
                    "scatter_reduce",
                    format!("reduce is sum, prod, mean, amax or amin, not {name:?}"),
                ));
            }
        })
    }
}

impl ScatterReduction {
    /// How elements combine, and what changes nothing.
    fn parts(self, dtype: DType) -> (Combine, Scalar) {
        let extreme = |largest: bool| {
            let (low, high) = dtype.int_range();
            match dtype {
                _ if dtype.is_float() => {
                    Scalar::Float(if largest { f64::INFINITY } else { f64::NEG_INFINITY })
                }
                DType::Bool => Scalar::Bool(largest),
                _ => Scalar::Int(if largest { high } else { low }),
            }
        };
        match self {
            ScatterReduction::Sum | ScatterReduction::Mean => (Combine::Add, Scalar::Int(0)),
            ScatterReduction::Prod => (Combine::Mul, Scalar::Int(1)),
            ScatterReduction::Amax => (Combine::Max, extreme(false)),
            ScatterReduction::Amin => (Combine::Min, extreme(true)),
        }
    }
}

/// Declares in-place forms of methods that apply one operation to this, an index and a source.
macro_rules! written {
    ($($(#[$doc:meta])* $method:ident $in_place:ident[$($life:lifetime)?]($($name:ident: $type:ty),*) = $parts:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method<$($life)?>(&self, $($name: $type),*) -> Result<Self> {
            let (op, index, source) = $parts(self, $($name),*)?;
            Self::apply_one(op, &[self, &index, &source])
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place<$($life)?>(&self, $($name: $type),*) -> Result<&Self> {
            let (op, index, source) = $parts(self, $($name),*)?;
            Self::apply_into(op, &[self, &index, &source], &[self])?;
            Ok(self)
        }
    )*};
}

/// Writing at indices. Of several values for one place, the last in the order of the index wins; indices of `scatter…`,
/// `index_add`, `index_copy` and `index_reduce` are not negative, as in PyTorch.
pub trait Scattering: Apply {
    written! {
        /// A copy with `y[…, index[…, i, …], …] = source[…, i, …]`; the source may be a number.
        scatter scatter_['a](dim: i64, index: &Self, source: impl Into<Operand<'a, Self>>) = scatter_parts;

        /// As [`scatter`](Self::scatter), what is there and what is written being combined: PyTorch's
        /// `scatter(…, reduce="add")` and `"multiply"`.
        scatter_combine scatter_combine_['a](
            dim: i64, index: &Self, source: impl Into<Operand<'a, Self>>, combine: Combine
        ) = combine_parts;

        /// A copy to which `source[…, i, …]` is added at `[…, index[…, i, …], …]`.
        scatter_add scatter_add_[](dim: i64, index: &Self, source: &Self) = scatter_add_parts;

        /// A copy to whose slices at the indices those of the source, times `alpha`, are added.
        index_add index_add_[](dim: i64, index: &Self, source: &Self, alpha: impl Into<Scalar>) = index_add_parts;

        /// A copy whose slices at the indices are those of the source.
        index_copy index_copy_[](dim: i64, index: &Self, source: &Self) = index_copy_parts;

        /// A copy whose slices at the indices (which may be negative) are filled with a number or an array without
        /// dimensions.
        index_fill index_fill_['a](dim: i64, index: &Self, value: impl Into<Operand<'a, Self>>) = index_fill_parts;
    }

    /// A copy in which each place has the sum, product, mean, largest or smallest of all that goes there, of what was
    /// there too if `include_self`.
    #[track_caller]
    fn scatter_reduce(
        &self,
        dim: i64,
        index: &Self,
        source: &Self,
        reduce: ScatterReduction,
        include_self: bool,
    ) -> Result<Self> {
        let axis = self.shape().axis("scatter_reduce", dim)?;
        let index = as_index("scatter_reduce", index)?;
        let write = |combine, base: &Self, source: &Self| {
            Self::apply_one(Op::Scatter { dim: axis, combine }, &[base, &index, source])
        };
        reduced(self, source, index.shape(), reduce, include_self, write)
    }

    /// [`scatter_reduce`](Self::scatter_reduce) in place.
    #[track_caller]
    fn scatter_reduce_(
        &self,
        dim: i64,
        index: &Self,
        source: &Self,
        reduce: ScatterReduction,
        include_self: bool,
    ) -> Result<&Self> {
        self.copy_(&self.scatter_reduce(dim, index, source, reduce, include_self)?)
    }

    /// A copy in which each slice at an index has the product, mean, largest or smallest of all slices of the source
    /// that go there, of what was there too if `include_self`.
    #[track_caller]
    fn index_reduce(
        &self,
        dim: i64,
        index: &Self,
        source: &Self,
        reduce: ScatterReduction,
        include_self: bool,
    ) -> Result<Self> {
        if reduce == ScatterReduction::Sum {
            return Err(Error::argument("index_reduce", "does not take sums; use index_add"));
        }
        let (axis, index, source) = along("index_reduce", self, dim, index, source)?;
        let write = |combine, base: &Self, source: &Self| {
            Self::apply_one(Op::IndexPut { dim: axis, combine }, &[base, &index, source])
        };
        reduced(self, &source, source.shape(), reduce, include_self, write)
    }

    /// [`index_reduce`](Self::index_reduce) in place.
    #[track_caller]
    fn index_reduce_(
        &self,
        dim: i64,
        index: &Self,
        source: &Self,
        reduce: ScatterReduction,
        include_self: bool,
    ) -> Result<&Self> {
        self.copy_(&self.index_reduce(dim, index, source, reduce, include_self)?)
    }

    /// A copy in which the elements of the source take the places (or are added there) that the indices name in the
    /// list of all elements.
    #[track_caller]
    fn put(&self, index: &Self, source: &Self, accumulate: bool) -> Result<Self> {
        let (op, index, source) = put_parts(self, index, source, accumulate)?;
        Self::apply_one(op, &[&self.ravel()?, &index, &source])?.reshape(self.shape())
    }

    /// [`put`](Self::put) in place.
    #[track_caller]
    fn put_(&self, index: &Self, source: &Self, accumulate: bool) -> Result<&Self> {
        if !self.is_contiguous() {
            return self.copy_(&self.put(index, source, accumulate)?);
        }
        let (op, index, source) = put_parts(self, index, source, accumulate)?;
        let list = self.ravel()?;
        Self::apply_into(op, &[&list, &index, &source], &[&list])?;
        Ok(self)
    }
}

impl<T: Apply> Scattering for T {}

/// A source for each of an index's places: an array as it is, a number as many times, in the dtype of `like`.
#[track_caller]
fn source_for<'a, T: Apply>(like: &T, index: &T, source: impl Into<Operand<'a, T>>) -> Result<T> {
    match source.into() {
        Operand::Value(source) => Ok(source.clone()),
        Operand::Owned(source) => Ok(source),
        Operand::Number(number) => {
            like.filled_beside("scatter", Shape::default(), like.dtype(), number)?.broadcast_to(index.shape())
        }
    }
}

#[track_caller]
fn combine_parts<'a, T: Apply>(
    x: &T,
    dim: i64,
    index: &T,
    source: impl Into<Operand<'a, T>>,
    combine: Combine,
) -> Result<(Op, T, T)> {
    let dim = x.shape().axis("scatter", dim)?;
    let index = as_index("scatter", index)?;
    let source = source_for(x, &index, source)?;
    Ok((Op::Scatter { dim, combine }, index, source))
}

#[track_caller]
fn scatter_parts<'a, T: Apply>(
    x: &T,
    dim: i64,
    index: &T,
    source: impl Into<Operand<'a, T>>,
) -> Result<(Op, T, T)> {
    combine_parts(x, dim, index, source, Combine::Set)
}

#[track_caller]
fn scatter_add_parts<T: Apply>(x: &T, dim: i64, index: &T, source: &T) -> Result<(Op, T, T)> {
    combine_parts(x, dim, index, source, Combine::Add)
}

/// Dimension, index and source of a method that writes slices: the source has the shape of `x` but along `dim`, where
/// it has one slice for each index.
#[track_caller]
fn along<T: Apply>(name: &'static str, x: &T, dim: i64, index: &T, source: &T) -> Result<(usize, T, T)> {
    let axis = x.shape().axis(name, dim)?;
    let index = as_index(name, index)?;
    if index.rank() > 1 {
        return Err(Error::shape(name, format!("the index must have one dimension, not {}", index.shape())));
    }
    let mut wanted = x.shape().clone();
    if wanted.rank() > 0 {
        wanted[axis] = index.numel();
    }
    if x.dtype() != source.dtype() {
        return Err(Error::dtype(
            name,
            format!("array and source must have one dtype: {} and {}", x.dtype(), source.dtype()),
        ));
    }
    // A single number and a list of one are the same here.
    let lists = wanted.rank() <= 1 && source.rank() <= 1 && wanted.numel() == source.numel();
    if *source.shape() != wanted && !lists {
        return Err(Error::shape(
            name,
            format!(
                "the source must have shape {wanted}, one slice for each index; it has {}",
                source.shape()
            ),
        ));
    }
    Ok((axis, index, source.view_as_data(crate::view::View::Reshape(wanted))?))
}

#[track_caller]
fn index_add_parts<T: Apply>(
    x: &T,
    dim: i64,
    index: &T,
    source: &T,
    alpha: impl Into<Scalar>,
) -> Result<(Op, T, T)> {
    let (dim, index, mut source) = along("index_add", x, dim, index, source)?;
    let alpha = alpha.into();
    let alpha = match x.dtype() {
        DType::Bool => Scalar::Bool(alpha.to_bool()),
        dtype if dtype.is_int() => Scalar::Int(alpha.to_i64()),
        _ => alpha,
    };
    if alpha.to_f64() != 1.0 {
        source = T::formula(&[&source], &[alpha], |x, n| x[0] * n[0])?;
    }
    Ok((Op::IndexPut { dim, combine: Combine::Add }, index, source))
}

#[track_caller]
fn index_copy_parts<T: Apply>(x: &T, dim: i64, index: &T, source: &T) -> Result<(Op, T, T)> {
    let (dim, index, source) = along("index_copy", x, dim, index, source)?;
    Ok((Op::IndexPut { dim, combine: Combine::Set }, index, source))
}

#[track_caller]
fn index_fill_parts<'a, T: Apply>(
    x: &T,
    dim: i64,
    index: &T,
    value: impl Into<Operand<'a, T>>,
) -> Result<(Op, T, T)> {
    let axis = x.shape().axis("index_fill", dim)?;
    let size = x.shape().get(axis).copied().unwrap_or(1);
    let index = as_index("index_fill", index)?;
    if index.rank() > 1 {
        return Err(Error::shape(
            "index_fill",
            format!("the index must have one dimension, not {}", index.shape()),
        ));
    }
    let index = from_start("index_fill", &index, axis, size)?;
    // A place named twice is filled once: its gradient counts once.
    let mut list = index.array().to_i64s()?;
    sort_by(&mut list, Ord::cmp);
    list.dedup();
    let index = index.beside(Array::from_slice(&list, [list.len()])?)?;
    let value = match value.into() {
        Operand::Value(value) => value.clone(),
        Operand::Owned(value) => value,
        Operand::Number(number) => x.filled_beside("index_fill", Shape::default(), x.dtype(), number)?,
    };
    if value.rank() > 0 {
        return Err(Error::shape(
            "index_fill",
            format!("the value must be a number or without dimensions; its shape is {}", value.shape()),
        ));
    }
    let mut shape = x.shape().clone();
    if shape.rank() > 0 {
        shape[axis] = index.numel();
    }
    let value = value.to_dtype(x.dtype())?.broadcast_to(shape)?;
    Ok((Op::IndexPut { dim: axis, combine: Combine::Set }, index, value))
}

#[track_caller]
fn put_parts<T: Apply>(x: &T, index: &T, source: &T, accumulate: bool) -> Result<(Op, T, T)> {
    if index.dtype() != DType::I64 {
        return Err(Error::dtype("put", format!("the index must be int64, not {}", index.dtype())));
    }
    if x.dtype() != source.dtype() {
        return Err(Error::dtype(
            "put",
            format!("array and source must have one dtype: {} and {}", x.dtype(), source.dtype()),
        ));
    }
    if index.numel() != source.numel() {
        return Err(Error::shape(
            "put",
            format!("needs an element for each index: {} for {}", source.numel(), index.numel()),
        ));
    }
    let index = from_start("put", index, 0, x.numel())?.ravel()?;
    let combine = if accumulate { Combine::Add } else { Combine::Set };
    Ok((Op::IndexPut { dim: 0, combine }, index, source.ravel()?))
}

/// `write(combine, base, source)` writes at the indices; `places` is the shape in which it does.
#[track_caller]
fn reduced<T: Apply>(
    x: &T,
    source: &T,
    places: &Shape,
    reduce: ScatterReduction,
    include_self: bool,
    write: impl Fn(Combine, &T, &T) -> Result<T>,
) -> Result<T> {
    let (combine, nothing) = reduce.parts(x.dtype());
    if reduce == ScatterReduction::Mean && x.dtype() == DType::Bool {
        return Err(Error::dtype(
            "scatter_reduce",
            "the mean of bool is not defined; use sum or convert first",
        ));
    }
    let single = |value: Scalar, dtype| x.filled_beside("scatter_reduce", Shape::default(), dtype, value);
    let fill = |value: Scalar, dtype| single(value, dtype)?.broadcast_to(places);
    let base = if include_self { x.clone() } else { write(Combine::Set, x, &fill(nothing, x.dtype())?)? };
    let result = write(combine, &base, source)?;
    if reduce != ScatterReduction::Mean {
        return Ok(result);
    }
    // How many went to each place.
    let none = single(i64::from(include_self).into(), DType::I64)?.broadcast_to(x.shape())?;
    let counts = write(Combine::Add, &none, &fill(Scalar::Int(1), DType::I64)?)?;
    if x.dtype().is_float() {
        T::formula(&[&result, &counts], &[], |x, _| x[0] / x[1].maximum(1))
    } else {
        T::formula(&[&result, &counts], &[], |x, _| x[0].floor_divide(x[1].maximum(1)).cast_like(x[0]))
    }
}
