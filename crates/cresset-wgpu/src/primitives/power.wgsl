// Powers of floats, and roots of sums of them.

// a^y of a positive number that is not 1: 2^(y·log₂ a), the logarithm with the digits that a large exponent asks for.
fn power_of_positive(a: f32, y: f32) -> f32 {
    let logarithm = mul_pair(log_pair(a), vec2<f32>(1.442695, 1.925963e-8));
    let rough = y * logarithm.x;
    if (rough > 200.0 || isinf_f32(rough)) { return select(inf_f32(), 0.0, signbit_f32(rough)); }
    if (rough < -200.0) { return 0.0; }
    let product = pair_product(y, logarithm.x);
    let turns = round(product.x);
    let r = (product.x - turns) + (product.y + y * logarithm.y);
    return scale_f32(fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, 0.00015453876, 0.0013388069), 0.009618083), 0.05550366), 0.2402265), 0.6931472), 1.0), i32(turns));
}

fn pow_f32(x: f32, y: f32) -> f32 {
    // Exact where these are, and most powers are of this kind.
    if (y == 2.0) { return x * x; }
    if (y == 3.0) { return x * x * x; }
    if (y == -1.0) { return 1.0 / x; }
    if (logical_not_f32(y) || bitcast<u32>(x) == 0x3f800000u) { return 1.0; }
    if (isnan_f32(x) || isnan_f32(y)) { return nan_f32(); }
    let a = abs_f32(x);
    let size = abs_f32(y);
    // From 2^24 on every number is an even integer, infinity too.
    let even = order_f32(size) >= 0x4b800000;
    let integer = even || trunc(size) == size;
    var odd = false;
    if (integer && !even) { odd = (u32(size) & 1u) == 1u; }
    if (signbit_f32(x) && !integer && order_f32(x) != 0 && !isinf_f32(x)) { return nan_f32(); }
    var value = 1.0;
    if (order_f32(a) == 0 || isinf_f32(a)) {
        value = select(inf_f32(), 0.0, (order_f32(a) == 0) != signbit_f32(y));
    } else if (bitcast<u32>(a) != 0x3f800000u) {
        if (isinf_f32(size)) {
            value = select(inf_f32(), 0.0, (a < 1.0) != signbit_f32(y));
        } else {
            value = power_of_positive(a, y);
        }
    }
    return select(value, bitcast<f32>(bitcast<u32>(value) | (bitcast<u32>(x) & 0x80000000u)), odd);
}

fn hypot_f32(x: f32, y: f32) -> f32 {
    if (isinf_f32(x) || isinf_f32(y)) { return inf_f32(); }
    if (isnan_f32(x) || isnan_f32(y)) { return nan_f32(); }
    let a = abs_f32(x);
    let b = abs_f32(y);
    let larger = max(a, b);
    var scale = 1.0;
    if (larger > 1e18) { scale = 5.421011e-20; }
    if (larger < 1e-18) { scale = 1.8446744e19; }
    let p = pair_product(a * scale, a * scale);
    let q = pair_product(b * scale, b * scale);
    return sqrt((p.x + q.x) + (p.y + q.y)) / scale;
}
