//! How long the functions of `math::single` take for each element, in a loop over a chunk in the first-level
//! cache, by the features that the loop is compiled for, against `std`. Nothing is asserted.
//!
//! `cargo run --release --package cresset-ops --example math_speed`

use cresset_ops::math::{Fma, Fused, Separate, single};
use std::hint::black_box;
use std::time::Instant;

const CHUNK: usize = 1024;
const CHUNKS: usize = 4096;

type Loop = fn(&[f32; CHUNK], &mut [f32; CHUNK]);

#[inline(always)]
fn apply(input: &[f32; CHUNK], output: &mut [f32; CHUNK], function: impl Fn(f32) -> f32) {
    for (y, x) in output.iter_mut().zip(input) {
        *y = function(*x);
    }
}

/// Nanoseconds for each element, the best of five passes.
fn time(input: &[f32; CHUNK], run: Loop) -> f64 {
    let mut output = [0.0; CHUNK];
    let pass = |output: &mut [f32; CHUNK]| {
        let start = Instant::now();
        for _ in 0..CHUNKS {
            run(black_box(input), output);
            black_box(&mut *output);
        }
        start.elapsed().as_secs_f64() * 1e9 / (CHUNK * CHUNKS) as f64
    };
    (0..5).map(|_| pass(&mut output)).fold(f64::INFINITY, f64::min)
}

/// The features that this machine lacks are not timed.
fn time_if(available: bool, input: &[f32; CHUNK], run: Loop) -> String {
    if available { format!("{:.2}", time(input, run)) } else { "-".to_owned() }
}

#[cfg(target_arch = "x86_64")]
fn features() -> (bool, bool) {
    (is_x86_feature_detected!("avx512f"), is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> (bool, bool) {
    (false, false)
}

macro_rules! row {
    ($name:literal, $low:literal..$high:literal, $of:ident => $call:expr, $std:expr) => {{
        fn run<$of: Fma>(input: &[f32; CHUNK], output: &mut [f32; CHUNK]) {
            apply(input, output, $call);
        }
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma"))]
        fn wide(input: &[f32; CHUNK], output: &mut [f32; CHUNK]) {
            type $of = Fused;
            apply(input, output, $call);
        }
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
        fn narrow(input: &[f32; CHUNK], output: &mut [f32; CHUNK]) {
            type $of = Fused;
            apply(input, output, $call);
        }
        let input = std::array::from_fn(|k| $low + ($high - $low) * k as f32 / CHUNK as f32);
        let (has_wide, has_narrow) = features();
        println!(
            "{:12} {:>8} {:>8} {:>8.2} {:>8.2}",
            $name,
            // SAFETY: called only where the machine has the features.
            time_if(has_wide, &input, |x, y| unsafe { wide(x, y) }),
            // SAFETY: the same.
            time_if(has_narrow, &input, |x, y| unsafe { narrow(x, y) }),
            time(&input, run::<Separate>),
            time(&input, |x, y| apply(x, y, $std)),
        );
    }};
}

#[allow(unused_unsafe)] // where the target has no such features, the loops are safe functions
fn main() {
    println!("ns/element   avx512     avx2 portable      std");
    row!("exp", -20.0..20.0, F => single::exp::<F>, f32::exp);
    row!("exp2", -20.0..20.0, F => single::exp2::<F>, f32::exp2);
    row!("expm1", -5.0..5.0, F => single::expm1::<F>, f32::exp_m1);
    row!("log", 0.01..100.0, F => single::log::<F>, f32::ln);
    row!("log2", 0.01..100.0, F => single::log2::<F>, f32::log2);
    row!("log10", 0.01..100.0, F => single::log10::<F>, f32::log10);
    row!("log1p", -0.9..10.0, F => single::log1p::<F>, f32::ln_1p);
    row!("log1p_exp", -9.0..10.0, F => single::log1p_exp::<F>, |x| x.exp().ln_1p());
    row!("sin", -10.0..10.0, F => single::sin::<F>, f32::sin);
    row!("cos", -10.0..10.0, F => single::cos::<F>, f32::cos);
    row!("tan", -10.0..10.0, F => single::tan::<F>, f32::tan);
    row!("asin", -1.0..1.0, F => single::asin::<F>, f32::asin);
    row!("acos", -1.0..1.0, F => single::acos::<F>, f32::acos);
    row!("atan", -10.0..10.0, F => single::atan::<F>, f32::atan);
    row!("atan2", -10.0..10.0, F => |x| single::atan2::<F>(x, 2.0), |x| x.atan2(2.0));
    row!("sinh", -5.0..5.0, F => single::sinh::<F>, f32::sinh);
    row!("cosh", -5.0..5.0, F => single::cosh::<F>, f32::cosh);
    row!("tanh", -5.0..5.0, F => single::tanh::<F>, f32::tanh);
    row!("asinh", -5.0..5.0, F => single::asinh::<F>, f32::asinh);
    row!("acosh", 1.0..5.0, F => single::acosh::<F>, f32::acosh);
    row!("atanh", -0.99..0.99, F => single::atanh::<F>, f32::atanh);
    row!("sigmoid", -5.0..5.0, F => single::sigmoid::<F>, |x| 1.0 / (1.0 + (-x).exp()));
    row!("erf", -4.0..4.0, F => single::erf::<F>, libm::erff);
    row!("erfc", -4.0..4.0, F => single::erfc::<F>, libm::erfcf);
    row!("pow", 0.01..10.0, F => |x| single::pow::<F>(x, 1.7), |x| x.powf(1.7));
    row!("hypot", -5.0..5.0, F => |x| single::hypot::<F>(x, 2.0), |x| x.hypot(2.0));
    row!("rsqrt", 0.1..5.0, F => single::rsqrt::<F>, |x| x.sqrt().recip());
}
