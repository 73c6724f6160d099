//! Averages of parameters over a training: exponential ones, or equal ones (stochastic weight averaging).

use std::{borrow::Borrow, panic::Location};

use cresset_autograd::{Apply, Array, Error, Result, Tensor};
use cresset_ops::backend::to_device;
use cresset_tensor::State;

use crate::memory::copy;

/// An average of parameters: PyTorch's `AveragedModel`, of tensors.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::Ema;
///
/// let w = Tensor::new([0.0]).requires_grad();
/// let mut average = Ema::new([&w], 0.75);
/// for value in [1.0, 2.0] {
///     no_grad(|| w.fill_(value).map(drop))?; // a step of training
///     average.update()?;
/// }
/// // The first update takes the values over, later ones a quarter of them.
/// let evaluate = || w.item::<f64>();
/// assert_eq!(average.apply(evaluate)?, 1.25);
/// assert_eq!(evaluate()?, 2.0); // afterwards they are as before
/// # Ok::<(), Error>(())
/// ```
///
/// Buffers that change in training, such as running means, may be given too. Integers are taken over, not averaged.
pub struct Ema {
    tensors: Vec<Tensor>,
    averages: Vec<Array>,
    kind: Kind,
    updates: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// `a ← decay·a + (1 − decay)·x`.
    Exponential(f64),
    /// The mean of all values so far.
    Equal,
}

impl Ema {
    /// The exponential average: `average ← decay·average + (1 − decay)·parameter` at each update, the value at the first.
    ///
    /// What is wrong with `decay` is said by the first update.
    pub fn new<T: IntoIterator<Item: Borrow<Tensor>>>(tensors: T, decay: f64) -> Ema {
        Ema::of(tensors, Kind::Exponential(decay))
    }

    /// The mean over all updates: stochastic weight averaging.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// use cresset_optim::Ema;
    /// let w = Tensor::new([1.0]).requires_grad();
    /// let mut average = Ema::swa([&w]);
    /// average.update()?;
    /// no_grad(|| w.fill_(4.0).map(drop))?;
    /// average.update()?;
    /// average.copy_to_parameters()?;
    /// assert_eq!(w.item::<f64>()?, 2.5);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn swa<T: IntoIterator<Item: Borrow<Tensor>>>(tensors: T) -> Ema {
        Ema::of(tensors, Kind::Equal)
    }

    fn of<T: IntoIterator<Item: Borrow<Tensor>>>(tensors: T, kind: Kind) -> Ema {
        let tensors = tensors.into_iter().map(|tensor| tensor.borrow().clone()).collect();
        Ema { tensors, averages: Vec::new(), kind, updates: 0 }
    }

    /// Takes the values of now into the average. To be called after the optimizer's step.
    #[track_caller]
    #[inline]
    pub fn update(&mut self) -> Result<()> {
        let take = match self.kind {
            Kind::Exponential(decay) if (0.0..=1.0).contains(&decay) => 1.0 - decay,
            Kind::Exponential(decay) => {
                return Err(Error::argument("Ema", format!("decay must be from 0 to 1, not {decay}")));
            }
            Kind::Equal => 1.0 / (self.updates as f64 + 1.0),
        };
        if self.updates == 0 {
            let copies = self.tensors.iter().map(|tensor| copy(tensor.array(), tensor.dtype()));
            self.averages = copies.collect::<Result<_>>()?;
        } else {
            for (average, tensor) in self.averages.iter_mut().zip(&self.tensors) {
                // A saved state may still hold it.
                if std::sync::Arc::strong_count(average.storage()) > 1 {
                    *average = copy(average, average.dtype())?;
                }
                let inputs = [&*average, tensor.array()];
                if average.dtype().is_float() {
                    Array::formulas_into(&inputs, &[take.into()], &[average], |x, n| {
                        [x[0] + n[0] * (x[1] - x[0])]
                    })?;
                } else {
                    Array::formulas_into(&inputs, &[], &[average], |x, _| [x[1]])?;
                }
            }
        }
        self.updates += 1;
        Ok(())
    }

    /// How often it was updated: PyTorch's `n_averaged`.
    #[inline]
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// The averages, in the order of the parameters; those themselves before the first update.
    #[inline]
    pub fn averages(&self) -> Vec<Tensor> {
        if self.updates == 0 {
            return self.tensors.iter().map(Tensor::detach).collect();
        }
        self.averages.iter().cloned().map(Tensor::constant).collect()
    }

    /// Exchanges the values of parameters and averages. A second call takes it back; no update may come between.
    #[track_caller]
    #[inline]
    pub fn swap(&mut self) -> Result<()> {
        for (average, tensor) in self.averages.iter_mut().zip(&self.tensors) {
            if std::sync::Arc::strong_count(average.storage()) > 1 {
                *average = copy(average, average.dtype())?;
            }
            let both = [&*average, tensor.array()];
            Array::formulas_into(&both, &[], &both, |x, _| [x[1], x[0]])?;
        }
        Ok(())
    }

    /// Runs a closure while the parameters have the averages' values; they have their own afterwards, even if it panics.
    #[track_caller]
    pub fn apply<R>(&mut self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        struct Back<'a>(&'a mut Ema);
        impl Drop for Back<'_> {
            #[inline]
            fn drop(&mut self) {
                // It went well before, on the same memory.
                let _ = self.0.swap();
            }
        }
        self.swap()?;
        let _back = Back(self);
        f()
    }

    /// Writes the averages into the parameters: at the end of a training.
    #[track_caller]
    #[inline]
    pub fn copy_to_parameters(&self) -> Result<()> {
        for (average, tensor) in self.averages.iter().zip(&self.tensors) {
            Array::formulas_into(&[average], &[], &[tensor.array()], |x, _| [x[0]])?;
        }
        Ok(())
    }

    /// Everything a later run needs to go on from here.
    #[inline]
    pub fn state_dict(&self) -> State {
        let averages = self.averages.iter().map(|average| State::Array(average.clone())).collect();
        let decay = match self.kind {
            Kind::Exponential(decay) => State::Float(decay),
            Kind::Equal => State::None,
        };
        State::map([
            ("n_averaged", self.updates.into()),
            ("decay", decay),
            ("averages", State::List(averages)),
        ])
    }

    /// Takes over what [`Ema::state_dict`] gave. The decay stays as it is. If anything is refused, nothing is changed.
    #[track_caller]
    #[inline]
    pub fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let location = Location::caller();
        self.load(state).map_err(|error| error.at(location))
    }

    #[inline]
    fn load(&mut self, state: &State) -> Result<()> {
        let updates = state.get("n_averaged")?.int()?;
        let updates = usize::try_from(updates)
            .map_err(|_| Error::argument("Ema", format!("n_averaged must be at least 0, not {updates}")))?;
        let saved = state.get("averages")?.list()?;
        let expected = if updates == 0 { 0 } else { self.tensors.len() };
        if saved.len() != expected {
            let message = format!("the state has {} averages, not {expected}", saved.len());
            return Err(Error::argument("Ema", message));
        }
        let mut averages = Vec::with_capacity(expected);
        for (i, (saved, tensor)) in saved.iter().zip(&self.tensors).enumerate() {
            let array = saved.array()?;
            if array.shape() != tensor.shape() {
                let message = format!("average {i} has shape {}, not {}", array.shape(), tensor.shape());
                return Err(Error::shape("Ema", message));
            }
            averages.push(copy(&to_device(array, tensor.device())?, tensor.dtype())?);
        }
        (self.averages, self.updates) = (averages, updates);
        Ok(())
    }
}
