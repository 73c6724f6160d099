//! Elementwise methods where dtypes, signs, infinities and limits meet. Every expected number is PyTorch's.

use cresset_ops::{Result, prelude::*};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

#[track_caller]
fn same(got: Result<Array>, dtype: DType, expected: &[f64]) {
    let got = got.unwrap();
    assert_eq!(got.dtype(), dtype);
    let values = got.to_f64s().unwrap();
    let alike = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-5 * b.abs();
    assert!(
        values.len() == expected.len() && values.iter().zip(expected).all(|(a, b)| alike(*a, *b)),
        "{values:?}, not {expected:?}"
    );
}

fn floats(values: &[f64]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap().to_dtype(DType::F32).unwrap()
}

fn ints(values: &[i64]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap()
}

fn truths(values: &[bool]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap()
}

#[test]
fn dtypes_of_results() {
    same(truths(&[true, false]).square(), DType::I64, &[1.0, 0.0]);
    same(truths(&[true]).pow(2), DType::I64, &[1.0]);
    same(ints(&[1]).pow(0.5), DType::F32, &[1.0]);
    same(ints(&[2]).float_power(3), DType::F64, &[8.0]);
    same(ints(&[1]).copysign(-0.0), DType::F32, &[-1.0]);
    same(ints(&[1]).ldexp(&ints(&[2])), DType::F32, &[4.0]);
    same(ints(&[1]).clamp(0.5, 2), DType::F32, &[1.0]);
    same(truths(&[true]).clamp(0, 1), DType::I64, &[1.0]);
    same(truths(&[true]).bitwise_and(&ints(&[3])), DType::I64, &[1.0]);
    same(ints(&[3]).bitwise_and(true), DType::I64, &[1.0]);
    same(truths(&[true]).bitwise_left_shift(1), DType::I64, &[2.0]);
    same(truths(&[true]).floor_divide(2), DType::I64, &[0.0]);
    same(truths(&[true]).gcd(&ints(&[1])), DType::I64, &[1.0]);
    same(truths(&[true]).logaddexp(&floats(&[1.0])), DType::F32, &[1.693147]);
    same(truths(&[true, false]).maximum(3), DType::I64, &[3.0, 3.0]);
    same(truths(&[true]).reciprocal(), DType::F32, &[1.0]);
    same(ints(&[180]).deg2rad(), DType::F32, &[std::f64::consts::PI]);
    same(Array::new([250u8]).add(10), DType::U8, &[4.0]);
    same(Array::new([3i8]).pow(5), DType::I8, &[-13.0]);
    same(floats(&[1.5]).ldexp(&Array::new([2.5])), DType::F64, &[8.485281]);
    same(Array::new([5u8]).lt(300), DType::Bool, &[1.0]);
    assert_eq!(truths(&[true]).square_().unwrap_err().kind(), cresset_ops::ErrorKind::DType);
    for in_place in [Array::exp_, Array::reciprocal_, Array::sigmoid_] {
        assert!(in_place(&ints(&[1])).is_err());
    }
    assert!(ints(&[1]).mul_(1.5).is_err());
    assert!(ints(&[1]).div_(2).is_err());
    assert!(truths(&[true]).mul_(1).is_err());
}

#[test]
fn what_is_not_a_number() {
    same(floats(&[NAN, -2.0]).sign(), DType::F32, &[0.0, -1.0]);
    same(floats(&[NAN, 1.0]).clamp(1, 2), DType::F32, &[NAN, 1.0]);
    same(floats(&[1.0]).clamp(NAN, 2), DType::F32, &[NAN]);
    same(floats(&[1.0]).clamp_min(&floats(&[NAN])), DType::F32, &[NAN]);
    same(floats(&[1.0]).clamp(2, 1), DType::F32, &[1.0]);
    same(floats(&[1.0, NAN]).maximum(&floats(&[NAN, 1.0])), DType::F32, &[NAN, NAN]);
    same(floats(&[1.0, NAN, NAN]).fmax(&floats(&[NAN, 1.0, NAN])), DType::F32, &[1.0, 1.0, NAN]);
    same(floats(&[1.0, NAN]).fmin(&floats(&[NAN, 1.0])), DType::F32, &[1.0, 1.0]);
    same(floats(&[NAN, 0.0, 1.0, -1.0]).heaviside(&floats(&[0.5])), DType::F32, &[0.0, 0.5, 1.0, 0.0]);
    same(floats(&[-1.0, 0.0, -0.0, NAN]).angle(), DType::F32, &[std::f64::consts::PI, 0.0, 0.0, NAN]);
    same(
        floats(&[NAN, INF, -INF, 1.0]).nan_to_num(None, None, 7.0),
        DType::F32,
        &[0.0, f64::from(f32::MAX), 7.0, 1.0],
    );
    same(floats(&[0.0, 0.0, 1.0]).xlogy(&floats(&[NAN, 0.0, 1.0])), DType::F32, &[NAN, 0.0, 0.0]);
    same(floats(&[-0.5, 0.0, 1.0, 2.0]).logit(None), DType::F32, &[NAN, -INF, INF, NAN]);
    same(floats(&[1.0]).logit(0.7), DType::F32, &[-0.847298]);
    same(floats(&[INF, -INF, INF]).logaddexp(&floats(&[INF, -INF, 1.0])), DType::F32, &[INF, -INF, INF]);
    same(floats(&[0.0, -1.0, -0.0]).digamma(), DType::F32, &[-INF, NAN, INF]);
    same(floats(&[1.0]).fmod(0), DType::F32, &[NAN]);
    same(floats(&[3.0]).floor_divide(0), DType::F32, &[INF]);
    same(floats(&[1.0]).mvlgamma(3), DType::F32, &[INF]);
    same(floats(&[3.5]).round_decimals(400), DType::F32, &[NAN]);
    let x = floats(&[INF, NAN, -INF, -0.0]);
    same(x.isinf(), DType::Bool, &[1.0, 0.0, 1.0, 0.0]);
    same(x.isposinf(), DType::Bool, &[1.0, 0.0, 0.0, 0.0]);
    same(x.isneginf(), DType::Bool, &[0.0, 0.0, 1.0, 0.0]);
    same(x.isfinite(), DType::Bool, &[0.0, 0.0, 0.0, 1.0]);
    same(x.isreal(), DType::Bool, &[1.0; 4]);
    same(x.signbit().and_then(|x| x.narrow(0, 2, 2)), DType::Bool, &[1.0, 1.0]);
    same(ints(&[1]).isneginf(), DType::Bool, &[0.0]);
}

#[test]
fn whole_numbers() {
    same(floats(&[2.5, -2.5, 0.5]).round(), DType::F32, &[2.0, -2.0, 0.0]);
    same(
        floats(&[-5.5, 5.5, -0.5]).floor_divide(&floats(&[2.0, -2.0, 1.0])),
        DType::F32,
        &[-3.0, -3.0, -1.0],
    );
    same(ints(&[-7, 7]).remainder(&ints(&[3, -3])), DType::I64, &[2.0, -2.0]);
    same(floats(&[-7.0, 7.0]).fmod(&floats(&[3.0, -3.0])), DType::F32, &[-1.0, 1.0]);
    same(ints(&[2, -1]).pow(&ints(&[-1, -3])), DType::I64, &[0.0, -1.0]);
    same(ints(&[7, 4, -6]).lcm(&ints(&[0, 6, 4])), DType::I64, &[0.0, 12.0, 12.0]);
    same(ints(&[2, 2, -2]).bitwise_left_shift(&ints(&[64, -1, 1])), DType::I64, &[0.0, 0.0, -4.0]);
    same(ints(&[-2]).bitwise_right_shift(&ints(&[64])), DType::I64, &[-1.0]);
    same(ints(&[2]).rpow(3), DType::I64, &[9.0]);
    same(ints(&[2]).rdiv(3), DType::F32, &[1.5]);
    same(ints(&[2]).rsub_alpha(3, 2), DType::I64, &[-1.0]);
    for refused in [
        ints(&[2]).pow(-1),
        ints(&[3]).floor_divide(0),
        ints(&[3]).remainder(0),
        ints(&[3]).bitwise_and(1.0),
        floats(&[1.5]).bitwise_left_shift(1),
        floats(&[6.0]).gcd(&ints(&[1])),
        ints(&[1]).frexp().map(|both| both.0),
        floats(&[1.0]).mvlgamma(0),
        floats(&[1.0]).polygamma(-1),
        ints(&[1]).round_decimals(1),
    ] {
        assert!(refused.is_err());
    }
}

#[test]
fn truths_are_no_numbers() {
    assert!(truths(&[true]).sub(&floats(&[1.0])).is_err());
    assert!(floats(&[1.0]).sub(true).is_err());
    assert!(truths(&[true]).rsub(1).is_err());
    assert!(truths(&[true]).neg().is_err());
    assert!(truths(&[true]).positive().is_err());
    assert!(truths(&[true]).remainder(&truths(&[true])).is_err());
    assert!(ints(&[1]).add_alpha(&ints(&[1]), 1.5).is_err());
    assert!(floats(&[1.0]).add_alpha(&ints(&[1]), true).is_err());
    same(truths(&[true]).add_alpha(&truths(&[true]), true), DType::Bool, &[1.0]);
    assert!(floats(&[1.0]).addcdiv(&ints(&[1]), &ints(&[2]), 1).is_err());
    assert!(ints(&[1]).heaviside(&floats(&[1.0])).is_err());
    assert!(floats(&[1.0]).lerp(&ints(&[1]), 0.5).is_err());
    assert!(floats(&[1.0]).isclose(&ints(&[1]), 0.0, 0.0, false).is_err());
    assert!(floats(&[1.0]).isclose(&floats(&[1.0]), NAN, 0.0, false).is_err());
    assert!(ints(&[1, 2]).equal(&floats(&[1.0, 2.0])).unwrap());
    assert!(!ints(&[1, 2]).equal(&ints(&[1])).unwrap());
    let (a, b) = (floats(&[NAN, INF, 1.0]), floats(&[NAN, INF, 1.0 + 1e-6]));
    same(a.isclose(&b, 1e-5, 1e-8, false), DType::Bool, &[0.0, 1.0, 1.0]);
    same(a.isclose(&b, 0.0, 0.0, true), DType::Bool, &[1.0, 1.0, 0.0]);
}

#[test]
fn the_way_from_one_to_another_ends_there() {
    let (a, b) = (Array::new([0.1, -3.0]), Array::new([0.7, 1e9]));
    assert_eq!(a.lerp(&b, 1.0).unwrap().to_vec::<f64>().unwrap(), [0.7, 1e9]);
    assert_eq!(a.lerp(&b, 0.0).unwrap().to_vec::<f64>().unwrap(), [0.1, -3.0]);
    assert!(a.lerp(&b, &Array::new([0.25, 0.75])).is_ok());
}
