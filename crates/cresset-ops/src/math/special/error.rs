//! The inverse and the scaled forms of the error function, and of the normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

/// `√π/2`.
const HALF_SQRT_PI: f64 = 0.886226925452758;
/// `1/√π`.
const FRAC_1_SQRT_PI: f64 = 0.5641895835477563;

/// `eˣ²·erfc x`: erfc without its decay.
pub fn erfcx(x: f64) -> f64 {
    if x < 0.0 {
        return if x < -27.0 { f64::INFINITY } else { 2.0 * exp_square(x) - erfcx(-x) };
    }
    if x < 10.0 {
        return exp_square(x) * libm::erfc(x);
    }
    // 1/(x√π)·(1 − 1/(2x²) + 1·3/(2x²)² − …)
    let t = -0.5 / (x * x);
    let series = (1..14).rev().fold(1.0, |sum, k| 1.0 + f64::from(2 * k - 1) * t * sum);
    FRAC_1_SQRT_PI / x * series
}

/// `eˣ²`, where the rounding of the square would cost the result that many ulp as it is large.
fn exp_square(x: f64) -> f64 {
    let square = x * x;
    let rest = x.mul_add(x, -square);
    let e = square.exp();
    if e.is_infinite() { e } else { rest.mul_add(e, e) }
}

/// The inverse of erf, on (−1, 1): ±∞ at ±1, NaN outside.
pub fn erfinv(y: f64) -> f64 {
    let magnitude = y.abs();
    if magnitude.is_nan() || magnitude > 1.0 {
        return f64::NAN;
    }
    if magnitude > 0.5 {
        return erfc_inverse(1.0 - magnitude).copysign(y);
    }
    // Two steps of Halley's method, each of which triples the digits, from the series at 0.
    let square = PI * y * y;
    let mut x = HALF_SQRT_PI * y * (1.0 + square / 12.0 * (1.0 + square * (7.0 / 40.0)));
    for _ in 0..2 {
        let step = HALF_SQRT_PI * (libm::erf(x) - y) * (x * x).exp();
        x -= step / (1.0 + x * step);
    }
    x
}

/// The inverse of erfc on `[0, 1]`.
fn erfc_inverse(z: f64) -> f64 {
    if z == 0.0 {
        return f64::INFINITY;
    }
    // Winitzki's closed form has three digits; each of Halley's steps triples them. Scaled by eˣ², so that
    // the tail neither underflows nor loses digits.
    let logarithm = (z * (2.0 - z)).ln();
    let a = 0.147;
    let t = 2.0 / (PI * a) + 0.5 * logarithm;
    let mut x = ((t * t - logarithm / a).sqrt() - t).max(0.0).sqrt();
    for _ in 0..3 {
        let step = -HALF_SQRT_PI * (erfcx(x) - z * exp_square(x));
        x -= step / (1.0 + x * step);
    }
    x
}

/// The inverse of the normal distribution function: `−√2·erfc⁻¹(2p)`, −∞ at 0 and ∞ at 1, NaN outside.
pub fn ndtri(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        f64::NAN
    } else if (0.25..=0.75).contains(&p) {
        SQRT_2 * erfinv(2.0 * (p - 0.5))
    } else if p < 0.5 {
        -SQRT_2 * erfc_inverse(2.0 * p)
    } else {
        SQRT_2 * erfc_inverse(2.0 * (1.0 - p))
    }
}

/// The logarithm of the normal distribution function, accurate in both tails.
pub fn log_ndtr(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    if x < -1.0 {
        (0.5 * erfcx(-t)).ln() - 0.5 * x * x
    } else if x < 5.0 {
        (-0.5 * libm::erfc(t)).ln_1p()
    } else if x > 39.0 {
        -0.0 // below the least subnormal
    } else {
        // The rounding of t would cost its square's exponential t² ulp; the square of x itself costs none.
        let square = x * x;
        let rest = x.mul_add(x, -square);
        let density = (-0.25 * square).exp() * (1.0 - 0.5 * rest);
        (-0.5 * erfcx(t) * density * (-0.25 * square).exp()).ln_1p()
    }
}
