//! What transforms are told: margins, spans of numbers, what fills empty places; and the shapes they take.

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

use crate::draw;

/// How much is put around an image, in pixels. Negative amounts take off.
///
/// From a number (all around), `[left and right, top and bottom]`, or `[left, top, right, bottom]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Margins {
    /// On the left.
    pub left: i64,
    /// Above.
    pub top: i64,
    /// On the right.
    pub right: i64,
    /// Below.
    pub bottom: i64,
}

impl From<i64> for Margins {
    #[inline]
    fn from(all: i64) -> Margins {
        Margins { left: all, top: all, right: all, bottom: all }
    }
}

impl From<[i64; 2]> for Margins {
    #[inline]
    fn from([x, y]: [i64; 2]) -> Margins {
        Margins { left: x, top: y, right: x, bottom: y }
    }
}

impl From<[i64; 4]> for Margins {
    #[inline]
    fn from([left, top, right, bottom]: [i64; 4]) -> Margins {
        Margins { left, top, right, bottom }
    }
}

/// What is put around an image.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PaddingMode {
    /// A number.
    Constant(f64),
    /// The edge, repeated.
    Edge,
    /// The image mirrored at its edge, which is not repeated.
    Reflect,
    /// The image mirrored, its edge too.
    Symmetric,
}

impl Default for PaddingMode {
    #[inline]
    fn default() -> Self {
        PaddingMode::Constant(0.0)
    }
}

/// From a least to a largest number, of which one is drawn.
///
/// A pair says both; what a single number means, says who takes it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Span {
    /// Around a middle.
    Around(f64),
    /// From, to.
    Between(f64, f64),
}

impl From<f64> for Span {
    #[inline]
    fn from(width: f64) -> Span {
        Span::Around(width)
    }
}

impl From<(f64, f64)> for Span {
    #[inline]
    fn from((low, high): (f64, f64)) -> Span {
        Span::Between(low, high)
    }
}

impl Span {
    /// One of its numbers, where a single number is a distance from `middle`; none may be outside of `least..=most`.
    #[track_caller]
    #[inline]
    pub(super) fn draw(
        self,
        name: &'static str,
        what: &str,
        (middle, least, most): (f64, f64, f64),
        random: &mut Generator,
    ) -> Result<f64> {
        let (low, high) = match self {
            // As torchvision: a distance may reach beyond the least, and is cut off there.
            Span::Around(width) if width >= 0.0 => ((middle - width).max(least), middle + width),
            Span::Around(_) => (f64::NAN, f64::NAN),
            Span::Between(low, high) => (low, high),
        };
        if !(least <= low && low <= high && high <= most && (high - low).is_finite()) {
            return Err(Error::argument(
                name,
                format!("{what} {self:?}: from a number to one not smaller, both within {least}..={most}"),
            ));
        }
        Ok(draw::uniform(random, low, high))
    }
}

/// What fills places outside of an image: one number, or one for each channel. Nothing stands for a black image around
/// it, into which the edge fades where pixels are interpolated.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fill(pub Option<Vec<f64>>);

impl From<()> for Fill {
    #[inline]
    fn from((): ()) -> Fill {
        Fill(None)
    }
}

impl From<f64> for Fill {
    #[inline]
    fn from(number: f64) -> Fill {
        Fill(Some(vec![number]))
    }
}

impl From<Vec<f64>> for Fill {
    #[inline]
    fn from(numbers: Vec<f64>) -> Fill {
        Fill(Some(numbers))
    }
}

impl<const N: usize> From<[f64; N]> for Fill {
    fn from(numbers: [f64; N]) -> Fill {
        Fill(Some(numbers.to_vec()))
    }
}

/// Height and width.
#[track_caller]
#[inline]
pub(super) fn size_of(name: &'static str, image: &Tensor) -> Result<(usize, usize)> {
    match image.shape()[..] {
        [.., height, width] => Ok((height, width)),
        _ => Err(Error::shape(name, format!("needs an image […, height, width], not {}", image.shape()))),
    }
}

/// The number of channels.
#[track_caller]
#[inline]
pub(super) fn channels_of(name: &'static str, image: &Tensor) -> Result<usize> {
    match image.shape()[..] {
        [.., channels, _, _] => Ok(channels),
        _ => Err(Error::shape(
            name,
            format!("needs an image […, channels, height, width], not {}", image.shape()),
        )),
    }
}

/// One number for each channel, `[channels, 1, 1]`, from one or as many.
#[track_caller]
#[inline]
pub(super) fn per_channel(
    name: &'static str,
    numbers: &[f64],
    channels: usize,
    like: &Tensor,
) -> Result<Tensor> {
    if numbers.len() != 1 && numbers.len() != channels {
        let given = numbers.len();
        return Err(Error::shape(
            name,
            format!("{given} numbers for {channels} channels; give one for each"),
        ));
    }
    like.beside(Array::from_vec(numbers.to_vec(), [numbers.len(), 1, 1])?.to_dtype(like.dtype())?)
}

/// The number that is white: 1, of integers the largest.
#[track_caller]
#[inline]
pub(super) fn white(name: &'static str, dtype: DType) -> Result<f64> {
    match dtype {
        dtype if dtype.is_float() => Ok(1.0),
        DType::U8 => Ok(255.0),
        other => Err(Error::dtype(
            name,
            format!("images are uint8 or floating point, not {other}; convert with to_dtype first"),
        )),
    }
}

/// An error unless it is a probability.
#[track_caller]
#[inline]
pub(super) fn check_probability(name: &'static str, p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::argument(name, format!("{p} is not a probability, from 0 to 1")))
}
