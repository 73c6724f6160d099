//! What a compiler of kernels may hold for the same, were there no infinity, no NaN and no rounding, is told apart:
//! `(a + b) - a` and b, the square of a root and the number, `a - a` and zero. Every pair of simple functions meets in a third.

mod common;

use cresset_ops::{Array, DType, Device, expr::Expr, prelude::*};

type Function = (&'static str, fn(Expr, Expr) -> Expr);

/// The first of these only round to the nearest: a card gives the processor's bits.
const INNER: [Function; 14] = [
    ("a", |a, _| a),
    ("b", |_, b| b),
    ("1e8", |_, _| Expr::constant(1e8)),
    ("a + b", |a, b| a + b),
    ("a - b", |a, b| a - b),
    ("-a", |a, _| -a),
    ("|a|", |a, _| a.abs()),
    ("max(a, a)", |a, _| a.maximum(a)),
    ("max(a, b)", |a, b| a.maximum(b)),
    ("a * b", |a, b| a * b),
    ("a * 1e20", |a, _| a * 1e20),
    ("a / b", |a, b| a / b),
    ("1 / a", |a, _| a.reciprocal()),
    ("√a", |a, _| a.sqrt()),
];

const EXACT: usize = 9;

/// Those of a kernel each: sums, which are exact, and others, of which only the comparison is.
const OUTER: [[Function; 3]; 2] = [
    [("+", |a, b| a + b), ("-", |a, b| a - b), ("max", |a, b| a.maximum(b))],
    [("*", |a, b| a * b), ("/", |a, b| a / b), (">", |a, b| a.gt(b).cast_like(a))],
];

/// Ordinary, tiny and huge numbers, so that products of two overflow or vanish but none is subnormal, and infinities.
const NUMBERS: [f64; 8] = [0.0, 0.3, 1.0, 7.5, 1e8, 1e30, 1e-30, f64::INFINITY];

fn grid(dtype: DType) -> [Array; 2] {
    let signed = NUMBERS.iter().flat_map(|&x| [x, -x]).chain([f64::NAN]);
    let pairs: Vec<(f64, f64)> = signed.clone().flat_map(|a| signed.clone().map(move |b| (a, b))).collect();
    let list = |x: Vec<f64>| Array::from_vec(x, [pairs.len()]).unwrap().to_dtype(dtype).unwrap();
    [list(pairs.iter().map(|p| p.0).collect()), list(pairs.iter().map(|p| p.1).collect())]
}

fn read(x: &Array) -> Vec<f64> {
    x.to_device(Device::Cpu).unwrap().to_dtype(DType::F64).unwrap().to_vec::<f64>().unwrap()
}

/// A float that a card may take for zero, or for infinity.
fn is_at_the_edge(x: f64, dtype: DType) -> bool {
    let (least, most) = if dtype == DType::F32 { (1e-36, 1e37) } else { (1e-300, 1e300) };
    x.is_finite() && x != 0.0 && (x.abs() < least || x.abs() > most)
}

/// Every pair of inner functions in every outer one.
fn check(dtype: DType) {
    let Some(gpu) = common::gpu() else { return };
    let here = grid(dtype);
    let there = here.each_ref().map(|x| x.to_device(gpu).unwrap());
    let [a, b] = here.each_ref().map(read);
    let run = |inputs: &[Array; 2], first: usize, second: usize, kind: usize| {
        let outputs = Array::formulas(&[&inputs[0], &inputs[1]], &[], |x, _| {
            let [p, q] = [first, second].map(|k| INNER[k].1(x[0], x[1]));
            OUTER[kind].map(|f| f.1(p, q))
        });
        outputs.unwrap().iter().map(read).collect::<Vec<_>>()
    };
    // The greater of two that are the same: itself.
    let parts: Vec<Vec<f64>> = (0..INNER.len()).map(|k| run(&here, k, k, 0).remove(2)).collect();
    let mut troubles = Vec::new();
    for (first, second) in
        (0..INNER.len()).flat_map(|first| (0..INNER.len()).map(move |second| (first, second)))
    {
        for (kind, outer) in OUTER.iter().enumerate() {
            let (here, there) = (run(&here, first, second, kind), run(&there, first, second, kind));
            for (f, (here, there)) in outer.iter().zip(here.iter().zip(&there)) {
                let exact = first.max(second) < EXACT && (kind == 0 || f.0 == ">");
                let differs = |&i: &usize| {
                    let (x, y, p, q) = (here[i], there[i], parts[first][i], parts[second][i]);
                    let size = p.abs().max(q.abs()).max(x.abs()).max(1.0);
                    let same = x == y || x.is_nan() && y.is_nan() || !exact && (x - y).abs() <= 1e-5 * size;
                    !same && ![p, q, x, y].iter().any(|&x| is_at_the_edge(x, dtype))
                };
                if let Some(i) = (0..here.len()).find(differs) {
                    troubles.push(format!(
                        "({}) {} ({}) in {dtype} of a = {:e}, b = {:e}: {:e} here, {:e} there",
                        INNER[first].0, f.0, INNER[second].0, a[i], b[i], here[i], there[i]
                    ));
                }
            }
        }
    }
    assert!(troubles.is_empty(), "{} formulas:\n{}", troubles.len(), troubles.join("\n"));
}

#[test]
fn of_singles() {
    check(DType::F32);
}

#[test]
fn of_doubles() {
    if common::gpu().is_some_and(|gpu| cresset_wgpu::abilities(gpu).unwrap().f64) {
        check(DType::F64);
    }
}
