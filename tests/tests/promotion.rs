//! Result dtypes of sums, of every pair of dtypes, are PyTorch's.

use cresset_ops::{Array, DType, Scalar, prelude::*};
use cresset_tests::golden::{Store, default_folder};
use serde_json::Value as Json;

fn dtype(json: &Json) -> DType {
    json.as_str().unwrap().parse().unwrap()
}

#[test]
fn sums_of_two_arrays() {
    let store = Store::open(&default_folder(), "promotion").unwrap();
    let pairs = store.json["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 100);
    for pair in pairs {
        let (a, b) = (dtype(&pair["a"]), dtype(&pair["b"]));
        let row = |dtype| Array::ones_with([2], dtype).unwrap();
        let single = Array::ones_with((), b).unwrap();
        assert_eq!(row(a).add(&row(b)).unwrap().dtype(), dtype(&pair["tensor_tensor"]), "{a} + {b}");
        let expected = dtype(&pair["tensor_scalar_tensor"]);
        assert_eq!(row(a).add(&single).unwrap().dtype(), expected, "{a} + one {b}");
        assert_eq!(single.add(&row(a)).unwrap().dtype(), expected, "one {b} + {a}");
    }
}

#[test]
fn sums_of_an_array_and_a_number() {
    let store = Store::open(&default_folder(), "promotion").unwrap();
    for row in store.json["numbers"].as_array().unwrap() {
        let a = dtype(&row["a"]);
        let numbers = [("int", Scalar::Int(1)), ("float", Scalar::Float(1.5)), ("bool", Scalar::Bool(true))];
        for (name, number) in numbers {
            for shape in [&[][..], &[2]] {
                let sum = Array::ones_with(shape, a).unwrap().add(number).unwrap();
                assert_eq!(sum.dtype(), dtype(&row[name]), "{a} {shape:?} + {name}");
            }
        }
    }
}
