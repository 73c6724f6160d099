//! Colours: brightness, contrast, saturation, hue, grey, inverted; normalised and blurred. Images are floating point
//! from 0 to 1, or uint8.

use cresset_autograd::prelude::*;

use super::{
    frame::pad,
    settings::{PaddingMode, channels_of, per_channel, size_of, white},
    warp::in_floats,
};

/// `(image − mean)/std` for each channel. Numbers are one for each channel, or one for all.
#[track_caller]
#[inline]
pub fn normalize(image: &Tensor, mean: &[f64], std: &[f64]) -> Result<Tensor> {
    let (name, dtype) = ("normalize", image.dtype());
    if !dtype.is_float() {
        return Err(Error::dtype(
            name,
            format!("needs floating point, not {dtype}; convert_image_dtype first"),
        ));
    }
    if std.contains(&0.0) {
        return Err(Error::argument(
            name,
            format!("a standard deviation of zero among {std:?} divides by zero"),
        ));
    }
    let channels = channels_of(name, image)?;
    let mean = per_channel(name, mean, channels, image)?;
    let std = per_channel(name, std, channels, image)?;
    Tensor::map3(image, &mean, &std, |x, mean, std| (x - mean) / std)
}

/// `factor·image + (1 − factor)·other`, kept between black and white. Integers are cut off, as torchvision does.
#[track_caller]
#[inline]
fn blend(name: &'static str, image: &Tensor, other: &Tensor, factor: f64) -> Result<Tensor> {
    let bound = white(name, image.dtype())?;
    let mixed =
        Tensor::formula(&[image, other], &[factor.into(), (1.0 - factor).into(), bound.into()], |x, n| {
            (n[0] * x[0] + n[1] * x[1]).maximum(0).minimum(n[2])
        })?;
    mixed.to_dtype(image.dtype())
}

#[track_caller]
#[inline]
fn check_factor(name: &'static str, factor: f64) -> Result<()> {
    if (0.0..f64::INFINITY).contains(&factor) {
        return Ok(());
    }
    Err(Error::argument(name, format!("the factor must be finite and not negative: {factor}")))
}

/// One or three channels, or an error.
#[track_caller]
#[inline]
fn is_grey(name: &'static str, image: &Tensor) -> Result<bool> {
    match channels_of(name, image)? {
        1 => Ok(true),
        3 => Ok(false),
        other => Err(Error::shape(name, format!("colours are 3 channels, grey is 1, not {other}"))),
    }
}

/// 0 is black, 1 the image as it is, 2 twice as bright.
#[track_caller]
#[inline]
pub fn adjust_brightness(image: &Tensor, factor: f64) -> Result<Tensor> {
    check_factor("adjust_brightness", factor)?;
    let bound = white("adjust_brightness", image.dtype())?;
    let bright = Tensor::formula(&[image], &[factor.into(), bound.into()], |x, n| {
        (n[0] * x[0]).maximum(0).minimum(n[1])
    })?;
    bright.to_dtype(image.dtype())
}

/// 0 is grey all over, 1 the image as it is.
#[track_caller]
#[inline]
pub fn adjust_contrast(image: &Tensor, factor: f64) -> Result<Tensor> {
    let name = "adjust_contrast";
    check_factor(name, factor)?;
    let grey = if is_grey(name, image)? { image.clone() } else { rgb_to_grayscale(image, 1)? };
    let grey = if grey.dtype().is_float() { grey } else { grey.to_dtype(DType::F32)? };
    blend(name, image, &grey.mean_dim([-3, -2, -1], true)?, factor)
}

/// 0 is grey, 1 the image as it is.
#[track_caller]
#[inline]
pub fn adjust_saturation(image: &Tensor, factor: f64) -> Result<Tensor> {
    let name = "adjust_saturation";
    check_factor(name, factor)?;
    if is_grey(name, image)? {
        return Ok(image.clone());
    }
    blend(name, image, &rgb_to_grayscale(image, 1)?, factor)
}

/// Every hue turned by a part of the circle: −0.5 and 0.5 are the complement.
#[track_caller]
#[inline]
pub fn adjust_hue(image: &Tensor, factor: f64) -> Result<Tensor> {
    let name = "adjust_hue";
    if !(-0.5..=0.5).contains(&factor) {
        return Err(Error::argument(name, format!("hues turn by -0.5 to 0.5 of the circle, not {factor}")));
    }
    let dtype = image.dtype();
    white(name, dtype)?;
    if is_grey(name, image)? {
        return Ok(image.clone());
    }
    let float = if dtype.is_float() { image.clone() } else { convert_image_dtype(image, DType::F32)? };
    let channel = |c: i64| float.narrow(-3, c, 1);
    let (red, green, blue) = (channel(0)?, channel(1)?, channel(2)?);
    let turned = Tensor::formulas(&[&red, &green, &blue], &[factor.into()], |x, n| {
        let (hue, saturation, value) = hsv(x[0], x[1], x[2]);
        rgb((hue + n[0]).remainder(1.0), saturation, value)
    })?;
    convert_image_dtype(&Tensor::cat(&turned, -3)?, dtype)
}

/// Hue, saturation and value of a colour, each from 0 to 1.
#[inline]
fn hsv(r: Expr, g: Expr, b: Expr) -> (Expr, Expr, Expr) {
    let (most, least) = (r.maximum(g).maximum(b), r.minimum(g).minimum(b));
    let (grey, range) = (most.eq(least), most - least);
    let saturation = range / select(grey, 1.0, most);
    let part = |x: Expr| (most - x) / select(grey, 1.0, range);
    let (r_part, g_part, b_part) = (part(r), part(g), part(b));
    // The sector of the circle in which the strongest colour is.
    let beyond_red = select(most.eq(g), 2.0 + r_part - b_part, 4.0 + g_part - r_part);
    let sector = select(most.eq(r), b_part - g_part, beyond_red);
    ((sector / 6.0 + 1.0).fmod(1.0), saturation, most)
}

/// The colour of hue, saturation and value.
#[inline]
fn rgb(hue: Expr, saturation: Expr, value: Expr) -> [Expr; 3] {
    let sector = (hue * 6.0).floor();
    let within = hue * 6.0 - sector;
    let limited = |x: Expr| x.maximum(0.0).minimum(1.0);
    let p = limited(value * (1.0 - saturation));
    let q = limited(value * (1.0 - saturation * within));
    let t = limited(value * (1.0 - saturation * (1.0 - within)));
    let sector = sector.remainder(6.0);
    let of = |six: [Expr; 6]| {
        let [first, second, third, fourth, fifth, last] = six;
        let upper = select(sector.eq(3.0), fourth, select(sector.eq(4.0), fifth, last));
        select(sector.eq(0.0), first, select(sector.eq(1.0), second, select(sector.eq(2.0), third, upper)))
    };
    [of([value, q, p, p, t, value]), of([t, value, value, q, p, p]), of([p, p, t, value, value, q])]
}

/// `image^gamma · gain`, kept between black and white.
#[track_caller]
#[inline]
pub fn adjust_gamma(image: &Tensor, gamma: f64, gain: f64) -> Result<Tensor> {
    let name = "adjust_gamma";
    check_factor(name, gamma)?;
    let dtype = image.dtype();
    white(name, dtype)?;
    let float = if dtype.is_float() { image.clone() } else { convert_image_dtype(image, DType::F32)? };
    let result = Tensor::formula(&[&float], &[gamma.into(), gain.into()], |x, n| {
        (n[1] * x[0].pow(n[0])).maximum(0).minimum(1)
    })?;
    convert_image_dtype(&result, dtype)
}

/// Grey, `0.2989·red + 0.587·green + 0.114·blue`, as one channel or three equal ones.
#[track_caller]
#[inline]
pub fn rgb_to_grayscale(image: &Tensor, num_output_channels: usize) -> Result<Tensor> {
    let name = "rgb_to_grayscale";
    if num_output_channels != 1 && num_output_channels != 3 {
        return Err(Error::argument(name, format!("grey is 1 channel or 3, not {num_output_channels}")));
    }
    let grey = if is_grey(name, image)? {
        image.clone()
    } else {
        let channel = |c: i64| image.narrow(-3, c, 1);
        let grey = Tensor::map3(&channel(0)?, &channel(1)?, &channel(2)?, |r, g, b| {
            0.2989 * r + 0.587 * g + 0.114 * b
        })?;
        grey.to_dtype(image.dtype())?
    };
    if num_output_channels == 1 {
        return Ok(grey);
    }
    let mut shape = grey.shape().clone();
    let rank = shape.rank();
    shape[rank - 3] = 3;
    grey.expand(shape)
}

/// Black for white.
#[track_caller]
#[inline]
pub fn invert(image: &Tensor) -> Result<Tensor> {
    let bound = white("invert", image.dtype())?;
    let inverted = Tensor::formula(&[image], &[bound.into()], |x, n| n[0] - x[0])?;
    inverted.to_dtype(image.dtype())
}

/// Pixels from the threshold on inverted.
#[track_caller]
#[inline]
pub fn solarize(image: &Tensor, threshold: f64) -> Result<Tensor> {
    let bound = white("solarize", image.dtype())?;
    let result = Tensor::formula(&[image], &[bound.into(), threshold.into()], |x, n| {
        select(x[0].ge(n[1]), n[0] - x[0], x[0])
    })?;
    result.to_dtype(image.dtype())
}

/// Only the highest bits of each uint8 kept.
#[track_caller]
#[inline]
pub fn posterize(image: &Tensor, bits: u32) -> Result<Tensor> {
    if image.dtype() != DType::U8 || bits > 8 {
        return Err(Error::argument(
            "posterize",
            format!("keeps 0 to 8 bits of uint8, not {bits} of {}", image.dtype()),
        ));
    }
    let step = 1i64 << (8 - bits);
    Tensor::formula(&[image], &[step.into()], |x, n| x[0].cast(DType::I64).floor_divide(n[0]) * n[0])?
        .to_dtype(DType::U8)
}

/// The same image in another dtype, where white is 1 in floating point and the largest number of uint8.
#[track_caller]
#[inline]
pub fn convert_image_dtype(image: &Tensor, dtype: DType) -> Result<Tensor> {
    let name = "convert_image_dtype";
    let (from, to) = (white(name, image.dtype())?, white(name, dtype)?);
    match (image.dtype().is_float(), dtype.is_float()) {
        (true, true) => image.to_dtype(dtype),
        (false, false) => Ok(image.clone()),
        (false, true) => {
            let wide = if dtype == DType::F64 { dtype } else { DType::F32 };
            image.to_dtype(wide)?.div(from)?.to_dtype(dtype)
        }
        // Each of the 256 numbers gets as much of 0 to 1.
        (true, false) => {
            Tensor::formula(&[image], &[(to + 1.0 - 1e-3).into()], |x, n| x[0] * n[0])?.to_dtype(dtype)
        }
    }
}

/// An image blurred by a normal distribution of that width, over so many pixels (odd), across and down.
#[track_caller]
#[inline]
pub fn gaussian_blur(
    image: &Tensor,
    [across, down]: [usize; 2],
    [sigma_x, sigma_y]: [f64; 2],
) -> Result<Tensor> {
    let name = "gaussian_blur";
    let (height, width) = size_of(name, image)?;
    if across % 2 == 0 || down % 2 == 0 || !(sigma_x > 0.0 && sigma_y > 0.0) {
        return Err(Error::argument(
            name,
            format!("kernel sizes are odd and widths positive, not {across}×{down} and {sigma_x}, {sigma_y}"),
        ));
    }
    if across / 2 >= width || down / 2 >= height {
        return Err(Error::argument(
            name,
            format!("a kernel of {across}×{down} for {width}×{height} pixels is too large"),
        ));
    }
    let weights = |size: usize, sigma: f64| {
        let weight = |i: usize| (-0.5 * ((i as f64 - (size / 2) as f64) / sigma).powi(2)).exp();
        let all: Vec<f64> = (0..size).map(weight).collect();
        let sum: f64 = all.iter().sum();
        all.into_iter().map(|weight| weight / sum).collect::<Vec<f64>>()
    };
    let (x, y) = ((across / 2) as i64, (down / 2) as i64);
    let padded = pad(image, [x, y, x, y], PaddingMode::Reflect)?;
    in_floats(&padded, |batch| {
        // All channels are images of their own; one dimension after the other.
        let &[n, c, h, w] = &batch.shape()[..] else { return Ok(batch.clone()) };
        let kernel =
            |weights: Vec<f64>, shape: [usize; 4]| Tensor::from_vec(weights, shape)?.to_dtype(batch.dtype());
        let rows = kernel(weights(across, sigma_x), [1, 1, 1, across])?;
        let columns = kernel(weights(down, sigma_y), [1, 1, down, 1])?;
        let flat = batch.reshape([n * c, 1, h, w])?;
        let blurred = flat.conv2d(&rows, None)?.conv2d(&columns, None)?;
        blurred.reshape([n, c, h - 2 * (down / 2), w - 2 * (across / 2)])
    })
}
