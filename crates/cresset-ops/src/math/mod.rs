//! Scalar mathematics: pure functions of one or two numbers, which the loops of the CPU evaluator call.
//! No arrays, no allocation, no dtypes here.
//!
//! | module | signature | functions |
//! |---|---|---|
//! | [`single`] | `fn NAME<F: Fma>(x: f32) -> f32` | `exp exp2 expm1 log log2 log10 log1p log1p_exp sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc rsqrt` |
//! | [`single`] | `fn NAME<F: Fma>(x: f32, y: f32) -> f32` | `pow atan2 hypot` |
//! | [`single`] | `fn NAME(x: f32, y: f32) -> f32` | `fmod floor_mod floor_divide nextafter` |
//! | [`single`] | one argument | `frexp(f32) -> (f32, i32)`, `ldexp(f32, i32) -> f32` |
//! | [`single`] | halves of `erf` | `log_erfc<F: Fma>(x: f32) -> f32`, `erf_of_log<F: Fma>(log_erfc: f32) -> f32` |
//! | [`single`] | huge angles | `angle_is_huge(f32) -> bool`, `sin_huge cos_huge tan_huge (f32) -> f32` |
//! | [`double`] | `fn NAME(x: f64) -> f64` | `exp exp2 expm1 log log2 log10 log1p log1p_exp sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc rsqrt` |
//! | [`double`] | `fn NAME(x: f64, y: f64) -> f64` | `pow atan2 hypot fmod floor_mod floor_divide nextafter` |
//! | [`double`] | for loops | `exp_in_loop<F: Fma>(x: f64) -> f64` |
//! | [`double`] | one argument | `frexp(f64) -> (f64, i32)`, `ldexp(f64, i32) -> f64` |
//! | [`special`] | `fn NAME(x: f64) -> f64` | `lgamma digamma i0 i0e i1 i1e erfinv erfcx ndtri log_ndtr sinc bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 airy_ai` |
//! | [`special`] | two arguments | `polygamma(n: i64, x: f64) -> f64`, `zeta igamma igammac (f64, f64) -> f64` |
//! | [`integer`] | `fn NAME(a: i64, b: i64) -> Option<i64>`, `None` where `b = 0` | `truncate_divide floor_divide fmod floor_mod` |
//! | [`integer`] | `fn NAME(a: i64, b: i64) -> i64` | `pow shift_left shift_right gcd lcm` |
//!
//! The special functions are of f64 alone: in f32, convert, call, and round the result.
//! The functions of [`single`] are inlined into the loop that calls them, so that it vectorises for whatever
//! target features that loop has; see [`Fma`]. One thing is asked of the loops of `sin`, `cos` and `tan`: where
//! [`single::angle_is_huge`], the element is to be replaced by the `_huge` function's result.

pub mod double;
pub mod integer;
pub mod single;
pub mod special;

/// How a loop multiplies and adds: chosen by the target features of the function around it.
pub trait Fma: Copy {
    /// `a·b + c`.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    /// `a·b + c`.
    fn mul_add_wide(a: f64, b: f64, c: f64) -> f64;
}

/// Rounded once, by the machine's own instruction. Slow (a call) in functions compiled without that feature.
#[derive(Clone, Copy, Debug)]
pub struct Fused;

/// Rounded twice: for machines without the instruction.
#[derive(Clone, Copy, Debug)]
pub struct Separate;

impl Fma for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn mul_add_wide(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

impl Fma for Separate {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn mul_add_wide(a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
}
