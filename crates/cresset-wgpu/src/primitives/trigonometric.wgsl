// Trigonometric functions of floats and their inverses.

// The bits of 2/π, 32 at a time, after 64 zeros.
fn two_over_pi(i: u32) -> u32 {
    switch (i) {
        case 2u: { return 0xa2f9836eu; }
        case 3u: { return 0x4e441529u; }
        case 4u: { return 0xfc2757d1u; }
        case 5u: { return 0xf534ddc0u; }
        case 6u: { return 0xdb629599u; }
        case 7u: { return 0x3c439041u; }
        case 8u: { return 0xfe5163abu; }
        case 9u: { return 0xdebbc561u; }
        case 10u: { return 0xb7246e3au; }
        case 11u: { return 0x424dd2e0u; }
        case 12u: { return 0x06492eeau; }
        case 13u: { return 0x09d1921cu; }
        case 14u: { return 0xfe1deb1cu; }
        case 15u: { return 0xb129a73eu; }
        case 16u: { return 0xe88235f5u; }
        case 17u: { return 0x2ebb4484u; }
        case 18u: { return 0xe99c7026u; }
        case 19u: { return 0xb45f7e41u; }
        case 20u: { return 0x3991d639u; }
        case 21u: { return 0x835339f4u; }
        case 22u: { return 0x9c845f8bu; }
        case 23u: { return 0xbdf9283bu; }
        case 24u: { return 0x1ff897ffu; }
        case 25u: { return 0xde05980fu; }
        case 26u: { return 0xef2f118bu; }
        case 27u: { return 0x5a0a6d1fu; }
        case 28u: { return 0x6d367ecfu; }
        case 29u: { return 0x27cb09b7u; }
        case 30u: { return 0x4f463f66u; }
        case 31u: { return 0x9e5fea2du; }
        case 32u: { return 0x7527bac7u; }
        case 33u: { return 0xebe5f17bu; }
        case 34u: { return 0x3d0739f7u; }
        case 35u: { return 0x8a5292eau; }
        case 36u: { return 0x6bfb5fb1u; }
        case 37u: { return 0x1f8d5d08u; }
        case 38u: { return 0x56033046u; }
        case 39u: { return 0xfc7b6babu; }
        default: { return 0u; }
    }
}

// 32 bits of 2/π from a place on.
fn two_over_pi_from(place: u32) -> u32 {
    let word = place / 32u;
    let shift = place % 32u;
    let first = two_over_pi(word) << shift;
    if (shift == 0u) { return first; }
    return first | (two_over_pi(word + 1u) >> (32u - shift));
}

// x = q·π/2 + r with |r| <= π/4: r, and q mod 4 as a number.
fn quarters(x: f32) -> vec2<f32> {
    if (abs(x) < 800.0) {
        // Products with the first two parts of π/2 are exact, and so are the differences; the third has digits enough but
        // for angles next to a multiple.
        let q = round(x * 0.63661975);
        let r = fma(-q, 9.920936e-10, fma(-q, 0.00011761486530303955, fma(-q, 1.5706787109375, x)));
        if (q == 0.0 || abs(r) > 1e-5) { return vec2<f32>(r, f32(i32(q) & 3)); }
    }
    return huge_quarters(x);
}

// The same for angles of any size: the product with as many bits of 2/π as count, less whole turns, in integers.
fn huge_quarters(x: f32) -> vec2<f32> {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    let m = (bits & 0x7fffffu) | 0x800000u;
    // x = m·2^(e - 150); bits of 2/π that make multiples of 4 are left out.
    let place = (bits >> 23u) + 64u - 152u;
    let w0 = two_over_pi_from(place);
    let w1 = two_over_pi_from(place + 32u);
    let w2 = two_over_pi_from(place + 64u);
    let low = m * w1;
    let carried = low + high_product(m, w2);
    let high = m * w0 + high_product(m, w1) + select(0u, 1u, carried < low);
    // Two bits of quarters, 62 of the fraction, of which the nearest quarter is taken.
    let up = (high >> 29u) & 1u;
    let q = (high >> 30u) + up;
    var f1 = (high << 2u) | (carried >> 30u);
    var f0 = carried << 2u;
    if (up == 1u) {
        f0 = ~f0 + 1u;
        f1 = ~f1 + select(0u, 1u, f0 == 0u);
    }
    let fraction = (f32(f1) + f32(f0) * 2.3283064e-10) * 2.3283064e-10;
    let r = select(fraction, -fraction, up == 1u) * 1.5707964;
    return select(vec2<f32>(r, f32(q & 3u)), vec2<f32>(-r, f32((4u - q) & 3u)), x < 0.0);
}

// The high word of a product.
fn high_product(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let middle = a1 * b0 + ((a0 * b0) >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (other >> 16u);
}

// sin(r + q·π/2).
fn sin_reduced(r: f32, q: u32) -> f32 {
    let z = r * r;
    let sine = fma(r * z, fma(z, fma(z, fma(z, 2.9217729e-06, -0.00019861295), 0.008333397), -0.16666667), r);
    let cosine = fma(z * z, fma(z, fma(z, 2.4543951e-05, -0.0013888272), 0.041666664), fma(z, -0.5, 1.0));
    let value = select(cosine, sine, (q & 1u) == 0u);
    return bitcast<f32>(bitcast<u32>(value) ^ ((q & 2u) << 30u));
}

fn sin_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x)) { return nan_f32(); }
    if (abs(x) < 1e-4) { return fma(x * x, x * -0.16666667, x); }
    let parts = quarters(x);
    return sin_reduced(parts.x, u32(parts.y));
}

fn cos_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x)) { return nan_f32(); }
    let parts = quarters(x);
    return sin_reduced(parts.x, u32(parts.y) + 1u);
}

fn tan_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x)) { return nan_f32(); }
    if (abs(x) < 1e-4) { return fma(x * x, x / 3.0, x); }
    let parts = quarters(x);
    let r = parts.x;
    let z = r * r;
    let tangent = fma(r * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.003879139, 0.0011163629), 0.010012393), 0.021603828), 0.053997293), 0.13333212), 0.33333334), r);
    if ((u32(parts.y) & 1u) == 0u) { return tangent; }
    return -1.0 / tangent;
}

// The inverse sine of a <= ½ itself, or of √((1 - a)/2) for ½ < a <= 1, which is π/4 - ½ arcsin a.
fn asin_part(a: f32) -> f32 {
    let small = a <= 0.5;
    let half = fma(a, -0.5, 0.5);
    let z = select(half, a * a, small);
    let t = select(sqrt(half), a, small);
    return fma(t * z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.034414746, 0.016659), 0.031220933), 0.04458656), 0.0750015), 0.16666666), t);
}

fn asin_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if (isnan_f32(x) || a > 1.0) { return nan_f32(); }
    let part = asin_part(a);
    return copysign_f32(select(fma(part, -2.0, 1.5707964) - 4.371139e-8, part, a <= 0.5), x);
}

fn acos_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if (isnan_f32(x) || a > 1.0) { return nan_f32(); }
    let part = asin_part(a);
    if (a <= 0.5) { return 1.5707964 - (copysign_f32(part, x) + 4.371139e-8); }
    return select(2.0 * part, 3.1415927 - (2.0 * part + 8.742278e-8), x < 0.0);
}

// arctan q for 0 <= q <= 1.
fn atan_unit(q: f32) -> f32 {
    let z = q * q;
    return fma(q * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -0.002423103, 0.013648626), -0.03609236), 0.062678605), -0.08664453), 0.11035383), -0.14278696), 0.19999737), -0.3333333), q);
}

fn atan_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    if (isinf_f32(x)) { return copysign_f32(1.5707964, x); }
    if (a > 1.0) { return copysign_f32(1.5707964 - (atan_unit(1.0 / a) + 4.371139e-8), x); }
    return copysign_f32(atan_unit(a), x);
}

fn atan2_f32(y: f32, x: f32) -> f32 {
    if (isnan_f32(x) || isnan_f32(y)) { return nan_f32(); }
    let a = abs_f32(y);
    let b = abs_f32(x);
    let steep = order_f32(a) > order_f32(b);
    let less = select(a, b, steep);
    let more = select(b, a, steep);
    // Where both are 0 or both infinite, C takes their ratio for 0 or 1.
    var ratio = select(1.0, 0.0, order_f32(less) == 0);
    if (order_f32(less) != order_f32(more)) {
        // Neither a quotient of huge numbers, which some cards take by way of a reciprocal that they flush to 0.
        let scale = select(1.0, 5.9604645e-8, more > 1e37);
        ratio = select((less * scale) / (more * scale), 0.0, isinf_f32(more));
    }
    var angle = atan_unit(ratio);
    if (steep) { angle = 1.5707964 - (angle + 4.371139e-8); }
    if (signbit_f32(x)) { angle = 3.1415927 - (angle + 8.742278e-8); }
    return copysign_f32(angle, y);
}
