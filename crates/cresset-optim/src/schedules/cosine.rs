//! Schedules along a cosine.

use std::f64::consts::PI;

use cresset_autograd::Result;

use super::{
    At, Schedule,
    schedule::{Entry, require},
};

/// Down to `eta_min` and up again along a cosine of half period `t_max`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{CosineAnnealingLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let mut scheduler = CosineAnnealingLR::new(2).eta_min(0.5).on(&mut optimizer)?;
/// scheduler.step(&mut optimizer)?;
/// assert_eq!(optimizer.lrs(), [0.75]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingLR {
    /// Epochs until the rate is lowest.
    pub t_max: u64,
    /// The lowest rate; 0 if not said otherwise.
    pub eta_min: f64,
}

impl CosineAnnealingLR {
    /// Down to 0.
    #[inline]
    pub fn new(t_max: u64) -> CosineAnnealingLR {
        CosineAnnealingLR { t_max, eta_min: 0.0 }
    }

    /// The lowest rate.
    #[must_use]
    #[inline]
    pub fn eta_min(self, eta_min: f64) -> CosineAnnealingLR {
        CosineAnnealingLR { eta_min, ..self }
    }
}

impl Schedule for CosineAnnealingLR {
    /// From the rate before, so that it can be chained; where that is lowest, from the base.
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let (low, total) = (self.eta_min, self.t_max as f64);
        let height = |epoch: u64| 1.0 + (PI * epoch as f64 / total).cos();
        let after = at.epoch.checked_sub(self.t_max.saturating_add(1));
        let lowest = after.and_then(|n| n.checked_rem(self.t_max.saturating_mul(2))) == Some(0);
        Ok(match at.entry {
            Entry::Start => at.lr,
            Entry::Takeover => low + (at.base - low) * height(0) / 2.0,
            Entry::Step if lowest => at.lr + (at.base - low) * (1.0 - (PI / total).cos()) / 2.0,
            Entry::Step => height(at.epoch) / height(at.epoch - 1) * (at.lr - low) + low,
        })
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        require(self.t_max > 0, "CosineAnnealingLR", || "t_max must be at least 1".to_owned())
    }
}

/// Down to `eta_min` along a cosine in `t_0` epochs, then from the top again, each time `t_mult` times as long.
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    /// Epochs until the first restart.
    pub t_0: u64,
    /// How much longer each time; 1 if not said otherwise.
    pub t_mult: u64,
    /// The lowest rate; 0 if not said otherwise.
    pub eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// Equally long, down to 0.
    #[inline]
    pub fn new(t_0: u64) -> CosineAnnealingWarmRestarts {
        CosineAnnealingWarmRestarts { t_0, t_mult: 1, eta_min: 0.0 }
    }

    /// How much longer each time.
    #[must_use]
    #[inline]
    pub fn t_mult(self, t_mult: u64) -> CosineAnnealingWarmRestarts {
        CosineAnnealingWarmRestarts { t_mult, ..self }
    }

    /// The lowest rate.
    #[must_use]
    #[inline]
    pub fn eta_min(self, eta_min: f64) -> CosineAnnealingWarmRestarts {
        CosineAnnealingWarmRestarts { eta_min, ..self }
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let (mut epoch, mut length) = (at.epoch, self.t_0.max(1));
        if self.t_mult <= 1 {
            epoch %= length;
        }
        while epoch >= length {
            epoch -= length;
            length = length.saturating_mul(self.t_mult);
        }
        let height = 1.0 + (PI * epoch as f64 / length as f64).cos();
        Ok(self.eta_min + (at.base - self.eta_min) * height / 2.0)
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let name = "CosineAnnealingWarmRestarts";
        require(self.t_0 > 0, name, || "t_0 must be at least 1".to_owned())?;
        require(self.t_mult > 0, name, || "t_mult must be at least 1".to_owned())
    }
}
