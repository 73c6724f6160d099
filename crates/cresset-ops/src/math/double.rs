//! Elementary functions of f64: `std`'s, `libm`'s where `std` has none, and PyTorch's conventions for remainders.

macro_rules! from_std {
    ($($name:ident = $method:ident: $formula:literal,)*) => {$(
        #[doc = concat!("`", $formula, "`, within 1 ulp.")]
        #[inline]
        pub fn $name(x: f64) -> f64 {
            x.$method()
        }
    )*};
}

from_std! {
    exp = exp: "eˣ",
    exp2 = exp2: "2ˣ",
    expm1 = exp_m1: "eˣ − 1",
    log = ln: "ln x",
    log2 = log2: "log₂ x",
    log10 = log10: "log₁₀ x",
    log1p = ln_1p: "ln(1 + x)",
    sin = sin: "sin x",
    cos = cos: "cos x",
    tan = tan: "tan x",
    asin = asin: "arcsin x",
    acos = acos: "arccos x",
    atan = atan: "arctan x",
    sinh = sinh: "(eˣ − e⁻ˣ)/2",
    cosh = cosh: "(eˣ + e⁻ˣ)/2",
    tanh = tanh: "(eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)",
}

/// `arsinh x`, within 1 ulp. Not `std`'s, which loses digits for small arguments.
#[inline]
pub fn asinh(x: f64) -> f64 {
    libm::asinh(x)
}

/// `arcosh x` for `x ≥ 1`, else NaN, within 1 ulp.
#[inline]
pub fn acosh(x: f64) -> f64 {
    // `libm` would not say so.
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

/// `artanh x`, within 1 ulp.
#[inline]
pub fn atanh(x: f64) -> f64 {
    libm::atanh(x)
}

/// `1/(1 + e⁻ˣ)`, within 2 ulp, with gradual underflow.
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    // The exponential of −|x| cannot overflow, and keeps the relative accuracy of small results.
    let e = (-x.abs()).exp();
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `ln(1 + eˣ)`, within 2 ulp.
#[inline]
pub fn log1p_exp(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + (-x.abs()).exp().ln_1p()
}

/// `2/√π ∫₀ˣ e^(−t²) dt`, within 1 ulp.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// `1 − erf x`, within 1 ulp relative, also where it is tiny.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// `1/√x`.
#[inline]
pub fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

/// `xʸ`, with C's special cases.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    x.powf(y)
}

/// The angle of the point `(x, y)`, in `[−π, π]`.
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

/// `√(x² + y²)`, without intermediate overflow.
#[inline]
pub fn hypot(x: f64, y: f64) -> f64 {
    x.hypot(y)
}

/// The remainder of `a/b` truncated: exact, with the sign of `a`.
#[inline]
pub fn fmod(a: f64, b: f64) -> f64 {
    a % b
}

/// The remainder of `a/b` rounded down, with the sign of `b`: Python's `%`, `torch.remainder`.
#[inline]
pub fn floor_mod(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) { remainder + b } else { remainder }
}

/// `⌊a/b⌋` of the exact quotient, as Python's `//`; `a/b` where `b = 0`.
#[inline]
pub fn floor_divide(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        return a / b;
    }
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0f64.copysign(a / b);
    }
    // `quotient` is within a rounding of an integer; take that integer.
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// The next f64 after `x` towards `y`; `y` where they are equal.
#[inline]
pub fn nextafter(x: f64, y: f64) -> f64 {
    if x == y {
        y
    } else if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if y > x {
        x.next_up()
    } else {
        x.next_down()
    }
}

/// `(m, e)` with `x = m·2ᵉ` and `½ ≤ |m| < 1`; zeros, infinities and NaN come back as they are with `e = 0`.
#[inline]
pub fn frexp(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() { (x, 0) } else { libm::frexp(x) }
}

/// `x·2ᵉ`, rounded once.
#[inline]
pub fn ldexp(x: f64, exponent: i32) -> f64 {
    libm::ldexp(x, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 4e-16 * expected.abs(), "{actual:e}, not {expected:e}");
    }

    // Expected values by mpmath with 40 digits.
    #[test]
    fn of_exponentials() {
        for (x, expected) in [
            (-740.0, 4.2e-322),
            (-700.0, 9.85967654375977e-305),
            (-1.5, 0.18242552380635635),
            (0.0, 0.5),
            (3.25, 0.9626731126558706),
            (40.0, 1.0),
        ] {
            assert_close(sigmoid(x), expected);
        }
        for (x, expected) in [
            (-700.0, 9.85967654375977e-305),
            (-1.5, 0.20141327798275246),
            (0.0, std::f64::consts::LN_2),
            (3.25, 3.288041371687783),
            (1000.0, 1000.0),
        ] {
            assert_close(log1p_exp(x), expected);
        }
        assert_eq!((log1p_exp(f64::NEG_INFINITY), log1p_exp(f64::INFINITY)), (0.0, f64::INFINITY));
        assert!(sigmoid(f64::NAN).is_nan() && log1p_exp(f64::NAN).is_nan());
        assert_close(rsqrt(2.0), std::f64::consts::FRAC_1_SQRT_2);
    }

    #[test]
    fn of_libm() {
        assert_close(erf(0.3), 0.3286267594591274);
        assert_close(erfc(5.0), 1.537459794428035e-12);
        assert_close(asinh(-1e-10), -1e-10);
        assert_close(acosh(1.0625), 0.3517373900432606);
        assert_close(atanh(0.3), 0.3095196042031117);
        assert!(acosh(0.5).is_nan() && acosh(-1e9).is_nan());
    }

    // Expected values by PyTorch.
    #[test]
    fn remainders_as_pytorch() {
        let infinity = f64::INFINITY;
        for (a, b, remainder, truncated, quotient) in [
            (-7.5, 2.0, 0.5, -1.5, -4.0),
            (7.0, 0.0, f64::NAN, f64::NAN, infinity),
            (0.0, 0.0, f64::NAN, f64::NAN, f64::NAN),
            (-0.0, 5.0, -0.0, -0.0, -0.0),
            (infinity, 2.0, f64::NAN, f64::NAN, f64::NAN),
            (1.0, infinity, 1.0, 1.0, 0.0),
            (-1.0, infinity, infinity, -1.0, -1.0),
            (1.0, -infinity, -infinity, 1.0, -1.0),
            (5.0, -0.0, f64::NAN, f64::NAN, -infinity),
            (-1e-300, 3.0, 3.0, -1e-300, -1.0),
        ] {
            let same = |x: f64, y: f64| (x.is_nan() && y.is_nan()) || x.total_cmp(&y).is_eq();
            assert!(same(floor_mod(a, b), remainder), "remainder({a}, {b}) = {}", floor_mod(a, b));
            assert!(same(fmod(a, b), truncated), "fmod({a}, {b}) = {}", fmod(a, b));
            assert!(same(floor_divide(a, b), quotient), "{a} // {b} = {}", floor_divide(a, b));
        }
    }

    #[test]
    fn parts_and_neighbours() {
        assert_eq!((frexp(8.0), frexp(5e-324), frexp(-1.0)), ((0.5, 4), (0.5, -1073), (-0.5, 1)));
        assert_eq!((frexp(-f64::INFINITY), frexp(0.0)), ((-f64::INFINITY, 0), (0.0, 0)));
        assert_eq!((ldexp(1.0, -1074), ldexp(1.0, 1024)), (5e-324, f64::INFINITY));
        assert_eq!((nextafter(0.0, -1.0), nextafter(f64::INFINITY, 0.0)), (-5e-324, f64::MAX));
        assert!(nextafter(0.0, -0.0).is_sign_negative() && nextafter(1.0, f64::NAN).is_nan());
    }
}
