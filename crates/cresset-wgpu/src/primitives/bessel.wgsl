// Bessel functions of floats, sin x/x and Airy's function.

// Polynomials in x² on [0, 64].
fn j0_near(x: f32) -> f32 {
    let u = fma(x * x, 0.03125, -1.0);
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 1.6065681e-07, -2.743555e-06), 3.8471826e-05), -0.00044351362), 0.00405808), -0.028472738), 0.14598885), -0.50746804), 1.0383794), -0.8080888), -0.64846927), 0.93030125), 0.045829665);
}

fn j1_near(x: f32) -> f32 {
    let u = fma(x * x, 0.03125, -1.0);
    return x * fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 6.4690817e-09, -1.206299e-07), 1.8684052e-06), -2.4044548e-05), 0.00024949462), -0.0020290401), 0.012456815), -0.05474582), 0.15858376), -0.25959486), 0.15151665), 0.08105866), -0.058143828);
}

// Amplitude times cosine and sine of the phase x - π/4, beyond 8.
fn bessel_far(x: f32, p: f32, q: f32, cosine: f32, sine: f32) -> f32 {
    return sqrt(0.63661975 / x) * (p * cosine - q * sine);
}

fn bessel_p0(z: f32) -> f32 { return fma(z, fma(z, fma(z, fma(z, fma(z, -4.0043755e-08, 3.088266e-07), -2.1596202e-06), 2.7375545e-05), -0.0010986323), 1.0); }

fn bessel_q0(z: f32) -> f32 { return fma(z, fma(z, fma(z, fma(z, fma(z, 2.145311e-08, -1.4670903e-07), 8.081997e-07), -6.927382e-06), 0.00014305087), -0.015625); }

fn bessel_p1(z: f32) -> f32 { return fma(z, fma(z, fma(z, fma(z, fma(z, 4.4901924e-08, -3.5185082e-07), 2.5542577e-06), -3.5198114e-05), 0.0018310542), 1.0); }

fn bessel_q1(z: f32) -> f32 { return fma(z, fma(z, fma(z, fma(z, fma(z, -2.3827049e-08, 1.6489669e-07), -9.334927e-07), 8.467237e-06), -0.0002002713), 0.046875); }

fn bessel_j0_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (isinf_f32(x)) { return 0.0; }
    let a = abs_f32(x);
    if (a <= 8.0) { return j0_near(a); }
    let w = 8.0 / a;
    let c = cos_f32(a);
    let s = sin_f32(a);
    return bessel_far(a, bessel_p0(w * w), w * bessel_q0(w * w), 0.70710677 * (c + s), 0.70710677 * (s - c));
}

fn bessel_j1_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (isinf_f32(x)) { return 0.0; }
    let a = abs_f32(x);
    if (a <= 8.0) { return j1_near(x); }
    let w = 8.0 / a;
    let c = cos_f32(a);
    let s = sin_f32(a);
    let value = bessel_far(a, bessel_p1(w * w), w * bessel_q1(w * w), 0.70710677 * (s - c), -0.70710677 * (s + c));
    return select(value, -value, signbit_f32(x));
}

fn bessel_y0_f32(x: f32) -> f32 {
    if (isnan_f32(x) || lt_f32(x, 0.0)) { return nan_f32(); }
    if (logical_not_f32(x)) { return -inf_f32(); }
    if (isinf_f32(x)) { return 0.0; }
    if (x <= 8.0) {
        let u = fma(x * x, 0.03125, -1.0);
        return fma(0.63661975 * log_f32(x), j0_near(x), fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -3.2417393e-07, 5.374764e-06), -7.2792514e-05), 0.0008060917), -0.007025743), 0.046367086), -0.21895747), 0.6721771), -1.0775478), 0.14412633), 1.6470965), -0.8284359), -0.38225067));
    }
    let w = 8.0 / x;
    let c = cos_f32(x);
    let s = sin_f32(x);
    return bessel_far(x, bessel_p0(w * w), -w * bessel_q0(w * w), 0.70710677 * (s - c), 0.70710677 * (c + s));
}

fn bessel_y1_f32(x: f32) -> f32 {
    if (isnan_f32(x) || lt_f32(x, 0.0)) { return nan_f32(); }
    if (logical_not_f32(x)) { return -inf_f32(); }
    if (isinf_f32(x)) { return 0.0; }
    if (x <= 8.0) {
        let u = fma(x * x, 0.03125, -1.0);
        return fma(0.63661975, log_f32(x) * j1_near(x) - 1.0 / x, x * fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -1.32343825e-08, 2.4006016e-07), -3.6008985e-06), 4.4671815e-05), -0.0004438174), 0.0034224922), -0.019628758), 0.078547865), -0.19639839), 0.23507209), 0.023367573), -0.24337743), 0.070759855));
    }
    let w = 8.0 / x;
    let c = cos_f32(x);
    let s = sin_f32(x);
    return bessel_far(x, bessel_p1(w * w), -w * bessel_q1(w * w), -0.70710677 * (s + c), 0.70710677 * (s - c));
}

fn spherical_bessel_j0_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    if (isinf_f32(x)) { return 0.0; }
    if (abs(x) < 1e-3) { return fma(x * x, -0.16666667, 1.0); }
    return sin_f32(x) / x;
}

// e^-|x|·I₀(x).
fn i0e_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    if (isinf_f32(a)) { return 0.0; }
    if (a <= 4.0) {
        let u = fma(a, 0.5, -1.0);
        return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -0.0005174345, 0.0015905877), -0.0029845033), 0.007191879), -0.017208278), 0.034420066), -0.060413577), 0.09409775), -0.12889718), 0.15769234), -0.18647805), 0.30850825);
    }
    let u = 8.0 / a - 1.0;
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -3.4124948e-06, -1.8344859e-06), 1.4345336e-05), 1.028684e-05), -2.7319518e-05), -3.5750254e-05), 1.267064e-05), 7.87083e-05), 0.00018506288), 0.00073530915), 0.0073494334), 0.40568635) / sqrt(a);
}

fn i1e_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    let a = abs_f32(x);
    if (isinf_f32(a)) { return copysign_f32(0.0, x); }
    if (a <= 4.0) {
        let u = fma(a, 0.5, -1.0);
        return x * fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -9.7807235e-05, 0.00032788218), -0.00073216506), 0.0019990958), -0.005291063), 0.012161096), -0.025016462), 0.046018213), -0.074488394), 0.10420292), -0.12203025), 0.107634634);
    }
    let u = 8.0 / a - 1.0;
    return copysign_f32(fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 3.7335785e-06, 1.7098719e-06), -1.5844518e-05), -1.0017072e-05), 3.109704e-05), 3.7614827e-05), -1.7887744e-05), -9.383144e-05), -0.00023492705), -0.0011257635), -0.02048647), 0.37941226) / sqrt(a), x);
}

fn i0_f32(x: f32) -> f32 {
    if (isinf_f32(x)) { return abs_f32(x); }
    // In two factors: the exponential alone may overflow.
    let half = exp_f32(0.5 * abs_f32(x));
    return i0e_f32(x) * half * half;
}

fn i1_f32(x: f32) -> f32 {
    if (isinf_f32(x)) { return x; }
    let half = exp_f32(0.5 * abs_f32(x));
    return i1e_f32(x) * half * half;
}

// What K₀ and K₁ share: 1 where they are computed, else their value.
fn bessel_k_limit(x: f32) -> f32 {
    if (isnan_f32(x) || lt_f32(x, 0.0)) { return nan_f32(); }
    if (logical_not_f32(x)) { return inf_f32(); }
    return select(1.0, 0.0, isinf_f32(x));
}

// ln x/2, also of the smallest numbers.
fn log_of_half(x: f32) -> f32 {
    if (x < 1e-30) { return log_f32(x) - 0.6931472; }
    return log_f32(0.5 * x);
}

// K of x <= 2: the logarithmic series.
fn k0_near(x: f32) -> f32 {
    let z = x * x;
    return fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 9.522368e-10, 1.1531271e-07), 1.0215086e-05), 0.00054518844), 0.014418506), 0.10569608), -0.5772157) - log_of_half(x) * fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 5.0572996e-10, 6.762348e-08), 6.782214e-06), 0.00043402702), 0.015625), 0.25), 1.0);
}

fn k1_near(x: f32) -> f32 {
    if (x < 1e-30) { return 1.0 / x; }
    let z = x * x;
    return 1.0 / x + x * (log_of_half(x) * fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, 3.5804984e-11, 5.639378e-09), 6.7820133e-07), 5.4253425e-05), 0.0026041667), 0.0625), 0.5) + fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -6.991015e-11, -1.0087863e-08), -1.0892869e-06), -7.4930336e-05), -0.002837112), -0.04204902), 0.038607832));
}

// e^x·K of x > 2.
fn k0_far(x: f32) -> f32 {
    let u = 4.0 / x - 1.0;
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, 1.7366028e-07, -4.334131e-07), 6.6317966e-07), -2.007515e-06), 7.039022e-06), -2.4819758e-05), 9.95538e-05), -0.00047975357), 0.0030328922), -0.031071462), 1.2185954) / sqrt(x);
}

fn k1_far(x: f32) -> f32 {
    let u = 4.0 / x - 1.0;
    return fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, fma(u, -2.0364072e-07, 5.1453696e-07), -8.1499076e-07), 2.516564e-06), -9.00355e-06), 3.294206e-05), -0.00013958245), 0.0007357062), -0.00556673), 0.10334974), 1.3631519) / sqrt(x);
}

fn modified_bessel_k0_f32(x: f32) -> f32 {
    let limit = bessel_k_limit(x);
    if (bitcast<u32>(limit) != 0x3f800000u) { return limit; }
    if (x <= 2.0) { return k0_near(x); }
    return k0_far(x) * exp_f32(-x);
}

fn modified_bessel_k1_f32(x: f32) -> f32 {
    let limit = bessel_k_limit(x);
    if (bitcast<u32>(limit) != 0x3f800000u) { return limit; }
    if (x <= 2.0) { return k1_near(x); }
    return k1_far(x) * exp_f32(-x);
}

fn scaled_modified_bessel_k0_f32(x: f32) -> f32 {
    let limit = bessel_k_limit(x);
    if (bitcast<u32>(limit) != 0x3f800000u) { return limit; }
    if (x <= 2.0) { return k0_near(x) * exp_f32(x); }
    return k0_far(x);
}

fn scaled_modified_bessel_k1_f32(x: f32) -> f32 {
    let limit = bessel_k_limit(x);
    if (bitcast<u32>(limit) != 0x3f800000u) { return limit; }
    if (x <= 2.0) { return k1_near(x) * exp_f32(x); }
    return k1_far(x);
}

fn airy_ai_f32(x: f32) -> f32 {
    if (isnan_f32(x) || isinf_f32(x)) { return nan_f32(); }
    if (abs(x) <= 2.0) { return fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, fma(x, -2.2409438e-08, 1.9047336e-07), -8.08511e-08), -5.577863e-06), 2.7624184e-05), -4.051804e-07), -0.0005138675), 0.001973004), 2.3539974e-07), -0.021568734), 0.05917128), 1.1979954e-07), -0.2588194), 0.35502806); }
    let a = abs_f32(x);
    // Out there it has no digits left, or none at all.
    if (x > 30.0 || a > 1e20) { return 0.0; }
    let root = sqrt_pair(vec2<f32>(a, 0.0));
    let zeta = mul_pair(mul_pair(root, vec2<f32>(a, 0.0)), vec2<f32>(0.6666667, -1.9868216e-8));
    let scale = 0.5641896 / sqrt(root.x);
    let v = 1.0 / zeta.x;
    if (x > 0.0) {
        return 0.5 * scale * exp_f32(-zeta.x) * (1.0 - zeta.y) * fma(v, fma(v, fma(v, fma(v, fma(v, fma(v, fma(v, -0.015157431, 0.041444845), -0.052953694), 0.046044268), -0.036654174), 0.03705107), -0.06944241), 1.0);
    }
    // Of ζ - π/4, both of whose parts are turned.
    let s1 = sin_f32(zeta.x);
    let c1 = cos_f32(zeta.x);
    let s2 = sin_f32(zeta.y);
    let c2 = cos_f32(zeta.y);
    let s = s1 * c2 + c1 * s2;
    let c = c1 * c2 - s1 * s2;
    let z = v * v;
    return 0.70710677 * scale * ((c + s) * fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -3.5036337, 4.509297), -2.5127888), 0.82976943), -0.20366062), 0.055369202), -0.03710671), 0.99999994) + v * (s - c) * fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, fma(z, -11.150834, 14.13096), -7.664259), 2.400141), -0.52344114), 0.10736036), -0.037892837), 0.069444224));
}
