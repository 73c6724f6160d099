//! L-BFGS: steps along the gradient as the last steps have shown it to change, evaluating the loss several times in each.
//!
//! All parameters are one vector here. `line_search` finds how far to go.

mod line_search;

use std::{borrow::Borrow, collections::HashSet, fmt, panic::Location};

use cresset_autograd::{Apply, Array, Error, Result, Scalar, Tensor, enable_grad};
use cresset_ops::{op::Reduction, prelude::*};
use cresset_tensor::{Key, State};
use line_search::{Point, strong_wolfe};

use crate::{
    Optimizer,
    descent::{no_group, note, set_option, write_options},
    memory::copy,
    method::check_gradient,
    options::{Options, Value, builders, not_negative, options, require},
    parameters::accept,
    saving::{self, SavedGroup},
};

/// How far a step goes: PyTorch's `line_search_fn`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineSearch {
    /// To where the strong Wolfe conditions hold.
    StrongWolfe,
}

impl Value for LineSearch {
    #[inline]
    fn to_state(&self) -> State {
        match self {
            LineSearch::StrongWolfe => State::from("strong_wolfe"),
        }
    }

    #[inline]
    fn from_state(state: &State) -> Result<LineSearch> {
        match state.text()? {
            "strong_wolfe" => Ok(LineSearch::StrongWolfe),
            other => {
                Err(Error::argument("LBFGS", format!("there is no line search '{other}', only strong_wolfe")))
            }
        }
    }
}

options! {
    /// Options of [`Lbfgs`].
    LbfgsOptions of "LBFGS" {
        /// The learning rate; with a line search, the length it tries first.
        lr: f64 = 1.0,
        /// Iterations of one step.
        max_iter: usize = 20,
        /// Evaluations of one step; a quarter more than iterations if not given.
        max_eval: Option<usize> = None,
        /// A step ends where no element of the gradient is larger.
        tolerance_grad: f64 = 1e-7,
        /// A step ends where loss or parameters change by less.
        tolerance_change: f64 = 1e-9,
        /// So many changes of the gradient are remembered.
        history_size: usize = 100,
        /// How far to go; `lr` if none is given.
        line_search_fn: Option<LineSearch> = None,
        /// Upwards.
        maximize: bool = false,
    }
    check(options) {
        not_negative("LBFGS", &[("lr", options.lr)])?;
        require(options.history_size > 0, "LBFGS", "history_size", options.history_size, "at least 1")
    }
}

builders! { Lbfgs:
    /// Iterations of one step.
    max_iter: usize,
    /// A step ends where no element of the gradient is larger.
    tolerance_grad: f64,
    /// A step ends where loss or parameters change by less.
    tolerance_change: f64,
    /// So many changes of the gradient are remembered.
    history_size: usize,
    /// Upwards.
    maximize: bool,
}

/// L-BFGS, PyTorch's `LBFGS`: each iteration goes along `−H∇`, where `H`, an estimate of the inverse of the Hessian, follows
/// from the last changes of parameters and gradients. The loss is evaluated several times in a step, so it takes a
/// closure; and it must be the same function each time, so no batches.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Lbfgs, LineSearch, Optimizer};
///
/// let x = Tensor::new([-1.5, 2.0]).requires_grad();
/// let mut optimizer = Lbfgs::new([&x], 1.0).line_search_fn(LineSearch::StrongWolfe).max_iter(60);
/// let closure = &mut || {
///     x.zero_grad();
///     let (a, b) = (x.i(0)?, x.i(1)?);
///     let loss = (1.0 - &a).square()? + 100.0 * (&b - a.square()?).square()?; // Rosenbrock's valley
///     loss.backward()?;
///     Ok(loss)
/// };
/// optimizer.step_with(closure)?;
/// assert!((&x - Tensor::new([1.0, 1.0])).abs()?.max()?.item::<f64>()? < 1e-5);
/// # Ok::<(), Error>(())
/// ```
///
/// There is one group of parameters. What is wrong with parameters or options is said by the first step.
pub struct Lbfgs {
    /// The options, which may be changed between steps.
    pub options: LbfgsOptions,
    parameters: Vec<Tensor>,
    notes: Vec<(Key, State)>,
    history: History,
    trouble: Option<Error>,
    made: &'static Location<'static>,
    started: bool,
}

/// What is remembered from step to step. Arrays in it are never written.
#[derive(Clone, Default)]
struct History {
    evaluations: usize,
    iterations: usize,
    /// Changes of the gradient and of the parameters, and one over their product, oldest first.
    changes: Vec<(Array, Array, f64)>,
    /// The first guess of the Hessian's inverse is this on the diagonal.
    diagonal: f64,
    last: Option<Last>,
}

/// The last iteration.
#[derive(Clone)]
struct Last {
    direction: Array,
    length: f64,
    gradient: Array,
    loss: f64,
}

impl Lbfgs {
    /// An optimizer of these parameters, with PyTorch's defaults for all options but the learning rate.
    #[track_caller]
    pub fn new<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P, lr: f64) -> Lbfgs {
        Lbfgs::with_options(parameters, LbfgsOptions { lr, ..LbfgsOptions::default() })
    }

    /// An optimizer of these parameters with these options.
    #[track_caller]
    pub fn with_options<P: IntoIterator<Item: Borrow<Tensor>>>(
        parameters: P,
        options: LbfgsOptions,
    ) -> Lbfgs {
        let (parameters, trouble) = match accept("LBFGS", parameters, &HashSet::new()) {
            Ok(parameters) if parameters.is_empty() => {
                let message = "the list of parameters is empty; give those of a model";
                (parameters, Some(Error::argument("LBFGS", message)))
            }
            Ok(parameters) => (parameters, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let made = Location::caller();
        let (notes, history) = (Vec::new(), History::default());
        Lbfgs { options, parameters, notes, history, trouble, made, started: false }
    }

    /// The same with options changed.
    #[must_use]
    pub fn with(mut self, change: impl Fn(&mut LbfgsOptions)) -> Lbfgs {
        change(&mut self.options);
        self
    }

    /// Evaluations of one step.
    #[must_use]
    #[inline]
    pub fn max_eval(self, max_eval: usize) -> Lbfgs {
        self.with(|options| options.max_eval = Some(max_eval))
    }

    /// How far to go.
    #[must_use]
    #[inline]
    pub fn line_search_fn(self, search: LineSearch) -> Lbfgs {
        self.with(|options| options.line_search_fn = Some(search))
    }

    /// Refuses what no step could be made with: parameters that are none, options without a meaning.
    #[track_caller]
    #[inline]
    pub fn check(&self) -> Result<()> {
        if let Some(error) = &self.trouble {
            return Err(error.clone());
        }
        let location = if self.started { Location::caller() } else { self.made };
        self.options.check().map_err(|error| error.at(location))
    }

    /// The gradients of all parameters as one vector; zeros where there is none.
    #[inline]
    fn gradient(&self) -> Result<Array> {
        let mut parts = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            parts.push(match parameter.maybe_grad() {
                Some(gradient) => {
                    check_gradient("LBFGS", parameter.array(), gradient.array())?;
                    gradient.array().reshape([-1])?
                }
                None => parameter.array().new_zeros([parameter.numel()])?,
            });
        }
        let all = Array::cat(&parts, 0)?;
        if self.options.maximize {
            return all.neg();
        }
        // Backward goes on adding to what the parameters hold.
        if self.parameters.len() == 1 { copy(&all, all.dtype()) } else { Ok(all) }
    }

    /// Moves all parameters along a direction.
    #[inline]
    fn advance(&self, direction: &Array, length: f64) -> Result<()> {
        let mut start = 0;
        for parameter in self.parameters.iter().map(Apply::array) {
            let count = parameter.numel() as i64;
            let part = direction.narrow(0, start, count)?.reshape(parameter.shape().clone())?;
            let part = part.to_dtype(parameter.dtype())?;
            Array::formulas_into(&[parameter, &part], &[length.into()], &[parameter], |x, n| {
                [x[0] + n[0] * x[1]]
            })?;
            start += count;
        }
        Ok(())
    }

    #[inline]
    fn restore(&self, values: &[Array]) -> Result<()> {
        for (parameter, value) in self.parameters.iter().zip(values) {
            Array::formulas_into(&[value], &[], &[parameter.array()], |x, _| [x[0]])?;
        }
        Ok(())
    }

    /// The loss and its gradient, both downwards.
    #[inline]
    fn evaluate(&self, closure: &mut dyn FnMut() -> Result<Tensor>) -> Result<(f64, Array, Tensor)> {
        let loss = enable_grad(closure)?;
        let number = loss.item::<f64>()?;
        Ok((if self.options.maximize { -number } else { number }, self.gradient()?, loss))
    }

    #[inline]
    fn take_step(&mut self, closure: &mut dyn FnMut() -> Result<Tensor>) -> Result<Tensor> {
        let LbfgsOptions { lr, max_iter, tolerance_grad, tolerance_change, history_size, .. } = self.options;
        let max_eval = self.max_evaluations();
        let (mut loss, mut gradient, first) = self.evaluate(closure)?;
        let mut evaluations = 1;
        self.history.evaluations += 1;
        if largest(&gradient)? <= tolerance_grad {
            return Ok(first);
        }
        for iteration in 1..=max_iter {
            self.history.iterations += 1;
            let direction = self.history.direction(&gradient, history_size)?;
            let is_first = self.history.iterations == 1;
            let length = if is_first { lr * (1.0 / sum_of_sizes(&gradient)?).min(1.0) } else { lr };
            let before = loss;
            let slope = dot(&gradient, &direction)?;
            self.history.last =
                Some(Last { direction: direction.clone(), length, gradient: gradient.clone(), loss });
            // The direction no longer goes down.
            if slope > -tolerance_change {
                break;
            }
            let mut length = length;
            let mut used = 0;
            match self.options.line_search_fn {
                Some(LineSearch::StrongWolfe) => {
                    let here =
                        self.parameters.iter().map(|parameter| copy(parameter.array(), parameter.dtype()));
                    let here = here.collect::<Result<Vec<Array>>>()?;
                    let start = Point { t: 0.0, loss, slope, gradient };
                    let size = largest(&direction)?;
                    let most = max_eval.saturating_sub(evaluations);
                    let along = |t: f64| {
                        self.advance(&direction, t)?;
                        let outcome = self.evaluate(closure);
                        self.restore(&here)?;
                        let (loss, gradient, _) = outcome?;
                        let slope = dot(&gradient, &direction)?;
                        Ok(Point { t, loss, slope, gradient })
                    };
                    let (point, count) = strong_wolfe(along, start, length, size, tolerance_change, most)?;
                    (loss, gradient, length, used) = (point.loss, point.gradient, point.t, count);
                    self.advance(&direction, length)?;
                }
                None => {
                    self.advance(&direction, length)?;
                    // What it is at the end is for the next step to find out: by then it may be another function.
                    if iteration != max_iter {
                        (loss, gradient, _) = self.evaluate(closure)?;
                        used = 1;
                    }
                }
            }
            if let Some(last) = &mut self.history.last {
                last.length = length;
            }
            evaluations += used;
            self.history.evaluations += used;
            if evaluations >= max_eval
                || largest(&gradient)? <= tolerance_grad
                || largest(&direction)? * length.abs() <= tolerance_change
                || (loss - before).abs() < tolerance_change
            {
                break;
            }
        }
        Ok(first)
    }

    #[inline]
    fn load(&mut self, state: &State) -> Result<()> {
        let current = vec![(self.options.clone(), self.parameters.len())];
        let Some(SavedGroup { options, notes, ids }) = saving::groups("LBFGS", state, current)?.pop() else {
            return Ok(());
        };
        options.check()?;
        let numel = self.parameters.iter().map(Apply::numel).sum();
        let device = self.parameters.first().map_or(Device::Cpu, Apply::device);
        let entry = ids.first().map_or(Ok(None), |id| saving::entry(state, id))?;
        let history =
            entry.map_or(Ok(History::default()), |entry| History::from_state(entry, numel, device))?;
        (self.options, self.notes, self.history) = (options, notes, history);
        Ok(())
    }

    #[inline]
    fn max_evaluations(&self) -> usize {
        self.options.max_eval.unwrap_or(self.options.max_iter.saturating_mul(5) / 4)
    }
}

impl History {
    /// `−H∇`, after taking in how the gradient has changed with the last step.
    #[inline]
    fn direction(&mut self, gradient: &Array, size: usize) -> Result<Array> {
        let Some(last) = self.last.as_ref().filter(|_| self.iterations > 1) else {
            (self.changes, self.diagonal) = (Vec::new(), 1.0);
            return gradient.neg();
        };
        let change = gradient.sub(&last.gradient)?;
        let step = last.direction.mul(last.length)?;
        let product = dot(&change, &step)?;
        if product > 1e-10 {
            let kept = self.changes.len().min(size.saturating_sub(1));
            self.changes.drain(..self.changes.len() - kept);
            self.diagonal = product / dot(&change, &change)?;
            self.changes.push((change, step, 1.0 / product));
        }
        let direction = gradient.neg()?;
        let mut factors = Vec::with_capacity(self.changes.len());
        for (change, step, inverse) in self.changes.iter().rev() {
            let factor = dot(step, &direction)? * inverse;
            add(&direction, change, -factor)?;
            factors.push(factor);
        }
        direction.mul_(self.diagonal)?;
        for ((change, step, inverse), factor) in self.changes.iter().zip(factors.into_iter().rev()) {
            let other = dot(change, &direction)? * inverse;
            add(&direction, step, factor - other)?;
        }
        Ok(direction)
    }

    #[inline]
    fn to_state(&self) -> State {
        let mut entries: Vec<(&str, State)> =
            vec![("func_evals", self.evaluations.into()), ("n_iter", self.iterations.into())];
        if let Some(last) = &self.last {
            let list = |of: &dyn Fn(&(Array, Array, f64)) -> State| {
                State::List(self.changes.iter().map(of).collect())
            };
            entries.extend([
                ("d", State::Array(last.direction.clone())),
                ("t", State::Float(last.length)),
                ("old_dirs", list(&|(change, _, _)| State::Array(change.clone()))),
                ("old_stps", list(&|(_, step, _)| State::Array(step.clone()))),
                ("ro", list(&|(_, _, inverse)| State::Float(*inverse))),
                ("H_diag", State::Float(self.diagonal)),
                ("prev_flat_grad", State::Array(last.gradient.clone())),
                ("prev_loss", State::Float(last.loss)),
            ]);
        }
        State::map(entries)
    }

    /// Of vectors of that length, on a device.
    #[inline]
    fn from_state(state: &State, numel: usize, device: Device) -> Result<History> {
        let present = |name: &str| state.find(&Key::from(name)).filter(|value| !matches!(value, State::None));
        let vector = |value: &State| {
            let array = value.array()?;
            if array.shape() != &[numel] {
                let message =
                    format!("a vector of all parameters has shape [{numel}], not {}", array.shape());
                return Err(Error::shape("LBFGS", message));
            }
            copy(&array.to_device(device)?, array.dtype())
        };
        let mut history = History {
            evaluations: usize::from_state(state.get("func_evals")?)?,
            iterations: usize::from_state(state.get("n_iter")?)?,
            diagonal: 1.0,
            ..History::default()
        };
        let Some(direction) = present("d") else { return Ok(history) };
        let [changes, steps, inverses] =
            [state.get("old_dirs")?.list()?, state.get("old_stps")?.list()?, state.get("ro")?.list()?];
        if changes.len() != steps.len() || changes.len() != inverses.len() {
            let message = "old_dirs, old_stps and ro differ in length";
            return Err(Error::argument("LBFGS", message));
        }
        for ((change, step), inverse) in changes.iter().zip(steps).zip(inverses) {
            history.changes.push((vector(change)?, vector(step)?, f64::from_state(inverse)?));
        }
        history.diagonal = f64::from_state(state.get("H_diag")?)?;
        history.last = Some(Last {
            direction: vector(direction)?,
            length: f64::from_state(state.get("t")?)?,
            gradient: vector(state.get("prev_flat_grad")?)?,
            loss: f64::from_state(state.get("prev_loss")?)?,
        });
        Ok(history)
    }
}

#[inline]
fn dot(a: &Array, b: &Array) -> Result<f64> {
    Array::reduce_formula(&[a, b], &[], Reduction::Sum, .., false, |x, _| x[0] * x[1])?.item()
}

/// `x ← x + factor·y`.
#[inline]
fn add(x: &Array, y: &Array, factor: f64) -> Result<()> {
    let factor: [Scalar; 1] = [factor.into()];
    Array::formulas_into(&[x, y], &factor, &[x], |x, n| [x[0] + n[0] * x[1]])
}

/// The size of the largest element.
#[inline]
fn largest(x: &Array) -> Result<f64> {
    if x.numel() == 0 {
        return Ok(0.0);
    }
    Array::reduce_formula(&[x], &[], Reduction::Max, .., false, |x, _| x[0].abs())?.item()
}

#[inline]
fn sum_of_sizes(x: &Array) -> Result<f64> {
    Array::reduce_formula(&[x], &[], Reduction::Sum, .., false, |x, _| x[0].abs())?.item()
}

impl Optimizer for Lbfgs {
    #[inline]
    fn name(&self) -> &'static str {
        "LBFGS"
    }

    /// Refused: the loss is needed more than once.
    #[track_caller]
    #[inline]
    fn step(&mut self) -> Result<()> {
        Err(Error::argument(
            "LBFGS",
            "a step evaluates the loss several times; use step_with(&mut || …), whose closure forgets the gradients, \
             computes the loss, calls backward() and returns it",
        ))
    }

    #[track_caller]
    #[inline]
    fn step_with(&mut self, closure: &mut dyn FnMut() -> Result<Tensor>) -> Result<Tensor> {
        let location = Location::caller();
        self.check()?;
        self.started = true;
        self.take_step(closure)
            .map_err(|error| if error.operation() == "LBFGS" { error.at(location) } else { error })
    }

    #[inline]
    fn parameters(&self) -> Vec<Tensor> {
        self.parameters.clone()
    }

    #[inline]
    fn group_count(&self) -> usize {
        1
    }

    #[inline]
    fn option(&self, group: usize, name: &str) -> Option<State> {
        let noted =
            || self.notes.iter().find(|(key, _)| *key == Key::from(name)).map(|(_, value)| value.clone());
        if group == 0 { self.options.get(name).or_else(noted) } else { None }
    }

    #[track_caller]
    #[inline]
    fn set_option(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        match group {
            0 => set_option("LBFGS", &mut self.options, name, &value),
            group => Err(no_group("LBFGS", group, 1)),
        }
    }

    #[track_caller]
    #[inline]
    fn note(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        match group {
            0 => note(&mut self.notes, name, value),
            group => return Err(no_group("LBFGS", group, 1)),
        }
        Ok(())
    }

    #[track_caller]
    #[inline]
    fn lr(&self, group: usize) -> Result<f64> {
        if group == 0 { Ok(self.options.lr) } else { Err(no_group("LBFGS", group, 1)) }
    }

    #[track_caller]
    #[inline]
    fn set_lr(&mut self, group: usize, lr: f64) -> Result<()> {
        require(lr >= 0.0, "LBFGS", "lr", lr, "at least 0")?;
        self.set_option(group, "lr", State::Float(lr))
    }

    #[inline]
    fn state_dict(&self) -> State {
        let options = LbfgsOptions { max_eval: Some(self.max_evaluations()), ..self.options.clone() };
        let history = (self.history.evaluations > 0).then(|| self.history.to_state());
        let group = (&options, self.notes.as_slice(), self.parameters.len());
        saving::state_dict(std::iter::once(history), std::iter::once(group))
    }

    #[track_caller]
    #[inline]
    fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let location = Location::caller();
        self.load(state).map_err(|error| error.at(location))
    }
}

impl fmt::Debug for Lbfgs {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LBFGS (\nParameter Group 0")?;
        write_options(f, &self.options)?;
        f.write_str(")")
    }
}
