//! The derivative of every scalar primitive, in terms of its operands `a`, `b` and its value `y`.

use cresset_ops::{
    Expr,
    expr::{Binary, Unary, select},
};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10, PI};

/// A derivative that is zero everywhere it exists (a step), or is of a truth or an integer.
pub(super) enum Slope {
    /// This, times the gradient of the value.
    Times(Expr),
    /// The gradient of the value, divided by this. Not written as a product with the reciprocal, which for a divisor
    /// of integers would be single precision.
    Over(Expr),
    /// Zero.
    Zero,
    /// Not known: an error that names the primitive.
    Missing,
}

use Slope::{Missing, Over, Times, Zero};

/// `∂y/∂a` of `y = f(a)`.
pub(super) fn unary(f: Unary, a: Expr, y: Expr) -> Slope {
    let one = Expr::constant(1.0);
    Times(match f {
        Unary::Neg => Expr::constant(-1),
        Unary::Abs => a.sign(),
        Unary::Reciprocal => -y * y,
        Unary::Sqrt => 0.5 / y,
        Unary::Rsqrt => -0.5 * y * y * y,
        Unary::Exp => y,
        Unary::Exp2 => y * LN_2,
        Unary::Expm1 => y + 1.0,
        Unary::Log => a.reciprocal(),
        Unary::Log2 => (a * LN_2).reciprocal(),
        Unary::Log10 => (a * LN_10).reciprocal(),
        Unary::Log1p => (a + 1.0).reciprocal(),
        Unary::Sin => a.cos(),
        Unary::Cos => -a.sin(),
        Unary::Tan => 1.0 + y * y,
        Unary::Asin => (one - a * a).rsqrt(),
        Unary::Acos => -(one - a * a).rsqrt(),
        Unary::Atan => (one + a * a).reciprocal(),
        Unary::Sinh => a.cosh(),
        Unary::Cosh => a.sinh(),
        Unary::Tanh => 1.0 - y * y,
        Unary::Asinh => (a * a + one).rsqrt(),
        Unary::Acosh => (a - 1.0).rsqrt() * (a + 1.0).rsqrt(),
        Unary::Atanh => (one - a * a).reciprocal(),
        Unary::Sigmoid => y * (1.0 - y),
        Unary::Erf => FRAC_2_SQRT_PI * (-a * a).exp(),
        Unary::Erfc => -FRAC_2_SQRT_PI * (-a * a).exp(),
        Unary::Erfinv => (y * y).exp() / FRAC_2_SQRT_PI,
        Unary::Lgamma => a.digamma(),
        Unary::Digamma => one.polygamma(a),
        Unary::I0 => a.i1(),
        Unary::I0e => a.i1e() - a.sign() * y,
        Unary::I1 => at_zero(a, 0.5, |a| a.i0() - y / a),
        Unary::I1e => at_zero(a, 0.5, |a| a.i0e() - y * (a.sign() + a.reciprocal())),
        Unary::Erfcx => 2.0 * a * y - FRAC_2_SQRT_PI,
        Unary::Ndtri => (0.5 * y * y).exp() * (2.0 * PI).sqrt(),
        Unary::LogNdtr => (2.0 / PI).sqrt() / (-a * FRAC_1_SQRT_2).erfcx(),
        Unary::BesselJ0 => -a.bessel_j1(),
        Unary::BesselJ1 => at_zero(a, 0.5, |a| a.bessel_j0() - y / a),
        Unary::BesselY0 => -a.bessel_y1(),
        Unary::BesselY1 => a.bessel_y0() - y / a,
        Unary::ModifiedBesselK0 => -a.modified_bessel_k1(),
        Unary::ModifiedBesselK1 => -a.modified_bessel_k0() - y / a,
        Unary::ScaledModifiedBesselK0 => y - a.scaled_modified_bessel_k1(),
        Unary::ScaledModifiedBesselK1 => y - a.scaled_modified_bessel_k0() - y / a,
        Unary::SphericalBesselJ0 => spherical_slope(a, y),
        // `Ai′` is no function of `Ai`, and nobody has asked for a primitive of its own.
        Unary::AiryAi => return Missing,
        Unary::Mantissa => (-a.exponent()).cast_like(a).exp2(),
        Unary::Sign
        | Unary::Floor
        | Unary::Ceil
        | Unary::Trunc
        | Unary::Round
        | Unary::BitNot
        | Unary::Exponent
        | Unary::IsNan
        | Unary::IsInf
        | Unary::SignBit
        | Unary::Not => return Zero,
    })
}

/// `∂y/∂a` and `∂y/∂b` of `y = f(a, b)`.
pub(super) fn binary(f: Binary, a: Expr, b: Expr, y: Expr) -> (Slope, Slope) {
    let one = || Expr::constant(1);
    match f {
        Binary::Add => (Times(one()), Times(one())),
        Binary::Sub => (Times(one()), Times(Expr::constant(-1))),
        Binary::Mul => (Times(b), Times(a)),
        Binary::Div => (Over(b), Times(-y / b)),
        Binary::Remainder => (Times(one()), Times(-(a / b).floor())),
        Binary::Fmod => (Times(one()), Times(-(a / b).trunc())),
        Binary::Pow => (
            {
                // 0·0⁻¹ would be NaN where the power is constant. Elsewhere a power of zero is no special case: its
                // slope is zero, but not that slope's own. What is selected by an array is an array's, in single precision
                // where it is a number's: so not the power.
                let flat = b.eq(0).and(!a.abs().gt(0));
                Times(select(flat, 0.0, b * select(flat, 1, a).pow(b - 1)))
            },
            {
                // 0ᵇ is constant for b ≥ 0, though its logarithm is infinite.
                let flat = a.eq(0).and(b.ge(0));
                Times(select(flat, 0.0, y * select(flat, 1, a.cast_like(y)).log()))
            },
        ),
        // At a tie each has one half; where one is NaN neither comparison holds, and both have all.
        Binary::Maximum => (Times(share(a.lt(b), a.eq(b))), Times(share(b.lt(a), a.eq(b)))),
        Binary::Minimum => (Times(share(b.lt(a), a.eq(b))), Times(share(a.lt(b), a.eq(b)))),
        Binary::Atan2 => {
            // No angle at the origin, and a slope of zero.
            let square = a * a + b * b;
            let square = select(square.eq(0), 1, square);
            (Times(b / square), Times(-a / square))
        }
        Binary::Hypot => (Times(a / y), Times(b / y)),
        Binary::Copysign => (Times(at_zero(a, 0.0, |a| y / a)), Zero),
        Binary::Nextafter => (Times(select(a.eq(b), 0.0, 1.0)), Zero),
        Binary::Igamma => (Missing, Times(gamma_density(a, b))),
        Binary::Igammac => (Missing, Times(-gamma_density(a, b))),
        Binary::Zeta => (Missing, Times(-a * (a + 1).zeta(b))),
        Binary::Polygamma => (Missing, Times((a + 1).polygamma(b))),
        Binary::FloorDivide
        | Binary::TruncDivide
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
        | Binary::Ge => (Zero, Zero),
    }
}

/// A slope whose quotient is 0/0 at zero, where it has a limit. The quotient is kept away from zero, since its own
/// derivative would be 0·∞ there even where it is not selected.
fn at_zero(a: Expr, limit: f64, slope: impl Fn(Expr) -> Expr) -> Expr {
    let zero = a.eq(0);
    select(zero, limit, slope(select(zero, 1, a)))
}

/// Nothing for the one that was not chosen, one half at a tie.
fn share(lost: Expr, tie: Expr) -> Expr {
    select(lost, 0.0, select(tie, 0.5, 1.0))
}

/// `(cos x - y)/x`, whose terms cancel near zero: there its series.
fn spherical_slope(x: Expr, y: Expr) -> Expr {
    let square = x * x;
    let series = -x / 3.0 * (1.0 - square / 10.0 * (1.0 - square / 28.0 * (1.0 - square / 54.0)));
    select(x.abs().lt(0.1), series, (x.cos() - y) / x)
}

/// `xᵃ⁻¹·e⁻ˣ/Γ(a)`.
fn gamma_density(a: Expr, x: Expr) -> Expr {
    ((a - 1) * x.log() - x - a.cast_like(x).lgamma()).exp()
}
