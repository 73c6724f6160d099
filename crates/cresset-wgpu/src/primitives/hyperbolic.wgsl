// Hyperbolic functions of floats and their inverses.

fn tanh_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = min(abs_f32(x), 10.0);
    let z = a * a;
    let small = fma(a * z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.0024163104, -0.0084762145), 0.021820344), -0.05396799), 0.13333364), -0.33333334), a);
    let large = 1.0 - 2.0 / (exp_moderate(2.0 * a) + 1.0);
    return copysign_f32(select(large, small, a < 0.625), x);
}

fn sinh_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    if (a < 1.0) {
        let z = a * a;
        return copysign_f32(fma(a * z, fma(z, fma(z, fma(z, 2.7591075e-06, 0.00019846359), 0.008333298), 0.16666667), a), x);
    }
    let half = exp_scaled(a, -1);
    return copysign_f32(half - 0.25 / half, x);
}

fn cosh_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let half = exp_scaled(abs_f32(x), -1);
    return half + 0.25 / half;
}

fn asinh_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x)) { return x; }
    let a = abs_f32(x);
    // Beyond, the square of a overflows in the end, and the root is a itself.
    if (a > 4096.0) { return copysign_f32(log_f32(a) + 0.6931472, x); }
    let z = a * a;
    return copysign_f32(log1p_f32(a + z / (1.0 + sqrt(z + 1.0))), x);
}

fn acosh_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (lt_f32(x, 1.0)) { return nan_f32(); }
    if (x > 4096.0) { return log_f32(x) + 0.6931472; }
    let t = x - 1.0;
    return log1p_f32(t + sqrt(t * (t + 2.0)));
}

fn atanh_f32(x: f32) -> f32 {
    let a = abs_f32(x);
    if (isnan_f32(x) || a > 1.0) { return nan_f32(); }
    if (a == 1.0) { return copysign_f32(inf_f32(), x); }
    if (a < 1e-4) { return fma(x * x, x / 3.0, x); }
    return copysign_f32(0.5 * log1p_f32(2.0 * a / (1.0 - a)), x);
}
