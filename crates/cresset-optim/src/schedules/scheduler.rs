//! `LRScheduler`: a schedule bound to groups of an optimizer. It counts the epochs, and sets rates.

use std::panic::Location;

use cresset_autograd::{Error, Result};
use cresset_tensor::{Key, State};

use super::{At, Entry, Schedule};
use crate::{Optimizer, descent::no_group, options::Value};

/// A schedule at work. It is told of its optimizer at each step, since it cannot hold on to what is trained with.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Optimizer, Schedule, Sgd, StepLR};
/// let w = Tensor::new([1.0]).requires_grad();
/// let mut optimizer = Sgd::new([&w], 1.0);
/// let mut scheduler = StepLR::new(2).gamma(0.5).on(&mut optimizer)?;
/// let mut rates = Vec::new();
/// for _epoch in 0..5 {
///     rates.push(scheduler.get_last_lr()[0]);
///     // … train …
///     scheduler.step(&mut optimizer)?;
/// }
/// assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.25]);
/// # Ok::<(), Error>(())
/// ```
pub struct LRScheduler {
    schedule: Box<dyn Schedule>,
    groups: Vec<usize>,
    /// The rate of each group at first.
    bases: Vec<f64>,
    epoch: u64,
    last: Vec<f64>,
}

impl LRScheduler {
    /// Binds a schedule to all groups there are.
    #[track_caller]
    pub fn new(optimizer: &mut dyn Optimizer, schedule: impl Schedule + 'static) -> Result<LRScheduler> {
        let groups: Vec<usize> = (0..optimizer.group_count()).collect();
        LRScheduler::on_groups(optimizer, &groups, schedule)
    }

    /// Binds a schedule to some groups.
    #[track_caller]
    pub fn on_groups(
        optimizer: &mut dyn Optimizer,
        groups: &[usize],
        schedule: impl Schedule + 'static,
    ) -> Result<LRScheduler> {
        let location = Location::caller();
        schedule.check().map_err(|error| error.at(location))?;
        let count = optimizer.group_count();
        if let Some(&group) = groups.iter().find(|&&group| group >= count) {
            return Err(no_group(optimizer.name(), group, count));
        }
        let start = At { epoch: 0, entry: Entry::Start, lr: 0.0, base: 0.0 };
        if schedule.momentum(start).is_some() {
            for &group in groups {
                momentum_option(optimizer, group)?;
            }
        }
        for &group in groups {
            for (name, value) in schedule.notes() {
                optimizer.note(group, name, State::Float(value))?;
            }
        }
        let mut bases = Vec::with_capacity(groups.len());
        for &group in groups {
            let lr = optimizer.lr(group)?;
            bases.push(match optimizer.option(group, "initial_lr") {
                Some(initial) => f64::from_state(&initial)?,
                None => {
                    optimizer.note(group, "initial_lr", State::Float(lr))?;
                    lr
                }
            });
        }
        let schedule = Box::new(schedule);
        let mut scheduler =
            LRScheduler { schedule, groups: groups.to_vec(), bases, epoch: 0, last: Vec::new() };
        scheduler.set(optimizer, Entry::Start)?;
        Ok(scheduler)
    }

    /// Goes on to the next epoch (or step, for schedules that count those): sets the groups' rates. To be called after
    /// the optimizer's steps.
    #[track_caller]
    #[inline]
    pub fn step(&mut self, optimizer: &mut dyn Optimizer) -> Result<()> {
        self.epoch += 1;
        let result = self.set(optimizer, Entry::Step);
        if result.is_err() {
            self.epoch -= 1;
        }
        result
    }

    #[track_caller]
    #[inline]
    fn set(&mut self, optimizer: &mut dyn Optimizer, entry: Entry) -> Result<()> {
        let location = Location::caller();
        self.set_rates(optimizer, entry).map_err(|error| error.at(location))
    }

    #[inline]
    fn set_rates(&mut self, optimizer: &mut dyn Optimizer, entry: Entry) -> Result<()> {
        let mut rates = Vec::with_capacity(self.groups.len());
        for (&group, &base) in self.groups.iter().zip(&self.bases) {
            let at = At { epoch: self.epoch, entry, lr: optimizer.lr(group)?, base };
            rates.push((group, self.schedule.lr(at)?, self.schedule.momentum(at)));
        }
        self.last.clear();
        for (group, rate, momentum) in rates {
            optimizer.set_lr(group, rate)?;
            self.last.push(rate);
            if let Some(momentum) = momentum {
                match momentum_option(optimizer, group)? {
                    Momentum::Betas(rest) => {
                        let betas = std::iter::once(State::Float(momentum)).chain(rest).collect();
                        optimizer.set_option(group, "betas", State::List(betas))?;
                    }
                    Momentum::Momentum => optimizer.set_option(group, "momentum", State::Float(momentum))?,
                }
            }
        }
        Ok(())
    }

    /// The rates last set, of each group it is bound to.
    #[inline]
    pub fn get_last_lr(&self) -> &[f64] {
        &self.last
    }

    /// How many steps it has made.
    #[inline]
    pub fn last_epoch(&self) -> u64 {
        self.epoch
    }

    /// Everything a later run needs to go on from here, under PyTorch's names. What the schedule is, the program says.
    #[inline]
    pub fn state_dict(&self) -> State {
        let list = |rates: &[f64]| State::List(rates.iter().map(|&rate| State::Float(rate)).collect());
        State::map([
            ("base_lrs", list(&self.bases)),
            ("last_epoch", State::Int(i64::try_from(self.epoch).unwrap_or(i64::MAX))),
            ("_step_count", State::Int(i64::try_from(self.epoch).unwrap_or(i64::MAX).saturating_add(1))),
            ("_last_lr", list(&self.last)),
        ])
    }

    /// Takes over what [`LRScheduler::state_dict`] gave, here or in PyTorch. The optimizer's own state must be loaded
    /// too: the rates are in it, and the next rate may follow from the last. If anything is refused, nothing is changed.
    #[track_caller]
    #[inline]
    pub fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let location = Location::caller();
        self.load(state).map_err(|error| error.at(location))
    }

    #[inline]
    fn load(&mut self, state: &State) -> Result<()> {
        // PyTorch's chained schedules count only in their parts.
        let parts = state.find(&Key::from("_schedulers"));
        let counted = match (state.find(&Key::from("last_epoch")), parts) {
            (None, Some(parts)) => parts.list()?.first().unwrap_or(state),
            _ => state,
        };
        let epoch = counted.get("last_epoch")?.int()?;
        let epoch = u64::try_from(epoch).map_err(|_| {
            Error::argument("LRScheduler", format!("last_epoch must be at least 0, not {epoch}"))
        })?;
        let rates = |name: &str, current: &[f64]| match state.find(&Key::from(name)) {
            None => Ok(current.to_vec()),
            Some(list) => {
                let list = list.list()?;
                if list.len() != self.groups.len() {
                    let message = format!("{name} has {} rates for {} groups", list.len(), self.groups.len());
                    return Err(Error::argument("LRScheduler", message));
                }
                list.iter().map(f64::from_state).collect::<Result<Vec<f64>>>()
            }
        };
        let (bases, last) = (rates("base_lrs", &self.bases)?, rates("_last_lr", &self.last)?);
        (self.bases, self.last, self.epoch) = (bases, last, epoch);
        Ok(())
    }
}

/// What takes the momentum of a schedule.
enum Momentum {
    Momentum,
    /// The first of them; these are the others.
    Betas(Vec<State>),
}

#[track_caller]
#[inline]
fn momentum_option(optimizer: &dyn Optimizer, group: usize) -> Result<Momentum> {
    match (optimizer.option(group, "betas"), optimizer.option(group, "momentum")) {
        (Some(State::List(betas)), _) => Ok(Momentum::Betas(betas.into_iter().skip(1).collect())),
        (_, Some(_)) => Ok(Momentum::Momentum),
        _ => Err(Error::argument(
            optimizer.name(),
            "it has neither momentum nor betas, which this schedule changes; use cycle_momentum(false)",
        )),
    }
}
