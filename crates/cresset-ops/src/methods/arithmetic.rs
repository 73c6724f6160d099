//! Arithmetic of two arrays, or of an array and a number, with broadcasting and promotion.

use std::f64::consts::LN_2;

use cresset_tensor::{Category, DType, Error, Result, Scalar};

use super::{
    declare::{two_operands, two_operands_alias},
    writing::write,
};
use crate::{Apply, Expr, Operand, select};

/// Arithmetic.
pub trait Arithmetic: Apply {
    two_operands! {
        /// `self + other`.
        ///
        /// ```
        /// use cresset_ops::prelude::*;
        /// let x = Array::new([1, 2]);
        /// assert_eq!(x.add(0.5)?.to_vec::<f32>()?, [1.5, 2.5]);
        /// # Ok::<(), Error>(())
        /// ```
        add add_ |a, b| a + b;
        /// `self · other`.
        mul mul_ |a, b| a * b;
        /// `self / other`; integers become floating point.
        div div_ |a, b| a / b;
        /// `⌊self / other⌋`: PyTorch's `div(rounding_mode="floor")`.
        floor_divide floor_divide_ |a, b| a.floor_divide(b);
        /// The integer part of `self / other`: PyTorch's `div(rounding_mode="trunc")`.
        trunc_divide trunc_divide_ |a, b| a.trunc_divide(b);
        /// `self - other·⌊self/other⌋`, with the sign of `other`: Python's `%`.
        remainder remainder_ |a, b| a.remainder(b);
        /// `self - other·trunc(self/other)`, with the sign of `self`: C's `fmod`.
        fmod fmod_ |a, b| a.fmod(b);
        /// The angle of the points `(other, self)`.
        atan2 atan2_ |a, b| a.atan2(b);
        /// `√(self² + other²)` without overflow.
        hypot hypot_ |a, b| a.hypot(b);
        /// `|self|` with the sign of `other`.
        copysign copysign_ |a, b| a.copysign(b);
        /// The number next to `self` towards `other`.
        nextafter nextafter_ |a, b| a.nextafter(b);
        /// `self · 2^other`.
        ldexp ldexp_ |a, b| a * b.exp2();
        /// `log(e^self + e^other)` without overflow.
        logaddexp logaddexp_ |a, b| {
            let (largest, distance) = apart(a, b);
            largest + (-distance).exp().log1p()
        };
        /// `log₂(2^self + 2^other)` without overflow.
        logaddexp2 logaddexp2_ |a, b| {
            let (largest, distance) = apart(a, b);
            largest + (-distance).exp2().log1p() * (1.0 / LN_2)
        };
        /// `self · log(other)`, 0 where `self` is 0 (and `other` is a number).
        xlogy xlogy_ |a, b| {
            // Of 0 too the slope is `log b`, where that is a number.
            let nothing = a.eq(0).and(b.isnan().or(b.gt(0).and(b.lt(f64::INFINITY))).logical_not());
            a * select(nothing, 1, b).log()
        };
        /// The regularised lower incomplete gamma function `P(self, other)`.
        igamma igamma_ |a, x| a.igamma(x);
        /// The regularised upper incomplete gamma function `Q(self, other)`.
        igammac igammac_ |a, x| a.igammac(x);
        /// The greatest common divisor.
        gcd gcd_ |a, b| a.gcd(b);
        /// The least common multiple.
        lcm lcm_ |a, b| {
            let divisor = a.gcd(b);
            (a.trunc_divide(select(divisor.eq(0), 1, divisor)) * b).abs()
        };
    }

    two_operands_alias! {
        true_divide true_divide_ = div div_;
        divide divide_ = div div_;
        multiply multiply_ = mul mul_;
        arctan2 arctan2_ = atan2 atan2_;
        gammainc gammainc_ = igamma igamma_;
        gammaincc gammaincc_ = igammac igammac_;
    }

    /// `self - other`. An error for `bool`, which has no minus.
    #[track_caller]
    fn sub<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let other = other.into();
        no_truths("sub", self, &other)?;
        other.with(self, |a, b| a - b)
    }

    /// [`sub`](Self::sub) in place.
    #[track_caller]
    fn sub_<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        let other = other.into();
        no_truths("sub_", self, &other)?;
        other.with_into(self, |a, b| a - b)?;
        Ok(self)
    }

    /// [`sub`](Self::sub) by another name.
    #[track_caller]
    fn subtract<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        self.sub(other)
    }

    /// `other - self`.
    #[track_caller]
    fn rsub<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let other = other.into();
        no_truths("rsub", self, &other)?;
        other.with(self, |a, b| b - a)
    }

    /// `self + alpha·other`.
    #[track_caller]
    fn add_alpha<'a>(&self, other: impl Into<Operand<'a, Self>>, alpha: impl Into<Scalar>) -> Result<Self> {
        let (other, alpha) = (other.into(), alpha.into());
        check_factor("add", "alpha", alpha, self, &[&other])?;
        match &other {
            Operand::Value(other) => Self::formula(&[self, other], &[alpha], |x, n| x[0] + n[0] * x[1]),
            Operand::Owned(other) => Self::formula(&[self, other], &[alpha], |x, n| x[0] + n[0] * x[1]),
            Operand::Number(other) => self.add(product(alpha, *other)),
        }
    }

    /// [`add_alpha`](Self::add_alpha) in place.
    #[track_caller]
    fn add_alpha_<'a>(&self, other: impl Into<Operand<'a, Self>>, alpha: impl Into<Scalar>) -> Result<&Self> {
        let (other, alpha) = (other.into(), alpha.into());
        check_factor("add_", "alpha", alpha, self, &[&other])?;
        let other = match &other {
            Operand::Value(other) => *other,
            Operand::Owned(other) => other,
            Operand::Number(other) => return self.add_(product(alpha, *other)),
        };
        Self::formulas_into(&[self, other], &[alpha], &[self], |x, n| [x[0] + n[0] * x[1]])?;
        Ok(self)
    }

    /// `self - alpha·other`.
    #[track_caller]
    fn sub_alpha<'a>(&self, other: impl Into<Operand<'a, Self>>, alpha: impl Into<Scalar>) -> Result<Self> {
        let other = other.into();
        no_truths("sub", self, &other)?;
        self.add_alpha(other, product((-1).into(), alpha.into()))
    }

    /// [`sub_alpha`](Self::sub_alpha) in place.
    #[track_caller]
    fn sub_alpha_<'a>(&self, other: impl Into<Operand<'a, Self>>, alpha: impl Into<Scalar>) -> Result<&Self> {
        let other = other.into();
        no_truths("sub_", self, &other)?;
        self.add_alpha_(other, product((-1).into(), alpha.into()))
    }

    /// `other - alpha·self`: PyTorch's `rsub`.
    #[track_caller]
    fn rsub_alpha<'a>(&self, other: impl Into<Operand<'a, Self>>, alpha: impl Into<Scalar>) -> Result<Self> {
        let (other, alpha) = (other.into(), alpha.into());
        no_truths("rsub", self, &other)?;
        check_factor("rsub", "alpha", alpha, self, &[&other])?;
        let value = other.value_beside(self)?;
        Self::formula(&[self, &value], &[alpha], |x, n| x[1] - n[0] * x[0])
    }

    /// `self` to the power of `other`.
    #[track_caller]
    fn pow<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let other = other.into();
        check_power("pow", self, &other)?;
        other.with(self, |a, b| a.pow(b))
    }

    /// [`pow`](Self::pow) in place.
    #[track_caller]
    fn pow_<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        let other = other.into();
        check_power("pow_", self, &other)?;
        other.with_into(self, |a, b| a.pow(b))?;
        Ok(self)
    }

    /// `other` to the power of `self`.
    #[track_caller]
    fn rpow<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        other.into().with(self, |a, b| b.pow(a))
    }

    /// `other / self`.
    #[track_caller]
    fn rdiv<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        other.into().with(self, |a, b| b / a)
    }

    /// `self` to the power of `other` in `float64`.
    #[track_caller]
    fn float_power<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        other.into().with(self, |a, b| a.cast(DType::F64).pow(b.cast(DType::F64)))
    }

    /// [`float_power`](Self::float_power) in place, for `float64`.
    #[track_caller]
    fn float_power_<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        if self.dtype() != DType::F64 {
            return Err(Error::dtype(
                "float_power_",
                format!("the result is float64 and cannot be written into {}", self.dtype()),
            ));
        }
        self.pow_(other)
    }

    /// `self + value · a · b`.
    #[track_caller]
    fn addcmul(&self, a: &Self, b: &Self, value: impl Into<Scalar>) -> Result<Self> {
        let value = value.into();
        check_factor("addcmul", "value", value, self, &[&a.into(), &b.into()])?;
        Self::formula(&[self, a, b], &[value], |x, n| x[0] + n[0] * x[1] * x[2])
    }

    /// [`addcmul`](Self::addcmul) in place.
    #[track_caller]
    fn addcmul_(&self, a: &Self, b: &Self, value: impl Into<Scalar>) -> Result<&Self> {
        let value = value.into();
        check_factor("addcmul_", "value", value, self, &[&a.into(), &b.into()])?;
        Self::formulas_into(&[self, a, b], &[value], &[self], |x, n| [x[0] + n[0] * x[1] * x[2]])?;
        Ok(self)
    }

    /// `self + value · a / b`; of integers that divide each other it is an error.
    #[track_caller]
    fn addcdiv(&self, a: &Self, b: &Self, value: impl Into<Scalar>) -> Result<Self> {
        check_quotient("addcdiv", a, b)?;
        Self::formula(&[self, a, b], &[value.into()], |x, n| x[0] + n[0] * (x[1] / x[2]))
    }

    /// [`addcdiv`](Self::addcdiv) in place.
    #[track_caller]
    fn addcdiv_(&self, a: &Self, b: &Self, value: impl Into<Scalar>) -> Result<&Self> {
        check_quotient("addcdiv_", a, b)?;
        Self::formulas_into(&[self, a, b], &[value.into()], &[self], |x, n| [x[0] + n[0] * (x[1] / x[2])])?;
        Ok(self)
    }

    /// On the way from `self` to `end`: `self + weight·(end - self)`.
    #[track_caller]
    fn lerp<'a>(&self, end: &Self, weight: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let weight = weight.into();
        check_way("lerp", self, end, &weight)?;
        match &weight {
            Operand::Number(weight) => Self::formula(&[self, end], &[*weight], |x, n| way(x[0], x[1], n[0])),
            Operand::Value(weight) => Self::formula(&[self, end, weight], &[], |x, _| way(x[0], x[1], x[2])),
            Operand::Owned(weight) => Self::formula(&[self, end, weight], &[], |x, _| way(x[0], x[1], x[2])),
        }
    }

    /// [`lerp`](Self::lerp) in place.
    #[track_caller]
    fn lerp_<'a>(&self, end: &Self, weight: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        write(self, "lerp_", &self.lerp(end, weight)?)
    }
}

impl<T: Apply> Arithmetic for T {}

/// The larger of both, and how far they are apart: 0 for equal infinities, whose difference is not a number.
fn apart(a: Expr, b: Expr) -> (Expr, Expr) {
    (a.maximum(b), select(a.eq(b), 0, a - b).abs())
}

/// From the nearer end, so that a weight of 1 gives `end` exactly.
fn way(start: Expr, end: Expr, weight: Expr) -> Expr {
    select(weight.abs().lt(0.5), start + weight * (end - start), end - (end - start) * (1 - weight))
}

fn category<T: Apply>(operand: &Operand<'_, T>) -> Category {
    match operand {
        Operand::Value(value) => value.dtype().category(),
        Operand::Owned(value) => value.dtype().category(),
        Operand::Number(number) => number.category(),
    }
}

/// `1 - mask` is a mistake that PyTorch refuses, too.
#[track_caller]
fn no_truths<T: Apply>(name: &'static str, this: &T, other: &Operand<'_, T>) -> Result<()> {
    if this.dtype() != DType::Bool && category(other) != Category::Bool {
        return Ok(());
    }
    Err(Error::dtype(
        name,
        "not defined for bool; use logical_not or bitwise_xor, or convert with to_dtype first",
    ))
}

/// A factor must not be of a stronger family than what it multiplies, and a truth is no factor.
#[track_caller]
fn check_factor<T: Apply>(
    name: &'static str,
    argument: &str,
    factor: Scalar,
    this: &T,
    others: &[&Operand<'_, T>],
) -> Result<()> {
    let all = others.iter().map(|other| category(other)).fold(this.dtype().category(), Category::max);
    if factor.category() > all && factor.category() == Category::Float {
        return Err(Error::dtype(
            name,
            format!(
                "{argument} = {factor} must be an integer where everything else is; convert with to_dtype first"
            ),
        ));
    }
    if factor.category() == Category::Bool && all != Category::Bool {
        return Err(Error::dtype(name, format!("{argument} = {factor} must be a number, not a truth")));
    }
    Ok(())
}

/// `a·b` of numbers.
fn product(a: Scalar, b: Scalar) -> Scalar {
    match (a, b) {
        (Scalar::Float(_), _) | (_, Scalar::Float(_)) => Scalar::Float(a.to_f64() * b.to_f64()),
        (Scalar::Bool(a), Scalar::Bool(b)) => Scalar::Bool(a && b),
        (a, b) => Scalar::Int(a.to_i64().wrapping_mul(b.to_i64())),
    }
}

#[track_caller]
fn check_power<T: Apply>(name: &'static str, this: &T, power: &Operand<'_, T>) -> Result<()> {
    match power {
        Operand::Number(Scalar::Int(power)) if *power < 0 && !this.dtype().is_float() => {
            Err(Error::argument(
                name,
                format!("integers have no power {power}; convert to floating point with to_dtype first"),
            ))
        }
        _ => Ok(()),
    }
}

#[track_caller]
fn check_quotient<T: Apply>(name: &'static str, a: &T, b: &T) -> Result<()> {
    if a.dtype().is_float() || b.dtype().is_float() {
        return Ok(());
    }
    Err(Error::dtype(
        name,
        format!("{} by {}: convert one of them to floating point with to_dtype first", a.dtype(), b.dtype()),
    ))
}

#[track_caller]
fn check_way<T: Apply>(name: &'static str, start: &T, end: &T, weight: &Operand<'_, T>) -> Result<()> {
    let weight = match weight {
        Operand::Value(weight) => weight.dtype(),
        Operand::Owned(weight) => weight.dtype(),
        Operand::Number(_) => start.dtype(),
    };
    if start.dtype().is_float() && start.dtype() == end.dtype() && start.dtype() == weight {
        return Ok(());
    }
    Err(Error::dtype(
        name,
        format!(
            "start, end and weight must have one floating-point dtype: {}, {} and {weight}",
            start.dtype(),
            end.dtype()
        ),
    ))
}
