// Elements in their order: keys are whole numbers of the same order, NaN above all and equal to itself, both zeros equal.
// Keys are made of the bits of elements as they lie in memory, those of 64 bits of a low and a high word into a pair with
// the high word first.

fn key_f32(bits: u32) -> u32 {
    if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
    if (bits == 0x80000000u) { return bits; }
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) != 0u);
}

fn key_f16(bits: u32) -> u32 {
    if ((bits & 0x7fffu) > 0x7c00u) { return 0xffffu; }
    if (bits == 0x8000u) { return bits; }
    return select(bits | 0x8000u, bits ^ 0xffffu, (bits >> 15u) != 0u);
}

fn key_bf16(bits: u32) -> u32 {
    if ((bits & 0x7fffu) > 0x7f80u) { return 0xffffu; }
    if (bits == 0x8000u) { return bits; }
    return select(bits | 0x8000u, bits ^ 0xffffu, (bits >> 15u) != 0u);
}

fn key_f64(bits: vec2<u32>) -> vec2<u32> {
    let size = bits.y & 0x7fffffffu;
    if (size > 0x7ff00000u || (size == 0x7ff00000u && bits.x != 0u)) {
        return vec2<u32>(0xffffffffu, 0xffffffffu);
    }
    if (size == 0u && bits.x == 0u) { return vec2<u32>(0x80000000u, 0u); }
    if ((bits.y >> 31u) != 0u) { return vec2<u32>(~bits.y, ~bits.x); }
    return vec2<u32>(bits.y | 0x80000000u, bits.x);
}

fn key_i64(bits: vec2<u32>) -> vec2<u32> { return vec2<u32>(bits.y ^ 0x80000000u, bits.x); }

fn key_i32(bits: u32) -> u32 { return bits ^ 0x80000000u; }

fn key_i16(bits: u32) -> u32 { return bits ^ 0x8000u; }

fn key_i8(bits: u32) -> u32 { return bits ^ 0x80u; }

fn key_u8(bits: u32) -> u32 { return bits; }

fn key_bool(bits: u32) -> u32 { return select(0u, 1u, bits != 0u); }

fn before_narrow(a: u32, b: u32) -> bool { return a < b; }

fn before_wide(a: vec2<u32>, b: vec2<u32>) -> bool { return a.x < b.x || (a.x == b.x && a.y < b.y); }

// By key, and by place where keys are equal.
fn ahead_narrow(a: u32, i: u32, b: u32, j: u32) -> bool { return a < b || (a == b && i < j); }

fn ahead_wide(a: vec2<u32>, i: u32, b: vec2<u32>, j: u32) -> bool {
    return before_wide(a, b) || (all(a == b) && i < j);
}

// What is larger has the larger rank, or the smaller one if turned; NaN always has the largest.
fn rank_f32(x: f32) -> u32 { return key_f32(bitcast<u32>(x)); }

fn turned_rank_f32(x: f32) -> u32 {
    let key = key_f32(bitcast<u32>(x));
    return select(~key, key, key == 0xffffffffu);
}

fn rank_int(x: int) -> int { return x; }

fn turned_rank_int(x: int) -> int { return -x - int(1); }

fn rank_bool(x: bool) -> int { return select(int(0), int(1), x); }

fn turned_rank_bool(x: bool) -> int { return select(int(1), int(0), x); }

fn rank_f64(x: f64) -> f64 { return x; }

fn turned_rank_f64(x: f64) -> f64 { return -x; }

fn unordered_f64(x: f64) -> bool { return !(x <= f64(0.0)) && !(x > f64(0.0)); }

// Is the first of higher rank?
fn above_u32(a: u32, b: u32) -> bool { return a > b; }

fn above_int(a: int, b: int) -> bool { return a > b; }

fn above_f64(a: f64, b: f64) -> bool {
    return !unordered_f64(b) && (unordered_f64(a) || a > b);
}

fn larger_f64(a: f64, b: f64) -> f64 { return select(b, a, above_f64(a, b)); }

fn smaller_f64(a: f64, b: f64) -> f64 { return select(b, a, above_f64(-a, -b)); }

// The least integer of so many bits and a sign.
fn lowest_int(bits: u32) -> int { return int(-1) << bits; }

// The larger; a NaN as the second operand loses.
fn more_f32(a: f32, b: f32) -> f32 { return select(a, b, !isnan_f32(b) && order_f32(b) > order_f32(a)); }

// log(eᵃ + eᵇ). Infinities of one sign add up to themselves.
fn log_of_sum_f32(a: f32, b: f32) -> f32 {
    if (isnan_f32(a)) { return a; }
    if (isnan_f32(b)) { return b; }
    let swap = order_f32(b) > order_f32(a);
    let high = select(a, b, swap);
    if (isinf_f32(high)) { return high; }
    return high + log1p_f32(exp_f32(select(b, a, swap) - high));
}

fn log_of_sum_f64(a: f64, b: f64) -> f64 {
    if (isnan_f64(a)) { return a; }
    if (isnan_f64(b)) { return b; }
    let swap = order_f64(b) > order_f64(a);
    let high = select(a, b, swap);
    if (isinf_f64(high)) { return high; }
    return high + log1p_f64(exp_f64(select(b, a, swap) - high));
}

// Is it not zero? NaN is not.
fn truth_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }

fn truth_f64(x: f64) -> bool { return unordered_f64(x) || x != f64(0.0); }

fn truth_int(x: int) -> bool { return x != int(0); }
