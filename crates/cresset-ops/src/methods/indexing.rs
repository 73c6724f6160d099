//! Indexing as in Python: `x[…]` read, and written.
//!
//! Every indexing is a view, of which some dimensions are then picked by arrays. These come together as one dimension,
//! along which one list of places is selected or written.

use std::borrow::Cow;

use cresset_tensor::{Array, DType, Device, Error, ErrorKind, Listed, Result, Shape};

use super::{
    Elementwise, Index, IntoIndices, Logic, Masking, Shaping,
    masking::check_mask,
    picking::counted_from_start,
    slicing::{select_view, slice_view},
};
use crate::{
    Apply, Operand,
    backend::{moved, to_device},
    cpu,
    op::{Combine, List, Op},
    select,
    view::View,
};

/// Indexing.
pub trait Indexing: Apply {
    /// Python's `x[…]`: a view where all indices are integers and ranges, else a copy.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.i((.., -1))?.to_vec::<i32>()?, [3, 6]);
    /// assert_eq!(x.i((1, 1..))?.to_vec::<i32>()?, [5, 6]);
    /// assert_eq!(x.i(&x.gt(4)?)?.to_vec::<i32>()?, [5, 6]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn i(&self, indices: impl IntoIndices<Self>) -> Result<Self> {
        let (view, picks) = basic(self, &indices.into_indices())?;
        match Picked::of(&view, picks)? {
            None => Ok(view),
            Some(picked) => picked.read(&view),
        }
    }

    /// See [`i`](Self::i).
    #[track_caller]
    fn index(&self, indices: &[Index<Self>]) -> Result<Self> {
        self.i(indices)
    }

    /// A copy in which `x[…]` is `values`, broadcast; or to which they are added.
    #[track_caller]
    fn index_put(&self, indices: impl IntoIndices<Self>, values: &Self, accumulate: bool) -> Result<Self> {
        let indices = indices.into_indices();
        let (view, picks) = basic(self, &indices)?;
        let whole = view.array().layout() == self.array().layout();
        match Picked::of(&view, picks)? {
            Some(picked) if whole => picked.written(self, values, accumulate),
            Some(_) | None => {
                let copy = self.copy()?;
                copy.index_put_(indices, values, accumulate)?;
                Ok(copy)
            }
        }
    }

    /// `x[…] = values`, broadcast; or they are added there, each as often as its index is named.
    #[track_caller]
    fn index_put_(&self, indices: impl IntoIndices<Self>, values: &Self, accumulate: bool) -> Result<&Self> {
        if values.dtype() != self.dtype() {
            return Err(Error::dtype(
                "index_put_",
                format!("array and values must have one dtype: {} and {}", self.dtype(), values.dtype()),
            ));
        }
        let (view, picks) = basic(self, &indices.into_indices())?;
        match Picked::of(&view, picks)? {
            Some(picked) => picked.write(&view, values, accumulate)?,
            None if accumulate => Self::formulas_into(&[&view, values], &[], &[&view], |x, _| [x[0] + x[1]])?,
            None => {
                view.copy_(values)?;
            }
        }
        Ok(self)
    }

    /// Python's `x[…] = value`: a number or an array, broadcast and converted.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1, 2], [3, 4]]);
    /// x.set((.., 0), 7)?;
    /// assert_eq!(x.to_vec::<i32>()?, [7, 2, 7, 4]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn set<'a>(&self, indices: impl IntoIndices<Self>, value: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        let value = match value.into() {
            Operand::Value(value) => value.to_dtype(self.dtype())?,
            Operand::Owned(value) => value.to_dtype(self.dtype())?,
            Operand::Number(number) => self.filled_beside("set", Shape::default(), self.dtype(), number)?,
        };
        let (view, picks) = basic(self, &indices.into_indices())?;
        if let ([Some(mask)], 0) = (&picks[..], value.rank())
            && mask.dtype() == DType::Bool
            && view.shape().starts_with(mask.shape())
        {
            // One value wherever a mask is true needs no list of places.
            let missing = view.rank() - mask.rank();
            let shape: Shape = mask.shape().iter().copied().chain(std::iter::repeat_n(1, missing)).collect();
            view.masked_fill_(&mask.view_as_data(View::Reshape(shape))?, &value)?;
            return Ok(self);
        }
        match Picked::of(&view, picks)? {
            Some(picked) => picked.write(&view, &without_ones(&value, picked.shape.rank())?, false)?,
            None => {
                view.copy_(&without_ones(&value, view.rank())?)?;
            }
        }
        Ok(self)
    }

    /// `x[indices]` where the mask is true, else the number; indices beyond the ends count as the ends: PyTorch's
    /// `_unsafe_masked_index`.
    #[track_caller]
    fn unsafe_masked_index<'a>(
        &self,
        mask: &Self,
        indices: &[Option<&Self>],
        fill: impl Into<Operand<'a, Self>>,
    ) -> Result<Self> {
        check_mask("unsafe_masked_index", mask)?;
        let outside = mask.bitwise_not()?;
        self.index(&clamped(self, indices)?)?.masked_fill(&outside, fill)
    }

    /// The values where the mask is true are added to `x[indices]`; indices beyond the ends count as the ends:
    /// PyTorch's `_unsafe_masked_index_put_accumulate`.
    #[track_caller]
    fn unsafe_masked_index_put_accumulate(
        &self,
        mask: &Self,
        indices: &[Option<&Self>],
        values: &Self,
    ) -> Result<Self> {
        check_mask("unsafe_masked_index_put_accumulate", mask)?;
        let values = values.masked_fill(&mask.bitwise_not()?, 0)?;
        self.index_put(clamped(self, indices)?, &values, true)
    }
}

impl<T: Apply> Indexing for T {}

/// Indices between the ends of their dimensions; a missing one is a whole dimension.
#[track_caller]
fn clamped<T: Apply>(x: &T, indices: &[Option<&T>]) -> Result<Vec<Index<T>>> {
    let one = |(dim, index): (usize, &Option<&T>)| {
        let Some(index) = index else { return Ok(Index::range(None, None, 1)) };
        let size = x.shape().get(dim).map_or(0, |&size| size as i64);
        let limits = [(-size).into(), (size - 1).into()];
        T::formula(&[index], &limits, |x, n| x[0].maximum(n[0]).minimum(n[1])).map(Index::Tensor)
    };
    indices.iter().enumerate().map(one).collect()
}

/// Without the leading sizes of one that are too many.
#[track_caller]
fn without_ones<T: Apply>(value: &T, rank: usize) -> Result<T> {
    let extra = value.rank().saturating_sub(rank);
    let ones = value.shape().iter().take(extra).take_while(|size| **size == 1).count();
    if ones == 0 {
        return Ok(value.clone());
    }
    value.view_as_data(View::Reshape(Shape::from_slice(&value.shape()[ones..])))
}

/// The view that integers, ranges and new dimensions make, and for each of its dimensions the array that picks along it
/// (or along as many as a mask has).
#[track_caller]
fn basic<T: Apply>(x: &T, indices: &[Index<T>]) -> Result<(T, Vec<Option<T>>)> {
    let covered = |index: &Index<T>| match index {
        Index::Int(_) | Index::Range { .. } | Index::List(_) => 1,
        Index::Ellipsis | Index::NewAxis | Index::Bool(_) => 0,
        Index::Tensor(index) if is_mask(index) => index.rank(),
        Index::Tensor(_) => 1,
    };
    let named: usize = indices.iter().map(covered).sum();
    let Some(left) = x.rank().checked_sub(named) else {
        return Err(Error::index(
            "index",
            format!("{named} indices are too many for the {} dimensions of {}", x.rank(), x.shape()),
        ));
    };
    let mut view = x.clone();
    let mut picks: Vec<Option<T>> = Vec::new();
    let mut dim = 0;
    let mut ellipses = 0;
    let pick = |picks: &mut Vec<Option<T>>, dim: usize, index: T| {
        picks.resize(dim, None);
        picks.push(Some(index));
    };
    for index in indices {
        match index {
            Index::Int(place) => view = view.view_as_data(select_view(&view, dim as i64, *place)?)?,
            Index::Range { start: None, end: None, step: 1 } => dim += 1,
            Index::Range { start, end, step } => {
                view = view.view_as_data(slice_view(&view, dim as i64, *start, *end, *step)?)?;
                dim += 1;
            }
            Index::Ellipsis => {
                dim += if ellipses == 0 { left } else { 0 };
                ellipses += 1;
            }
            Index::NewAxis => {
                view = view.unsqueeze(dim as i64)?;
                dim += 1;
            }
            Index::Bool(present) => {
                (view, dim) = axis_of_truth(&view, &mut picks, dim, *present)?;
            }
            Index::List(list) => {
                pick(&mut picks, dim, x.beside(Array::from_slice(list, [list.len()])?)?);
                dim += 1;
            }
            Index::Tensor(index) if index.rank() == 0 && is_mask(index) => {
                let present = index.array().item_scalar()?.to_bool();
                (view, dim) = axis_of_truth(&view, &mut picks, dim, present)?;
            }
            Index::Tensor(index) if index.rank() == 0 && is_place(index) => {
                let place = index.array().item_scalar()?.to_i64();
                view = view.view_as_data(select_view(&view, dim as i64, place)?)?;
            }
            Index::Tensor(index) => {
                pick(&mut picks, dim, index.clone());
                dim += covered(&Index::Tensor(index.clone()));
            }
        }
    }
    Ok((view, picks))
}

/// `x[True]` is one more dimension around `x`, `x[False]` an empty one.
#[track_caller]
fn axis_of_truth<T: Apply>(
    view: &T,
    picks: &mut Vec<Option<T>>,
    dim: usize,
    present: bool,
) -> Result<(T, usize)> {
    let places = vec![0i64; usize::from(present)];
    let n = places.len();
    picks.resize(dim, None);
    picks.push(Some(view.beside(Array::from_vec(places, [n])?)?));
    Ok((view.unsqueeze(dim as i64)?, dim + 1))
}

fn is_mask<T: Apply>(index: &T) -> bool {
    matches!(index.dtype(), DType::Bool | DType::U8)
}

fn is_place<T: Apply>(index: &T) -> bool {
    matches!(index.dtype(), DType::I64 | DType::I32)
}

/// Dimensions of a view that arrays pick along, as places along one dimension that they come together in.
struct Picked {
    /// The order in which the picked dimensions are neighbours.
    order: List,
    /// The shape in that order, the picked dimensions having become one.
    flat: Shape,
    /// That one.
    dim: usize,
    /// Places along it.
    places: Array,
    /// The shape of what is picked.
    shape: Shape,
}

impl Picked {
    /// `None` where no array picks.
    #[track_caller]
    fn of<T: Apply>(view: &T, picks: Vec<Option<T>>) -> Result<Option<Picked>> {
        let mut dims: Vec<usize> = Vec::new();
        let mut parts: Vec<(Array, usize)> = Vec::new();
        for (dim, index) in picks.iter().enumerate() {
            let Some(index) = index else { continue };
            if is_mask(index) {
                let covered = &view.shape()[dim..(dim + index.rank()).min(view.rank())];
                if covered != &index.shape()[..] {
                    return Err(Error::index(
                        "index",
                        format!(
                            "a mask of shape {} does not fit dimensions {dim}… of {}",
                            index.shape(),
                            view.shape()
                        ),
                    ));
                }
                dims.extend(dim..dim + index.rank());
                let places = cpu::nonzero::places(&index.array().to_host()?)?;
                parts.push((moved(places, view.device())?, covered.iter().product()));
            } else if is_place(index) {
                let places = index.to_dtype(DType::I64)?;
                let size = view.shape()[dim];
                // As in PyTorch, an index may come from the processor's memory.
                let places = moved(places.array().clone(), view.device())?;
                let wrapped = counted_from_start("index", &places, dim, size)?;
                dims.push(dim);
                parts.push((wrapped.unwrap_or(places), size));
            } else {
                return Err(Error::dtype(
                    "index",
                    format!("indices are int64, int32 or bool, not {}", index.dtype()),
                ));
            }
        }
        let Some(&first) = dims.first() else { return Ok(None) };
        let places = linear(&parts)?;
        // Picked dimensions that are neighbours are replaced where they are, others by the first ones.
        let together = dims.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let dim = if together { first } else { 0 };
        let rest: Vec<usize> = (0..view.rank()).filter(|dim| !dims.contains(dim)).collect();
        let order: List = rest[..dim].iter().chain(&dims).chain(&rest[dim..]).copied().listed();
        let sizes = |list: &[usize]| list.iter().map(|&dim| view.shape()[dim]).collect::<Vec<_>>();
        let (before, after) = (sizes(&rest[..dim]), sizes(&rest[dim..]));
        let joined = Shape::from_slice(&sizes(&dims)).checked_numel("index")?;
        let flat = before.iter().chain(&[joined]).chain(&after).copied().collect();
        let shape = before.iter().chain(places.shape()).chain(&after).copied().collect();
        Ok(Some(Picked { order, flat, dim, places, shape }))
    }

    /// The view with the picked dimensions as one.
    #[track_caller]
    fn flattened<T: Apply>(&self, view: &T) -> Result<T> {
        let ordered = if self.order.is_sorted() {
            Cow::Borrowed(view)
        } else {
            Cow::Owned(view.view_as_data(View::Permute(self.order.clone()))?)
        };
        if *ordered.shape() == self.flat {
            return Ok(ordered.into_owned());
        }
        ordered.view_as_data(View::Reshape(self.flat.clone()))
    }

    fn list<T: Apply>(&self) -> Result<T> {
        T::constant(self.places.clone()).ravel()
    }

    #[track_caller]
    fn read<T: Apply>(&self, view: &T) -> Result<T> {
        let select = Op::IndexSelect { dim: self.dim };
        let picked = T::apply_one(select, &[&self.flattened(view)?, &self.list()?])?;
        if *picked.shape() == self.shape {
            return Ok(picked);
        }
        picked.view_as_data(View::Reshape(self.shape.clone()))
    }

    /// Operation, list of places, and the values as slices there.
    #[track_caller]
    fn parts<T: Apply>(&self, values: &T, accumulate: bool) -> Result<(Op, T, T)> {
        let mut shape = self.flat.clone();
        shape[self.dim] = self.places.numel();
        let values = values.broadcast_to(&self.shape).map_err(|error| error.of("index_put"))?;
        let combine = if accumulate { Combine::Add } else { Combine::Set };
        let put = Op::IndexPut { dim: self.dim, combine };
        Ok((put, self.list()?, values.view_as_data(View::Reshape(shape))?))
    }

    /// A copy of the view with the values written.
    #[track_caller]
    fn written<T: Apply>(&self, view: &T, values: &T, accumulate: bool) -> Result<T> {
        let (put, list, values) = self.parts(values, accumulate)?;
        let flat = T::apply_one(put, &[&self.flattened(view)?, &list, &values])?;
        let ordered: Shape = self.order.iter().map(|&dim| view.shape()[dim]).collect();
        let ordered = flat.view_as_data(View::Reshape(ordered))?;
        let mut back: List = self.order.clone();
        self.order.iter().enumerate().for_each(|(place, &dim)| back[dim] = place);
        if back.is_sorted() { Ok(ordered) } else { ordered.view_as_data(View::Permute(back)) }
    }

    /// The values written through the view.
    #[track_caller]
    fn write<T: Apply>(&self, view: &T, values: &T, accumulate: bool) -> Result<()> {
        let flat = self.flattened(view)?;
        if !flat.array().shares_memory(view.array()) {
            // Strides cannot express the picked dimensions as one.
            view.copy_(&self.written(view, values, accumulate)?)?;
            return Ok(());
        }
        let (put, list, values) = self.parts(values, accumulate)?;
        T::apply_into(put, &[&flat, &list, &values], &[&flat])
    }
}

/// Indices along several dimensions, broadcast together, as row-major places over these.
#[track_caller]
fn linear(parts: &[(Array, usize)]) -> Result<Array> {
    if let [(places, _)] = parts {
        return Ok(places.clone());
    }
    let mut shape = Shape::default();
    for (places, _) in parts {
        let common = shape.broadcast(places.shape());
        let Some(common) = common else {
            let shapes: Vec<String> = parts.iter().map(|(places, _)| places.shape().to_string()).collect();
            return Err(Error::index(
                "index",
                format!("indices of shapes {} do not broadcast together", shapes.join(", ")),
            ));
        };
        shape = common;
    }
    let numel = shape.checked_numel("index")?;
    if let Some((first, _)) = parts.first()
        && first.device() != Device::Cpu
    {
        return linear_there(parts, &shape);
    }
    let mut sum = vec![0i64; numel];
    let mut step = 1i64;
    for (places, size) in parts.iter().rev() {
        let expanded = places.with_layout(places.layout().expand(&shape)?)?;
        let list = expanded.to_vec::<i64>()?;
        sum.iter_mut().zip(list).for_each(|(sum, place)| *sum += place * step);
        step = step.saturating_mul(*size as i64);
    }
    Array::from_vec(sum, shape)
}

/// [`linear`] on another device: a place of which one index lies outside does so as well.
#[track_caller]
fn linear_there(parts: &[(Array, usize)], shape: &Shape) -> Result<Array> {
    let mut sum: Option<Array> = None;
    for (places, size) in parts {
        let zero;
        let before = match &sum {
            Some(sum) => sum,
            None => {
                zero = Array::scalar(0, DType::I64)?;
                &zero
            }
        };
        let next = Array::formula(&[before, places], &[(*size).into()], |x, n| {
            let outside = x[0].lt(0).or(x[1].lt(0)).or(x[1].ge(n[0]));
            select(outside, -1, x[0] * n[0] + x[1])
        });
        sum = Some(match next {
            Err(error) if error.kind() == ErrorKind::DType => {
                // There are no 64-bit integers there.
                let here: Result<Vec<_>> =
                    parts.iter().map(|(places, size)| Ok((places.to_host()?, *size))).collect();
                return to_device(&linear(&here?)?, places.device());
            }
            next => next?,
        });
    }
    match sum {
        Some(sum) => sum.broadcast_to(shape),
        None => Err(Error::index("index", "nothing picks")),
    }
}
