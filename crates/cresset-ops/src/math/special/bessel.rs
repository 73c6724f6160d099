//! Functions that oscillate: Bessel's of the first and second kind, and sines over their argument.

use std::f64::consts::PI;

/// `J₀(x)`, within some 1e-16 of the amplitude.
pub fn bessel_j0(x: f64) -> f64 {
    libm::j0(x)
}

/// `J₁(x)`, within some 1e-16 of the amplitude.
pub fn bessel_j1(x: f64) -> f64 {
    libm::j1(x)
}

/// `Y₀(x)`; −∞ at 0, NaN below.
pub fn bessel_y0(x: f64) -> f64 {
    if x < 0.0 { f64::NAN } else { libm::y0(x) }
}

/// `Y₁(x)`; −∞ at 0, NaN below.
pub fn bessel_y1(x: f64) -> f64 {
    if x < 0.0 { f64::NAN } else { libm::y1(x) }
}

/// `sin(πx)/(πx)`, 1 at 0 and 0 at the other integers; NaN at ±∞.
pub fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    // The sine is taken within a half turn, where π·x keeps its digits, and is 0 at integers.
    let turn = x - 2.0 * (0.5 * x).round();
    let short = if turn.abs() > 0.5 { (1.0 - turn.abs()).copysign(turn) } else { turn };
    (PI * short).sin() / (PI * x) + 0.0 // which turns −0 into 0
}

/// `sin(x)/x`, 1 at 0 and 0 at ±∞.
pub fn spherical_bessel_j0(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x.is_infinite() {
        0.0
    } else {
        x.sin() / x
    }
}
