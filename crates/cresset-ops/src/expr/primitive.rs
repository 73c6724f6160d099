//! The scalar primitives: the only functions of single numbers that every device has to know.
//!
//! A primitive is here only if no formula of others is accurate, or if a device has it as one instruction. Its row says
//! its name, which dtypes it takes, where it is smooth, and what it computes; the method of [`Expr`] follows from it.
//! Its loop on the CPU is in `cpu/loops`, its derivative in the autograd crate's scalar rules.

use super::{Expr, smooth::*};

/// Which dtypes a primitive takes, and what it gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typing {
    /// Any number; the result has the (promoted) dtype of the operands.
    Same,
    /// As `Same`, but `bool` is refused.
    Number,
    /// Integers are made floating point first.
    Float,
    /// Integers and `bool` only; the result has the promoted dtype.
    Bits,
    /// Any number; the result is `bool`.
    Truth,
    /// Floating point in, a 32-bit integer out.
    Exponent,
}

macro_rules! primitives {
    ($(#[$doc:meta])* $name:ident $operands:ident $smooth_type:ty {
        $($variant:ident $method:ident $typing:ident $smooth:ident $about:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $about] $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// Its name in formulas and messages.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => stringify!($method),)* }
            }

            /// Which dtypes it takes and gives.
            pub const fn typing(self) -> Typing {
                match self { $($name::$variant => Typing::$typing,)* }
            }

            /// Where it is smooth, for checks of its derivative; nowhere if it has none.
            pub const fn smooth(self) -> $smooth_type {
                match self { $($name::$variant => $smooth,)* }
            }
        }

        impl Expr {
            $(primitives!(@method $operands $name $variant $method $about);)*
        }
    };
    (@method one $name:ident $variant:ident $method:ident $about:literal) => {
        #[doc = $about]
        pub fn $method(self) -> Expr {
            self.unary($name::$variant)
        }
    };
    (@method two $name:ident $variant:ident $method:ident $about:literal) => {
        #[doc = $about]
        pub fn $method(self, other: impl Into<Expr>) -> Expr {
            self.binary($name::$variant, other)
        }
    };
}

primitives! {
    /// Functions of one number.
    Unary one Intervals {
        Neg neg Number ALL "`-x`",
        Abs abs Same NOT_ZERO "`|x|`",
        Sign sign Same NOT_ZERO "-1, 0 or 1; NaN gives 0, as in PyTorch",
        Floor floor Same BETWEEN_INTEGERS "The largest integer not above",
        Ceil ceil Same BETWEEN_INTEGERS "The smallest integer not below",
        Trunc trunc Same BETWEEN_INTEGERS "The integer part",
        Round round Same BETWEEN_INTEGERS "The nearest integer, halves to even",
        BitNot bitwise_not Bits NOWHERE "Every bit turned; for `bool`, the other truth",
        Reciprocal reciprocal Float NOT_ZERO "`1/x`",
        Sqrt sqrt Float POSITIVE "`√x`",
        Rsqrt rsqrt Float POSITIVE "`1/√x`",
        Exp exp Float ALL "`eˣ`",
        Exp2 exp2 Float ALL "`2ˣ`",
        Expm1 expm1 Float ALL "`eˣ - 1`, accurate near zero",
        Log log Float POSITIVE "The natural logarithm",
        Log2 log2 Float POSITIVE "The logarithm to base 2",
        Log10 log10 Float POSITIVE "The logarithm to base 10",
        Log1p log1p Float OVER_MINUS_ONE "`log(1 + x)`, accurate near zero",
        Sin sin Float ALL "The sine",
        Cos cos Float ALL "The cosine",
        Tan tan Float OF_TANGENT "The tangent",
        Asin asin Float INSIDE_ONE "The inverse sine",
        Acos acos Float INSIDE_ONE "The inverse cosine",
        Atan atan Float ALL "The inverse tangent",
        Sinh sinh Float ALL "The hyperbolic sine",
        Cosh cosh Float ALL "The hyperbolic cosine",
        Tanh tanh Float ALL "The hyperbolic tangent",
        Asinh asinh Float ALL "The inverse hyperbolic sine",
        Acosh acosh Float FROM_ONE "The inverse hyperbolic cosine",
        Atanh atanh Float INSIDE_ONE "The inverse hyperbolic tangent",
        Sigmoid sigmoid Float ALL "`1/(1 + e⁻ˣ)`",
        Erf erf Float ALL "The error function",
        Erfc erfc Float ALL "`1 - erf(x)`, accurate for large `x`",
        Erfinv erfinv Float INSIDE_ONE "The inverse of the error function",
        Lgamma lgamma Float BETWEEN_POLES "`log|Γ(x)|`",
        Digamma digamma Float BETWEEN_POLES "The derivative of `log Γ(x)`",
        I0 i0 Float ALL "The modified Bessel function of order 0",
        I0e i0e Float NOT_ZERO "`e^-|x|·I₀(x)`",
        I1 i1 Float ALL "The modified Bessel function of order 1",
        I1e i1e Float NOT_ZERO "`e^-|x|·I₁(x)`",
        Erfcx erfcx Float ALL "`eˣ²·erfc(x)`: `erfc` without its decay",
        Ndtri ndtri Float PROBABILITIES "The inverse of the normal distribution function",
        LogNdtr log_ndtr Float ALL "The logarithm of the normal distribution function, accurate in both tails",
        BesselJ0 bessel_j0 Float ALL "The Bessel function of the first kind of order 0",
        BesselJ1 bessel_j1 Float NOT_ZERO "The Bessel function of the first kind of order 1",
        BesselY0 bessel_y0 Float POSITIVE "The Bessel function of the second kind of order 0",
        BesselY1 bessel_y1 Float POSITIVE "The Bessel function of the second kind of order 1",
        ModifiedBesselK0 modified_bessel_k0 Float POSITIVE "The modified Bessel function of the second kind of order 0",
        ModifiedBesselK1 modified_bessel_k1 Float POSITIVE "The modified Bessel function of the second kind of order 1",
        ScaledModifiedBesselK0 scaled_modified_bessel_k0 Float POSITIVE "`eˣ·K₀(x)`",
        ScaledModifiedBesselK1 scaled_modified_bessel_k1 Float POSITIVE "`eˣ·K₁(x)`",
        SphericalBesselJ0 spherical_bessel_j0 Float ALL "`sin(x)/x`",
        AiryAi airy_ai Float NOWHERE "Airy's function `Ai(x)`",
        Mantissa mantissa Float FRACTIONS "The fraction `m` of `x = m·2ᵉ`, `½ ≤ |m| < 1`",
        Exponent exponent Exponent NOWHERE "The exponent `e` of `x = m·2ᵉ`",
        IsNan isnan Truth NOWHERE "Is it not a number?",
        IsInf isinf Truth NOWHERE "Is it an infinity, of either sign?",
        SignBit signbit Truth NOWHERE "Is the sign negative, minus zero included?",
        Not logical_not Truth NOWHERE "Is it zero?",
    }
}

primitives! {
    /// Functions of two numbers.
    Binary two Pairs {
        Add add Same ANY "`a + b`; for `bool`, or",
        Sub sub Number ANY "`a - b`",
        Mul mul Same ANY "`a·b`; for `bool`, and",
        Div div Float DIVISORS "`a/b`",
        FloorDivide floor_divide Number QUOTIENTS "`⌊a/b⌋`",
        TruncDivide trunc_divide Number QUOTIENTS "The integer part of `a/b`",
        Remainder remainder Number QUOTIENTS "`a - b·⌊a/b⌋`, with the sign of `b`",
        Fmod fmod Number QUOTIENTS "`a - b·trunc(a/b)`, with the sign of `a`",
        Pow pow Number BASES "`aᵇ`",
        Maximum maximum Same ANY "The larger; NaN if either is",
        Minimum minimum Same ANY "The smaller; NaN if either is",
        Atan2 atan2 Float NOT_BOTH_ZERO "The angle of the point `(b, a)`",
        Hypot hypot Float NOT_BOTH_ZERO "`√(a² + b²)` without overflow",
        Copysign copysign Float NEITHER_ZERO "`|a|` with the sign of `b`",
        Nextafter nextafter Float ANY "The number next to `a` towards `b`",
        Igamma igamma Float SECOND_POSITIVE "The regularised lower incomplete gamma function `P(a, b)`",
        Igammac igammac Float SECOND_POSITIVE "The regularised upper incomplete gamma function `Q(a, b)`",
        Zeta zeta Float SECOND_ZETA "The Hurwitz zeta function `ζ(a, b)`",
        Polygamma polygamma Float ORDERS "The derivative of order `a` of digamma at `b`",
        Gcd gcd Bits NONE "The greatest common divisor",
        BitAnd bitwise_and Bits NONE "And of every bit",
        BitOr bitwise_or Bits NONE "Or of every bit",
        BitXor bitwise_xor Bits NONE "Exclusive or of every bit",
        ShiftLeft bitwise_left_shift Bits NONE "`a·2ᵇ`",
        ShiftRight bitwise_right_shift Bits NONE "`⌊a/2ᵇ⌋`",
        Eq eq Truth NONE "`a = b`",
        Ne ne Truth NONE "`a ≠ b`",
        Lt lt Truth NONE "`a < b`",
        Le le Truth NONE "`a ≤ b`",
        Gt gt Truth NONE "`a > b`",
        Ge ge Truth NONE "`a ≥ b`",
    }
}

impl Binary {
    /// Does it compare its operands (rather than compute with them)?
    pub const fn compares(self) -> bool {
        matches!(self.typing(), Typing::Truth)
    }
}
