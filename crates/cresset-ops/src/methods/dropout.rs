//! Dropout: parts set to zero at random, the rest made larger for it. No mask lies in memory: whether an element stays
//! is a function of the stream and its place, which the derivative computes again.

use cresset_tensor::{Error, Result, Scalar, Shape, random};

use super::{
    activation::{SELU_ALPHA, SELU_SCALE},
    fused::{formula_of_places, squeezed, unsqueezed},
};
use crate::{Apply, Expr, select};

/// Seed and base of a stream for so many elements, as numbers of a formula with [`Expr::random`].
pub(super) fn random_numbers(numel: usize) -> [Scalar; 2] {
    let stream = random::reserve(numel);
    // Streams of the process-wide generator are in lane 0, as those of formulas are.
    [Scalar::Int(stream.seed as i64), Scalar::Int(stream.base as i64)]
}

/// What an element becomes: `scale·x + shift` if it stays, else `dropped`.
#[derive(Clone, Copy)]
struct Affine {
    scale: f64,
    shift: f64,
    dropped: f64,
}

impl Affine {
    /// The mean stays.
    fn plain(p: f64) -> Affine {
        Affine { scale: 1.0 / (1.0 - p), shift: 0.0, dropped: 0.0 }
    }

    /// Mean 0 and variance 1 stay, where what is dropped becomes the lower limit of `selu`.
    fn alpha(p: f64) -> Affine {
        let limit = -SELU_SCALE * SELU_ALPHA;
        let scale = ((1.0 - p) * (1.0 + p * limit * limit)).sqrt().recip();
        let shift = -scale * limit * p;
        Affine { scale, shift, dropped: scale * limit + shift }
    }
}

/// Which elements share one fate.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Element,
    /// All of one sample and channel: dimensions 0 and 1.
    Channel,
}

/// What there is to do.
enum Task {
    Nothing,
    /// Everything is dropped.
    Zero,
    /// `[seed, base, below which 32 random bits drop, scale, shift, dropped]`.
    Draw([Scalar; 6]),
}

fn task(name: &'static str, numel: usize, p: f64, training: bool, affine: fn(f64) -> Affine) -> Result<Task> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::argument(name, format!("the probability must be between 0 and 1, not {p}")));
    }
    if !training || p == 0.0 || numel == 0 {
        return Ok(Task::Nothing);
    }
    if p == 1.0 {
        return Ok(Task::Zero);
    }
    let [seed, base] = random_numbers(numel);
    let Affine { scale, shift, dropped } = affine(p);
    // Of 2³² random words this many drop.
    let below = (p * 2f64.powi(32)).round() as i64;
    Ok(Task::Draw([seed, base, below.into(), scale.into(), shift.into(), dropped.into()]))
}

fn stays(n: &[Expr]) -> Expr {
    Expr::random(n[0], n[1]).ge(n[2])
}

/// One fate for each sample and channel, in a shape that broadcasts.
fn fates<T: Apply>(x: &T, numbers: &[Scalar]) -> Result<T> {
    let mut shape = Shape::repeat(1, x.rank());
    shape[..2].copy_from_slice(&x.shape()[..2]);
    formula_of_places(x, &shape, numbers, |_, n| stays(n))
}

fn without<T: Apply>(
    name: &'static str,
    x: &T,
    p: f64,
    training: bool,
    affine: fn(f64) -> Affine,
    unit: Unit,
) -> Result<T> {
    check_unit(name, x, unit)?;
    let numbers = match task(name, x.numel(), p, training, affine)? {
        Task::Nothing => return Ok(x.clone()),
        Task::Zero => return T::formula(&[x], &[], |x, _| x[0] * 0.0),
        Task::Draw(numbers) => numbers,
    };
    match unit {
        Unit::Element => T::formula(&[x], &numbers, |x, n| select(stays(n), x[0] * n[3] + n[4], n[5])),
        Unit::Channel => {
            T::formula(&[x, &fates(x, &numbers)?], &numbers, |x, n| select(x[1], x[0] * n[3] + n[4], n[5]))
        }
    }
}

fn without_in_place<T: Apply>(
    name: &'static str,
    x: &T,
    p: f64,
    training: bool,
    affine: fn(f64) -> Affine,
    unit: Unit,
) -> Result<()> {
    check_unit(name, x, unit)?;
    let numbers = match task(name, x.numel(), p, training, affine)? {
        Task::Nothing => return Ok(()),
        Task::Zero => return T::formulas_into(&[x], &[], &[x], |x, _| [x[0] * 0.0]),
        Task::Draw(numbers) => numbers,
    };
    match unit {
        Unit::Element => {
            T::formulas_into(&[x], &numbers, &[x], |x, n| [select(stays(n), x[0] * n[3] + n[4], n[5])])
        }
        Unit::Channel => T::formulas_into(&[x, &fates(x, &numbers)?], &numbers, &[x], |x, n| {
            [select(x[1], x[0] * n[3] + n[4], n[5])]
        }),
    }
}

fn check_unit<T: Apply>(name: &'static str, x: &T, unit: Unit) -> Result<()> {
    if unit == Unit::Channel && x.rank() < 2 {
        return Err(Error::shape(
            name,
            format!("needs at least the dimensions of samples and channels, not {}", x.shape()),
        ));
    }
    Ok(())
}

/// Dropout of whole channels of inputs with some spatial dimensions, with or without samples before the channels.
#[track_caller]
fn drop_channels<T: Apply>(name: &'static str, x: &T, p: f64, training: bool, spatial: usize) -> Result<T> {
    if x.rank() != spatial + 1 {
        return without(name, x, p, training, Affine::plain, Unit::Channel);
    }
    let batched = unsqueezed(x, 0)?;
    squeezed(&without(name, &batched, p, training, Affine::plain, Unit::Channel)?, 0)
}

/// Dropout in its kinds. Outside of training each returns its input.
pub trait Dropouts: Apply {
    /// Every element is zero with probability `p`, and `x/(1 - p)` otherwise.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let y = Array::filled("ones", [1000].into(), DType::F32, 1.0)?.dropout(0.25, true)?;
    /// assert!(y.to_vec::<f32>()?.iter().all(|&y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-6));
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn dropout(&self, p: f64, training: bool) -> Result<Self> {
        without("dropout", self, p, training, Affine::plain, Unit::Element)
    }

    /// [`dropout`](Self::dropout) in place.
    #[track_caller]
    fn dropout_(&self, p: f64, training: bool) -> Result<&Self> {
        without_in_place("dropout", self, p, training, Affine::plain, Unit::Element)?;
        Ok(self)
    }

    /// Dropout that keeps mean 0 and variance 1, for networks of [`selu`](super::Activations::selu).
    #[track_caller]
    fn alpha_dropout(&self, p: f64, training: bool) -> Result<Self> {
        without("alpha_dropout", self, p, training, Affine::alpha, Unit::Element)
    }

    /// [`alpha_dropout`](Self::alpha_dropout) in place.
    #[track_caller]
    fn alpha_dropout_(&self, p: f64, training: bool) -> Result<&Self> {
        without_in_place("alpha_dropout", self, p, training, Affine::alpha, Unit::Element)?;
        Ok(self)
    }

    /// Dropout of whole channels (dimension 1) of every sample (dimension 0).
    #[track_caller]
    fn feature_dropout(&self, p: f64, training: bool) -> Result<Self> {
        without("feature_dropout", self, p, training, Affine::plain, Unit::Channel)
    }

    /// [`feature_dropout`](Self::feature_dropout) in place.
    #[track_caller]
    fn feature_dropout_(&self, p: f64, training: bool) -> Result<&Self> {
        without_in_place("feature_dropout", self, p, training, Affine::plain, Unit::Channel)?;
        Ok(self)
    }

    /// [`alpha_dropout`](Self::alpha_dropout) of whole channels.
    #[track_caller]
    fn feature_alpha_dropout(&self, p: f64, training: bool) -> Result<Self> {
        without("feature_alpha_dropout", self, p, training, Affine::alpha, Unit::Channel)
    }

    /// [`feature_alpha_dropout`](Self::feature_alpha_dropout) in place.
    #[track_caller]
    fn feature_alpha_dropout_(&self, p: f64, training: bool) -> Result<&Self> {
        without_in_place("feature_alpha_dropout", self, p, training, Affine::alpha, Unit::Channel)?;
        Ok(self)
    }

    /// Dropout of whole channels of `[n, c, l]` or `[c, l]`.
    #[track_caller]
    fn dropout1d(&self, p: f64, training: bool) -> Result<Self> {
        if !matches!(self.rank(), 2 | 3) {
            return Err(Error::shape("dropout1d", format!("needs 2 or 3 dimensions, not {}", self.shape())));
        }
        drop_channels("dropout1d", self, p, training, 1)
    }

    /// Dropout of whole channels of `[n, c, h, w]`. As in PyTorch, three dimensions are taken for `[n, c, l]`.
    #[track_caller]
    fn dropout2d(&self, p: f64, training: bool) -> Result<Self> {
        without("dropout2d", self, p, training, Affine::plain, Unit::Channel)
    }

    /// Dropout of whole channels of `[n, c, d, h, w]` or `[c, d, h, w]`.
    #[track_caller]
    fn dropout3d(&self, p: f64, training: bool) -> Result<Self> {
        drop_channels("dropout3d", self, p, training, 3)
    }

    /// `this·mask·scale`: the derivative of a dropout with a mask. PyTorch's `native_dropout_backward`.
    #[track_caller]
    fn native_dropout_backward(&self, mask: &Self, scale: f64) -> Result<Self> {
        Self::formula(&[self, mask], &[scale.into()], |x, n| x[0] * x[1] * n[0])
    }
}

impl<T: Apply> Dropouts for T {}
