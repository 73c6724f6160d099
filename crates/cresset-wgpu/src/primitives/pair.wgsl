// Pairs: a float and what its rounding has lost, some 45 bits together, on cards with and without f64. Compilers may
// reorder sums, which would undo these; what they must not see through goes by `kept_f32`.

// The number itself, but that a compiler cannot know it.
fn kept_f32(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    return bitcast<f32>(bits ^ select(0u, 1u, bits == 0x7f7ffffdu));
}

fn pair_sum(a: f32, b: f32) -> vec2<f32> {
    let sum = kept_f32(a + b);
    let other = kept_f32(sum - a);
    return vec2<f32>(sum, kept_f32(a - kept_f32(sum - other)) + kept_f32(b - other));
}

// Where |a| >= |b|.
fn pair_quick_sum(a: f32, b: f32) -> vec2<f32> {
    let sum = kept_f32(a + b);
    return vec2<f32>(sum, b - kept_f32(sum - a));
}

// The first twelve bits.
fn upper_half(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }

fn pair_product(a: f32, b: f32) -> vec2<f32> {
    let product = kept_f32(a * b);
    let a1 = upper_half(a);
    let b1 = upper_half(b);
    let a0 = a - a1;
    let b0 = b - b1;
    return vec2<f32>(product, kept_f32(kept_f32(kept_f32(a1 * b1 - product) + a1 * b0) + a0 * b1) + a0 * b0);
}

fn add_pair(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    let sum = pair_sum(a.x, b.x);
    return pair_quick_sum(sum.x, sum.y + (a.y + b.y));
}

fn mul_pair(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    let product = pair_product(a.x, b.x);
    return pair_quick_sum(product.x, product.y + (a.x * b.y + a.y * b.x));
}

fn div_pair(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    let q = a.x / b.x;
    let rest = add_pair(a, -mul_pair(vec2<f32>(q, 0.0), b));
    return pair_quick_sum(q, rest.x / b.x);
}

fn sqrt_pair(a: vec2<f32>) -> vec2<f32> {
    let root = sqrt(a.x);
    if (root == 0.0) { return vec2<f32>(root, 0.0); }
    let rest = add_pair(a, -pair_product(root, root));
    return pair_quick_sum(root, rest.x / (2.0 * root));
}

// e^x - 1, |x| <= ½: of x/16, squared four times.
fn expm1_pair(x: vec2<f32>) -> vec2<f32> {
    let r = x * 0.0625;
    let z = mul_pair(r, r);
    var m = add_pair(r, z * 0.5);
    m = add_pair(m, vec2<f32>(z.x * r.x * fma(r.x, fma(r.x, fma(r.x, 0.0013888889, 0.008333334), 0.041666668), 0.16666667), 0.0));
    for (var k = 0; k < 4; k++) {
        m = add_pair(m * 2.0, mul_pair(m, m));
    }
    return m;
}

// ln x of a positive number.
fn log_pair(x: f32) -> vec2<f32> {
    let parts = split_f32(x);
    let m = bitcast<f32>(parts.x);
    let e = f32(parts.y);
    // 2 artanh of (m - 1)/(m + 1), of whose series the first two terms need the digits.
    let s = div_pair(vec2<f32>(m - 1.0, 0.0), pair_sum(m, 1.0));
    let z = mul_pair(s, s);
    let cube = mul_pair(mul_pair(s, z), vec2<f32>(0.6666667, -1.9868216e-8));
    let rest = s.x * z.x * z.x * fma(z.x, fma(z.x, fma(z.x, fma(z.x, 0.15384616, 0.18181819), 0.22222222), 0.2857143), 0.4);
    let y = add_pair(add_pair(s * 2.0, cube), vec2<f32>(rest, 0.0));
    return add_pair(add_pair(vec2<f32>(e * 0.693359375, 0.0), pair_product(e, -2.1219444e-4)), add_pair(y, vec2<f32>(e * 1.646595e-12, 0.0)));
}
