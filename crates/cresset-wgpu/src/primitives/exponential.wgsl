// Exponentials and logarithms of floats, and what is made of one. Not the cards' own, which may be wrong in many digits:
// polynomials, as the processor's, of values reduced to a short interval.

// x·2^k, in two factors: neither overflows where the product does not.
fn scale_f32(x: f32, k: i32) -> f32 {
    let half = k >> 1u;
    return (x * power_of_two(half)) * power_of_two(k - half);
}

// 2^k for -126 <= k <= 127.
fn power_of_two(k: i32) -> f32 { return bitcast<f32>(u32(k + 127) << 23u); }

// The nearest multiple of ln 2, and the rest. Its first nine bits make an exact product.
fn exp_turns(x: f32) -> f32 { return round(x * 1.442695); }

fn exp_rest(x: f32, turns: f32) -> f32 {
    return fma(-turns, -2.1219444e-4, fma(-turns, 0.693359375, x));
}

// e^x for |x| <= 87.
fn exp_moderate(x: f32) -> f32 {
    let turns = exp_turns(x);
    let r = exp_rest(x, turns);
    let m = fma(r * r, fma(r, fma(r, fma(r, fma(r, 0.0013930502, 0.008363249), 0.04166651), 0.16666576), 0.5), r) + 1.0;
    return m * power_of_two(i32(turns));
}

// e^x·2^k.
fn exp_scaled(x: f32, k: i32) -> f32 {
    let y = clamp(x, -105.0, 90.0);
    let turns = exp_turns(y);
    let r = exp_rest(y, turns);
    let m = fma(r * r, fma(r, fma(r, fma(r, fma(r, 0.0013930502, 0.008363249), 0.04166651), 0.16666576), 0.5), r) + 1.0;
    return scale_f32(m, i32(turns) + k);
}

fn exp_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    return exp_scaled(x, 0);
}

fn exp2_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let y = clamp(x, -151.0, 129.0);
    let turns = round(y);
    let r = y - turns;
    return scale_f32(fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, 0.00015453876, 0.0013388069), 0.009618083), 0.05550366), 0.2402265), 0.6931472), 1.0), i32(turns));
}

fn expm1_f32(x: f32) -> f32 {
    if (isnan_f32(x) || abs(x) < 1e-8) { return x; }
    let y = clamp(x, -18.0, 89.0);
    let turns = exp_turns(y);
    let r = exp_rest(y, turns);
    let m = fma(r * r, fma(r, fma(r, fma(r, fma(r, fma(r, 0.00019969673, 0.0013930502), 0.00833318), 0.04166651), 0.16666667), 0.5), r);
    // 2^k·(m + 1) - 1, by halves: 2^k alone may overflow.
    let half = power_of_two(i32(turns) - 1);
    return 2.0 * fma(m, half, half - 0.5);
}

fn sigmoid_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    // The exponential of -|x| cannot overflow, and keeps the digits of small results.
    let e = exp_scaled(-abs_f32(x), 0);
    return select(1.0, e, signbit_f32(x)) / (1.0 + e);
}

// x = m·2^e of a positive number, m from √½ to √2: the bits of m, and e. Of subnormals too, which cards may take for 0.
fn split_f32(x: f32) -> vec2<i32> {
    var bits = bitcast<i32>(x);
    var shift = 0;
    if (bits < 0x00800000) {
        bits = bitcast<i32>(f32(bits));
        shift = -149;
    }
    let offset = bits - 0x3f3504f3;
    return vec2<i32>((offset & 0x007fffff) + 0x3f3504f3, (offset >> 23u) + shift);
}

// ln(1 + f), √½ <= 1 + f <= √2.
fn log_near_one(f: f32) -> f32 {
    return fma(f * f, fma(f, fma(f, fma(f, fma(f, fma(f, fma(f, fma(f, fma(f, fma(f, 0.07146717, -0.11566143), 0.11660259), -0.124118336), 0.14250194), -0.16668443), 0.20000695), -0.2499999), 0.3333333), -0.5), f);
}

// A logarithm's value where it is not finite; 0 where it is.
fn log_limit(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (logical_not_f32(x)) { return -inf_f32(); }
    if (signbit_f32(x)) { return nan_f32(); }
    return select(0.0, x, isinf_f32(x));
}

fn is_positive(x: f32) -> bool {
    let bits = bitcast<i32>(x);
    return bits > 0 && bits < 0x7f800000;
}

fn log_f32(x: f32) -> f32 {
    if (!is_positive(x)) { return log_limit(x); }
    let parts = split_f32(x);
    let e = f32(parts.y);
    return fma(e, 0.693359375, fma(e, -2.1219444e-4, log_near_one(bitcast<f32>(parts.x) - 1.0)));
}

fn log2_f32(x: f32) -> f32 {
    if (!is_positive(x)) { return log_limit(x); }
    let parts = split_f32(x);
    return fma(log_near_one(bitcast<f32>(parts.x) - 1.0), 1.442695, f32(parts.y));
}

fn log10_f32(x: f32) -> f32 {
    if (!is_positive(x)) { return log_limit(x); }
    let parts = split_f32(x);
    let e = f32(parts.y);
    let y = log_near_one(bitcast<f32>(parts.x) - 1.0);
    return fma(e, 0.30078125, fma(e, 2.4874566e-4, y * 0.4342945));
}

fn log1p_f32(x: f32) -> f32 {
    if (isnan_f32(x) || abs(x) < 1e-8) { return x; }
    let sum = 1.0 + x;
    if (!is_positive(sum)) { return log_limit(sum); }
    let parts = split_f32(sum);
    let e = f32(parts.y);
    // (1 + x)/2^e - 1 from x itself, which keeps the digits that the sum has lost; from 2^25 on it has lost none.
    let inverse = power_of_two(-min(parts.y, 25));
    let exact = fma(x, inverse, inverse - 1.0);
    let f = select(bitcast<f32>(parts.x) - 1.0, exact, parts.y < 25);
    return fma(e, 0.693359375, fma(e, -2.1219444e-4, log_near_one(f)));
}
