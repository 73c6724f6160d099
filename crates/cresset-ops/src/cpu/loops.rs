//! One loop for every scalar primitive and lane. This is the primitive's meaning on the CPU.

use super::{
    functions::{One, Two, one, two},
    fuse::{Sum, Work},
    integers::{binary_bool, binary_i64, unary_i64, wrap},
    operands::{Side, both, called, choose, constant, each, four, pieces, side, three},
    plan::{Code, Lane, Step},
    simd::for_every_simd,
    stream,
};
pub use super::{integers::Trouble, operands::Cell};
use crate::{
    expr::{Binary, Typing, Unary},
    math::{Fma, Separate, double, single},
};
use cresset_tensor::{DType, bf16, f16};

/// What a chunk is, apart from its numbers.
#[derive(Clone, Copy)]
pub struct Chunk {
    /// How many elements.
    pub len: usize,
    /// The place of the first in the output.
    pub start: usize,
}

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
        fn $name<F: Fma>($f: Unary, $target: &mut [$type], $a: &[$type]) {
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

/// Questions about a number.
macro_rules! truth {
    ($f:expr, $target:expr, $a:expr, $nan:expr, $inf:expr, $sign:expr, $zero:expr) => {
        match $f {
            Unary::IsNan => each($target, $a, $nan),
            Unary::IsInf => each($target, $a, $inf),
            Unary::SignBit => each($target, $a, $sign),
            _ => each($target, $a, $zero),
        }
    };
}

macro_rules! float_binary {
    ($name:ident, $type:ty, $module:ident, $generic:tt, |$target:ident, $a:ident, $b:ident| { $($code:pat => $loop:expr,)* }) => {
        #[inline(always)]
        #[allow(clippy::extra_unused_type_parameters)] // f32 chooses by it, f64 need not
        fn $name<F: Fma>(f: Binary, $target: &mut [$type], $a: &[$type], $b: &[$type]) {
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
const POWERS: [f64; 6] = [2.0, 3.0, 1.0, 0.5, -1.0, -2.0];

macro_rules! power {
    ($name:ident, $type:ty) => {
        #[inline(always)]
        #[allow(clippy::extra_unused_type_parameters)] // the bodies of `for_every_simd` have one form
        fn $name<F: Fma>(exponent: f64, target: &mut [$type], a: &[$type]) {
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

#[inline(always)]
fn compare<T: Copy + PartialOrd>(f: Binary, target: &mut [u8], a: &[T], b: &[T]) {
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

/// A function of a product, a sum with it, and a product with that, each rounded: `(f(a·b) + c)·d`.
#[inline(always)]
fn gate_f32<F: Fma>(f: Unary, target: &mut [f32], a: &[f32], b: &[f32], c: &[f32], d: &[f32]) {
    match f {
        Unary::Tanh => four(target, [a, b, c, d], |a, b, c, d| (single::tanh::<F>(a * b) + c) * d),
        // The lowering sends only the error function besides.
        _ => {
            both(target, a, b, |a, b| single::log_erfc::<F>(a * b));
            for (t, (&c, &d)) in target.iter_mut().zip(c.iter().zip(d)) {
                *t = (single::erf_of_log::<F>(*t) + c) * d;
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

/// Does one step of a plan on a chunk.
fn step(step: &Step, cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    let at = |i: usize| cells[step.operands[i] as usize];
    // What is computed of one constant is computed once.
    let alone = matches!(step.code, Code::Unary(..) | Code::Convert(..) | Code::Wrap(_) | Code::Narrow(_));
    let once = alone && at(0).constant;
    let n = if once { 1 } else { chunk.len };
    // The target as a slice of a type, and an operand as a side of a type.
    macro_rules! target {
        ($type:ty) => {
            // SAFETY: the evaluator gives every slot room for `n` elements of its lane, and the lowering puts the
            // target in a register no operand is in, so nothing else refers to it.
            unsafe { std::slice::from_raw_parts_mut(cells[step.target as usize].pointer.cast::<$type>(), n) }
        };
    }
    macro_rules! operand {
        ($i:expr, $type:ty) => {
            // SAFETY: the evaluator fills every slot with elements of its lane before a step reads it.
            unsafe { side::<$type>(at($i), n) }
        };
    }
    // The exponent of a power, if it is one of `POWERS`.
    macro_rules! power {
        ($i:expr, $type:ty) => {
            // SAFETY: as above.
            unsafe { constant::<$type>(at($i)) }.map(f64::from).filter(|c| POWERS.contains(c))
        };
    }
    macro_rules! elements {
        ($type:ty) => {
            // SAFETY: as above; of a constant `n` is 1.
            unsafe { std::slice::from_raw_parts(at(0).pointer.cast::<$type>(), n) }
        };
    }
    match step.code {
        Code::Unary(f, lane) => match (f, lane) {
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::F32) => {
                truth!(
                    f,
                    target!(u8),
                    elements!(f32),
                    |x| u8::from(x.is_nan()),
                    |x| u8::from(x.is_infinite()),
                    |x| u8::from(x.is_sign_negative()),
                    |x| u8::from(x == 0.0)
                );
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::F64) => {
                truth!(
                    f,
                    target!(u8),
                    elements!(f64),
                    |x| u8::from(x.is_nan()),
                    |x| u8::from(x.is_infinite()),
                    |x| u8::from(x.is_sign_negative()),
                    |x| u8::from(x == 0.0)
                );
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::I64) => {
                truth!(f, target!(u8), elements!(i64), |_| 0, |_| 0, |x| u8::from(x < 0), |x| u8::from(
                    x == 0
                ));
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit, Lane::Bool) => target!(u8).fill(0),
            (Unary::Exponent, Lane::F32) => {
                each(target!(i64), elements!(f32), |x| i64::from(single::frexp(x).1))
            }
            (Unary::Exponent, _) => each(target!(i64), elements!(f64), |x| i64::from(double::frexp(x).1)),
            (Unary::Not | Unary::BitNot, Lane::Bool) => each(target!(u8), elements!(u8), |x| x ^ 1),
            (_, Lane::Bool) => each(target!(u8), elements!(u8), |x| x),
            (_, Lane::F32) => match one(f) {
                One::Called(f) => each(target!(f32), elements!(f32), |x| f(f64::from(x)) as f32),
                One::Loop | One::Wide(_) => unary_single(f, target!(f32), elements!(f32)),
            },
            (Unary::Exp, Lane::F64) => exp_double(target!(f64), elements!(f64)),
            (_, Lane::F64) => match one(f) {
                One::Called(f) | One::Wide(f) => each(target!(f64), elements!(f64), f),
                One::Loop => unary_f64::<Separate>(f, target!(f64), elements!(f64)),
            },
            (_, Lane::I64) => unary_i64(f, target!(i64), elements!(i64)),
        },
        Code::Binary(f, lane) if f.compares() => {
            macro_rules! compared {
                ($type:ty, $loop:expr) => {
                    pieces(target!(u8), [operand!(0, $type), operand!(1, $type)], |t, [a, b]| {
                        $loop(f, t, a, b)
                    })
                };
            }
            match lane {
                Lane::F32 => compared!(f32, compare_single),
                Lane::F64 => compared!(f64, compare),
                Lane::I64 => compared!(i64, compare),
                Lane::Bool => compared!(u8, compare),
            }
        }
        Code::Binary(f, Lane::F32) => {
            let (target, a, b) = (target!(f32), operand!(0, f32), operand!(1, f32));
            match (two(f), power!(1, f32)) {
                (_, Some(power)) if f == Binary::Pow => {
                    pieces(target, [a], |target, [a]| power_single(power, target, a));
                }
                (Two::Each(f, _), _) => called(target, a, b, f),
                (Two::Called(f), _) => called(target, a, b, |a, b| f(f64::from(a), f64::from(b)) as f32),
                (Two::Loop, _) => pieces(target, [a, b], |target, [a, b]| binary_single(f, target, a, b)),
            }
        }
        Code::Binary(f, Lane::F64) => {
            let (target, a, b) = (target!(f64), operand!(0, f64), operand!(1, f64));
            match (two(f), power!(1, f64)) {
                (_, Some(power)) if f == Binary::Pow => {
                    pieces(target, [a], |target, [a]| power_f64::<Separate>(power, target, a));
                }
                (Two::Each(_, f) | Two::Called(f), _) => called(target, a, b, f),
                (Two::Loop, _) => pieces(target, [a, b], |target, [a, b]| match Plain::of(f) {
                    Some(f) => plain_double(f, target, a, b),
                    None => binary_f64::<Separate>(f, target, a, b),
                }),
            }
        }
        Code::Binary(f, Lane::I64) => {
            let sides = [operand!(0, i64), operand!(1, i64)];
            pieces(target!(i64), sides, |target, [a, b]| match Plain::of(f) {
                Some(f) => plain_integer(f, target, a, b),
                None => binary_i64(f, target, a, b, trouble),
            });
        }
        Code::Binary(f, Lane::Bool) => {
            let sides = [operand!(0, u8), operand!(1, u8)];
            pieces(target!(u8), sides, |target, [a, b]| binary_bool(f, target, a, b));
        }
        Code::Select(lane) => {
            macro_rules! chosen {
                ($type:ty, $loop:expr) => {
                    match operand!(2, u8) {
                        Side::Vector(mut condition) => {
                            let sides = [operand!(0, $type), operand!(1, $type)];
                            pieces(target!($type), sides, |target, [a, b]| {
                                let (now, later) = condition.split_at(target.len());
                                condition = later;
                                $loop(target, a, b, now);
                            });
                        }
                        Side::Constant(c) => {
                            let side = operand!(if c != 0 { 0 } else { 1 }, $type);
                            pieces(target!($type), [side], |target, [a]| target.copy_from_slice(a));
                        }
                    }
                };
            }
            match lane {
                Lane::F32 => chosen!(f32, choose_single),
                // Only moved: their width counts.
                Lane::F64 | Lane::I64 => chosen!(u64, choose),
                Lane::Bool => chosen!(u8, choose),
            }
        }
        Code::Convert(from, to) => match (from, to) {
            (Lane::F32, Lane::F64) => each(target!(f64), elements!(f32), f64::from),
            (Lane::F32, Lane::I64) => each(target!(i64), elements!(f32), |x| x as i64),
            (Lane::F32, Lane::Bool) => each(target!(u8), elements!(f32), |x| u8::from(x != 0.0)),
            (Lane::F64, Lane::F32) => each(target!(f32), elements!(f64), |x| x as f32),
            (Lane::F64, Lane::I64) => each(target!(i64), elements!(f64), |x| x as i64),
            (Lane::F64, Lane::Bool) => each(target!(u8), elements!(f64), |x| u8::from(x != 0.0)),
            (Lane::I64, Lane::F32) => each(target!(f32), elements!(i64), |x| x as f32),
            (Lane::I64, Lane::F64) => each(target!(f64), elements!(i64), |x| x as f64),
            (Lane::I64, Lane::Bool) => each(target!(u8), elements!(i64), |x| u8::from(x != 0)),
            (Lane::Bool, Lane::F32) => each(target!(f32), elements!(u8), f32::from),
            (Lane::Bool, Lane::F64) => each(target!(f64), elements!(u8), f64::from),
            (Lane::Bool, Lane::I64) => each(target!(i64), elements!(u8), i64::from),
            (Lane::F32, Lane::F32) => each(target!(f32), elements!(f32), |x| x),
            (Lane::F64, Lane::F64) | (Lane::I64, Lane::I64) => each(target!(u64), elements!(u64), |x| x),
            (Lane::Bool, Lane::Bool) => each(target!(u8), elements!(u8), |x| x),
        },
        Code::Wrap(dtype) => wrap(dtype, target!(i64), elements!(i64)),
        Code::Narrow(DType::F16) => each(target!(f32), elements!(f32), |x| f16::from_f32(x).to_f32()),
        Code::Narrow(_) => each(target!(f32), elements!(f32), |x| bf16::from_f32(x).to_f32()),
        Code::Index => {
            target!(i64).iter_mut().enumerate().for_each(|(i, t)| *t = (chunk.start + i) as i64);
        }
        Code::Random => {
            // SAFETY: as above.
            let numbers = unsafe { (constant::<i64>(at(0)), constant::<i64>(at(1))) };
            if let (Some(seed), Some(base)) = numbers {
                random(target!(i64), seed, base, chunk);
            }
        }
    }
    if once {
        let target = cells[step.target as usize].pointer;
        // SAFETY: the target has room for as many elements as the chunk, of which the first was computed.
        unsafe { spread(lane_of(step.code), target, chunk.len) };
    }
}

/// The lane in which a step of one operand leaves its result.
fn lane_of(code: Code) -> Lane {
    match code {
        Code::Unary(f, lane) => match f.typing() {
            Typing::Truth => Lane::Bool,
            Typing::Exponent => Lane::I64,
            Typing::Same | Typing::Number | Typing::Float | Typing::Bits => lane,
        },
        Code::Convert(_, lane) | Code::Binary(_, lane) | Code::Select(lane) => lane,
        Code::Wrap(_) | Code::Index | Code::Random => Lane::I64,
        Code::Narrow(_) => Lane::F32,
    }
}

/// Writes the first element over all.
///
/// # Safety
/// There is a first element of the lane, room for so many, and nobody else touches them.
pub unsafe fn spread(lane: Lane, target: *mut u8, len: usize) {
    if len < 2 {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        match lane {
            Lane::F32 => {
                let value = *target.cast::<f32>();
                fill_single(std::slice::from_raw_parts_mut(target.cast::<f32>(), len), value);
            }
            Lane::F64 | Lane::I64 => {
                std::slice::from_raw_parts_mut(target.cast::<u64>(), len).fill(*target.cast());
            }
            Lane::Bool => std::slice::from_raw_parts_mut(target, len).fill(*target),
        }
    }
}

/// Word `i % 4` of block `base + i / 4` of the stream.
#[inline(always)]
fn random(target: &mut [i64], seed: i64, base: i64, chunk: Chunk) {
    let stream = cresset_tensor::random::Stream { seed: seed as u64, lane: 0, base: base as u64 };
    let mut i = 0;
    while i < target.len() {
        let place = chunk.start + i;
        let block = stream.block((place / 4) as u64);
        for word in &block[place % 4..] {
            if i < target.len() {
                target[i] = i64::from(*word);
                i += 1;
            }
        }
    }
}

for_every_simd! {
    /// A function of one f32.
    fn unary_single(f: Unary, target: &mut [f32], a: &[f32]) = unary_f32
}

for_every_simd! {
    /// One number for all places.
    fn fill_single(target: &mut [f32], value: f32) = fill_f32
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
    fn binary_single(f: Binary, target: &mut [f32], a: &[f32], b: &[f32]) = binary_f32
}

/// The arithmetic of f64 and i64 that is no slower than memory where it is done in vectors.
#[derive(Clone, Copy)]
enum Plain {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
}

impl Plain {
    fn of(f: Binary) -> Option<Plain> {
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
    fn plain_double(f: Plain, target: &mut [f64], a: &[f64], b: &[f64]) = plain_f64
}

for_every_simd! {
    /// Arithmetic on i64.
    fn plain_integer(f: Plain, target: &mut [i64], a: &[i64], b: &[i64]) = plain_i64
}

for_every_simd! {
    /// The exponential of f64.
    fn exp_double(target: &mut [f64], a: &[f64]) = exp_f64
}

for_every_simd! {
    /// A power that is a product, a root or a quotient.
    fn power_single(exponent: f64, target: &mut [f32], a: &[f32]) = power_f32
}

for_every_simd! {
    /// A comparison of two f32.
    fn compare_single(f: Binary, target: &mut [u8], a: &[f32], b: &[f32]) = compare_f32
}

for_every_simd! {
    /// A choice between two f32.
    fn choose_single(target: &mut [f32], a: &[f32], b: &[f32], condition: &[u8]) = choose_f32
}

for_every_simd! {
    /// Two steps of arithmetic.
    fn pair_single(first: Sum, second: Sum, target: &mut [f32], a: &[f32], b: &[f32], c: &[f32]) = pair_f32
}

for_every_simd! {
    /// A function of a product.
    fn of_product_single(f: Unary, target: &mut [f32], a: &[f32], b: &[f32]) = of_product_f32
}

for_every_simd! {
    /// A function of a product, to which a number is added before it multiplies another.
    fn gate_single(f: Unary, target: &mut [f32], a: &[f32], b: &[f32], c: &[f32], d: &[f32]) = gate_f32
}

for_every_simd! {
    /// A choice by a comparison.
    fn decide_single(f: Binary, target: &mut [f32], a: &[f32], b: &[f32], then: &[f32], otherwise: &[f32]) = decide_f32
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

/// Does all loops of a plan on a chunk: every slot's cell holds (or has room for) its elements.
///
/// Only the f32 loops are compiled for every set of vector instructions, each in a function of its own: f64 and integer
/// loops are bound by memory or by scalar functions, and one function with all loops took minutes to compile.
pub(crate) fn run(steps: &[Step<Work>], cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    for one in steps {
        if !direct(one, cells, chunk.len) {
            indirect(one, cells, chunk, trouble);
        }
    }
}

/// Does the steps on constants alone.
pub(crate) fn run_once(steps: &[Step], cells: &[Cell], trouble: &mut Trouble) {
    for one in steps {
        step(one, cells, Chunk { len: 1, start: 0 }, trouble);
    }
}

/// Elements of a chunk's part after which they go to memory: so few that their way there and the arithmetic on the next
/// ones go side by side.
const PART: usize = 256;

/// Does the last loop of a chunk part by part, and copies what comes of it past the caches; not if it is no vector loop
/// of f32 on vectors.
///
/// # Safety
/// There is room for the chunk at `to`, which nobody else touches.
pub unsafe fn stream_last(one: &Step<Work>, cells: &[Cell], len: usize, to: *mut u8) -> bool {
    let mut own = [Cell::vector(std::ptr::null_mut()); 5];
    for (cell, &slot) in own.iter_mut().zip(one.operands.iter().chain([&one.target])) {
        *cell = cells[slot as usize];
    }
    let moved = Step { code: one.code, target: 4, operands: [0, 1, 2, 3] };
    for start in (0..len).step_by(PART) {
        let count = PART.min(len - start);
        if !direct(&moved, &own, count) {
            return false;
        }
        // SAFETY: the caller's; the register of the result holds so many elements, and is no output's memory.
        unsafe { stream::copy(own[4].pointer, to.wrapping_add(start * 4), count * 4) };
        for cell in &mut own[..4] {
            cell.pointer = cell.pointer.wrapping_add(PART * 4);
        }
    }
    true
}

/// Does a vector loop of f32 if all its operands are vectors: what most loops are, with as little as can be around it.
#[inline(always)]
fn direct(step: &Step<Work>, cells: &[Cell], len: usize) -> bool {
    let cell = |i: usize| &cells[step.operands[i] as usize];
    let laid = |count: usize| (0..count).all(|i| cell(i).laid);
    // SAFETY: the evaluator fills every slot with elements of its lane before a step reads it; these are laid out.
    let x = |i: usize| unsafe { std::slice::from_raw_parts(cell(i).pointer.cast::<f32>().cast_const(), len) };
    let target = || {
        let pointer = cells[step.target as usize].pointer.cast::<f32>();
        // SAFETY: the evaluator gives every slot room for a chunk, and the lowering puts the target in a register that no
        // operand is in, so nothing else refers to it.
        unsafe { std::slice::from_raw_parts_mut(pointer, len) }
    };
    match step.code {
        Work::Direct(Code::Unary(f, _)) if !cell(0).constant => unary_single(f, target(), x(0)),
        Work::Direct(Code::Binary(f, _)) if laid(2) => binary_single(f, target(), x(0), x(1)),
        Work::Pair(first, second) if laid(3) => pair_single(first, second, target(), x(0), x(1), x(2)),
        Work::OfProduct(f) if laid(2) => of_product_single(f, target(), x(0), x(1)),
        Work::Gate(f) if laid(4) => gate_single(f, target(), x(0), x(1), x(2), x(3)),
        Work::Decide(f) if laid(4) => decide_single(f, target(), x(0), x(1), x(2), x(3)),
        Work::Direct(_)
        | Work::Single(_)
        | Work::Pair(..)
        | Work::OfProduct(_)
        | Work::Gate(_)
        | Work::Decide(_) => return false,
    }
    true
}

/// Does any other loop.
fn indirect(one: &Step<Work>, cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    // SAFETY: as of `direct`.
    let x = |i: usize| unsafe { side::<f32>(cells[one.operands[i] as usize], chunk.len) };
    let pointer = cells[one.target as usize].pointer.cast::<f32>();
    // SAFETY: as of `direct`.
    let target = || unsafe { std::slice::from_raw_parts_mut(pointer, chunk.len) };
    match one.code {
        Work::Single(code) | Work::Direct(code) => {
            step(&Step { code, target: one.target, operands: one.operands }, cells, chunk, trouble);
        }
        Work::Pair(first, second) => {
            pieces(target(), [x(0), x(1), x(2)], |t, [a, b, c]| pair_single(first, second, t, a, b, c));
        }
        Work::OfProduct(f) => pieces(target(), [x(0), x(1)], |t, [a, b]| of_product_single(f, t, a, b)),
        Work::Gate(f) => {
            pieces(target(), [x(0), x(1), x(2), x(3)], |t, [a, b, c, d]| gate_single(f, t, a, b, c, d));
        }
        Work::Decide(f) => {
            pieces(target(), [x(0), x(1), x(2), x(3)], |t, [a, b, c, d]| decide_single(f, t, a, b, c, d));
        }
    }
}
