//! The loops of integers and of truths. Integers of every width are computed in i64, and wrapped after each step.

use std::cell::Cell;

use cresset_tensor::DType;

use super::operands::{both, each};
use crate::{
    expr::{Binary, Unary},
    math::integer,
};

/// What went wrong in a chunk, besides numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// An integer was divided by zero.
    pub division_by_zero: bool,
}

/// A function of one integer.
#[inline(never)]
pub fn unary_i64(f: Unary, target: &mut [i64], a: &[i64]) {
    match f {
        Unary::Neg => each(target, a, i64::wrapping_neg),
        Unary::Abs => each(target, a, i64::wrapping_abs),
        Unary::Sign => each(target, a, i64::signum),
        Unary::BitNot => each(target, a, |x| !x),
        Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Round => each(target, a, |x| x),
        // Floating point, or `truth`: typing sends no integer here.
        Unary::Reciprocal
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Exp
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
        | Unary::Erfc
        | Unary::Erfinv
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
        | Unary::Mantissa
        | Unary::Exponent
        | Unary::IsNan
        | Unary::IsInf
        | Unary::SignBit
        | Unary::Not => {}
    }
}

/// A function of two integers.
#[inline(never)]
pub fn binary_i64(f: Binary, target: &mut [i64], a: &[i64], b: &[i64], trouble: &mut Trouble) {
    let zero = Cell::new(false);
    let checked = |result: Option<i64>| {
        result.unwrap_or_else(|| {
            zero.set(true);
            0
        })
    };
    match f {
        Binary::FloorDivide => both(target, a, b, |a, b| checked(integer::floor_divide(a, b))),
        Binary::TruncDivide => both(target, a, b, |a, b| checked(integer::truncate_divide(a, b))),
        Binary::Remainder => both(target, a, b, |a, b| checked(integer::floor_mod(a, b))),
        Binary::Fmod => both(target, a, b, |a, b| checked(integer::fmod(a, b))),
        Binary::Pow => both(target, a, b, integer::pow),
        Binary::Gcd => both(target, a, b, integer::gcd),
        Binary::BitAnd => both(target, a, b, |a, b| a & b),
        Binary::BitOr => both(target, a, b, |a, b| a | b),
        Binary::BitXor => both(target, a, b, |a, b| a ^ b),
        Binary::ShiftLeft => both(target, a, b, integer::shift_left),
        Binary::ShiftRight => both(target, a, b, integer::shift_right),
        // Floating point, comparisons, or the plain ones of `loops`.
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Maximum
        | Binary::Minimum
        | Binary::Div
        | Binary::Atan2
        | Binary::Hypot
        | Binary::Copysign
        | Binary::Nextafter
        | Binary::Igamma
        | Binary::Igammac
        | Binary::Zeta
        | Binary::Polygamma
        | Binary::Eq
        | Binary::Ne
        | Binary::Lt
        | Binary::Le
        | Binary::Gt
        | Binary::Ge => {}
    }
    trouble.division_by_zero |= zero.get();
}

/// A function of two truths.
#[inline(never)]
pub fn binary_bool(f: Binary, target: &mut [u8], a: &[u8], b: &[u8]) {
    match f {
        Binary::Add | Binary::BitOr | Binary::Maximum => both(target, a, b, |a, b| a | b),
        Binary::Mul | Binary::BitAnd | Binary::Minimum => both(target, a, b, |a, b| a & b),
        Binary::BitXor => both(target, a, b, |a, b| a ^ b),
        // Numbers only: typing or the lowering refuses `bool`.
        Binary::Sub
        | Binary::Div
        | Binary::FloorDivide
        | Binary::TruncDivide
        | Binary::Remainder
        | Binary::Fmod
        | Binary::Pow
        | Binary::Atan2
        | Binary::Hypot
        | Binary::Copysign
        | Binary::Nextafter
        | Binary::Igamma
        | Binary::Igammac
        | Binary::Zeta
        | Binary::Polygamma
        | Binary::Gcd
        | Binary::ShiftLeft
        | Binary::ShiftRight
        | Binary::Eq
        | Binary::Ne
        | Binary::Lt
        | Binary::Le
        | Binary::Gt
        | Binary::Ge => {}
    }
}

/// What is left of integers in a narrower dtype.
#[inline(never)]
pub fn wrap(dtype: DType, target: &mut [i64], a: &[i64]) {
    match dtype {
        DType::I32 => each(target, a, |x| i64::from(x as i32)),
        DType::I16 => each(target, a, |x| i64::from(x as i16)),
        DType::I8 => each(target, a, |x| i64::from(x as i8)),
        DType::U8 => each(target, a, |x| i64::from(x as u8)),
        DType::I64 | DType::F64 | DType::F32 | DType::F16 | DType::BF16 | DType::Bool => {
            each(target, a, |x| x)
        }
    }
}
