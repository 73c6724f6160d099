//! `LabelledImages`: images of one size in memory, each with the number of its class.

use std::sync::Arc;

use cresset_autograd::prelude::*;
use cresset_tensor::{Generator, order::sort_places};

use crate::{
    dataset::{Dataset, Length, check_index},
    draw,
};

/// Images of one size, a byte for each pixel and channel, and their classes: what the well-known sets of images are.
///
/// As a dataset, an item is the image `[channels, height, width]` from 0 to 1, and the number of its class.
#[derive(Clone)]
pub struct LabelledImages {
    pixels: Arc<Vec<u8>>,
    /// Channels, height, width.
    size: [usize; 3],
    /// The pixel that stands for 1.
    brightest: u8,
    labels: Arc<Vec<i64>>,
    classes: Arc<Vec<String>>,
}

impl LabelledImages {
    /// Of pixels, image by image, channel by channel, row by row, where `brightest` stands for 1; and the number of
    /// each image's class.
    #[track_caller]
    #[inline]
    pub fn new(
        pixels: Vec<u8>,
        size: [usize; 3],
        brightest: u8,
        labels: Vec<i64>,
        classes: Vec<String>,
    ) -> Result<LabelledImages> {
        let name = "LabelledImages";
        let one = size.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
        let all = one.and_then(|one| one.checked_mul(labels.len()));
        if all != Some(pixels.len()) {
            let (bytes, count) = (pixels.len(), labels.len());
            return Err(Error::shape(name, format!("{bytes} bytes are not {count} images of {size:?}")));
        }
        if brightest == 0 {
            return Err(Error::argument(name, "the brightest pixel cannot be 0"));
        }
        let known = 0..classes.len() as i64;
        if let Some((i, label)) = labels.iter().enumerate().find(|(_, label)| !known.contains(label)) {
            return Err(Error::index(name, format!("image {i} is of class {label}, of {}", classes.len())));
        }
        let (pixels, labels, classes) = (Arc::new(pixels), Arc::new(labels), Arc::new(classes));
        Ok(LabelledImages { pixels, size, brightest, labels, classes })
    }

    /// All images, `[n, channels, height, width]`, from 0 to 1.
    #[track_caller]
    #[inline]
    pub fn images(&self) -> Result<Tensor> {
        let [channels, height, width] = self.size;
        self.scaled(&self.pixels, &[self.labels.len(), channels, height, width])
    }

    /// The numbers of all images' classes, `[n]`.
    #[track_caller]
    #[inline]
    pub fn labels(&self) -> Result<Tensor> {
        Tensor::from_vec(self.labels.to_vec(), self.labels.len())
    }

    /// The names of the classes.
    #[inline]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Channels, height and width of an image.
    #[inline]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Parts of such fractions, at random under a seed, with as many of each class as the fraction says (stratified).
    ///
    /// ```
    /// use cresset_data::{Dataset, digits};
    /// let [train, test] = digits()?.split([0.8, 0.2], 0)?;
    /// assert_eq!(train.len() + test.len(), 1797);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn split<const N: usize>(&self, fractions: [f64; N], seed: u64) -> Result<[LabelledImages; N]> {
        let mut random = Generator::new(seed);
        let mut parts: [Vec<usize>; N] = std::array::from_fn(|_| Vec::new());
        for class in 0..self.classes.len() as i64 {
            let mut members: Vec<usize> = (0..self.len()).filter(|&i| self.labels[i] == class).collect();
            draw::shuffle(&mut random, &mut members);
            let mut members = members.into_iter();
            for (part, length) in parts.iter_mut().zip(f64::resolve(&fractions, members.len())?) {
                part.extend(members.by_ref().take(length));
            }
        }
        Ok(parts.map(|mut part| {
            sort_places(&mut part);
            self.chosen(&part)
        }))
    }

    #[inline]
    fn chosen(&self, indices: &[usize]) -> LabelledImages {
        let pixels = indices.iter().flat_map(|&i| self.bytes(i)).copied().collect();
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        LabelledImages { pixels: Arc::new(pixels), labels: Arc::new(labels), ..self.clone() }
    }

    #[inline]
    fn bytes(&self, index: usize) -> &[u8] {
        let one: usize = self.size.iter().product();
        &self.pixels[index * one..(index + 1) * one]
    }

    #[track_caller]
    #[inline]
    fn scaled(&self, bytes: &[u8], shape: &[usize]) -> Result<Tensor> {
        let one = f32::from(self.brightest);
        Tensor::from_vec(bytes.iter().map(|&byte| f32::from(byte) / one).collect(), shape)
    }
}

impl Dataset for LabelledImages {
    type Item = (Tensor, i64);

    #[inline]
    fn len(&self) -> usize {
        self.labels.len()
    }

    #[track_caller]
    #[inline]
    fn item(&self, index: usize) -> Result<(Tensor, i64)> {
        check_index("LabelledImages", index, self.len())?;
        Ok((self.scaled(self.bytes(index), &self.size)?, self.labels[index]))
    }
}

impl std::fmt::Debug for LabelledImages {
    #[inline]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, classes) = (self.labels.len(), self.classes.len());
        write!(f, "LabelledImages({count} images of {:?}, {classes} classes)", self.size)
    }
}
