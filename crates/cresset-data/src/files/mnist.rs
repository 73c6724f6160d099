//! MNIST and Fashion-MNIST: images of 28×28 pixels in ten classes, in two IDX files for each part.

use std::path::Path;

use cresset_tensor::Result;

use super::{
    idx::read_bytes,
    labelled::LabelledImages,
    opened::{bad, find},
};

const CLOTHES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// MNIST: handwritten digits. The files (`train-images-idx3-ubyte` and so on, plain or `.gz`) lie in `root`, or in
/// `root/MNIST/raw`, where torchvision puts them.
#[track_caller]
pub fn mnist(root: impl AsRef<Path>, train: bool) -> Result<LabelledImages> {
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    read(root.as_ref(), "MNIST/raw", train, classes)
}

/// Fashion-MNIST: clothes. The files lie as those of [`mnist`], or in `root/FashionMNIST/raw`.
#[track_caller]
pub fn fashion_mnist(root: impl AsRef<Path>, train: bool) -> Result<LabelledImages> {
    read(root.as_ref(), "FashionMNIST/raw", train, CLOTHES.map(str::to_owned).to_vec())
}

#[track_caller]
#[inline]
fn read(root: &Path, folder: &str, train: bool, classes: Vec<String>) -> Result<LabelledImages> {
    let part = if train { "train" } else { "t10k" };
    let find = |what: &str| {
        let names = [format!("{part}-{what}-ubyte"), format!("{part}-{}-ubyte", what.replace('-', "."))];
        find("mnist", root, &["", folder, "raw"], &names.each_ref().map(String::as_str))
    };
    let (images, labels) = (find("images-idx3")?, find("labels-idx1")?);
    let ([count, height, width], pixels) = read_bytes::<3>(&images)?;
    let ([others], numbers) = read_bytes::<1>(&labels)?;
    if count != others {
        let why = format!("{others} labels for the {count} images of {}", images.display());
        return Err(bad("mnist", &labels, why));
    }
    LabelledImages::new(
        pixels,
        [1, height, width],
        255,
        numbers.into_iter().map(i64::from).collect(),
        classes,
    )
    .map_err(|error| bad("mnist", &labels, error.message()))
}
