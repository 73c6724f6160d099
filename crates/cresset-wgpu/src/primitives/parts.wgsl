// The parts of a float, its neighbours, and remainders, all by its bits: exact, subnormals included.

fn mantissa_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x) || logical_not_f32(x)) { return x; }
    let bits = normal_bits(bitcast<u32>(x) & 0x7fffffffu).x;
    return bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u | (bitcast<u32>(x) & 0x80000000u));
}

fn exponent_f32(x: f32) -> int {
    if (isnan_f32(x) || isinf_f32(x) || logical_not_f32(x)) { return int(0); }
    let parts = normal_bits(bitcast<u32>(x) & 0x7fffffffu);
    return int_from_i32(i32(parts.x >> 23u) - 126 - i32(parts.y));
}

// The bits of a positive number times 2^k, so that it is normal, and k.
fn normal_bits(bits: u32) -> vec2<u32> {
    if (bits >= 0x800000u) { return vec2<u32>(bits, 0u); }
    let shift = countLeadingZeros(bits) - 8u;
    return vec2<u32>((bits << shift), shift);
}

fn nextafter_f32(a: f32, b: f32) -> f32 {
    if (isnan_f32(a) || isnan_f32(b)) { return nan_f32(); }
    let start = order_f32(a);
    let to = order_f32(b);
    if (start == to) { return b; }
    let next = select(start - 1, start + 1, to > start);
    return bitcast<f32>(select(next, bitcast<i32>(u32(-next) | 0x80000000u), next < 0 || (next == 0 && start < 0)));
}

// The remainder of truncated division, by long division of the mantissas, eight bits at a time.
fn fmod_f32(a: f32, b: f32) -> f32 {
    let x = bitcast<u32>(a) & 0x7fffffffu;
    let y = bitcast<u32>(b) & 0x7fffffffu;
    if (x >= 0x7f800000u || y > 0x7f800000u || y == 0u) { return nan_f32(); }
    if (x < y) { return a; }
    let least = max(y >> 23u, 1u);
    let whole = select((y & 0x7fffffu) | 0x800000u, y, y < 0x800000u);
    var rest = select((x & 0x7fffffu) | 0x800000u, x, x < 0x800000u) % whole;
    var more = max(x >> 23u, 1u) - least;
    while (more > 0u) {
        let step = min(more, 8u);
        rest = (rest << step) % whole;
        more = more - step;
    }
    var bits = 0u;
    if (rest != 0u) {
        let shift = min(countLeadingZeros(rest) - 8u, least - 1u);
        let moved = rest << shift;
        bits = select(moved, (moved & 0x7fffffu) | ((least - shift) << 23u), moved >= 0x800000u);
    }
    return bitcast<f32>(bits | (bitcast<u32>(a) & 0x80000000u));
}

// What is added for the remainder to have the sign of b.
fn turns_f32(rest: f32, b: f32) -> bool {
    return order_f32(rest) != 0 && signbit_f32(rest) != signbit_f32(b) && !isnan_f32(rest);
}

fn remainder_f32(a: f32, b: f32) -> f32 {
    let rest = fmod_f32(a, b);
    if (turns_f32(rest, b)) { return rest + b; }
    return rest;
}

fn floor_divide_f32(a: f32, b: f32) -> f32 {
    if (logical_not_f32(b)) { return a / b; }
    let rest = fmod_f32(a, b);
    if (isnan_f32(rest)) { return rest; }
    var quotient = (a - rest) / b;
    if (turns_f32(rest, b)) { quotient = quotient - 1.0; }
    if (logical_not_f32(quotient)) {
        return bitcast<f32>((bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u);
    }
    // It is within a rounding of an integer.
    return round(quotient);
}
