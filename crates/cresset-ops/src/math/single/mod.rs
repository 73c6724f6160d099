//! Elementary functions of f32, for loops that vectorise: each is straight-line code of arithmetic, selects and
//! bit operations. No tables, no early returns, no saturating casts; what both sides of a select need is
//! computed always. Several compute in f64, at half the lanes, where that is the cheapest way to two ulp.

mod error;
mod exponential;
mod hyperbolic;
mod logarithm;
mod power;
mod remainder;
mod representation;
#[cfg(test)]
mod tests;
mod trigonometric;
mod wide;

pub use error::{erf, erf_of_log, erfc, log_erfc};
pub use exponential::{exp, exp2, expm1, log1p_exp, sigmoid};
pub use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub use logarithm::{log, log1p, log2, log10};
pub use power::{hypot, pow, rsqrt};
pub use remainder::{floor_divide, floor_mod, fmod};
pub use representation::{frexp, ldexp, nextafter};
pub use trigonometric::{
    acos, angle_is_huge, asin, atan, atan2, cos, cos_huge, sin, sin_huge, tan, tan_huge,
};

use super::Fma;

/// `1.5·2²³`: added to a small number, it leaves the nearest integer in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;

/// `c₀ + c₁x + c₂x² + …`: the even terms and the odd ones by Horner's rule in `x²`. One chain over all of them would be
/// twice as long, and a machine's window holds too few elements of a loop to hide it.
#[inline(always)]
fn polynomial<F: Fma, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    if N < 4 {
        return horner::<F, N>(x, 1, N - 1, coefficients);
    }
    let even = horner::<F, N>(x * x, 2, (N - 1) & !1, coefficients);
    let odd = horner::<F, N>(x * x, 2, (N & !1) - 1, coefficients);
    F::mul_add(odd, x, even)
}

/// Horner's rule over every `step`th coefficient down from the one numbered `last`.
#[inline(always)]
fn horner<F: Fma, const N: usize>(x: f32, step: usize, last: usize, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[last];
    let mut k = last;
    while k >= step {
        k -= step;
        sum = F::mul_add(sum, x, coefficients[k]);
    }
    sum
}

/// `x` within `[low, high]`; NaN stays NaN, which `f32::clamp` would also keep and `min` and `max` would not.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// The magnitude of `value` with the sign of `sign`, also where either is zero.
#[inline(always)]
fn with_sign(value: f32, sign: f32) -> f32 {
    f32::from_bits((value.to_bits() & 0x7fff_ffff) | (sign.to_bits() & 0x8000_0000))
}

/// `2ᵏ` for −126 ≤ k ≤ 127.
#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}
