//! Integer arithmetic as PyTorch does it: division that rounds down, remainders, powers, shifts, divisors.
//! In i64; narrower types convert, call, and truncate the result, which wraps as their own arithmetic would.

/// `a/b` rounded towards zero; `None` where `b = 0`. `i64::MIN / −1` wraps.
#[inline]
pub fn truncate_divide(a: i64, b: i64) -> Option<i64> {
    (b != 0).then(|| a.wrapping_div(b))
}

/// `a/b` rounded down, as Python's `//`; `None` where `b = 0`. `i64::MIN / −1` wraps.
#[inline]
pub fn floor_divide(a: i64, b: i64) -> Option<i64> {
    let quotient = truncate_divide(a, b)?;
    let remainder = a.wrapping_rem(b);
    Some(if remainder != 0 && (remainder < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// The remainder of the truncated division, with the sign of `a`; `None` where `b = 0`.
#[inline]
pub fn fmod(a: i64, b: i64) -> Option<i64> {
    (b != 0).then(|| a.wrapping_rem(b))
}

/// The remainder of the division rounded down, with the sign of `b`: Python's `%`, `torch.remainder`.
/// `None` where `b = 0`.
#[inline]
pub fn floor_mod(a: i64, b: i64) -> Option<i64> {
    let remainder = fmod(a, b)?;
    Some(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
}

/// `aᵇ`, wrapping. A negative power is the truncated reciprocal: 0 unless `a = ±1`.
#[inline]
pub fn pow(a: i64, b: i64) -> i64 {
    if b < 0 {
        return match a {
            1 => 1,
            -1 if b % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut result, mut base, mut exponent) = (1i64, a, b);
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}

/// `a·2ᵇ`, wrapping; 0 where `b` is negative or at least 64.
#[inline]
pub fn shift_left(a: i64, b: i64) -> i64 {
    if (0..64).contains(&b) { a << b } else { 0 }
}

/// `⌊a/2ᵇ⌋`; the sign alone (0 or −1) where `b` is negative or at least 64.
#[inline]
pub fn shift_right(a: i64, b: i64) -> i64 {
    if (0..64).contains(&b) { a >> b } else { a >> 63 }
}

/// The greatest common divisor, not negative; `gcd(0, 0) = 0`.
#[inline]
pub fn gcd(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a.unsigned_abs(), b.unsigned_abs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    x as i64
}

/// The least common multiple, not negative, wrapping; 0 where either is 0.
#[inline]
pub fn lcm(a: i64, b: i64) -> i64 {
    let divisor = gcd(a, b).unsigned_abs();
    let quotient = a.unsigned_abs().checked_div(divisor).unwrap_or(0);
    quotient.wrapping_mul(b.unsigned_abs()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_as_python() {
        for (a, b, quotient, remainder) in
            [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, -3, -2, 0), (0, -3, 0, 0)]
        {
            assert_eq!(floor_divide(a, b), Some(quotient), "{a} // {b}");
            assert_eq!(floor_mod(a, b), Some(remainder), "{a} % {b}");
        }
        assert_eq!((truncate_divide(-7, 2), fmod(-7, 2)), (Some(-3), Some(-1)));
        assert_eq!((floor_divide(i64::MIN, -1), floor_mod(i64::MIN, -1)), (Some(i64::MIN), Some(0)));
        for divide in [truncate_divide, floor_divide, fmod, floor_mod] {
            assert_eq!(divide(1, 0), None);
        }
    }

    #[test]
    fn powers_wrap_and_negative_powers_truncate() {
        assert_eq!((pow(3, 4), pow(-2, 63), pow(0, 0), pow(2, 64)), (81, i64::MIN, 1, 0));
        assert_eq!((pow(1, -5), pow(-1, -5), pow(-1, -4), pow(2, -1), pow(0, -1)), (1, -1, 1, 0, 0));
    }

    #[test]
    fn shifts_out_of_range_empty_the_word() {
        assert_eq!((shift_left(3, 2), shift_left(3, 64), shift_left(3, -1)), (12, 0, 0));
        assert_eq!((shift_right(-12, 2), shift_right(-12, 64), shift_right(12, 99)), (-3, -1, 0));
        assert_eq!((shift_right(-12, -1), shift_right(12, -1)), (-1, 0));
    }

    #[test]
    fn divisors_and_multiples() {
        assert_eq!((gcd(12, -18), gcd(0, -5), gcd(0, 0), gcd(i64::MIN, 6)), (6, 5, 0, 2));
        assert_eq!((lcm(4, -6), lcm(0, 3), lcm(0, 0), lcm(21, 6)), (12, 0, 0, 42));
    }
}
