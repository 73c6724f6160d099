//! Schedules made of schedules: one after the other, or all at once.

use cresset_autograd::Result;

use super::{
    At, Schedule,
    schedule::{Entry, require},
};

/// One schedule after the other, each of which begins at its milestone.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{CosineAnnealingLR, LinearLR, Optimizer, Schedule, SequentialLR, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let warmup_then_cosine =
///     SequentialLR::new(LinearLR::new(0.1, 1.0, 5)).then(5, CosineAnnealingLR::new(95));
/// let mut scheduler = warmup_then_cosine.on(&mut optimizer)?;
/// for _ in 0..5 {
///     scheduler.step(&mut optimizer)?;
/// }
/// assert_eq!(optimizer.lrs(), [1.0]);
/// # Ok::<(), Error>(())
/// ```
pub struct SequentialLR {
    first: Box<dyn Schedule>,
    /// From which epoch on.
    later: Vec<(u64, Box<dyn Schedule>)>,
}

impl SequentialLR {
    /// Begins with this one.
    pub fn new(first: impl Schedule + 'static) -> SequentialLR {
        SequentialLR { first: Box::new(first), later: Vec::new() }
    }

    /// Goes on with this one from a milestone on, which is its epoch 0.
    #[must_use]
    pub fn then(mut self, milestone: u64, next: impl Schedule + 'static) -> SequentialLR {
        self.later.push((milestone, Box::new(next)));
        self
    }

    /// The schedule of an epoch, and where it is.
    #[inline]
    fn at(&self, at: At) -> (&dyn Schedule, At) {
        match self.later.iter().rev().find(|(milestone, _)| *milestone <= at.epoch) {
            None => (&*self.first, at),
            Some((milestone, next)) => {
                let epoch = at.epoch - milestone;
                let entry = if epoch == 0 && at.entry == Entry::Step { Entry::Takeover } else { at.entry };
                (&**next, At { epoch, entry, ..at })
            }
        }
    }

    /// A schedule within others begins anew from the base.
    #[inline]
    fn begun(at: At) -> At {
        match at.entry {
            Entry::Takeover => At { entry: Entry::Start, lr: at.base, ..at },
            Entry::Start | Entry::Step => at,
        }
    }
}

impl Schedule for SequentialLR {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let (schedule, at) = self.at(SequentialLR::begun(at));
        schedule.lr(at)
    }

    #[inline]
    fn momentum(&self, at: At) -> Option<f64> {
        let (schedule, at) = self.at(SequentialLR::begun(at));
        schedule.momentum(at)
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let milestones: Vec<u64> = self.later.iter().map(|(milestone, _)| *milestone).collect();
        require(milestones.is_sorted(), "SequentialLR", || {
            format!("milestones must not fall: {milestones:?}")
        })?;
        self.first.check()?;
        self.later.iter().try_for_each(|(_, schedule)| schedule.check())
    }
}

/// Several schedules at once: each changes the rate that the one before it gives.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{ChainedScheduler, ConstantLR, ExponentialLR, Optimizer, Schedule, Sgd};
/// let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], 1.0);
/// let chain = ChainedScheduler::new(ConstantLR::new(0.5, 3)).and(ExponentialLR::new(0.5));
/// let mut scheduler = chain.on(&mut optimizer)?;
/// scheduler.step(&mut optimizer)?;
/// assert_eq!(optimizer.lrs(), [0.25]);
/// # Ok::<(), Error>(())
/// ```
pub struct ChainedScheduler(Vec<Box<dyn Schedule>>);

impl ChainedScheduler {
    /// Begins with this one.
    pub fn new(first: impl Schedule + 'static) -> ChainedScheduler {
        ChainedScheduler(vec![Box::new(first)])
    }

    /// Adds another one.
    #[must_use]
    pub fn and(mut self, next: impl Schedule + 'static) -> ChainedScheduler {
        self.0.push(Box::new(next));
        self
    }
}

impl Schedule for ChainedScheduler {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        let at = SequentialLR::begun(at);
        self.0.iter().try_fold(at.lr, |lr, schedule| schedule.lr(At { lr, ..at }))
    }

    #[inline]
    fn momentum(&self, at: At) -> Option<f64> {
        let at = SequentialLR::begun(at);
        self.0.iter().rev().find_map(|schedule| schedule.momentum(at))
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        self.0.iter().try_for_each(|schedule| schedule.check())
    }
}
