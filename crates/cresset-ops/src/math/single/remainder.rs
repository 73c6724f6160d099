//! Remainders, and the quotients that belong to them.

/// The remainder of `a/b` truncated: exact, with the sign of `a`.
#[inline(always)]
pub fn fmod(a: f32, b: f32) -> f32 {
    a % b
}

/// The remainder of `a/b` rounded down, with the sign of `b`: Python's `%`, `torch.remainder`.
#[inline(always)]
pub fn floor_mod(a: f32, b: f32) -> f32 {
    let remainder = a % b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) { remainder + b } else { remainder }
}

/// `⌊a/b⌋` of the exact quotient, as Python's `//`; `a/b` where `b = 0`.
#[inline(always)]
pub fn floor_divide(a: f32, b: f32) -> f32 {
    if b == 0.0 {
        return a / b;
    }
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0f32.copysign(a / b);
    }
    // `quotient` is within a rounding of an integer; take that integer.
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}
