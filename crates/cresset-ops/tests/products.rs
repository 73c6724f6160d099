//! Products of matrices and convolutions against loops that follow their definitions.

#![allow(clippy::type_complexity)] // cases are rows of plain numbers

use cresset_ops::{
    Array, DType, Op,
    op::{Convolution, List, Role},
    prelude::*,
};

/// Small integers, so that sums are exact in every dtype.
fn numbers(shape: &[usize], seed: usize) -> Array {
    let numel = shape.iter().product();
    let values: Vec<f32> = (0..numel).map(|i| ((i * 7 + seed * 13) * 31 % 11) as f32 - 5.0).collect();
    Array::from_vec(values, shape).unwrap()
}

fn transposed(x: &Array) -> Array {
    let mut order: Vec<usize> = (0..x.rank()).collect();
    let last = order.len() - 1;
    order.swap(last, last - 1);
    x.with_layout(x.layout().permute(&order).unwrap()).unwrap()
}

/// `[b, m, k] @ [b, k, n]` by the definition.
fn slow_matmul(a: &Array, b: &Array) -> Vec<f64> {
    let (x, y) = (a.to_f64s().unwrap(), b.to_f64s().unwrap());
    let ([count, m, k], n) = ([a.shape()[0], a.shape()[1], a.shape()[2]], b.shape()[2]);
    let mut result = Vec::new();
    for batch in 0..count {
        let other = if b.shape()[0] == 1 { 0 } else { batch };
        for i in 0..m {
            for j in 0..n {
                result.push(
                    (0..k).map(|p| x[(batch * m + i) * k + p] * y[(other * k + p) * n + j]).sum::<f64>(),
                );
            }
        }
    }
    result
}

#[test]
fn matmul_is_its_definition() {
    let sizes = [
        (1, 1, 1, 1),
        (2, 3, 0, 4),
        (0, 3, 2, 4),
        (3, 5, 7, 1),
        (2, 1, 130, 9),
        (1, 700, 200, 1),
        (1, 1, 200, 1500),
        (40, 4, 4, 4),
        (3, 65, 130, 70),
        (1, 300, 17, 530),
        (70, 9, 30, 20),
    ];
    for (count, m, k, n) in sizes {
        for dtype in [DType::F32, DType::F64, DType::I32, DType::I64, DType::BF16] {
            let (a, b) = (numbers(&[count, m, k], 1), numbers(&[count, k, n], 2));
            let (a, b) = (a.to_dtype(dtype).unwrap(), b.to_dtype(dtype).unwrap());
            let (at, bt) = (numbers(&[count, k, m], 3), numbers(&[count, n, k], 4));
            let (at, bt) = (at.to_dtype(dtype).unwrap(), bt.to_dtype(dtype).unwrap());
            let (at, bt) = (transposed(&at), transposed(&bt));
            let one = numbers(&[1, k, n], 5).to_dtype(dtype).unwrap();
            for (x, y) in [(&a, &b), (&at, &b), (&a, &bt), (&at, &bt), (&a, &one)] {
                let result = Array::apply_one(Op::Matmul, &[x, y]).unwrap();
                let expected: Vec<f64> = slow_matmul(x, y);
                let expected = Array::from_vec(expected, result.shape()).unwrap().to_dtype(dtype).unwrap();
                assert_eq!(
                    result.to_f64s().unwrap(),
                    expected.to_f64s().unwrap(),
                    "{count} {m} {k} {n} {dtype}"
                );
            }
        }
    }
    assert!(Array::apply_one(Op::Matmul, &[&Array::new([[true]]), &Array::new([[true]])]).is_err());
}

/// `x`, `w`, `y` paired at every index of the trilinear form.
fn trilinear(
    c: &Convolution,
    x: [usize; 4],
    w: [usize; 4],
    y: [usize; 4],
    mut f: impl FnMut(usize, usize, usize),
) {
    let [images, outputs, height, width] = y;
    let [_, channels, rows, columns] = w;
    for n in 0..images {
        for o in 0..outputs {
            let group = o / (outputs / c.groups);
            for ch in 0..channels {
                for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
                    for (p, q) in (0..rows).flat_map(|p| (0..columns).map(move |q| (p, q))) {
                        let at = (i * c.stride[0] + p * c.dilation[0]).checked_sub(c.padding[0]);
                        let on = (j * c.stride[1] + q * c.dilation[1]).checked_sub(c.padding[1]);
                        let (Some(at), Some(on)) = (at, on) else { continue };
                        if at < x[2] && on < x[3] {
                            f(
                                ((n * x[1] + group * channels + ch) * x[2] + at) * x[3] + on,
                                ((o * channels + ch) * rows + p) * columns + q,
                                ((n * outputs + o) * height + i) * width + j,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn sizes(x: &Array) -> [usize; 4] {
    [x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]]
}

#[test]
fn convolution_is_its_trilinear_form() {
    // images, groups, channels and outputs of a group, input, kernel, stride, padding, dilation
    let cases: &[(usize, usize, usize, usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2])] =
        &[
            (2, 1, 3, 4, [5, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
            (3, 2, 2, 3, [7, 5], [2, 3], [2, 1], [0, 2], [1, 2]),
            (1, 4, 1, 2, [9, 9], [3, 3], [2, 2], [1, 1], [1, 1]),
            (5, 1, 3, 2, [4, 4], [1, 1], [1, 1], [0, 0], [1, 1]),
            (2, 1, 3, 2, [20, 20], [1, 1], [1, 1], [0, 0], [1, 1]),
            (2, 1, 3, 2, [4, 4], [1, 1], [2, 2], [0, 0], [1, 1]),
            (9, 1, 8, 16, [12, 12], [3, 3], [1, 1], [1, 1], [1, 1]),
            (2, 1, 2, 3, [70, 64], [3, 3], [1, 1], [2, 0], [1, 3]),
            (0, 1, 2, 3, [7, 6], [3, 3], [1, 1], [0, 0], [1, 1]),
            (2, 1, 0, 3, [7, 6], [3, 3], [1, 1], [0, 0], [1, 1]),
            (1, 1, 1, 1, [2, 9], [2, 2], [1, 1], [3, 3], [1, 1]),
        ];
    for &(images, groups, channels, outputs, input, kernel, stride, padding, dilation) in cases {
        let count =
            |d: usize| (input[d] + 2 * padding[d] - (kernel[d] - 1) * dilation[d] - 1) / stride[d] + 1;
        let x_shape = [images, groups * channels, input[0], input[1]];
        let w_shape = [groups * outputs, channels, kernel[0], kernel[1]];
        let y_shape = [images, groups * outputs, count(0), count(1)];
        for dtype in [DType::F32, DType::F64, DType::I64, DType::F16] {
            let of = |shape: &[usize], seed| numbers(shape, seed).to_dtype(dtype).unwrap();
            let (x, w, y) = (of(&x_shape, 1), of(&w_shape, 2), of(&y_shape, 3));
            // The same numbers under other strides.
            let turned = of(&[x_shape[0], x_shape[1], x_shape[3], x_shape[2]], 4);
            for x in [x, transposed(&turned)] {
                let of_role = |role, output: &[usize]| Convolution {
                    role,
                    stride: List::from_slice(&stride),
                    padding: List::from_slice(&padding),
                    dilation: List::from_slice(&dilation),
                    groups,
                    output: List::from_slice(output),
                };
                let c = of_role(Role::Output, &y_shape[2..]);
                let (xs, ws, ys) = (x.to_f64s().unwrap(), w.to_f64s().unwrap(), y.to_f64s().unwrap());
                let mut sums = [vec![0.0; ys.len()], vec![0.0; xs.len()], vec![0.0; ws.len()]];
                trilinear(&c, sizes(&x), sizes(&w), sizes(&y), |i, j, k| {
                    sums[0][k] += xs[i] * ws[j];
                    sums[1][i] += ws[j] * ys[k];
                    sums[2][j] += xs[i] * ys[k];
                });
                let results = [
                    Array::apply_one(Op::Convolve(Box::new(c)), &[&x, &w]).unwrap(),
                    Array::apply_one(Op::Convolve(Box::new(of_role(Role::Input, &x_shape[2..]))), &[&w, &y])
                        .unwrap(),
                    Array::apply_one(Op::Convolve(Box::new(of_role(Role::Weight, &w_shape[2..]))), &[&x, &y])
                        .unwrap(),
                ];
                for (result, sum) in results.iter().zip(sums) {
                    let expected = Array::from_vec(sum, result.shape()).unwrap().to_dtype(dtype).unwrap();
                    assert_eq!(
                        result.to_f64s().unwrap(),
                        expected.to_f64s().unwrap(),
                        "{x_shape:?} {w_shape:?} {dtype}"
                    );
                }
            }
        }
    }
}
