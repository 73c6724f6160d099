//! `Method`: how one step changes one parameter, written as a formula; and `Place`, what it writes to.
//!
//! Groups, saving and checking are not known here: see `descent`.

use cresset_autograd::{Apply, Array, Error, Expr, Result, Scalar, Shape, Tensor};
use cresset_ops::{
    Op,
    expr::traced_as,
    op::{Map, Numbers},
};
use cresset_tensor::Listed;
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
        F: Fn(Expr, Expr, [Expr; S], [Expr; K]) -> (Expr, [Expr; S]),
    {
        const { assert!(size_of::<F>() == 0, "the formula of a step must capture nothing") }
        let address = stepped::<S, K, F> as fn(&F, Expr, Expr, &[Expr], &[Expr]) -> Vec<Expr> as usize;
        self.write(slope, &arrays, &numbers, address, &|p, g, s, n| stepped(&f, p, g, s, n))
    }

    /// What does not depend on the formula's type, which is compiled once, not for each method. The address is that of a
    /// function that stands for the formula.
    fn write(
        &mut self,
        slope: Slope,
        names: &[&'static str],
        numbers: &[f64],
        address: usize,
        f: &Step,
    ) -> Result<()> {
        let (penalty, factor) = match slope.decay {
            Decay::Penalty(0.0) => (None, None),
            Decay::Penalty(decay) => (Some(decay), None),
            Decay::Factor(factor) => (None, Some(factor)),
        };
        // One formula for each case, so that what is not asked for costs nothing, and changes no bit.
        let case =
            4 * u8::from(slope.maximize) + 2 * u8::from(penalty.is_some()) + u8::from(factor.is_some());
        let all: Numbers = numbers.iter().copied().chain(penalty).chain(factor).map(Scalar::Float).listed();
        let program = traced_as((address, case), 2 + names.len(), all.len(), |x: &[Expr], n: &[Expr]| {
            let (n, decay) = n.split_at(numbers.len());
            let (mut p, mut g) = (x[0], x[1]);
            match (slope.maximize, penalty) {
                (false, None) => {}
                (true, None) => g = -g,
                (false, Some(_)) => g = g + decay[0] * p,
                (true, Some(_)) => g = decay[0] * p - g,
            }
            if factor.is_some() {
                p = decay[0] * p;
            }
            f(p, g, &x[2..], n)
        });
        let mut places: SmallVec<[usize; 4]> = SmallVec::new();
        for &name in names {
            self.memory.start(name, self.parameter, self.parameter.shape(), 0.0)?;
            places.push(self.memory.own(name)?);
        }
        let mut inputs: SmallVec<[&Array; 6]> = SmallVec::from_slice(&[self.parameter, self.gradient]);
        inputs.extend(places.iter().map(|&place| self.memory.at(place)));
        let mut targets: SmallVec<[&Array; 6]> = SmallVec::from_slice(&[self.parameter]);
        targets.extend_from_slice(&inputs[2..]);
        Array::apply_into(Op::Map(Map { program, numbers: all, shape: None }), &inputs, &targets)
    }
}

/// The outputs of a step's formula: the parameter, and what is remembered.
fn stepped<const S: usize, const K: usize, F>(
    f: &F,
    parameter: Expr,
    gradient: Expr,
    arrays: &[Expr],
    numbers: &[Expr],
) -> Vec<Expr>
where
    F: Fn(Expr, Expr, [Expr; S], [Expr; K]) -> (Expr, [Expr; S]),
{
    let arrays = std::array::from_fn(|i| arrays[i]);
    let numbers = std::array::from_fn(|i| numbers[i]);
    let (parameter, arrays) = f(parameter, gradient, arrays, numbers);
    let mut outputs = vec![parameter];
    outputs.extend_from_slice(&arrays);
    outputs
}

/// A step's formula, whatever its type: of parameter, gradient, arrays and numbers.
type Step<'a> = dyn Fn(Expr, Expr, &[Expr], &[Expr]) -> Vec<Expr> + 'a;

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
