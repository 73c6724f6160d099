//! Airy's function.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `Ai` and `Ai′` at −10, −9, … 2, from which [`airy_ai`] steps.
const NODES: [(f64, f64); 13] = [
    (0.04024123848644319, 0.99626504413279),
    (-0.022133721547341403, -0.9756639809263316),
    (-0.0527050503563862, 0.9355609381983065),
    (0.18428083525050565, -0.7710081684101265),
    (-0.3291451736298231, 0.3459354872813429),
    (0.35076100902411433, 0.32719281855444315),
    (-0.07026553294928951, -0.7906285753685813),
    (-0.37881429367765806, 0.3145837692165988),
    (0.22740742820168558, 0.618259020741691),
    (0.5355608832923521, -0.01016056711664521),
    (0.3550280538878172, -0.2588194037928068),
    (0.13529241631288141, -0.1591474412967932),
    (0.03492413042327438, -0.05309038443365363),
];

/// `Ai(x)`, the solution of `y″ = xy` that decays; NaN at ±∞.
pub fn airy_ai(x: f64) -> f64 {
    if !x.is_finite() {
        f64::NAN
    } else if !(-1e200..=110.0).contains(&x) {
        0.0 // it underflows, or oscillates below 1e-50 with a phase that overflows
    } else if x >= 2.5 {
        decaying(x)
    } else if x <= -10.5 {
        oscillating(-x)
    } else {
        let node = x.round();
        let (value, slope) = NODES.get((node + 10.0) as usize).copied().unwrap_or((f64::NAN, f64::NAN));
        taylor(node, value, slope, x - node)
    }
}

/// The solution of `y″ = xy` at `origin + step`, |step| ≤ ½, from its value and slope at `origin`.
fn taylor(origin: f64, value: f64, slope: f64, step: f64) -> f64 {
    // cₙ₊₂ = (origin·cₙ + cₙ₋₁)/((n + 1)(n + 2)), each with its power of the step.
    let (mut before, mut c, mut next) = (0.0, value, slope * step);
    let mut sum = c + next;
    let square = step * step;
    for n in 0..28 {
        let divisor = f64::from((n + 1) * (n + 2));
        let after = (origin * c + before * step) * square / divisor;
        (before, c, next) = (c, next, after);
        sum += next;
    }
    sum
}

/// `e^(−ζ)/(π x^¼) ∫₀^∞ e^(−s²) cos(s³/(3x^¾)) ds`, `ζ = ⅔x^(3/2)`, for x ≥ 1. The integrand is entire: the
/// trapezoidal rule converges faster than any power of its step.
fn decaying(x: f64) -> f64 {
    let root = x.sqrt();
    let (zeta, rest) = phase(x, root);
    let quarter = root.sqrt();
    let frequency = 1.0 / (3.0 * root * quarter);
    let step = 0.15;
    let sum = (1..41).fold(0.5, |sum, j| {
        let s = step * f64::from(j);
        sum + (-s * s).exp() * (frequency * s * s * s).cos()
    });
    (-zeta).exp() * (1.0 - rest) * step * sum / (PI * quarter)
}

/// `⅔x·√x` and what its rounding has lost, since an ulp of a large phase is many of the function.
fn phase(x: f64, root: f64) -> (f64, f64) {
    let root_rest = (-root).mul_add(root, x) / (2.0 * root);
    let product = x * root;
    let product_rest = x.mul_add(root, -product) + x * root_rest;
    let phase = product * (2.0 / 3.0);
    let phase_rest = ((-3.0f64).mul_add(phase, 2.0 * product) + 2.0 * product_rest) / 3.0;
    (phase, phase_rest)
}

/// `Ai(−x)` for large x, by its asymptotic series.
fn oscillating(x: f64) -> f64 {
    let root = x.sqrt();
    let (zeta, rest) = phase(x, root);
    // uₖ = (6k − 5)(6k − 3)(6k − 1)/(216k(2k − 1))·uₖ₋₁, alternating in pairs between cosine and sine.
    let (mut term, mut even, mut odd) = (1.0f64, 1.0f64, 0.0f64);
    for k in 1..30 {
        let n = f64::from(k);
        let next =
            term * (6.0 * n - 5.0) * (6.0 * n - 3.0) * (6.0 * n - 1.0) / (216.0 * n * (2.0 * n - 1.0) * zeta);
        if next.abs() >= term.abs() || next.abs() < 1e-18 {
            break;
        }
        term = next;
        match k % 4 {
            0 => even += term,
            1 => odd += term,
            2 => even -= term,
            _ => odd -= term,
        }
    }
    // Of ζ − π/4, whose subtraction would round the phase again.
    let cosine = (zeta.cos() + zeta.sin()) * FRAC_1_SQRT_2;
    let sine = (zeta.sin() - zeta.cos()) * FRAC_1_SQRT_2;
    ((cosine - rest * sine) * even + (sine + rest * cosine) * odd) / (PI.sqrt() * root.sqrt())
}
