//! Variances and what is made of them.

use cresset_tensor::{Axes, DType, Error, Result, Scalar, Shape};

use super::{
    Arithmetic, Elementwise, Matrices, Rearranging, Reductions, Shaping, Slicing,
    norms::root,
    reduction::{axes, check_float, count, named, without},
};
use crate::{Apply, op::Reduction};

/// The options of [`Statistics::cov`].
#[derive(Clone, Copy, Debug)]
pub struct CovOptions<'a, T> {
    /// What is taken off the number of observations: 1 makes the estimate unbiased.
    pub correction: i64,
    /// How often each observation counts: integers.
    pub fweights: Option<&'a T>,
    /// How much each observation counts: floating point.
    pub aweights: Option<&'a T>,
}

impl<T> Default for CovOptions<'_, T> {
    fn default() -> Self {
        CovOptions { correction: 1, fweights: None, aweights: None }
    }
}

/// Variances, deviations, covariances.
pub trait Statistics: Apply {
    /// The variance of all elements, with `n - 1` in the denominator.
    #[track_caller]
    fn var(&self) -> Result<Self> {
        self.var_dim(.., 1, false)
    }

    /// The variance `Σ(x - mean)² / max(0, n - correction)` over some dimensions. PyTorch's `unbiased` is a
    /// correction of 1, its contrary one of 0.
    #[track_caller]
    fn var_dim(&self, dims: impl Into<Axes>, correction: impl Into<Scalar>, keepdim: bool) -> Result<Self> {
        Ok(variance("var", self, dims.into(), correction.into(), keepdim)?.0)
    }

    /// The standard deviation of all elements, with `n - 1` in the denominator.
    #[track_caller]
    fn std(&self) -> Result<Self> {
        self.std_dim(.., 1, false)
    }

    /// The root of the variance over some dimensions. Where it is zero, so is its gradient.
    #[track_caller]
    fn std_dim(&self, dims: impl Into<Axes>, correction: impl Into<Scalar>, keepdim: bool) -> Result<Self> {
        check_float("std", self)?;
        if self.dtype().size() == 2 {
            // The variance may exceed what half precision holds, though its root does not.
            return self.to_dtype(DType::F32)?.std_dim(dims, correction, keepdim)?.to_dtype(self.dtype());
        }
        root(&variance("std", self, dims.into(), correction.into(), keepdim)?.0)
    }

    /// Variance and mean over some dimensions.
    #[track_caller]
    fn var_mean(
        &self,
        dims: impl Into<Axes>,
        correction: impl Into<Scalar>,
        keepdim: bool,
    ) -> Result<(Self, Self)> {
        variance("var_mean", self, dims.into(), correction.into(), keepdim)
    }

    /// Standard deviation and mean over some dimensions.
    #[track_caller]
    fn std_mean(
        &self,
        dims: impl Into<Axes>,
        correction: impl Into<Scalar>,
        keepdim: bool,
    ) -> Result<(Self, Self)> {
        check_float("std_mean", self)?;
        if self.dtype().size() == 2 {
            let (std, mean) = self.to_dtype(DType::F32)?.std_mean(dims, correction, keepdim)?;
            return Ok((std.to_dtype(self.dtype())?, mean.to_dtype(self.dtype())?));
        }
        let (variance, mean) = variance("std_mean", self, dims.into(), correction.into(), keepdim)?;
        Ok((root(&variance)?, mean))
    }

    /// The covariances of variables, which are rows, over observations, which are columns.
    #[track_caller]
    fn cov(&self) -> Result<Self> {
        self.cov_with(CovOptions::default())
    }

    /// The covariances of variables with weighted observations.
    #[track_caller]
    fn cov_with(&self, options: CovOptions<'_, Self>) -> Result<Self> {
        let CovOptions { correction, fweights, aweights } = options;
        if self.rank() > 2 {
            return Err(Error::shape(
                "cov",
                format!(
                    "needs at most two dimensions, variables by observations, not shape {}",
                    self.shape()
                ),
            ));
        }
        let x = self.to_dtype(self.dtype().to_float())?;
        let x = if x.rank() < 2 { x.reshape([1, x.numel()])? } else { x };
        let observations = x.shape()[1];
        if let Some(weights) = fweights {
            check_weights("fweights", weights, observations)?;
            if !weights.dtype().is_int() {
                return Err(Error::dtype(
                    "cov",
                    format!("fweights must be integers, not {}", weights.dtype()),
                ));
            }
        }
        if let Some(weights) = aweights {
            check_weights("aweights", weights, observations)?;
            if !weights.dtype().is_float() {
                return Err(Error::dtype(
                    "cov",
                    format!("aweights must be floating point, not {}", weights.dtype()),
                ));
            }
        }
        let weights = match (fweights, aweights) {
            (None, None) => None,
            (Some(weights), None) | (None, Some(weights)) => Some(weights.to_dtype(x.dtype())?),
            (Some(a), Some(b)) => Some(a.to_dtype(x.dtype())?.mul(b)?.to_dtype(x.dtype())?),
        };
        let (mean, freedom) = match &weights {
            None => {
                let freedom = observations as f64 - correction as f64;
                (x.mean_dim(1, true)?, x.filled_beside("cov", Shape::default(), x.dtype(), freedom)?)
            }
            Some(weights) => {
                let total = weights.sum()?;
                if total.array().item::<f64>()? == 0.0 {
                    return Err(Error::argument("cov", "the weights sum to zero"));
                }
                let mean = x.mul(weights)?.sum_dim(1, true)?.div(&total)?;
                // Where weights say how much, not how often, more than the correction is taken off.
                let squares = aweights.map_or(Ok(total.clone()), |aweights| weights.mul(aweights)?.sum())?;
                let freedom = Self::formula(&[&total, &squares], &[correction.into()], |x, n| {
                    x[0] - n[0] * x[1] / x[0]
                })?;
                (mean, freedom)
            }
        };
        let centred = x.sub(&mean)?;
        let weighted = match &weights {
            Some(weights) => centred.mul(weights)?,
            None => centred.clone(),
        };
        let sums = centred.matmul(&weighted.t()?)?;
        Self::formula(&[&sums, &freedom], &[], |x, _| x[0] / x[1].maximum(0))?.squeeze(..)
    }

    /// The correlations of variables, which are rows: covariances over the product of deviations, within -1 and 1.
    #[track_caller]
    fn corrcoef(&self) -> Result<Self> {
        if self.dtype().is_float() && self.dtype().size() == 2 {
            return self.to_dtype(DType::F32)?.corrcoef()?.to_dtype(self.dtype());
        }
        let covariances = self.cov().map_err(|error| error.of("corrcoef"))?;
        if covariances.rank() == 0 {
            // Of one variable with itself.
            return covariances.div(&covariances);
        }
        let deviations = covariances.diagonal(0, 0, 1)?.sqrt()?;
        let column = deviations.unsqueeze(1)?;
        Self::formula(&[&covariances, &column, &deviations], &[], |x, _| {
            (x[0] / x[1] / x[2]).maximum(-1).minimum(1)
        })
    }
}

impl<T: Apply> Statistics for T {}

#[track_caller]
fn check_weights<T: Apply>(name: &str, weights: &T, observations: usize) -> Result<()> {
    if weights.rank() > 1 || weights.numel() != observations {
        return Err(Error::shape(
            "cov",
            format!("{name} must be a list of {observations} weights, not of shape {}", weights.shape()),
        ));
    }
    if weights.numel() > 0 && weights.array().min()?.item::<f64>()? < 0.0 {
        return Err(Error::argument("cov", format!("{name} must not be negative")));
    }
    Ok(())
}

/// Variance and mean. In two passes: the mean first, so that nothing cancels.
#[track_caller]
fn variance<T: Apply>(
    name: &'static str,
    x: &T,
    dims: Axes,
    correction: Scalar,
    keepdim: bool,
) -> Result<(T, T)> {
    check_float(name, x)?;
    let dims = axes(name, dims, x.rank())?;
    if x.dtype().size() == 2 {
        let wide = x.to_dtype(DType::F32)?;
        let (variance, mean) = variance(name, &wide, named(&dims), correction, keepdim)?;
        return Ok((variance.to_dtype(x.dtype())?, mean.to_dtype(x.dtype())?));
    }
    let freedom = (count(x.shape(), &dims) as f64 - correction.to_f64()).max(0.0);
    let mean = x.mean_dim(named(&dims), true)?;
    let squares = T::reduce_formula(&[x, &mean], &[], Reduction::Sum, named(&dims), keepdim, |x, _| {
        (x[0] - x[1]).square()
    })?;
    let variance = T::formula(&[&squares], &[freedom.into()], |x, n| x[0] / n[0])?;
    let mean = if keepdim { mean } else { mean.reshape(without(x.shape(), &dims))? };
    Ok((variance, mean))
}
