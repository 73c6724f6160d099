//! Modified Bessel functions: I, which grow, and K, which decay; and both scaled by their exponential.

use std::f64::consts::PI;

/// `I₀(x)`.
pub fn i0(x: f64) -> f64 {
    let x = x.abs();
    if x <= SERIES_LIMIT { i_series(x, 0.0) } else { grow(i_asymptotic(x, 0.0), x) }
}

/// `e^(−|x|)·I₀(x)`.
pub fn i0e(x: f64) -> f64 {
    let x = x.abs();
    if x <= SERIES_LIMIT { (-x).exp() * i_series(x, 0.0) } else { i_asymptotic(x, 0.0) }
}

/// `I₁(x)`.
pub fn i1(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude <= SERIES_LIMIT {
        0.5 * x * i_series(x, 1.0)
    } else {
        grow(i_asymptotic(magnitude, 1.0), magnitude).copysign(x)
    }
}

/// `e^(−|x|)·I₁(x)`.
pub fn i1e(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude <= SERIES_LIMIT {
        0.5 * x * (-magnitude).exp() * i_series(x, 1.0)
    } else {
        i_asymptotic(magnitude, 1.0).copysign(x)
    }
}

/// Below, the power series, all of whose terms are positive, takes at most some fifty of them; above, the
/// smallest term of the asymptotic series is below the last digit.
const SERIES_LIMIT: f64 = 20.0;

/// `scaled·eˣ`, in two factors since the exponential alone may overflow where the product does not.
fn grow(scaled: f64, x: f64) -> f64 {
    if x.is_infinite() {
        return x;
    }
    let half = (0.5 * x).exp();
    scaled * half * half
}

/// `Σ (x²/4)ᵏ/(k!(k + ν)!)·ν!`, which is `Iᵥ(x)` over its leading power.
fn i_series(x: f64, order: f64) -> f64 {
    let t = 0.25 * x * x;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > f64::EPSILON * 0.1 * sum {
        term *= t / (k * (k + order));
        sum += term;
        k += 1.0;
    }
    sum
}

/// `e⁻ˣIᵥ(x)` by Hankel's series, for large x.
fn i_asymptotic(x: f64, order: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    let square = 4.0 * order * order;
    while k < 40.0 {
        let odd = 2.0 * k - 1.0;
        let next: f64 = term * (odd * odd - square) / (8.0 * x * k);
        if !(next.abs() < f64::abs(term) && next.abs() > f64::EPSILON * 0.1) {
            break;
        }
        term = next;
        sum += term;
        k += 1.0;
    }
    sum / (2.0 * PI * x).sqrt()
}

/// `K₀(x)`; ∞ at 0, NaN below.
pub fn modified_bessel_k0(x: f64) -> f64 {
    if x <= K_SERIES_LIMIT { k0_small(x) } else { k_integral(x, 0.0) * (-x).exp() }
}

/// `eˣ·K₀(x)`; ∞ at 0, NaN below.
pub fn scaled_modified_bessel_k0(x: f64) -> f64 {
    if x <= K_SERIES_LIMIT { k0_small(x) * x.exp() } else { k_integral(x, 0.0) }
}

/// `K₁(x)`; ∞ at 0, NaN below.
pub fn modified_bessel_k1(x: f64) -> f64 {
    if x <= K_SERIES_LIMIT { k1_small(x) } else { k_integral(x, 1.0) * (-x).exp() }
}

/// `eˣ·K₁(x)`; ∞ at 0, NaN below.
pub fn scaled_modified_bessel_k1(x: f64) -> f64 {
    if x <= K_SERIES_LIMIT { k1_small(x) * x.exp() } else { k_integral(x, 1.0) }
}

/// Below, the logarithmic series; above, the integral, whose step the nearest singularity bounds.
const K_SERIES_LIMIT: f64 = 2.0;

/// Euler's constant.
const EULER: f64 = 0.5772156649015329;

/// `K₀(x) = −(ln(x/2) + γ)·I₀(x) + Σ (x²/4)ᵏ/k!²·Hₖ`.
fn k0_small(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY;
    }
    let t = 0.25 * x * x;
    let logarithm = -((0.5 * x).ln() + EULER);
    let (mut sum, mut term, mut harmonic) = (logarithm, 1.0, 0.0);
    for k in 1..20 {
        let k = f64::from(k);
        term *= t / (k * k);
        harmonic += 1.0 / k;
        sum += term * (logarithm + harmonic);
    }
    sum
}

/// `K₁(x) = 1/x + x/2·Σ (x²/4)ᵏ/(k!(k + 1)!)·(ln(x/2) + γ − (Hₖ + Hₖ₊₁)/2)`.
fn k1_small(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY;
    }
    let t = 0.25 * x * x;
    let logarithm = (0.5 * x).ln() + EULER;
    let (mut sum, mut term, mut harmonic) = (0.0, 1.0, 0.0);
    for k in 0..20 {
        let k = f64::from(k);
        let next = 1.0 / (k + 1.0);
        sum += term * (logarithm - harmonic - 0.5 * next);
        term *= t / ((k + 1.0) * (k + 2.0));
        harmonic += next;
    }
    1.0 / x + 0.5 * x * sum
}

/// `exp(−(j/3)²)`, the weights of [`k_integral`].
const NORMAL_WEIGHTS: [f64; 18] = [
    0.8948393168143698,
    0.6411803884299546,
    0.36787944117144233,
    0.16901331540606607,
    0.06217652402211631,
    0.01831563888873418,
    0.004320239474094067,
    0.0008159878350721479,
    0.00012340980408667956,
    1.4945338524781446e-05,
    1.4492788871477613e-06,
    1.1253517471925912e-07,
    6.99704599426507e-09,
    3.483624072895636e-10,
    1.3887943864964021e-11,
    4.433377746328039e-13,
    1.133239324797551e-14,
    2.3195228302435696e-16,
];

/// `eˣKᵥ(x)`, ν = 0 or 1, as `√(2/x) ∫₀^∞ e^(−v²)·(1 + νv²/x)/√(1 + v²/(2x)) dv` (`v = √(2x)·sinh(t/2)` in
/// `∫ e^(−x cosh t) cosh νt dt`). The trapezoidal rule is exact to the last digit at this step, for x ≥ 2.
fn k_integral(x: f64, order: f64) -> f64 {
    let mut sum = 0.5;
    for (j, weight) in (1..).zip(NORMAL_WEIGHTS) {
        let square = f64::from(j * j) / 9.0;
        sum += weight * (1.0 + order * square / x) / (1.0 + 0.5 * square / x).sqrt();
    }
    (2.0 / x).sqrt() * sum / 3.0
}
