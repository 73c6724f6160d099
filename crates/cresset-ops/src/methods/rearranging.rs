//! Dimensions in another order, and elements in another order along them.

use cresset_tensor::{Axes, Error, Listed, Result, Sizes};

use super::{Joining, Shaping, Slicing};
use crate::{Apply, op::List, view::View};

/// Rearrangement. Orders of dimensions are views; `flip`, `rot90` and `roll` are copies, as in PyTorch.
pub trait Rearranging: Apply {
    /// Dimensions in another order: dimension `i` of the result is `dims[i]` of this.
    #[track_caller]
    fn permute(&self, dims: impl Into<Sizes>) -> Result<Self> {
        let dims = dims.into();
        if dims.len() != self.rank() {
            return Err(Error::argument(
                "permute",
                format!("{dims} does not name each of the {} dimensions of {}", self.rank(), self.shape()),
            ));
        }
        let order = Axes::List(dims).resolve("permute", self.rank())?;
        self.view_as_data(View::Permute(order.into_iter().listed()))
    }

    /// Two dimensions exchanged.
    #[track_caller]
    fn transpose(&self, dim0: i64, dim1: i64) -> Result<Self> {
        let (a, b) = (self.shape().axis("transpose", dim0)?, self.shape().axis("transpose", dim1)?);
        let mut order: List = (0..self.rank()).listed();
        if self.rank() > 0 {
            order.swap(a, b);
        }
        self.view_as_data(View::Permute(order))
    }

    /// See [`transpose`](Self::transpose).
    #[track_caller]
    fn swapaxes(&self, axis0: i64, axis1: i64) -> Result<Self> {
        self.transpose(axis0, axis1)
    }

    /// See [`transpose`](Self::transpose).
    #[track_caller]
    fn swapdims(&self, dim0: i64, dim1: i64) -> Result<Self> {
        self.transpose(dim0, dim1)
    }

    /// A matrix transposed; what has fewer dimensions stays as it is.
    #[track_caller]
    fn t(&self) -> Result<Self> {
        match self.rank() {
            0 | 1 => self.alias(),
            2 => self.transpose(0, 1),
            rank => Err(Error::shape(
                "t",
                format!(
                    "takes at most 2 dimensions, not the {rank} of {}; use transpose or mT",
                    self.shape()
                ),
            )),
        }
    }

    /// All dimensions in reverse order: PyTorch's attribute `T`.
    #[allow(non_snake_case)]
    #[track_caller]
    fn T(&self) -> Result<Self> {
        self.view_as_data(View::Permute((0..self.rank()).rev().listed()))
    }

    /// A matrix transposed: PyTorch's attribute `H`, the numbers being real.
    #[allow(non_snake_case)]
    #[track_caller]
    fn H(&self) -> Result<Self> {
        if self.rank() == 0 || self.rank() == 2 {
            return self.t();
        }
        Err(Error::shape("H", format!("takes a matrix, not {}; use mH for batches of them", self.shape())))
    }

    /// The last two dimensions exchanged: PyTorch's attribute `mT`.
    #[allow(non_snake_case)]
    #[track_caller]
    fn mT(&self) -> Result<Self> {
        if self.rank() < 2 {
            return Err(Error::shape(
                "mT",
                format!("needs at least 2 dimensions; the shape is {}", self.shape()),
            ));
        }
        self.transpose(-2, -1)
    }

    /// See [`mT`](Self::mT): the numbers are real.
    #[allow(non_snake_case)]
    #[track_caller]
    fn mH(&self) -> Result<Self> {
        self.mT()
    }

    /// See [`mT`](Self::mT): the numbers are real.
    #[track_caller]
    fn adjoint(&self) -> Result<Self> {
        self.mT()
    }

    /// Dimensions moved from `source` to `destination`, the others staying in their order.
    #[track_caller]
    fn movedim(&self, source: impl Into<Sizes>, destination: impl Into<Sizes>) -> Result<Self> {
        let (source, destination) = (source.into(), destination.into());
        if source.len() != destination.len() {
            return Err(Error::argument(
                "movedim",
                format!("as many dimensions must go as come: {source} to {destination}"),
            ));
        }
        let from = Axes::List(source).resolve("movedim", self.rank())?;
        let to = Axes::List(destination).resolve("movedim", self.rank())?;
        let mut rest = (0..self.rank()).filter(|dim| !from.contains(dim));
        let order = (0..self.rank()).filter_map(|place| match to.iter().position(|&dim| dim == place) {
            Some(i) => Some(from[i]),
            None => rest.next(),
        });
        self.view_as_data(View::Permute(order.listed()))
    }

    /// See [`movedim`](Self::movedim).
    #[track_caller]
    fn moveaxis(&self, source: impl Into<Sizes>, destination: impl Into<Sizes>) -> Result<Self> {
        self.movedim(source, destination)
    }

    /// A copy with the elements along some dimensions in reverse order.
    #[track_caller]
    fn flip(&self, dims: impl Into<Axes>) -> Result<Self> {
        let mut flipped = self.clone();
        for axis in dims.into().resolve("flip", self.rank())? {
            let size = self.shape()[axis];
            if size > 1 {
                flipped =
                    flipped.view_as_data(View::Slice { dim: axis, start: size - 1, len: size, step: -1 })?;
            }
        }
        flipped.copy()
    }

    /// A copy with the columns (dimension 1) in reverse order.
    #[track_caller]
    fn fliplr(&self) -> Result<Self> {
        if self.rank() < 2 {
            return Err(Error::shape(
                "fliplr",
                format!("needs at least 2 dimensions; the shape is {}", self.shape()),
            ));
        }
        self.flip(1)
    }

    /// A copy with the rows (dimension 0) in reverse order.
    #[track_caller]
    fn flipud(&self) -> Result<Self> {
        if self.rank() < 1 {
            return Err(Error::shape("flipud", "needs at least 1 dimension; a single number has none"));
        }
        self.flip(0)
    }

    /// A copy turned by `k` right angles in the plane of two dimensions, from the first towards the second.
    #[track_caller]
    fn rot90(&self, k: i64, dims: impl Into<Sizes>) -> Result<Self> {
        let dims = dims.into();
        let [a, b] = dims[..] else {
            return Err(Error::argument("rot90", format!("a plane has two dimensions, not {dims}")));
        };
        if self.rank() < 2 {
            return Err(Error::shape(
                "rot90",
                format!("needs at least 2 dimensions; the shape is {}", self.shape()),
            ));
        }
        if self.shape().axis("rot90", a)? == self.shape().axis("rot90", b)? {
            return Err(Error::argument("rot90", format!("the two dimensions of {dims} must differ")));
        }
        match k.rem_euclid(4) {
            1 => self.flip(b)?.transpose(a, b),
            2 => self.flip([a, b]),
            3 => self.flip(a)?.transpose(a, b),
            _ => self.copy(),
        }
    }

    /// A copy with the elements moved along dimensions by `shifts`, coming in again at the other end; over all (`..`),
    /// those of one dimension of all elements.
    #[track_caller]
    fn roll(&self, shifts: impl Into<Sizes>, dims: impl Into<Axes>) -> Result<Self> {
        let shifts = shifts.into();
        let dims = match dims.into() {
            Axes::List(dims) if !dims.is_empty() => dims,
            Axes::List(_) | Axes::All => {
                let [shift] = shifts[..] else {
                    return Err(Error::argument(
                        "roll",
                        format!("over all elements needs one shift, not {shifts}"),
                    ));
                };
                return self.ravel()?.roll(shift, 0)?.reshape(self.shape());
            }
        };
        if shifts.len() != dims.len() {
            return Err(Error::argument(
                "roll",
                format!("needs a shift for each dimension: {shifts} for {dims}"),
            ));
        }
        let mut rolled = self.clone();
        let mut fresh = false;
        for (&shift, &dim) in shifts.iter().zip(&dims) {
            let axis = self.shape().axis("roll", dim)?;
            let size = self.shape().get(axis).copied().unwrap_or(1) as i64;
            if self.rank() == 0 {
                return Err(Error::index(
                    "roll",
                    "a single number has no dimensions; use .. for all elements",
                ));
            }
            // What comes in at the start.
            let moved = if size > 0 { shift.rem_euclid(size) } else { 0 };
            if moved > 0 {
                let parts = [rolled.narrow(dim, size - moved, moved)?, rolled.narrow(dim, 0, size - moved)?];
                rolled = Self::cat(&parts, dim)?;
                fresh = true;
            }
        }
        if fresh { Ok(rolled) } else { self.copy() }
    }
}

impl<T: Apply> Rearranging for T {}
