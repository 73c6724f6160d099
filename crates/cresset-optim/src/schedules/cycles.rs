//! Schedules that go up and down between two rates, and move the momentum the other way.

use std::f64::consts::PI;

use cresset_autograd::Result;

use super::{At, Schedule, schedule::require};

/// How the height of cycles changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CyclicMode {
    /// It stays.
    Triangular,
    /// Halved with each cycle.
    Triangular2,
    /// Times `gamma` with each step.
    ExpRange,
}

/// Up from `base_lr` to `max_lr` and down again, in straight lines. Counted in steps, not epochs. The momentum (or the
/// first of `betas`) goes the other way.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{CyclicLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 0.1).momentum(0.9);
/// let mut scheduler = CyclicLR::new(0.25, 0.75).step_size_up(4).on(&mut optimizer)?;
/// scheduler.step(&mut optimizer)?;
/// assert_eq!(optimizer.lrs(), [0.375]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CyclicLR {
    /// The lowest rate.
    pub base_lr: f64,
    /// The highest rate.
    pub max_lr: f64,
    /// Steps up; 2000 if not said otherwise.
    pub step_size_up: u64,
    /// Steps down; as many as up if not said otherwise.
    pub step_size_down: Option<u64>,
    /// How the height changes; not at all if not said otherwise.
    pub mode: CyclicMode,
    /// The factor of [`CyclicMode::ExpRange`]; 1 if not said otherwise.
    pub gamma: f64,
    /// Whether the momentum changes too, which it does if not said otherwise.
    pub cycle_momentum: bool,
    /// The lowest momentum; 0.8 if not said otherwise.
    pub base_momentum: f64,
    /// The highest momentum; 0.9 if not said otherwise.
    pub max_momentum: f64,
}

impl CyclicLR {
    /// Between two rates.
    #[inline]
    pub fn new(base_lr: f64, max_lr: f64) -> CyclicLR {
        CyclicLR {
            base_lr,
            max_lr,
            step_size_up: 2000,
            step_size_down: None,
            mode: CyclicMode::Triangular,
            gamma: 1.0,
            cycle_momentum: true,
            base_momentum: 0.8,
            max_momentum: 0.9,
        }
    }

    /// Steps up.
    #[must_use]
    #[inline]
    pub fn step_size_up(self, step_size_up: u64) -> CyclicLR {
        CyclicLR { step_size_up, ..self }
    }

    /// Steps down.
    #[must_use]
    #[inline]
    pub fn step_size_down(self, step_size_down: u64) -> CyclicLR {
        CyclicLR { step_size_down: Some(step_size_down), ..self }
    }

    /// How the height changes.
    #[must_use]
    #[inline]
    pub fn mode(self, mode: CyclicMode) -> CyclicLR {
        CyclicLR { mode, ..self }
    }

    /// The factor of [`CyclicMode::ExpRange`].
    #[must_use]
    #[inline]
    pub fn gamma(self, gamma: f64) -> CyclicLR {
        CyclicLR { gamma, ..self }
    }

    /// Whether the momentum changes too.
    #[must_use]
    #[inline]
    pub fn cycle_momentum(self, cycle_momentum: bool) -> CyclicLR {
        CyclicLR { cycle_momentum, ..self }
    }

    /// The lowest and the highest momentum.
    #[must_use]
    #[inline]
    pub fn momentum_range(self, base_momentum: f64, max_momentum: f64) -> CyclicLR {
        CyclicLR { base_momentum, max_momentum, ..self }
    }

    /// How far up it is, from 0 to 1.
    #[inline]
    fn height(&self, step: u64) -> f64 {
        let up = self.step_size_up as f64;
        let total = up + self.step_size_down.unwrap_or(self.step_size_up) as f64;
        let share = up / total;
        let cycle = (1.0 + step as f64 / total).floor();
        let x = 1.0 + step as f64 / total - cycle;
        let triangle = if x <= share { x / share } else { (x - 1.0) / (share - 1.0) };
        triangle
            * match self.mode {
                CyclicMode::Triangular => 1.0,
                CyclicMode::Triangular2 => 1.0 / 2f64.powf(cycle - 1.0),
                CyclicMode::ExpRange => self.gamma.powf(step as f64),
            }
    }
}

impl Schedule for CyclicLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        Ok(self.base_lr + (self.max_lr - self.base_lr) * self.height(at.epoch))
    }

    #[inline]
    fn momentum(&self, at: At) -> Option<f64> {
        let range = self.max_momentum - self.base_momentum;
        self.cycle_momentum.then(|| self.max_momentum - range * self.height(at.epoch))
    }

    #[inline]
    fn notes(&self) -> Vec<(&'static str, f64)> {
        match self.cycle_momentum {
            true => vec![("max_momentum", self.max_momentum), ("base_momentum", self.base_momentum)],
            false => Vec::new(),
        }
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let (low, high) = (self.base_lr, self.max_lr);
        require(low >= 0.0 && high >= 0.0, "CyclicLR", || {
            format!("rates must be at least 0, not {low}, {high}")
        })?;
        require(self.step_size_up > 0, "CyclicLR", || "step_size_up must be at least 1".to_owned())
    }
}

/// How [`OneCycleLR`] goes from one rate to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnnealStrategy {
    /// Along a cosine.
    Cos,
    /// In a straight line.
    Linear,
}

impl AnnealStrategy {
    #[inline]
    fn between(self, start: f64, end: f64, part: f64) -> f64 {
        match self {
            AnnealStrategy::Cos => end + (start - end) / 2.0 * ((PI * part).cos() + 1.0),
            AnnealStrategy::Linear => (end - start) * part + start,
        }
    }
}

/// Up once from `max_lr/div_factor` to `max_lr`, then down to `1/final_div_factor` of where it began. Counted in steps, not
/// epochs. The momentum (or the first of `betas`) goes the other way.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{AdamW, OneCycleLR, Optimizer, Schedule};
/// let mut optimizer = AdamW::new([Tensor::new([1.0]).requires_grad()], 1e-3);
/// let (epochs, steps_per_epoch) = (10, 100);
/// let mut scheduler = OneCycleLR::new(0.01, epochs * steps_per_epoch).on(&mut optimizer)?;
/// assert!((optimizer.lrs()[0] - 0.01 / 25.0).abs() < 1e-15);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLR {
    /// The highest rate.
    pub max_lr: f64,
    /// All steps: epochs times steps of one.
    pub total_steps: u64,
    /// The part of them that goes up; 0.3 if not said otherwise.
    pub pct_start: f64,
    /// How it goes; along a cosine if not said otherwise.
    pub anneal_strategy: AnnealStrategy,
    /// Whether the momentum changes too, which it does if not said otherwise.
    pub cycle_momentum: bool,
    /// The lowest momentum; 0.85 if not said otherwise.
    pub base_momentum: f64,
    /// The highest momentum; 0.95 if not said otherwise.
    pub max_momentum: f64,
    /// What the highest rate is divided by for the first; 25 if not said otherwise.
    pub div_factor: f64,
    /// What the first rate is divided by for the last; 10⁴ if not said otherwise.
    pub final_div_factor: f64,
    /// Down to the first rate as it went up, and only then to the last.
    pub three_phase: bool,
}

impl OneCycleLR {
    /// Up to that rate, in so many steps.
    #[inline]
    pub fn new(max_lr: f64, total_steps: u64) -> OneCycleLR {
        OneCycleLR {
            max_lr,
            total_steps,
            pct_start: 0.3,
            anneal_strategy: AnnealStrategy::Cos,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    /// The part of the steps that goes up.
    #[must_use]
    #[inline]
    pub fn pct_start(self, pct_start: f64) -> OneCycleLR {
        OneCycleLR { pct_start, ..self }
    }

    /// How it goes.
    #[must_use]
    #[inline]
    pub fn anneal_strategy(self, anneal_strategy: AnnealStrategy) -> OneCycleLR {
        OneCycleLR { anneal_strategy, ..self }
    }

    /// Whether the momentum changes too.
    #[must_use]
    #[inline]
    pub fn cycle_momentum(self, cycle_momentum: bool) -> OneCycleLR {
        OneCycleLR { cycle_momentum, ..self }
    }

    /// The lowest and the highest momentum.
    #[must_use]
    #[inline]
    pub fn momentum_range(self, base_momentum: f64, max_momentum: f64) -> OneCycleLR {
        OneCycleLR { base_momentum, max_momentum, ..self }
    }

    /// What the highest rate is divided by for the first.
    #[must_use]
    #[inline]
    pub fn div_factor(self, div_factor: f64) -> OneCycleLR {
        OneCycleLR { div_factor, ..self }
    }

    /// What the first rate is divided by for the last.
    #[must_use]
    #[inline]
    pub fn final_div_factor(self, final_div_factor: f64) -> OneCycleLR {
        OneCycleLR { final_div_factor, ..self }
    }

    /// Down to the first rate as it went up, and only then to the last.
    #[must_use]
    #[inline]
    pub fn three_phase(self, three_phase: bool) -> OneCycleLR {
        OneCycleLR { three_phase, ..self }
    }

    #[inline]
    fn first(&self) -> f64 {
        self.max_lr / self.div_factor
    }

    /// The value at a step of what goes from `first` up to `top`, down to `first` where there are three phases, and to
    /// `last`.
    #[inline]
    fn value(&self, step: u64, first: f64, top: f64, last: f64) -> f64 {
        let (step, total) = (step as f64, self.total_steps as f64);
        let up = (self.pct_start * total - 1.0, first, top);
        let end = total - 1.0;
        let phases: &[(f64, f64, f64)] = match self.three_phase {
            false => &[up, (end, top, last)],
            true => &[up, (2.0 * self.pct_start * total - 2.0, top, first), (end, first, last)],
        };
        let mut start = 0.0;
        for (i, &(end, from, to)) in phases.iter().enumerate() {
            if step <= end || i + 1 == phases.len() {
                // A phase of no length is over at once.
                let part = if end > start { (step - start) / (end - start) } else { 1.0 };
                return self.anneal_strategy.between(from, to, part);
            }
            start = end;
        }
        last
    }
}

impl Schedule for OneCycleLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        require(at.epoch <= self.total_steps, "OneCycleLR", || {
            format!("this would be step {} of {}; give it as many as there are", at.epoch, self.total_steps)
        })?;
        let first = self.first();
        Ok(self.value(at.epoch, first, self.max_lr, first / self.final_div_factor))
    }

    #[inline]
    fn momentum(&self, at: At) -> Option<f64> {
        let (low, high) = (self.base_momentum, self.max_momentum);
        self.cycle_momentum.then(|| self.value(at.epoch, high, low, high))
    }

    #[inline]
    fn notes(&self) -> Vec<(&'static str, f64)> {
        let first = self.first();
        let mut notes =
            vec![("initial_lr", first), ("max_lr", self.max_lr), ("min_lr", first / self.final_div_factor)];
        if self.cycle_momentum {
            notes.extend([("max_momentum", self.max_momentum), ("base_momentum", self.base_momentum)]);
        }
        notes
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let name = "OneCycleLR";
        let (max, part) = (self.max_lr, self.pct_start);
        require(self.total_steps > 0, name, || "total_steps must be at least 1".to_owned())?;
        require((0.0..=1.0).contains(&part), name, || format!("pct_start must be from 0 to 1, not {part}"))?;
        require(max >= 0.0, name, || format!("max_lr must be at least 0, not {max}"))?;
        let (first, last) = (self.div_factor, self.final_div_factor);
        require(first > 0.0 && last > 0.0, name, || {
            format!("div_factor and final_div_factor must be above 0, not {first}, {last}")
        })
    }
}
