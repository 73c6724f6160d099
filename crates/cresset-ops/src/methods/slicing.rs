//! Parts of an array as views: slices, indices, diagonals, windows, any geometry; and copies in which such a part is
//! replaced.

use std::{borrow::Cow, collections::HashMap, panic::Location};

use cresset_tensor::{Array, Error, Result, Shape, Sizes, Strides};

use super::{Elementwise, Picking, Scattering, Shaping};
use crate::{Apply, op::Op, view::View};

/// Parts of an array.
pub trait Slicing: Apply {
    /// `length` elements from `start` along a dimension.
    #[track_caller]
    fn narrow(&self, dim: i64, start: i64, length: i64) -> Result<Self> {
        if self.rank() == 0 {
            return Err(Error::index("narrow", "a single number has no dimensions"));
        }
        let axis = self.shape().axis("narrow", dim)?;
        let size = self.shape()[axis];
        let first = if start < 0 { start.saturating_add(size as i64) } else { start };
        match (usize::try_from(first), usize::try_from(length)) {
            (Ok(first), Ok(len)) if first <= size && len <= size - first => self.view_as_data(View::Slice {
                dim: axis,
                start: if len > 0 { first } else { 0 },
                len,
                step: 1,
            }),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(Error::index(
                "narrow",
                format!("{length} elements from {start} do not lie in dimension {dim} of size {size}"),
            )),
        }
    }

    /// One index of a dimension, which goes away.
    #[track_caller]
    fn select(&self, dim: i64, index: i64) -> Result<Self> {
        self.view_as_data(select_view(self, dim, index)?)
    }

    /// From `start` up to but not including `end` along a dimension, in steps; what lies beyond is not there, as in
    /// Python. A negative step runs backwards, as in NumPy.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([0, 1, 2, 3, 4]);
    /// assert_eq!(x.slice(0, 1, -1, 2)?.to_vec::<i32>()?, [1, 3]);
    /// assert_eq!(x.slice(0, None, None, -2)?.to_vec::<i32>()?, [4, 2, 0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn slice(
        &self,
        dim: i64,
        start: impl Into<Option<i64>>,
        end: impl Into<Option<i64>>,
        step: i64,
    ) -> Result<Self> {
        self.view_as_data(slice_view(self, dim, start.into(), end.into(), step)?)
    }

    /// The diagonal of two dimensions as a new last one, `offset` above (positive) or below the main one.
    #[track_caller]
    fn diagonal(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Self> {
        self.view_as_data(diagonal_view(self, offset, dim1, dim2)?)
    }

    /// Windows of `size` elements every `step` along a dimension; their inside is a new last one.
    #[track_caller]
    fn unfold(&self, dim: i64, size: i64, step: i64) -> Result<Self> {
        let axis = self.shape().axis("unfold", dim)?;
        let (Ok(size), Ok(step)) = (usize::try_from(size), usize::try_from(step)) else {
            return Err(Error::argument("unfold", format!("windows of {size} every {step} have no meaning")));
        };
        if self.rank() == 0 {
            if size > 1 || step == 0 {
                return Err(Error::argument(
                    "unfold",
                    format!("a single number has no windows of {size} every {step}"),
                ));
            }
            return self.reshape([1])?.narrow(0, 0, size as i64);
        }
        self.view_as_data(View::Unfold { dim: axis, size, step, dilation: 1 })
    }

    /// Any geometry over the memory: a shape, for each dimension how far neighbours lie apart, and where the first
    /// element lies (by default, where that of this array does), counted from the start of the memory. It must lie
    /// within it.
    #[track_caller]
    fn as_strided(
        &self,
        sizes: impl Into<Sizes>,
        strides: impl Into<Sizes>,
        offset: impl Into<Option<i64>>,
    ) -> Result<Self> {
        self.view_as_data(strided_view(self, sizes.into(), strides.into(), offset.into())?)
    }

    /// A copy in which an index of a dimension shows the source.
    #[track_caller]
    fn select_scatter(&self, source: &Self, dim: i64, index: i64) -> Result<Self> {
        overwrite(self, source, select_view(self, dim, index)?)
    }

    /// A copy in which a slice shows the source.
    #[track_caller]
    fn slice_scatter(
        &self,
        source: &Self,
        dim: i64,
        start: impl Into<Option<i64>>,
        end: impl Into<Option<i64>>,
        step: i64,
    ) -> Result<Self> {
        overwrite(self, source, slice_view(self, dim, start.into(), end.into(), step)?)
    }

    /// A copy in which a diagonal shows the source.
    #[track_caller]
    fn diagonal_scatter(&self, source: &Self, offset: i64, dim1: i64, dim2: i64) -> Result<Self> {
        overwrite(self, source, diagonal_view(self, offset, dim1, dim2)?)
    }

    /// A copy in which a geometry over the memory shows the source.
    #[track_caller]
    fn as_strided_scatter(
        &self,
        source: &Self,
        sizes: impl Into<Sizes>,
        strides: impl Into<Sizes>,
        offset: impl Into<Option<i64>>,
    ) -> Result<Self> {
        let view = strided_view(self, sizes.into(), strides.into(), offset.into())?;
        if self.array().is_contiguous() && self.array().offset() == 0 {
            return overwrite(self, source, view);
        }
        // Which elements of this lie where elements of the source go.
        let shown = self.view_as_data(view)?;
        if source.shape() != shown.shape() {
            return Err(wrong_source("as_strided_scatter", source.shape(), shown.shape()));
        }
        let own: HashMap<usize, i64> = self.array().layout().places().zip(0..).collect();
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for (i, place) in (0i64..).zip(shown.array().layout().places()) {
            if let Some(&element) = own.get(&place) {
                here.push(element);
                there.push(i);
            }
        }
        let list = |list: Vec<i64>| self.beside(Array::from_slice(&list, [list.len()])?);
        let source = source.to_dtype(self.dtype())?.ravel()?.index_select(0, &list(there)?)?;
        self.ravel()?.index_copy(0, &list(here)?, &source)?.reshape(self.shape())
    }
}

impl<T: Apply> Slicing for T {}

#[track_caller]
fn overwrite<T: Apply>(base: &T, source: &T, view: View) -> Result<T> {
    let location = Location::caller();
    let wanted = view.shape(base.array().layout()).map_err(|error| error.at(location))?;
    if *source.shape() != wanted {
        return Err(wrong_source(format!("{}_scatter", view.name()), source.shape(), &wanted));
    }
    T::apply_one(Op::Overwrite(view), &[base, &source.to_dtype(base.dtype())?])
}

#[track_caller]
fn wrong_source(name: impl Into<Cow<'static, str>>, found: &Shape, wanted: &Shape) -> Error {
    Error::shape(name, format!("the source must have the shape of what it replaces, {wanted}, not {found}"))
}

#[track_caller]
pub(super) fn select_view<T: Apply>(x: &T, dim: i64, index: i64) -> Result<View> {
    if x.rank() == 0 {
        return Err(Error::index("select", "a single number has no dimensions to index"));
    }
    let axis = x.shape().axis("select", dim)?;
    let size = x.shape()[axis];
    let place = if index < 0 { index.saturating_add(size as i64) } else { index };
    match usize::try_from(place) {
        Ok(place) if place < size => Ok(View::Select { dim: axis, index: place }),
        Ok(_) | Err(_) => Err(Error::index(
            "select",
            format!("index {index} is out of bounds for dimension {axis} of size {size}"),
        )),
    }
}

#[track_caller]
pub(super) fn slice_view<T: Apply>(
    x: &T,
    dim: i64,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> Result<View> {
    if x.rank() == 0 {
        return Err(Error::index("slice", "a single number has no dimensions to slice"));
    }
    let dim = x.shape().axis("slice", dim)?;
    let (start, len) = steps_of(start, end, step, x.shape()[dim])?;
    // A step so large is taken at most once.
    let step = isize::try_from(step).unwrap_or(if step < 0 { isize::MIN + 1 } else { isize::MAX });
    Ok(View::Slice { dim, start, len, step: if len > 1 { step } else { step.signum() } })
}

/// Python's slice of so many elements: where it starts, and how many there are.
#[track_caller]
fn steps_of(start: Option<i64>, end: Option<i64>, step: i64, size: usize) -> Result<(usize, usize)> {
    let size = size as i64;
    let from_end = |i: i64| if i < 0 { i.saturating_add(size) } else { i };
    let (start, span) = match step.signum() {
        1 => {
            let start = start.map_or(0, from_end).clamp(0, size);
            (start, end.map_or(size, from_end).clamp(0, size) - start)
        }
        -1 => {
            let start = start.map_or(size - 1, from_end).clamp(-1, size - 1);
            (start, start - end.map_or(-1, |end| from_end(end).clamp(-1, size - 1)))
        }
        _ => return Err(Error::argument("slice", "a step of 0 leads nowhere")),
    };
    if span <= 0 {
        return Ok((0, 0));
    }
    let len = (span as u64).div_ceil(step.unsigned_abs());
    Ok((start as usize, len as usize))
}

#[track_caller]
fn diagonal_view<T: Apply>(x: &T, offset: i64, dim1: i64, dim2: i64) -> Result<View> {
    let (dim1, dim2) = (x.shape().axis("diagonal", dim1)?, x.shape().axis("diagonal", dim2)?);
    Ok(View::Diagonal { offset, dim1, dim2 })
}

#[track_caller]
fn strided_view<T: Apply>(x: &T, sizes: Sizes, strides: Sizes, offset: Option<i64>) -> Result<View> {
    let refuse = |what: String| Err(Error::argument("as_strided", what));
    let shape = sizes.to_shape("as_strided")?;
    shape.checked_numel("as_strided")?;
    if shape.len() != strides.len() {
        return refuse(format!("needs a stride for each size: {strides} for {shape}"));
    }
    if strides.iter().any(|&stride| stride < 0) {
        return refuse(format!("negative strides are not supported: {strides}"));
    }
    let Ok(offset) = offset.map_or(Ok(x.array().offset()), usize::try_from) else {
        return refuse(format!("the offset must not be negative: {}", offset.unwrap_or(0)));
    };
    let strides: Strides =
        strides.iter().map(|&stride| isize::try_from(stride).unwrap_or(isize::MAX)).collect();
    Ok(View::AsStrided { shape, strides: strides.into(), offset })
}
