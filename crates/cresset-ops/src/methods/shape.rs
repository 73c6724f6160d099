//! Other shapes of the same elements in the same order, and copies of them.

use std::{
    borrow::Borrow,
    ops::{Bound, RangeBounds},
};

use cresset_tensor::{Axes, Device, Error, Result, Shape, Sizes, shape::axis_of};

use crate::{
    Apply,
    methods::{Converting, Elementwise},
    op::Op,
    view::View,
};

/// Shapes.
pub trait Shaping: Apply {
    /// Applies a view.
    #[track_caller]
    fn view_as_data(&self, view: View) -> Result<Self> {
        Self::apply_one(Op::View(view), &[self])
    }

    /// The same elements in another shape, of which one size may be `-1`. A copy only where it has to be.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.reshape([3, -1])?.shape(), &[3, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn reshape(&self, sizes: impl Into<Sizes>) -> Result<Self> {
        let shape = sizes.into().resolve("reshape", self.numel())?;
        self.view_as_data(View::Reshape(shape))
    }

    /// As [`reshape`](Self::reshape), but an error where that would have to copy.
    #[track_caller]
    fn view(&self, sizes: impl Into<Sizes>) -> Result<Self> {
        let view = View::Reshape(sizes.into().resolve("view", self.numel())?);
        if view.layout(self.array().layout()).is_ok_and(|layout| layout.is_none()) {
            return Err(Error::shape(
                "view",
                format!(
                    "shape {} with strides {:?} cannot be seen in the shape asked for without a copy; use reshape",
                    self.shape(),
                    self.array().strides()
                ),
            ));
        }
        self.view_as_data(view)
    }

    /// The shape of another.
    #[track_caller]
    fn view_as(&self, other: &Self) -> Result<Self> {
        self.view(other.shape())
    }

    /// The shape of another.
    #[track_caller]
    fn reshape_as(&self, other: &Self) -> Result<Self> {
        self.reshape(other.shape())
    }

    /// The same memory seen as it is: PyTorch's `alias`.
    #[track_caller]
    fn alias(&self) -> Result<Self> {
        self.view_as_data(View::Reshape(self.shape().clone()))
    }

    /// A range of dimensions as one: PyTorch's `flatten(start_dim, end_dim)`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[[1, 2], [3, 4]]]);
    /// assert_eq!(x.flatten(1..)?.shape(), &[1, 4]);
    /// assert_eq!(x.flatten(..-1)?.shape(), &[2, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn flatten(&self, dims: impl RangeBounds<i64>) -> Result<Self> {
        let rank = self.rank().max(1) as i64;
        // The place between dimensions at which a range ends; -1 is before the last.
        let between = |dim: i64| if dim < 0 { dim.saturating_add(rank) } else { dim };
        let start = match dims.start_bound() {
            Bound::Included(&dim) => dim,
            Bound::Excluded(&dim) => dim.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match dims.end_bound() {
            Bound::Included(&dim) => dim,
            Bound::Excluded(&dim) => match between(dim) {
                place if place > 0 => place - 1,
                _ => {
                    return Err(Error::argument(
                        "flatten",
                        format!("the range up to {dim} holds no dimension"),
                    ));
                }
            },
            Bound::Unbounded => -1,
        };
        self.flatten_dims(start, end)
    }

    /// The dimensions from `start` to `end`, itself included, as one: PyTorch's `flatten(start_dim, end_dim)`.
    #[track_caller]
    fn flatten_dims(&self, start: i64, end: i64) -> Result<Self> {
        let (first, last) = (self.shape().axis("flatten", start)?, self.shape().axis("flatten", end)?);
        if first > last {
            return Err(Error::argument(
                "flatten",
                format!("the range must not end before it starts: dimensions {start} to {end}"),
            ));
        }
        if self.rank() == 0 {
            return self.reshape([1]);
        }
        let (before, rest) = self.shape().split_at(first);
        let (range, after) = rest.split_at(last + 1 - first);
        let joined = Shape::from_slice(range).checked_numel("flatten")?;
        let shape: Shape = before.iter().chain(&[joined]).chain(after).copied().collect();
        self.view_as_data(View::Reshape(shape))
    }

    /// One dimension as several, of which one size may be `-1`.
    #[track_caller]
    fn unflatten(&self, dim: i64, sizes: impl Into<Sizes>) -> Result<Self> {
        let (axis, sizes) = (self.shape().axis("unflatten", dim)?, sizes.into());
        let size = self.shape().get(axis).copied();
        let (Some(size), false) = (size, sizes.is_empty()) else {
            return Err(Error::argument("unflatten", "needs a dimension, and at least one size for it"));
        };
        let part = sizes.resolve("unflatten", size)?;
        let (before, after) = (&self.shape()[..axis], &self.shape()[axis + 1..]);
        let shape: Shape = before.iter().chain(&part).chain(after).copied().collect();
        self.view_as_data(View::Reshape(shape))
    }

    /// All elements in one dimension.
    #[track_caller]
    fn ravel(&self) -> Result<Self> {
        self.reshape([-1])
    }

    /// Without those of the named dimensions (or of all, `..`) that have size one.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[[1, 2]]]);
    /// assert_eq!((x.squeeze(0)?.shape(), x.squeeze(..)?.shape()), (&[1, 2].into(), &[2].into()));
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn squeeze(&self, dims: impl Into<Axes>) -> Result<Self> {
        let axes = dims.into().resolve("squeeze", self.rank())?;
        let kept = self.shape().iter().enumerate().filter(|(i, size)| **size != 1 || !axes.contains(i));
        let shape: Shape = kept.map(|(_, &size)| size).collect();
        self.view_as_data(View::Reshape(shape))
    }

    /// A new dimension of size one before `dim`.
    #[track_caller]
    fn unsqueeze(&self, dim: i64) -> Result<Self> {
        let axis = axis_of("unsqueeze", dim, self.rank() + 1)?;
        let mut shape = self.shape().clone();
        shape.insert(axis, 1);
        self.view_as_data(View::Reshape(shape))
    }

    /// Dimensions of size one repeated, and new ones before them, without a copy. `-1` leaves a size as it is.
    #[track_caller]
    fn expand(&self, sizes: impl Into<Sizes>) -> Result<Self> {
        let sizes = sizes.into();
        let extra = sizes.len().checked_sub(self.rank());
        let mut shape = Shape::default();
        for (i, &size) in sizes.iter().enumerate() {
            let own = extra.and_then(|extra| i.checked_sub(extra)).and_then(|i| self.shape().get(i));
            match (usize::try_from(size), own) {
                (Ok(size), _) => shape.push(size),
                (Err(_), Some(&own)) if size == -1 => shape.push(own),
                (Err(_), _) => {
                    return Err(Error::shape(
                        "expand",
                        format!(
                            "{size} in {sizes} is not a size, nor that of a dimension of {}",
                            self.shape()
                        ),
                    ));
                }
            }
        }
        self.view_as_data(View::Expand(shape))
    }

    /// Expanded to the shape of another.
    #[track_caller]
    fn expand_as(&self, other: &Self) -> Result<Self> {
        self.view_as_data(View::Expand(other.shape().clone()))
    }

    /// Broadcast to a larger shape, without a copy.
    #[track_caller]
    fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.view_as_data(View::Expand(shape.into()))
    }

    /// All broadcast to the shape they have in common.
    #[track_caller]
    fn broadcast_tensors<B: Borrow<Self>>(tensors: &[B]) -> Result<Vec<Self>> {
        let shape = broadcast_shapes(tensors.iter().map(|x| x.borrow().shape()))?;
        tensors.iter().map(|x| x.borrow().broadcast_to(&shape)).collect()
    }

    /// With at least one dimension.
    #[track_caller]
    fn atleast_1d(&self) -> Result<Self> {
        if self.rank() > 0 { Ok(self.clone()) } else { self.reshape([1]) }
    }

    /// With at least two dimensions: a list is one row.
    #[track_caller]
    fn atleast_2d(&self) -> Result<Self> {
        match self.rank() {
            0 => self.reshape([1, 1]),
            1 => self.unsqueeze(0),
            _ => Ok(self.clone()),
        }
    }

    /// With at least three dimensions: a list is one row, a matrix has one layer behind each element.
    #[track_caller]
    fn atleast_3d(&self) -> Result<Self> {
        match self.rank() {
            0 => self.reshape([1, 1, 1]),
            1 => self.reshape([1, self.numel(), 1]),
            2 => self.unsqueeze(-1),
            _ => Ok(self.clone()),
        }
    }

    /// Do the elements lie in row-major order without gaps? Nothing here asks for it.
    fn is_contiguous(&self) -> bool {
        self.array().is_contiguous()
    }

    /// In row-major order without gaps: itself, or a copy.
    #[track_caller]
    fn contiguous(&self) -> Result<Self> {
        if self.is_contiguous() { Ok(self.clone()) } else { self.copy() }
    }

    /// A copy with memory of its own: PyTorch's `clone`. (Rust's `clone` shares the memory.)
    #[track_caller]
    fn copy(&self) -> Result<Self> {
        Self::formula(&[self], &[], |x, _| x[0])
    }

    /// Writes the elements of another, broadcast and converted, over these. The other may live on another device.
    #[track_caller]
    fn copy_(&self, other: &Self) -> Result<&Self> {
        let device = self.device();
        let other = match other.device() {
            there if there == device => other.to_dtype(self.dtype())?,
            // Converted by the processor, which knows every dtype.
            Device::Cpu => other.to_dtype(self.dtype())?.to_device(device)?,
            Device::Gpu(_) => other.to_device(device)?.to_dtype(self.dtype())?,
        };
        Self::formulas_into(&[&other], &[], &[self], |x, _| [x[0]])?;
        Ok(self)
    }
}

impl<T: Apply> Shaping for T {}

/// The shape that shapes broadcast to: PyTorch's `broadcast_shapes`.
///
/// ```
/// use cresset_ops::{methods::broadcast_shapes, Shape};
/// let shapes: [Shape; 2] = [[5, 1].into(), [3].into()];
/// assert_eq!(broadcast_shapes(&shapes)?, [5, 3]);
/// # Ok::<(), cresset_ops::Error>(())
/// ```
#[track_caller]
pub fn broadcast_shapes<'a>(shapes: impl IntoIterator<Item = &'a Shape>) -> Result<Shape> {
    let mut common = Shape::default();
    for shape in shapes {
        common = match common.broadcast(shape) {
            Some(common) => common,
            None => {
                return Err(Error::shape(
                    "broadcast_shapes",
                    format!(
                        "shapes {common} and {shape} do not broadcast together: counted from the right, each pair of sizes must be equal or one of them 1"
                    ),
                ));
            }
        };
    }
    Ok(common)
}
