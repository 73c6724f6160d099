//! Images at other sizes, and channels exchanged for pixels. Interpolation is one dimension after the other: of every
//! place of the result, a few places of the input and their weights.

use cresset_tensor::{Array, DType, Error, Listed, Result, Shape, Sizes};

use super::{
    AdaptivePooling, Elementwise,
    fused::{per_dimension, permuted, reduce_formula, shaped},
    taps::{Axis, Taps, cubic, linear, nearest, smooth},
};
use crate::{
    Apply,
    op::{List, Op, Reduction},
};

/// How values between pixels are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interpolation {
    /// The pixel that a place falls into, as older libraries round.
    #[default]
    Nearest,
    /// The pixel whose centre is nearest.
    NearestExact,
    /// Linear between two, of one dimension.
    Linear,
    /// Linear, of two dimensions.
    Bilinear,
    /// Cubic between four, of two dimensions.
    Bicubic,
    /// Linear, of three dimensions.
    Trilinear,
    /// The mean of the pixels that fall together.
    Area,
}

impl std::str::FromStr for Interpolation {
    type Err = Error;

    /// From PyTorch's name.
    #[inline]
    fn from_str(name: &str) -> Result<Interpolation> {
        Ok(match name {
            "nearest" => Interpolation::Nearest,
            "nearest-exact" => Interpolation::NearestExact,
            "linear" => Interpolation::Linear,
            "bilinear" => Interpolation::Bilinear,
            "bicubic" => Interpolation::Bicubic,
            "trilinear" => Interpolation::Trilinear,
            "area" => Interpolation::Area,
            _ => return Err(Error::argument("interpolate", format!("there is no mode '{name}'"))),
        })
    }
}

/// What an interpolation may be told: a size or a scale, and more.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InterpolateOptions {
    /// The spatial sizes of the result.
    pub size: Option<Sizes>,
    /// How many times larger the result is.
    pub scale_factor: Option<Vec<f64>>,
    /// How values between pixels are made.
    pub mode: Interpolation,
    /// Whether the centres of the corners stay where they are, instead of their outer edges.
    pub align_corners: Option<bool>,
    /// Whether places are computed by the ratio of the sizes instead of the scale as given.
    pub recompute_scale_factor: Option<bool>,
    /// Whether pixels are averaged where the result is smaller (bilinear and bicubic).
    pub antialias: bool,
}

impl InterpolateOptions {
    /// To a size.
    pub fn size(size: impl Into<Sizes>, mode: Interpolation) -> Self {
        InterpolateOptions { size: Some(size.into()), mode, ..Self::default() }
    }

    /// By a scale.
    #[inline]
    pub fn scale(scale: f64, mode: Interpolation) -> Self {
        InterpolateOptions { scale_factor: Some(vec![scale]), mode, ..Self::default() }
    }
}

/// Resampling.
pub trait Resampling: Apply {
    /// Images `[n, channels, …]` of one to three dimensions at another size.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[[0.0, 1.0]]]);
    /// let y = x.interpolate(&InterpolateOptions::size(4, Interpolation::Linear))?;
    /// assert_eq!(y.to_vec::<f64>()?, [0.0, 0.25, 0.75, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn interpolate(&self, options: &InterpolateOptions) -> Result<Self> {
        interpolate(self, options)
    }

    /// [`interpolate`](Self::interpolate) by the nearest pixel.
    #[track_caller]
    fn upsample_nearest(&self, size: Option<Sizes>, scale_factor: Option<Vec<f64>>) -> Result<Self> {
        interpolate(self, &InterpolateOptions { size, scale_factor, ..InterpolateOptions::default() })
    }

    /// [`interpolate`](Self::interpolate), bilinear, with the corners' centres aligned.
    #[track_caller]
    fn upsample_bilinear(&self, size: Option<Sizes>, scale_factor: Option<Vec<f64>>) -> Result<Self> {
        let (mode, align_corners) = (Interpolation::Bilinear, Some(true));
        interpolate(
            self,
            &InterpolateOptions { size, scale_factor, mode, align_corners, ..Default::default() },
        )
    }

    /// Every `r²` channels become squares of `r·r` pixels: `[…, c·r², h, w]` to `[…, c, h·r, w·r]`.
    #[track_caller]
    fn pixel_shuffle(&self, upscale_factor: i64) -> Result<Self> {
        let (r, outside, [c, h, w]) = image("pixel_shuffle", self, upscale_factor)?;
        let square = r.saturating_mul(r);
        if !c.is_multiple_of(square) {
            return Err(Error::shape(
                "pixel_shuffle",
                format!("{c} channels of {} are not a multiple of {r}²", self.shape()),
            ));
        }
        let apart = with_tail(self, outside, &[c / square, r, r, h, w]);
        let joined = with_tail(self, outside, &[c / square, h.saturating_mul(r), w.saturating_mul(r)]);
        let order = with_outside(outside, &[0, 3, 1, 4, 2]);
        shaped(&permuted(&shaped(self, apart)?, &order)?, joined)
    }

    /// The inverse of [`pixel_shuffle`](Self::pixel_shuffle).
    #[track_caller]
    fn pixel_unshuffle(&self, downscale_factor: i64) -> Result<Self> {
        let (r, outside, [c, h, w]) = image("pixel_unshuffle", self, downscale_factor)?;
        if !h.is_multiple_of(r) || !w.is_multiple_of(r) {
            return Err(Error::shape(
                "pixel_unshuffle",
                format!("height and width of {} are not multiples of {r}", self.shape()),
            ));
        }
        let apart = with_tail(self, outside, &[c, h / r, r, w / r, r]);
        let joined = with_tail(self, outside, &[c.saturating_mul(r).saturating_mul(r), h / r, w / r]);
        let order = with_outside(outside, &[0, 2, 4, 1, 3]);
        shaped(&permuted(&shaped(self, apart)?, &order)?, joined)
    }

    /// Channels dealt out: the first of every group, then the second of every group, and so on.
    #[track_caller]
    fn channel_shuffle(&self, groups: i64) -> Result<Self> {
        let shape = self.shape();
        let count = usize::try_from(groups).ok().filter(|&count| count > 0);
        let Some(count) = count.filter(|&count| shape.rank() > 2 && shape[1].is_multiple_of(count)) else {
            return Err(Error::argument(
                "channel_shuffle",
                format!("the channels of {shape} do not fall into {groups} groups"),
            ));
        };
        let mut apart = shape.clone();
        apart[1] = shape[1] / count;
        apart.insert(1, count);
        let order: List = [0, 2, 1].into_iter().chain(3..apart.rank()).listed();
        shaped(&permuted(&shaped(self, apart)?, &order)?, shape.clone())
    }
}

impl<T: Apply> Resampling for T {}

/// The factor, how many dimensions come before channels, and the last three sizes.
#[track_caller]
fn image<T: Apply>(name: &'static str, x: &T, factor: i64) -> Result<(usize, usize, [usize; 3])> {
    let &[.., c, h, w] = &x.shape()[..] else {
        return Err(Error::shape(name, format!("needs […, channels, height, width], not {}", x.shape())));
    };
    match usize::try_from(factor) {
        Ok(factor) if factor > 0 => Ok((factor, x.rank() - 3, [c, h, w])),
        _ => Err(Error::argument(name, format!("the factor must be at least 1, not {factor}"))),
    }
}

fn with_tail<T: Apply>(x: &T, outside: usize, tail: &[usize]) -> Shape {
    x.shape()[..outside].iter().chain(tail).copied().collect()
}

#[inline]
fn with_outside(outside: usize, order: &[usize]) -> List {
    (0..outside).chain(order.iter().map(|dim| outside + dim)).listed()
}

#[track_caller]
fn interpolate<T: Apply>(x: &T, options: &InterpolateOptions) -> Result<T> {
    let name = "interpolate";
    let mode = options.mode;
    let dims = x.rank().saturating_sub(2);
    let fits = match mode {
        Interpolation::Nearest | Interpolation::NearestExact | Interpolation::Area => (1..=3).contains(&dims),
        Interpolation::Linear => dims == 1,
        Interpolation::Bilinear | Interpolation::Bicubic => dims == 2,
        Interpolation::Trilinear => dims == 3,
    };
    if !fits {
        return Err(Error::shape(name, format!("{mode:?} of shape {} is not defined", x.shape())));
    }
    if x.shape()[1..].contains(&0) {
        return Err(Error::shape(name, format!("only the batch may be empty, not {}", x.shape())));
    }
    let smooth_mode =
        !matches!(mode, Interpolation::Nearest | Interpolation::NearestExact | Interpolation::Area);
    if options.align_corners.is_some() && !smooth_mode {
        return Err(Error::argument(name, format!("align_corners means nothing for {mode:?}")));
    }
    if options.antialias && !matches!(mode, Interpolation::Bilinear | Interpolation::Bicubic) {
        return Err(Error::argument(name, "antialias is for bilinear and bicubic"));
    }
    let (sizes, scales) = target(name, x, dims, options)?;
    if mode == Interpolation::Area {
        let sizes: Sizes = sizes.iter().map(|&size| size as i64).collect();
        return match dims {
            1 => x.adaptive_avg_pool1d(sizes),
            2 => x.adaptive_avg_pool2d(sizes),
            _ => x.adaptive_avg_pool3d(sizes),
        };
    }
    let dtype = x.dtype();
    if smooth_mode && !dtype.is_float() && dtype != DType::U8 {
        return Err(Error::dtype(name, format!("{mode:?} needs floating point, not {dtype}")));
    }
    let align = options.align_corners.unwrap_or(false);
    let mut result = x.clone();
    if smooth_mode && dtype != DType::F64 {
        result = result.to_dtype(DType::F32)?;
    }
    for d in 0..dims {
        let axis = Axis {
            input: x.shape()[2 + d],
            output: sizes[d],
            scale: scales.as_ref().map(|scales| scales[d]),
            align,
            single: dtype != DType::F64,
        };
        let taps = match mode {
            Interpolation::Nearest => nearest(&axis, false),
            Interpolation::NearestExact => nearest(&axis, true),
            Interpolation::Bicubic if options.antialias => smooth(&axis, true),
            _ if options.antialias => smooth(&axis, false),
            Interpolation::Bicubic => cubic(&axis),
            Interpolation::Linear
            | Interpolation::Bilinear
            | Interpolation::Trilinear
            | Interpolation::Area => {
                if axis.input == axis.output {
                    continue;
                }
                linear(&axis)
            }
        };
        result = along(&result, 2 + d, taps)?;
    }
    if dtype == DType::U8 && smooth_mode {
        result = T::formula(&[&result], &[], |x, _| x[0].round().maximum(0).minimum(255))?;
    }
    if result.array().shares_memory(x.array()) {
        return T::formula(&[x], &[], |x, _| x[0]);
    }
    result.to_dtype(dtype)
}

/// The spatial sizes of the result, and the scales where places are computed by them.
#[track_caller]
fn target<T: Apply>(
    name: &'static str,
    x: &T,
    dims: usize,
    options: &InterpolateOptions,
) -> Result<(List, Option<Vec<f64>>)> {
    match (&options.size, &options.scale_factor) {
        (Some(size), None) => {
            if options.recompute_scale_factor == Some(true) {
                return Err(Error::argument(
                    name,
                    "recompute_scale_factor means nothing where a size is given",
                ));
            }
            let sizes = per_dimension(name, "size", size, dims, 1)?;
            checked(name, x, &sizes)?;
            Ok((sizes, None))
        }
        (None, Some(scales)) => {
            if scales.len() != 1 && scales.len() != dims {
                return Err(Error::argument(
                    name,
                    format!("scale_factor must be one number or {dims}, not {}", scales.len()),
                ));
            }
            let scales: Vec<f64> = (0..dims).map(|d| scales[if scales.len() == 1 { 0 } else { d }]).collect();
            let mut sizes = List::new();
            for (d, &scale) in scales.iter().enumerate() {
                let size = (x.shape()[2 + d] as f64 * scale).floor();
                if !(1.0..1e18).contains(&size) {
                    return Err(Error::argument(
                        name,
                        format!(
                            "a scale of {scale} makes dimension {d} of {} nothing, or too large",
                            x.shape()
                        ),
                    ));
                }
                sizes.push(size as usize);
            }
            checked(name, x, &sizes)?;
            let recompute = options.recompute_scale_factor == Some(true);
            Ok((sizes, (!recompute).then_some(scales)))
        }
        (Some(_), Some(_)) => Err(Error::argument(name, "give a size or a scale_factor, not both")),
        (None, None) => Err(Error::argument(name, "give a size or a scale_factor")),
    }
}

#[track_caller]
fn checked<T: Apply>(name: &'static str, x: &T, sizes: &List) -> Result<()> {
    let shape: Shape = x.shape()[..2].iter().chain(sizes.iter()).copied().collect();
    shape.checked_numel(name).map(|_| ())
}

/// One dimension resampled.
#[track_caller]
fn along<T: Apply>(x: &T, dim: usize, taps: Taps) -> Result<T> {
    let count = taps.places.len() / taps.each.max(1);
    let select = |places: Vec<i64>| {
        let length = places.len();
        T::apply_one(Op::IndexSelect { dim }, &[x, &x.beside(Array::from_vec(places, length)?)?])
    };
    let Some(weights) = taps.weights else { return select(taps.places) };
    let mut shape = Shape::repeat(1, x.rank());
    shape[dim] = count;
    let constant = |weights: Vec<f64>, shape: Shape| -> Result<T> {
        x.beside(Array::from_vec(weights, shape)?.to_dtype(x.dtype())?)
    };
    if taps.each == 2 {
        let places = |which: usize| taps.places.iter().skip(which).step_by(2).copied().collect::<Vec<i64>>();
        let weights = |which: usize| weights.iter().skip(which).step_by(2).copied().collect::<Vec<f64>>();
        let (a, b) = (select(places(0))?, select(places(1))?);
        let (u, v) = (constant(weights(0), shape.clone())?, constant(weights(1), shape)?);
        return T::formula(&[&a, &u, &b, &v], &[], |x, _| x[0] * x[1] + x[2] * x[3]);
    }
    let mut apart = x.shape().clone();
    apart[dim] = count;
    apart.insert(dim + 1, taps.each);
    shape.insert(dim + 1, taps.each);
    let taken = shaped(&select(taps.places)?, apart)?;
    let weights = constant(weights, shape)?;
    reduce_formula(Reduction::Sum, &[dim + 1], false, &[&taken, &weights], &[], |x, _| x[0] * x[1])
}
