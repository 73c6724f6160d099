//! Elementary functions of f64: `std`'s, `libm`'s where `std` has none, and PyTorch's conventions for remainders.

use super::Fma;

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

/// `ln 2` in 32 bits, whose products with exponents are exact, and the rest.
const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
/// `1/n!` from n = 2 on: within 2⁻⁵⁷ of `eʳ` for |r| ≤ ½ ln 2.
const INVERSE_FACTORIALS: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];
/// `1.5·2⁵²`: added to a small number, it leaves the nearest integer in the low bits of the sum.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// `eˣ`, within 1 ulp: straight-line code for loops, where [`exp`] would be a call for each number.
#[inline(always)]
pub fn exp_in_loop<F: Fma>(x: f64) -> f64 {
    // NaN stays NaN.
    let x = if x < -746.0 { -746.0 } else { x };
    let x = if x > 710.0 { 710.0 } else { x };
    let shifted = F::mul_add_wide(x, std::f64::consts::LOG2_E, ROUNDER);
    let k = shifted - ROUNDER;
    let r = F::mul_add_wide(-k, LN_2.1, F::mul_add_wide(-k, LN_2.0, x));
    let mut sum = INVERSE_FACTORIALS[11];
    let mut n = 11;
    while n > 0 {
        n -= 1;
        sum = F::mul_add_wide(sum, r, INVERSE_FACTORIALS[n]);
    }
    let m = F::mul_add_wide(r * r, sum, r) + 1.0;
    // 2ᵏ in two factors: neither overflows where the product does not, and a subnormal product is rounded once. The
    // exponent is kept positive, since AVX2 has no arithmetic shift of 64 bits.
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(2048);
    let half = exponent >> 1;
    let power = |above: u64| f64::from_bits(above.wrapping_sub(1) << 52);
    m * power(half) * power(exponent.wrapping_sub(half))
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

    #[test]
    fn exponentials_in_loops() {
        fn sweep<F: Fma>() {
            let edges =
                [0.0, -0.0, 1.0, 709.782712893384, 709.7827128933841, 710.0, -708.4, -745.1, -745.2, -746.0];
            let limits = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, -1e-300];
            let steps = (-3_000_000i32..3_000_000).step_by(17).map(|i| f64::from(i) * 2.5e-4);
            for x in edges.into_iter().chain(limits).chain(steps) {
                let (actual, expected) = (exp_in_loop::<F>(x), x.exp());
                let distance = actual.to_bits().abs_diff(expected.to_bits());
                assert!(distance <= 1, "exp({x:e}) = {actual:e}, not {expected:e}");
            }
            assert!(exp_in_loop::<F>(f64::NAN).is_nan());
        }
        sweep::<crate::math::Fused>();
        sweep::<crate::math::Separate>();
    }

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
