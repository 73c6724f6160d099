//! Scans, sorts and searches against plain Rust.

use std::cmp::Ordering;

use cresset_ops::{
    op::{Op, Scan},
    prelude::*,
    set_num_threads,
};

/// A little generator, so that cases are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Whole numbers with many equals, zeros of both signs, infinities and NaN.
fn numbers(random: &mut Random, n: usize, float: bool) -> Vec<f64> {
    (0..n)
        .map(|_| match random.below(60) {
            59 if float => f64::NAN,
            58 if float => f64::INFINITY,
            57 if float => f64::NEG_INFINITY,
            56 if float => -0.0,
            v => (v % 17) as f64 - if float { 8.0 } else { 0.0 },
        })
        .collect()
}

/// Every line along a dimension of an array, and where its elements lie in row-major order.
fn lines(shape: &[usize], dim: usize) -> Vec<Vec<usize>> {
    let (length, columns): (usize, usize) = (shape[dim], shape[dim + 1..].iter().product());
    let outer: usize = shape[..dim].iter().product();
    (0..outer * columns)
        .map(|i| (0..length).map(|row| (i / columns * length + row) * columns + i % columns).collect())
        .collect()
}

fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

const SHAPES: [&[usize]; 6] = [&[7], &[3, 50], &[50, 3], &[4, 5, 300], &[3, 5000], &[2, 2500, 2]];

#[test]
fn sorting_is_stable_and_nan_is_the_largest() {
    let mut random = Random(5);
    for shape in SHAPES {
        for dtype in DType::ALL {
            let n = shape.iter().product();
            let x = Array::from_vec(numbers(&mut random, n, dtype.is_float()), shape).unwrap();
            let x = x.to_dtype(dtype).unwrap();
            let values = x.to_f64s().unwrap();
            for dim in 0..shape.len() {
                for descending in [false, true] {
                    let k = random.below(shape[dim] + 1);
                    let (sorted, places) = Array::apply_two(Op::Sort { dim, descending }, &[&x]).unwrap();
                    let (sorted, places) = (sorted.to_f64s().unwrap(), places.to_i64s().unwrap());
                    let best = Array::apply_two(Op::TopK { k, dim, largest: descending }, &[&x]).unwrap();
                    let mut top = best.1.to_i64s().unwrap().into_iter();
                    let mut kept = vec![Vec::new(); lines(shape, dim).len()];
                    let mut small = shape.to_vec();
                    small[dim] = k;
                    let short = lines(&small, dim);
                    let top_places: Vec<i64> = top.by_ref().collect();
                    short.iter().enumerate().for_each(|(i, line)| {
                        kept[i] = line.iter().map(|&at| top_places[at]).collect();
                    });
                    for (i, line) in lines(shape, dim).iter().enumerate() {
                        let mut wanted: Vec<usize> = (0..line.len()).collect();
                        wanted.sort_by(|&a, &b| {
                            let (a, b) = (values[line[a]], values[line[b]]);
                            if descending { order(b, a) } else { order(a, b) }
                        });
                        for (&at, &from) in line.iter().zip(&wanted) {
                            assert_eq!(places[at], from as i64, "{dtype} {shape:?} {dim}");
                            assert_eq!(sorted[at].to_bits(), values[line[from]].to_bits());
                        }
                        let first: Vec<i64> = wanted[..k].iter().map(|&from| from as i64).collect();
                        // Which of equals are kept is anybody's choice, but each place is named once.
                        let of = |places: &[i64]| -> Vec<u64> {
                            places
                                .iter()
                                .map(|&place| (values[line[place as usize]] + 0.0).to_bits())
                                .collect()
                        };
                        assert_eq!(of(&kept[i]), of(&first), "top {k} {dtype} {shape:?} {dim}");
                        let named: std::collections::HashSet<i64> = kept[i].iter().copied().collect();
                        assert_eq!(named.len(), k);
                    }
                }
            }
        }
    }
}

#[test]
fn long_rows_are_the_same_for_any_number_of_threads() {
    let mut random = Random(9);
    let n = 300_000;
    let x: Vec<f32> = (0..n).map(|_| random.below(1 << 30) as f32 - 5e8).collect();
    let mut wanted: Vec<usize> = (0..n).collect();
    wanted.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let single = Array::from_vec(x.clone(), [n]).unwrap();
    let double = single.to_dtype(DType::F64).unwrap();
    let whole = single.to_dtype(DType::I64).unwrap();
    let sums: Vec<f64> = x
        .iter()
        .scan(0.0, |sum, &v| {
            *sum += f64::from(v);
            Some(*sum)
        })
        .collect();
    for threads in [1, 3] {
        set_num_threads(threads);
        for x in [&single, &double, &whole] {
            let (_, places) = Array::apply_two(Op::Sort { dim: 0, descending: false }, &[x]).unwrap();
            assert!(places.to_i64s().unwrap().iter().zip(&wanted).all(|(&a, &b)| a == b as i64));
        }
        let got =
            Array::apply_one(Op::Scan { kind: Scan::Sum, dim: 0 }, &[&double]).unwrap().to_f64s().unwrap();
        assert!(got.iter().zip(&sums).all(|(a, b)| (a - b).abs() <= 1e-10 * b.abs().max(1e9)));
    }
}

#[test]
fn scans() {
    let mut random = Random(2);
    for shape in SHAPES {
        for dtype in DType::ALL {
            let n = shape.iter().product();
            let x = Array::from_vec(numbers(&mut random, n, dtype.is_float()), shape).unwrap();
            let x = x.to_dtype(dtype).unwrap();
            let values = x.to_f64s().unwrap();
            for dim in 0..shape.len() {
                for kind in [Scan::Sum, Scan::Prod, Scan::LogSumExp, Scan::Max, Scan::Min] {
                    if kind == Scan::LogSumExp && !dtype.is_float() {
                        continue;
                    }
                    let outputs = Array::apply(Op::Scan { kind, dim }, &[&x]).unwrap();
                    let got = outputs[0].to_f64s().unwrap();
                    let places = outputs.last().unwrap().to_i64s().unwrap();
                    let exact = matches!(dtype, DType::F64) || !dtype.is_float();
                    for line in lines(shape, dim) {
                        let mut total = match kind {
                            Scan::Prod => 1.0,
                            Scan::LogSumExp => f64::NEG_INFINITY,
                            _ => 0.0,
                        };
                        let mut best = 0;
                        for (i, &at) in line.iter().enumerate() {
                            let v = values[at];
                            match kind {
                                Scan::Sum => total += v,
                                Scan::Prod => total *= v,
                                Scan::LogSumExp => {
                                    let high = total.max(v);
                                    let sum = (total - high).exp() + (v - high).exp();
                                    let infinite = high.is_infinite() && !(v.is_nan() || total.is_nan());
                                    total = if infinite { high } else { high + sum.ln() };
                                }
                                Scan::Max | Scan::Min => {
                                    let old = values[line[best]];
                                    let wins = if kind == Scan::Max { v >= old } else { v <= old };
                                    if v.is_nan() || (!old.is_nan() && wins) {
                                        best = i;
                                    }
                                    total = values[line[best]];
                                    assert_eq!(places[at], best as i64);
                                }
                            }
                            if kind == Scan::Prod && !dtype.is_float() && total.abs() > 2f64.powi(50) {
                                break;
                            }
                            let wanted =
                                Array::scalar(total, outputs[0].dtype()).unwrap().to_f64s().unwrap()[0];
                            let close =
                                (got[at] - wanted).abs() <= wanted.abs() * if exact { 1e-12 } else { 1e-2 };
                            let same = got[at] == wanted || (got[at].is_nan() && wanted.is_nan());
                            assert!(same || close, "{kind:?} {dtype} {shape:?} {dim}: {} {wanted}", got[at]);
                        }
                        if n > 1000 {
                            break;
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn searches() {
    let sorted = Array::new([[1.0f32, 3.0, 3.0, 5.0], [0.0, 0.0, 2.0, f32::NAN]]);
    let values = Array::new([[3.0f32, 6.0, f32::NAN], [0.0, -1.0, 2.5]]);
    let find =
        |right| Array::apply_one(Op::SearchSorted { right }, &[&sorted, &values]).unwrap().to_i64s().unwrap();
    // torch.searchsorted
    assert_eq!(find(false), [1, 4, 4, 0, 0, 4]);
    assert_eq!(find(true), [3, 4, 4, 2, 0, 4]);
    let line = Array::new([1i64, 4, 9]);
    let values = Array::new([[[4i64], [5]], [[0], [10]]]);
    let got = Array::apply_one(Op::SearchSorted { right: false }, &[&line, &values]).unwrap();
    assert_eq!((got.to_i64s().unwrap(), got.shape().to_vec()), (vec![1, 2, 0, 3], vec![2, 2, 1]));
}
