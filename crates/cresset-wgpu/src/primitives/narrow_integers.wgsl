// What depends on the width of integers, where they have 32 bits: then they stand for the low words of wider ones, or no
// value is wider.

const INT_BITS: int = 32;

fn int_of_bits(low: u32, high: u32) -> int { return bitcast<i32>(low); }

fn int_from_word(x: u32) -> int { return bitcast<i32>(x); }

fn int_from_i32(x: i32) -> int { return x; }

fn low_word(x: int) -> u32 { return bitcast<u32>(x); }

fn high_word(x: int) -> u32 { return bitcast<u32>(x >> 31u); }

// Towards zero; the low word of what 64 bits would hold, whose largest and least are those of numbers too large for it.
fn int_from_f32(x: f32) -> int {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    let exponent = bits >> 23u;
    if (exponent < 127u || bits > 0x7f800000u) { return 0; }
    if (exponent >= 190u) {
        return select(-1, 0, signbit_f32(x));
    }
    if (exponent >= 182u) { return 0; }
    let whole = i32((bits & 0x7fffffu) | 0x800000u);
    let size = select(whole >> (150u - min(exponent, 150u)), whole << (max(exponent, 150u) - 150u), exponent > 150u);
    return select(size, -size, signbit_f32(x));
}

fn gcd_int(a: int, b: int) -> int {
    var x = bitcast<u32>(abs_int(a));
    var y = bitcast<u32>(abs_int(b));
    while (y != 0u) {
        let rest = x % y;
        x = y;
        y = rest;
    }
    return bitcast<i32>(x);
}
