// Arithmetic and comparisons of floats and truths. Compilers may assume that there is no NaN, so whatever must tell one
// from other numbers looks at its bits.

fn isnan_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

fn isinf_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }

fn signbit_f32(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) != 0u; }

fn logical_not_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0u; }

// WGSL has no literals for these, and must not see that they are constant.
fn inf_f32() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

fn nan_f32() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

// Floats in their order as integers; both zeros are 0.
fn order_f32(x: f32) -> i32 {
    let bits = bitcast<i32>(x);
    return select(bits, -(bits & 0x7fffffff), bits < 0);
}

fn eq_f32(a: f32, b: f32) -> bool {
    return order_f32(a) == order_f32(b) && !isnan_f32(a);
}

fn ne_f32(a: f32, b: f32) -> bool { return !eq_f32(a, b); }

fn lt_f32(a: f32, b: f32) -> bool {
    return order_f32(a) < order_f32(b) && !isnan_f32(a) && !isnan_f32(b);
}

fn le_f32(a: f32, b: f32) -> bool {
    return order_f32(a) <= order_f32(b) && !isnan_f32(a) && !isnan_f32(b);
}

fn gt_f32(a: f32, b: f32) -> bool { return lt_f32(b, a); }

fn ge_f32(a: f32, b: f32) -> bool { return le_f32(b, a); }

fn maximum_f32(a: f32, b: f32) -> f32 {
    if (isnan_f32(a)) { return a; }
    if (isnan_f32(b)) { return b; }
    return select(b, a, order_f32(a) > order_f32(b));
}

fn minimum_f32(a: f32, b: f32) -> f32 {
    if (isnan_f32(a)) { return a; }
    if (isnan_f32(b)) { return b; }
    return select(b, a, order_f32(a) < order_f32(b));
}

fn add_f32(a: f32, b: f32) -> f32 { return a + b; }

fn sub_f32(a: f32, b: f32) -> f32 { return a - b; }

fn mul_f32(a: f32, b: f32) -> f32 { return a * b; }

fn div_f32(a: f32, b: f32) -> f32 { return a / b; }

fn neg_f32(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u); }

fn abs_f32(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu); }

fn copysign_f32(a: f32, b: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u));
}

fn sign_f32(x: f32) -> f32 {
    let order = order_f32(x);
    if (isnan_f32(x) || order == 0) { return 0.0; }
    return select(-1.0, 1.0, order > 0);
}

fn floor_f32(x: f32) -> f32 { return floor(x); }

fn ceil_f32(x: f32) -> f32 { return ceil(x); }

fn trunc_f32(x: f32) -> f32 { return trunc(x); }

fn round_f32(x: f32) -> f32 { return round(x); }

fn reciprocal_f32(x: f32) -> f32 { return 1.0 / x; }

// A compiler may say that the square of a root is the number, of negative ones too.
fn sqrt_f32(x: f32) -> f32 {
    if (lt_f32(x, 0.0)) { return nan_f32(); }
    return sqrt(x);
}

fn rsqrt_f32(x: f32) -> f32 { return 1.0 / sqrt_f32(x); }

fn trunc_divide_f32(a: f32, b: f32) -> f32 { return trunc(a / b); }

fn add_bool(a: bool, b: bool) -> bool { return a || b; }

fn mul_bool(a: bool, b: bool) -> bool { return a && b; }

fn maximum_bool(a: bool, b: bool) -> bool { return a || b; }

fn minimum_bool(a: bool, b: bool) -> bool { return a && b; }

fn bitwise_and_bool(a: bool, b: bool) -> bool { return a && b; }

fn bitwise_or_bool(a: bool, b: bool) -> bool { return a || b; }

fn bitwise_xor_bool(a: bool, b: bool) -> bool { return a != b; }

fn bitwise_not_bool(x: bool) -> bool { return !x; }

fn logical_not_bool(x: bool) -> bool { return !x; }

fn eq_bool(a: bool, b: bool) -> bool { return a == b; }

fn ne_bool(a: bool, b: bool) -> bool { return a != b; }

fn lt_bool(a: bool, b: bool) -> bool { return !a && b; }

fn le_bool(a: bool, b: bool) -> bool { return !a || b; }

fn gt_bool(a: bool, b: bool) -> bool { return a && !b; }

fn ge_bool(a: bool, b: bool) -> bool { return a || !b; }

fn abs_bool(x: bool) -> bool { return x; }

fn floor_bool(x: bool) -> bool { return x; }

fn ceil_bool(x: bool) -> bool { return x; }

fn trunc_bool(x: bool) -> bool { return x; }

fn round_bool(x: bool) -> bool { return x; }

fn sign_bool(x: bool) -> bool { return x; }

fn isnan_bool(x: bool) -> bool { return false; }

fn isinf_bool(x: bool) -> bool { return false; }

fn signbit_bool(x: bool) -> bool { return false; }
