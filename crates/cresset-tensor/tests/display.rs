//! Arrays print exactly as PyTorch prints tensors: its golden texts, and texts it printed under other options.

use std::{fs::File, io::Read, path::Path};

use cresset_tensor::{Array, DType, Element, PrintOptions, Scalar, bf16, f16, with_element};
use flate2::read::GzDecoder;
use safetensors::SafeTensors;

fn unzipped(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases").join(name);
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

trait FromBytes: Sized {
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! from_bytes {
    ($($type:ty),*) => {$(
        impl FromBytes for $type {
            fn from_bytes(bytes: &[u8]) -> $type {
                <$type>::from_le_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}

from_bytes!(f64, f32, f16, bf16, i64, i32, i16, i8, u8);

impl FromBytes for bool {
    fn from_bytes(bytes: &[u8]) -> bool {
        bytes[0] != 0
    }
}

#[test]
fn golden_cases() {
    let bytes = unzipped("display.safetensors.gz");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&unzipped("display.json.gz")).unwrap();
    assert!(cases.len() >= 60);
    for case in cases {
        let text = |field: &str| case[field].as_str().unwrap().to_owned();
        let dtype: DType = text("dtype").parse().unwrap();
        let view = tensors.tensor(&text("tensor")).unwrap();
        let array = with_element!(dtype, T => {
            let values = view.data().chunks(dtype.size()).map(T::from_bytes).collect();
            Array::from_vec::<T>(values, view.shape()).unwrap()
        });
        assert_eq!(array.to_text(&PrintOptions::DEFAULT), text("text"), "{}", text("tensor"));
        assert_eq!(format!("{array:?}"), text("text"), "{}", text("tensor"));
    }
}

#[test]
fn golden_cases_under_options() {
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&unzipped("display_options.json.gz")).unwrap();
    assert!(cases.len() >= 500);
    for case in cases {
        let dtype: DType = case["dtype"].as_str().unwrap().parse().unwrap();
        let whole = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
        let shape: Vec<usize> = case["shape"].as_array().unwrap().iter().map(whole).collect();
        let array = with_element!(dtype, T => {
            let value = |value: &serde_json::Value| {
                T::from_scalar(match dtype.is_float() {
                    true => Scalar::Float(f64::from_bits(value.as_u64().unwrap())),
                    false => Scalar::Int(value.as_i64().unwrap()),
                })
            };
            let values = case["values"].as_array().unwrap().iter().map(value).collect();
            Array::from_vec::<T>(values, &shape).unwrap()
        });
        let array = if case["transposed"] == true {
            let order: Vec<usize> = [1, 0].into_iter().chain(2..shape.len()).collect();
            array.with_layout(array.layout().permute(&order).unwrap()).unwrap()
        } else {
            array
        };
        let option = |name: &str| whole(&case["options"][name]);
        let options = PrintOptions {
            precision: option("precision"),
            threshold: option("threshold"),
            edgeitems: option("edgeitems"),
            linewidth: option("linewidth"),
            sci_mode: case["options"]["sci_mode"].as_bool(),
        };
        let suffixes: Vec<&str> = case["suffix"].as_str().into_iter().collect();
        let text = case["text"].as_str().unwrap();
        assert_eq!(array.to_text_with(&options, &suffixes), text, "{dtype} {shape:?} {options:?}");
    }
}

#[test]
fn a_precision_in_the_format_string_wins() {
    assert_eq!(format!("{:.2}", Array::new([0.125f32, 1.0])), "tensor([0.12, 1.00])");
}

#[test]
fn absurd_options_and_ranks_print() {
    let array = Array::from_vec(vec![0.1f32; 20], [4, 5]).unwrap();
    for extreme in [0, usize::MAX] {
        let options = PrintOptions {
            precision: extreme.min(70_000),
            threshold: extreme,
            edgeitems: extreme,
            linewidth: extreme,
            sci_mode: None,
        };
        array.to_text_with(&options, &["grad_fn=<é>"]);
    }
    let deep = Array::from_vec(vec![7i64], vec![1; 100_000]).unwrap();
    let text = deep.to_string();
    assert!(text.contains("[7]") && text.len() == 200_000 + "tensor(7)".len());
}
