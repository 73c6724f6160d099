// The regularised incomplete gamma functions of floats: by series, continued fraction or Temme's expansion, always of that
// one of the two that is small.

// ln(1 + μ) - μ of μ = (x - a)/a, without cancellation.
fn log1p_less(a: f32, x: f32) -> f32 {
    let mu = (x - a) / a;
    if (abs(mu) > 0.4) { return log_f32(x / a) - mu; }
    let s = mu / (2.0 + mu);
    let z = s * s;
    return 2.0 * s * z * fma(z, fma(z, fma(z, fma(z, fma(z, 0.07692308, 0.09090909), 0.11111111), 0.14285715), 0.2), 0.33333334) - mu * s;
}

// x^a·e^(-x)/Γ(a).
fn gamma_density(a: f32, x: f32) -> f32 {
    if (a > 10.0) {
        let z = 1.0 / a;
        let stirling = z * fma(z * z, -0.0027777778, 0.083333336);
        return exp_f32(a * log1p_less(a, x) - stirling) * sqrt(a * 0.15915494);
    }
    if (x > 200.0) { return 0.0; }
    return pow_f32(x, a) * exp_f32(-0.5 * x) * exp_f32(-0.5 * x) * exp_f32(-lgamma_of_positive(a));
}

// ln Γ(a + 1), also of tiny a.
fn lgamma_plus_one(a: f32) -> f32 {
    if (a <= 0.5) { return a * lgamma_slope(a); }
    return lgamma_of_positive(a + 1.0);
}

fn lower_series(a: f32, x: f32) -> f32 {
    var sum = 1.0;
    var term = 1.0;
    var denominator = a;
    for (var k = 0; k < 300; k++) {
        denominator = denominator + 1.0;
        term = term * (x / denominator);
        sum = sum + term;
        if (term <= 1e-8 * sum) { break; }
    }
    if (a < 1.0) { return sum * exp_f32(a * log_f32(x) - x - lgamma_plus_one(a)); }
    return sum * gamma_density(a, x) / a;
}

// Q's continued fraction, by Lentz's method.
fn upper_fraction(a: f32, x: f32) -> f32 {
    var b = x + 1.0 - a;
    var c = 1e30;
    var d = 1.0 / b;
    var fraction = d;
    for (var k = 1.0; k < 300.0; k += 1.0) {
        let numerator = -k * (k - a);
        b = b + 2.0;
        d = 1.0 / fma(numerator, d, b);
        c = b + numerator / c;
        let step = c * d;
        fraction = fraction * step;
        if (abs(step - 1.0) < 1.2e-7) { break; }
    }
    if (a < 1.0) { return fraction * a * exp_f32(a * log_f32(x) - x - lgamma_plus_one(a)); }
    return fraction * gamma_density(a, x);
}

// For small a and x: all of what is near 1 is subtracted by expm1.
fn upper_series(a: f32, x: f32) -> f32 {
    var sum = 0.0;
    var power = 1.0;
    for (var n = 1.0; n < 40.0; n += 1.0) {
        power = power * (-x / n);
        let term = power / (a + n);
        sum = sum + term;
        if (abs(term) <= 1e-8 * abs(sum)) { break; }
    }
    let exponent = a * log_f32(x) - lgamma_plus_one(a);
    return -expm1_f32(exponent) - exp_f32(exponent) * a * sum;
}

// Temme's sum for |η| <= 0.35.
fn temme(a: f32, eta: f32) -> f32 {
    let c0 = fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, 8.296711e-07, -1.8540622e-06), -2.1854485e-06), 3.9192633e-05), -0.00017875514), 0.00035273362), 0.0011574074), -0.014814815), 0.083333336), -0.33333334);
    let c1 = fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, fma(eta, 7.649161e-06, -1.809855e-05), -4.018776e-07), 0.00020576132), -0.0009902263), 0.0026455026), -0.0034722222), -0.0018518518);
    let c2 = fma(eta, fma(eta, fma(eta, fma(eta, -0.00010736653, 2.0093878e-06), 0.0007716049), -0.0026813273), 0.0041335975);
    let c3 = fma(eta, fma(eta, -0.0004691895, 0.00022947209), 0.00064943417);
    let z = 1.0 / a;
    return fma(z, fma(z, fma(z, c3, c2), c1), c0);
}

// ½ erfc(±η√(a/2)) ± R: Q for the sign 1, P for -1.
fn central_gamma(a: f32, x: f32, sign: f32) -> f32 {
    let half_square = max(-log1p_less(a, x), 0.0);
    let eta = copysign_f32(sqrt(2.0 * half_square), x - a);
    let rest = exp_f32(-a * half_square) / sqrt(6.2831855 * a) * temme(a, eta);
    // Of the square itself where erfc is small, since its root would be rounded.
    let t = sqrt(a * half_square);
    var tail = 0.5 * erfc_f32(copysign_f32(t, sign * eta));
    if (sign * eta > 0.0) { tail = 0.5 * erfcx_of_positive(t) * exp_f32(-a * half_square); }
    return tail + sign * rest;
}

// At the edges, and NaN outside; -1 inside.
fn gamma_limit(a: f32, x: f32) -> f32 {
    let zero_a = order_f32(a) == 0;
    let zero_x = order_f32(x) == 0;
    if (isnan_f32(a) || isnan_f32(x) || order_f32(a) < 0 || order_f32(x) < 0) { return nan_f32(); }
    if ((zero_a && zero_x) || (isinf_f32(a) && isinf_f32(x))) { return nan_f32(); }
    if (zero_a || isinf_f32(x)) { return 1.0; }
    if (zero_x || isinf_f32(a)) { return 0.0; }
    return -1.0;
}

fn is_central(a: f32, x: f32) -> bool { return a > 20.0 && abs(x - a) < 0.3 * a; }

fn igamma_f32(a: f32, x: f32) -> f32 {
    let limit = gamma_limit(a, x);
    if (isnan_f32(limit) || limit >= 0.0) { return limit; }
    if (is_central(a, x)) { return central_gamma(a, x, -1.0); }
    if (x > 1.0 && x > a) { return 1.0 - upper_fraction(a, x); }
    return lower_series(a, x);
}

fn igammac_f32(a: f32, x: f32) -> f32 {
    let limit = gamma_limit(a, x);
    if (isnan_f32(limit) || limit >= 0.0) { return 1.0 - limit; }
    if (is_central(a, x)) { return central_gamma(a, x, 1.0); }
    if (x > 1.1) {
        if (x < a) { return 1.0 - lower_series(a, x); }
        return upper_fraction(a, x);
    }
    var boundary = 1.1 * x;
    if (x <= 0.5) { boundary = -0.4 / log_f32(x); }
    if (boundary < a) { return 1.0 - lower_series(a, x); }
    return upper_series(a, x);
}
