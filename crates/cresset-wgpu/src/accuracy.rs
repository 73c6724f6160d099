//! How far a card's functions may be from the truth: stated here once, held by the tests.
//!
//! Subnormal numbers may be taken for zeros, and given as zeros: many cards do.

use cresset_ops::expr::{Binary, Unary};

/// How far a result may be from the exact one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Accuracy {
    /// Times the distance of neighbouring numbers.
    pub ulp: f64,
    /// Or by so much, where results between larger ones are near zero.
    pub absolute: f64,
}

const EXACT: Accuracy = within(0.0);

const fn within(ulp: f64) -> Accuracy {
    Accuracy { ulp, absolute: 0.0 }
}

const fn around_zeros(ulp: f64, absolute: f64) -> Accuracy {
    Accuracy { ulp, absolute }
}

/// Of a function of one f32. Quotients and roots may be 2.5 ulp off on a card, and are exact on most.
pub fn of_unary(f: Unary) -> Accuracy {
    match f {
        Unary::Neg
        | Unary::Abs
        | Unary::Sign
        | Unary::Floor
        | Unary::Ceil
        | Unary::Trunc
        | Unary::Round
        | Unary::BitNot
        | Unary::Mantissa
        | Unary::Exponent
        | Unary::IsNan
        | Unary::IsInf
        | Unary::SignBit
        | Unary::Not => EXACT,
        Unary::Reciprocal | Unary::Sqrt | Unary::Rsqrt => within(4.0),
        Unary::Exp | Unary::Exp2 | Unary::Expm1 | Unary::Log | Unary::Log1p => within(2.0),
        Unary::Log2 | Unary::Log10 => within(3.0),
        Unary::Sin | Unary::Cos => within(3.0),
        Unary::Tan => within(6.0),
        Unary::Asin | Unary::Acos | Unary::Atan => within(4.0),
        Unary::Sinh | Unary::Cosh | Unary::Tanh | Unary::Sigmoid => within(4.0),
        Unary::Asinh | Unary::Acosh | Unary::Atanh => within(5.0),
        Unary::Erf => within(4.0),
        Unary::Erfc | Unary::Erfcx => within(8.0),
        Unary::Erfinv | Unary::Ndtri => within(8.0),
        Unary::LogNdtr => within(8.0),
        // Between their zeros, which lie between poles.
        Unary::Lgamma => around_zeros(10.0, 1e-6),
        Unary::Digamma => around_zeros(10.0, 2e-6),
        Unary::I0 | Unary::I0e | Unary::I1 | Unary::I1e => within(10.0),
        Unary::ModifiedBesselK0
        | Unary::ModifiedBesselK1
        | Unary::ScaledModifiedBesselK0
        | Unary::ScaledModifiedBesselK1 => within(12.0),
        // They oscillate.
        Unary::BesselJ0 | Unary::BesselJ1 | Unary::BesselY0 | Unary::BesselY1 => around_zeros(12.0, 1e-6),
        Unary::SphericalBesselJ0 => within(6.0),
        // Its phase has 45 bits, which are used up where it turns that often: below -10⁶.
        Unary::AiryAi => around_zeros(40.0, 1e-6),
    }
}

/// Of a function of two f32.
pub fn of_binary(f: Binary) -> Accuracy {
    match f {
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Maximum
        | Binary::Minimum
        | Binary::Copysign
        | Binary::Nextafter
        | Binary::Fmod
        | Binary::Gcd
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
        | Binary::Ge => EXACT,
        // The remainder is exact, but for a sum of it and the divisor.
        Binary::Remainder => within(1.0),
        Binary::Div | Binary::FloorDivide | Binary::TruncDivide => within(4.0),
        Binary::Pow | Binary::Hypot => within(3.0),
        Binary::Atan2 => within(4.0),
        // Powers with large exponents lose digits of the exponent.
        Binary::Igamma | Binary::Igammac => around_zeros(400.0, 1e-7),
        // Below zero, of the largest of the terms, which cancel.
        Binary::Zeta | Binary::Polygamma => within(400.0),
    }
}

/// Of a function of one f64, on cards that have it; `None` where there is none. In f64's ulp.
pub fn of_unary_f64(f: Unary) -> Option<Accuracy> {
    Some(match f {
        Unary::Neg
        | Unary::Abs
        | Unary::Sign
        | Unary::Floor
        | Unary::Ceil
        | Unary::Trunc
        | Unary::Round
        | Unary::BitNot
        | Unary::Mantissa
        | Unary::Exponent
        | Unary::IsNan
        | Unary::IsInf
        | Unary::SignBit
        | Unary::Not => EXACT,
        Unary::Reciprocal | Unary::Sqrt | Unary::Rsqrt => within(4.0),
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
        | Unary::Erf => within(8.0),
        Unary::Erfc => within(16.0),
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
        | Unary::AiryAi => return None,
    })
}

/// Of a function of two f64, on cards that have it; `None` where there is none. In f64's ulp.
pub fn of_binary_f64(f: Binary) -> Option<Accuracy> {
    Some(match f {
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Maximum
        | Binary::Minimum
        | Binary::Copysign
        | Binary::Nextafter
        | Binary::Fmod
        | Binary::Gcd
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
        | Binary::Ge => EXACT,
        Binary::Remainder => within(1.0),
        Binary::Div | Binary::FloorDivide | Binary::TruncDivide => within(4.0),
        Binary::Hypot | Binary::Atan2 => within(8.0),
        // The logarithm has no more digits than the result, of which large powers lose some.
        Binary::Pow => within(2000.0),
        Binary::Igamma | Binary::Igammac | Binary::Zeta | Binary::Polygamma => return None,
    })
}
