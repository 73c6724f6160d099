//! Powers, and roots of sums of them.

use super::wide::{ROUNDER_WIDE, exp2_wide, log2_wide};
use crate::math::Fma;

/// `xʸ = 2^(y·log₂ x)`, within 1 ulp, with C's special cases: `x⁰ = 1ʸ = 1` even of NaN, negative bases have
/// integer powers only.
#[inline(always)]
pub fn pow<F: Fma>(x: f32, y: f32) -> f32 {
    let a = x.abs();
    let exponent = f64::from(y);
    let finite = log2_wide::<F>(f64::from(a));
    let logarithm = if a < f32::INFINITY { finite } else { f64::INFINITY };
    let logarithm = if a == 0.0 { f64::NEG_INFINITY } else { logarithm };
    // 0·∞ is 1⁰ or the like here.
    let product = if y == 0.0 || a == 1.0 { 0.0 } else { exponent * logarithm };
    let product = if product > 200.0 { 200.0 } else { product };
    let product = if product < -200.0 { -200.0 } else { product };
    let magnitude = exp2_wide::<F>(product) as f32;

    let shifted = exponent + ROUNDER_WIDE;
    // From 2²⁴ on every f32 is an even integer, infinity too.
    let even = y.abs() >= 16_777_216.0;
    let integer = even || shifted - ROUNDER_WIDE == exponent;
    let odd = if integer && !even { shifted.to_bits() as u32 & 1 } else { 0 };
    let value = f32::from_bits(magnitude.to_bits() | ((x.to_bits() & 0x8000_0000) & (odd << 31)));
    let value = if x < 0.0 && a < f32::INFINITY && !integer { f32::NAN } else { value };
    let value = if x.is_nan() || y.is_nan() { f32::NAN } else { value };
    if y == 0.0 || x == 1.0 { 1.0 } else { value }
}

/// `√(x² + y²)`, within 1 ulp, without intermediate overflow; ∞ where either is, even with NaN.
#[inline(always)]
pub fn hypot<F: Fma>(x: f32, y: f32) -> f32 {
    let (w, z) = (f64::from(x), f64::from(y));
    let value = F::mul_add_wide(w, w, z * z).sqrt() as f32;
    if x.abs() == f32::INFINITY || y.abs() == f32::INFINITY { f32::INFINITY } else { value }
}

/// `1/√x`, within 1 ulp; ±∞ at ±0, NaN below.
#[inline(always)]
pub fn rsqrt<F: Fma>(x: f32) -> f32 {
    1.0 / x.sqrt()
}
