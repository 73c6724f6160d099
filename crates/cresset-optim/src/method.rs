//! `Method`: how one step changes one parameter, written as a formula; and `Place`, what it writes to.
//!
//! Groups, saving and checking are not known here: see `descent`.

use std::sync::Arc;

use cresset_autograd::{Apply, Array, Error, Expr, Result, Scalar, Shape, Tensor};
use cresset_ops::{
    Op,
    expr::{Program, traced},
    op::{Map, Numbers},
};
use smallvec::SmallVec;

pub use crate::memory::Kept;
use crate::{memory::Memory, options::Options};

/// A method of optimization: its options, what it remembers of a parameter, and its step. [`Descent`](crate::Descent)
/// makes an optimizer of it. Write your own like this:
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{Descent, Kept, Method, Optimizer, Options, Place, Slope, Value};
/// use cresset_tensor::State;
///
/// /// Steps of one length along the sign of an average of gradients.
/// #[derive(Clone, Debug)]
/// struct Signs { lr: f64, beta: f64 }
///
/// impl Default for Signs {
///     fn default() -> Signs { Signs { lr: 1e-2, beta: 0.9 } }
/// }
///
/// impl Options for Signs {
///     const NAMES: &'static [&'static str] = &["lr", "beta"];
///     fn get(&self, name: &str) -> Option<State> {
///         match name {
///             "lr" => Some(self.lr.to_state()),
///             "beta" => Some(self.beta.to_state()),
///             _ => None,
///         }
///     }
///     fn set(&mut self, name: &str, value: &State) -> Option<Result<()>> {
///         match name {
///             "lr" => Some(f64::from_state(value).map(|x| self.lr = x)),
///             "beta" => Some(f64::from_state(value).map(|x| self.beta = x)),
///             _ => None,
///         }
///     }
///     fn check(&self) -> Result<()> { Ok(()) }
/// }
///
/// impl Method for Signs {
///     const NAME: &'static str = "Signs";
///     const KEEPS: &'static [(&'static str, Kept)] = &[("average", Kept::Array)];
///     fn step(&self, at: &mut Place) -> Result<()> {
///         at.update(Slope::DOWN, ["average"], [self.lr, self.beta], |p, g, [m], [lr, beta]| {
///             let m = beta * m + (1.0 - beta) * g;
///             (p - lr * m.sign(), [m])
///         })
///     }
/// }
///
/// let w = Tensor::new([1.0, -1.0]).requires_grad();
/// let mut optimizer = Descent::<Signs>::new([&w], 0.25);
/// w.square()?.sum()?.backward()?;
/// optimizer.step()?;
/// assert_eq!(w.to_vec::<f64>()?, [0.75, -0.75]);
/// # Ok::<(), Error>(())
/// ```
pub trait Method: Options {
    /// PyTorch's name.
    const NAME: &'static str;

    /// What is remembered of a parameter, under PyTorch's names.
    const KEEPS: &'static [(&'static str, Kept)];

    /// Changes a parameter, and what is remembered of it.
    fn step(&self, at: &mut Place) -> Result<()>;

    /// The shape of an array that is remembered, for a parameter of that shape: the same, unless said otherwise.
    fn shape_of(_name: &str, parameter: &Shape) -> Shape {
        parameter.clone()
    }

    /// Refuses parameters that the method cannot change.
    #[track_caller]
    fn check_parameter(_parameter: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// In which direction a gradient is followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Upwards rather than downwards: the gradient is negated.
    pub maximize: bool,
    /// How the parameter decays.
    pub decay: Decay,
}

/// How a parameter decays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// So much of the parameter is added to its gradient: an L2 penalty. None, if it is 0.
    Penalty(f64),
    /// The parameter is multiplied with this before the step: a decay that is decoupled from the gradient.
    Factor(f64),
}

impl Slope {
    /// Down the gradient, as it is.
    pub const DOWN: Slope = Slope { maximize: false, decay: Decay::Penalty(0.0) };

    /// With PyTorch's `weight_decay`, which is part of the gradient, or (`decoupled`) a step of its own.
    pub fn new(maximize: bool, weight_decay: f64, decoupled: bool, lr: f64) -> Slope {
        let decay = match decoupled && weight_decay != 0.0 {
            true => Decay::Factor(1.0 - lr * weight_decay),
            false => Decay::Penalty(weight_decay),
        };
        Slope { maximize, decay }
    }
}

/// A parameter in a step: its numbers, its gradient, and what is remembered of it.
pub struct Place<'a> {
    pub(crate) parameter: &'a Array,
    pub(crate) gradient: &'a Array,
    pub(crate) memory: &'a mut Memory,
}

impl Place<'_> {
    /// The numbers of the parameter.
    pub fn parameter(&self) -> &Array {
        self.parameter
    }

    /// Its gradient.
    pub fn gradient(&self) -> &Array {
        self.gradient
    }

    /// Counts this step: PyTorch's `step`.
    pub fn count(&mut self) -> f64 {
        let step = self.number("step", 0.0) + 1.0;
        self.set_number("step", step);
        step
    }

    /// A number that is remembered.
    pub fn number(&self, name: &str, at_first: f64) -> f64 {
        self.memory.number(name).unwrap_or(at_first)
    }

    /// Remembers a number.
    pub fn set_number(&mut self, name: &'static str, value: f64) {
        self.memory.set_number(name, value);
    }

    /// Is an array of that name remembered yet?
    pub fn has(&self, name: &str) -> bool {
        self.memory.has(name)
    }

    /// Begins to remember an array of the parameter's shape, filled with a number, unless it has begun already.
    pub fn start(&mut self, name: &'static str, value: f64) -> Result<()> {
        self.memory.start(name, self.parameter, self.parameter.shape(), value)
    }

    /// As [`Place::start`], of another shape.
    pub fn start_shaped(&mut self, name: &'static str, shape: &Shape, value: f64) -> Result<()> {
        self.memory.start(name, self.parameter, shape, value)
    }

    /// An array that is remembered, to be read or written in place.
    pub fn array(&mut self, name: &'static str) -> Result<Array> {
        let place = self.memory.own(name)?;
        Ok(self.memory.at(place).clone())
    }

    /// Changes the parameter and arrays of its shape that are remembered (zeros at first) by one formula, in one pass:
    /// `f(parameter, gradient, arrays, numbers)` gives the new parameter and arrays. The formula must capture nothing,
    /// so that it is traced once; what differs between steps is a number.
    pub fn update<const S: usize, const K: usize, F>(
        &mut self,
        slope: Slope,
        arrays: [&'static str; S],
        numbers: [f64; K],
        f: F,
    ) -> Result<()>
    where
        F: Fn(Expr, Expr, [Expr; S], [Expr; K]) -> (Expr, [Expr; S]) + Copy,
    {
        let (Decay::Penalty(decay) | Decay::Factor(decay)) = slope.decay;
        let all: SmallVec<[f64; 12]> = numbers.into_iter().chain([decay]).collect();
        let given = &all[..K];
        // One formula for each case, so that what is not asked for costs nothing, and changes no bit.
        match (slope.maximize, slope.decay) {
            (false, Decay::Penalty(0.0)) => self.write(arrays, given, move |p, g, s, n, _| f(p, g, s, n)),
            (true, Decay::Penalty(0.0)) => self.write(arrays, given, move |p, g, s, n, _| f(p, -g, s, n)),
            (false, Decay::Penalty(_)) => {
                self.write(arrays, &all, move |p, g, s, n, decay| f(p, g + decay * p, s, n))
            }
            (true, Decay::Penalty(_)) => {
                self.write(arrays, &all, move |p, g, s, n, decay| f(p, decay * p - g, s, n))
            }
            (false, Decay::Factor(_)) => {
                self.write(arrays, &all, move |p, g, s, n, factor| f(factor * p, g, s, n))
            }
            (true, Decay::Factor(_)) => {
                self.write(arrays, &all, move |p, g, s, n, factor| f(factor * p, -g, s, n))
            }
        }
    }

    fn write<const S: usize, const K: usize, F>(
        &mut self,
        names: [&'static str; S],
        numbers: &[f64],
        f: F,
    ) -> Result<()>
    where
        F: Fn(Expr, Expr, [Expr; S], [Expr; K], Expr) -> (Expr, [Expr; S]),
    {
        const { assert!(size_of::<F>() == 0, "the formula of a step must capture nothing") }
        let program = traced(2 + S, numbers.len(), &move |x: &[Expr], n: &[Expr]| {
            let arrays = std::array::from_fn(|i| x[2 + i]);
            let last = n.last().copied().unwrap_or(x[0]);
            let (parameter, arrays) = f(x[0], x[1], arrays, std::array::from_fn(|i| n[i]), last);
            std::iter::once(parameter).chain(arrays).collect::<Vec<Expr>>()
        });
        self.write_program(&names, numbers, program)
    }

    /// What does not depend on the formula's type, which is compiled once, not for each case of each method.
    fn write_program(
        &mut self,
        names: &[&'static str],
        numbers: &[f64],
        program: Arc<Program>,
    ) -> Result<()> {
        let mut places: SmallVec<[usize; 4]> = SmallVec::new();
        for &name in names {
            self.memory.start(name, self.parameter, self.parameter.shape(), 0.0)?;
            places.push(self.memory.own(name)?);
        }
        let mut inputs: SmallVec<[&Array; 6]> = SmallVec::from_slice(&[self.parameter, self.gradient]);
        inputs.extend(places.iter().map(|&place| self.memory.at(place)));
        let mut targets: SmallVec<[&Array; 6]> = SmallVec::from_slice(&[self.parameter]);
        targets.extend_from_slice(&inputs[2..]);
        let numbers: Numbers = numbers.iter().map(|&number| Scalar::Float(number)).collect();
        Array::apply_into(Op::Map(Map { program, numbers, shape: None }), &inputs, &targets)
    }
}

/// Refuses a gradient that is not one of the parameter.
pub(crate) fn check_gradient(method: &'static str, parameter: &Array, gradient: &Array) -> Result<()> {
    if gradient.dtype() == parameter.dtype() && gradient.shape() == parameter.shape() {
        return Ok(());
    }
    Err(Error::gradient(
        method,
        format!(
            "a gradient of {} {} does not fit its parameter of {} {}; set_grad one that does, or call zero_grad()",
            gradient.dtype(),
            gradient.shape(),
            parameter.dtype(),
            parameter.shape()
        ),
    ))
}
