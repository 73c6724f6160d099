// Philox4x32-10, bit for bit the processor's.

fn philox_high(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let middle = a1 * b0 + ((a0 * b0) >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (other >> 16u);
}

fn philox(start: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = start;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        c = vec4<u32>(
            philox_high(0xcd9e8d57u, c.z) ^ c.y ^ k.x,
            0xcd9e8d57u * c.z,
            philox_high(0xd2511f53u, c.x) ^ c.w ^ k.y,
            0xd2511f53u * c.x,
        );
        k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

fn low_word(x: int) -> u32 { return u32(x & int(0xffffffffu)); }

fn high_word(x: int) -> u32 { return u32((x >> 32u) & int(0xffffffffu)); }

// Word `index % 4` of block `base + index / 4` of the stream of a seed.
fn random_int(seed: int, base: int, index: u32) -> int {
    let block = base + int(index / 4u);
    let counter = vec4<u32>(low_word(block), high_word(block), 0u, 0u);
    let words = philox(counter, vec2<u32>(low_word(seed), high_word(seed)));
    return int(words[index % 4u]);
}
