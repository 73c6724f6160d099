// Elementary functions of doubles, for which WGSL has no builtins: polynomials after the same reductions as floats.

// x·2^k for |k| <= 2000, in two factors: neither overflows where the product does not.
fn scale_f64(x: f64, k: i32) -> f64 {
    let half = k >> 1u;
    return (x * power_of_two_f64(half)) * power_of_two_f64(k - half);
}

fn power_of_two_f64(k: i32) -> f64 { return bitcast<f64>(i64(k + 1023) << 52u); }

// (e^r - 1 - r)/r² for |r| <= ½ ln 2.
fn exp_series_f64(r: f64) -> f64 { return fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, 1.6085344916391433e-10lf, 2.0916212837493853e-09lf), 2.5052075509585945e-08lf), 2.7557269903215795e-07lf), 2.7557319241962096e-06lf), 2.4801587328555858e-05lf), 0.0001984126984126583lf), 0.001388888888888287lf), 0.008333333333333333lf), 0.04166666666666667lf), 0.16666666666666666lf), 0.5lf); }

fn exp_rest_f64(x: f64, turns: f64) -> f64 {
    return fma(-turns, 1.9082149292705877e-10lf, fma(-turns, 0.6931471803691238lf, x));
}

// e^x·2^k.
fn exp_scaled_f64(x: f64, k: i32) -> f64 {
    let y = clamp(x, -750.0lf, 715.0lf);
    let turns = round(y * 1.4426950408889634lf);
    let r = exp_rest_f64(y, turns);
    return scale_f64(fma(r * r, exp_series_f64(r), r) + 1.0lf, i32(turns) + k);
}

fn exp_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    return exp_scaled_f64(x, 0);
}

fn exp2_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let y = clamp(x, -1080.0lf, 1030.0lf);
    let turns = round(y);
    let r = (y - turns) * 0.6931471805599453lf;
    return scale_f64(fma(r * r, exp_series_f64(r), r) + 1.0lf, i32(turns));
}

fn expm1_f64(x: f64) -> f64 {
    if (isnan_f64(x) || abs_f64(x) < 1e-17lf) { return x; }
    let y = clamp(x, -40.0lf, 715.0lf);
    let turns = round(y * 1.4426950408889634lf);
    let r = exp_rest_f64(y, turns);
    let m = fma(r * r, exp_series_f64(r), r);
    let k = i32(turns);
    if (k > 1000) { return scale_f64(m + 1.0lf, k); }
    let half = power_of_two_f64(k - 1);
    return 2.0lf * fma(m, half, half - 0.5lf);
}

fn sigmoid_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let e = exp_scaled_f64(-abs_f64(x), 0);
    return select(1.0lf, e, signbit_f64(x)) / (1.0lf + e);
}

// ln(1 + f), √½ <= 1 + f <= √2: 2 artanh of f/(2 + f), written around f, which is exact.
fn log_near_one_f64(f: f64) -> f64 {
    let s = f / (2.0lf + f);
    let z = s * s;
    let half = 0.5lf * f * f;
    return f - (half - s * (half + z * fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.11890045085576857lf, 0.11687233189552514lf), 0.13335678514714808lf), 0.1538457420874962lf), 0.18181818605445013lf), 0.22222222219777607lf), 0.2857142857143563lf), 0.3999999999999999lf), 0.6666666666666666lf)));
}

fn log_limit_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    if (logical_not_f64(x)) { return -inf_f64(); }
    if (signbit_f64(x)) { return nan_f64(); }
    return select(0.0lf, x, isinf_f64(x));
}

fn is_positive_f64(x: f64) -> bool {
    let bits = bitcast<i64>(x);
    return bits > i64(0) && bits < inf_bits_f64();
}

// The exponent of a positive number whose mantissa is taken from √½ to √2.
fn log_exponent_f64(x: f64) -> i32 {
    let offset = bitcast<i64>(normal_f64(x)) - sqrt_half_bits();
    return i32(offset >> 52u) - select(0, 54, size_f64(x) < (i64(1) << 52u));
}

fn log_mantissa_f64(x: f64) -> f64 {
    let offset = bitcast<i64>(normal_f64(x)) - sqrt_half_bits();
    return bitcast<f64>((offset & ((i64(1) << 52u) - i64(1))) + sqrt_half_bits());
}

fn sqrt_half_bits() -> i64 { return i64(0x3fe6a09e) << 32u; }

fn log_f64(x: f64) -> f64 {
    if (!is_positive_f64(x)) { return log_limit_f64(x); }
    let e = f64(log_exponent_f64(x));
    let y = log_near_one_f64(log_mantissa_f64(x) - 1.0lf);
    return fma(e, 0.6931471803691238lf, fma(e, 1.9082149292705877e-10lf, y));
}

fn log2_f64(x: f64) -> f64 {
    if (!is_positive_f64(x)) { return log_limit_f64(x); }
    let y = log_near_one_f64(log_mantissa_f64(x) - 1.0lf);
    return fma(y, 1.4426950408889634lf, f64(log_exponent_f64(x)));
}

fn log10_f64(x: f64) -> f64 {
    if (!is_positive_f64(x)) { return log_limit_f64(x); }
    let e = f64(log_exponent_f64(x));
    let y = log_near_one_f64(log_mantissa_f64(x) - 1.0lf);
    return fma(e, 0.30102999566406652lf, fma(e, -8.532344317057106e-14lf, y * 0.4342944819032518lf));
}

fn log1p_f64(x: f64) -> f64 {
    if (isnan_f64(x) || abs_f64(x) < 1e-17lf) { return x; }
    let sum = 1.0lf + x;
    if (!is_positive_f64(sum)) { return log_limit_f64(sum); }
    let k = log_exponent_f64(sum);
    let inverse = power_of_two_f64(-min(k, 54));
    let exact = fma(x, inverse, inverse - 1.0lf);
    let f = select(log_mantissa_f64(sum) - 1.0lf, exact, k < 54);
    let e = f64(k);
    return fma(e, 0.6931471803691238lf, fma(e, 1.9082149292705877e-10lf, log_near_one_f64(f)));
}

fn tanh_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let m = expm1_f64(2.0lf * min(abs_f64(x), 25.0lf));
    return copysign_f64(m / (m + 2.0lf), x);
}

fn sinh_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let a = abs_f64(x);
    if (a < 1.0lf) {
        let m = expm1_f64(a);
        return copysign_f64(0.5lf * (m + m / (m + 1.0lf)), x);
    }
    let half = exp_scaled_f64(a, -1);
    return copysign_f64(half - 0.25lf / half, x);
}

fn cosh_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let half = exp_scaled_f64(abs_f64(x), -1);
    return half + 0.25lf / half;
}

fn asinh_f64(x: f64) -> f64 {
    if (size_f64(x) >= inf_bits_f64()) { return x; }
    let a = abs_f64(x);
    if (a > 1e9lf) { return copysign_f64(log_f64(a) + 0.6931471805599453lf, x); }
    let z = a * a;
    return copysign_f64(log1p_f64(a + z / (1.0lf + sqrt(z + 1.0lf))), x);
}

fn acosh_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    if (lt_f64(x, 1.0lf)) { return nan_f64(); }
    if (x > 1e9lf) { return log_f64(x) + 0.6931471805599453lf; }
    let t = x - 1.0lf;
    return log1p_f64(t + sqrt(t * (t + 2.0lf)));
}

fn atanh_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if (isnan_f64(x) || a > 1.0lf) { return nan_f64(); }
    if (a == 1.0lf) { return copysign_f64(inf_f64(), x); }
    return copysign_f64(0.5lf * log1p_f64(2.0lf * a / (1.0lf - a)), x);
}

// x = q·π/2 + r with |r| <= π/4: r; `number` is q mod 4.
fn quarter_rest_f64(x: f64, number: ptr<function, u32>) -> f64 {
    if (abs_f64(x) < 1e5lf) {
        // Products with the first two parts of π/2 are exact.
        let q = round(x * 0.6366197723675814lf);
        let near = fma(-q, 6.077100506303966e-11lf, fma(-q, 1.5707963267341256lf, x));
        let r = fma(-q, 2.0222662487959506e-21lf, near);
        *number = u32(i32(q) & 3);
        if (q == 0.0lf || abs_f64(r) > 1e-5lf) { return r; }
    }
    let size = u64(size_f64(x));
    let m1 = u32((size >> 32u) & u64(0xfffffu)) | 0x100000u;
    let m0 = u32(size & u64(0xffffffffu));
    // x = m·2^(e - 1075); bits of 2/π that make multiples of 4 are left out.
    let place = u32(size >> 52u) + 64u - 1077u;
    var low = 0u;
    var carry = u64(0u);
    var p3 = 0u;
    var p2 = 0u;
    var p1 = 0u;
    var p0 = 0u;
    // Schoolbook: word j of the product takes m0 times word j of the window, and m1 times the one below.
    for (var j = 6u; j > 0u; j--) {
        let word = two_over_pi_from(place + 32u * (j - 1u));
        let first = u64(m0) * u64(word);
        let second = u64(m1) * u64(low);
        let sum = (first & u64(0xffffffffu)) + (second & u64(0xffffffffu)) + (carry & u64(0xffffffffu));
        carry = (first >> 32u) + (second >> 32u) + (carry >> 32u) + (sum >> 32u);
        low = word;
        p3 = p2;
        p2 = p1;
        p1 = p0;
        p0 = u32(sum & u64(0xffffffffu));
    }
    // Two bits of quarters, 126 of the fraction, of which the nearest quarter is taken.
    let up = (p0 >> 29u) & 1u;
    let q = (p0 >> 30u) + up;
    var high = (u64(p0) << 34u) | (u64(p1) << 2u) | u64(p2 >> 30u);
    var rest = (u64(p2) << 34u) | (u64(p3) << 2u);
    if (up == 1u) {
        rest = ~rest + u64(1u);
        high = ~high + select(u64(0u), u64(1u), rest == u64(0u));
    }
    let fraction = (f64(high) + f64(rest) * 5.421010862427522e-20lf) * 5.421010862427522e-20lf;
    let r = select(fraction, -fraction, up == 1u) * 1.5707963267948966lf;
    if (signbit_f64(x)) {
        *number = (4u - (q & 3u)) & 3u;
        return -r;
    }
    *number = q & 3u;
    return r;
}

fn sin_reduced_f64(r: f64, q: u32) -> f64 {
    let z = r * r;
    let sine = fma(r * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -7.584263996034166e-13lf, 1.605848950955874e-10lf), -2.5052105961377e-08lf), 2.7557319218542833e-06lf), -0.0001984126984126402lf), 0.008333333333333331lf), -0.16666666666666666lf), r);
    let cosine = fma(z * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 4.7445191096480046e-14lf, -1.1470437475266499e-11lf), 2.087675564036913e-09lf), -2.755731922096008e-07lf), 2.4801587301584066e-05lf), -0.0013888888888888887lf), 0.041666666666666664lf), fma(z, -0.5lf, 1.0lf));
    let value = select(cosine, sine, (q & 1u) == 0u);
    return select(value, -value, (q & 2u) == 2u);
}

fn sin_f64(x: f64) -> f64 {
    if (size_f64(x) >= inf_bits_f64()) { return nan_f64(); }
    if (abs_f64(x) < 1e-8lf) { return x; }
    var q = 0u;
    let r = quarter_rest_f64(x, &q);
    return sin_reduced_f64(r, q);
}

fn cos_f64(x: f64) -> f64 {
    if (size_f64(x) >= inf_bits_f64()) { return nan_f64(); }
    if (abs_f64(x) < 1e-9lf) { return 1.0lf; }
    var q = 0u;
    let r = quarter_rest_f64(x, &q);
    return sin_reduced_f64(r, q + 1u);
}

fn tan_f64(x: f64) -> f64 {
    if (size_f64(x) >= inf_bits_f64()) { return nan_f64(); }
    if (abs_f64(x) < 1e-8lf) { return x; }
    var q = 0u;
    let r = quarter_rest_f64(x, &q);
    return sin_reduced_f64(r, q) / sin_reduced_f64(r, q + 1u);
}

fn asin_part_f64(a: f64) -> f64 {
    let small = a <= 0.5lf;
    let half = fma(a, -0.5lf, 0.5lf);
    let z = select(half, a * a, small);
    let t = select(sqrt(half), a, small);
    return fma(t * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 0.030744526924322196lf, -0.024063914377949608lf), 0.0225861124015735lf), 0.0003664940923274731lf), 0.008799140451914983lf), 0.008135014193193648lf), 0.009792863988301035lf), 0.011549075679439491lf), 0.013965010669331847lf), 0.017352757444179825lf), 0.02237215928067093lf), 0.030381944441346388lf), 0.04464285714288356lf), 0.07499999999999991lf), 0.16666666666666666lf), t);
}

fn asin_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if (isnan_f64(x) || a > 1.0lf) { return nan_f64(); }
    let part = asin_part_f64(a);
    return copysign_f64(select(fma(part, -2.0lf, 1.5707963267948966lf) + 6.123233995736766e-17lf, part, a <= 0.5lf), x);
}

fn acos_f64(x: f64) -> f64 {
    let a = abs_f64(x);
    if (isnan_f64(x) || a > 1.0lf) { return nan_f64(); }
    let part = asin_part_f64(a);
    if (a <= 0.5lf) { return 1.5707963267948966lf - (copysign_f64(part, x) - 6.123233995736766e-17lf); }
    return select(2.0lf * part, 3.141592653589793lf - (2.0lf * part - 1.2246467991473532e-16lf), x < 0.0lf);
}

// arctan q for 0 <= q <= 1: as it is to tan π/8, beyond by the distance to π/4.
fn atan_unit_f64(q: f64) -> f64 {
    let steep = q > 0.41421356237309503lf;
    let t = select(q, (q - 1.0lf) / (q + 1.0lf), steep);
    let z = t * t;
    let angle = fma(t * z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -0.013912862083935091lf, 0.030630399494587394lf), -0.04104207294443433lf), 0.04719338362036012lf), -0.05258032679003167lf), 0.05881924337190751lf), -0.06666641957150596lf), 0.07692306733164588lf), -0.09090909066929216lf), 0.11111111110753377lf), -0.14285714285711507lf), 0.19999999999999993lf), -0.3333333333333333lf), t);
    return select(angle, angle + 3.061616997868383e-17lf + 0.7853981633974483lf, steep);
}

fn atan_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let a = abs_f64(x);
    if (isinf_f64(x)) { return copysign_f64(1.5707963267948966lf, x); }
    if (a > 1.0lf) { return copysign_f64(1.5707963267948966lf - (atan_unit_f64(1.0lf / a) - 6.123233995736766e-17lf), x); }
    return copysign_f64(atan_unit_f64(a), x);
}

fn atan2_f64(y: f64, x: f64) -> f64 {
    if (isnan_f64(x) || isnan_f64(y)) { return nan_f64(); }
    let a = abs_f64(y);
    let b = abs_f64(x);
    let steep = order_f64(a) > order_f64(b);
    let less = select(a, b, steep);
    let more = select(b, a, steep);
    var ratio = select(1.0lf, 0.0lf, logical_not_f64(less));
    if (size_f64(less) != size_f64(more)) { ratio = select(less / more, 0.0lf, isinf_f64(more)); }
    var angle = atan_unit_f64(ratio);
    if (steep) { angle = 1.5707963267948966lf - (angle - 6.123233995736766e-17lf); }
    if (signbit_f64(x)) { angle = 3.141592653589793lf - (angle - 1.2246467991473532e-16lf); }
    return copysign_f64(angle, y);
}

fn hypot_f64(x: f64, y: f64) -> f64 {
    if (isinf_f64(x) || isinf_f64(y)) { return inf_f64(); }
    if (isnan_f64(x) || isnan_f64(y)) { return nan_f64(); }
    let a = abs_f64(x);
    let b = abs_f64(y);
    let larger = max(a, b);
    var scale = 1.0lf;
    if (larger > 1e150lf) { scale = 1.0715086071862673e-301lf; }
    if (larger < 1e-150lf) { scale = 9.332636185032189e300lf; }
    return sqrt((a * scale) * (a * scale) + (b * scale) * (b * scale)) / scale;
}

fn pow_f64(x: f64, y: f64) -> f64 {
    if (y == 2.0lf) { return x * x; }
    if (y == 3.0lf) { return x * x * x; }
    if (y == -1.0lf) { return 1.0lf / x; }
    if (logical_not_f64(y) || x == 1.0lf) { return 1.0lf; }
    if (isnan_f64(x) || isnan_f64(y)) { return nan_f64(); }
    let a = abs_f64(x);
    let size = abs_f64(y);
    // From 2^53 on every number is an even integer, infinity too.
    let even = size >= 9007199254740992.0lf;
    let integer = even || trunc(size) == size;
    var odd = false;
    if (integer && !even) { odd = (i64(size) & i64(1)) == i64(1); }
    if (signbit_f64(x) && !integer && !logical_not_f64(x) && !isinf_f64(x)) { return nan_f64(); }
    var value = 1.0lf;
    if (logical_not_f64(a) || isinf_f64(a)) {
        value = select(inf_f64(), 0.0lf, logical_not_f64(a) != signbit_f64(y));
    } else if (a != 1.0lf) {
        if (isinf_f64(size)) {
            value = select(inf_f64(), 0.0lf, (a < 1.0lf) != signbit_f64(y));
        } else {
            // The exponent of two apart, whose product with y is exact for small y.
            let e = f64(log_exponent_f64(a));
            let logarithm = log_near_one_f64(log_mantissa_f64(a) - 1.0lf);
            let rough = y * fma(e, 0.6931471805599453lf, logarithm);
            let turns = round(clamp(rough, -1e6lf, 1e6lf) * 1.4426950408889634lf);
            let r = fma(y * e - turns, 0.6931471805599453lf, y * logarithm);
            value = select(scale_f64(exp_f64(clamp(r, -1.0lf, 1.0lf)), i32(clamp(turns, -1500.0lf, 1500.0lf))), exp_f64(rough), abs_f64(rough) > 1000.0lf);
        }
    }
    return select(value, -value, odd && signbit_f64(x));
}

fn erf_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let a = abs_f64(x);
    if (a < 1.0lf) { return fma(x, fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), fma((a * a), 2.8067128195611264e-13lf, -6.1967364287877e-12lf), 9.323723518153027e-11lf), -1.2277734486795524e-09lf), 1.4806027146128752e-08lf), -1.636576864883207e-07lf), 1.6462110782018636e-06lf), -1.4925650236967501e-05lf), 0.00012055332978879483lf), -0.0008548327023403001lf), 0.005223977625441674lf), -0.026866170645131218lf), 0.11283791670955126lf), -0.37612638903183754lf), 0.1283791670955126lf), x); }
    return copysign_f64(1.0lf - erfc_of_positive_f64(a), x);
}

fn erfc_of_positive_f64(a: f64) -> f64 {
    // The square in two parts, the first of which is exact.
    let b = min(a, 28.0lf);
    let rough = f64(f32(b));
    let tail = exp_f64(-rough * rough) * exp_f64((rough - b) * (rough + b));
    let u = (b - 3.0lf) / (b + 3.0lf);
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 4.835132388426117e-12lf, -1.0830931910313325e-11lf), -2.263968187669295e-11lf), 4.556445267067959e-11lf), 9.289169982028479e-11lf), -5.4468203626542556e-11lf), -3.628029522612663e-10lf), -3.232140512656583e-10lf), 9.99672250323782e-10lf), 2.7334504415255847e-09lf), -8.274587303163736e-10lf), -1.3079172261248628e-08lf), -1.113029900523165e-08lf), 4.860507079483304e-08lf), 1.0008846233029476e-07lf), -1.482045589812923e-07lf), -6.156941311754297e-07lf), 3.6118579147831977e-07lf), 3.472096487464163e-06lf), -7.334666209053221e-07lf), -2.0100516465719767e-05lf), 4.950080280853833e-06lf), 0.0001250993558020574lf), -0.00010515991870287225lf), -0.0007798322754674482lf), 0.0018886903738850117lf), 0.0025293918167134605lf), -0.023770514919670596lf), 0.06830802734392262lf), -0.11927366341527385lf), 0.12964515870276264lf), -0.04756229435345119lf), -0.1356211061245812lf), 1.2530080582697296lf) / (1.0lf + 2.0lf * b) * tail;
}

fn erfc_f64(x: f64) -> f64 {
    if (isnan_f64(x)) { return x; }
    let a = abs_f64(x);
    if (a < 0.5lf) { return 1.0lf - erf_f64(x); }
    let tail = erfc_of_positive_f64(a);
    return select(tail, 2.0lf - tail, signbit_f64(x));
}
