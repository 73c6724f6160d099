//! Reductions against plain Rust, over every kind, dtype and layout.

use cresset_ops::{
    op::{Map, Op, Reduce, Reduction},
    prelude::*,
    set_num_threads,
};
use cresset_tensor::Layout;

const KINDS: [Reduction; 8] = [
    Reduction::Sum,
    Reduction::Prod,
    Reduction::Max,
    Reduction::Min,
    Reduction::ArgMax,
    Reduction::ArgMin,
    Reduction::Any,
    Reduction::All,
];

/// A little generator, so that cases are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

fn apply(kind: Reduction, dims: &[usize], keepdim: bool, x: &Array) -> Result<Array> {
    Array::apply_one(Op::Reduce(Box::new(Reduce { kind, dims: dims.into(), keepdim, map: None })), &[x])
}

/// What each kind means, for numbers in order.
fn model(kind: Reduction, x: &[f64]) -> f64 {
    let best = |better: fn(f64, f64) -> bool| {
        let mut at = 0;
        for (i, &v) in x.iter().enumerate() {
            if better(v, x[at]) || (v.is_nan() && !x[at].is_nan()) {
                at = i;
            }
        }
        at
    };
    match kind {
        Reduction::Sum => x.iter().sum(),
        Reduction::Prod => x.iter().product(),
        Reduction::Max => x[best(|a, b| a > b)],
        Reduction::Min => x[best(|a, b| a < b)],
        Reduction::ArgMax => best(|a, b| a > b) as f64,
        Reduction::ArgMin => best(|a, b| a < b) as f64,
        Reduction::Any => f64::from(x.iter().any(|&v| v != 0.0)),
        Reduction::All => f64::from(x.iter().all(|&v| v != 0.0)),
    }
}

/// The model over an array: for each kept index in order, its numbers in row-major order.
fn model_over(kind: Reduction, dims: &[usize], shape: &[usize], x: &[f64]) -> Vec<f64> {
    let kept: Vec<usize> = (0..shape.len()).filter(|d| !dims.contains(d)).collect();
    let outputs: usize = kept.iter().map(|&d| shape[d]).product();
    let mut groups = vec![Vec::new(); outputs];
    for (place, &v) in x.iter().enumerate() {
        let mut rest = place;
        let mut index = vec![0; shape.len()];
        for d in (0..shape.len()).rev() {
            index[d] = rest % shape[d];
            rest /= shape[d];
        }
        let group = kept.iter().fold(0, |at, &d| at * shape[d] + index[d]);
        groups[group].push(v);
    }
    groups.iter().map(|group| model(kind, group)).collect()
}

fn assert_close(got: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (i, (&a, &b)) in got.iter().zip(wanted).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1.0);
        assert!(same, "{what}: element {i} is {a}, not {b}");
    }
}

/// A permuted, strided or broadcast view of fresh numbers.
fn draw(random: &mut Random, shape: &[usize], dtype: DType, nan: bool) -> Array {
    let n: usize = shape.iter().product();
    let spread = if n > 5000 { 3 } else { 9 };
    let numbers: Vec<f64> = (0..n)
        .map(|_| match random.below(if nan { 40 } else { 39 }) {
            39 => f64::NAN,
            v => (v % spread) as f64 - (spread / 2) as f64 + 0.25 * random.below(4) as f64,
        })
        .collect();
    let mut order: Vec<usize> = (0..shape.len()).collect();
    for i in 0..shape.len() {
        order.swap(i, random.below(shape.len()));
    }
    let memory: Vec<usize> = order.iter().map(|&d| shape[d]).collect();
    let mut back = vec![0; shape.len()];
    order.iter().enumerate().for_each(|(i, &d)| back[d] = i);
    let x = Array::from_vec(numbers, memory).unwrap().to_dtype(dtype).unwrap();
    let layout = x.layout().permute(&back).unwrap();
    x.with_layout(layout).unwrap()
}

#[test]
fn every_kind_dtype_and_layout() {
    let mut random = Random(7);
    let shapes: [&[usize]; 14] = [
        &[5],
        &[300],
        &[3, 4],
        &[2, 70, 3],
        &[33, 1, 65],
        &[4, 5, 6, 7],
        &[2000, 3],
        &[3, 2000],
        &[7, 1300, 2],
        &[200, 300],
        &[2, 3, 2, 3, 2],
        &[1, 1, 40],
        &[9, 40, 3, 2],
        &[3, 7, 130],
    ];
    for shape in shapes {
        for dtype in DType::ALL {
            for trial in 0..3 {
                let x = draw(&mut random, shape, dtype, trial == 1 && dtype.is_float());
                let numbers = x.to_f64s().unwrap();
                let dims: Vec<usize> = (0..shape.len()).filter(|_| random.below(2) == 0).collect();
                for kind in KINDS {
                    let one = [random.below(shape.len())];
                    let finds = matches!(kind, Reduction::ArgMax | Reduction::ArgMin);
                    let dims = if finds { &one[..] } else { &dims[..] };
                    let got = apply(kind, dims, false, &x).unwrap();
                    let mut wanted = model_over(kind, dims, shape, &numbers);
                    if kind == Reduction::Prod && !dtype.is_float() {
                        // Integers wrap, which f64 cannot show.
                        wanted.iter_mut().zip(got.to_f64s().unwrap()).for_each(|(w, g)| {
                            if w.abs() > 2f64.powi(50) {
                                *w = g;
                            }
                        });
                    }
                    let tolerance = match got.dtype() {
                        DType::BF16 => 1e-2,
                        DType::F16 => 1e-3,
                        DType::F32 => 1e-6,
                        _ => 1e-12,
                    };
                    let close = |a: f64, b: f64| {
                        if b.abs() > got.dtype().float_max() { f64::INFINITY * b } else { a }
                    };
                    let wanted: Vec<f64> = wanted.iter().map(|&w| close(w, w)).collect();
                    assert_close(
                        &got.to_f64s().unwrap(),
                        &wanted,
                        tolerance,
                        &format!("{kind:?} {dtype} {shape:?} {dims:?} {:?}", x.strides()),
                    );
                }
            }
        }
    }
}

#[test]
fn large_ones_are_exact_and_the_same_for_any_number_of_threads() {
    let mut random = Random(3);
    for (shape, dims) in [
        (&[1 << 20][..], &[0usize][..]),
        (&[700, 900], &[0]),
        (&[700, 900], &[1]),
        (&[40, 30, 20, 10], &[0, 2]),
        // Channels of small planes.
        (&[64, 300, 7, 7], &[0, 2, 3]),
        (&[300, 5, 2, 2], &[0, 2, 3]),
        (&[100_000, 3], &[0]),
        (&[3, 100_000], &[1]),
        (&[100_000, 3], &[1]),
    ] {
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..n).map(|_| random.below(1 << 24) as f32 * 1e-3).collect();
        let wide: Vec<f64> = numbers.iter().map(|&v| v.into()).collect();
        let x = Array::from_vec(numbers, shape).unwrap();
        for kind in [Reduction::Sum, Reduction::Max, Reduction::ArgMin] {
            if kind == Reduction::ArgMin && dims.len() > 1 {
                continue;
            }
            let wanted = model_over(kind, dims, shape, &wide);
            let mut first: Option<Vec<f64>> = None;
            for threads in [1, 2, 7] {
                set_num_threads(threads);
                let got = apply(kind, dims, true, &x).unwrap().to_f64s().unwrap();
                // Rounded once.
                assert_close(&got, &wanted, 6e-8, &format!("{kind:?} {shape:?} {dims:?}"));
                assert_eq!(*first.get_or_insert_with(|| got.clone()), got);
            }
        }
    }
}

#[test]
fn a_formula_is_reduced_in_one_pass() {
    let mut random = Random(11);
    for (shape, other, dims) in [
        (&[30, 40][..], &[40][..], &[0usize][..]),
        (&[30, 40], &[30, 1], &[1]),
        (&[300, 400], &[400], &[0, 1]),
        (&[6, 70, 5], &[70, 1], &[1]),
        (&[6, 70, 5], &[1], &[0, 2]),
    ] {
        let a = draw(&mut random, shape, DType::F32, false);
        let b = draw(&mut random, other, DType::F64, false);
        let program =
            cresset_ops::expr::traced(2, 1, &|x: &[Expr], n: &[Expr]| (x[0] - x[1]).square() * n[0]);
        let map = Map { program, numbers: [Scalar::Float(0.5)].into_iter().collect(), shape: None };
        let op = Op::Reduce(Box::new(Reduce {
            kind: Reduction::Sum,
            dims: dims.into(),
            keepdim: false,
            map: Some(map),
        }));
        let got = Array::apply_one(op, &[&a, &b]).unwrap();
        let values = Array::formula(&[&a, &b], &[0.5.into()], |x, n| (x[0] - x[1]).square() * n[0]).unwrap();
        let wanted = model_over(Reduction::Sum, dims, shape, &values.to_f64s().unwrap());
        assert_close(&got.to_f64s().unwrap(), &wanted, 1e-12, &format!("{shape:?} {dims:?}"));
    }
    // The place of an element is that in the formula's own order, whatever order is the fastest to reduce in.
    let x = draw(&mut random, &[9, 11], DType::F64, false);
    let layout = x.layout().permute(&[1, 0]).unwrap();
    for x in [x.clone(), x.with_layout(layout).unwrap()] {
        for dims in [&[0usize][..], &[1], &[0, 1]] {
            let program = cresset_ops::expr::traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0] * Expr::index());
            let map = Map { program, numbers: Default::default(), shape: None };
            let op = Op::Reduce(Box::new(Reduce {
                kind: Reduction::Sum,
                dims: dims.into(),
                keepdim: false,
                map: Some(map),
            }));
            let got = Array::apply_one(op, &[&x]).unwrap();
            let values: Vec<f64> =
                x.to_f64s().unwrap().iter().enumerate().map(|(i, v)| v * i as f64).collect();
            let wanted = model_over(Reduction::Sum, dims, x.shape(), &values);
            assert_close(&got.to_f64s().unwrap(), &wanted, 1e-12, "index");
        }
    }
}

#[test]
fn nothing_and_expanded() {
    let none = Array::from_vec(Vec::<f32>::new(), [3, 0]).unwrap();
    assert_eq!(apply(Reduction::Sum, &[1], false, &none).unwrap().to_f64s().unwrap(), [0.0; 3]);
    assert_eq!(apply(Reduction::Prod, &[1], true, &none).unwrap().to_f64s().unwrap(), [1.0; 3]);
    assert_eq!(apply(Reduction::All, &[0, 1], false, &none).unwrap().to_f64s().unwrap(), [1.0]);
    assert_eq!(apply(Reduction::Max, &[0], false, &none).unwrap().numel(), 0);
    assert!(apply(Reduction::Max, &[1], false, &none).is_err());
    let one = Array::new([2.0f32]);
    let wide =
        one.with_layout(Layout::new([50, 60].into(), cresset_tensor::Strides::repeat(0, 2), 0)).unwrap();
    assert_eq!(apply(Reduction::Sum, &[0, 1], false, &wide).unwrap().to_f64s().unwrap(), [6000.0]);
    assert_eq!(apply(Reduction::ArgMax, &[1], false, &wide).unwrap().to_i64s().unwrap(), [0; 50]);
    let lowest = Array::new([f32::NEG_INFINITY, f32::NEG_INFINITY]);
    assert_eq!(apply(Reduction::ArgMax, &[0], false, &lowest).unwrap().to_i64s().unwrap(), [0]);
    let zero = Array::new([1i64, 0]);
    let program =
        cresset_ops::expr::traced(1, 0, &|x: &[Expr], _: &[Expr]| Expr::constant(4).floor_divide(x[0]));
    let map = Map { program, numbers: Default::default(), shape: None };
    let op = Op::Reduce(Box::new(Reduce {
        kind: Reduction::Sum,
        dims: [0].as_slice().into(),
        keepdim: false,
        map: Some(map),
    }));
    assert!(Array::apply_one(op, &[&zero]).is_err());
}

/// Long lines are added up in f32 for some steps: the error stays that of few roundings.
#[test]
fn long_sums_of_f32_lose_nothing() {
    for n in [4095usize, 4096, 5000, 16 * 1024 + 17, 1_000_003] {
        let numbers: Vec<f32> = (0..n).map(|i| ((i * 7919 + 13) % 1009) as f32 / 1000.0).collect();
        let exact: f64 = numbers.iter().map(|&x| f64::from(x)).sum();
        let sum = Array::from_vec(numbers, [n]).unwrap().sum().unwrap().item::<f32>().unwrap();
        assert!((f64::from(sum) - exact).abs() <= exact * 1e-7, "{n}: {sum} against {exact}");
    }
    let rows = Array::from_vec(vec![1.0f32; 3 * 10_000], [3, 10_000]).unwrap();
    assert_eq!(rows.sum_dim(1, false).unwrap().to_vec::<f32>().unwrap(), [10_000.0; 3]);
}
