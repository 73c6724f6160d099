//! Logarithms.

use super::{polynomial, power_of_two, with_sign};
use crate::math::Fma;
use std::f32::consts::{LOG2_E, LOG10_E, SQRT_2};

/// The bits of `√½`: mantissas are taken from there to `√2`, so that those around 1 have exponent 0.
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

/// `(ln(1 + f) − f + f²/2)/f³` for √½ ≤ 1 + f ≤ √2, within 2⁻²⁸ of the logarithm.
const LOG: [f32; 9] = [
    0.3333333,
    -0.2499999,
    0.20000695,
    -0.16668443,
    0.14250194,
    -0.124118336,
    0.11660259,
    -0.11566143,
    0.07146717,
];

/// `ln 2` of nine bits, whose products with exponents are exact, and the rest.
const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);
/// `log₁₀ 2` likewise.
const LOG10_2: (f32, f32) = (0.300_781_25, 2.487_456_6e-4);

/// `x = m·2ᵉ`, √½ ≤ m < √2, of a positive normal: the bits of `m`, and `e`.
#[inline(always)]
fn split(x: f32) -> (u32, i32) {
    let offset = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    ((offset & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS), (offset as i32) >> 23)
}

/// `ln(1 + f)` for √½ ≤ 1 + f ≤ √2.
#[inline(always)]
fn log_near_one<F: Fma>(f: f32) -> f32 {
    F::mul_add(f * f, F::mul_add(f, polynomial::<F, 9>(f, LOG), -0.5), f)
}

/// `x = (1 + f)·2ᵉ`, also of subnormals: `(ln(1 + f), e)`.
#[inline(always)]
fn log_parts<F: Fma>(x: f32) -> (f32, f32) {
    let subnormal = x < f32::MIN_POSITIVE;
    let (mantissa, exponent) = split(if subnormal { x * 8_388_608.0 } else { x });
    let exponent = exponent as f32 - if subnormal { 23.0 } else { 0.0 };
    (log_near_one::<F>(f32::from_bits(mantissa) - 1.0), exponent)
}

/// A logarithm's special values: −∞ at 0, NaN below, ∞ at ∞.
#[inline(always)]
fn with_limits(x: f32, logarithm: f32) -> f32 {
    // One comparison of the bits for what has a logarithm: comparisons of numbers, one in the other, become ten.
    let bits = x.to_bits();
    let regular = bits.wrapping_sub(1) < f32::INFINITY.to_bits() - 1;
    // NaN where the sign is set, else what it is: infinity, or NaN.
    let other = f32::from_bits(bits | ((bits as i32) >> 31) as u32);
    let value = if regular { logarithm } else { other };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}

/// `ln x`, within 1 ulp.
#[inline(always)]
pub fn log<F: Fma>(x: f32) -> f32 {
    let (y, e) = log_parts::<F>(x);
    with_limits(x, F::mul_add(e, LN_2.0, F::mul_add(e, LN_2.1, y)))
}

/// `log₂ x`, within 2 ulp.
#[inline(always)]
pub fn log2<F: Fma>(x: f32) -> f32 {
    let (y, e) = log_parts::<F>(x);
    with_limits(x, F::mul_add(y, LOG2_E, e))
}

/// `log₁₀ x`, within 2 ulp.
#[inline(always)]
pub fn log10<F: Fma>(x: f32) -> f32 {
    let (y, e) = log_parts::<F>(x);
    with_limits(x, F::mul_add(e, LOG10_2.0, F::mul_add(e, LOG10_2.1, y * LOG10_E)))
}

/// `ln(1 + x)`, within 2 ulp, also for small `x`.
#[inline(always)]
pub fn log1p<F: Fma>(x: f32) -> f32 {
    let sum = 1.0 + x;
    let (mantissa, exponent) = split(sum);
    // f = (1 + x)/2ᵉ − 1 = x/2ᵉ + (2⁻ᵉ − 1) from `x` itself, which keeps the digits that the sum has lost.
    // From 2²⁵ on the sum has lost none that count, and 2⁻ᵉ would leave the normal range.
    let inverse = power_of_two(-exponent);
    let exact = F::mul_add(x, inverse, inverse - 1.0);
    let f = if exponent < 25 { exact } else { f32::from_bits(mantissa) - 1.0 };
    let e = exponent as f32;
    let y = log_near_one::<F>(f);
    let logarithm = with_limits(sum, F::mul_add(e, LN_2.0, F::mul_add(e, LN_2.1, y)));
    // Only zeros need it, but only there does the sign of the sum go astray.
    if x == 0.0 { with_sign(logarithm, x) } else { logarithm }
}

/// `ln(1 + x)` for 0 ≤ x ≤ 1, where the only exponents are 0 and 1.
#[inline(always)]
pub(super) fn log1p_unit<F: Fma>(x: f32) -> f32 {
    let steep = x > SQRT_2 - 1.0;
    let y = log_near_one::<F>(if steep { F::mul_add(x, 0.5, -0.5) } else { x });
    y + if steep { std::f32::consts::LN_2 } else { 0.0 }
}
