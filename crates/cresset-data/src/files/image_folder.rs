//! Folders of images, a folder for each class. Behind the feature `image`.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use cresset_autograd::prelude::*;
use cresset_tensor::order::sort_by;

use super::opened::bad;
use crate::dataset::{Dataset, check_index};

const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// A PNG or JPEG file as an image `[3, height, width]` from 0 to 1; grey ones too, and transparency is left out.
#[track_caller]
pub fn read_image(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|error| bad("read_image", path, error))?;
    decode_image(&bytes).map_err(|error| bad("read_image", path, error.message()))
}

/// The bytes of a PNG or JPEG file as an image `[3, height, width]` from 0 to 1.
#[track_caller]
pub fn decode_image(bytes: &[u8]) -> Result<Tensor> {
    let failed = |error: image::ImageError| Error::file("decode_image", error.to_string());
    let image = image::load_from_memory(bytes).map_err(failed)?.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.into_raw();
    let channel = |c: usize| pixels.iter().skip(c).step_by(3).map(|&byte| f32::from(byte) / 255.0);
    Tensor::from_vec((0..3).flat_map(channel).collect(), [3, height, width])
}

/// The images of a folder that has a folder for each class: torchvision's `ImageFolder`.
///
/// ```text
/// root/cat/001.png
/// root/cat/more/002.jpg
/// root/dog/001.png
/// ```
///
/// Classes are sorted by name, images by path. An item is the image `[3, height, width]` from 0 to 1, read when it is
/// asked for, and the number of its class. Resize or crop them to one size before they are collated.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, i64)>,
}

impl ImageFolder {
    /// Of the folder `root`. No classes, or one without images, is an error.
    #[track_caller]
    pub fn new(root: impl AsRef<Path>) -> Result<ImageFolder> {
        let root = root.as_ref();
        let (mut classes, mut samples) = (Vec::new(), Vec::new());
        for path in sorted(root)? {
            if !path.is_dir() {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(bad("ImageFolder", &path, "the name of a class must be UTF-8 text"));
            };
            let mut images = Vec::new();
            collect(&path, &mut images, &mut HashSet::new())?;
            if images.is_empty() {
                let why = format!("no images in this class; their names end in {}", ENDINGS.join(", "));
                return Err(bad("ImageFolder", &path, why));
            }
            let class = classes.len() as i64;
            classes.push(name.to_owned());
            samples.extend(images.into_iter().map(|image| (image, class)));
        }
        if classes.is_empty() {
            return Err(bad("ImageFolder", root, "no folders in it, of which each would be a class"));
        }
        Ok(ImageFolder { classes, samples })
    }

    /// The names of the classes; their places are their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The paths of all images, and the numbers of their classes.
    pub fn samples(&self) -> &[(PathBuf, i64)] {
        &self.samples
    }
}

impl Dataset for ImageFolder {
    type Item = (Tensor, i64);

    fn len(&self) -> usize {
        self.samples.len()
    }

    #[track_caller]
    fn item(&self, index: usize) -> Result<(Tensor, i64)> {
        check_index("ImageFolder", index, self.len())?;
        let (path, class) = &self.samples[index];
        Ok((read_image(path)?, *class))
    }
}

/// What lies in a folder, by name.
#[track_caller]
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| bad("ImageFolder", folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .map_err(failed)?;
    sort_by(&mut paths, Ord::cmp);
    Ok(paths)
}

/// The images in a folder, then those in its folders. Links may lead round in circles: no folder is entered twice.
#[track_caller]
fn collect(folder: &Path, images: &mut Vec<PathBuf>, seen: &mut HashSet<PathBuf>) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let real = fs::canonicalize(&folder).map_err(|error| bad("ImageFolder", &folder, error))?;
        if !seen.insert(real) {
            continue;
        }
        let (inner, files): (Vec<_>, Vec<_>) = sorted(&folder)?.into_iter().partition(|path| path.is_dir());
        let is_image = |path: &PathBuf| {
            let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
            ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
        };
        images.extend(files.into_iter().filter(is_image));
        folders.extend(inner.into_iter().rev());
    }
    Ok(())
}
