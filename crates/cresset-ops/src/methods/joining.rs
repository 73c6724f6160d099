//! Several arrays as one, and one array several times.

use std::borrow::Borrow;

use cresset_tensor::{Array, DType, Error, Result, Shape, Sizes};

use super::{Elementwise, Picking, Shaping, Slicing};
use crate::{Apply, op::Op, view::View};

/// Joining.
pub trait Joining: Apply {
    /// All one after the other along a dimension, in the dtype they promote to. (A list without elements fits
    /// everywhere, as in PyTorch.)
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let (a, b) = (Array::new([[1, 2]]), Array::new([[3, 4]]));
    /// assert_eq!(Array::cat(&[&a, &b], 0)?.to_vec::<i32>()?, [1, 2, 3, 4]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn cat<B: Borrow<Self>>(tensors: &[B], dim: i64) -> Result<Self> {
        let all: Vec<&Self> = tensors.iter().map(Borrow::borrow).collect();
        let Some(first) = all.first() else {
            return Err(Error::argument("cat", "needs at least one array"));
        };
        if all.iter().any(|x| x.rank() == 0) {
            return Err(Error::shape("cat", "arrays without dimensions cannot be concatenated; use stack"));
        }
        let is_nothing = |x: &Self| *x.shape() == [0];
        let model = all.iter().find(|x| !is_nothing(x)).unwrap_or(first);
        let axis = model.shape().axis("cat", dim)?;
        let dtype = promoted(&all);
        let mut parts = Vec::with_capacity(all.len());
        for x in &all {
            let mut part = x.to_dtype(dtype)?;
            if is_nothing(x) && model.rank() > 1 {
                let mut shape = model.shape().clone();
                shape[axis] = 0;
                part = part.view_as_data(View::Reshape(shape))?;
            }
            parts.push(part);
        }
        let parts: Vec<&Self> = parts.iter().collect();
        Self::apply_one(Op::Concat { dim: axis }, &parts)
    }

    /// See [`cat`](Self::cat).
    #[track_caller]
    fn concat<B: Borrow<Self>>(tensors: &[B], dim: i64) -> Result<Self> {
        Self::cat(tensors, dim)
    }

    /// See [`cat`](Self::cat).
    #[track_caller]
    fn concatenate<B: Borrow<Self>>(tensors: &[B], dim: i64) -> Result<Self> {
        Self::cat(tensors, dim)
    }

    /// All side by side along a new dimension.
    #[track_caller]
    fn stack<B: Borrow<Self>>(tensors: &[B], dim: i64) -> Result<Self> {
        let all: Vec<&Self> = tensors.iter().map(Borrow::borrow).collect();
        let Some(first) = all.first() else {
            return Err(Error::argument("stack", "needs at least one array"));
        };
        if let Some(other) = all.iter().find(|x| x.shape() != first.shape()) {
            return Err(Error::shape(
                "stack",
                format!("all arrays must have one shape: {} and {}", first.shape(), other.shape()),
            ));
        }
        let parts = each(tensors, |x| x.unsqueeze(dim))?;
        Self::cat(&parts, dim)
    }

    /// Side by side: along dimension 1, or 0 of lists.
    #[track_caller]
    fn hstack<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        let parts = each(tensors, |x| x.atleast_1d())?;
        let dim = i64::from(parts.first().is_some_and(|x| x.rank() > 1));
        Self::cat(&parts, dim)
    }

    /// One below the other: along dimension 0 of at least two.
    #[track_caller]
    fn vstack<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        Self::cat(&each(tensors, |x| x.atleast_2d())?, 0)
    }

    /// See [`vstack`](Self::vstack).
    #[track_caller]
    fn row_stack<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        Self::vstack(tensors)
    }

    /// One behind the other: along dimension 2 of at least three.
    #[track_caller]
    fn dstack<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        Self::cat(&each(tensors, |x| x.atleast_3d())?, 2)
    }

    /// Lists as columns, and matrices, side by side.
    #[track_caller]
    fn column_stack<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        let column = |x: &Self| if x.rank() < 2 { x.reshape([x.numel(), 1]) } else { Ok(x.clone()) };
        Self::hstack(&each(tensors, column)?)
    }

    /// A matrix with those along its diagonal, and zeros elsewhere.
    #[track_caller]
    fn block_diag<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        let blocks = each(tensors, |x| {
            if x.rank() > 2 {
                return Err(Error::shape(
                    "block_diag",
                    format!("blocks have at most 2 dimensions; the shape is {}", x.shape()),
                ));
            }
            x.atleast_2d()
        })?;
        let dtype = promoted(&blocks.iter().collect::<Vec<_>>());
        if blocks.is_empty() {
            return Ok(Self::constant(Array::filled("block_diag", [1, 0].into(), DType::DEFAULT_FLOAT, 0)?));
        }
        let width = blocks.iter().fold(0, |sum: usize, x| sum.saturating_add(x.shape()[1]));
        let mut rows = Vec::with_capacity(blocks.len());
        let mut start = 0;
        for block in &blocks {
            let [height, own] = [block.shape()[0], block.shape()[1]];
            let zeros = |width: usize| block.filled_beside("block_diag", [height, width].into(), dtype, 0);
            let parts = [zeros(start)?, block.to_dtype(dtype)?, zeros(width - start - own)?];
            rows.push(Self::cat(&parts, 1)?);
            start += own;
        }
        Self::cat(&rows, 0)
    }

    /// The coordinates of a grid over lists of coordinates, one array for each, as views. `indexing` is `"ij"` (the
    /// first list is along dimension 0) or `"xy"` (along dimension 1).
    #[track_caller]
    fn meshgrid<B: Borrow<Self>>(tensors: &[B], indexing: &str) -> Result<Vec<Self>> {
        let all: Vec<&Self> = tensors.iter().map(Borrow::borrow).collect();
        let Some(first) = all.first() else {
            return Err(Error::argument("meshgrid", "needs at least one array"));
        };
        let refuse = |what: String| Err(Error::argument("meshgrid", what));
        if !["ij", "xy"].contains(&indexing) {
            return refuse(format!("indexing is \"ij\" or \"xy\", not {indexing:?}"));
        }
        if let Some(x) = all.iter().find(|x| x.rank() > 1) {
            return refuse(format!("coordinates are lists; the shape of one is {}", x.shape()));
        }
        if let Some(x) = all.iter().find(|x| x.dtype() != first.dtype()) {
            return refuse(format!("all must have one dtype: {} and {}", first.dtype(), x.dtype()));
        }
        let place = |i: usize| if indexing == "xy" && all.len() > 1 && i < 2 { 1 - i } else { i };
        let grid: Shape = (0..all.len()).map(|i| all[place(i)].numel()).collect();
        let along = |(i, x): (usize, &&Self)| {
            let mut shape = Shape::repeat(1, all.len());
            shape[place(i)] = x.numel();
            x.view_as_data(View::Reshape(shape))?.broadcast_to(&grid)
        };
        all.iter().enumerate().map(along).collect()
    }

    /// Every combination of one element of each list, as rows.
    #[track_caller]
    fn cartesian_prod<B: Borrow<Self>>(tensors: &[B]) -> Result<Self> {
        let all: Vec<&Self> = tensors.iter().map(Borrow::borrow).collect();
        if let Some(x) = all.iter().find(|x| x.rank() != 1) {
            return Err(Error::shape(
                "cartesian_prod",
                format!("takes lists; the shape of one is {}", x.shape()),
            ));
        }
        if let [one] = all[..] {
            return Ok(one.clone());
        }
        let columns = each(&Self::meshgrid(tensors, "ij")?, |x| x.ravel())?;
        Self::stack(&columns, 1)
    }

    /// Every choice of `r` elements of a list, as rows: in the order of the list, with repetition or without.
    #[track_caller]
    fn combinations(&self, r: i64, with_replacement: bool) -> Result<Self> {
        if self.rank() != 1 {
            return Err(Error::shape("combinations", format!("takes a list; the shape is {}", self.shape())));
        }
        let Ok(r) = usize::try_from(r) else {
            return Err(Error::argument("combinations", format!("cannot choose {r} elements")));
        };
        if r == 0 {
            return self.narrow(0, 0, 0)?.copy();
        }
        let rows = choices(self.numel(), r, with_replacement)?;
        let count = rows.len() / r;
        let index = self.beside(Array::from_vec(rows, [count * r])?)?;
        self.index_select(0, &index)?.reshape([count, r])
    }

    /// The whole several times along each dimension, and along new ones before them.
    #[track_caller]
    fn repeat(&self, sizes: impl Into<Sizes>) -> Result<Self> {
        let times = sizes.into().to_shape("repeat")?;
        let Some(extra) = times.len().checked_sub(self.rank()) else {
            return Err(Error::shape(
                "repeat",
                format!("needs a number for each dimension of {}: {times} has fewer", self.shape()),
            ));
        };
        let own: Shape = std::iter::repeat_n(1, extra).chain(self.shape().iter().copied()).collect();
        let refuse = || Error::memory("repeat", format!("{times} times {} is too much", self.shape()));
        let mut result = Shape::default();
        for (&n, &size) in times.iter().zip(&own) {
            result.push(n.checked_mul(size).ok_or_else(refuse)?);
        }
        result.checked_numel("repeat")?;
        // Each dimension as [1, size], expanded to [n, size].
        let apart: Shape = own.iter().flat_map(|&size| [1, size]).collect();
        let expanded: Shape = times.iter().zip(&own).flat_map(|(&n, &size)| [n, size]).collect();
        let view = self.view_as_data(View::Reshape(apart))?.view_as_data(View::Expand(expanded))?;
        // Where nothing is repeated the views are of the same memory, which a repetition is not.
        let repeated = view.view_as_data(View::Reshape(result))?;
        if repeated.array().shares_memory(self.array()) { repeated.copy() } else { Ok(repeated) }
    }

    /// As [`repeat`](Self::repeat), where dimensions not named are not repeated.
    #[track_caller]
    fn tile(&self, dims: impl Into<Sizes>) -> Result<Self> {
        let dims = dims.into();
        let missing = self.rank().saturating_sub(dims.len());
        let times: Sizes = std::iter::repeat_n(1, missing).chain(dims.iter().copied()).collect();
        self.repeat(times).map_err(|error| error.of("tile"))
    }

    /// Every element `repeats` times in its place along a dimension; without one, along the list of all elements.
    #[track_caller]
    fn repeat_interleave(&self, repeats: i64, dim: impl Into<Option<i64>>) -> Result<Self> {
        let Some(dim) = dim.into() else {
            return self.ravel()?.repeat_interleave(repeats, 0);
        };
        let x = self.atleast_1d()?;
        let axis = x.shape().axis("repeat_interleave", dim)?;
        let Ok(n) = usize::try_from(repeats) else {
            return Err(Error::argument("repeat_interleave", format!("cannot repeat {repeats} times")));
        };
        let mut shape = x.shape().clone();
        let refuse = || Error::memory("repeat_interleave", format!("{n} times {} is too much", self.shape()));
        shape[axis] = shape[axis].checked_mul(n).ok_or_else(refuse)?;
        let mut apart = x.shape().clone();
        apart.insert(axis + 1, 1);
        let mut expanded = apart.clone();
        expanded[axis + 1] = n;
        let view = x.view_as_data(View::Reshape(apart))?.view_as_data(View::Expand(expanded))?;
        let repeated = view.view_as_data(View::Reshape(shape))?;
        if repeated.array().shares_memory(self.array()) { repeated.copy() } else { Ok(repeated) }
    }

    /// As [`repeat_interleave`](Self::repeat_interleave), where each element has a number of its own (or all have
    /// that of a list of one).
    #[track_caller]
    fn repeat_interleave_each(&self, repeats: &Self, dim: impl Into<Option<i64>>) -> Result<Self> {
        let Some(dim) = dim.into() else {
            return self.ravel()?.repeat_interleave_each(repeats, 0);
        };
        let x = self.atleast_1d()?;
        let size = x.shape()[x.shape().axis("repeat_interleave", dim)?];
        let repeats =
            if repeats.numel() == 1 { repeats.reshape([1])?.expand([size])? } else { repeats.clone() };
        if repeats.rank() != 1 || repeats.numel() != size {
            return Err(Error::shape(
                "repeat_interleave",
                format!("needs a number for each of {size} elements, not {}", repeats.shape()),
            ));
        }
        x.index_select(dim, &repeats.repeated_indices()?)
    }

    /// Every index `i` of this list `self[i]` times: PyTorch's `repeat_interleave(repeats)`.
    #[track_caller]
    fn repeated_indices(&self) -> Result<Self> {
        if self.rank() != 1 || !matches!(self.dtype(), DType::I64 | DType::I32) {
            return Err(Error::argument(
                "repeat_interleave",
                format!("repeats are a list of int64 or int32, not {} {}", self.dtype(), self.shape()),
            ));
        }
        let counts = self.array().to_i64s()?;
        if let Some(count) = counts.iter().find(|&&count| count < 0) {
            return Err(Error::argument("repeat_interleave", format!("cannot repeat {count} times")));
        }
        let total = counts.iter().try_fold(0i64, |sum, &count| sum.checked_add(count));
        let Some(total) = total.filter(|&total| total < isize::MAX as i64 / 16) else {
            return Err(Error::memory("repeat_interleave", "so many repetitions do not fit in memory"));
        };
        let mut indices: Vec<i64> = Vec::new();
        if indices.try_reserve_exact(total as usize).is_err() {
            return Err(Error::memory("repeat_interleave", format!("no memory for {total} repetitions")));
        }
        for (i, &count) in counts.iter().enumerate() {
            indices.extend(std::iter::repeat_n(i as i64, count as usize));
        }
        self.beside(Array::from_vec(indices, [total as usize])?)
    }
}

impl<T: Apply> Joining for T {}

/// The dtype that all promote to.
fn promoted<T: Apply>(all: &[&T]) -> DType {
    let dtypes = all.iter().map(|x| x.dtype());
    dtypes.reduce(DType::promote).unwrap_or(DType::DEFAULT_FLOAT)
}

#[track_caller]
fn each<T: Apply, B: Borrow<T>>(tensors: &[B], f: impl Fn(&T) -> Result<T>) -> Result<Vec<T>> {
    tensors.iter().map(|x| f(x.borrow())).collect()
}

/// All choices of `r` of `n`, ascending, one after the other.
fn choices(n: usize, r: usize, with_replacement: bool) -> Result<Vec<i64>> {
    let pool = if with_replacement { n.saturating_add(r - 1) } else { n };
    if r > pool || n == 0 {
        return Ok(Vec::new());
    }
    // C(pool, r) as a running product, each step of which is a whole number.
    let smaller = r.min(pool - r) as u128;
    let mut count: u128 = 1;
    for i in 0..smaller {
        count = count * (pool as u128 - i) / (i + 1);
        if count > 1 << 48 {
            break;
        }
    }
    let mut rows: Vec<i64> = Vec::new();
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(r));
    if length.is_none_or(|length| rows.try_reserve_exact(length).is_err()) {
        return Err(Error::memory("combinations", format!("no memory for all choices of {r} of {n}")));
    }
    let mut row: Vec<usize> = if with_replacement { vec![0; r] } else { (0..r).collect() };
    loop {
        rows.extend(row.iter().map(|&i| i as i64));
        // The last place that can still move on does, and those after it follow.
        let limit = |place: usize| if with_replacement { n - 1 } else { n - r + place };
        let Some(place) = (0..r).rev().find(|&place| row[place] < limit(place)) else { return Ok(rows) };
        row[place] += 1;
        for after in place + 1..r {
            row[after] = if with_replacement { row[place] } else { row[after - 1] + 1 };
        }
    }
}
