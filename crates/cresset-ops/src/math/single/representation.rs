//! The parts of a number, and its neighbours.

use crate::math::double;

/// The next f32 after `x` towards `y`; `y` where they are equal.
#[inline]
pub fn nextafter(x: f32, y: f32) -> f32 {
    if x == y {
        y
    } else if x.is_nan() || y.is_nan() {
        f32::NAN
    } else if y > x {
        x.next_up()
    } else {
        x.next_down()
    }
}

/// `(m, e)` with `x = m·2ᵉ` and `½ ≤ |m| < 1`; zeros, infinities and NaN come back as they are with `e = 0`.
#[inline]
pub fn frexp(x: f32) -> (f32, i32) {
    let (mantissa, exponent) = double::frexp(f64::from(x));
    (mantissa as f32, exponent)
}

/// `x·2ᵉ`, rounded once.
#[inline]
pub fn ldexp(x: f32, exponent: i32) -> f32 {
    libm::ldexpf(x, exponent)
}
