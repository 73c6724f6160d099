//! Hurwitz's zeta function.

/// `B₂ₖ/(2k)!` for k = 1…: the weights of Euler and Maclaurin's formula.
const WEIGHTS: [f64; 12] = [
    8.333333333333333e-2,
    -1.388888888888889e-3,
    3.306878306878307e-5,
    -8.267195767195767e-7,
    2.08767569878681e-8,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
    5.5090028283602295e-18,
    -1.3954464685812523e-19,
];

/// `ζ(s, q) = Σₖ (k + q)⁻ˢ`, k = 0, 1, …: ∞ for `s = 1`, NaN for `s < 1`; for `q ≤ 0`, ∞ at integers and NaN
/// elsewhere unless `s` is an integer. Within some 1e-15 relative.
pub fn zeta(s: f64, q: f64) -> f64 {
    if !s.is_finite() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if s == 1.0 {
        return f64::INFINITY;
    }
    if q <= 0.0 {
        let floor = q.floor();
        if q == floor {
            return f64::INFINITY;
        }
        if s != s.floor() {
            return f64::NAN;
        }
        // What is left to the next integer is exact of tiny q, whose fraction is not. The terms below zero are those of two other zetas, which saves a loop as long as −q.
        let fraction = q - floor;
        let sign = if s % 2.0 == 0.0 { 1.0 } else { -1.0 };
        return zeta_positive(s, fraction)
            + sign * (zeta_positive(s, floor + 1.0 - q) - zeta_positive(s, 1.0 - q));
    }
    zeta_positive(s, q)
}

/// Euler and Maclaurin's formula, for `s > 1`, `q > 0`.
fn zeta_positive(s: f64, q: f64) -> f64 {
    if q.is_infinite() {
        return 0.0;
    }
    // Terms are summed until the corrections fall off: each is (s + 2k)²/(2πa)² of the one before.
    // Of large q the integral is all there is, and one more would not change it.
    let enough = if q < 1e6 { q + 9.0 } else { q };
    let far = enough.max(0.5 * s);
    let mut sum = q.powf(-s);
    let mut a = q;
    while a < far {
        a += 1.0;
        let term = a.powf(-s);
        sum += term;
        if term <= f64::EPSILON * 0.01 * sum {
            return sum;
        }
    }
    let last = a.powf(-s);
    // Not `last·a`, which underflows before it.
    sum += a.powf(1.0 - s) / (s - 1.0) - 0.5 * last;
    let mut factor = s * last / a;
    let mut k = s;
    for weight in WEIGHTS {
        let term = factor * weight;
        sum += term;
        if term.abs() < f64::EPSILON * 0.01 * sum.abs() {
            break;
        }
        factor *= (k + 1.0) * (k + 2.0) / (a * a);
        k += 2.0;
    }
    sum
}
