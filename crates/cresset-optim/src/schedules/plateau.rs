//! A schedule that lowers the rate when a metric no longer gets better.

use std::panic::Location;

use cresset_autograd::{Error, Result};
use cresset_tensor::State;

use super::schedule::require;
use crate::{Optimizer, descent::no_group, options::Value};

/// What better means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlateauMode {
    /// Lower, as of a loss.
    Min,
    /// Higher, as of an accuracy.
    Max,
}

/// By how much a metric must be better than the best to count.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Threshold {
    /// By this part of the best.
    Rel(f64),
    /// By this.
    Abs(f64),
}

/// Multiplies the rate by `factor` when a metric was not better than its best for more than `patience` epochs.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Optimizer, ReduceLROnPlateau, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let mut scheduler = ReduceLROnPlateau::new().factor(0.5).patience(1);
/// for loss in [3.0, 2.0, 2.0, 2.0] {
///     scheduler.step(loss, &mut optimizer)?;
/// }
/// assert_eq!(optimizer.lrs(), [0.5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLROnPlateau {
    mode: PlateauMode,
    factor: f64,
    patience: u64,
    threshold: Threshold,
    cooldown: u64,
    min_lr: f64,
    eps: f64,
    groups: Option<Vec<usize>>,
    best: Option<f64>,
    waiting: u64,
    bad: u64,
    epoch: u64,
    last: Vec<f64>,
}

impl Default for ReduceLROnPlateau {
    #[inline]
    fn default() -> ReduceLROnPlateau {
        ReduceLROnPlateau::new()
    }
}

impl ReduceLROnPlateau {
    /// With PyTorch's defaults: a tenth after more than 10 epochs in which a loss did not fall by a part of 10⁻⁴.
    #[inline]
    pub fn new() -> ReduceLROnPlateau {
        ReduceLROnPlateau {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Rel(1e-4),
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            groups: None,
            best: None,
            waiting: 0,
            bad: 0,
            epoch: 0,
            last: Vec::new(),
        }
    }

    /// What better means.
    #[must_use]
    #[inline]
    pub fn mode(self, mode: PlateauMode) -> Self {
        ReduceLROnPlateau { mode, ..self }
    }

    /// What rates are multiplied with; below 1.
    #[must_use]
    #[inline]
    pub fn factor(self, factor: f64) -> Self {
        ReduceLROnPlateau { factor, ..self }
    }

    /// How many epochs without anything better are borne.
    #[must_use]
    #[inline]
    pub fn patience(self, patience: u64) -> Self {
        ReduceLROnPlateau { patience, ..self }
    }

    /// By how much a metric must be better to count.
    #[must_use]
    #[inline]
    pub fn threshold(self, threshold: Threshold) -> Self {
        ReduceLROnPlateau { threshold, ..self }
    }

    /// For how many epochs after a change none is counted.
    #[must_use]
    #[inline]
    pub fn cooldown(self, cooldown: u64) -> Self {
        ReduceLROnPlateau { cooldown, ..self }
    }

    /// The lowest rate.
    #[must_use]
    #[inline]
    pub fn min_lr(self, min_lr: f64) -> Self {
        ReduceLROnPlateau { min_lr, ..self }
    }

    /// Changes of the rate that are not larger are not made.
    #[must_use]
    #[inline]
    pub fn eps(self, eps: f64) -> Self {
        ReduceLROnPlateau { eps, ..self }
    }

    /// Changes these groups alone.
    #[must_use]
    #[inline]
    pub fn groups(self, groups: &[usize]) -> Self {
        ReduceLROnPlateau { groups: Some(groups.to_vec()), ..self }
    }

    /// Looks at the metric of an epoch, and lowers the rates if it is time.
    #[track_caller]
    #[inline]
    pub fn step(&mut self, metric: f64, optimizer: &mut dyn Optimizer) -> Result<()> {
        let name = "ReduceLROnPlateau";
        let factor = self.factor;
        require(factor < 1.0, name, || format!("factor must be below 1, not {factor}"))?;
        let count = optimizer.group_count();
        let groups = self.groups.clone().unwrap_or_else(|| (0..count).collect());
        if let Some(&group) = groups.iter().find(|&&group| group >= count) {
            return Err(no_group(optimizer.name(), group, count));
        }
        self.epoch += 1;
        if self.is_better(metric) {
            (self.best, self.bad) = (Some(metric), 0);
        } else {
            self.bad += 1;
        }
        if self.waiting > 0 {
            self.waiting -= 1;
            self.bad = 0;
        }
        if self.bad > self.patience {
            for &group in &groups {
                let old = optimizer.lr(group)?;
                let new = (old * factor).max(self.min_lr);
                if old - new > self.eps {
                    optimizer.set_lr(group, new)?;
                }
            }
            (self.waiting, self.bad) = (self.cooldown, 0);
        }
        self.last = groups.iter().filter_map(|&group| optimizer.lr(group).ok()).collect();
        Ok(())
    }

    #[inline]
    fn best(&self) -> f64 {
        self.best.unwrap_or(match self.mode {
            PlateauMode::Min => f64::INFINITY,
            PlateauMode::Max => f64::NEG_INFINITY,
        })
    }

    #[inline]
    fn is_better(&self, metric: f64) -> bool {
        let best = self.best();
        match (self.mode, self.threshold) {
            (PlateauMode::Min, Threshold::Rel(part)) => metric < best * (1.0 - part),
            (PlateauMode::Min, Threshold::Abs(by)) => metric < best - by,
            (PlateauMode::Max, Threshold::Rel(part)) => metric > best * (part + 1.0),
            (PlateauMode::Max, Threshold::Abs(by)) => metric > best + by,
        }
    }

    /// The rates after the last step; empty before the first.
    #[inline]
    pub fn get_last_lr(&self) -> &[f64] {
        &self.last
    }

    /// The best metric so far: an infinity before the first.
    #[inline]
    pub fn best_metric(&self) -> f64 {
        self.best()
    }

    /// Everything a later run needs to go on from here, under PyTorch's names. What the schedule is, the program says.
    #[inline]
    pub fn state_dict(&self) -> State {
        let count = |n: u64| State::Int(i64::try_from(n).unwrap_or(i64::MAX));
        State::map([
            ("best", State::Float(self.best())),
            ("num_bad_epochs", count(self.bad)),
            ("cooldown_counter", count(self.waiting)),
            ("last_epoch", count(self.epoch)),
            ("_last_lr", State::List(self.last.iter().map(|&rate| State::Float(rate)).collect())),
        ])
    }

    /// Takes over what [`ReduceLROnPlateau::state_dict`] gave, here or in PyTorch. If anything is refused, nothing is
    /// changed.
    #[track_caller]
    #[inline]
    pub fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let location = Location::caller();
        self.load(state).map_err(|error| error.at(location))
    }

    #[inline]
    fn load(&mut self, state: &State) -> Result<()> {
        let count = |name: &str| {
            let number = state.get(name)?.int()?;
            u64::try_from(number).map_err(|_| {
                Error::argument("ReduceLROnPlateau", format!("{name} must be at least 0, not {number}"))
            })
        };
        let best = f64::from_state(state.get("best")?)?;
        let last =
            state.get("_last_lr")?.list()?.iter().map(f64::from_state).collect::<Result<Vec<f64>>>()?;
        let (bad, waiting, epoch) =
            (count("num_bad_epochs")?, count("cooldown_counter")?, count("last_epoch")?);
        (self.best, self.last) = (Some(best), last);
        (self.bad, self.waiting, self.epoch) = (bad, waiting, epoch);
        Ok(())
    }
}
