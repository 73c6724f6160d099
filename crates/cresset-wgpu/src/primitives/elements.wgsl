// Elements out of the words they share, and into them.

fn half_in(word: u32, place: u32) -> f32 {
    return unpack2x16float(word >> ((place % 2u) * 16u)).x;
}

fn bfloat_in(word: u32, place: u32) -> f32 {
    return bitcast<f32>((word >> ((place % 2u) * 16u)) << 16u);
}

fn i16_in(word: u32, place: u32) -> int {
    return int_from_i32(extractBits(bitcast<i32>(word), (place % 2u) * 16u, 16u));
}

fn i8_in(word: u32, place: u32) -> int {
    return int_from_i32(extractBits(bitcast<i32>(word), (place % 4u) * 8u, 8u));
}

fn u8_in(word: u32, place: u32) -> int {
    return int_from_i32(bitcast<i32>(extractBits(word, (place % 4u) * 8u, 8u)));
}

fn bool_in(word: u32, place: u32) -> bool {
    return extractBits(word, (place % 4u) * 8u, 8u) != 0u;
}

// The nearest half, ties to even, in the low 16 bits.
fn bits_of_half(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) {
        return sign | 0x7e00u;
    }
    if (size >= 0x477ff000u) {
        return sign | 0x7c00u;
    }
    if (size >= 0x38800000u) {
        let rebased = size - 0x38000000u;
        return sign | ((rebased + 0xfffu + ((rebased >> 13u) & 1u)) >> 13u);
    }
    // Below the normal halves, in steps of 2^-24.
    let exponent = size >> 23u;
    if (exponent < 102u) {
        return sign;
    }
    let whole = (size & 0x7fffffu) | 0x800000u;
    let shift = 126u - exponent;
    let kept = whole >> shift;
    let rest = whole & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    let up = rest > middle || (rest == middle && (kept & 1u) == 1u);
    return sign | (kept + select(0u, 1u, up));
}

// The nearest bfloat, ties to even, in the low 16 bits.
fn bits_of_bfloat(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return ((bits >> 16u) & 0x8000u) | 0x7fc0u;
    }
    return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

fn narrow_half(x: f32) -> f32 {
    return unpack2x16float(bits_of_half(x)).x;
}

fn narrow_bfloat(x: f32) -> f32 {
    return bitcast<f32>(bits_of_bfloat(x) << 16u);
}

fn pair_of_int(x: int) -> vec2<i32> {
    return vec2<i32>(i32(x), select(0, -1, x < int(0)));
}

fn f32_from_int(x: int) -> f32 { return f32(x); }

fn f32_from_bool(x: bool) -> f32 { return select(0.0, 1.0, x); }

fn int_from_bool(x: bool) -> int { return select(int(0), int(1), x); }

fn bool_from_f32(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }

fn bool_from_int(x: int) -> bool { return x != int(0); }
