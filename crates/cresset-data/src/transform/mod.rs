//! Transforms of images, `[…, channels, height, width]`: torchvision's, by its names. What each does to an image is a
//! function in [`functional`]; a transform holds its settings, and draws what is random from the item's generator.

mod colour;
mod frame;
mod jitter;
mod random;
mod settings;
mod simple;
mod warp;

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

use crate::draw;
pub use jitter::{ColorJitter, GaussianBlur, GaussianNoise, RandomErasing, RandomGrayscale, RandomInvert};
pub use random::{
    RandomAffine, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomRotation, RandomVerticalFlip,
};
pub use settings::{Fill, Margins, PaddingMode, Span};
pub use simple::{CenterCrop, ConvertImageDtype, Grayscale, Normalize, OneHot, Pad, Resize};
pub use warp::{Affine, Interpolation, ResizeTo};

/// What is done to an image, with numbers as arguments: torchvision's `transforms.functional`.
pub mod functional {
    pub use super::{
        colour::{
            adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation,
            convert_image_dtype, gaussian_blur, invert, normalize, posterize, rgb_to_grayscale, solarize,
        },
        frame::{center_crop, crop, erase, hflip, pad, vflip},
        warp::{affine, resize, resized_crop, rotate},
    };
}

/// What is done to an image.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::{Generator, Transform, transform::*};
/// let augment = (RandomCrop::new([28, 28]).padding(4), RandomHorizontalFlip::new(0.5), Normalize::new([0.5], [0.5]));
/// let image = Tensor::rand([1, 28, 28]);
/// let other = augment.apply(&image, &mut Generator::keyed(7, 0, 3))?; // seed, epoch, index
/// assert_eq!(other.shape(), &[1, 28, 28]);
/// # Ok::<(), Error>(())
/// ```
pub trait Transform: Send + Sync {
    /// The image afterwards. Random numbers are drawn from the generator, which belongs to the item.
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor>;
}

impl<T: Transform + ?Sized> Transform for Box<T> {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        (**self).apply(image, random)
    }
}

impl<T: Transform + ?Sized> Transform for std::sync::Arc<T> {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        (**self).apply(image, random)
    }
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        /// One after another.
        #[allow(non_snake_case)]
        impl<$($name: Transform),*> Transform for ($($name,)*) {
            #[inline]
            fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
                let ($($name,)*) = self;
                let image = image.clone();
                $(let image = $name.apply(&image, random)?;)*
                Ok(image)
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

/// A list of transforms.
type Transforms = Vec<Box<dyn Transform>>;

/// Transforms one after another: torchvision's `Compose`. (A tuple of transforms is one, too.)
#[derive(Default)]
pub struct Compose(Transforms);

impl Compose {
    /// Nothing yet.
    #[inline]
    pub fn new() -> Compose {
        Compose::default()
    }

    /// And then that.
    pub fn then(mut self, transform: impl Transform + 'static) -> Compose {
        self.0.push(Box::new(transform));
        self
    }
}

impl Transform for Compose {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        self.0.iter().try_fold(image.clone(), |image, transform| transform.apply(&image, random))
    }
}

/// A function as a transform: torchvision's `Lambda`.
#[derive(Clone, Debug)]
pub struct Lambda<F>(F);

impl<F: Fn(&Tensor, &mut Generator) -> Result<Tensor> + Send + Sync> Lambda<F> {
    /// Of a function, which draws random numbers from the generator it is given.
    pub fn new(function: F) -> Lambda<F> {
        Lambda(function)
    }
}

impl<F: Fn(&Tensor, &mut Generator) -> Result<Tensor> + Send + Sync> Transform for Lambda<F> {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        (self.0)(image, random)
    }
}

/// A transform that is applied with a probability: torchvision's `RandomApply`.
#[derive(Clone, Debug)]
pub struct RandomApply<T> {
    transform: T,
    p: f64,
}

impl<T: Transform> RandomApply<T> {
    /// With that probability.
    pub fn new(transform: T, p: f64) -> RandomApply<T> {
        RandomApply { transform, p }
    }
}

impl<T: Transform> Transform for RandomApply<T> {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        settings::check_probability("RandomApply", self.p)?;
        if draw::chance(random, self.p) { self.transform.apply(image, random) } else { Ok(image.clone()) }
    }
}

/// One of several transforms, each as likely as the others: torchvision's `RandomChoice`.
#[derive(Default)]
pub struct RandomChoice(Transforms);

impl RandomChoice {
    /// Of none yet.
    #[inline]
    pub fn new() -> RandomChoice {
        RandomChoice::default()
    }

    /// Or that.
    pub fn or(mut self, transform: impl Transform + 'static) -> RandomChoice {
        self.0.push(Box::new(transform));
        self
    }
}

impl Transform for RandomChoice {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        match self.0.get(draw::integer(random, self.0.len())) {
            Some(transform) => transform.apply(image, random),
            None => Ok(image.clone()),
        }
    }
}

/// Transforms in a random order: torchvision's `RandomOrder`.
#[derive(Default)]
pub struct RandomOrder(Transforms);

impl RandomOrder {
    /// Of none yet.
    #[inline]
    pub fn new() -> RandomOrder {
        RandomOrder::default()
    }

    /// And that.
    pub fn and(mut self, transform: impl Transform + 'static) -> RandomOrder {
        self.0.push(Box::new(transform));
        self
    }
}

impl Transform for RandomOrder {
    #[inline]
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let order = draw::permutation(random, self.0.len());
        order.into_iter().try_fold(image.clone(), |image, i| self.0[i].apply(&image, random))
    }
}
