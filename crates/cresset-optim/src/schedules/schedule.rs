//! `Schedule`: the rate of an epoch, as a function of the epoch, the rate before, and the rate at first.

use cresset_autograd::{Error, Result};

use super::LRScheduler;
use crate::Optimizer;

/// How an epoch is come to, which recursive schedules tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// The schedule begins with a training: [`At::lr`] is the rate the optimizer was made with, or what the schedule before
    /// it in a [`ChainedScheduler`](super::ChainedScheduler) makes of it.
    Start,
    /// It takes over from another one in a [`SequentialLR`](super::SequentialLR): the rate before is that one's last.
    Takeover,
    /// From the epoch before.
    Step,
}

/// What a schedule may know.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct At {
    /// How many epochs (or steps) there were before, of this schedule.
    pub epoch: u64,
    /// How this epoch is come to. After [`Entry::Step`] the epoch is at least 1, else it is 0.
    pub entry: Entry,
    /// The rate before.
    pub lr: f64,
    /// The rate at first, PyTorch's `initial_lr`.
    pub base: f64,
}

/// The learning rate of each epoch. Plain data: [`Schedule::on`] binds it to an optimizer.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{At, Optimizer, Schedule, Sgd};
///
/// /// One over the root of the epoch.
/// struct InverseRoot;
///
/// impl Schedule for InverseRoot {
///     fn lr(&self, at: At) -> Result<f64> {
///         Ok(at.base / ((at.epoch + 1) as f64).sqrt())
///     }
/// }
///
/// let w = Tensor::new([1.0]).requires_grad();
/// let mut optimizer = Sgd::new([&w], 0.5);
/// let mut scheduler = InverseRoot.on(&mut optimizer)?;
/// for _ in 0..3 {
///     scheduler.step(&mut optimizer)?;
/// }
/// assert_eq!(optimizer.lrs(), [0.25]);
/// # Ok::<(), Error>(())
/// ```
pub trait Schedule: Send {
    /// The rate.
    fn lr(&self, at: At) -> Result<f64>;

    /// The momentum (or the first of `betas`), of schedules that change that too.
    fn momentum(&self, _at: At) -> Option<f64> {
        None
    }

    /// Refuses what has no meaning.
    #[track_caller]
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// What the schedule notes in a group: PyTorch's schedules look for it there.
    fn notes(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Binds it to all groups of an optimizer, and sets their first rate.
    #[track_caller]
    fn on(self, optimizer: &mut dyn Optimizer) -> Result<LRScheduler>
    where
        Self: Sized + 'static,
    {
        LRScheduler::new(optimizer, self)
    }

    /// Binds it to some groups of an optimizer, and sets their first rate.
    #[track_caller]
    fn on_groups(self, optimizer: &mut dyn Optimizer, groups: &[usize]) -> Result<LRScheduler>
    where
        Self: Sized + 'static,
    {
        LRScheduler::on_groups(optimizer, groups, self)
    }
}

impl Schedule for Box<dyn Schedule> {
    #[inline]
    fn lr(&self, at: At) -> Result<f64> {
        (**self).lr(at)
    }

    #[inline]
    fn momentum(&self, at: At) -> Option<f64> {
        (**self).momentum(at)
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        (**self).check()
    }

    #[inline]
    fn notes(&self) -> Vec<(&'static str, f64)> {
        (**self).notes()
    }
}

/// Refuses, unless the condition holds.
#[track_caller]
pub(super) fn require(holds: bool, schedule: &'static str, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::argument(schedule, message())) }
}
