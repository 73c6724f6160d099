//! The loops of arithmetic on floating-point numbers: what each primitive, and each few of them that are done together,
//! computes, compiled for every set of vector instructions where that is worth its time.

use super::{
    fuse::Sum,
    operands::{both, choose, each, four, three},
    simd::for_every_simd,
};
use crate::{
    expr::{Binary, Unary},
    math::{Fma, double, single},
};

/// Sine and its kin: the vector loop is right for all but huge angles, which are done again one by one.
#[inline(always)]
fn angle(target: &mut [f32], a: &[f32], f: impl Fn(f32) -> f32, huge: fn(f32) -> f32) {
    // All are looked at before any is decided on, so that this loop has no branch either.
    let mut any = false;
    for &a in a {
        any |= single::angle_is_huge(a);
    }
    each(target, a, f);
    if any {
        again(target, a, huge);
    }
}

/// The rare chunk with huge angles.
#[cold]
#[inline(never)]
fn again(target: &mut [f32], a: &[f32], huge: fn(f32) -> f32) {
    for (t, &a) in target.iter_mut().zip(a) {
        if single::angle_is_huge(a) {
            *t = huge(a);
        }
    }
}

/// The error function, half by half.
#[inline(always)]
fn erf<F: Fma>(target: &mut [f32], a: &[f32]) {
    each(target, a, single::log_erfc::<F>);
    for t in target {
        *t = single::erf_of_log::<F>(*t);
    }
}

/// `nan` where it is, else -1, 0 or 1 by comparison; PyTorch's sign of NaN is 0.
macro_rules! sign {
    ($x:expr, $zero:expr, $one:expr) => {{
        let x = $x;
        (if x > $zero { $one } else { $zero }) - (if x < $zero { $one } else { $zero })
    }};
}

/// What is computed in the same way in f32 and f64, and the rows that are of one of them.
macro_rules! float_unary {
    ($name:ident, $type:ty, |$f:ident, $target:ident, $a:ident| { $($code:pat => $loop:expr,)* }) => {
        #[inline(always)]
        #[allow(clippy::extra_unused_type_parameters)] // f32 chooses by it, f64 need not
        pub(super) fn $name<F: Fma>($f: Unary, $target: &mut [$type], $a: &[$type]) {
            match $f {
                Unary::Neg => each($target, $a, |x| -x),
                Unary::Abs => each($target, $a, |x| x.abs()),
                Unary::Sign => each($target, $a, |x| sign!(x, 0.0, 1.0)),
                Unary::Floor => each($target, $a, |x| x.floor()),
                Unary::Ceil => each($target, $a, |x| x.ceil()),
                Unary::Trunc => each($target, $a, |x| x.trunc()),
                Unary::Round => each($target, $a, |x| x.round_ties_even()),
                Unary::Reciprocal => each($target, $a, |x| 1.0 / x),
                Unary::Sqrt => each($target, $a, |x| x.sqrt()),
                $($code => $loop,)*
                // Of another lane or dtype: `truth`, `exponent`, integers.
                Unary::BitNot
                | Unary::Exponent
                | Unary::IsNan
                | Unary::IsInf
                | Unary::SignBit
                | Unary::Not => {}
                // Of `functions`.
                Unary::Erfinv
                | Unary::Lgamma
                | Unary::Digamma
                | Unary::I0
                | Unary::I0e
                | Unary::I1
                | Unary::I1e
                | Unary::Erfcx
                | Unary::Ndtri
                | Unary::LogNdtr
                | Unary::BesselJ0
                | Unary::BesselJ1
                | Unary::BesselY0
                | Unary::BesselY1
                | Unary::ModifiedBesselK0
                | Unary::ModifiedBesselK1
                | Unary::ScaledModifiedBesselK0
                | Unary::ScaledModifiedBesselK1
                | Unary::SphericalBesselJ0
                | Unary::AiryAi
                | Unary::Mantissa => {}
            }
        }
    };
}

float_unary! {
    unary_f32, f32, |f, target, a| {
        Unary::Rsqrt => each(target, a, single::rsqrt::<F>),
        Unary::Exp => each(target, a, single::exp::<F>),
        Unary::Exp2 => each(target, a, single::exp2::<F>),
        Unary::Expm1 => each(target, a, single::expm1::<F>),
        Unary::Log => each(target, a, single::log::<F>),
        Unary::Log2 => each(target, a, single::log2::<F>),
        Unary::Log10 => each(target, a, single::log10::<F>),
        Unary::Log1p => each(target, a, single::log1p::<F>),
        Unary::Sin => angle(target, a, single::sin::<F>, single::sin_huge),
        Unary::Cos => angle(target, a, single::cos::<F>, single::cos_huge),
        Unary::Tan => angle(target, a, single::tan::<F>, single::tan_huge),
        Unary::Asin => each(target, a, single::asin::<F>),
        Unary::Acos => each(target, a, single::acos::<F>),
        Unary::Atan => each(target, a, single::atan::<F>),
        Unary::Sinh => each(target, a, single::sinh::<F>),
        Unary::Cosh => each(target, a, single::cosh::<F>),
        Unary::Tanh => each(target, a, single::tanh::<F>),
        Unary::Asinh => each(target, a, single::asinh::<F>),
        Unary::Acosh => each(target, a, single::acosh::<F>),
        Unary::Atanh => each(target, a, single::atanh::<F>),
        Unary::Sigmoid => each(target, a, single::sigmoid::<F>),
        Unary::Erf => erf::<F>(target, a),
        Unary::Erfc => each(target, a, single::erfc::<F>),
    }
}

float_unary! {
    unary_f64, f64, |f, target, a| {
        Unary::Rsqrt => each(target, a, double::rsqrt),
        // Of `functions`.
        Unary::Exp
        | Unary::Exp2
        | Unary::Expm1
        | Unary::Log
        | Unary::Log2
        | Unary::Log10
        | Unary::Log1p
        | Unary::Sin
        | Unary::Cos
        | Unary::Tan
        | Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Tanh
        | Unary::Asinh
        | Unary::Acosh
        | Unary::Atanh
        | Unary::Sigmoid
        | Unary::Erf
        | Unary::Erfc => {},
    }
}

macro_rules! float_binary {
    ($name:ident, $type:ty, $module:ident, $generic:tt, |$target:ident, $a:ident, $b:ident| { $($code:pat => $loop:expr,)* }) => {
        #[inline(always)]
        #[allow(clippy::extra_unused_type_parameters)] // f32 chooses by it, f64 need not
        pub(super) fn $name<F: Fma>(f: Binary, $target: &mut [$type], $a: &[$type], $b: &[$type]) {
            match f {
                $($code => $loop,)*
                Binary::TruncDivide => both($target, $a, $b, |a, b| (a / b).trunc()),
                Binary::Pow => both($target, $a, $b, float_binary!(@ $module pow $generic)),
                Binary::Atan2 => both($target, $a, $b, float_binary!(@ $module atan2 $generic)),
                Binary::Hypot => both($target, $a, $b, float_binary!(@ $module hypot $generic)),
                Binary::Copysign => both($target, $a, $b, |a, b| a.copysign(b)),
                // Of integers, comparisons, or of `functions`.
                Binary::Gcd
                | Binary::BitAnd
                | Binary::BitOr
                | Binary::BitXor
                | Binary::ShiftLeft
                | Binary::ShiftRight
                | Binary::Eq
                | Binary::Ne
                | Binary::Lt
                | Binary::Le
                | Binary::Gt
                | Binary::Ge
                | Binary::FloorDivide
                | Binary::Remainder
                | Binary::Fmod
                | Binary::Nextafter
                | Binary::Igamma
                | Binary::Igammac
                | Binary::Zeta
                | Binary::Polygamma => {}
            }
        }
    };
    (@ $module:ident $f:ident generic) => { $module::$f::<F> };
    (@ $module:ident $f:ident plain) => { $module::$f };
}

float_binary! {
    binary_f32, f32, single, generic, |target, a, b| {
        Binary::Add => both(target, a, b, |a, b| a + b),
        Binary::Sub => both(target, a, b, |a, b| a - b),
        Binary::Mul => both(target, a, b, |a, b| a * b),
        Binary::Div => both(target, a, b, |a, b| a / b),
        Binary::Maximum => both(target, a, b, |a, b| if a > b || a.is_nan() { a } else { b }),
        Binary::Minimum => both(target, a, b, |a, b| if a < b || a.is_nan() { a } else { b }),
    }
}

float_binary! {
    binary_f64, f64, double, plain, |target, a, b| {
        // Of `plain_f64`.
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Maximum | Binary::Minimum => {},
    }
}

/// Powers by these numbers are products, roots or quotients: faster, and exact where those are.
pub(super) const POWERS: [f64; 6] = [2.0, 3.0, 1.0, 0.5, -1.0, -2.0];

macro_rules! power {
    ($name:ident, $type:ty) => {
        #[inline(always)]
        #[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
        pub(super) fn $name<F: Fma>(exponent: f64, target: &mut [$type], a: &[$type]) {
            match exponent {
                2.0 => each(target, a, |a| a * a),
                3.0 => each(target, a, |a| a * a * a),
                0.5 => each(target, a, |a| a.sqrt()),
                -1.0 => each(target, a, |a| 1.0 / a),
                -2.0 => each(target, a, |a| 1.0 / (a * a)),
                _ => each(target, a, |a| a),
            }
        }
    };
}

power!(power_f32, f32);
power!(power_f64, f64);

/// Comparisons.
#[inline(always)]
pub(super) fn compare<T: Copy + PartialOrd>(f: Binary, target: &mut [u8], a: &[T], b: &[T]) {
    match f {
        Binary::Eq => both(target, a, b, |a, b| u8::from(a == b)),
        Binary::Ne => both(target, a, b, |a, b| u8::from(a != b)),
        Binary::Lt => both(target, a, b, |a, b| u8::from(a < b)),
        Binary::Le => both(target, a, b, |a, b| u8::from(a <= b)),
        Binary::Gt => both(target, a, b, |a, b| u8::from(a > b)),
        _ => both(target, a, b, |a, b| u8::from(a >= b)),
    }
}

/// Two steps of arithmetic in one loop, each rounded as if it were alone.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn pair_f32<F: Fma>(first: Sum, second: Sum, target: &mut [f32], a: &[f32], b: &[f32], c: &[f32]) {
    let x = [a, b, c];
    match (first, second) {
        (Sum::Add, Sum::Add) => three(target, x, |a, b, c| a + b + c),
        (Sum::Add, Sum::Sub) => three(target, x, |a, b, c| a + b - c),
        (Sum::Add, Sum::From) => three(target, x, |a, b, c| c - (a + b)),
        (Sum::Add, Sum::Mul) => three(target, x, |a, b, c| (a + b) * c),
        (Sum::Sub, Sum::Add) => three(target, x, |a, b, c| a - b + c),
        (Sum::Sub, Sum::Sub) => three(target, x, |a, b, c| a - b - c),
        (Sum::Sub, Sum::From) => three(target, x, |a, b, c| c - (a - b)),
        (Sum::Sub, Sum::Mul) => three(target, x, |a, b, c| (a - b) * c),
        (Sum::Mul, Sum::Add) => three(target, x, |a, b, c| a * b + c),
        (Sum::Mul, Sum::Sub) => three(target, x, |a, b, c| a * b - c),
        (Sum::Mul, Sum::From) => three(target, x, |a, b, c| c - a * b),
        (Sum::Mul, Sum::Mul) => three(target, x, |a, b, c| a * b * c),
        // The lowering turns the first round.
        (Sum::From, _) => {}
    }
}

/// A function of a product, rounded in between.
#[inline(always)]
fn of_product_f32<F: Fma>(f: Unary, target: &mut [f32], a: &[f32], b: &[f32]) {
    match f {
        Unary::Exp => both(target, a, b, |a, b| single::exp::<F>(a * b)),
        Unary::Tanh => both(target, a, b, |a, b| single::tanh::<F>(a * b)),
        Unary::Sigmoid => both(target, a, b, |a, b| single::sigmoid::<F>(a * b)),
        // The lowering sends only these.
        _ => {
            both(target, a, b, |a, b| single::log_erfc::<F>(a * b));
            for t in target {
                *t = single::erf_of_log::<F>(*t);
            }
        }
    }
}

/// A function of a product, a sum with it, and its product with another product, each rounded: `(f(a·b) + c)·(d·e)`.
#[inline(always)]
fn gate_f32<F: Fma>(f: Unary, target: &mut [f32], [a, b, c, d, e]: [&[f32]; 5]) {
    let n = target.len();
    let (c, d, e) = (&c[..n], &d[..n], &e[..n]);
    match f {
        Unary::Tanh => {
            let (a, b) = (&a[..n], &b[..n]);
            for i in 0..n {
                target[i] = (single::tanh::<F>(a[i] * b[i]) + c[i]) * (d[i] * e[i]);
            }
        }
        // The lowering sends only the error function besides.
        _ => {
            both(target, a, b, |a, b| single::log_erfc::<F>(a * b));
            for i in 0..n {
                target[i] = (single::erf_of_log::<F>(target[i]) + c[i]) * (d[i] * e[i]);
            }
        }
    }
}

/// A comparison and the choice made by it in one loop. What differs from these three is them with operands exchanged.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // as above
fn decide_f32<F: Fma>(f: Binary, target: &mut [f32], a: &[f32], b: &[f32], then: &[f32], otherwise: &[f32]) {
    let x = [a, b, then, otherwise];
    match f {
        Binary::Lt => four(target, x, |a, b, x, y| if a < b { x } else { y }),
        Binary::Le => four(target, x, |a, b, x, y| if a <= b { x } else { y }),
        _ => four(target, x, |a, b, x, y| if a == b { x } else { y }),
    }
}

for_every_simd! {
    /// A function of one f32.
    pub(super) fn unary_single(f: Unary, target: &mut [f32], a: &[f32]) = unary_f32
}

for_every_simd! {
    /// One number for all places.
    pub(super) fn fill_single(target: &mut [f32], value: f32) = fill_f32
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn fill_f32<F: Fma>(target: &mut [f32], value: f32) {
    for t in target {
        *t = value;
    }
}

for_every_simd! {
    /// A function of two f32.
    pub(super) fn binary_single(f: Binary, target: &mut [f32], a: &[f32], b: &[f32]) = binary_f32
}

/// The arithmetic of f64 and i64 that is no slower than memory where it is done in vectors.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
}

impl Plain {
    /// The primitive, if it is one of these.
    pub(super) fn of(f: Binary) -> Option<Plain> {
        match f {
            Binary::Add => Some(Plain::Add),
            Binary::Sub => Some(Plain::Sub),
            Binary::Mul => Some(Plain::Mul),
            Binary::Div => Some(Plain::Div),
            Binary::Maximum => Some(Plain::Maximum),
            Binary::Minimum => Some(Plain::Minimum),
            _ => None,
        }
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
fn plain_f64<F: Fma>(f: Plain, target: &mut [f64], a: &[f64], b: &[f64]) {
    match f {
        Plain::Add => both(target, a, b, |a, b| a + b),
        Plain::Sub => both(target, a, b, |a, b| a - b),
        Plain::Mul => both(target, a, b, |a, b| a * b),
        Plain::Div => both(target, a, b, |a, b| a / b),
        Plain::Maximum => both(target, a, b, |a, b| if a > b || a.is_nan() { a } else { b }),
        Plain::Minimum => both(target, a, b, |a, b| if a < b || a.is_nan() { a } else { b }),
    }
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
fn plain_i64<F: Fma>(f: Plain, target: &mut [i64], a: &[i64], b: &[i64]) {
    match f {
        Plain::Add => both(target, a, b, i64::wrapping_add),
        Plain::Sub => both(target, a, b, i64::wrapping_sub),
        Plain::Mul => both(target, a, b, i64::wrapping_mul),
        // Typing makes floating point of it.
        Plain::Div => {}
        Plain::Maximum => both(target, a, b, i64::max),
        Plain::Minimum => both(target, a, b, i64::min),
    }
}

#[inline(always)]
fn exp_f64<F: Fma>(target: &mut [f64], a: &[f64]) {
    each(target, a, double::exp_in_loop::<F>);
}

for_every_simd! {
    /// Arithmetic on f64.
    pub(super) fn plain_double(f: Plain, target: &mut [f64], a: &[f64], b: &[f64]) = plain_f64
}

for_every_simd! {
    /// Arithmetic on i64.
    pub(super) fn plain_integer(f: Plain, target: &mut [i64], a: &[i64], b: &[i64]) = plain_i64
}

for_every_simd! {
    /// The exponential of f64.
    pub(super) fn exp_double(target: &mut [f64], a: &[f64]) = exp_f64
}

for_every_simd! {
    /// A power that is a product, a root or a quotient.
    pub(super) fn power_single(exponent: f64, target: &mut [f32], a: &[f32]) = power_f32
}

for_every_simd! {
    /// A comparison of two f32.
    pub(super) fn compare_single(f: Binary, target: &mut [u8], a: &[f32], b: &[f32]) = compare_f32
}

for_every_simd! {
    /// A choice between two f32.
    pub(super) fn choose_single(target: &mut [f32], a: &[f32], b: &[f32], condition: &[u8]) = choose_f32
}

for_every_simd! {
    /// Two steps of arithmetic.
    pub(super) fn pair_single(first: Sum, second: Sum, target: &mut [f32], a: &[f32], b: &[f32], c: &[f32]) = pair_f32
}

for_every_simd! {
    /// A function of a product.
    pub(super) fn of_product_single(f: Unary, target: &mut [f32], a: &[f32], b: &[f32]) = of_product_f32
}

for_every_simd! {
    /// A function of a product, to which a number is added before it multiplies another product.
    pub(super) fn gate_single(f: Unary, target: &mut [f32], x: [&[f32]; 5]) = gate_f32
}

for_every_simd! {
    /// A choice by a comparison.
    pub(super) fn decide_single(f: Binary, target: &mut [f32], a: &[f32], b: &[f32], then: &[f32], otherwise: &[f32]) = decide_f32
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
fn compare_f32<F: Fma>(f: Binary, target: &mut [u8], a: &[f32], b: &[f32]) {
    compare(f, target, a, b);
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
fn choose_f32<F: Fma>(target: &mut [f32], a: &[f32], b: &[f32], condition: &[u8]) {
    choose(target, a, b, condition);
}
