//! What part of an image is seen: cropping, putting something around it, mirroring, erasing. No pixel is computed.

use cresset_autograd::prelude::*;
use cresset_tensor::Array;

use super::settings::{Fill, Margins, PaddingMode, channels_of, per_channel, size_of};

/// The rectangle of that height and width whose upper left corner lies there; black where it lies outside. A view
/// where it lies inside.
#[track_caller]
#[inline]
pub fn crop(image: &Tensor, top: i64, left: i64, height: usize, width: usize) -> Result<Tensor> {
    let (h, w) = size_of("crop", image)?;
    let inside = |start: i64, length: usize, size: usize| {
        usize::try_from(start).ok().and_then(|start| start.checked_add(length)).is_some_and(|end| end <= size)
    };
    if inside(top, height, h) && inside(left, width, w) {
        return image.narrow(-2, top, height as i64)?.narrow(-1, left, width as i64);
    }
    // Negative margins take off.
    let behind = |start: i64, length: usize, size: usize| {
        let end = i64::try_from(length).ok().and_then(|length| start.checked_add(length));
        let behind = end.and_then(|end| end.checked_sub(size as i64)).zip(start.checked_neg());
        behind.ok_or_else(|| Error::argument("crop", format!("there is no place {start} + {length}")))
    };
    let ((right, before), (bottom, above)) = (behind(left, width, w)?, behind(top, height, h)?);
    pad(image, [before, above, right, bottom], PaddingMode::default())
}

/// The middle of an image; black where the image is smaller.
#[track_caller]
#[inline]
pub fn center_crop(image: &Tensor, [height, width]: [usize; 2]) -> Result<Tensor> {
    let (h, w) = size_of("center_crop", image)?;
    // torchvision puts half of what is missing before, rounded down, and then cuts, half rounded to even.
    let start = |size: usize, wanted: usize| match wanted.checked_sub(size) {
        Some(missing) => -((missing / 2) as i64),
        None => ((size - wanted) as f64 / 2.0).round_ties_even() as i64,
    };
    crop(image, start(h, height), start(w, width), height, width)
}

/// Puts something around an image.
#[track_caller]
#[inline]
pub fn pad(image: &Tensor, margins: impl Into<Margins>, mode: PaddingMode) -> Result<Tensor> {
    let Margins { left, top, right, bottom } = margins.into();
    let (h, w) = size_of("pad", image)?;
    match mode {
        PaddingMode::Constant(value) => {
            let value =
                if image.dtype().is_float() { Scalar::Float(value) } else { Scalar::Int(value as i64) };
            image.constant_pad_nd([left, right, top, bottom], value)
        }
        mode => {
            let mut padded = image.clone();
            for (dim, size, before, after) in [(-1, w, left, right), (-2, h, top, bottom)] {
                if (before, after) != (0, 0) {
                    let places = places(size, before, after, mode)?;
                    let places = padded.beside(Array::from(places))?;
                    padded = padded.index_select(dim, &places)?;
                }
            }
            Ok(padded)
        }
    }
}

/// Which place of a dimension is seen at each place of the padded one.
#[track_caller]
#[inline]
fn places(size: usize, before: i64, after: i64, mode: PaddingMode) -> Result<Vec<i64>> {
    let n = i64::try_from(size).unwrap_or(i64::MAX);
    let most = match mode {
        PaddingMode::Reflect => n - 1,
        PaddingMode::Symmetric => n,
        PaddingMode::Edge | PaddingMode::Constant(_) if n > 0 => i64::MAX / 4,
        PaddingMode::Edge | PaddingMode::Constant(_) => 0,
    };
    if before > most || after > most || before.saturating_add(after).saturating_add(n) < 0 {
        return Err(Error::argument(
            "pad",
            format!("{before} before and {after} after {size} pixels is not possible with {mode:?}"),
        ));
    }
    let source = |i: i64| match mode {
        PaddingMode::Reflect if i < 0 => -i,
        PaddingMode::Reflect if i >= n => 2 * (n - 1) - i,
        PaddingMode::Symmetric if i < 0 => -1 - i,
        PaddingMode::Symmetric if i >= n => 2 * n - 1 - i,
        _ => i.clamp(0, n - 1),
    };
    Ok((-before..n + after).map(source).collect())
}

/// Left for right.
#[track_caller]
#[inline]
pub fn hflip(image: &Tensor) -> Result<Tensor> {
    size_of("hflip", image)?;
    image.flip(-1)
}

/// Upside down.
#[track_caller]
#[inline]
pub fn vflip(image: &Tensor) -> Result<Tensor> {
    size_of("vflip", image)?;
    image.flip(-2)
}

/// A copy with a rectangle of one number, or one for each channel. Without any, it is left as it is.
#[track_caller]
#[inline]
pub fn erase(
    image: &Tensor,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
    fill: impl Into<Fill>,
) -> Result<Tensor> {
    let Fill(Some(numbers)) = fill.into() else { return Ok(image.clone()) };
    let value = per_channel("erase", &numbers, channels_of("erase", image)?, image)?;
    replace(image, top, left, height, width, &value)
}

/// A copy with a rectangle of other pixels.
#[track_caller]
#[inline]
pub(super) fn replace(
    image: &Tensor,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
    pixels: &Tensor,
) -> Result<Tensor> {
    let erased = image.copy()?;
    let place = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let part = erased.narrow(-2, place(top), place(height))?.narrow(-1, place(left), place(width))?;
    part.copy_(pixels)?;
    Ok(erased)
}
