//! Functions of one number, over all elements: powers, exponentials, angles, and the gamma function's kin. Each is its
//! formula. Rounding has a file of its own.

use std::f64::consts::PI;

use cresset_tensor::{DType, Error, Result, Scalar};

use super::declare::{one_operand, one_operand_alias};
use crate::{Apply, Expr, Outputs, select};

/// Elementwise functions.
///
/// ```
/// use cresset_ops::prelude::*;
/// let x = Array::new([1.0, 4.0]);
/// assert_eq!(x.sqrt()?.to_vec::<f64>()?, [1.0, 2.0]);
/// assert_eq!(x.neg_()?.to_vec::<f64>()?, [-1.0, -4.0]); // in place
/// # Ok::<(), Error>(())
/// ```
pub trait Elementwise: Apply {
    one_operand! {
        /// `-x`.
        neg neg_ |x| -x;
        /// `|x|`.
        abs abs_ |x| x.abs();
        /// -1, 0 or 1; 0 for NaN.
        sign sign_ |x| x.sign();
        /// `1/x`.
        reciprocal reciprocal_ |x| x.reciprocal();
        /// `x²`.
        square square_ |x| x.pow(2);
        /// `√x`.
        sqrt sqrt_ |x| x.sqrt();
        /// `1/√x`.
        rsqrt rsqrt_ |x| x.rsqrt();
        /// `eˣ`.
        exp exp_ |x| x.exp();
        /// `2ˣ`.
        exp2 exp2_ |x| x.exp2();
        /// `eˣ - 1`, accurate near zero.
        expm1 expm1_ |x| x.expm1();
        /// The natural logarithm.
        log log_ |x| x.log();
        /// The logarithm to base 2.
        log2 log2_ |x| x.log2();
        /// The logarithm to base 10.
        log10 log10_ |x| x.log10();
        /// `log(1 + x)`, accurate near zero.
        log1p log1p_ |x| x.log1p();
        /// The sine.
        sin sin_ |x| x.sin();
        /// The cosine.
        cos cos_ |x| x.cos();
        /// The tangent.
        tan tan_ |x| x.tan();
        /// The inverse sine.
        asin asin_ |x| x.asin();
        /// The inverse cosine.
        acos acos_ |x| x.acos();
        /// The inverse tangent.
        atan atan_ |x| x.atan();
        /// The hyperbolic sine.
        sinh sinh_ |x| x.sinh();
        /// The hyperbolic cosine.
        cosh cosh_ |x| x.cosh();
        /// The hyperbolic tangent.
        tanh tanh_ |x| x.tanh();
        /// The inverse hyperbolic sine.
        asinh asinh_ |x| x.asinh();
        /// The inverse hyperbolic cosine.
        acosh acosh_ |x| x.acosh();
        /// The inverse hyperbolic tangent.
        atanh atanh_ |x| x.atanh();
        /// `1/(1 + e⁻ˣ)`.
        sigmoid sigmoid_ |x| x.sigmoid();
        /// The error function.
        erf erf_ |x| x.erf();
        /// `1 - erf(x)`, accurate for large `x`.
        erfc erfc_ |x| x.erfc();
        /// The inverse of the error function.
        erfinv erfinv_ |x| x.erfinv();
        /// `log|Γ(x)|`.
        lgamma lgamma_ |x| x.lgamma();
        /// The derivative of `log Γ(x)`.
        digamma digamma_ |x| x.digamma();
        /// The modified Bessel function of the first kind and order 0.
        i0 i0_ |x| x.i0();
        /// `sin(πx)/(πx)`, 1 at zero.
        sinc sinc_ |x| {
            // The quotient is kept from 0/0, whose derivative would be NaN in the branch not taken.
            let zero = x.eq(0);
            let angle = select(zero, 1.0, x * PI);
            select(zero, 1.0, angle.sin() / angle)
        };
        /// Degrees as radians: `x·π/180`.
        deg2rad deg2rad_ |x| x * (PI / 180.0);
        /// Radians as degrees: `x·180/π`.
        rad2deg rad2deg_ |x| x * (180.0 / PI);
    }

    one_operand_alias! {
        negative negative_ = neg neg_;
        absolute absolute_ = abs abs_;
        sgn sgn_ = sign sign_;
        arcsin arcsin_ = asin asin_;
        arccos arccos_ = acos acos_;
        arctan arctan_ = atan atan_;
        arcsinh arcsinh_ = asinh asinh_;
        arccosh arccosh_ = acosh acosh_;
        arctanh arctanh_ = atanh atanh_;
        expit expit_ = sigmoid sigmoid_;
        gammaln gammaln_ = lgamma lgamma_;
    }

    /// `x` itself, but an error for `bool`: Python's `+x`.
    #[track_caller]
    fn positive(&self) -> Result<Self> {
        if self.dtype() == DType::Bool {
            return Err(Error::dtype("positive", "not defined for bool; convert with to_dtype first"));
        }
        Ok(self.clone())
    }

    /// The real part: `x` itself.
    #[track_caller]
    fn real(&self) -> Result<Self> {
        Ok(self.clone())
    }

    /// The complex conjugate: `x` itself.
    #[track_caller]
    fn conj(&self) -> Result<Self> {
        Ok(self.clone())
    }

    /// The complex conjugate: `x` itself.
    #[track_caller]
    fn conj_physical(&self) -> Result<Self> {
        Ok(self.clone())
    }

    /// The angle in the complex plane: `π` for negative numbers, 0 for others.
    #[track_caller]
    fn angle(&self) -> Result<Self> {
        // The NaN comes of `x`, and with it the dtype.
        Self::formula(&[self], &[], |x, _| select(x[0].lt(0), PI, select(x[0].isnan(), x[0], 0.0)))
    }

    /// `log(x/(1 - x))`: the inverse of `sigmoid`. With `eps`, `x` is first clamped to `[eps, 1 - eps]`.
    #[track_caller]
    fn logit(&self, eps: impl Into<Option<f64>>) -> Result<Self> {
        match eps.into() {
            None => Self::formula(&[self], &[], |x, _| {
                // The derivative too is NaN where the value is.
                let outside = x[0].lt(0).or(x[0].gt(1));
                log_odds(x[0] + select(outside, f64::NAN, 0))
            }),
            Some(eps) => Self::formula(&[self], &[eps.into(), (1.0 - eps).into()], |x, n| {
                let inside = select(x[0].lt(n[0]), n[0], select(x[0].gt(n[1]), n[1], x[0]));
                log_odds(inside)
            }),
        }
    }

    /// [`logit`](Self::logit) in place.
    #[track_caller]
    fn logit_(&self, eps: impl Into<Option<f64>>) -> Result<&Self> {
        super::writing::write(self, "logit_", &self.logit(eps)?)
    }

    /// The derivative of order `n` of `digamma`.
    #[track_caller]
    fn polygamma(&self, n: i64) -> Result<Self> {
        match n {
            ..0 => Err(Error::argument("polygamma", format!("the order must not be negative: {n}"))),
            0 => self.digamma(),
            1.. => Self::formula(&[self], &[Scalar::Int(n)], |x, n| n[0].polygamma(x[0])),
        }
    }

    /// [`polygamma`](Self::polygamma) in place.
    #[track_caller]
    fn polygamma_(&self, n: i64) -> Result<&Self> {
        super::writing::write(self, "polygamma_", &self.polygamma(n)?)
    }

    /// The multivariate log-gamma function of dimension `p`: `log π · p(p - 1)/4 + Σ lgamma(x - i/2)`, `i < p`.
    #[track_caller]
    fn mvlgamma(&self, p: i64) -> Result<Self> {
        /// Beyond it a formula would be unreasonably long.
        const MOST: i64 = 1 << 12;
        if !(1..=MOST).contains(&p) {
            return Err(Error::argument("mvlgamma", format!("the dimension must be from 1 to {MOST}: {p}")));
        }
        let constant = PI.ln() * (p as f64) * (p as f64 - 1.0) / 4.0;
        Self::formula(&[self], &[constant.into()], |x, n| {
            (0..p).fold(n[0], |sum, i| sum + (x[0] - i as f64 * 0.5).lgamma())
        })
    }

    /// [`mvlgamma`](Self::mvlgamma) in place.
    #[track_caller]
    fn mvlgamma_(&self, p: i64) -> Result<&Self> {
        super::writing::write(self, "mvlgamma_", &self.mvlgamma(p)?)
    }

    /// `x = mantissa·2^exponent` with `½ ≤ |mantissa| < 1`; the exponent as `int32`.
    #[track_caller]
    fn frexp(&self) -> Result<(Self, Self)> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(
                "frexp",
                format!("needs floating point, not {}; convert with to_dtype first", self.dtype()),
            ));
        }
        let parts: Outputs<Self> = Self::formulas(&[self], &[], |x, _| [x[0].mantissa(), x[0].exponent()])?;
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(mantissa), Some(exponent)) => Ok((mantissa, exponent)),
            _ => Err(Error::argument("frexp", "the formula has two outputs")),
        }
    }

    /// The same numbers in another dtype: PyTorch's `to(dtype)`. Without a copy if it is that dtype already.
    #[track_caller]
    fn to_dtype(&self, dtype: DType) -> Result<Self> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        // One closure for each dtype, so that each is traced once.
        macro_rules! cast {
            ($($variant:ident)*) => {
                match dtype {
                    $(DType::$variant => Self::formula(&[self], &[], |x, _| x[0].cast(DType::$variant)),)*
                }
            };
        }
        cast!(F64 F32 F16 BF16 I64 I32 I16 I8 U8 Bool)
    }
}

impl<T: Apply> Elementwise for T {}

/// `log(p/(1 - p))`.
fn log_odds(p: Expr) -> Expr {
    p.log() - (-p).log1p()
}
