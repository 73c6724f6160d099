//! Every scalar primitive in every lane, over a grid of numbers with all that is special, against the processor in f64.

mod common;

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

use cresset_ops::{
    Array, DType, Device,
    expr::{Binary, Expr, Typing, Unary},
    prelude::*,
};
use cresset_wgpu::accuracy::{self, Accuracy};

/// Numbers at which functions turn, jump, or leave the range.
const EDGES: [f64; 40] = [
    0.0,
    1e-45,
    1e-40,
    1.1754944e-38,
    1.2e-38,
    1e-30,
    1e-20,
    1e-10,
    1e-5,
    1e-3,
    0.1,
    0.25,
    0.3,
    0.5,
    0.625,
    FRAC_1_SQRT_2,
    0.99999994,
    1.0,
    1.0000001,
    SQRT_2,
    1.4616321,
    1.5,
    1.5707964,
    2.0,
    2.5,
    3.0,
    PI,
    4.0,
    7.5,
    8.0,
    10.0,
    23.0,
    64.0,
    88.72283,
    103.9,
    1000.5,
    1e6,
    16777216.0,
    1e20,
    3.4028235e38,
];

fn singles() -> Vec<f32> {
    let mut list: Vec<f32> = EDGES.iter().flat_map(|&x| [x as f32, -x as f32]).collect();
    list.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    // Steps through all bit patterns, then through moderate numbers.
    list.extend((0..700u32).map(|k| f32::from_bits(k.wrapping_mul(6_135_667).wrapping_add(12_345))));
    list.extend((0..500).map(|k| (k as f32 - 250.0) * 0.0731));
    list.extend((0..500).map(|k| (k as f32 - 250.0) * 0.00411));
    list
}

fn doubles() -> Vec<f64> {
    let mut list: Vec<f64> = EDGES.iter().flat_map(|&x| [x, -x]).collect();
    list.extend([
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        5e-324,
        1e-310,
        2.2250738585072014e-308,
        f64::MAX,
        1e300,
        710.0,
        745.2,
    ]);
    list.extend(
        (0..700u64).map(|k| f64::from_bits(k.wrapping_mul(26_349_267_173_184_517).wrapping_add(12_345))),
    );
    list.extend((0..500).map(|k| (k as f64 - 250.0) * 0.0731));
    list.extend((0..500).map(|k| (k as f64 - 250.0) * 0.00411));
    list
}

/// The distance of neighbouring numbers around one.
fn ulp(x: f64, dtype: DType) -> f64 {
    let (digits, least) = if dtype == DType::F32 { (23.0, -126.0) } else { (52.0, -1022.0) };
    2f64.powf(x.abs().log2().floor().max(least) - digits)
}

/// Is it as good as promised? What is subnormal may be a zero.
fn close(actual: f64, expected: f64, dtype: DType, accuracy: Accuracy) -> bool {
    if expected.is_nan() || actual.is_nan() {
        return expected.is_nan() && actual.is_nan();
    }
    let least = if dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    if expected.abs() <= least && actual.abs() <= least {
        return true;
    }
    let largest = if dtype == DType::F32 { f64::from(f32::MAX) } else { f64::MAX };
    // Rounded to the dtype: beyond the largest is infinite; next to it both are right.
    if expected.is_infinite() || actual.is_infinite() {
        return expected.signum() == actual.signum()
            && expected.abs().min(actual.abs()) > largest * (1.0 - accuracy.ulp * 2e-7);
    }
    // Half an ulp is the rounding of the exact value itself.
    let allowed = (accuracy.ulp + if accuracy.ulp > 0.0 { 0.5 } else { 0.0 }) * ulp(expected, dtype);
    (actual - expected).abs() <= allowed.max(accuracy.absolute)
}

/// Subnormal arguments may be zeros to a card.
fn flushed(x: f64, dtype: DType) -> f64 {
    let least = if dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    if x != 0.0 && x.abs() < least { 0f64.copysign(x) } else { x }
}

/// As `f64`, whatever the dtype.
fn numbers(x: &Array) -> Vec<f64> {
    x.to_device(Device::Cpu).unwrap().to_dtype(DType::F64).unwrap().to_vec::<f64>().unwrap()
}

fn apply(formula: impl Fn(&[Expr]) -> Expr, inputs: &[&Array]) -> Result<Array> {
    Array::formula(inputs, &[], |x, _| formula(x))
}

/// The expected values of a function of floats, by the processor in f64; of those of its own dtype where it depends on it.
fn expected(formula: &dyn Fn(&[Expr]) -> Expr, inputs: &[Vec<f64>], dtype: DType, own: bool) -> Vec<f64> {
    let arrays: Vec<Array> = inputs
        .iter()
        .map(|list| {
            let array = Array::from_vec(list.clone(), [list.len()]).unwrap();
            if own { array.to_dtype(dtype).unwrap() } else { array }
        })
        .collect();
    numbers(&apply(formula, &arrays.iter().collect::<Vec<_>>()).unwrap())
}

/// What errors are also relative to, as `accuracy` says in words; nothing where it promises nothing.
fn scale(name: &str, arguments: &[f64]) -> Option<f64> {
    match (name, arguments) {
        ("airy_ai", [x]) => (*x > -1e6).then_some(0.0),
        // The processor's factorial overflows where this does not.
        ("polygamma", [n, _]) if n.abs() > 30.0 => None,
        // Digamma, which has zeros.
        ("polygamma", [n, x]) if (n.is_nan() || n.abs() < 1.0) && *x > 0.0 => Some(0.1),
        ("zeta" | "polygamma", [order, x]) if *x < 0.0 && x.fract() != 0.0 => {
            let s = if name == "zeta" { *order } else { order.trunc() + 1.0 };
            let factorial: f64 = if name == "zeta" { 1.0 } else { (1..s as i64).map(|k| k as f64).product() };
            Some(factorial * (x - x.round()).abs().powf(-s))
        }
        _ => Some(0.0),
    }
}

fn check_floats(
    name: &str,
    gpu: Device,
    dtype: DType,
    inputs: &[Vec<f64>],
    accuracy: Accuracy,
    formula: &dyn Fn(&[Expr]) -> Expr,
    troubles: &mut Vec<String>,
) {
    // What is exact depends on the dtype: neighbours, mantissas, sums.
    let own = accuracy.ulp == 0.0 || name.contains("divide") || name == "remainder";
    let there: Vec<Array> = inputs
        .iter()
        .map(|list| {
            Array::from_vec(list.clone(), [list.len()])
                .unwrap()
                .to_dtype(dtype)
                .unwrap()
                .to_device(gpu)
                .unwrap()
        })
        .collect();
    let output = match apply(formula, &there.iter().collect::<Vec<_>>()) {
        Ok(output) => output,
        Err(error) => return troubles.push(format!("{name}: {error}")),
    };
    let actual = numbers(&output);
    let exact = expected(formula, inputs, dtype, own);
    let flushed: Vec<Vec<f64>> =
        inputs.iter().map(|list| list.iter().map(|&x| flushed(x, dtype)).collect()).collect();
    let with_zeros = expected(formula, &flushed, dtype, own);
    let mut wrong = Vec::new();
    for i in 0..actual.len() {
        let arguments: Vec<f64> = inputs.iter().map(|list| list[i]).collect();
        let Some(scale) = scale(name, &arguments) else { continue };
        let accuracy = Accuracy { absolute: accuracy.absolute.max(scale * accuracy.ulp * 6e-8), ..accuracy };
        if !close(actual[i], exact[i], dtype, accuracy) && !close(actual[i], with_zeros[i], dtype, accuracy) {
            let error = (actual[i] - exact[i]).abs() / ulp(exact[i], dtype);
            wrong.push((
                error,
                format!("{name}({arguments:?}) = {:e}, not {:e}: {error:.1} ulp", actual[i], exact[i]),
            ));
        }
    }
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = wrong.len();
    troubles.extend(wrong.into_iter().take(4).map(|(_, text)| format!("{text} ({count} in all)")));
}

fn report(troubles: Vec<String>) {
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn of_one_f32() {
    let Some(gpu) = common::gpu() else { return };
    let mut troubles = Vec::new();
    let list: Vec<f64> = singles().into_iter().map(f64::from).collect();
    for &f in Unary::ALL.iter().filter(|f| f.typing() != Typing::Bits) {
        let accuracy = accuracy::of_unary(f);
        check_floats(
            f.name(),
            gpu,
            DType::F32,
            std::slice::from_ref(&list),
            accuracy,
            &|x| x[0].unary(f),
            &mut troubles,
        );
    }
    report(troubles);
}

#[test]
fn of_one_f64() {
    let Some(gpu) = common::gpu() else { return };
    if !cresset_wgpu::abilities(gpu).unwrap().f64 {
        return;
    }
    let mut troubles = Vec::new();
    for &f in Unary::ALL.iter().filter(|f| f.typing() != Typing::Bits) {
        let Some(accuracy) = accuracy::of_unary_f64(f) else {
            let x = Array::new([0.5f64]).to_device(gpu).unwrap();
            let error = apply(|x| x[0].unary(f), &[&x]).unwrap_err().to_string();
            assert!(error.contains("convert to float32 first"), "{error}");
            continue;
        };
        check_floats(f.name(), gpu, DType::F64, &[doubles()], accuracy, &|x| x[0].unary(f), &mut troubles);
    }
    report(troubles);
}

/// Pairs of a list: every edge with every edge, then neighbours in a scrambled order.
fn pairs(list: &[f64]) -> [Vec<f64>; 2] {
    let edges = &list[..83];
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for &x in edges {
        for &y in edges {
            a.push(x);
            b.push(y);
        }
    }
    for i in 0..list.len() * 3 {
        a.push(list[(i * 7919) % list.len()]);
        b.push(list[(i * 104_729 + 31) % list.len()]);
    }
    [a, b]
}

#[test]
fn of_two_f32() {
    let Some(gpu) = common::gpu() else { return };
    let mut troubles = Vec::new();
    let list: Vec<f64> = singles().into_iter().map(f64::from).collect();
    for &f in Binary::ALL.iter().filter(|f| f.typing() != Typing::Bits) {
        let accuracy = accuracy::of_binary(f);
        check_floats(
            f.name(),
            gpu,
            DType::F32,
            &pairs(&list),
            accuracy,
            &|x| x[0].binary(f, x[1]),
            &mut troubles,
        );
    }
    report(troubles);
}

#[test]
fn of_two_f64() {
    let Some(gpu) = common::gpu() else { return };
    if !cresset_wgpu::abilities(gpu).unwrap().f64 {
        return;
    }
    let mut troubles = Vec::new();
    for &f in Binary::ALL.iter().filter(|f| f.typing() != Typing::Bits) {
        let Some(accuracy) = accuracy::of_binary_f64(f) else {
            let x = Array::new([0.5f64]).to_device(gpu).unwrap();
            let error = apply(|x| x[0].binary(f, x[0]), &[&x]).unwrap_err().to_string();
            assert!(error.contains("convert to float32 first"), "{error}");
            continue;
        };
        check_floats(
            f.name(),
            gpu,
            DType::F64,
            &pairs(&doubles()),
            accuracy,
            &|x| x[0].binary(f, x[1]),
            &mut troubles,
        );
    }
    report(troubles);
}

/// Integers of a dtype: all that is special, then some.
fn integers(dtype: DType) -> Vec<i64> {
    let (least, most) = dtype.int_range();
    let mut list = vec![
        0,
        1,
        2,
        3,
        5,
        7,
        31,
        32,
        33,
        63,
        64,
        100,
        -1,
        -2,
        -3,
        -7,
        -32,
        -64,
        -100,
        least,
        least + 1,
        most,
        most - 1,
    ];
    list.extend((0..60i64).map(|k| k.wrapping_mul(-7_046_029_254_386_353_131) >> (k % 60)));
    list.retain(|&x| (least..=most).contains(&x));
    list
}

const INTEGERS: [DType; 5] = [DType::I64, DType::I32, DType::I16, DType::I8, DType::U8];

#[test]
fn of_integers() {
    let Some(gpu) = common::gpu() else { return };
    let mut troubles = Vec::new();
    for dtype in INTEGERS {
        if dtype == DType::I64 && !cresset_wgpu::abilities(gpu).unwrap().i64 {
            continue;
        }
        let list = integers(dtype);
        let array =
            |list: &[i64]| Array::from_vec(list.to_vec(), [list.len()]).unwrap().to_dtype(dtype).unwrap();
        let takes = |typing: Typing| !matches!(typing, Typing::Float | Typing::Exponent);
        for &f in Unary::ALL.iter().filter(|f| takes(f.typing())) {
            let x = array(&list);
            let expected = apply(|x| x[0].unary(f), &[&x]).unwrap();
            let actual = apply(|x| x[0].unary(f), &[&x.to_device(gpu).unwrap()]).unwrap();
            if actual.to_bytes().unwrap() != expected.to_bytes().unwrap() {
                troubles.push(format!("{dtype} {}: {actual}, not {expected}", f.name()));
            }
        }
        for &f in Binary::ALL.iter().filter(|f| takes(f.typing())) {
            let divides =
                matches!(f, Binary::FloorDivide | Binary::TruncDivide | Binary::Remainder | Binary::Fmod);
            let right: Vec<i64> = list.iter().copied().filter(|&b| !(divides && b == 0)).collect();
            let a: Vec<i64> = list.iter().flat_map(|&a| std::iter::repeat_n(a, right.len())).collect();
            let b = right.repeat(list.len());
            let (x, y) = (array(&a), array(&b));
            let expected = apply(|x| x[0].binary(f, x[1]), &[&x, &y]).unwrap();
            let there = [x.to_device(gpu).unwrap(), y.to_device(gpu).unwrap()];
            let actual = apply(|x| x[0].binary(f, x[1]), &[&there[0], &there[1]]).unwrap();
            let (actual, expected) = (numbers(&actual), numbers(&expected));
            if let Some(i) = (0..actual.len()).find(|&i| actual[i] != expected[i]) {
                troubles.push(format!(
                    "{dtype} {}({}, {}) = {}, not {}",
                    f.name(),
                    a[i],
                    b[i],
                    actual[i],
                    expected[i]
                ));
            }
        }
    }
    report(troubles);
}

#[test]
fn of_truths() {
    let Some(gpu) = common::gpu() else { return };
    let mut troubles = Vec::new();
    let x = Array::new([false, false, true, true, true]);
    let y = Array::new([false, true, false, true, true]);
    let there = [x.to_device(gpu).unwrap(), y.to_device(gpu).unwrap()];
    let mut check = |name: &str, formula: &dyn Fn(&[Expr]) -> Expr| {
        let Ok(expected) = apply(formula, &[&x, &y]) else {
            assert!(apply(formula, &[&there[0], &there[1]]).is_err(), "{name}");
            return;
        };
        match apply(formula, &[&there[0], &there[1]]) {
            Ok(actual) if actual.dtype() == expected.dtype() => {
                let accuracy = Accuracy { ulp: 10.0, absolute: 1e-6 };
                let (actual, expected) = (numbers(&actual), numbers(&expected));
                if !(0..5).all(|i| close(actual[i], expected[i], DType::F32, accuracy)) {
                    troubles.push(format!("{name}: {actual:?}, not {expected:?}"));
                }
            }
            other => troubles.push(format!("{name}: {other:?}")),
        }
    };
    for &f in Unary::ALL {
        check(f.name(), &|x| x[1].unary(f));
    }
    for &f in Binary::ALL {
        check(f.name(), &|x| x[0].binary(f, x[1]));
    }
    report(troubles);
}

#[test]
fn every_dtype_becomes_every_other() {
    let Some(gpu) = common::gpu() else { return };
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    let has = |dtype: DType| match dtype {
        DType::F64 => abilities.f64,
        DType::I64 => abilities.i64,
        _ => true,
    };
    let values = [
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.0,
        -1.0,
        1.5,
        2.5,
        3.99,
        -3.99,
        100.0,
        127.0,
        128.0,
        -129.0,
        255.0,
        256.0,
        300.7,
        32767.0,
        -32769.0,
        65504.0,
        65519.0,
        65520.0,
        1e-7,
        6e-8,
        2.9e-8,
        1e5,
        2147483520.0,
        2147483648.0,
        -2147483648.0,
        3e9,
        -3e9,
        4294967296.0,
        1e12,
        -1e12,
        9.2e18,
        9.3e18,
        -9.3e18,
        1e30,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        1.0000001,
        16777217.0,
        33554435.0,
    ];
    let mut troubles = Vec::new();
    for from in DType::ALL.iter().copied().filter(|&dtype| has(dtype)) {
        let x = Array::from_vec(values.to_vec(), [values.len()]).unwrap().to_dtype(from).unwrap();
        let there = x.to_device(gpu).unwrap();
        for to in DType::ALL.iter().copied().filter(|&dtype| has(dtype)) {
            let expected = x.to_dtype(to).unwrap();
            let actual = there.to_dtype(to).unwrap();
            assert_eq!(actual.dtype(), to);
            let (actual, expected) = (numbers(&actual), numbers(&expected));
            for i in 0..actual.len() {
                let same = actual[i] == expected[i]
                    && actual[i].is_sign_negative() == expected[i].is_sign_negative();
                let neither = actual[i].is_nan() && expected[i].is_nan();
                if !(same || neither) {
                    troubles.push(format!(
                        "{from} {} as {to}: {}, not {}",
                        numbers(&x)[i],
                        actual[i],
                        expected[i]
                    ));
                }
            }
        }
    }
    report(troubles);
}
