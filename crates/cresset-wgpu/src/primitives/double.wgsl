// Arithmetic and comparisons of doubles, on cards that have them; those have 64-bit integers too.

fn f64_of_bits(low: u32, high: u32) -> f64 { return bitcast<f64>((u64(high) << 32u) | u64(low)); }

// How large it is, as bits.
fn size_f64(x: f64) -> i64 { return bitcast<i64>(x) & ~(i64(1) << 63u); }

fn inf_bits_f64() -> i64 { return i64(0x7ff) << 52u; }

fn inf_f64() -> f64 {
    var high = 0x7ff00000u;
    return f64_of_bits(0u, high);
}

fn nan_f64() -> f64 {
    var high = 0x7ff80000u;
    return f64_of_bits(0u, high);
}

fn isnan_f64(x: f64) -> bool { return size_f64(x) > inf_bits_f64(); }

fn isinf_f64(x: f64) -> bool { return size_f64(x) == inf_bits_f64(); }

fn signbit_f64(x: f64) -> bool { return bitcast<i64>(x) < i64(0); }

fn logical_not_f64(x: f64) -> bool { return size_f64(x) == i64(0); }

// Doubles in their order as integers; both zeros are 0.
fn order_f64(x: f64) -> i64 {
    let bits = bitcast<i64>(x);
    return select(bits, -size_f64(x), bits < i64(0));
}

fn eq_f64(a: f64, b: f64) -> bool { return order_f64(a) == order_f64(b) && !isnan_f64(a); }

fn ne_f64(a: f64, b: f64) -> bool { return !eq_f64(a, b); }

fn lt_f64(a: f64, b: f64) -> bool { return order_f64(a) < order_f64(b) && !isnan_f64(a) && !isnan_f64(b); }

fn le_f64(a: f64, b: f64) -> bool { return order_f64(a) <= order_f64(b) && !isnan_f64(a) && !isnan_f64(b); }

fn gt_f64(a: f64, b: f64) -> bool { return lt_f64(b, a); }

fn ge_f64(a: f64, b: f64) -> bool { return le_f64(b, a); }

fn maximum_f64(a: f64, b: f64) -> f64 {
    if (isnan_f64(a)) { return a; }
    if (isnan_f64(b)) { return b; }
    return select(b, a, order_f64(a) > order_f64(b));
}

fn minimum_f64(a: f64, b: f64) -> f64 {
    if (isnan_f64(a)) { return a; }
    if (isnan_f64(b)) { return b; }
    return select(b, a, order_f64(a) < order_f64(b));
}

// The number itself, but that a compiler cannot know it.
fn kept_f64(x: f64) -> f64 {
    let bits = bitcast<i64>(x);
    return bitcast<f64>(bits ^ select(i64(0), i64(1), bits == (i64(0x7feffffd) << 32u)));
}

fn add_f64(a: f64, b: f64) -> f64 { return a + b; }

fn sub_f64(a: f64, b: f64) -> f64 { return a - b; }

fn mul_f64(a: f64, b: f64) -> f64 { return a * b; }

fn div_f64(a: f64, b: f64) -> f64 { return a / b; }

fn trunc_divide_f64(a: f64, b: f64) -> f64 { return trunc_f64(a / b); }

fn neg_f64(x: f64) -> f64 { return bitcast<f64>(bitcast<i64>(x) ^ (i64(1) << 63u)); }

fn abs_f64(x: f64) -> f64 { return bitcast<f64>(size_f64(x)); }

fn copysign_f64(a: f64, b: f64) -> f64 {
    return bitcast<f64>(size_f64(a) | (bitcast<i64>(b) & (i64(1) << 63u)));
}

fn sign_f64(x: f64) -> f64 {
    let order = order_f64(x);
    if (isnan_f64(x) || order == i64(0)) { return 0.0lf; }
    return select(-1.0lf, 1.0lf, order > i64(0));
}

fn floor_f64(x: f64) -> f64 { return copysign_f64(floor(x), x); }

fn ceil_f64(x: f64) -> f64 { return copysign_f64(ceil(x), x); }

fn trunc_f64(x: f64) -> f64 { return copysign_f64(trunc(x), x); }

fn round_f64(x: f64) -> f64 { return copysign_f64(round(x), x); }

fn reciprocal_f64(x: f64) -> f64 { return 1.0lf / x; }

fn sqrt_f64(x: f64) -> f64 {
    if (lt_f64(x, 0.0lf)) { return nan_f64(); }
    return sqrt(x);
}

fn rsqrt_f64(x: f64) -> f64 { return 1.0lf / sqrt_f64(x); }

fn f32_from_f64(x: f64) -> f32 { return f32(x); }

fn f64_from_f32(x: f32) -> f64 { return f64(x); }

fn f64_from_int(x: int) -> f64 { return f64(x); }

fn f64_from_bool(x: bool) -> f64 { return select(0.0lf, 1.0lf, x); }

fn bool_from_f64(x: f64) -> bool { return !logical_not_f64(x); }

// Towards zero; what is too large becomes the nearest, NaN becomes 0; of narrower integers the low word of that.
fn int_from_f64(x: f64) -> int {
    let bits = size_f64(x);
    let exponent = i32(bits >> 52u);
    if (exponent < 1023 || bits > inf_bits_f64()) { return int(0); }
    if (exponent >= 1086) {
        return int(select(~(i64(1) << 63u), i64(1) << 63u, signbit_f64(x)));
    }
    let whole = (bits & ((i64(1) << 52u) - i64(1))) | (i64(1) << 52u);
    let size = select(whole >> u32(1075 - min(exponent, 1075)), whole << u32(max(exponent, 1075) - 1075), exponent > 1075);
    return int(select(size, -size, signbit_f64(x)));
}

// A positive number times 2^k, so that it is normal: its bits; 64 of k added to them there where it was not.
fn normal_f64(x: f64) -> f64 {
    return select(x, x * 18014398509481984.0lf, size_f64(x) < (i64(1) << 52u));
}

fn exponent_f64(x: f64) -> int {
    if (size_f64(x) >= inf_bits_f64() || logical_not_f64(x)) { return int(0); }
    let normal = normal_f64(x);
    let exponent = i32(size_f64(normal) >> 52u) - 1022;
    return int_from_i32(select(exponent, exponent - 54, size_f64(x) < (i64(1) << 52u)));
}

fn mantissa_f64(x: f64) -> f64 {
    if (size_f64(x) >= inf_bits_f64() || logical_not_f64(x)) { return x; }
    let bits = bitcast<i64>(normal_f64(x));
    return bitcast<f64>((bits & ~(i64(0x7ff) << 52u)) | (i64(1022) << 52u));
}

fn nextafter_f64(a: f64, b: f64) -> f64 {
    if (isnan_f64(a) || isnan_f64(b)) { return nan_f64(); }
    let start = order_f64(a);
    let end = order_f64(b);
    if (start == end) { return b; }
    let next = select(start - i64(1), start + i64(1), end > start);
    let size = select(next, -next, next < i64(0));
    return bitcast<f64>(select(size, size | (i64(1) << 63u), next < i64(0) || start < i64(0)));
}

// The remainder of truncated division, by long division of the mantissas, eleven bits at a time.
fn fmod_f64(a: f64, b: f64) -> f64 {
    let x = u64(size_f64(a));
    let y = u64(size_f64(b));
    let infinite = u64(inf_bits_f64());
    if (x >= infinite || y > infinite || y == u64(0u)) { return nan_f64(); }
    if (x < y) { return a; }
    let unit = u64(1u) << 52u;
    let least = max(u32(y >> 52u), 1u);
    let whole = select((y & (unit - u64(1u))) | unit, y, y < unit);
    var rest = select((x & (unit - u64(1u))) | unit, x, x < unit) % whole;
    var more = max(u32(x >> 52u), 1u) - least;
    while (more > 0u) {
        let step = min(more, 11u);
        rest = (rest << step) % whole;
        more = more - step;
    }
    var exponent = least;
    while (rest != u64(0u) && rest < unit && exponent > 1u) {
        rest = rest << 1u;
        exponent = exponent - 1u;
    }
    let bits = select(rest, (rest & (unit - u64(1u))) | (u64(exponent) << 52u), rest >= unit);
    return copysign_f64(bitcast<f64>(bits), a);
}

fn turns_f64(rest: f64, b: f64) -> bool {
    return !logical_not_f64(rest) && signbit_f64(rest) != signbit_f64(b) && !isnan_f64(rest);
}

fn remainder_f64(a: f64, b: f64) -> f64 {
    let rest = fmod_f64(a, b);
    if (turns_f64(rest, b)) { return rest + b; }
    return rest;
}

fn floor_divide_f64(a: f64, b: f64) -> f64 {
    if (logical_not_f64(b)) { return a / b; }
    let rest = fmod_f64(a, b);
    if (isnan_f64(rest)) { return rest; }
    var quotient = (a - rest) / b;
    if (turns_f64(rest, b)) { quotient = quotient - 1.0lf; }
    if (logical_not_f64(quotient)) { return copysign_f64(0.0lf, copysign_f64(1.0lf, a) * b); }
    return round(quotient);
}
