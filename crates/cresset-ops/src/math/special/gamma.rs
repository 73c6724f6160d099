//! The logarithm of the gamma function, and its derivatives.

use super::zeta::zeta;
use std::f64::consts::PI;

/// `ln |Γ(x)|`; ∞ at 0 and the negative integers.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `B₂ₖ/(2k)` for k = 1…: the asymptotic series of digamma in `1/x²`.
const DIGAMMA_SERIES: [f64; 8] = [
    8.333333333333333e-2,
    -8.333333333333333e-3,
    3.968253968253968e-3,
    -4.166666666666667e-3,
    7.575757575757576e-3,
    -2.1092796092796094e-2,
    8.333333333333333e-2,
    -4.432598039215686e-1,
];

/// `ψ(x) = Γ′(x)/Γ(x)`: ∓∞ at ±0, NaN at the negative integers.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        // The tangent is of the fraction alone, whose period is exact.
        return digamma(1.0 - x) - PI / (PI * (x - x.trunc())).tan();
    }
    if x.is_infinite() {
        return x;
    }
    let (mut shift, mut a) = (0.0, x);
    while a < 10.0 {
        shift += 1.0 / a;
        a += 1.0;
    }
    let inverse_square = 1.0 / (a * a);
    let series = DIGAMMA_SERIES.iter().rev().fold(0.0, |sum, weight| (sum + weight) * inverse_square);
    a.ln() - 0.5 / a - series - shift
}

/// The n-th derivative of digamma: `ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! ζ(n + 1, x)`; NaN for negative `n`.
pub fn polygamma(n: i64, x: f64) -> f64 {
    match n {
        0 => digamma(x),
        1.. => {
            let sign = if n % 2 == 0 { -1.0 } else { 1.0 };
            let order = n as f64 + 1.0;
            sign * libm::tgamma(order) * zeta(order, x)
        }
        _ => f64::NAN,
    }
}
