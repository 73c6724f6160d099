//! Transforms: their functions against torchvision's, what is random against what it may be.

use std::{collections::BTreeMap, io::Read};

use cresset_autograd::prelude::*;
use cresset_data::{
    Generator, Transform, still,
    transform::{functional::*, *},
};
use flate2::read::GzDecoder;
use serde_json::Value;

fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> =
        value["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let numbers: Vec<f64> = value["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let dtype: DType = value["dtype"].as_str().unwrap().parse().unwrap();
    Tensor::from_vec(numbers, shape).unwrap().to_dtype(dtype).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn ints(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect()
}

fn pair<T: Copy>(list: Vec<T>) -> [T; 2] {
    [list[0], list[1]]
}

fn fill(value: &Value) -> Fill {
    if value.is_null() { Fill(None) } else { floats(value).into() }
}

fn interpolation(value: &Value) -> Interpolation {
    value.as_str().unwrap().parse().unwrap()
}

fn call(name: &str, x: &Tensor, a: &Value) -> Result<Tensor> {
    let number = |name: &str| a[name].as_f64().unwrap();
    let count = |name: &str| a[name].as_u64().unwrap() as usize;
    let center = || (!a["center"].is_null()).then(|| pair(floats(&a["center"])));
    match name {
        "resize" => {
            let size = match &a["size"] {
                Value::Array(_) => pair(ints(&a["size"])).map(|n| n as usize).into(),
                _ => ResizeTo::from(count("size")),
            };
            resize(x, size, interpolation(&a["mode"]), a["antialias"].as_bool().unwrap())
        }
        "crop" => {
            let (top, left) = (a["top"].as_i64().unwrap(), a["left"].as_i64().unwrap());
            crop(x, top, left, count("height"), count("width"))
        }
        "center_crop" => center_crop(x, pair(ints(&a["size"])).map(|n| n as usize)),
        "pad" => {
            let mode = match a["mode"].as_str().unwrap() {
                "constant" => PaddingMode::Constant(number("fill")),
                "edge" => PaddingMode::Edge,
                "reflect" => PaddingMode::Reflect,
                _ => PaddingMode::Symmetric,
            };
            pad(x, <[i64; 4]>::try_from(ints(&a["padding"])).unwrap(), mode)
        }
        "hflip" => hflip(x),
        "vflip" => vflip(x),
        "rotate" => {
            let expand = a["expand"].as_bool().unwrap();
            rotate(x, number("angle"), interpolation(&a["mode"]), expand, center(), fill(&a["fill"]))
        }
        "affine" => {
            let (translate, shear) = (pair(floats(&a["translate"])), pair(floats(&a["shear"])));
            let map =
                Affine { angle: number("angle"), translate, scale: number("scale"), shear, center: center() };
            affine(x, &map, interpolation(&a["mode"]), fill(&a["fill"]))
        }
        "gaussian_blur" => {
            gaussian_blur(x, pair(ints(&a["kernel"])).map(|n| n as usize), pair(floats(&a["sigma"])))
        }
        "invert" => invert(x),
        "solarize" => solarize(x, number("threshold")),
        "posterize" => posterize(x, count("bits") as u32),
        "adjust_brightness" => adjust_brightness(x, number("factor")),
        "adjust_contrast" => adjust_contrast(x, number("factor")),
        "adjust_saturation" => adjust_saturation(x, number("factor")),
        "adjust_hue" => adjust_hue(x, number("factor")),
        "adjust_gamma" => adjust_gamma(x, number("gamma"), number("gain")),
        "rgb_to_grayscale" => rgb_to_grayscale(x, count("channels")),
        "normalize" => normalize(x, &floats(&a["mean"]), &floats(&a["std"])),
        "convert_image_dtype" => convert_image_dtype(x, a["dtype"].as_str().unwrap().parse().unwrap()),
        "erase" => erase(x, count("top"), count("left"), count("height"), count("width"), fill(&a["fill"])),
        other => panic!("no function {other}"),
    }
}

/// How far two results are apart: of the numbers, how many differ by how much at most.
fn apart(ours: &Tensor, theirs: &Tensor) -> Result<(f64, usize)> {
    assert_eq!((ours.shape(), ours.dtype()), (theirs.shape(), theirs.dtype()));
    let pairs = ours.array().to_f64s().unwrap().into_iter().zip(theirs.array().to_f64s().unwrap());
    let far: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).filter(|&d| d > 2e-5).collect();
    Ok((far.iter().copied().fold(0.0, f64::max), far.len()))
}

#[test]
fn functions_give_torchvisions_numbers() {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("fixtures/transforms.json.gz")[..]).read_to_string(&mut text).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut failures, mut counts) = (Vec::new(), BTreeMap::new());
    for case in &cases {
        let (name, image) = (case["name"].as_str().unwrap(), tensor(&case["image"]));
        *counts.entry(name).or_insert(0) += 1;
        // A view with gaps is the same image.
        let strided = image.transpose(-1, -2).unwrap().contiguous().unwrap().transpose(-1, -2).unwrap();
        for image in [image, strided] {
            let theirs = tensor(&case["out"]);
            let told = format!("{name} {} of {} {}", case["args"], image.dtype(), image.shape());
            let ours = match call(name, &image, &case["args"]) {
                Ok(ours) => ours,
                Err(error) => {
                    failures.push(format!("{told}: {error}"));
                    continue;
                }
            };
            if ours.shape() != theirs.shape() || ours.dtype() != theirs.dtype() {
                failures.push(format!("{told}: {} {}", ours.dtype(), ours.shape()));
                continue;
            }
            let (most, count) = apart(&ours, &theirs).unwrap();
            // Where a byte is cut off or rounded, the last bit of the number before decides.
            let one_off = theirs.dtype() == DType::U8 && most <= 1.0 && count * 30 <= theirs.numel();
            if count > 0 && !one_off {
                failures.push(format!("{told}: {count} of {} numbers by up to {most}", theirs.numel()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), 2 * cases.len(), failures.join("\n"));
    assert!(counts.len() == 21 && cases.len() > 900, "{counts:?}");
}

fn image() -> Tensor {
    Tensor::arange_with(0, 3 * 6 * 8, 1, DType::F32).unwrap().div(144.0).unwrap().reshape([3, 6, 8]).unwrap()
}

#[test]
fn the_same_generator_gives_the_same_image_and_another_another() {
    let all: Vec<(&str, Box<dyn Transform>)> = vec![
        ("crop", Box::new(RandomCrop::new([3, 4]))),
        ("padded crop", Box::new(RandomCrop::new([6, 8]).padding(2).mode(PaddingMode::Reflect))),
        ("resized crop", Box::new(RandomResizedCrop::new([5, 5]))),
        ("rotation", Box::new(RandomRotation::new(40.0).interpolation(Interpolation::Bilinear))),
        (
            "affine",
            Box::new(
                RandomAffine::new((-20.0, 10.0))
                    .translate([0.2, 0.1])
                    .scale((0.5, 2.0))
                    .shear(5.0, (0.0, 3.0)),
            ),
        ),
        ("flips", Box::new((RandomHorizontalFlip::new(0.5), RandomVerticalFlip::new(0.5)))),
        ("jitter", Box::new(ColorJitter::new().brightness(0.5).contrast(0.5).saturation(0.5).hue(0.2))),
        ("grey", Box::new(Compose::new().then(RandomGrayscale::new(0.5)).then(RandomInvert::new(0.5)))),
        ("erasing", Box::new(RandomErasing::new(1.0).value(()))),
        ("noise", Box::new(GaussianNoise::new(0.0, 0.1))),
        ("blur", Box::new(GaussianBlur::new([3, 3]))),
        ("choice", Box::new(RandomChoice::new().or(RandomInvert::new(1.0)).or(Pad::new(1)))),
        (
            "order",
            Box::new(RandomOrder::new().and(Pad::new([1, 0, 0, 0])).and(RandomHorizontalFlip::new(1.0))),
        ),
        ("apply", Box::new(RandomApply::new(CenterCrop::new([2, 2]), 0.5))),
        (
            "lambda",
            Box::new(Lambda::new(|x: &Tensor, random: &mut Generator| {
                x.mul(cresset_data::draw::uniform(random, 0.0, 1.0))
            })),
        ),
    ];
    let image = image();
    let before = image.to_vec::<f32>().unwrap();
    for (name, transform) in &all {
        let of = |index| {
            let result = transform.apply(&image, &mut Generator::keyed(1, 2, index)).unwrap();
            (result.shape().to_vec(), result.contiguous().unwrap().to_vec::<f32>().unwrap())
        };
        let results: Vec<_> = (0..20).map(of).collect();
        assert_eq!(results, (0..20).map(of).collect::<Vec<_>>(), "{name}");
        assert!(results.iter().any(|result| *result != results[0]), "{name}");
    }
    assert_eq!(image.to_vec::<f32>().unwrap(), before, "the image itself was written to");
}

#[test]
fn probabilities_and_places_are_as_likely_as_they_should_be() {
    let numbers = Tensor::arange_with(0, 20, 1, DType::F32).unwrap().reshape([1, 4, 5]).unwrap();
    let (mut places, mut flipped) = (BTreeMap::new(), 0);
    for i in 0..3000 {
        let mut random = Generator::keyed(0, 0, i);
        let part = RandomCrop::new([3, 3]).apply(&numbers, &mut random).unwrap();
        *places.entry(part.to_vec::<f32>().unwrap()[0] as i32).or_insert(0) += 1;
        let flip = RandomHorizontalFlip::new(0.3).apply(&numbers, &mut random).unwrap();
        flipped += i32::from(flip.contiguous().unwrap().to_vec::<f32>().unwrap()[0] == 4.0);
    }
    // Two rows, three columns; six standard deviations.
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 5, 6, 7]);
    assert!(places.values().all(|&count: &i32| (count - 500).abs() < 125), "{places:?}");
    assert!((flipped - 900).abs() < 155, "{flipped}");
}

#[test]
fn erased_rectangles_keep_to_area_and_proportion() {
    let white = Tensor::ones([1, 40, 40]);
    let erasing = RandomErasing::new(1.0).scale((0.1, 0.2)).ratio((0.5, 2.0));
    for i in 0..200 {
        let erased = erasing.apply(&white, &mut still(i)).unwrap();
        let black = erased.eq(0.0).unwrap();
        let rows = black.any_dim(-1, false).unwrap().count_nonzero().unwrap().item::<i64>().unwrap() as f64;
        let columns =
            black.any_dim(-2, false).unwrap().count_nonzero().unwrap().item::<i64>().unwrap() as f64;
        let count = black.count_nonzero().unwrap().item::<i64>().unwrap() as f64;
        assert_eq!(count, rows * columns);
        // Sides are rounded to whole pixels.
        assert!((0.08..0.23).contains(&(count / 1600.0)) && (0.45..2.2).contains(&(rows / columns)));
        let part = RandomResizedCrop::new([7, 9]).apply(&white, &mut still(i)).unwrap();
        assert_eq!(part.shape(), &[1, 7, 9]);
    }
    // A part in no possible proportion: the middle.
    let wide = Tensor::arange_with(0, 40, 1, DType::F32).unwrap().reshape([1, 1, 40]).unwrap();
    let part = RandomResizedCrop::new([1, 1]).ratio((1.0, 1.0)).scale((1.0, 1.0));
    let part = part.interpolation(Interpolation::Nearest).apply(&wide, &mut still(0)).unwrap();
    assert_eq!(part.to_vec::<f32>().unwrap(), [19.0]);
}

#[test]
fn what_has_no_meaning_is_refused() {
    let (image, mut random) = (image(), still(0));
    let line = Tensor::zeros([4]);
    let plane = Tensor::zeros([4, 4]);
    let words = Tensor::zeros_with([3, 4, 4], DType::I64).unwrap();
    let refused: Vec<Box<dyn Transform>> = vec![
        Box::new(Normalize::new([0.5, 0.5], [0.5])),
        Box::new(Normalize::new([0.5], [0.0])),
        Box::new(Resize::new([0, 3])),
        Box::new(Pad::new(9).mode(PaddingMode::Reflect)),
        Box::new(Pad::new(-4)),
        Box::new(Pad::new(i64::MAX)),
        Box::new(Pad::new(i64::MAX).mode(PaddingMode::Edge)),
        Box::new(Grayscale::new(2)),
        Box::new(OneHot::new(3)),
        Box::new(RandomCrop::new([7, 7])),
        Box::new(RandomHorizontalFlip::new(1.5)),
        Box::new(RandomHorizontalFlip::new(f64::NAN)),
        Box::new(RandomRotation::new(-5.0)),
        Box::new(RandomRotation::new((3.0, f64::INFINITY))),
        Box::new(RandomRotation::new(5.0).interpolation(Interpolation::Bicubic)),
        Box::new(RandomRotation::new(5.0).fill([1.0, 2.0])),
        Box::new(RandomAffine::new(0.0).scale((0.0, 1.0))),
        Box::new(RandomAffine::new(0.0).translate([2.0, 0.0])),
        Box::new(RandomResizedCrop::new([4, 4]).scale((0.5, 2.0))),
        Box::new(RandomResizedCrop::new([4, 4]).ratio((0.0, 1.0))),
        Box::new(RandomErasing::new(1.0).scale((0.3, 0.2))),
        Box::new(ColorJitter::new().hue(0.7)),
        Box::new(ColorJitter::new().brightness((-1.0, 1.0))),
        Box::new(GaussianNoise::new(0.0, -1.0)),
        Box::new(GaussianBlur::new([2, 3])),
        Box::new(GaussianBlur::new([17, 3])),
    ];
    for (i, transform) in refused.iter().enumerate() {
        assert!(transform.apply(&image, &mut random).is_err(), "number {i}");
    }
    assert!(
        hflip(&line).is_err()
            && crop(&line, 0, 0, 1, 1).is_err()
            && resize(&line, 3, Interpolation::Nearest, false).is_err()
    );
    assert!(adjust_contrast(&plane, 0.5).is_err() && adjust_hue(&Tensor::zeros([2, 4, 4]), 0.1).is_err());
    assert!(adjust_brightness(&words, 0.5).is_err() && convert_image_dtype(&words, DType::F32).is_err());
    assert!(
        crop(&image, i64::MAX, 0, usize::MAX, 1).is_err() && crop(&image, i64::MIN, i64::MIN, 2, 2).is_err()
    );
    assert!(erase(&image, 4, 4, 5, 5, 0.0).is_err() && posterize(&image, 3).is_err());
    // Empty images stay empty.
    let empty = Tensor::zeros([3, 0, 4]);
    assert_eq!(rotate(&empty, 30.0, Interpolation::Nearest, true, None, 0.0).unwrap().shape(), &[3, 0, 4]);
    assert!(resize(&empty, [2, 2], Interpolation::Bilinear, true).is_err());
    assert_eq!(adjust_saturation(&empty, 0.5).unwrap().shape(), &[3, 0, 4]);
}
