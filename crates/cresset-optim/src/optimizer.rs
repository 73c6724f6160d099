//! `Optimizer`: what every optimizer can do, whatever its method: step, forget gradients, say and change its options,
//! be saved and loaded. Schedules and training loops know no more than this.

use cresset_autograd::{Result, Tensor, enable_grad};
use cresset_tensor::State;

/// Changes parameters along their gradients.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Optimizer, Sgd};
///
/// let w = Tensor::new([4.0]).requires_grad();
/// let mut optimizer = Sgd::new([&w], 0.25);
/// for _ in 0..2 {
///     optimizer.zero_grad();
///     w.square()?.sum()?.backward()?;
///     optimizer.step()?;
/// }
/// assert_eq!(w.item::<f64>()?, 1.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Optimizer: Send {
    /// PyTorch's name of the method: `Adam`, `SGD`.
    fn name(&self) -> &'static str;

    /// Changes every parameter that has a gradient. Parameters without one are left as they are.
    #[track_caller]
    fn step(&mut self) -> Result<()>;

    /// Calls a closure that forgets the gradients, computes the loss and calls `backward()`, then steps. Methods that
    /// evaluate the loss more than once in a step ([`Lbfgs`](crate::Lbfgs)) need it. Returns the (first) loss.
    #[track_caller]
    fn step_with(&mut self, closure: &mut dyn FnMut() -> Result<Tensor>) -> Result<Tensor> {
        let loss = enable_grad(&mut *closure)?;
        self.step()?;
        Ok(loss)
    }

    /// Forgets the gradients of all parameters. Without it they add up: see the book on gradient accumulation.
    fn zero_grad(&self) {
        self.parameters().iter().for_each(Tensor::zero_grad);
    }

    /// All parameters, group by group.
    fn parameters(&self) -> Vec<Tensor>;

    /// How many groups of parameters there are.
    fn group_count(&self) -> usize;

    /// An option of a group under PyTorch's name (`lr`, `betas`, `weight_decay`), or what was noted in the group.
    fn option(&self, group: usize, name: &str) -> Option<State>;

    /// Changes an option of a group. An option there is not, or a value of another kind, is refused.
    #[track_caller]
    fn set_option(&mut self, group: usize, name: &str, value: State) -> Result<()>;

    /// Notes something in a group that is saved with it, as schedules do with the rate they began with (`initial_lr`).
    #[track_caller]
    fn note(&mut self, group: usize, name: &str, value: State) -> Result<()>;

    /// The learning rate of a group.
    #[track_caller]
    fn lr(&self, group: usize) -> Result<f64>;

    /// Sets the learning rate of a group.
    #[track_caller]
    fn set_lr(&mut self, group: usize, lr: f64) -> Result<()>;

    /// The learning rates of all groups.
    fn lrs(&self) -> Vec<f64> {
        (0..self.group_count()).filter_map(|group| self.lr(group).ok()).collect()
    }

    /// Everything a later run needs to go on from here, in PyTorch's layout: `{state: {0: {…}}, param_groups: […]}`.
    /// What is in it does not change with later steps.
    fn state_dict(&self) -> State;

    /// Takes over what [`Optimizer::state_dict`] gave, here or in PyTorch. The groups must have as many parameters, in
    /// the same order. If anything is refused, nothing is changed.
    #[track_caller]
    fn load_state_dict(&mut self, state: &State) -> Result<()>;
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    #[track_caller]
    fn step(&mut self) -> Result<()> {
        (**self).step()
    }

    #[track_caller]
    fn step_with(&mut self, closure: &mut dyn FnMut() -> Result<Tensor>) -> Result<Tensor> {
        (**self).step_with(closure)
    }

    fn zero_grad(&self) {
        (**self).zero_grad();
    }

    fn parameters(&self) -> Vec<Tensor> {
        (**self).parameters()
    }

    fn group_count(&self) -> usize {
        (**self).group_count()
    }

    fn option(&self, group: usize, name: &str) -> Option<State> {
        (**self).option(group, name)
    }

    #[track_caller]
    fn set_option(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        (**self).set_option(group, name, value)
    }

    #[track_caller]
    fn note(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        (**self).note(group, name, value)
    }

    #[track_caller]
    fn lr(&self, group: usize) -> Result<f64> {
        (**self).lr(group)
    }

    #[track_caller]
    fn set_lr(&mut self, group: usize, lr: f64) -> Result<()> {
        (**self).set_lr(group, lr)
    }

    fn state_dict(&self) -> State {
        (**self).state_dict()
    }

    #[track_caller]
    fn load_state_dict(&mut self, state: &State) -> Result<()> {
        (**self).load_state_dict(state)
    }
}
