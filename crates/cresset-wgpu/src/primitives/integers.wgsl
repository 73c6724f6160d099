// Integers, computed in 64 bits where the card has them.

fn add_int(a: int, b: int) -> int { return a + b; }

fn sub_int(a: int, b: int) -> int { return a - b; }

fn mul_int(a: int, b: int) -> int { return a * b; }

fn neg_int(x: int) -> int { return -x; }

fn abs_int(x: int) -> int { return select(x, -x, x < int(0)); }

fn sign_int(x: int) -> int { return select(select(int(0), int(1), x > int(0)), int(-1), x < int(0)); }

fn floor_int(x: int) -> int { return x; }

fn ceil_int(x: int) -> int { return x; }

fn trunc_int(x: int) -> int { return x; }

fn round_int(x: int) -> int { return x; }

fn maximum_int(a: int, b: int) -> int { return select(b, a, a > b); }

fn minimum_int(a: int, b: int) -> int { return select(b, a, a < b); }

fn eq_int(a: int, b: int) -> bool { return a == b; }

fn ne_int(a: int, b: int) -> bool { return a != b; }

fn lt_int(a: int, b: int) -> bool { return a < b; }

fn le_int(a: int, b: int) -> bool { return a <= b; }

fn gt_int(a: int, b: int) -> bool { return a > b; }

fn ge_int(a: int, b: int) -> bool { return a >= b; }

fn logical_not_int(x: int) -> bool { return x == int(0); }

fn isnan_int(x: int) -> bool { return false; }

fn isinf_int(x: int) -> bool { return false; }

fn signbit_int(x: int) -> bool { return x < int(0); }

fn bitwise_not_int(x: int) -> int { return -x - int(1); }

fn bitwise_and_int(a: int, b: int) -> int { return a & b; }

fn bitwise_or_int(a: int, b: int) -> int { return a | b; }

fn bitwise_xor_int(a: int, b: int) -> int { return a ^ b; }

// Divided by zero is 0: the processor refuses it, but a card cannot stop.
fn trunc_divide_int(a: int, b: int) -> int {
    if (b == int(0)) { return int(0); }
    if (b == int(-1)) { return -a; }
    return a / b;
}

fn fmod_int(a: int, b: int) -> int { return select(a - trunc_divide_int(a, b) * b, int(0), b == int(0)); }

fn floor_divide_int(a: int, b: int) -> int {
    let quotient = trunc_divide_int(a, b);
    let rest = fmod_int(a, b);
    return select(quotient, quotient - int(1), rest != int(0) && ((rest < int(0)) != (b < int(0))));
}

fn remainder_int(a: int, b: int) -> int {
    let rest = fmod_int(a, b);
    return select(rest, rest + b, rest != int(0) && ((rest < int(0)) != (b < int(0))));
}

// Of negative powers the integer part.
fn pow_int(a: int, b: int) -> int {
    if (b < int(0)) {
        if (a == int(1)) { return a; }
        if (a == int(-1)) { return select(a, int(1), (b & int(1)) == int(0)); }
        return int(0);
    }
    var result = int(1);
    var base = a;
    var exponent = b;
    while (exponent != int(0)) {
        if ((exponent & int(1)) == int(1)) { result = result * base; }
        base = base * base;
        exponent = exponent >> 1u;
    }
    return result;
}

fn bitwise_left_shift_int(a: int, b: int) -> int {
    if (b < int(0) || b >= INT_BITS) { return int(0); }
    return a << u32(b);
}

fn bitwise_right_shift_int(a: int, b: int) -> int {
    if (b < int(0) || b >= INT_BITS) { return select(int(0), int(-1), a < int(0)); }
    return a >> u32(b);
}

fn wrap_i32(x: int) -> int { return int_from_i32(i32(x)); }

fn wrap_i16(x: int) -> int { return int_from_i32(extractBits(i32(x), 0u, 16u)); }

fn wrap_i8(x: int) -> int { return int_from_i32(extractBits(i32(x), 0u, 8u)); }

fn wrap_u8(x: int) -> int { return x & int(255); }
