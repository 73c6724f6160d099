//! The error function and its complement.

use super::exponential::exp_moderate;
use super::wide::{exp_wide, polynomial_wide};
use super::{clamp, polynomial, with_sign};
use crate::math::Fma;

/// `erf x/x − 1` in `x²`, |x| ≤ 1.
const ERF: [f32; 7] =
    [0.12837917, -0.3761263, 0.11283618, -0.026855124, 0.005190726, -0.0008030654, 0.00007919902];
/// `−ln erfc x`, 1 ≤ x ≤ 3.95.
const ERF_TAIL: [f32; 9] = [
    -0.00031260916,
    1.1302055,
    0.6318692,
    0.11004385,
    -0.02640308,
    0.0047541414,
    -0.00059583463,
    0.00004596581,
    -1.6336418e-6,
];
/// `(1 + 2x)·eˣ²·erfc x` in `(x − 3)/(x + 3)`, 0 ≤ x ≤ 10.06, within 2⁻³⁴.
const ERFCX: [f64; 13] = [
    1.2530080582533445,
    -0.13562110680066172,
    -0.04756229210162429,
    0.1296451971025545,
    -0.11927369509248154,
    0.06830739651424325,
    -0.023770694403304978,
    0.002533615740669492,
    0.0018930104567285889,
    -0.0007910826876580741,
    -0.00012537257220945121,
    0.00012888978913581662,
    3.389510063285998e-05,
];

/// `erf x = 2/√π ∫₀ˣ e^(−t²) dt`, within 2 ulp.
#[inline(always)]
pub fn erf<F: Fma>(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let small = F::mul_add(a, polynomial::<F, 7>(z, ERF), a);
    // Beyond 1 the complement is at most 0.16, and its logarithm a gentle polynomial; from 3.92 on erf is 1.
    let large = 1.0 - exp_moderate::<F>(-polynomial::<F, 9>(clamp(a, 0.0, 3.95), ERF_TAIL));
    with_sign(if a < 1.0 { small } else { large }, x)
}

/// `1 − erf x`, within 1 ulp relative, also where it is tiny.
#[inline(always)]
pub fn erfc<F: Fma>(x: f32) -> f32 {
    // In f64, since the rounding of x² would cost the exponential up to a hundred ulp.
    let a = f64::from(clamp(x.abs(), 0.0, 10.06));
    let scaled = polynomial_wide::<F, 13>((a - 3.0) / (a + 3.0), ERFCX) / (1.0 + 2.0 * a);
    let tail = scaled * exp_wide::<F>(-a * a);
    // NaN survives both sides: it is not less than 0.
    (if x < 0.0 { 2.0 - tail } else { tail }) as f32
}
