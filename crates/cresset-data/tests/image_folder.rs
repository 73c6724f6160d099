//! Folders of images, of files that Pillow has written, with the pixels that Pillow reads.
#![cfg(feature = "image")]

use std::{collections::BTreeMap, fs, path::Path};

use cresset_autograd::prelude::*;
use cresset_data::{Dataset, ImageFolder, decode_image, read_image, save_image};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images")
}

#[test]
fn pixels_are_pillows() {
    let pixels: BTreeMap<String, Vec<u8>> =
        serde_json::from_str(&fs::read_to_string(root().join("pixels.json")).unwrap()).unwrap();
    let folder = ImageFolder::new(root()).unwrap();
    assert_eq!(folder.classes(), ["cat", "dog", "eel"]);
    let names: Vec<String> = folder
        .samples()
        .iter()
        .map(|(path, _)| path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"))
        .collect();
    assert_eq!(names, Vec::from_iter(pixels.keys().cloned()));
    for (i, (name, wanted)) in pixels.iter().enumerate() {
        let (image, class) = folder.item(i).unwrap();
        assert_eq!((image.shape().to_vec(), class), (vec![3, 12, 17], [0, 0, 1, 1, 1, 2][i]));
        // Decoders of JPEG may round the transform differently.
        let most = if name.ends_with("png") { 0.0 } else { 3.0 };
        for (&read, &wanted) in image.to_vec::<f32>().unwrap().iter().zip(wanted) {
            assert!(
                (read * 255.0 - f32::from(wanted)).abs() <= most + 1e-3,
                "{name}: {} {wanted}",
                read * 255.0
            );
        }
    }
    assert!(folder.item(pixels.len()).is_err());
}

#[test]
fn what_is_no_folder_of_images_is_refused() {
    let scratch = std::env::temp_dir().join(format!("cresset-data-folder-{}", std::process::id()));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).unwrap();
    let why = |path: &Path| ImageFolder::new(path).unwrap_err().to_string();
    assert!(why(&scratch).contains("no folders in it"));
    assert!(why(&scratch.join("none")).contains("none"));
    fs::create_dir(scratch.join("empty")).unwrap();
    assert!(why(&scratch).contains("no images in this class"));
    // A circle of links ends.
    #[cfg(unix)]
    std::os::unix::fs::symlink(&scratch, scratch.join("empty/again")).unwrap();
    fs::write(scratch.join("empty/broken.png"), b"\x89PNG\r\n\x1a\nrubbish").unwrap();
    let folder = ImageFolder::new(&scratch).unwrap();
    assert_eq!(folder.len(), 1);
    let error = folder.item(0).unwrap_err().to_string();
    assert!(error.contains("broken.png"), "{error}");
    fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn damaged_images_never_panic() {
    for name in ["cat/colour.png", "cat/deep/photo.JPG"] {
        let bytes = fs::read(root().join(name)).unwrap();
        for cut in 0..bytes.len() {
            let _ = decode_image(&bytes[..cut]);
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            let _ = decode_image(&bytes);
        }
    }
}

#[test]
fn what_is_written_reads_the_same() {
    let path = std::env::temp_dir().join(format!("cresset-data-written-{}.png", std::process::id()));
    let image =
        Tensor::arange_with(0, 60, 1, DType::F32).unwrap().div(60.0).unwrap().reshape([3, 4, 5]).unwrap();
    save_image(&image, &path).unwrap();
    let read = read_image(&path).unwrap();
    assert!(
        read.sub(&image).unwrap().abs().unwrap().max().unwrap().item::<f32>().unwrap() <= 0.5 / 255.0 + 1e-6
    );
    save_image(&image.narrow(0, 0, 1).unwrap(), &path).unwrap();
    let grey = read_image(&path).unwrap();
    assert!(grey.select(0, 2).unwrap().equal(&read.select(0, 0).unwrap()).unwrap());
    fs::remove_file(&path).unwrap();
}
