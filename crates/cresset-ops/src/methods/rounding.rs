//! To the next whole number, into limits, and away from what is not a number.

use cresset_tensor::{Error, Result, Scalar};

use super::{
    declare::{one_operand, one_operand_alias},
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

    /// Not less than `min`. Where both are equal, half of the gradient goes to each, and none to a number that is a limit.
    #[track_caller]
    fn clamp_min<'a>(&self, min: impl Into<Operand<'a, Self>>) -> Result<Self> {
        min.into().with_either(self, Expr::maximum, above)
    }

    /// [`clamp_min`](Self::clamp_min) in place.
    #[track_caller]
    fn clamp_min_<'a>(&self, min: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        min.into().with_either_into(self, Expr::maximum, above)?;
        Ok(self)
    }

    /// Not more than `max`. Where both are equal, half of the gradient goes to each, and none to a number that is a limit.
    #[track_caller]
    fn clamp_max<'a>(&self, max: impl Into<Operand<'a, Self>>) -> Result<Self> {
        max.into().with_either(self, Expr::minimum, below)
    }

    /// [`clamp_max`](Self::clamp_max) in place.
    #[track_caller]
    fn clamp_max_<'a>(&self, max: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        max.into().with_either_into(self, Expr::minimum, below)?;
        Ok(self)
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

/// The larger of a value and a number. The derivative is that of the value only above the number, as in PyTorch.
fn above(x: Expr, min: Expr) -> Expr {
    select(x.gt(min), x, nan_or(x, min))
}

/// The smaller of a value and a number.
fn below(x: Expr, max: Expr) -> Expr {
    select(x.lt(max), x, nan_or(x, max))
}

/// A value between two numbers. The derivative is that of the value only strictly between.
fn between(x: Expr, min: Expr, max: Expr) -> Expr {
    let limit = select(x.le(min), min.minimum(max), max);
    select(x.gt(min).and(x.lt(max)), x, nan_or(x, limit))
}

/// NaN of what is NaN, and without a derivative; else a limit.
fn nan_or(x: Expr, limit: Expr) -> Expr {
    select(x.isnan(), Expr::constant(f64::NAN).cast_like(x), limit)
}

/// Nothing compares with such a limit, but everything becomes it.
fn is_nan(limit: Scalar) -> bool {
    limit.to_f64().is_nan()
}

/// A value between two others. At one limit half of the gradient goes to it; where both are the value, or any is NaN, all
/// goes to the value, as in PyTorch.
fn limited(x: Expr, min: Expr, max: Expr) -> Expr {
    let only = select(x.lt(min), min, select(x.gt(max), max, x));
    let inside = select(min.eq(max), only, x.maximum(min).minimum(max));
    let numbers = select(min.gt(max), max, inside);
    let nan = x.isnan().or(min.isnan()).or(max.isnan());
    select(nan, x + Expr::constant(f64::NAN).cast_like(x), numbers)
}
