// What depends on the width of integers, where they have 64 bits.

const INT_BITS: int = 64;

fn int_of_bits(low: u32, high: u32) -> int { return int((u64(high) << 32u) | u64(low)); }

// By way of an unsigned number: of a word itself, compilers of kernels have taken the first bit for a sign.
fn int_from_word(x: u32) -> int { return int(u64(x)); }

// By halves: of a conversion that is then compared with a constant, a compiler has made nonsense (Mesa 22).
fn int_from_i32(x: i32) -> int {
    return int((u64(bitcast<u32>(x >> 31u)) << 32u) | u64(bitcast<u32>(x)));
}

fn low_word(x: int) -> u32 { return u32(x & int(0xffffffffu)); }

fn high_word(x: int) -> u32 { return u32((x >> 32u) & int(0xffffffffu)); }

// Towards zero; what is too large becomes the nearest, NaN becomes 0.
fn int_from_f32(x: f32) -> int {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    let exponent = bits >> 23u;
    if (exponent < 127u || bits > 0x7f800000u) { return int(0); }
    if (exponent >= 190u) {
        return select(~(int(1) << 63u), int(1) << 63u, signbit_f32(x));
    }
    let whole = int((bits & 0x7fffffu) | 0x800000u);
    let size = select(whole >> (150u - min(exponent, 150u)), whole << (max(exponent, 150u) - 150u), exponent > 150u);
    return select(size, -size, signbit_f32(x));
}

fn gcd_int(a: int, b: int) -> int {
    var x = u64(abs_int(a));
    var y = u64(abs_int(b));
    while (y != u64(0u)) {
        let rest = x % y;
        x = y;
        y = rest;
    }
    return int(x);
}
