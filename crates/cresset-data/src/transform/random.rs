//! Random parts, sizes, and angles of an image.

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

use super::{
    Transform,
    frame::{crop, hflip, pad, vflip},
    settings::{Fill, Margins, PaddingMode, Span, check_probability, size_of},
    warp::{Affine, Interpolation, affine, resized_crop, rotate},
};
use crate::draw;

/// Left for right with a probability: torchvision's `RandomHorizontalFlip`.
#[derive(Clone, Debug)]
pub struct RandomHorizontalFlip(f64);

impl RandomHorizontalFlip {
    /// With probability `p`.
    #[inline]
    pub fn new(p: f64) -> RandomHorizontalFlip {
        RandomHorizontalFlip(p)
    }
}

impl Transform for RandomHorizontalFlip {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        check_probability("RandomHorizontalFlip", self.0)?;
        if draw::chance(random, self.0) { hflip(image) } else { Ok(image.clone()) }
    }
}

/// Upside down with a probability: torchvision's `RandomVerticalFlip`.
#[derive(Clone, Debug)]
pub struct RandomVerticalFlip(f64);

impl RandomVerticalFlip {
    /// With probability `p`.
    #[inline]
    pub fn new(p: f64) -> RandomVerticalFlip {
        RandomVerticalFlip(p)
    }
}

impl Transform for RandomVerticalFlip {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        check_probability("RandomVerticalFlip", self.0)?;
        if draw::chance(random, self.0) { vflip(image) } else { Ok(image.clone()) }
    }
}

/// A rectangle at a random place: torchvision's `RandomCrop`.
#[derive(Clone, Debug)]
pub struct RandomCrop {
    size: [usize; 2],
    padding: Margins,
    pad_if_needed: bool,
    mode: PaddingMode,
}

impl RandomCrop {
    /// Of that height and width.
    #[inline]
    pub fn new(size: [usize; 2]) -> RandomCrop {
        RandomCrop { size, padding: Margins::default(), pad_if_needed: false, mode: PaddingMode::default() }
    }

    /// What is put around the image before.
    pub fn padding(self, padding: impl Into<Margins>) -> RandomCrop {
        RandomCrop { padding: padding.into(), ..self }
    }

    /// Whether images that are too small are made large enough; else they are an error.
    #[inline]
    pub fn pad_if_needed(self, pad_if_needed: bool) -> RandomCrop {
        RandomCrop { pad_if_needed, ..self }
    }

    /// What is around.
    #[inline]
    pub fn mode(self, mode: PaddingMode) -> RandomCrop {
        RandomCrop { mode, ..self }
    }
}

impl Transform for RandomCrop {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let [height, width] = self.size;
        let mut image = if self.padding == Margins::default() {
            image.clone()
        } else {
            pad(image, self.padding, self.mode)?
        };
        if self.pad_if_needed {
            let (h, w) = size_of("RandomCrop", &image)?;
            let (more_height, more_width) = (height.saturating_sub(h) as i64, width.saturating_sub(w) as i64);
            if more_height > 0 || more_width > 0 {
                image = pad(&image, [more_width, more_height], self.mode)?;
            }
        }
        let (h, w) = size_of("RandomCrop", &image)?;
        let (Some(down), Some(across)) = (h.checked_sub(height), w.checked_sub(width)) else {
            return Err(Error::shape(
                "RandomCrop",
                format!("{h}×{w} pixels have no part of {height}×{width}; pad, or pad_if_needed"),
            ));
        };
        let (top, left) = (draw::integer(random, down + 1), draw::integer(random, across + 1));
        crop(&image, top as i64, left as i64, height, width)
    }
}

/// A part of random area and proportion, at one size: torchvision's `RandomResizedCrop`.
#[derive(Clone, Debug)]
pub struct RandomResizedCrop {
    size: [usize; 2],
    scale: (f64, f64),
    ratio: (f64, f64),
    interpolation: Interpolation,
    antialias: bool,
}

impl RandomResizedCrop {
    /// To that height and width: 8 to 100 % of the area, in proportions of 3:4 to 4:3.
    #[inline]
    pub fn new(size: [usize; 2]) -> RandomResizedCrop {
        let (scale, ratio) = ((0.08, 1.0), (3.0 / 4.0, 4.0 / 3.0));
        RandomResizedCrop { size, scale, ratio, interpolation: Interpolation::Bilinear, antialias: true }
    }

    /// What parts of the area.
    #[inline]
    pub fn scale(self, scale: (f64, f64)) -> RandomResizedCrop {
        RandomResizedCrop { scale, ..self }
    }

    /// What proportions of width to height.
    #[inline]
    pub fn ratio(self, ratio: (f64, f64)) -> RandomResizedCrop {
        RandomResizedCrop { ratio, ..self }
    }

    /// How values between pixels are made.
    #[inline]
    pub fn interpolation(self, interpolation: Interpolation) -> RandomResizedCrop {
        RandomResizedCrop { interpolation, ..self }
    }

    /// Whether pixels are averaged where the image becomes smaller.
    #[inline]
    pub fn antialias(self, antialias: bool) -> RandomResizedCrop {
        RandomResizedCrop { antialias, ..self }
    }

    /// Top, left, height and width of the part of an image of that height and width.
    #[track_caller]
    #[inline]
    fn part(&self, h: usize, w: usize, random: &mut Generator) -> Result<[usize; 4]> {
        for _ in 0..10 {
            let Some([height, width]) =
                rectangle("RandomResizedCrop", h * w, self.scale, self.ratio, random)?
                    .filter(|[height, width]| *height <= h && *width <= w)
            else {
                continue;
            };
            let (top, left) = (draw::integer(random, h - height + 1), draw::integer(random, w - width + 1));
            return Ok([top, left, height, width]);
        }
        // The largest part in the middle whose proportion is allowed.
        let (proportion, (low, high)) = (w as f64 / h.max(1) as f64, self.ratio);
        let [height, width] = match proportion {
            proportion if proportion < low => [(w as f64 / low).round_ties_even() as usize, w],
            proportion if proportion > high => [h, (h as f64 * high).round_ties_even() as usize],
            _ => [h, w],
        };
        let (height, width) = (height.min(h), width.min(w));
        Ok([(h - height) / 2, (w - width) / 2, height, width])
    }
}

/// Height and width of a rectangle of a random part of an area, in a random proportion of `first:second`, equally
/// likely in its logarithm; none where it has no pixels. `ratio` is that of width to height.
#[track_caller]
#[inline]
pub(super) fn rectangle(
    name: &'static str,
    area: usize,
    scale: (f64, f64),
    ratio: (f64, f64),
    random: &mut Generator,
) -> Result<Option<[usize; 2]>> {
    if ratio.0.is_nan() || ratio.0 <= 0.0 {
        return Err(Error::argument(name, format!("ratio {ratio:?}: proportions are positive")));
    }
    let part = area as f64 * Span::from(scale).draw(name, "scale", (0.0, 0.0, 1.0), random)?;
    let logarithms = Span::Between(ratio.0.ln(), ratio.1.ln());
    let ratio = logarithms.draw(name, "ratio (logarithms)", (0.0, f64::MIN, f64::MAX), random)?.exp();
    let sides = [(part / ratio).sqrt(), (part * ratio).sqrt()].map(|side| side.round_ties_even() as usize);
    Ok((sides[0] > 0 && sides[1] > 0).then_some(sides))
}

impl Transform for RandomResizedCrop {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let (h, w) = size_of("RandomResizedCrop", image)?;
        let [top, left, height, width] = self.part(h, w, random)?;
        let corner = [top as i64, left as i64];
        resized_crop(image, corner, [height, width], self.size, self.interpolation, self.antialias)
    }
}

/// Turned by a random angle: torchvision's `RandomRotation`.
#[derive(Clone, Debug)]
pub struct RandomRotation {
    degrees: Span,
    interpolation: Interpolation,
    expand: bool,
    center: Option<[f64; 2]>,
    fill: Fill,
}

impl RandomRotation {
    /// By up to so many degrees either way, or from so many to so many, counter-clockwise.
    pub fn new(degrees: impl Into<Span>) -> RandomRotation {
        let interpolation = Interpolation::Nearest;
        RandomRotation {
            degrees: degrees.into(),
            interpolation,
            expand: false,
            center: None,
            fill: 0.0.into(),
        }
    }

    /// How values between pixels are made: `Nearest` or `Bilinear`.
    #[inline]
    pub fn interpolation(self, interpolation: Interpolation) -> RandomRotation {
        RandomRotation { interpolation, ..self }
    }

    /// Whether the image becomes as large as it has to be for all of it to be seen.
    #[inline]
    pub fn expand(self, expand: bool) -> RandomRotation {
        RandomRotation { expand, ..self }
    }

    /// What stays where it is, from the left and from the top.
    #[inline]
    pub fn center(self, center: [f64; 2]) -> RandomRotation {
        RandomRotation { center: Some(center), ..self }
    }

    /// What fills places outside of the image.
    pub fn fill(self, fill: impl Into<Fill>) -> RandomRotation {
        RandomRotation { fill: fill.into(), ..self }
    }
}

impl Transform for RandomRotation {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let angle = self.degrees.draw("RandomRotation", "degrees", (0.0, f64::MIN, f64::MAX), random)?;
        rotate(image, angle, self.interpolation, self.expand, self.center, self.fill.clone())
    }
}

/// A random affine map: torchvision's `RandomAffine`.
#[derive(Clone, Debug)]
pub struct RandomAffine {
    degrees: Span,
    translate: [f64; 2],
    scale: Option<(f64, f64)>,
    shear: [Span; 2],
    interpolation: Interpolation,
    center: Option<[f64; 2]>,
    fill: Fill,
}

impl RandomAffine {
    /// Turned by up to so many degrees either way, or from so many to so many.
    pub fn new(degrees: impl Into<Span>) -> RandomAffine {
        RandomAffine {
            degrees: degrees.into(),
            translate: [0.0; 2],
            scale: None,
            shear: [Span::Around(0.0); 2],
            interpolation: Interpolation::Nearest,
            center: None,
            fill: 0.0.into(),
        }
    }

    /// Moved by up to these parts of the width and of the height, either way.
    #[inline]
    pub fn translate(self, translate: [f64; 2]) -> RandomAffine {
        RandomAffine { translate, ..self }
    }

    /// From so many to so many times as large.
    #[inline]
    pub fn scale(self, scale: (f64, f64)) -> RandomAffine {
        RandomAffine { scale: Some(scale), ..self }
    }

    /// Sheared by degrees along x and along y.
    pub fn shear(self, x: impl Into<Span>, y: impl Into<Span>) -> RandomAffine {
        RandomAffine { shear: [x.into(), y.into()], ..self }
    }

    /// How values between pixels are made: `Nearest` or `Bilinear`.
    #[inline]
    pub fn interpolation(self, interpolation: Interpolation) -> RandomAffine {
        RandomAffine { interpolation, ..self }
    }

    /// What stays where it is, from the left and from the top.
    #[inline]
    pub fn center(self, center: [f64; 2]) -> RandomAffine {
        RandomAffine { center: Some(center), ..self }
    }

    /// What fills places outside of the image.
    pub fn fill(self, fill: impl Into<Fill>) -> RandomAffine {
        RandomAffine { fill: fill.into(), ..self }
    }
}

impl Transform for RandomAffine {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let name = "RandomAffine";
        let (h, w) = size_of(name, image)?;
        let anything = (0.0, f64::MIN, f64::MAX);
        let angle = self.degrees.draw(name, "degrees", anything, random)?;
        let mut moved = |part: f64, size: usize| {
            check_probability(name, part)?;
            let most = part * size as f64;
            Ok(draw::uniform(random, -most, most).round_ties_even())
        };
        let translate = [moved(self.translate[0], w)?, moved(self.translate[1], h)?];
        let scale = match self.scale {
            Some(scale) => {
                Span::from(scale).draw(name, "scale", (1.0, f64::MIN_POSITIVE, f64::MAX), random)?
            }
            None => 1.0,
        };
        let shear = [
            self.shear[0].draw(name, "shear", anything, random)?,
            self.shear[1].draw(name, "shear", anything, random)?,
        ];
        let map = Affine { angle, translate, scale, shear, center: self.center };
        affine(image, &map, self.interpolation, self.fill.clone())
    }
}
