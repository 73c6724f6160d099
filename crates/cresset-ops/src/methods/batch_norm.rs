//! Normalisation of channels over a batch, or over each instance of one, with running statistics.

use cresset_tensor::{Array, DType, Error, Result};

use super::{
    activation::per_channel,
    fused::{shaped, sum_formula},
    normalization::{affine, normalize_rows},
};
use crate::{Apply, op::List};

/// Arguments of [`BatchNormalizations::batch_norm`] beside its input, with PyTorch's defaults.
pub struct BatchNormOptions<'a, T> {
    /// The running means; updated in training.
    pub running_mean: Option<&'a T>,
    /// The running variances; updated in training.
    pub running_var: Option<&'a T>,
    /// The factor of each channel.
    pub weight: Option<&'a T>,
    /// What is added to each channel.
    pub bias: Option<&'a T>,
    /// Whether to take the batch's own statistics, and update the running ones.
    pub training: bool,
    /// How much of the batch's statistics goes into the running ones.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

impl<T> Default for BatchNormOptions<'_, T> {
    fn default() -> Self {
        BatchNormOptions {
            running_mean: None,
            running_var: None,
            weight: None,
            bias: None,
            training: false,
            momentum: 0.1,
            eps: 1e-5,
        }
    }
}

impl<T> Clone for BatchNormOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for BatchNormOptions<'_, T> {}

/// Normalisation of channels.
pub trait BatchNormalizations: Apply {
    /// `(x - mean)/√(variance + ε)·weight + bias` for each channel (dimension 1), with the statistics of the batch in
    /// training, and the running ones otherwise.
    ///
    /// ```
    /// use cresset_ops::{methods::BatchNormOptions, prelude::*};
    /// let x = Array::new([[1.0, 20.0], [3.0, 60.0]]);
    /// let y = x.batch_norm(BatchNormOptions { training: true, eps: 1e-30, ..Default::default() })?;
    /// assert_eq!(y.to_vec::<f64>()?, [-1.0, -1.0, 1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn batch_norm(&self, options: BatchNormOptions<'_, Self>) -> Result<Self> {
        let BatchNormOptions { training, eps, .. } = options;
        if training && eps <= 0.0 || eps < 0.0 {
            return Err(Error::argument("batch_norm", format!("eps must be positive, not {eps}")));
        }
        if self.numel() == 0 && self.rank() < 2 {
            return Self::formula(&[self], &[], |x, _| x[0]);
        }
        if training && self.rank() >= 2 && self.numel() == self.shape()[1] && self.numel() > 0 {
            return Err(Error::shape(
                "batch_norm",
                format!("expected more than 1 value per channel in training, got shape {}", self.shape()),
            ));
        }
        Ok(self.native_batch_norm(options)?.0)
    }

    /// [`batch_norm`](Self::batch_norm) with the mean and `1/√(variance + ε)` of every channel, empty outside of
    /// training. Also PyTorch's `_native_batch_norm_legit`.
    #[track_caller]
    fn native_batch_norm(&self, options: BatchNormOptions<'_, Self>) -> Result<(Self, Self, Self)> {
        let BatchNormOptions { running_mean, running_var, weight, bias, training, momentum, eps } = options;
        let channels = check("batch_norm", self, &[running_mean, running_var, weight, bias])?;
        let by_channel = |x: &Self| per_channel(x, self.rank());
        let (weight, bias) = (weight.map(by_channel).transpose()?, bias.map(by_channel).transpose()?);
        if !training {
            let (Some(mean), Some(variance)) = (running_mean, running_var) else {
                return Err(Error::argument(
                    "batch_norm",
                    "running_mean and running_var must be given outside of training",
                ));
            };
            let scale = inverse_deviation(&by_channel(variance)?, eps)?;
            let y = standardized(self, &by_channel(mean)?, &scale, weight.as_ref(), bias.as_ref())?;
            let nothing = || mean.filled_beside("batch_norm", 0.into(), mean.dtype(), 0);
            return Ok((y, nothing()?, nothing()?));
        }
        let others = (0..self.rank()).filter(|&dim| dim != 1);
        let count = self.numel() / channels.max(1);
        let (mean, variance) = statistics(self, others.collect(), count)?;
        let scale = inverse_deviation(&variance, eps)?;
        let y = standardized(self, &mean, &scale, weight.as_ref(), bias.as_ref())?;
        let flat = |x: &Self| shaped(x, channels.into());
        let (mean, variance, scale) = (flat(&mean)?, flat(&variance)?, flat(&scale)?);
        if count > 0 {
            update(running_mean, mean.array(), momentum, 1.0)?;
            update(running_var, variance.array(), momentum, count as f64 / (count as f64 - 1.0))?;
        }
        Ok((y, mean, scale))
    }

    /// `(x - mean)/√(variance + ε)·weight + bias` for each channel (dimension 1) of each sample by itself. With
    /// `training` (PyTorch's `use_input_stats`) the statistics are the instance's, otherwise the running ones.
    #[track_caller]
    fn instance_norm(&self, options: BatchNormOptions<'_, Self>) -> Result<Self> {
        let BatchNormOptions { running_mean, running_var, weight, bias, training, momentum, eps } = options;
        if !training {
            return Ok(self.native_batch_norm(options).map_err(|error| error.of("instance_norm"))?.0);
        }
        let channels = check("instance_norm", self, &[running_mean, running_var, weight, bias])?;
        let count = self.shape()[2..].iter().product::<usize>();
        if count == 1 {
            return Err(Error::shape(
                "instance_norm",
                format!("expected more than 1 spatial element, got shape {}", self.shape()),
            ));
        }
        let [y, mean, _] = normalize_rows(self, self.rank() - 2, eps)?;
        let samples = self.shape()[0];
        if count > 0 && samples > 0 && (running_mean.is_some() || running_var.is_some()) {
            // Of all samples the mean; without a history, as running statistics have none.
            let (x, mean) = (self.array(), mean.array());
            let over = 1.0 / samples as f64;
            let average = sum_formula(&[mean], &[over.into()], [0], false, |x, n| x[0] * n[0])?;
            update(running_mean, &shaped(&average, channels.into())?, momentum, 1.0)?;
            let dims = (0..x.rank()).filter(|&dim| dim != 1);
            let numbers = [(over / (count as f64 - 1.0)).into()];
            let unbiased =
                sum_formula(&[x, mean], &numbers, dims, false, |x, n| (x[0] - x[1]).square() * n[0])?;
            update(running_var, &unbiased, momentum, 1.0)?;
        }
        let by_channel = |x: Option<&Self>| x.map(|x| per_channel(x, self.rank())).transpose();
        affine(y, by_channel(weight)?.as_ref(), by_channel(bias)?.as_ref())
    }
}

impl<T: Apply> BatchNormalizations for T {}

/// The number of channels, if everything fits it.
fn check<T: Apply>(name: &'static str, x: &T, parameters: &[Option<&T>]) -> Result<usize> {
    if x.rank() < 2 {
        return Err(Error::shape(name, format!("needs samples and channels, not shape {}", x.shape())));
    }
    if !x.dtype().is_float() {
        return Err(Error::dtype(name, format!("needs floating point, not {}", x.dtype())));
    }
    let channels = x.shape()[1];
    match parameters.iter().flatten().find(|parameter| *parameter.shape() != [channels]) {
        None => Ok(channels),
        Some(parameter) => Err(Error::shape(
            name,
            format!(
                "every parameter of {channels} channels must have shape [{channels}], not {}",
                parameter.shape()
            ),
        )),
    }
}

/// Mean and (biased) variance over some dimensions, which stay with size one; of narrow floats in f32.
fn statistics<T: Apply>(x: &T, dims: List, count: usize) -> Result<(T, T)> {
    let n = [(count as f64).into()];
    let mean = |sum: T| T::formula(&[&sum], &n, |x, n| x[0] / n[0]);
    // The sum is divided, not its terms: the mean of equal numbers is that number, and their variance zero.
    if matches!(x.dtype(), DType::F16 | DType::BF16) {
        let center = mean(sum_formula(&[x], &[], dims.clone(), true, |x, _| x[0].cast(DType::F32))?)?;
        let square =
            sum_formula(&[x, &center], &[], dims, true, |x, _| (x[0].cast(DType::F32) - x[1]).square())?;
        return Ok((center, mean(square)?));
    }
    let center = mean(sum_formula(&[x], &[], dims.clone(), true, |x, _| x[0])?)?;
    let square = sum_formula(&[x, &center], &[], dims, true, |x, _| (x[0] - x[1]).square())?;
    Ok((center, mean(square)?))
}

fn inverse_deviation<T: Apply>(variance: &T, eps: f64) -> Result<T> {
    T::formula(&[variance], &[eps.into()], |x, n| (x[0] + n[0]).rsqrt())
}

/// `(x - mean)·scale·weight + bias` in one pass, in the dtype of `x`.
fn standardized<T: Apply>(x: &T, mean: &T, scale: &T, weight: Option<&T>, bias: Option<&T>) -> Result<T> {
    match (weight, bias) {
        (None, None) => T::formula(&[x, mean, scale], &[], |x, _| ((x[0] - x[1]) * x[2]).cast_like(x[0])),
        (Some(weight), None) => {
            T::formula(&[x, mean, scale, weight], &[], |x, _| ((x[0] - x[1]) * (x[2] * x[3])).cast_like(x[0]))
        }
        (None, Some(bias)) => {
            T::formula(&[x, mean, scale, bias], &[], |x, _| ((x[0] - x[1]) * x[2] + x[3]).cast_like(x[0]))
        }
        (Some(weight), Some(bias)) => T::formula(&[x, mean, scale, weight, bias], &[], |x, _| {
            ((x[0] - x[1]) * (x[2] * x[3]) + x[4]).cast_like(x[0])
        }),
    }
}

/// `running = (1 - momentum)·running + momentum·factor·now`, without a history.
fn update<T: Apply>(running: Option<&T>, now: &Array, momentum: f64, factor: f64) -> Result<()> {
    let Some(running) = running.map(T::array) else { return Ok(()) };
    let numbers = [(1.0 - momentum).into(), (momentum * factor).into()];
    Array::formulas_into(&[running, now], &numbers, &[running], |x, n| [x[0] * n[0] + x[1] * n[1]])
}
