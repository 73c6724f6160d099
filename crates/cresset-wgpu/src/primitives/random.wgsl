// Philox4x32-10, bit for bit the processor's.

fn philox(start: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = start;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        c = vec4<u32>(
            high_product(0xcd9e8d57u, c.z) ^ c.y ^ k.x,
            0xcd9e8d57u * c.z,
            high_product(0xd2511f53u, c.x) ^ c.w ^ k.y,
            0xd2511f53u * c.x,
        );
        k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

// Word `index % 4` of block `base + index / 4` of the stream of a seed; both as two words.
fn random_word(seed: vec2<u32>, base: vec2<u32>, index: u32) -> u32 {
    let low = base.x + index / 4u;
    let block = vec2<u32>(low, base.y + select(0u, 1u, low < base.x));
    return philox(vec4<u32>(block, 0u, 0u), seed)[index % 4u];
}

// A word against an integer of two words: -1, 0 or 1.
fn compare_word(a: u32, low: u32, high: u32) -> i32 {
    if (high != 0u) { return select(-1, 1, bitcast<i32>(high) < 0); }
    return select(select(0, 1, a > low), -1, a < low);
}
