//! Softmax and normalisation of rows against plain Rust in f64.

use cresset_ops::{infer::infer, op::Op, prelude::*};
use cresset_tensor::Layout;

fn numbers(n: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + 13) % 1009) as f64 / 100.0 - 5.0).collect()
}

/// Softmax of `[outer, len, inner]` along the middle.
fn plain(x: &[f64], outer: usize, len: usize, inner: usize, log: bool) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for o in 0..outer {
        for c in 0..inner {
            let at = |i: usize| o * len * inner + i * inner + c;
            let largest = (0..len).map(|i| x[at(i)]).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..len).map(|i| (x[at(i)] - largest).exp()).sum();
            for i in 0..len {
                let shifted = x[at(i)] - largest;
                y[at(i)] = if log { shifted - sum.ln() } else { shifted.exp() / sum };
            }
        }
    }
    y
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        let fits = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(fits, "{a} against {b}");
    }
}

#[test]
fn along_every_dimension_in_every_dtype() {
    for (outer, len, inner) in
        [(1, 1, 1), (3, 5, 1), (2, 1000, 1), (3, 7, 5), (2, 300, 130), (1, 2500, 1), (40, 33, 64)]
    {
        let x = numbers(outer * len * inner);
        for (dtype, tolerance) in
            [(DType::F64, 1e-14), (DType::F32, 1e-6), (DType::F16, 2e-3), (DType::BF16, 2e-2)]
        {
            let array = Array::from_vec(x.clone(), [outer, len, inner]).unwrap().to_dtype(dtype).unwrap();
            let rounded = array.to_f64s().unwrap();
            for log in [false, true] {
                let y = Array::apply_one(Op::Softmax { dim: 1, log }, &[&array]).unwrap();
                assert_eq!(y.dtype(), dtype);
                close(&y.to_f64s().unwrap(), &plain(&rounded, outer, len, inner, log), tolerance);
            }
        }
    }
}

#[test]
fn strided_rows_need_no_copy_of_their_own() {
    let array = Array::from_vec(numbers(6 * 8), [6, 8]).unwrap();
    let transposed = array.with_layout(array.layout().permute(&[1, 0]).unwrap()).unwrap();
    let every_other = array.with_layout(array.layout().slice(0, 1, 3, 2).unwrap()).unwrap();
    for x in [&transposed, &every_other] {
        for dim in 0..2 {
            let y = Array::apply_one(Op::Softmax { dim, log: false }, &[x]).unwrap();
            let (rows, columns) = (x.shape()[0], x.shape()[1]);
            let expected = match dim {
                0 => plain(&x.to_f64s().unwrap(), 1, rows, columns, false),
                _ => plain(&x.to_f64s().unwrap(), rows, columns, 1, false),
            };
            close(&y.to_f64s().unwrap(), &expected, 1e-14);
        }
    }
}

#[test]
fn edges_are_pytorchs() {
    let softmax =
        |x: &Array, log| Array::apply_one(Op::Softmax { dim: 0, log }, &[x]).unwrap().to_f64s().unwrap();
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert!(softmax(&Array::new([-inf, -inf]), false).iter().all(|x| x.is_nan()));
    assert!(softmax(&Array::new([inf, 1.0]), true).iter().all(|x| x.is_nan()));
    assert!(softmax(&Array::new([1.0, nan, 2.0]), false).iter().all(|x| x.is_nan()));
    close(
        &softmax(&Array::new([-inf, 1.0, 2.0]), true),
        &[-inf, -1.31326168751822, -0.31326168751822],
        1e-13,
    );
    assert_eq!(softmax(&Array::new([-1e30, 1e30]), false), [0.0, 1.0]);
    assert_eq!(softmax(&Array::scalar(3.0, DType::F32).unwrap(), false), [1.0]);
    let empty = Array::uninitialised("test", [3, 0].into(), DType::F32).unwrap();
    assert_eq!(softmax(&empty, false), [0.0; 0]);
}

#[test]
fn rows_of_mean_zero_and_variance_one() {
    for (count, len) in [(1, 1), (3, 5), (2, 1000), (50, 3000)] {
        // Far from zero, where a sum of squares would have lost the variance.
        let x: Vec<f64> = numbers(count * len).iter().map(|x| x + 4000.0).collect();
        let array = Array::from_vec(x, [count, len]).unwrap().to_dtype(DType::F32).unwrap();
        let outputs = Array::apply(Op::Normalize { dims: 1, epsilon: 1e-5 }, &[&array]).unwrap();
        assert_eq!(outputs[1].shape(), &[count, 1]);
        for (i, row) in array.to_f64s().unwrap().chunks(len).enumerate() {
            let mean = row.iter().sum::<f64>() / len as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / len as f64;
            let scale = (variance + 1e-5).sqrt().recip();
            close(&outputs[1].to_f64s().unwrap()[i..][..1], &[mean], 1e-7);
            close(&outputs[2].to_f64s().unwrap()[i..][..1], &[scale], 1e-6);
            let expected: Vec<f64> = row.iter().map(|x| (x - mean) * scale).collect();
            close(&outputs[0].to_f64s().unwrap()[i * len..][..len], &expected, 2e-4);
        }
    }
}

#[test]
fn rows_of_several_dimensions_and_none() {
    let array = Array::from_vec(numbers(24), [2, 3, 4]).unwrap();
    let permuted = array.with_layout(Layout::permute(array.layout(), &[2, 0, 1]).unwrap()).unwrap();
    let outputs = Array::apply(Op::Normalize { dims: 2, epsilon: 0.0 }, &[&permuted]).unwrap();
    for row in outputs[0].to_f64s().unwrap().chunks(6) {
        assert!(row.iter().sum::<f64>().abs() < 1e-12);
        assert!((row.iter().map(|x| x * x).sum::<f64>() - 6.0).abs() < 1e-12);
    }
    let empty = Array::uninitialised("test", [2, 0].into(), DType::F32).unwrap();
    let op = Op::Normalize { dims: 1, epsilon: 1e-5 };
    assert_eq!(infer(&op, &[&empty]).unwrap()[1].shape, [2, 1]);
    assert!(Array::apply(op, &[&empty]).unwrap()[1].to_f64s().unwrap().iter().all(|x| x.is_nan()));
}

#[test]
fn the_same_bits_with_any_number_of_threads() {
    let array = Array::from_vec(numbers(300 * 700), [300, 700]).unwrap().to_dtype(DType::F32).unwrap();
    let run = || -> Vec<Vec<f32>> {
        let mut all = Vec::new();
        for op in [
            Op::Softmax { dim: 1, log: false },
            Op::Softmax { dim: 0, log: true },
            Op::Normalize { dims: 1, epsilon: 0.1 },
        ] {
            all.extend(Array::apply(op, &[&array]).unwrap().iter().map(|y| y.to_vec::<f32>().unwrap()));
        }
        all
    };
    let before = cresset_ops::num_threads();
    cresset_ops::set_num_threads(1);
    let one = run();
    cresset_ops::set_num_threads(4);
    assert!(one == run());
    cresset_ops::set_num_threads(before);
}
