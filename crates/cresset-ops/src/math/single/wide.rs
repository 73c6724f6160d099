//! Exponential and logarithm in f64, to the 2⁻³⁷ that rounding to f32 needs; as straight as their f32 siblings.

use crate::math::Fma;
use std::f64::consts::{LN_2, LOG2_E};

/// `1.5·2⁵²`: added to a small number, it leaves the nearest integer in the low bits of the sum.
pub(super) const ROUNDER_WIDE: f64 = 6_755_399_441_055_744.0;

/// `(2ʳ − 1)/r` for |r| ≤ ½, within 2⁻³⁸ of 2ʳ.
const EXP2: [f64; 8] = [
    0.693_147_180_556_831_6,
    0.24022650695812972,
    0.055504109063320144,
    0.009618129159407804,
    0.0013333478467135204,
    0.00015403455848228271,
    1.5303702457259027e-05,
    1.3255225848167234e-6,
];

/// `(ln(1 + f) − f)/f²` for √½ ≤ 1 + f ≤ √2, within 2⁻³⁹ of the logarithm.
const LOG: [f64; 14] = [
    -0.4999999999984708,
    0.3333333332567474,
    -0.250000001179095,
    0.2000000215226551,
    -0.1666665306058672,
    0.14285535476523686,
    -0.12500499659674727,
    0.11117615780234667,
    -0.09994823887302062,
    0.08975799803371741,
    -0.0827408476108441,
    0.08626492120255588,
    -0.08551551254556644,
    0.045187924551125865,
];

/// The bits of `√½`, less those of the mantissa below its first 20.
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_0000_0000;
/// `2⁵²`, in whose low bits an integer is its own mantissa.
const TWO_TO_52: f64 = 4_503_599_627_370_496.0;

/// `c₀ + c₁x + c₂x² + …` by Horner's rule.
#[inline(always)]
pub(super) fn polynomial_wide<F: Fma, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    let mut k = N - 1;
    while k > 0 {
        k -= 1;
        sum = F::mul_add_wide(sum, x, coefficients[k]);
    }
    sum
}

/// `2ˣ` for |x| ≤ 1000.
#[inline(always)]
pub(super) fn exp2_wide<F: Fma>(x: f64) -> f64 {
    let shifted = x + ROUNDER_WIDE;
    let r = x - (shifted - ROUNDER_WIDE);
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    F::mul_add_wide(r, polynomial_wide::<F, 8>(r, EXP2), 1.0) * scale
}

/// `eˣ` for |x| ≤ 690.
#[inline(always)]
pub(super) fn exp_wide<F: Fma>(x: f64) -> f64 {
    exp2_wide::<F>(x * LOG2_E)
}

/// `x = (1 + f)·2ᵉ` of a positive normal: `(ln(1 + f), e)`.
#[inline(always)]
fn log_parts<F: Fma>(x: f64) -> (f64, f64) {
    // Offset by 1024 in the exponent, which keeps it positive: there is no 64-bit arithmetic shift to vectorise
    // in AVX2, nor a conversion from 64-bit integers.
    let offset = x.to_bits().wrapping_sub(SQRT_HALF_BITS).wrapping_add(1024 << 52);
    let exponent = f64::from_bits((offset >> 52) | TWO_TO_52.to_bits()) - (TWO_TO_52 + 1024.0);
    let mantissa = (offset & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF_BITS);
    let f = f64::from_bits(mantissa) - 1.0;
    (F::mul_add_wide(f * f, polynomial_wide::<F, 14>(f, LOG), f), exponent)
}

/// `ln x` of a positive normal.
#[inline(always)]
pub(super) fn log_wide<F: Fma>(x: f64) -> f64 {
    let (y, e) = log_parts::<F>(x);
    F::mul_add_wide(e, LN_2, y)
}

/// `log₂ x` of a positive normal.
#[inline(always)]
pub(super) fn log2_wide<F: Fma>(x: f64) -> f64 {
    let (y, e) = log_parts::<F>(x);
    F::mul_add_wide(y, LOG2_E, e)
}
