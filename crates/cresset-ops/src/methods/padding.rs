//! Putting something around an array, and taking it off.

use cresset_tensor::{Error, Layout, Result, Scalar, Shape, Sizes, Strides};

use crate::{Apply, Array, op::Op, view::View};

/// What is put around an array.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PadMode {
    /// A number.
    Constant(Scalar),
    /// The array mirrored at its edge, which is not repeated.
    Reflect,
    /// The edge, repeated.
    Replicate,
    /// The array from its other end.
    Circular,
}

impl Default for PadMode {
    fn default() -> Self {
        PadMode::Constant(Scalar::Int(0))
    }
}

impl std::str::FromStr for PadMode {
    type Err = Error;

    /// From PyTorch's name; a constant is zero.
    fn from_str(name: &str) -> Result<PadMode> {
        Ok(match name {
            "constant" => PadMode::default(),
            "reflect" => PadMode::Reflect,
            "replicate" => PadMode::Replicate,
            "circular" => PadMode::Circular,
            _ => return Err(Error::argument("pad", format!("there is no padding mode '{name}'"))),
        })
    }
}

/// Padding.
pub trait Padding: Apply {
    /// Puts so much before and after every dimension, a pair for each, the last dimension first. Negative amounts take
    /// off. All modes but a constant need one to three dimensions behind the channels (and perhaps a batch).
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1i64, 2, 3]]);
    /// assert_eq!(x.pad([2, 0], PadMode::Reflect)?.to_vec::<i64>()?, [3, 2, 1, 2, 3]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn pad(&self, pad: impl Into<Sizes>, mode: PadMode) -> Result<Self> {
        let pad = pad.into();
        if let PadMode::Constant(value) = mode {
            return self.constant_pad_nd(pad, value);
        }
        let dims = pad.len() / 2;
        let rank = self.rank();
        if !pad.len().is_multiple_of(2) || !(1..=3).contains(&dims) || (rank != dims + 1 && rank != dims + 2)
        {
            return Err(Error::argument(
                "pad",
                format!(
                    "this mode takes a pair for each of the last one to three dimensions, which channels and perhaps a batch precede: not {pad} for shape {}",
                    self.shape()
                ),
            ));
        }
        let first = rank - dims;
        if self.shape()[first - 1..].contains(&0) {
            return Err(Error::shape("pad", format!("nothing to pad with in shape {}", self.shape())));
        }
        let mut result = self.clone();
        for dim in first..rank {
            let (before, after) = (pad[2 * (rank - 1 - dim)], pad[2 * (rank - 1 - dim) + 1]);
            if (before, after) != (0, 0) {
                let index = indices(self.shape()[dim], before, after, mode)?;
                let index = self.beside(Array::from_vec(index.clone(), index.len())?)?;
                result = Self::apply_one(Op::IndexSelect { dim }, &[&result, &index])?;
            }
        }
        Ok(result)
    }

    /// [`pad`](Self::pad) with a number, for any dimensions.
    #[track_caller]
    fn constant_pad_nd(&self, pad: impl Into<Sizes>, value: impl Into<Scalar>) -> Result<Self> {
        padded(self, &pad.into(), value.into())
    }
}

impl<T: Apply> Padding for T {}

/// An array with a number around it.
#[track_caller]
fn padded<T: Apply>(x: &T, pad: &Sizes, value: Scalar) -> Result<T> {
    let rank = x.rank();
    if !pad.len().is_multiple_of(2) || pad.len() > 2 * rank {
        return Err(Error::argument(
            "pad",
            format!("a pair for each of the last dimensions of {}, not {pad}", x.shape()),
        ));
    }
    let mut inner = x.clone();
    let mut shape = x.shape().clone();
    let mut start = Shape::repeat(0, rank);
    for (i, pair) in pad.chunks_exact(2).enumerate() {
        let dim = rank - 1 - i;
        let size = shape[dim] as i64;
        let total = size.checked_add(pair[0]).and_then(|size| size.checked_add(pair[1]));
        let Some(total) = total.filter(|&total| total >= 0) else {
            return Err(Error::shape(
                "pad",
                format!("{pad} makes dimension {dim} of {} negative", x.shape()),
            ));
        };
        shape[dim] = total as usize;
        start[dim] = pair[0].max(0) as usize;
        if pair[0] < 0 || pair[1] < 0 {
            // What is left of it: nothing, where one side takes more than there is.
            let from = pair[0].saturating_neg().clamp(0, size);
            let to = (size + pair[1].min(0)).clamp(from, size);
            let view = View::Slice { dim, start: from as usize, len: (to - from) as usize, step: 1 };
            inner = T::apply_one(Op::View(view), &[&inner])?;
        }
    }
    if shape == *x.shape() && inner.shape() == x.shape() {
        // A copy, as everything else gives one.
        return T::formula(&[x], &[], |x, _| x[0]);
    }
    shape.checked_numel("pad")?;
    if inner.numel() == 0 || shape.numel() == 0 {
        return x.filled_beside("pad", shape, x.dtype(), value);
    }
    if *inner.shape() == shape {
        return T::formula(&[&inner], &[], |x, _| x[0]);
    }
    // The array seen as a part of a larger one that was just made.
    let strides: Strides = shape.contiguous_strides();
    let offset = start.iter().zip(&strides).map(|(&at, &stride)| at * stride as usize).sum();
    let view = View::AsStrided { shape: inner.shape().clone(), strides: strides.into(), offset };
    if value.to_f64() == 0.0 {
        return T::apply_one(Op::Unview { view, base: Layout::contiguous(shape).into() }, &[&inner]);
    }
    let base = x.filled_beside("pad", shape, x.dtype(), value)?;
    T::apply_one(Op::Overwrite(view), &[&base, &inner])
}

/// Where each place of a padded dimension is taken from.
#[track_caller]
fn indices(size: usize, before: i64, after: i64, mode: PadMode) -> Result<Vec<i64>> {
    let n = size as i64;
    let total = n.checked_add(before).and_then(|total| total.checked_add(after));
    let Some(total) = total.filter(|&total| total > 0) else {
        return Err(Error::shape("pad", format!("{before} and {after} leave nothing of a size of {size}")));
    };
    let most = before.max(after);
    match mode {
        PadMode::Reflect if most >= n => {
            return Err(Error::argument(
                "pad",
                format!("a size of {size} can be mirrored by less than that, not {most}"),
            ));
        }
        PadMode::Circular if most > n => {
            return Err(Error::argument("pad", format!("a size of {size} goes round once, not for {most}")));
        }
        PadMode::Reflect | PadMode::Circular | PadMode::Replicate | PadMode::Constant(_) => {}
    }
    Shape::from(total as usize).checked_numel("pad")?;
    let place = |i: i64| match mode {
        // One mirroring is enough, as neither side is longer than the array.
        PadMode::Reflect => {
            let i = i.abs();
            if i >= n { 2 * (n - 1) - i } else { i }
        }
        PadMode::Replicate | PadMode::Constant(_) => i.clamp(0, n - 1),
        // Round what is left where the other side takes some off.
        PadMode::Circular => {
            let (from, to) = ((-before).max(0), n + after.min(0));
            from + (i - from).rem_euclid((to - from).max(1))
        }
    };
    Ok((0..total).map(|i| place(i - before)).collect())
}
