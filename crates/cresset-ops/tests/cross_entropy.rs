//! The loss of classes and its slope, in one operation, against plain Rust in f64.

use cresset_ops::{op::Op, prelude::*};

fn numbers(n: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + 13) % 1009) as f64 / 100.0 - 5.0).collect()
}

/// Every seventh row is ignored.
fn targets(rows: usize, classes: usize) -> Vec<i64> {
    (0..rows).map(|i| if i % 7 == 3 { -100 } else { (i * 31 % classes) as i64 }).collect()
}

fn plain(x: &[f64], targets: &[i64], classes: usize, mean: bool) -> (f64, Vec<f64>) {
    let counted = targets.iter().filter(|&&t| t != -100).count() as f64;
    let (count, mut loss) = (if mean { counted } else { 1.0 }, 0.0);
    let mut slope = vec![0.0; x.len()];
    for (i, &target) in targets.iter().enumerate().filter(|(_, t)| **t != -100) {
        let row = &x[i * classes..][..classes];
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        loss += sum.ln() - row[target as usize];
        for (j, x) in row.iter().enumerate() {
            slope[i * classes + j] = (x.exp() / sum - f64::from(j == target as usize)) / count;
        }
    }
    (loss / count, slope)
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!(a == b || (a - b).abs() <= tolerance * (1.0 + b.abs()), "{a} against {b}");
}

#[test]
fn rows_of_any_length_in_every_dtype() {
    for (rows, classes) in [(1, 1), (5, 2), (64, 10), (65, 16), (300, 17), (3, 1000), (700, 130)] {
        let (x, targets) = (numbers(rows * classes), targets(rows, classes));
        let target = Array::from_vec(targets.clone(), [rows]).unwrap();
        for (dtype, tolerance) in
            [(DType::F64, 1e-14), (DType::F32, 1e-6), (DType::F16, 2e-3), (DType::BF16, 2e-2)]
        {
            let array = Array::from_vec(x.clone(), [rows, classes]).unwrap().to_dtype(dtype).unwrap();
            // The same numbers, as columns in memory.
            let turned = array.t().unwrap().contiguous().unwrap();
            let turned = turned.with_layout(turned.layout().permute(&[1, 0]).unwrap()).unwrap();
            let rounded = array.to_f64s().unwrap();
            for mean in [false, true] {
                let op = Op::CrossEntropy { ignore: -100, mean };
                let (loss, slope) = plain(&rounded, &targets, classes, mean);
                for x in [&array, &turned] {
                    let made = Array::apply(op.clone(), &[x, &target]).unwrap();
                    assert_eq!((made[0].dtype(), made[1].dtype()), (dtype, dtype));
                    close(made[0].to_f64s().unwrap()[0], loss, tolerance);
                    let made = made[1].to_f64s().unwrap();
                    made.iter().zip(&slope).for_each(|(&a, &b)| close(a, b, tolerance));
                }
            }
        }
    }
}

#[test]
fn edges_are_pytorchs() {
    let x = Array::new([[1.0f32, f32::NAN], [f32::NEG_INFINITY, 0.0], [0.0, 0.0]]);
    let of = |targets: [i64; 3]| x.cross_entropy(&Array::new(targets)).unwrap().item::<f32>().unwrap();
    assert!(of([0, 1, 0]).is_nan());
    assert_eq!(of([-100, 0, 1]), f32::INFINITY);
    assert_eq!(of([-100, 1, -100]), 0.0);
    assert!(of([-100, -100, -100]).is_nan());
    let ignored = Op::CrossEntropy { ignore: 0, mean: true };
    let made = Array::apply(ignored, &[&x, &Array::new([0i64, 0, 0])]).unwrap();
    assert_eq!(made[1].to_vec::<f32>().unwrap(), [0.0; 6]);
    let error = x.cross_entropy(&Array::new([0i64, 1, 2])).unwrap_err();
    assert!(error.to_string().contains("target 2 is out of range for 2 classes"), "{error}");
}

#[test]
fn the_same_bits_with_any_number_of_threads() {
    let x = Array::from_vec(numbers(1000 * 90), [1000, 90]).unwrap().to_dtype(DType::F32).unwrap();
    let target = Array::from_vec(targets(1000, 90), [1000]).unwrap();
    let before = cresset_ops::num_threads();
    let [one, four] = [1, 4].map(|threads| {
        cresset_ops::set_num_threads(threads);
        let made = Array::apply(Op::CrossEntropy { ignore: -100, mean: true }, &[&x, &target]).unwrap();
        (made[0].to_vec::<f32>().unwrap(), made[1].to_vec::<f32>().unwrap())
    });
    cresset_ops::set_num_threads(before);
    assert!(one == four);
}
