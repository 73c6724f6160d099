//! Comparisons: truths of two arrays, or of an array and a number; the larger and the smaller of them; and questions
//! about single numbers.

use cresset_tensor::{Error, Result};

use super::{
    Reductions,
    declare::{two_operands, two_operands_alias},
};
use crate::{Apply, Operand, select};

/// Declares questions about single numbers.
macro_rules! questions {
    ($($(#[$doc:meta])* $method:ident |$x:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self) -> Result<Self> {
            Self::formula(&[self], &[], |x, _| {
                let $x = x[0];
                $formula
            })
        }
    )*};
}

/// Comparisons.
///
/// ```
/// use cresset_ops::prelude::*;
/// let x = Array::new([1, 2, 3]);
/// assert_eq!(x.gt(1.5)?.to_vec::<bool>()?, [false, true, true]);
/// # Ok::<(), Error>(())
/// ```
pub trait Comparison: Apply {
    two_operands! {
        /// Where `self = other`.
        eq eq_ |a, b| a.eq(b);
        /// Where `self ≠ other`.
        ne ne_ |a, b| a.ne(b);
        /// Where `self < other`.
        lt lt_ |a, b| a.lt(b);
        /// Where `self ≤ other`.
        le le_ |a, b| a.le(b);
        /// Where `self > other`.
        gt gt_ |a, b| a.gt(b);
        /// Where `self ≥ other`.
        ge ge_ |a, b| a.ge(b);
        /// The larger of both; NaN if either is.
        maximum maximum_ |a, b| a.maximum(b);
        /// The smaller of both; NaN if either is.
        minimum minimum_ |a, b| a.minimum(b);
        /// The larger of both; of a number and NaN, the number.
        fmax fmax_ |a, b| select(b.isnan(), a, select(a.isnan(), b, a.maximum(b)));
        /// The smaller of both; of a number and NaN, the number.
        fmin fmin_ |a, b| select(b.isnan(), a, select(a.isnan(), b, a.minimum(b)));
    }

    two_operands_alias! {
        not_equal not_equal_ = ne ne_;
        less less_ = lt lt_;
        less_equal less_equal_ = le le_;
        greater greater_ = gt gt_;
        greater_equal greater_equal_ = ge ge_;
    }

    questions! {
        /// Where it is not a number.
        isnan |x| x.isnan();
        /// Where it is an infinity, of either sign.
        isinf |x| x.isinf();
        /// Where it is neither an infinity nor NaN.
        isfinite |x| !x.isinf().or(x.isnan());
        /// Where it is `∞`.
        isposinf |x| x.isinf().and(!x.signbit());
        /// Where it is `-∞`.
        isneginf |x| x.isinf().and(x.signbit());
        /// Where it has no imaginary part: everywhere.
        isreal |x| x.isnan().or(!x.isnan());
        /// Where the sign is negative, minus zero included.
        signbit |x| x.signbit();
    }

    /// 0 below zero, `values` at zero, 1 above.
    #[track_caller]
    fn heaviside<'a>(&self, values: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let values = values.into().value_beside(self)?;
        if values.dtype() != self.dtype() {
            return Err(Error::dtype(
                "heaviside",
                format!(
                    "both must have one dtype: {} and {}; convert with to_dtype",
                    self.dtype(),
                    values.dtype()
                ),
            ));
        }
        Self::formula(&[self, &values], &[], |x, _| select(x[0].eq(0), x[1], x[0].gt(0).cast_like(x[1])))
    }

    /// [`heaviside`](Self::heaviside) in place.
    #[track_caller]
    fn heaviside_<'a>(&self, values: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        super::writing::write(self, "heaviside_", &self.heaviside(values)?)
    }

    /// Where `|self - other| ≤ atol + rtol·|other|`, or both are equal; or both NaN, if those count as equal.
    #[track_caller]
    fn isclose(&self, other: &Self, rtol: f64, atol: f64, equal_nan: bool) -> Result<Self> {
        check_close("isclose", self, other, rtol, atol)?;
        if !self.dtype().is_float() {
            // Integers of 64 bits are compared as such; only how far they are apart is floating point.
            return Self::formula(&[self, other], &[rtol.into(), atol.into()], |x, n| {
                let b = x[1] * 1.0;
                x[0].eq(x[1]).or((x[0] - b).abs().le(n[1] + (n[0] * b).abs()))
            });
        }
        Self::formula(&[self, other], &[rtol.into(), atol.into(), equal_nan.into()], |x, n| {
            let distance = (x[0] - x[1]).abs();
            let near = distance.le(n[1] + (n[0] * x[1]).abs()).and(!distance.isinf());
            x[0].eq(x[1]).or(near).or(n[2].and(x[0].isnan()).and(x[1].isnan()))
        })
    }

    /// Are all elements [close](Self::isclose)?
    #[track_caller]
    fn allclose(&self, other: &Self, rtol: f64, atol: f64, equal_nan: bool) -> Result<bool> {
        check_close("allclose", self, other, rtol, atol)?;
        self.isclose(other, rtol, atol, equal_nan)?.all()?.array().item()
    }

    /// Are shape and all elements the same? (NaN is not the same as anything.)
    #[track_caller]
    fn equal(&self, other: &Self) -> Result<bool> {
        if self.shape() != other.shape() {
            return Ok(false);
        }
        self.eq(other)?.all()?.array().item()
    }
}

impl<T: Apply> Comparison for T {}

#[track_caller]
fn check_close<T: Apply>(name: &'static str, a: &T, b: &T, rtol: f64, atol: f64) -> Result<()> {
    if a.dtype() != b.dtype() {
        return Err(Error::dtype(
            name,
            format!("both must have one dtype: {} and {}; convert with to_dtype", a.dtype(), b.dtype()),
        ));
    }
    // NaN is neither.
    if !(rtol >= 0.0 && atol >= 0.0) {
        return Err(Error::argument(name, format!("rtol = {rtol} and atol = {atol} must not be negative")));
    }
    Ok(())
}
