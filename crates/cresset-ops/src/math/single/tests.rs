//! Every function over the whole range of f32, against f64 rounded: at most so many ulp.

use super::*;
use crate::math::{Fma, Fused, Separate, double};
use std::f32::consts::PI;

/// A prime step through all bit patterns: some 2 million in a test build, 8 in release.
const STEP: usize = if cfg!(debug_assertions) { 2017 } else { 509 };

/// Numbers that a step through the bit patterns misses.
const EDGES: [f32; 26] = [
    0.0,
    f32::MIN_POSITIVE,
    1e-45,
    1.1754942e-38,
    1.0,
    0.99999994,
    1.0000001,
    0.5,
    0.625,
    2.0,
    3.0,
    PI,
    1.5707964,
    10.0,
    87.0,
    88.72283,
    88.72284,
    89.41599,
    103.27893,
    103.97208,
    104.0,
    8388607.5,
    16777215.0,
    16777216.0,
    f32::MAX,
    f32::INFINITY,
];

/// The distance in representable numbers; none between NaNs, and zeros must agree in sign.
fn distance(actual: f32, expected: f32) -> u64 {
    if actual.is_nan() || expected.is_nan() {
        return if actual.is_nan() && expected.is_nan() { 0 } else { u64::MAX };
    }
    if expected == 0.0 && actual == 0.0 && actual.is_sign_negative() != expected.is_sign_negative() {
        return u64::MAX;
    }
    let ordered = |x: f32| {
        let bits = i64::from(x.to_bits());
        if bits < 0x8000_0000 { bits } else { 0x8000_0000 - bits }
    };
    ordered(actual).abs_diff(ordered(expected))
}

fn arguments() -> impl Iterator<Item = f32> {
    let edges = EDGES.into_iter().flat_map(|x| [x, -x]).chain([f32::NAN]);
    edges.chain((0..=u32::MAX).step_by(STEP).map(f32::from_bits))
}

fn check(name: &str, limit: u64, function: impl Fn(f32) -> f32, oracle: impl Fn(f64) -> f64) {
    let (mut worst, mut at) = (0, 0.0);
    for x in arguments() {
        let error = distance(function(x), oracle(f64::from(x)) as f32);
        if error > worst {
            (worst, at) = (error, x);
        }
    }
    println!("{name}: {worst} ulp at {at:e}");
    let (actual, expected) = (function(at), oracle(f64::from(at)) as f32);
    assert!(worst <= limit, "{name}({at:e}) = {actual:e}, not {expected:e}: {worst} ulp");
}

macro_rules! sweeps {
    ($($name:ident <= $limit:literal,)*) => {$(
        #[test]
        fn $name() {
            check(concat!(stringify!($name), ", fused"), $limit, super::$name::<Fused>, double::$name);
            check(concat!(stringify!($name), ", separate"), $limit, super::$name::<Separate>, double::$name);
        }
    )*};
}

sweeps! {
    exp <= 1,
    exp2 <= 1,
    expm1 <= 2,
    log <= 1,
    log2 <= 2,
    log10 <= 2,
    log1p <= 2,
    log1p_exp <= 2,
    asin <= 2,
    acos <= 2,
    atan <= 2,
    sinh <= 2,
    cosh <= 2,
    tanh <= 2,
    asinh <= 1,
    acosh <= 1,
    atanh <= 1,
    sigmoid <= 2,
    erf <= 2,
    erfc <= 1,
    rsqrt <= 1,
}

/// As the loops do it.
fn with_huge(x: f32, moderate: impl Fn(f32) -> f32, huge: impl Fn(f32) -> f32) -> f32 {
    if angle_is_huge(x) { huge(x) } else { moderate(x) }
}

#[test]
fn circular() {
    fn sweep<F: Fma>() {
        check("sin", 2, |x| with_huge(x, sin::<F>, sin_huge), f64::sin);
        check("cos", 2, |x| with_huge(x, cos::<F>, cos_huge), f64::cos);
        check("tan", 2, |x| with_huge(x, tan::<F>, tan_huge), f64::tan);
    }
    sweep::<Fused>();
    sweep::<Separate>();
}

/// Pairs of arguments: every edge with every edge, then pairs of bit patterns, then pairs of moderate size.
fn pairs() -> impl Iterator<Item = (f32, f32)> {
    let edges = || EDGES.into_iter().flat_map(|x| [x, -x]).chain([f32::NAN, 7.5, -5.0]);
    let scattered = (0..1u64 << 32).step_by(STEP).map(|k| {
        // A multiplicative scramble: the halves of its product run through all magnitudes unrelated.
        let bits = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (f32::from_bits((bits >> 32) as u32), f32::from_bits(bits as u32))
    });
    let moderate = (0..1u64 << 32).step_by(STEP).map(|k| {
        let bits = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (bits >> 40) as f32 / 4096.0;
        (x - 1024.0, ((bits >> 16) & 0xff_ffff) as f32 / 262_144.0 - 32.0)
    });
    edges().flat_map(move |x| edges().map(move |y| (x, y))).chain(scattered).chain(moderate)
}

fn check_pairs(name: &str, limit: u64, function: impl Fn(f32, f32) -> f32, oracle: impl Fn(f32, f32) -> f32) {
    let (mut worst, mut at) = (0, (0.0, 0.0));
    for (x, y) in pairs() {
        let error = distance(function(x, y), oracle(x, y));
        if error > worst {
            (worst, at) = (error, (x, y));
        }
    }
    println!("{name}: {worst} ulp at {at:?}");
    let (actual, expected) = (function(at.0, at.1), oracle(at.0, at.1));
    assert!(worst <= limit, "{name}{at:?} = {actual:e}, not {expected:e}: {worst} ulp");
}

#[test]
fn of_two_arguments() {
    fn sweep<F: Fma>() {
        let wide = |f: fn(f64, f64) -> f64| move |x, y| f(f64::from(x), f64::from(y)) as f32;
        check_pairs("pow", 1, pow::<F>, wide(f64::powf));
        check_pairs("atan2", 2, atan2::<F>, wide(f64::atan2));
        check_pairs("hypot", 1, hypot::<F>, wide(f64::hypot));
    }
    sweep::<Fused>();
    sweep::<Separate>();
}

#[test]
fn remainders_are_exact() {
    let positive = |a: f64, b: f64| a.rem_euclid(b);
    for (a, b) in pairs().filter(|(a, b)| a.is_finite() && b.is_finite() && *b > 0.0 && (a / b).abs() < 1e6) {
        let expected = positive(f64::from(a), f64::from(b));
        let actual = f64::from(floor_mod(a, b));
        assert!((actual - expected).abs() <= expected * 1e-7, "{a} % {b} = {actual}, not {expected}");
    }
    assert_eq!((floor_mod(-7.5, 2.0), floor_mod(7.5, -2.0), fmod(-7.5, 2.0)), (0.5, -0.5, -1.5));
    assert_eq!((floor_divide(-7.5, 2.0), floor_divide(7.0, 0.0)), (-4.0, f32::INFINITY));
    assert!(floor_mod(1.0, 0.0).is_nan());
    // 1 // 0.1 is 9: the f32 nearest 0.1 is above it.
    assert_eq!(floor_divide(1.0, 0.1), 9.0);
}

#[test]
fn parts_and_neighbours() {
    assert_eq!((frexp(8.0), frexp(-0.3), frexp(1e-45)), ((0.5, 4), (-0.6, -1), (0.5, -148)));
    assert_eq!((frexp(0.0), frexp(f32::INFINITY)), ((0.0, 0), (f32::INFINITY, 0)));
    assert_eq!((ldexp(0.75, 4), ldexp(1.0, -149), ldexp(1.0, 128)), (12.0, 1e-45, f32::INFINITY));
    assert_eq!((nextafter(1.0, 2.0), nextafter(0.0, -1.0)), (1.0000001, -1e-45));
    assert!(nextafter(0.0, -0.0).is_sign_negative());
}
