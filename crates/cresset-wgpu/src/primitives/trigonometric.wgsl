// Trigonometric functions and their inverses.

fn sin_f32(x: f32) -> f32 { return sin(x); }

fn cos_f32(x: f32) -> f32 { return cos(x); }
