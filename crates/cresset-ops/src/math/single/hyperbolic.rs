//! Hyperbolic functions and their inverses.

use super::exponential::{expm1_parts, half_exp};
use super::wide::log_wide;
use super::{clamp, polynomial, with_sign};
use crate::math::Fma;

/// `(sinh x − x)/x³` in `x²`, |x| ≤ 1.
const SINH: [f32; 4] = [0.16666667, 0.008333298, 0.00019846359, 2.7591075e-6];

/// `(eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)`, within 2 ulp.
#[inline(always)]
pub fn tanh<F: Fma>(x: f32) -> f32 {
    // By e^2x − 1, in which small x keep their digits; from 9.02 on the result is 1.
    let (m, scale) = expm1_parts::<F>(2.0 * clamp(x.abs(), 0.0, 10.0));
    let e = F::mul_add(m, scale, scale - 1.0);
    with_sign(e / (e + 2.0), x)
}

/// `(eˣ − e⁻ˣ)/2`, within 2 ulp.
#[inline(always)]
pub fn sinh<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let small = F::mul_add(a * z, polynomial::<F, 4>(z, SINH), a);
    let half = half_exp::<F>(a);
    let large = half - 0.25 / half;
    with_sign(if a < 1.0 { small } else { large }, x)
}

/// `(eˣ + e⁻ˣ)/2`, within 2 ulp.
#[inline(always)]
pub fn cosh<F: Fma>(x: f32) -> f32 {
    let half = half_exp::<F>(x.abs());
    half + 0.25 / half
}

/// Below, the inverses are `x ± x³/c` to the last digit, where 1 ± x has lost too many.
const CUBIC_LIMIT: f32 = 1.0 / 1024.0;

/// `arsinh x = ln(x + √(x² + 1))`, within 1 ulp.
#[inline(always)]
pub fn asinh<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let w = f64::from(a);
    let large = log_wide::<F>(w + F::mul_add_wide(w, w, 1.0).sqrt()) as f32;
    let small = F::mul_add(a * a * a, -1.0 / 6.0, a);
    let value = if a < CUBIC_LIMIT { small } else { large };
    with_sign(if a < f32::INFINITY { value } else { a }, x)
}

/// `arcosh x = ln(x + √(x² − 1))`, within 1 ulp; NaN below 1.
#[inline(always)]
pub fn acosh<F: Fma>(x: f32) -> f32 {
    let w = f64::from(x);
    // Both in f64: the difference is exact, and of it the root.
    let value = log_wide::<F>(w + F::mul_add_wide(w, w, -1.0).sqrt()) as f32;
    let finite = if x < f32::INFINITY { value } else { x };
    if x < 1.0 { f32::NAN } else { finite }
}

/// `artanh x = ½ ln((1 + x)/(1 − x))`, within 1 ulp; ±∞ at ±1, NaN beyond.
#[inline(always)]
pub fn atanh<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let w = f64::from(a);
    let large = (0.5 * log_wide::<F>((1.0 + w) / (1.0 - w))) as f32;
    let small = F::mul_add(a * a * a, 1.0 / 3.0, a);
    let value = if a < CUBIC_LIMIT { small } else { large };
    let value = if a < 1.0 { value } else { f32::INFINITY };
    with_sign(if a <= 1.0 { value } else { f32::NAN }, x)
}
