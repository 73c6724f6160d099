//! Exponentials, and what is made of one.

use super::logarithm::log1p_unit;
use super::{ROUNDER, clamp, polynomial, power_of_two, with_sign};
use crate::math::Fma;
use std::f32::consts::{LN_2, LOG2_E};

/// `ln 2`, of nine bits, so that its products with exponents are exact without a fused multiply.
const LN_2_HIGH: f32 = 355.0 / 512.0;
/// The rest of `ln 2`.
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `(eʳ − 1 − r)/r²` for |r| ≤ ½ ln 2, within 2⁻²⁶·⁶ of eʳ.
const EXP: [f32; 5] = [0.5, 0.16666576, 0.04166651, 0.008363249, 0.0013930502];
/// The same with one term more, within 2⁻³⁰ of eʳ − 1.
const EXPM1: [f32; 6] = [0.5, 0.16666667, 0.04166651, 0.00833318, 0.0013930502, 0.00019969673];
/// `(2ʳ − 1)/r` for |r| ≤ ½.
const EXP2: [f32; 6] = [LN_2, 0.2402265, 0.05550366, 0.009618083, 0.0013388069, 0.00015453876];

/// `x = k·ln 2 + r`, |r| ≤ ½ ln 2: `(r, k)`.
#[inline(always)]
fn reduce<F: Fma>(x: f32) -> (f32, i32) {
    let shifted = F::mul_add(x, LOG2_E, ROUNDER);
    let k = shifted - ROUNDER;
    let r = F::mul_add(-k, LN_2_LOW, F::mul_add(-k, LN_2_HIGH, x));
    (r, shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32)
}

/// `x·2ᵏ` for |k| ≤ 250, in two factors: neither overflows where the product does not, and a subnormal
/// product is rounded once.
#[inline(always)]
fn scale(x: f32, k: i32) -> f32 {
    let half = k >> 1;
    x * power_of_two(half) * power_of_two(k - half)
}

/// `eˣ = m·2ᵏ`, m around 1: `(m, k)`.
#[inline(always)]
fn exp_parts<F: Fma>(x: f32) -> (f32, i32) {
    let (r, k) = reduce::<F>(x);
    (F::mul_add(r * r, polynomial::<F, 5>(r, EXP), r) + 1.0, k)
}

/// `eˣ = (1 + m)·s`, |m| < ½, for |x| ≤ 87: `(m, s)`. Where x is small, s is 1 and m accurate.
#[inline(always)]
pub(super) fn expm1_parts<F: Fma>(x: f32) -> (f32, f32) {
    let (r, k) = reduce::<F>(x);
    (F::mul_add(r * r, polynomial::<F, 6>(r, EXPM1), r), power_of_two(k))
}

/// `½eˣ` for 0 ≤ x, ∞ only where that overflows.
#[inline(always)]
pub(super) fn half_exp<F: Fma>(x: f32) -> f32 {
    let (m, k) = exp_parts::<F>(clamp(x, 0.0, 90.0));
    scale(m, k - 1)
}

/// `eˣ`, within 1 ulp.
#[inline(always)]
pub fn exp<F: Fma>(x: f32) -> f32 {
    let (m, k) = exp_parts::<F>(clamp(x, -105.0, 89.0));
    scale(m, k)
}

/// `2ˣ`, within 1 ulp.
#[inline(always)]
pub fn exp2<F: Fma>(x: f32) -> f32 {
    let x = clamp(x, -151.0, 129.0);
    let shifted = x + ROUNDER;
    let r = x - (shifted - ROUNDER);
    let k = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32;
    scale(F::mul_add(r, polynomial::<F, 6>(r, EXP2), 1.0), k)
}

/// `eˣ − 1`, within 2 ulp, also for small `x`.
#[inline(always)]
pub fn expm1<F: Fma>(x: f32) -> f32 {
    let (r, k) = reduce::<F>(clamp(x, -18.0, 89.0));
    let m = F::mul_add(r * r, polynomial::<F, 6>(r, EXPM1), r);
    // 2ᵏ(m + 1) − 1, by halves: 2ᵏ alone may overflow.
    let half = power_of_two(k - 1);
    with_sign(2.0 * F::mul_add(m, half, half - 0.5), x)
}

/// `1/(1 + e⁻ˣ)`, within 2 ulp, with gradual underflow.
#[inline(always)]
pub fn sigmoid<F: Fma>(x: f32) -> f32 {
    // The exponential of −|x| cannot overflow, and keeps the relative accuracy of small results.
    let e = exp::<F>(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `ln(1 + eˣ)`, within 2 ulp.
#[inline(always)]
pub fn log1p_exp<F: Fma>(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + log1p_unit::<F>(exp::<F>(-x.abs()))
}
