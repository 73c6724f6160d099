//! Transforms in which nothing is random.

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

use super::{
    Transform,
    colour::{convert_image_dtype, normalize, rgb_to_grayscale},
    frame::{center_crop, pad},
    settings::{Margins, PaddingMode},
    warp::{Interpolation, ResizeTo, resize},
};

/// `(image − mean)/std`, one of each for each channel: torchvision's `Normalize`.
#[derive(Clone, Debug)]
pub struct Normalize {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalize {
    /// Means and standard deviations, one for each channel, or one for all.
    pub fn new(mean: impl Into<Vec<f64>>, std: impl Into<Vec<f64>>) -> Normalize {
        Normalize { mean: mean.into(), std: std.into() }
    }
}

impl Transform for Normalize {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        normalize(image, &self.mean, &self.std)
    }
}

/// At another size: torchvision's `Resize`, bilinear and with antialiasing.
#[derive(Clone, Debug)]
pub struct Resize {
    size: ResizeTo,
    interpolation: Interpolation,
    antialias: bool,
}

impl Resize {
    /// Height and width, or the shorter of both.
    pub fn new(size: impl Into<ResizeTo>) -> Resize {
        Resize { size: size.into(), interpolation: Interpolation::Bilinear, antialias: true }
    }

    /// How values between pixels are made.
    #[inline]
    pub fn interpolation(self, interpolation: Interpolation) -> Resize {
        Resize { interpolation, ..self }
    }

    /// Whether pixels are averaged where the image becomes smaller.
    #[inline]
    pub fn antialias(self, antialias: bool) -> Resize {
        Resize { antialias, ..self }
    }
}

impl Transform for Resize {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        resize(image, self.size, self.interpolation, self.antialias)
    }
}

/// The middle: torchvision's `CenterCrop`.
#[derive(Clone, Debug)]
pub struct CenterCrop([usize; 2]);

impl CenterCrop {
    /// Of that height and width.
    #[inline]
    pub fn new(size: [usize; 2]) -> CenterCrop {
        CenterCrop(size)
    }
}

impl Transform for CenterCrop {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        center_crop(image, self.0)
    }
}

/// With something around it: torchvision's `Pad`.
#[derive(Clone, Debug)]
pub struct Pad {
    margins: Margins,
    mode: PaddingMode,
}

impl Pad {
    /// So many black pixels around.
    pub fn new(margins: impl Into<Margins>) -> Pad {
        Pad { margins: margins.into(), mode: PaddingMode::default() }
    }

    /// What is around.
    #[inline]
    pub fn mode(self, mode: PaddingMode) -> Pad {
        Pad { mode, ..self }
    }
}

impl Transform for Pad {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        pad(image, self.margins, self.mode)
    }
}

/// Grey: torchvision's `Grayscale`.
#[derive(Clone, Debug)]
pub struct Grayscale(usize);

impl Grayscale {
    /// As one channel, or three equal ones.
    #[inline]
    pub fn new(num_output_channels: usize) -> Grayscale {
        Grayscale(num_output_channels)
    }
}

impl Transform for Grayscale {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        rgb_to_grayscale(image, self.0)
    }
}

/// In another dtype, from black to white again: torchvision's `ConvertImageDtype`.
#[derive(Clone, Debug)]
pub struct ConvertImageDtype(DType);

impl ConvertImageDtype {
    /// Floating point or uint8.
    #[inline]
    pub fn new(dtype: DType) -> ConvertImageDtype {
        ConvertImageDtype(dtype)
    }
}

impl Transform for ConvertImageDtype {
    #[inline]
    fn apply(&self, image: &Tensor, _: &mut Generator) -> Result<Tensor> {
        convert_image_dtype(image, self.0)
    }
}

/// Of each class number a row that is 1 at that place and 0 elsewhere.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::{Transform, still, transform::OneHot};
/// let rows = OneHot::new(3).apply(&Tensor::new([2i64, 0]), &mut still(0))?;
/// assert_eq!(rows.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OneHot {
    num_classes: usize,
    dtype: DType,
}

impl OneHot {
    /// Of so many classes, as float32.
    #[inline]
    pub fn new(num_classes: usize) -> OneHot {
        OneHot { num_classes, dtype: DType::F32 }
    }

    /// In another dtype.
    #[inline]
    pub fn dtype(self, dtype: DType) -> OneHot {
        OneHot { dtype, ..self }
    }
}

impl Transform for OneHot {
    #[inline]
    fn apply(&self, classes: &Tensor, _: &mut Generator) -> Result<Tensor> {
        classes.one_hot(i64::try_from(self.num_classes).unwrap_or(i64::MAX))?.to_dtype(self.dtype)
    }
}
