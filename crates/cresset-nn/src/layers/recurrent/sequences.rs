//! Sequences of different lengths: side by side with padding, or packed, time after time, without any.
//!
//! Recurrent layers work on packed rows alone: a tensor without padding is packed with as many sequences at every time.

use std::borrow::Borrow;

use cresset_autograd::{Apply, Array, DType, Device, Error, Result, Scalar, Shape, Tensor};
use cresset_ops::methods::prelude::*;
use cresset_tensor::order::sort_by;

use crate::boundary::Outcome;

/// Sequences of different lengths, packed: all their first elements, then all second ones of those that have one, and so
/// on, the longest sequence first. PyTorch's `PackedSequence`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let packed = pack_sequence(&[Tensor::new([1, 2, 3]), Tensor::new([4])], true)?;
/// assert_eq!(packed.data().to_vec::<i32>()?, [1, 4, 2, 3]);
/// assert_eq!(packed.batch_sizes(), [2, 1, 1]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedSequence {
    data: Tensor,
    batch_sizes: Vec<usize>,
    /// Where the sequences of the packed order were, and where the given ones went.
    order: Option<(Tensor, Tensor)>,
}

impl PackedSequence {
    /// The elements, `[all, …]`.
    pub fn data(&self) -> &Tensor {
        &self.data
    }

    /// At each time, how many sequences are that long.
    pub fn batch_sizes(&self) -> &[usize] {
        &self.batch_sizes
    }

    /// Which of the given sequences stands at each place of the packed order; `None` where they were in order.
    pub fn sorted_indices(&self) -> Option<&Tensor> {
        self.order.as_ref().map(|(sorted, _)| sorted)
    }

    /// Where each of the given sequences stands in the packed order; `None` where they were in order.
    pub fn unsorted_indices(&self) -> Option<&Tensor> {
        self.order.as_ref().map(|(_, unsorted)| unsorted)
    }

    /// Other elements in the same arrangement, such as the embeddings of packed words.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let packed = pack_sequence(&[Tensor::new([1.0, 2.0]), Tensor::new([3.0])], true)?;
    /// let doubled = packed.with_data(packed.data().mul(2.0)?)?;
    /// assert_eq!(unpack_sequence(&doubled)?[0].to_vec::<f64>()?, [2.0, 4.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn with_data(&self, data: Tensor) -> Result<PackedSequence> {
        if data.rank() == 0 || data.shape()[0] != self.data.shape()[0] {
            let message = format!(
                "the first size must be the number of elements, {}, but the shape is {}",
                self.data.shape()[0],
                data.shape()
            );
            return Err(Error::shape("with_data", message));
        }
        Ok(PackedSequence { data, ..self.clone() })
    }

    /// The elements in another dtype.
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Result<PackedSequence> {
        self.with_data(self.data.to_dtype(dtype)?)
    }

    /// The elements on another device.
    #[track_caller]
    pub fn to_device(&self, device: Device) -> Result<PackedSequence> {
        self.with_data(self.data.to_device(device)?)
    }

    fn batch(&self) -> usize {
        self.batch_sizes.first().copied().unwrap_or(0)
    }

    /// How long the sequences are, in the packed order.
    fn lengths(&self) -> Vec<usize> {
        (0..self.batch()).map(|i| self.batch_sizes.iter().take_while(|&&size| size > i).count()).collect()
    }
}

/// On which side of a sequence its padding lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PaddingSide {
    /// After it.
    #[default]
    Right,
    /// Before it.
    Left,
}

/// Packs sequences of lengths that are given out of a padded tensor `[time, batch, …]` (or `[batch, time, …]`).
///
/// Sequences are sorted by length, the longest first; with `enforce_sorted` they must be already.
///
/// ```
/// use cresset_nn::prelude::*;
/// let x = Tensor::new([[1, 0], [2, 3]]); // two sequences: 1 and 2, 3
/// let packed = pack_padded_sequence(&x, &[1, 2], true, false)?;
/// assert_eq!(packed.data().to_vec::<i32>()?, [2, 1, 3]);
/// let (padded, lengths) = pad_packed_sequence(&packed, true, 0)?;
/// assert_eq!((padded.to_vec::<i32>()?, lengths), (vec![1, 0, 2, 3], vec![1, 2]));
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn pack_padded_sequence(
    x: &Tensor,
    lengths: &[usize],
    batch_first: bool,
    enforce_sorted: bool,
) -> Result<PackedSequence> {
    let name = "pack_padded_sequence";
    if x.rank() < 2 {
        return Err(Error::shape(name, format!("needs time and batch, but the shape is {}", x.shape())));
    }
    let (first, second) = (x.shape()[0], x.shape()[1]);
    let (time, batch) = if batch_first { (second, first) } else { (first, second) };
    if lengths.len() != batch {
        let message = format!("{} lengths for a batch of {batch} (shape {})", lengths.len(), x.shape());
        return Err(Error::argument(name, message));
    }
    if batch == 0 {
        return Err(Error::argument(name, "cannot pack an empty batch"));
    }
    if let Some((i, length)) = lengths.iter().enumerate().find(|(_, length)| **length == 0 || **length > time)
    {
        let message = format!("length {length} of sequence {i} is not from 1 to {time}");
        return Err(Error::argument(name, message));
    }
    let mut order: Vec<usize> = (0..batch).collect();
    if enforce_sorted {
        if let Some(i) = lengths.windows(2).position(|pair| pair[0] < pair[1]) {
            let message = format!(
                "with enforce_sorted the longest comes first, but sequence {} ({}) is longer than {i} ({})",
                i + 1,
                lengths[i + 1],
                lengths[i]
            );
            return Err(Error::argument(name, message));
        }
    } else {
        sort_by(&mut order, |&one, &other| lengths[other].cmp(&lengths[one]));
    }
    let longest = lengths[order[0]];
    let batch_sizes: Vec<usize> =
        (0..longest).map(|t| lengths.iter().filter(|&&length| length > t).count()).collect();
    let rows: Vec<i64> = batch_sizes
        .iter()
        .enumerate()
        .flat_map(|(t, &size)| order[..size].iter().map(move |&i| (t, i)))
        .map(|(t, i)| if batch_first { i * time + t } else { t * batch + i })
        .map(|row| row as i64)
        .collect();
    let count = rows.len();
    let flat = x.flatten(..2)?;
    let data = flat.index_select(0, &flat.beside(Array::from_vec(rows, [count])?)?)?;
    let order = if enforce_sorted { None } else { Some(both_ways(x, &order)?) };
    Ok(PackedSequence { data, batch_sizes, order })
}

/// A permutation and its inverse, where the elements live.
fn both_ways(x: &Tensor, order: &[usize]) -> Result<(Tensor, Tensor)> {
    let mut back = vec![0; order.len()];
    for (place, &i) in order.iter().enumerate() {
        back[i] = place as i64;
    }
    let sorted: Vec<i64> = order.iter().map(|&i| i as i64).collect();
    let size = order.len();
    Ok((x.beside(Array::from_vec(sorted, [size])?)?, x.beside(Array::from_vec(back, [size])?)?))
}

/// The packed sequences in the order in which they were given, padded with a number: `[time, batch, …]` (or `[batch,
/// time, …]`) and how long each is.
#[track_caller]
pub fn pad_packed_sequence(
    sequence: &PackedSequence,
    batch_first: bool,
    padding_value: impl Into<Scalar>,
) -> Result<(Tensor, Vec<usize>)> {
    pad_packed(sequence, batch_first, padding_value.into(), sequence.batch_sizes.len())
}

/// As [`pad_packed_sequence`], padded to a total length instead of that of the longest: PyTorch's `total_length`.
#[track_caller]
pub fn pad_packed_sequence_to(
    sequence: &PackedSequence,
    batch_first: bool,
    padding_value: impl Into<Scalar>,
    total_length: usize,
) -> Result<(Tensor, Vec<usize>)> {
    let longest = sequence.batch_sizes.len();
    if total_length < longest {
        let message =
            format!("the total length, {total_length}, is less than the longest sequence's, {longest}");
        return Err(Error::argument("pad_packed_sequence", message));
    }
    pad_packed(sequence, batch_first, padding_value.into(), total_length)
}

#[track_caller]
fn pad_packed(
    sequence: &PackedSequence,
    batch_first: bool,
    padding: Scalar,
    time: usize,
) -> Result<(Tensor, Vec<usize>)> {
    let batch = sequence.batch();
    // Which of the given sequences each of the packed ones is.
    let given: Vec<usize> = match &sequence.order {
        Some((sorted, _)) => sorted.to_vec::<i64>()?.into_iter().map(|i| i as usize).collect(),
        None => (0..batch).collect(),
    };
    let mut lengths = vec![0; batch];
    for (i, length) in sequence.lengths().into_iter().enumerate() {
        lengths[given[i]] = length;
    }
    let places = sequence
        .batch_sizes
        .iter()
        .enumerate()
        .flat_map(|(t, &size)| given[..size].iter().map(move |&i| (t, i)))
        .map(|(t, i)| (if batch_first { i * time + t } else { t * batch + i }) as i64)
        .collect();
    let leading = if batch_first { [batch, time] } else { [time, batch] };
    Ok((spread(&sequence.data, places, leading, padding)?, lengths))
}

/// Rows at places of a tensor that else is padding.
#[track_caller]
fn spread(rows: &Tensor, places: Vec<i64>, leading: [usize; 2], padding: Scalar) -> Result<Tensor> {
    let rest = &rows.shape()[1..];
    let flat: Shape = [leading[0] * leading[1]].iter().chain(rest).copied().collect();
    let shape: Shape = leading.iter().chain(rest).copied().collect();
    let count = places.len();
    let blank = rows.new_full(flat, padding)?;
    blank.index_copy(0, &rows.beside(Array::from_vec(places, [count])?)?, rows)?.reshape(shape)
}

/// Sequences `[length, …]` side by side, the shorter ones padded after their end with a number: `[time, batch, …]` (or
/// `[batch, time, …]`).
#[track_caller]
pub fn pad_sequence<B: Borrow<Tensor>>(
    sequences: &[B],
    batch_first: bool,
    padding_value: impl Into<Scalar>,
) -> Result<Tensor> {
    pad_sequence_with(sequences, batch_first, padding_value, PaddingSide::Right)
}

/// As [`pad_sequence`], with the padding on a side of choice.
///
/// ```
/// use cresset_nn::prelude::*;
/// let padded = pad_sequence_with(&[Tensor::new([1, 2]), Tensor::new([3])], true, 0, PaddingSide::Left)?;
/// assert_eq!(padded.to_vec::<i32>()?, [1, 2, 0, 3]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn pad_sequence_with<B: Borrow<Tensor>>(
    sequences: &[B],
    batch_first: bool,
    padding_value: impl Into<Scalar>,
    padding_side: PaddingSide,
) -> Result<Tensor> {
    let name = "pad_sequence";
    let Some(first) = sequences.first().map(Borrow::borrow) else {
        return Err(Error::argument(name, "needs at least one sequence"));
    };
    let mut lengths = Vec::with_capacity(sequences.len());
    for sequence in sequences.iter().map(Borrow::borrow) {
        if sequence.rank() == 0
            || sequence.rank() != first.rank()
            || sequence.shape()[1..] != first.shape()[1..]
        {
            let message = format!(
                "all sequences are [length, …] with the same sizes after the first: {} and {}",
                first.shape(),
                sequence.shape()
            );
            return Err(Error::shape(name, message));
        }
        if sequence.dtype() != first.dtype() {
            let message = format!("all sequences have one dtype: {} and {}", first.dtype(), sequence.dtype());
            return Err(Error::dtype(name, message));
        }
        lengths.push(sequence.shape()[0]);
    }
    let (batch, time) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
    let places = lengths
        .iter()
        .enumerate()
        .flat_map(|(i, &length)| {
            let before = if padding_side == PaddingSide::Left { time - length } else { 0 };
            (before..before + length).map(move |t| (t, i))
        })
        .map(|(t, i)| (if batch_first { i * time + t } else { t * batch + i }) as i64)
        .collect();
    let leading = if batch_first { [batch, time] } else { [time, batch] };
    spread(&Tensor::cat(sequences, 0)?, places, leading, padding_value.into())
}

/// The sequences of a padded tensor, each without its padding.
#[track_caller]
pub fn unpad_sequence(padded: &Tensor, lengths: &[usize], batch_first: bool) -> Result<Vec<Tensor>> {
    let dim = if batch_first { 0 } else { 1 };
    if padded.rank() < 2 || padded.shape()[dim] != lengths.len() {
        let message = format!("{} lengths for the shape {}", lengths.len(), padded.shape());
        return Err(Error::shape("unpad_sequence", message));
    }
    let sequence =
        |(i, &length): (usize, &usize)| padded.select(dim as i64, i as i64)?.narrow(0, 0, length as i64);
    lengths.iter().enumerate().map(sequence).collect()
}

/// Packs sequences `[length, …]`. With `enforce_sorted` the longest must come first.
#[track_caller]
pub fn pack_sequence<B: Borrow<Tensor>>(sequences: &[B], enforce_sorted: bool) -> Result<PackedSequence> {
    let padded = pad_sequence(sequences, false, 0)?;
    let lengths: Vec<usize> = sequences.iter().map(|sequence| sequence.borrow().shape()[0]).collect();
    pack_padded_sequence(&padded, &lengths, false, enforce_sorted)
}

/// The packed sequences, one by one, in the order in which they were given.
#[track_caller]
pub fn unpack_sequence(packed: &PackedSequence) -> Result<Vec<Tensor>> {
    let (padded, lengths) = pad_packed_sequence(packed, true, 0)?;
    unpad_sequence(&padded, &lengths, true)
}

/// What recurrent layers take: a tensor `[time, batch, features]` (or `[batch, time, features]`, or `[time, features]`),
/// or a [`PackedSequence`].
pub trait Sequences: Outcome {
    /// As packed rows.
    #[track_caller]
    fn arrange(&self, name: &'static str, batch_first: bool) -> Result<Arranged>;

    /// Packed rows of this arrangement in this form.
    #[track_caller]
    fn arranged_like(&self, rows: Tensor, batch_first: bool) -> Result<Self>;
}

/// Sequences as a recurrent layer works on them.
pub struct Arranged {
    /// `[rows, features]`, time after time.
    pub(super) data: Tensor,
    /// How many rows each time has.
    pub(super) sizes: Vec<usize>,
    /// Whether there is a batch, or a single sequence without one.
    pub(super) batched: bool,
    /// Where the rows' sequences were, and where the given ones went.
    order: Option<(Tensor, Tensor)>,
}

impl Arranged {
    /// How many sequences.
    pub(super) fn batch(&self) -> usize {
        self.sizes.first().copied().unwrap_or(0)
    }

    /// A state of the given sequences in the rows' order, with a batch.
    pub(super) fn take(&self, state: &Tensor) -> Result<Tensor> {
        match &self.order {
            _ if !self.batched => state.unsqueeze(1),
            Some((sorted, _)) => state.index_select(1, sorted),
            None => Ok(state.clone()),
        }
    }

    /// A state in the rows' order in that of the given sequences, without a batch if there was none.
    pub(super) fn give_back(&self, state: Tensor) -> Result<Tensor> {
        match &self.order {
            _ if !self.batched => state.squeeze(1),
            Some((_, unsorted)) => state.index_select(1, unsorted),
            None => Ok(state),
        }
    }
}

impl Sequences for Tensor {
    fn arrange(&self, name: &'static str, batch_first: bool) -> Result<Arranged> {
        let batched = match self.rank() {
            2 => false,
            3 => true,
            _ => {
                let form = if batch_first { "[batch, time, features]" } else { "[time, batch, features]" };
                let message = format!("the input is {form} or [time, features], not {}", self.shape());
                return Err(Error::shape(name, message));
            }
        };
        let x = if batched && batch_first { self.transpose(0, 1)? } else { self.clone() };
        let (time, batch) = (x.shape()[0], if batched { x.shape()[1] } else { 1 });
        if time == 0 {
            return Err(Error::shape(
                name,
                format!("a sequence has at least one time, not {}", self.shape()),
            ));
        }
        let data = if batched { x.flatten(..2)? } else { x };
        Ok(Arranged { data, sizes: vec![batch; time], batched, order: None })
    }

    fn arranged_like(&self, rows: Tensor, batch_first: bool) -> Result<Tensor> {
        if self.rank() == 2 {
            return Ok(rows);
        }
        let (first, second, width) = (self.shape()[0], self.shape()[1], rows.shape()[1]);
        if batch_first {
            return rows.reshape([second, first, width])?.transpose(0, 1);
        }
        rows.reshape([first, second, width])
    }
}

impl Outcome for PackedSequence {
    fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
        see(&self.data);
    }
}

impl Sequences for PackedSequence {
    fn arrange(&self, name: &'static str, _: bool) -> Result<Arranged> {
        if self.data.rank() != 2 {
            let message = format!("packed elements are [all, features], not {}", self.data.shape());
            return Err(Error::shape(name, message));
        }
        Ok(Arranged {
            data: self.data.clone(),
            sizes: self.batch_sizes.clone(),
            batched: true,
            order: self.order.clone(),
        })
    }

    fn arranged_like(&self, rows: Tensor, _: bool) -> Result<PackedSequence> {
        self.with_data(rows)
    }
}
