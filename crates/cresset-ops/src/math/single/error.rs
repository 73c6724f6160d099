//! The error function and its complement.

use super::exponential::expm1_parts;
use super::wide::{exp_wide, polynomial_wide};
use super::{clamp, horner, with_sign};
use crate::math::Fma;

/// `−ln erfc x / x − 1` for 0 ≤ x ≤ 3.95, within 2⁻²⁷ of what erf is made of there.
const LOG_ERFC: [f32; 9] = [
    0.12837917,
    0.63661957,
    0.1027763,
    -0.019147772,
    -0.00016962888,
    0.0016758249,
    -0.00063745456,
    0.00011888898,
    -9.391231e-6,
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
    erf_of_log::<F>(log_erfc::<F>(x))
}

/// `−ln erfc |x|`, up to where erf is 1, with the sign of `x`: the first half of [`erf`]. A loop for each half is faster
/// than one for both, of which a machine's window holds too few elements.
#[inline(always)]
pub fn log_erfc<F: Fma>(x: f32) -> f32 {
    // A gentle polynomial for all, in which small x keep their digits. From 3.92 on erf is 1.
    let a = x.abs();
    let a = if a > 3.95 { 3.95 } else { a };
    with_sign(F::mul_add(a, horner::<F, 9>(a, 1, 8, LOG_ERFC), a), x)
}

/// The second half of [`erf`].
#[inline(always)]
pub fn erf_of_log<F: Fma>(log_erfc: f32) -> f32 {
    let (m, scale) = expm1_parts::<F>(-log_erfc.abs());
    with_sign(F::mul_add(-m, scale, 1.0 - scale), log_erfc)
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
