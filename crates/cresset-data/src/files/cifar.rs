//! CIFAR-10 and CIFAR-100, the binary version: records of a label or two and 3×32×32 bytes, one after another.

use std::path::Path;

use cresset_tensor::Result;

use super::{
    labelled::LabelledImages,
    opened::{self, Opened, bad, find, open},
};

const SIZE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

const THINGS: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10: colour photographs in ten classes. The files (`data_batch_1.bin` … `data_batch_5.bin`, `test_batch.bin`)
/// lie in `root`, or in `root/cifar-10-batches-bin`.
#[track_caller]
pub fn cifar10(root: impl AsRef<Path>, train: bool) -> Result<LabelledImages> {
    let files: Vec<String> = match train {
        true => (1..=5).map(|number| format!("data_batch_{number}.bin")).collect(),
        false => vec!["test_batch.bin".to_owned()],
    };
    let folders = ["", "cifar-10-batches-bin"];
    read(root.as_ref(), &folders, &files, 1, 0, THINGS.map(str::to_owned).to_vec())
}

/// CIFAR-100: colour photographs in 100 classes, or by their 20 `coarse` ones. The files (`train.bin`, `test.bin`) lie
/// in `root`, or in `root/cifar-100-binary`; so do the names of the classes, else they are numbers.
#[track_caller]
pub fn cifar100(root: impl AsRef<Path>, train: bool, coarse: bool) -> Result<LabelledImages> {
    let (root, folders) = (root.as_ref(), ["", "cifar-100-binary"]);
    let (count, names, place) =
        if coarse { (20, "coarse_label_names.txt", 0) } else { (100, "fine_label_names.txt", 1) };
    let known =
        find("cifar", root, &folders, &[names]).ok().and_then(|path| std::fs::read_to_string(path).ok());
    let known = known.map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let classes = known
        .filter(|known| known.len() == count)
        .unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
    let file = if train { "train.bin" } else { "test.bin" };
    read(root, &folders, &[file.to_owned()], 2, place, classes)
}

/// Records of `labels` bytes, of which that at `place` counts, and the pixels.
#[track_caller]
#[inline]
fn read(
    root: &Path,
    folders: &[&str],
    files: &[String],
    labels: usize,
    place: usize,
    classes: Vec<String>,
) -> Result<LabelledImages> {
    let record = labels + PIXELS;
    let (mut pixels, mut numbers) = (Vec::new(), Vec::new());
    for file in files {
        let path = find("cifar", root, folders, &[file])?;
        let fail = |why: String| Err(bad("cifar", &path, why));
        let Opened { mut bytes, most, exact } = open("cifar", &path)?;
        if !exact {
            return fail("is compressed; unpack it first".to_owned());
        }
        let mut all = Vec::new();
        if let Err(error) = opened::read(&mut bytes, most, &mut all) {
            return fail(error.to_string());
        }
        if all.is_empty() || !all.len().is_multiple_of(record) {
            return fail(format!(
                "{} bytes are not whole records of {record}: truncated, or not CIFAR",
                all.len()
            ));
        }
        for (i, record) in all.chunks_exact(record).enumerate() {
            let (label, image) = record.split_at(labels);
            if usize::from(label[place]) >= classes.len() {
                return fail(format!(
                    "record {i} is of class {}, of {}: damaged",
                    label[place],
                    classes.len()
                ));
            }
            numbers.push(i64::from(label[place]));
            pixels.extend_from_slice(image);
        }
    }
    LabelledImages::new(pixels, SIZE, 255, numbers, classes)
}
