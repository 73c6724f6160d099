//! Random colours, noise, blur and holes.

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

use super::{
    Transform,
    colour::{
        adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation, gaussian_blur, invert,
        rgb_to_grayscale,
    },
    frame::{erase, replace},
    random::rectangle,
    settings::{Fill, Span, channels_of, check_probability, size_of},
};
use crate::draw;

/// Brightness, contrast, saturation and hue changed at random, in random order: torchvision's `ColorJitter`.
///
/// A number `x` stands for factors from `1 − x` to `1 + x`, of hue from `−x` to `x`.
///
/// ```
/// use cresset_data::transform::ColorJitter;
/// let jitter = ColorJitter::new().brightness(0.2).contrast((0.9, 1.5)).hue(0.05);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ColorJitter {
    brightness: Option<Span>,
    contrast: Option<Span>,
    saturation: Option<Span>,
    hue: Option<Span>,
}

impl ColorJitter {
    /// Nothing changes yet.
    #[inline]
    pub fn new() -> ColorJitter {
        ColorJitter::default()
    }

    /// How much brighter or darker.
    pub fn brightness(self, brightness: impl Into<Span>) -> ColorJitter {
        ColorJitter { brightness: Some(brightness.into()), ..self }
    }

    /// How much more or less contrast.
    pub fn contrast(self, contrast: impl Into<Span>) -> ColorJitter {
        ColorJitter { contrast: Some(contrast.into()), ..self }
    }

    /// How much more or less colour.
    pub fn saturation(self, saturation: impl Into<Span>) -> ColorJitter {
        ColorJitter { saturation: Some(saturation.into()), ..self }
    }

    /// By what part of the circle hues turn, within −0.5 and 0.5.
    pub fn hue(self, hue: impl Into<Span>) -> ColorJitter {
        ColorJitter { hue: Some(hue.into()), ..self }
    }
}

impl Transform for ColorJitter {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let (name, factor) = ("ColorJitter", (1.0, 0.0, f64::MAX));
        let mut image = image.clone();
        for which in draw::permutation(random, 4) {
            let (span, what, limits) = match which {
                0 => (self.brightness, "brightness", factor),
                1 => (self.contrast, "contrast", factor),
                2 => (self.saturation, "saturation", factor),
                _ => (self.hue, "hue", (0.0, -0.5, 0.5)),
            };
            let Some(span) = span else { continue };
            let drawn = span.draw(name, what, limits, random)?;
            image = match which {
                0 => adjust_brightness(&image, drawn)?,
                1 => adjust_contrast(&image, drawn)?,
                2 => adjust_saturation(&image, drawn)?,
                _ => adjust_hue(&image, drawn)?,
            };
        }
        Ok(image)
    }
}

/// Grey with a probability, of as many channels: torchvision's `RandomGrayscale`.
#[derive(Clone, Debug)]
pub struct RandomGrayscale(f64);

impl RandomGrayscale {
    /// With probability `p`.
    #[inline]
    pub fn new(p: f64) -> RandomGrayscale {
        RandomGrayscale(p)
    }
}

impl Transform for RandomGrayscale {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        check_probability("RandomGrayscale", self.0)?;
        if !draw::chance(random, self.0) {
            return Ok(image.clone());
        }
        rgb_to_grayscale(image, channels_of("RandomGrayscale", image)?)
    }
}

/// Black for white with a probability: torchvision's `RandomInvert`.
#[derive(Clone, Debug)]
pub struct RandomInvert(f64);

impl RandomInvert {
    /// With probability `p`.
    #[inline]
    pub fn new(p: f64) -> RandomInvert {
        RandomInvert(p)
    }
}

impl Transform for RandomInvert {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        check_probability("RandomInvert", self.0)?;
        if draw::chance(random, self.0) { invert(image) } else { Ok(image.clone()) }
    }
}

/// A rectangle erased with a probability: torchvision's `RandomErasing`.
#[derive(Clone, Debug)]
pub struct RandomErasing {
    p: f64,
    scale: (f64, f64),
    ratio: (f64, f64),
    fill: Fill,
}

impl RandomErasing {
    /// With probability `p`: 2 to 33 % of the area, in proportions from 0.3 to 3.3, with black.
    #[inline]
    pub fn new(p: f64) -> RandomErasing {
        RandomErasing { p, scale: (0.02, 0.33), ratio: (0.3, 3.3), fill: 0.0.into() }
    }

    /// What parts of the area.
    #[inline]
    pub fn scale(self, scale: (f64, f64)) -> RandomErasing {
        RandomErasing { scale, ..self }
    }

    /// What proportions of height to width.
    #[inline]
    pub fn ratio(self, ratio: (f64, f64)) -> RandomErasing {
        RandomErasing { ratio, ..self }
    }

    /// What takes the pixels' place: a number, one for each channel, or, of nothing, `()`, normal random numbers.
    pub fn value(self, fill: impl Into<Fill>) -> RandomErasing {
        RandomErasing { fill: fill.into(), ..self }
    }
}

impl Transform for RandomErasing {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let name = "RandomErasing";
        check_probability(name, self.p)?;
        let (channels, (h, w)) = (channels_of(name, image)?, size_of(name, image)?);
        if !draw::chance(random, self.p) {
            return Ok(image.clone());
        }
        for _ in 0..10 {
            // Here the proportion is that of height to width.
            let Some([width, height]) = rectangle(name, h * w, self.scale, self.ratio, random)?
                .filter(|[width, height]| *height < h && *width < w)
            else {
                continue;
            };
            let (top, left) = (draw::integer(random, h - height + 1), draw::integer(random, w - width + 1));
            if self.fill.0.is_some() {
                return erase(image, top, left, height, width, self.fill.clone());
            }
            let options = TensorOptions::new().device(image.device()).generator(random);
            let noise = Tensor::randn_with([channels, height, width], options)?;
            return replace(image, top, left, height, width, &noise);
        }
        Ok(image.clone())
    }
}

/// With normal random numbers added to it: torchvision's `GaussianNoise`. Floating point only.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    mean: f64,
    sigma: f64,
    clip: bool,
}

impl GaussianNoise {
    /// Of that mean and standard deviation, kept within 0 and 1.
    #[inline]
    pub fn new(mean: f64, sigma: f64) -> GaussianNoise {
        GaussianNoise { mean, sigma, clip: true }
    }

    /// Whether the result is kept within 0 and 1.
    #[inline]
    pub fn clip(self, clip: bool) -> GaussianNoise {
        GaussianNoise { clip, ..self }
    }
}

impl Transform for GaussianNoise {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let (name, dtype) = ("GaussianNoise", image.dtype());
        if !dtype.is_float() {
            return Err(Error::dtype(
                name,
                format!("needs floating point, not {dtype}; convert_image_dtype first"),
            ));
        }
        if self.sigma.is_nan() || self.sigma < 0.0 {
            return Err(Error::argument(name, format!("sigma must not be negative: {}", self.sigma)));
        }
        let noise = Tensor::randn_with(image.shape(), TensorOptions::new().like(image).generator(random))?;
        let noisy = Tensor::formula(&[image, &noise], &[self.mean.into(), self.sigma.into()], |x, n| {
            x[0] + n[0] + x[1] * n[1]
        })?;
        if self.clip { noisy.clamp(0.0, 1.0) } else { Ok(noisy) }
    }
}

/// Blurred by a random width: torchvision's `GaussianBlur`.
#[derive(Clone, Debug)]
pub struct GaussianBlur {
    kernel_size: [usize; 2],
    sigma: (f64, f64),
}

impl GaussianBlur {
    /// Over so many pixels across and down, both odd, with a width from 0.1 to 2.
    #[inline]
    pub fn new(kernel_size: [usize; 2]) -> GaussianBlur {
        GaussianBlur { kernel_size, sigma: (0.1, 2.0) }
    }

    /// From which width to which.
    #[inline]
    pub fn sigma(self, sigma: (f64, f64)) -> GaussianBlur {
        GaussianBlur { sigma, ..self }
    }
}

impl Transform for GaussianBlur {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let span = Span::from(self.sigma);
        let sigma = span.draw("GaussianBlur", "sigma", (0.0, f64::MIN_POSITIVE, f64::MAX), random)?;
        gaussian_blur(image, self.kernel_size, [sigma, sigma])
    }
}
