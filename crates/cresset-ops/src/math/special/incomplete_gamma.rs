//! The regularised incomplete gamma functions: by series, continued fraction or Temme's expansion, whichever
//! converges, and always of that one of the two functions which is small.

use super::gamma::lgamma;
use super::temme;
use std::f64::consts::PI;

/// `P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt`, within some 1e-14 relative (1e-13 where it is tiny and `a` is large).
/// NaN for negative arguments and for (0, 0) and (∞, ∞).
pub fn igamma(a: f64, x: f64) -> f64 {
    if let Some(value) = lower_limit(a, x) {
        value
    } else if is_central(a, x) {
        central(a, x, -1.0)
    } else if x > 1.0 && x > a {
        1.0 - igammac(a, x)
    } else {
        lower_series(a, x)
    }
}

/// `Q(a, x) = 1 − P(a, x)`, accurate where it is small.
pub fn igammac(a: f64, x: f64) -> f64 {
    if let Some(value) = lower_limit(a, x) {
        1.0 - value
    } else if is_central(a, x) {
        central(a, x, 1.0)
    } else if x > 1.1 {
        if x < a { 1.0 - lower_series(a, x) } else { upper_fraction(a, x) }
    } else {
        // P is the larger one where x^a is near 1, that is, where a is small.
        let boundary = if x <= 0.5 { -0.4 / x.ln() } else { 1.1 * x };
        if boundary < a { 1.0 - lower_series(a, x) } else { upper_series(a, x) }
    }
}

/// `P` at the edges of its domain, and NaN outside.
fn lower_limit(a: f64, x: f64) -> Option<f64> {
    if a.is_nan() || x.is_nan() || a < 0.0 || x < 0.0 || (a == x && (a == 0.0 || a.is_infinite())) {
        Some(f64::NAN)
    } else if a == 0.0 || x.is_infinite() {
        Some(1.0)
    } else if x == 0.0 || a.is_infinite() {
        Some(0.0)
    } else {
        None
    }
}

/// Where the series and the fraction need `√a` terms or more.
fn is_central(a: f64, x: f64) -> bool {
    a > 20.0 && (x - a).abs() < 0.3 * a
}

/// `½ erfc(±η√(a/2)) ± R`: Q for the sign 1, P for −1.
fn central(a: f64, x: f64, sign: f64) -> f64 {
    let half_square = -log1p_less(a, x);
    let eta = (2.0 * half_square).sqrt().copysign(x - a);
    let rest = (-a * half_square).exp() / (2.0 * PI * a).sqrt() * temme::correction(a, eta);
    0.5 * libm::erfc(sign * eta * (0.5 * a).sqrt()) + sign * rest
}

/// `ln(1 + μ) − μ` of `μ = (x − a)/a`, without cancellation.
fn log1p_less(a: f64, x: f64) -> f64 {
    let mu = (x - a) / a;
    if mu.abs() > 0.4 {
        return (x / a).ln() - mu;
    }
    // ln(1 + μ) = 2 artanh s with s = μ/(2 + μ), and 2s − μ = −μs.
    let s = mu / (2.0 + mu);
    let z = s * s;
    let series = (0..14).rev().fold(0.0, |sum, k| sum * z + 1.0 / f64::from(2 * k + 3));
    2.0 * s * z * series - mu * s
}

/// `B₂ₙ/(2n(2n − 1))`: the series of `ln Γ(a) − (a − ½)ln a + a − ½ln 2π` in `1/a`.
const STIRLING: [f64; 8] = [
    0.08333333333333333,
    -0.002777777777777778,
    0.0007936507936507937,
    -0.0005952380952380953,
    0.0008417508417508417,
    -0.0019175269175269176,
    0.00641025641025641,
    -0.029550653594771242,
];

/// `xᵃe⁻ˣ/Γ(a)`.
fn prefactor(a: f64, x: f64) -> f64 {
    if a > 10.0 {
        // Relative to its maximum at x = a, so that no large logarithms cancel.
        let inverse_square = 1.0 / (a * a);
        let stirling = STIRLING.iter().rev().fold(0.0, |sum, c| sum * inverse_square + c) / a;
        return (a * log1p_less(a, x) - stirling).exp() * (a / (2.0 * PI)).sqrt();
    }
    // The exponential has long won, but ∞·0 would not say so.
    if x > 2000.0 {
        return 0.0;
    }
    // In two halves of the exponential, which alone may be subnormal.
    let half = (-0.5 * x).exp();
    x.powf(a) * half / libm::tgamma(a) * half
}

/// `P = xᵃe⁻ˣ/Γ(a + 1)·Σ xᵏ/((a + 1)…(a + k))`.
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut denominator) = (1.0, 1.0, a);
    for _ in 0..2000 {
        denominator += 1.0;
        term *= x / denominator;
        sum += term;
        if term <= 0.1 * f64::EPSILON * sum {
            break;
        }
    }
    if a < 1.0 {
        // Γ(a) overflows for tiny a, where Γ(a + 1) is near 1.
        return sum * (a * x.ln() - x - lgamma_plus_one(a)).exp();
    }
    sum * prefactor(a, x) / a
}

/// `Q`'s continued fraction, by Lentz's method.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / f64::MIN_POSITIVE;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for k in 1..2000 {
        let k = f64::from(k);
        let numerator = -k * (k - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        let step = c * d;
        fraction *= step;
        if (step - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    if a < 1.0 {
        return fraction * a * (a * x.ln() - x - lgamma_plus_one(a)).exp();
    }
    fraction * prefactor(a, x)
}

/// `Q = 1 − xᵃ/Γ(a + 1)·(1 + a Σ (−x)ⁿ/(n!(a + n)))`, for small `a` and `x`: all of what is near 1 is
/// subtracted by `expm1`.
fn upper_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut power) = (0.0, 1.0);
    for n in 1..100 {
        let n = f64::from(n);
        power *= -x / n;
        let term = power / (a + n);
        sum += term;
        if term.abs() <= 0.1 * f64::EPSILON * sum.abs() {
            break;
        }
    }
    let exponent = a * x.ln() - lgamma_plus_one(a);
    -exponent.exp_m1() - exponent.exp() * a * sum
}

/// Euler's constant.
const EULER: f64 = 0.5772156649015329;

/// `(−1)ᵏ(ζ(k) − 1)/k` for k = 2…
const ZETA_TAILS: [f64; 26] = [
    0.3224670334241132,
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
];

/// `ln Γ(a + 1)`, also for tiny `a`, which the sum would lose.
fn lgamma_plus_one(a: f64) -> f64 {
    if a > 0.5 {
        return lgamma(a + 1.0);
    }
    let series = ZETA_TAILS.iter().rev().fold(0.0, |sum, c| sum * a + c);
    a * (1.0 - EULER) - a.ln_1p() + a * a * series
}
