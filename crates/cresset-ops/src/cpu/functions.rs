//! Primitives whose loops call a function for each number: they gain nothing from vector instructions, so that one
//! loop serves all of them, and each is compiled once.

use crate::{
    expr::{Binary, Unary},
    math::{double, single, special},
};

/// How a primitive of one number is computed.
pub enum One {
    /// By a loop of its own in either lane.
    Loop,
    /// In f32 by a loop of its own, in f64 by a function.
    Wide(fn(f64) -> f64),
    /// By a function of f64 in either lane.
    Called(fn(f64) -> f64),
}

/// How a primitive of two numbers is computed.
pub enum Two {
    /// By a loop of its own in either lane.
    Loop,
    /// By a function for either lane.
    Each(fn(f32, f32) -> f32, fn(f64, f64) -> f64),
    /// By a function of f64 in either lane.
    Called(fn(f64, f64) -> f64),
}

/// How a primitive of one number is computed.
pub fn one(f: Unary) -> One {
    match f {
        Unary::Exp => One::Wide(double::exp),
        Unary::Exp2 => One::Wide(double::exp2),
        Unary::Expm1 => One::Wide(double::expm1),
        Unary::Log => One::Wide(double::log),
        Unary::Log2 => One::Wide(double::log2),
        Unary::Log10 => One::Wide(double::log10),
        Unary::Log1p => One::Wide(double::log1p),
        Unary::Sin => One::Wide(double::sin),
        Unary::Cos => One::Wide(double::cos),
        Unary::Tan => One::Wide(double::tan),
        Unary::Asin => One::Wide(double::asin),
        Unary::Acos => One::Wide(double::acos),
        Unary::Atan => One::Wide(double::atan),
        Unary::Sinh => One::Wide(double::sinh),
        Unary::Cosh => One::Wide(double::cosh),
        Unary::Tanh => One::Wide(double::tanh),
        Unary::Asinh => One::Wide(double::asinh),
        Unary::Acosh => One::Wide(double::acosh),
        Unary::Atanh => One::Wide(double::atanh),
        Unary::Sigmoid => One::Wide(double::sigmoid),
        Unary::Erf => One::Wide(double::erf),
        Unary::Erfc => One::Wide(double::erfc),
        Unary::Erfinv => One::Called(special::erfinv),
        Unary::Lgamma => One::Called(special::lgamma),
        Unary::Digamma => One::Called(special::digamma),
        Unary::I0 => One::Called(special::i0),
        Unary::I0e => One::Called(special::i0e),
        Unary::I1 => One::Called(special::i1),
        Unary::I1e => One::Called(special::i1e),
        Unary::Erfcx => One::Called(special::erfcx),
        Unary::Ndtri => One::Called(special::ndtri),
        Unary::LogNdtr => One::Called(special::log_ndtr),
        Unary::BesselJ0 => One::Called(special::bessel_j0),
        Unary::BesselJ1 => One::Called(special::bessel_j1),
        Unary::BesselY0 => One::Called(special::bessel_y0),
        Unary::BesselY1 => One::Called(special::bessel_y1),
        Unary::ModifiedBesselK0 => One::Called(special::modified_bessel_k0),
        Unary::ModifiedBesselK1 => One::Called(special::modified_bessel_k1),
        Unary::ScaledModifiedBesselK0 => One::Called(special::scaled_modified_bessel_k0),
        Unary::ScaledModifiedBesselK1 => One::Called(special::scaled_modified_bessel_k1),
        Unary::SphericalBesselJ0 => One::Called(special::spherical_bessel_j0),
        Unary::AiryAi => One::Called(special::airy_ai),
        Unary::Mantissa => One::Called(|x| double::frexp(x).0),
        Unary::Neg
        | Unary::Abs
        | Unary::Sign
        | Unary::Floor
        | Unary::Ceil
        | Unary::Trunc
        | Unary::Round
        | Unary::BitNot
        | Unary::Reciprocal
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Exponent
        | Unary::IsNan
        | Unary::IsInf
        | Unary::SignBit
        | Unary::Not => One::Loop,
    }
}

/// How a primitive of two numbers is computed.
pub fn two(f: Binary) -> Two {
    match f {
        Binary::FloorDivide => Two::Each(single::floor_divide, double::floor_divide),
        Binary::Remainder => Two::Each(single::floor_mod, double::floor_mod),
        Binary::Fmod => Two::Each(single::fmod, double::fmod),
        Binary::Nextafter => Two::Each(single::nextafter, double::nextafter),
        Binary::Igamma => Two::Called(special::igamma),
        Binary::Igammac => Two::Called(special::igammac),
        Binary::Zeta => Two::Called(special::zeta),
        Binary::Polygamma => Two::Called(|n, x| special::polygamma(n as i64, x)),
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Maximum
        | Binary::Minimum
        | Binary::TruncDivide
        | Binary::Pow
        | Binary::Atan2
        | Binary::Hypot
        | Binary::Copysign
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
        | Binary::Ge => Two::Loop,
    }
}
