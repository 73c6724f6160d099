//! Transforms of images, `[…, channels, height, width]`.

use cresset_autograd::prelude::*;
use cresset_tensor::Generator;

/// What is done to an image.
pub trait Transform: Send + Sync {
    /// The image afterwards. Random numbers are drawn from the generator, which belongs to the item.
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor>;
}
