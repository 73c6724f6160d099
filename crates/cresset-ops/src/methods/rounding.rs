//! To the next whole number, into limits, and away from what is not a number.

use cresset_tensor::{Error, Result, Scalar};

use super::{
    declare::{one_operand, one_operand_alias, two_operands},
    writing::write,
};
use crate::{Apply, Expr, Operand, select};

/// Rounding and clamping.
pub trait Rounding: Apply {
    one_operand! {
        /// The largest integer not above.
        floor floor_ |x| x.floor();
        /// The smallest integer not below.
        ceil ceil_ |x| x.ceil();
        /// The integer part.
        trunc trunc_ |x| x.trunc();
        /// The nearest integer, halves to even.
        round round_ |x| x.round();
        /// What [`trunc`](Self::trunc) cuts off, with the sign of `x`.
        frac frac_ |x| x - x.trunc();
    }

    one_operand_alias! {
        fix fix_ = trunc trunc_;
    }

    two_operands! {
        /// Not less than `min`.
        clamp_min clamp_min_ |x, min| select(x.lt(min).or(min.isnan()), min, x);
        /// Not more than `max`.
        clamp_max clamp_max_ |x, max| select(x.gt(max).or(max.isnan()), max, x);
    }

    /// Rounded to so many decimal digits after the point; before it, if negative. PyTorch's `round(decimals=…)`.
    #[track_caller]
    fn round_decimals(&self, decimals: i64) -> Result<Self> {
        if !self.dtype().is_float() && decimals != 0 {
            return Err(Error::dtype(
                "round",
                format!("{} has no decimals; convert with to_dtype first", self.dtype()),
            ));
        }
        // Whole powers of ten are exact for longer than their reciprocals.
        let power = 10f64.powi(i32::try_from(decimals.unsigned_abs()).unwrap_or(i32::MAX));
        match decimals {
            0 => self.round(),
            1.. => Self::formula(&[self], &[power.into()], |x, n| (x[0] * n[0]).round() / n[0]),
            ..0 => Self::formula(&[self], &[power.into()], |x, n| (x[0] / n[0]).round() * n[0]),
        }
    }

    /// [`round_decimals`](Self::round_decimals) in place.
    #[track_caller]
    fn round_decimals_(&self, decimals: i64) -> Result<&Self> {
        write(self, "round_", &self.round_decimals(decimals)?)
    }

    /// Not less than `min`, not more than `max`; where they contradict each other, `max`. One limit alone:
    /// [`clamp_min`](Self::clamp_min), [`clamp_max`](Self::clamp_max).
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([-3.0, 0.5, 3.0]);
    /// assert_eq!(x.clamp(-1, 1)?.to_vec::<f64>()?, [-1.0, 0.5, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn clamp<'a>(
        &self,
        min: impl Into<Operand<'a, Self>>,
        max: impl Into<Operand<'a, Self>>,
    ) -> Result<Self> {
        match (min.into(), max.into()) {
            (Operand::Number(min), Operand::Number(max)) if is_nan(min) || is_nan(max) => {
                Self::formula(&[self], &[], |x, _| x[0] * f64::NAN)
            }
            (Operand::Number(min), Operand::Number(max)) => {
                Self::formula(&[self], &[min, max], |x, n| between(x[0], n[0], n[1]))
            }
            (min, max) => {
                let (min, max) = (min.value_beside(self)?, max.value_beside(self)?);
                Self::formula(&[self, &min, &max], &[], |x, _| limited(x[0], x[1], x[2]))
            }
        }
    }

    /// [`clamp`](Self::clamp) in place.
    #[track_caller]
    fn clamp_<'a>(
        &self,
        min: impl Into<Operand<'a, Self>>,
        max: impl Into<Operand<'a, Self>>,
    ) -> Result<&Self> {
        match (min.into(), max.into()) {
            (Operand::Number(min), Operand::Number(max)) if is_nan(min) || is_nan(max) => {
                Self::formulas_into(&[self], &[], &[self], |x, _| [x[0] * f64::NAN])?;
            }
            (Operand::Number(min), Operand::Number(max)) => {
                Self::formulas_into(&[self], &[min, max], &[self], |x, n| [between(x[0], n[0], n[1])])?;
            }
            (min, max) => {
                let (min, max) = (min.value_beside(self)?, max.value_beside(self)?);
                Self::formulas_into(&[self, &min, &max], &[], &[self], |x, _| [limited(x[0], x[1], x[2])])?;
            }
        }
        Ok(self)
    }

    /// [`clamp`](Self::clamp) by another name.
    #[track_caller]
    fn clip<'a>(&self, min: impl Into<Operand<'a, Self>>, max: impl Into<Operand<'a, Self>>) -> Result<Self> {
        self.clamp(min, max)
    }

    /// [`clamp_`](Self::clamp_) by another name.
    #[track_caller]
    fn clip_<'a>(
        &self,
        min: impl Into<Operand<'a, Self>>,
        max: impl Into<Operand<'a, Self>>,
    ) -> Result<&Self> {
        self.clamp_(min, max)
    }

    /// NaN, `∞` and `-∞` replaced: by 0 and the largest and smallest finite number, unless said otherwise.
    #[track_caller]
    fn nan_to_num(
        &self,
        nan: impl Into<Option<f64>>,
        posinf: impl Into<Option<f64>>,
        neginf: impl Into<Option<f64>>,
    ) -> Result<Self> {
        if !self.dtype().is_float() {
            return Ok(self.clone());
        }
        let limit = self.dtype().float_max();
        let numbers: [Scalar; 3] = [
            nan.into().unwrap_or(0.0).into(),
            posinf.into().unwrap_or(limit).into(),
            neginf.into().unwrap_or(-limit).into(),
        ];
        Self::formula(&[self], &numbers, |x, n| {
            let finite = select(x[0].eq(f64::NEG_INFINITY), n[2], x[0]);
            select(x[0].isnan(), n[0], select(x[0].eq(f64::INFINITY), n[1], finite))
        })
    }

    /// [`nan_to_num`](Self::nan_to_num) in place.
    #[track_caller]
    fn nan_to_num_(
        &self,
        nan: impl Into<Option<f64>>,
        posinf: impl Into<Option<f64>>,
        neginf: impl Into<Option<f64>>,
    ) -> Result<&Self> {
        write(self, "nan_to_num_", &self.nan_to_num(nan, posinf, neginf)?)
    }
}

impl<T: Apply> Rounding for T {}

/// Branches rather than extremes: at a limit, the derivative is that of `x`.
fn between(x: Expr, min: Expr, max: Expr) -> Expr {
    let above = select(x.lt(min), min, x);
    select(above.gt(max), max, above)
}

/// Nothing compares with such a limit, but everything becomes it.
fn is_nan(limit: Scalar) -> bool {
    limit.to_f64().is_nan()
}

/// As `between`, for limits that are arrays and may hold NaN.
fn limited(x: Expr, min: Expr, max: Expr) -> Expr {
    let above = select(x.lt(min).or(min.isnan()), min, x);
    select(above.gt(max).or(max.isnan()), max, above)
}
