// The logarithm of the gamma function of floats, its derivatives, and Hurwitz's zeta function.

// |sin πx|.
fn sine_of_turns(x: f32) -> f32 {
    let a = abs(x - round(x));
    if (a <= 0.25) { return abs(sin_reduced(3.1415927 * a, 0u)); }
    return abs(sin_reduced(3.1415927 * (0.5 - a), 1u));
}

fn lgamma_of_positive(x: f32) -> f32 {
    if (x < 0.75) {
        // Γ(x) = Γ(1 + x)/x.
        let y = x + 1.0;
        if (x < 0.5) {
            return x * lgamma_slope(x) - log_f32(x);
        }
        return lgamma_near_two(y - 2.0) - log_f32(x);
    }
    if (x <= 1.5) { return (x - 1.0) * lgamma_slope(x - 1.0); }
    if (x <= 3.0) { return lgamma_near_two(x - 2.0); }
    if (x <= 8.0) {
        let t = x - 5.5;
        return fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, 2.3017979e-10, -1.4069724e-09), 4.040327e-09), -2.6323535e-08), 2.1280263e-07), -1.4467236e-06), 1.0158511e-05), -7.7414654e-05), 0.00065378007), -0.006601523), 0.09967119), 1.6110932), 3.957814);
    }
    let z = 1.0 / x;
    let series = z * fma(z * z, fma(z * z, 0.0007936508, -0.0027777778), 0.083333336);
    return fma(x - 0.5, log_f32(x) - 1.0, 0.4189385 + series);
}

// ln Γ(1 + t)/t, -¼ <= t <= ½.
fn lgamma_slope(t: f32) -> f32 { return fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, 0.030453082, -0.07909137), 0.10569173), -0.11442708), 0.12555619), -0.14385931), 0.16953951), -0.20739013), 0.27058128), -0.4006856), 0.822467), -0.5772157); }

// ln Γ(2 + t), -½ <= t <= 1.
fn lgamma_near_two(t: f32) -> f32 { return t * fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, 7.5093335e-06, -3.9087714e-05), 0.000104949075), -0.00022923607), 0.00050985406), -0.0011912553), 0.0028902323), -0.0073856954), 0.020580838), -0.067352295), 0.32246703), 0.42278433); }

fn lgamma_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (isinf_f32(x) || logical_not_f32(x)) { return inf_f32(); }
    let a = abs_f32(x);
    if (!signbit_f32(x)) { return lgamma_of_positive(x); }
    if (a < 1e-6) { return -log_f32(a); }
    if (trunc(a) == a) { return inf_f32(); }
    // Γ(x)·Γ(-x) = -π/(x sin πx).
    return log_f32(3.1415927 / (a * sine_of_turns(a))) - lgamma_of_positive(a);
}

fn digamma_of_positive(x: f32) -> f32 {
    var shift = 0.0;
    var a = x;
    while (a < 8.0) {
        shift = shift + 1.0 / a;
        a = a + 1.0;
    }
    let z = 1.0 / (a * a);
    return log_f32(a) - 0.5 / a - z * fma(z, fma(z, fma(z, -0.004166667, 0.003968254), -0.008333334), 0.083333336) - shift;
}

fn digamma_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (logical_not_f32(x)) { return copysign_f32(inf_f32(), neg_f32(x)); }
    if (!signbit_f32(x)) {
        if (isinf_f32(x)) { return x; }
        // Beyond the first pole, what is left is small: apart, it keeps its digits.
        if (x < 1e-3) { return -1.0 / x + (x * 1.6449341 - 0.5772157); }
        return digamma_of_positive(x);
    }
    if (isinf_f32(x) || trunc(x) == x) { return nan_f32(); }
    // ψ(1 - x) - ψ(x) = π/tan πx, of the fraction alone, whose period is exact.
    let turn = x - round(x);
    return digamma_of_positive(1.0 - x) - 3.1415927 / tan_f32(3.1415927 * turn);
}

// ζ(s, q)·q^s of s > 1, q > 0, by Euler and Maclaurin's formula.
fn zeta_scaled(s: f32, q: f32) -> f32 {
    // Terms are summed until the corrections fall off.
    let far = max(q + 5.0, 0.5 * s);
    var sum = 1.0;
    var a = q;
    var last = 1.0;
    while (a < far && last * a > 1e-9 * sum * (s - 1.0)) {
        a = a + 1.0;
        last = pow_f32(q / a, s);
        sum = sum + last;
    }
    if (last * a <= 1e-9 * sum * (s - 1.0)) { return sum; }
    sum = sum + last * (a / (s - 1.0) - 0.5);
    let z = 1.0 / (a * a);
    var factor = last * s / a;
    sum = sum + factor * 0.083333336;
    factor = factor * (s + 1.0) * (s + 2.0) * z;
    sum = sum - factor * 0.0013888889;
    factor = factor * (s + 3.0) * (s + 4.0) * z;
    sum = sum + factor * 3.306878e-5;
    factor = factor * (s + 5.0) * (s + 6.0) * z;
    return sum - factor * 8.267196e-7;
}

fn zeta_of_positive(s: f32, q: f32) -> f32 {
    if (isinf_f32(q)) { return 0.0; }
    // So far out the sum is the integral, q^(1 - s)/(s - 1).
    if (q > 1e7) { return pow_f32(q, 1.0 - s) / (s - 1.0); }
    let power = pow_f32(q, -s);
    if (isinf_f32(power) || power == 0.0) { return power; }
    return power * zeta_scaled(s, q);
}

fn zeta_f32(s: f32, q: f32) -> f32 {
    if (isnan_f32(s) || isinf_f32(s) || isnan_f32(q) || lt_f32(s, 1.0)) { return nan_f32(); }
    if (s == 1.0) { return inf_f32(); }
    if (order_f32(q) > 0) { return zeta_of_positive(s, q); }
    if (isinf_f32(q) || floor(q) == q) { return inf_f32(); }
    if (floor(s) != s) { return nan_f32(); }
    // The terms below zero are those of two other zetas.
    let fraction = q - floor(q);
    let below = zeta_of_positive(s, (floor(q) + 1.0) - q) - zeta_of_positive(s, 1.0 - q);
    let even = fmod_f32(s, 2.0) == 0.0;
    return zeta_of_positive(s, fraction) + select(-below, below, even);
}

fn polygamma_f32(order: f32, x: f32) -> f32 {
    let n = trunc(order);
    if (isnan_f32(order)) { return digamma_f32(x); }
    if (logical_not_f32(n)) { return digamma_f32(x); }
    if (signbit_f32(n)) { return nan_f32(); }
    let sign = select(1.0, -1.0, fmod_f32(n, 2.0) == 0.0);
    let s = n + 1.0;
    if (n <= 8.0 || order_f32(x) <= 0 || isnan_f32(x) || isinf_f32(x)) {
        if (isinf_f32(n)) { return nan_f32(); }
        var factorial = 1.0;
        for (var k = 2.0; k <= min(n, 40.0); k += 1.0) { factorial = factorial * k; }
        let zeta = zeta_f32(s, x);
        return select(sign * factorial * zeta, 0.0, zeta == 0.0);
    }
    if (isinf_f32(n)) { return nan_f32(); }
    // Factorial and power in one, since one alone may overflow.
    let size = exp_f32(lgamma_of_positive(s) - s * log_f32(x));
    if (size == 0.0 || isinf_f32(size)) { return sign * size; }
    if (x > 1e7) { return sign * size * (x / n); }
    return sign * size * zeta_scaled(s, x);
}
