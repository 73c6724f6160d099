//! Schedules that multiply the rate by a factor at some epochs, or by a function of the epoch.

use cresset_autograd::Result;

use super::{
    At, Schedule,
    schedule::{Entry, require},
};

/// `base·gammaᵏ` after `k·step_size` epochs.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Optimizer, Schedule, Sgd, StepLR};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 0.1);
/// let scheduler = StepLR::new(30).gamma(0.5).on(&mut optimizer)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepLR {
    /// Epochs between changes.
    pub step_size: u64,
    /// What the rate is multiplied with; 0.1 if not said otherwise.
    pub gamma: f64,
}

impl StepLR {
    /// With PyTorch's `gamma`, 0.1.
    #[inline]
    pub fn new(step_size: u64) -> StepLR {
        StepLR { step_size, gamma: 0.1 }
    }

    /// What the rate is multiplied with.
    #[must_use]
    #[inline]
    pub fn gamma(self, gamma: f64) -> StepLR {
        StepLR { gamma, ..self }
    }
}

impl Schedule for StepLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(match at.entry {
            Entry::Takeover => at.base,
            _ if at.epoch == 0 || at.epoch.checked_rem(self.step_size) != Some(0) => at.lr,
            _ => at.lr * self.gamma,
        })
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        require(self.step_size > 0, "StepLR", || "step_size must be at least 1".to_owned())
    }
}

/// Multiplies the rate by `gamma` at every milestone.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{MultiStepLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 0.1);
/// let scheduler = MultiStepLR::new([30, 80]).gamma(0.1).on(&mut optimizer)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepLR {
    /// The epochs; one that is there twice counts twice.
    pub milestones: Vec<u64>,
    /// What the rate is multiplied with; 0.1 if not said otherwise.
    pub gamma: f64,
}

impl MultiStepLR {
    /// With PyTorch's `gamma`, 0.1.
    pub fn new(milestones: impl IntoIterator<Item = u64>) -> MultiStepLR {
        MultiStepLR { milestones: milestones.into_iter().collect(), gamma: 0.1 }
    }

    /// What the rate is multiplied with.
    #[must_use]
    #[inline]
    pub fn gamma(self, gamma: f64) -> MultiStepLR {
        MultiStepLR { gamma, ..self }
    }
}

impl Schedule for MultiStepLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let count = self.milestones.iter().filter(|&&milestone| milestone == at.epoch).count();
        let before = if at.entry == Entry::Takeover { at.base } else { at.lr };
        Ok(if count == 0 { before } else { before * self.gamma.powi(count as i32) })
    }
}

/// Multiplies the rate by `factor` until `total_iters` epochs are over.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantLR {
    /// From 0 to 1; a third if not said otherwise.
    pub factor: f64,
    /// Epochs; 5 if not said otherwise.
    pub total_iters: u64,
}

impl ConstantLR {
    /// For so many epochs.
    #[inline]
    pub fn new(factor: f64, total_iters: u64) -> ConstantLR {
        ConstantLR { factor, total_iters }
    }
}

impl Default for ConstantLR {
    /// A third of the rate for 5 epochs.
    #[inline]
    fn default() -> ConstantLR {
        ConstantLR { factor: 1.0 / 3.0, total_iters: 5 }
    }
}

impl Schedule for ConstantLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(match at.entry {
            Entry::Takeover if self.total_iters == 0 => at.base,
            Entry::Takeover => at.base * self.factor,
            _ if at.epoch == 0 => at.lr * self.factor,
            _ if at.epoch != self.total_iters => at.lr,
            _ => at.lr * (1.0 / self.factor),
        })
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let factor = self.factor;
        let message = || format!("factor must be from 0 to 1, not {factor}");
        require((0.0..=1.0).contains(&factor), "ConstantLR", message)?;
        // The rate is found again by division.
        require(factor > 0.0, "ConstantLR", || {
            "a rate times 0 cannot be taken back; use a small factor".to_owned()
        })
    }
}

/// Multiplies the rate by a factor that goes from `start_factor` to `end_factor` in equal steps, over `total_iters`
/// epochs.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{LinearLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let warmup = LinearLR::new(0.5, 1.0, 2).on(&mut optimizer)?;
/// assert_eq!(optimizer.lrs(), [0.5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLR {
    /// Above 0, at most 1; a third if not said otherwise.
    pub start_factor: f64,
    /// From 0 to 1; 1 if not said otherwise.
    pub end_factor: f64,
    /// Epochs; 5 if not said otherwise.
    pub total_iters: u64,
}

impl LinearLR {
    /// From a factor to another in so many epochs.
    #[inline]
    pub fn new(start_factor: f64, end_factor: f64, total_iters: u64) -> LinearLR {
        LinearLR { start_factor, end_factor, total_iters }
    }
}

impl Default for LinearLR {
    /// From a third to the whole rate in 5 epochs.
    #[inline]
    fn default() -> LinearLR {
        LinearLR { start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5 }
    }
}

impl Schedule for LinearLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let (start, rise) = (self.start_factor, self.end_factor - self.start_factor);
        Ok(match at.entry {
            Entry::Takeover => at.base * start,
            _ if at.epoch == 0 => at.lr * start,
            _ if at.epoch > self.total_iters => at.lr,
            _ => at.lr * (1.0 + rise / (self.total_iters as f64 * start + (at.epoch - 1) as f64 * rise)),
        })
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let (start, end) = (self.start_factor, self.end_factor);
        require(start > 0.0 && start <= 1.0, "LinearLR", || {
            format!("start_factor must be above 0 and at most 1, not {start}")
        })?;
        require((0.0..=1.0).contains(&end), "LinearLR", || {
            format!("end_factor must be from 0 to 1, not {end}")
        })?;
        require(self.total_iters > 0, "LinearLR", || "total_iters must be at least 1".to_owned())
    }
}

/// Multiplies the rate by `gamma` at every epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialLR {
    /// What the rate is multiplied with.
    pub gamma: f64,
}

impl ExponentialLR {
    /// With that factor.
    #[inline]
    pub fn new(gamma: f64) -> ExponentialLR {
        ExponentialLR { gamma }
    }
}

impl Schedule for ExponentialLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(match at.entry {
            Entry::Start => at.lr,
            Entry::Takeover => at.base,
            Entry::Step => at.lr * self.gamma,
        })
    }
}

/// `base·(1 − epoch/total_iters)^power`, and 0 afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialLR {
    /// Epochs; 5 if not said otherwise.
    pub total_iters: u64,
    /// The power; 1 if not said otherwise.
    pub power: f64,
}

impl PolynomialLR {
    /// Over so many epochs.
    #[inline]
    pub fn new(total_iters: u64, power: f64) -> PolynomialLR {
        PolynomialLR { total_iters, power }
    }
}

impl Default for PolynomialLR {
    /// A straight line over 5 epochs.
    #[inline]
    fn default() -> PolynomialLR {
        PolynomialLR { total_iters: 5, power: 1.0 }
    }
}

impl Schedule for PolynomialLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let (epoch, total) = (at.epoch as f64, self.total_iters as f64);
        Ok(match at.entry {
            Entry::Start => at.lr,
            Entry::Takeover => at.base,
            Entry::Step if at.epoch > self.total_iters => at.lr,
            Entry::Step => at.lr * ((1.0 - epoch / total) / (1.0 - (epoch - 1.0) / total)).powf(self.power),
        })
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        require(self.total_iters > 0, "PolynomialLR", || "total_iters must be at least 1".to_owned())
    }
}

/// The rate at first times a function of the epoch.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{LambdaLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let mut scheduler = LambdaLR::new(|epoch| 1.0 / (1 + epoch) as f64).on(&mut optimizer)?;
/// scheduler.step(&mut optimizer)?;
/// assert_eq!(optimizer.lrs(), [0.5]);
/// # Ok::<(), Error>(())
/// ```
pub struct LambdaLR(Box<dyn Fn(u64) -> f64 + Send>);

impl LambdaLR {
    /// With that function.
    pub fn new(lr_lambda: impl Fn(u64) -> f64 + Send + 'static) -> LambdaLR {
        LambdaLR(Box::new(lr_lambda))
    }
}

impl Schedule for LambdaLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(at.base * (self.0)(at.epoch))
    }
}

/// The rate before times a function of the epoch, from the first step on.
pub struct MultiplicativeLR(Box<dyn Fn(u64) -> f64 + Send>);

impl MultiplicativeLR {
    /// With that function.
    pub fn new(lr_lambda: impl Fn(u64) -> f64 + Send + 'static) -> MultiplicativeLR {
        MultiplicativeLR(Box::new(lr_lambda))
    }
}

impl Schedule for MultiplicativeLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(if at.entry == Entry::Start { at.lr } else { at.lr * (self.0)(at.epoch) })
    }
}
