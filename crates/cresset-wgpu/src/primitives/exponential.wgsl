// Exponentials, logarithms and what is made of them.

fn exp_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    return exp(x);
}

fn log_f32(x: f32) -> f32 {
    if (isnan_f32(x) || lt_f32(x, 0.0)) { return nan_f32(); }
    return log(x);
}

fn tanh_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    return tanh(clamp(x, -15.0, 15.0));
}

fn sigmoid_f32(x: f32) -> f32 {
    if (isnan_f32(x)) { return x; }
    return 1.0 / (1.0 + exp(-x));
}
