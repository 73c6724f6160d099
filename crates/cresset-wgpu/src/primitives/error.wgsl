// The error function of floats, its complement and inverse, and the normal distribution.

fn erf_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = min(abs_f32(x), 3.95);
    if (a < 1.0) {
        let b = abs_f32(x);
        return copysign_f32(fma(b, fma((b * b), fma((b * b), fma((b * b), fma((b * b), fma((b * b), fma((b * b), 7.919902e-05, -0.0008030654), 0.005190726), -0.026855124), 0.11283618), -0.3761263), 0.12837917), b), x);
    }
    // The complement is at most 0.16, and its logarithm a gentle polynomial.
    let exponent = fma(a, fma(a, fma(a, fma(a, fma(a, fma(a, fma(a, fma(a, -1.6336418e-06, 4.596581e-05), -0.00059583463), 0.0047541414), -0.02640308), 0.11004385), 0.6318692), 1.1302055), -0.00031260916);
    return copysign_f32(1.0 - exp_moderate(-exponent), x);
}

// e^(-a²·factor), whose exponent's rounding would cost as many ulp as it is large: a square that is exact, and the rest.
fn exp_less_square(a: f32, factor: f32) -> f32 {
    let b = min(a, 1000.0);
    let h = upper_half(b);
    return exp_scaled(-h * h * factor, 0) * exp_scaled(-(b - h) * (b + h) * factor, 0);
}

// e^(x²)·erfc x of x >= 0.
fn erfcx_of_positive(x: f32) -> f32 {
    if (x > 1e6) { return 0.5641896 / x; }
    let u = (x - 3.0) / (x + 3.0);
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 3.2287849e-06, 1.2802373e-06), -2.2193244e-05), -3.7770086e-08), 0.00012856245), -9.955894e-05), -0.0007820905), 0.0018855159), 0.0025300896), -0.023769598), 0.06830793), -0.11927379), 0.12964517), -0.04756229), -0.1356211), 1.253008) / fma(x, 2.0, 1.0);
}

fn erfc_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    if (a < 0.5) { return 1.0 - erf_f32(x); }
    let tail = erfcx_of_positive(min(a, 20.0)) * exp_less_square(a, 1.0);
    return select(tail, 2.0 - tail, signbit_f32(x));
}

fn erfcx_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    let positive = erfcx_of_positive(a);
    if (!signbit_f32(x)) { return positive; }
    if (a > 9.5) { return inf_f32(); }
    let h = upper_half(a);
    return 2.0 * exp_scaled(h * h, 0) * exp_scaled((a - h) * (a + h), 0) - positive;
}

// The inverse of erf over its argument, of w = -log(1 - y²).
fn erf_inverse(w: f32) -> f32 {
    if (w < 6.25) {
        let t = w - 3.0;
        return fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, -6.8435405e-13, 6.652986e-10), -5.4169105e-09), -1.9202039e-08), 4.4749063e-07), -1.7692666e-06), -1.2703156e-05), 0.00019510752), -0.00083620584), -0.005738172), 0.24163042), 1.6235421);
    }
    let root = sqrt(w);
    if (root < 4.3) {
        let t = root - 3.4;
        return fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, 2.133667e-05, -0.00023049515), 0.00064741954), -0.0010346345), 0.001497147), -0.0025662081), 0.0039695487), 1.006646), 3.234784);
    }
    let t = root - 7.0;
    return fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, -1.4550616e-09, 1.3591131e-08), -5.9007032e-08), 2.7845795e-07), -1.5747908e-06), 6.1570536e-06), 6.1735427e-06), -0.00051275693), 1.0085957), 6.8690195);
}

fn erfinv_f32(y: f32) -> f32 {
    let a = abs_f32(y);
    if (isnan_f32(y) || a > 1.0) { return nan_f32(); }
    if (a == 1.0) { return copysign_f32(inf_f32(), y); }
    if (a < 0.5) { return y * erf_inverse(-log1p_f32(-y * y)); }
    return y * erf_inverse(-log_f32((1.0 - a) * (1.0 + a)));
}

// The inverse of erfc on (0, 1].
fn erfc_inverse(z: f32) -> f32 {
    return (1.0 - z) * erf_inverse(-log_f32(z) - log_f32(2.0 - z));
}

fn ndtri_f32(p: f32) -> f32 {
    if (isnan_f32(p) || lt_f32(p, 0.0) || p > 1.0) { return nan_f32(); }
    if (logical_not_f32(p)) { return -inf_f32(); }
    if (p == 1.0) { return inf_f32(); }
    if (p >= 0.25 && p <= 0.75) { return 1.4142135 * erfinv_f32(2.0 * (p - 0.5)); }
    if (p < 0.5) { return -1.4142135 * erfc_inverse(2.0 * p); }
    return 1.4142135 * erfc_inverse(2.0 * (1.0 - p));
}

fn log_ndtr_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let t = x * 0.70710677;
    if (x < -1.0) {
        if (isinf_f32(x)) { return x; }
        return log_f32(0.5 * erfcx_of_positive(-t)) - 0.5 * x * x;
    }
    if (x < 0.0) { return log1p_f32(-0.5 * erfc_f32(t)); }
    if (x > 15.0) { return -0.0; }
    return log1p_f32(-0.5 * erfcx_of_positive(t) * exp_less_square(x, 0.5));
}
