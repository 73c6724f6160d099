//! Circular functions and their inverses.

use super::{polynomial, with_sign};
use crate::math::Fma;
use std::f32::consts::{FRAC_PI_2, PI};
use std::f64::consts::FRAC_2_PI;

/// `(sin r − r)/r³` in `r²`, |r| ≤ π/4.
const SIN: [f32; 4] = [-0.16666667, 0.008333397, -0.00019861295, 2.9217729e-6];
/// `(cos r − 1 + r²/2)/r⁴` in `r²`, |r| ≤ π/4.
const COS: [f32; 3] = [0.041666664, -0.0013888272, 0.000024543951];
/// `(tan r − r)/r³` in `r²`, |r| ≤ π/4.
const TAN: [f32; 7] =
    [0.33333334, 0.13333212, 0.053997293, 0.021603828, 0.010012393, 0.0011163629, 0.003879139];
/// `(arcsin x − x)/x³` in `x²`, |x| ≤ ½.
const ASIN: [f32; 6] = [0.16666666, 0.0750015, 0.04458656, 0.031220933, 0.016659, 0.034414746];
/// `(arctan x − x)/x³` in `x²`, |x| ≤ 1.
const ATAN: [f32; 9] = [
    -0.3333333,
    0.19999737,
    -0.14278696,
    0.11035383,
    -0.08664453,
    0.062678605,
    -0.03609236,
    0.013648626,
    -0.002423103,
];

/// π/2 and π, less their f32.
const FRAC_PI_2_LOW: f32 = -4.371_139e-8;
const PI_LOW: f32 = -8.742_278e-8;

/// The largest angle of which `sin`, `cos` and `tan` are right: 2²⁰, so that the product of its number of
/// quarter turns with [`QUARTER_HIGH`] is exact.
const ANGLE_LIMIT: f32 = 1_048_576.0;
/// π/2 in 33 bits, and the rest.
const QUARTER_HIGH: f64 = 1.570_796_326_734_125_6;
const QUARTER_LOW: f64 = 6.077_100_506_506_192e-11;
/// `1.5·2⁵²`: added, it leaves the nearest integer in the low bits of the sum.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// `x = q·π/2 + r`, |r| ≤ π/4, for |x| ≤ [`ANGLE_LIMIT`]: `(r, q mod 2³²)`. In f64, where two constants are
/// enough, and `r` is rounded once however close to a multiple of π/2 the angle is.
#[inline(always)]
fn reduce<F: Fma>(x: f32) -> (f32, u32) {
    let x = f64::from(x);
    let shifted = F::mul_add_wide(x, FRAC_2_PI, ROUNDER);
    let quarters = shifted - ROUNDER;
    let r = F::mul_add_wide(-quarters, QUARTER_LOW, F::mul_add_wide(-quarters, QUARTER_HIGH, x));
    (r as f32, shifted.to_bits() as u32)
}

/// `sin(r + q·π/2)`.
#[inline(always)]
fn sin_reduced<F: Fma>(r: f32, quarters: u32) -> f32 {
    let z = r * r;
    let sine = with_sign(F::mul_add(r * z, polynomial::<F, 4>(z, SIN), r), r);
    let cosine = F::mul_add(z * z, polynomial::<F, 3>(z, COS), F::mul_add(z, -0.5, 1.0));
    let value = if quarters & 1 == 0 { sine } else { cosine };
    f32::from_bits(value.to_bits() ^ ((quarters & 2) << 30))
}

/// Whether `sin`, `cos` and `tan` of this angle must be taken by [`sin_huge`], [`cos_huge`] and [`tan_huge`].
#[inline(always)]
pub fn angle_is_huge(x: f32) -> bool {
    x.abs() > ANGLE_LIMIT
}

/// `sin x`, within 2 ulp, unless [`angle_is_huge`].
#[inline(always)]
pub fn sin<F: Fma>(x: f32) -> f32 {
    let (r, quarters) = reduce::<F>(x);
    sin_reduced::<F>(r, quarters)
}

/// `cos x`, within 2 ulp, unless [`angle_is_huge`].
#[inline(always)]
pub fn cos<F: Fma>(x: f32) -> f32 {
    let (r, quarters) = reduce::<F>(x);
    sin_reduced::<F>(r, quarters.wrapping_add(1))
}

/// `tan x`, within 2 ulp, unless [`angle_is_huge`].
#[inline(always)]
pub fn tan<F: Fma>(x: f32) -> f32 {
    let (r, quarters) = reduce::<F>(x);
    let z = r * r;
    let tangent = with_sign(F::mul_add(r * z, polynomial::<F, 7>(z, TAN), r), r);
    if quarters & 1 == 0 { tangent } else { -1.0 / tangent }
}

/// `sin x` of an angle of any size, slowly.
pub fn sin_huge(x: f32) -> f32 {
    f64::from(x).sin() as f32
}

/// `cos x` of an angle of any size, slowly.
pub fn cos_huge(x: f32) -> f32 {
    f64::from(x).cos() as f32
}

/// `tan x` of an angle of any size, slowly.
pub fn tan_huge(x: f32) -> f32 {
    f64::from(x).tan() as f32
}

/// `arcsin` of `a ≤ ½` itself, or of `√((1 − a)/2)` for `½ < a ≤ 1`, which is `π/4 − ½ arcsin a`.
#[inline(always)]
fn asin_parts<F: Fma>(a: f32) -> f32 {
    let small = a <= 0.5;
    let half = F::mul_add(a, -0.5, 0.5);
    let z = if small { a * a } else { half };
    let t = if small { a } else { half.sqrt() };
    F::mul_add(t * z, polynomial::<F, 6>(z, ASIN), t)
}

/// `arcsin x`, within 2 ulp; NaN outside [−1, 1].
#[inline(always)]
pub fn asin<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let part = asin_parts::<F>(a);
    let large = F::mul_add(part, -2.0, FRAC_PI_2) + FRAC_PI_2_LOW;
    with_sign(if a <= 0.5 { part } else { large }, x)
}

/// `arccos x`, within 2 ulp; NaN outside [−1, 1].
#[inline(always)]
pub fn acos<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let part = asin_parts::<F>(a);
    let middle = FRAC_PI_2 - (with_sign(part, x) - FRAC_PI_2_LOW);
    let double = 2.0 * part;
    let outer = if x < 0.0 { PI - (double - PI_LOW) } else { double };
    if a <= 0.5 { middle } else { outer }
}

/// `arctan q` for 0 ≤ q ≤ 1.
#[inline(always)]
fn atan_unit<F: Fma>(q: f32) -> f32 {
    let z = q * q;
    F::mul_add(q * z, polynomial::<F, 9>(z, ATAN), q)
}

/// `arctan x`, within 2 ulp.
#[inline(always)]
pub fn atan<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let steep = a > 1.0;
    let angle = atan_unit::<F>(if steep { 1.0 / a } else { a });
    with_sign(if steep { FRAC_PI_2 - (angle - FRAC_PI_2_LOW) } else { angle }, x)
}

/// The angle of the point `(x, y)`, in `[−π, π]`, within 2 ulp, with C's special cases.
#[inline(always)]
pub fn atan2<F: Fma>(y: f32, x: f32) -> f32 {
    let (a, b) = (y.abs(), x.abs());
    let steep = a > b;
    let (short, long) = if steep { (b, a) } else { (a, b) };
    // Where both are 0 or both ∞ their ratio is NaN, and C takes it for 0 or 1. A NaN in `short` or `long`
    // makes them unequal to each other.
    let ratio = if short == long { if short == 0.0 { 0.0 } else { 1.0 } } else { short / long };
    let angle = atan_unit::<F>(ratio);
    let angle = if steep { FRAC_PI_2 - (angle - FRAC_PI_2_LOW) } else { angle };
    let angle = if x.is_sign_negative() { PI - (angle - PI_LOW) } else { angle };
    with_sign(angle, y)
}
