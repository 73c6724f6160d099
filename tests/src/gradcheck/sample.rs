//! What is drawn: an operation and its inputs, and what it promises.

use cresset_autograd::{Grad, Tensor};
use cresset_ops::{
    Apply, Array, Device, Expr, Op, Result, Scalar, Shape,
    expr::traced,
    op::{Map, Numbers},
};

use super::{
    card,
    check::{Tally, check},
    draw::{Draw, Laid},
};

/// What is checked under one name.
pub struct Subject {
    /// Its name.
    pub name: String,
    /// What it promises.
    pub promise: Promise,
    /// How a sample of it is built.
    pub build: Box<dyn Fn(&mut Draw) -> Sample>,
}

/// What a subject promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// Its derivatives are right.
    Differentiable,
    /// It has none, and says so: its outputs are constants, or it is refused. Why it has none.
    Not(&'static str),
}

/// An operation and its inputs.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The operation.
    pub op: Op,
    /// Its inputs.
    pub inputs: Vec<Input>,
}

/// An input.
#[derive(Clone, Debug)]
pub enum Input {
    /// The derivative is with regard to this one.
    Vary(Laid),
    /// Numbers that stay as they are.
    Constant(Laid),
    /// Integers.
    Index(Laid),
}

impl Subject {
    /// One that has derivatives.
    pub fn new(name: impl Into<String>, build: impl Fn(&mut Draw) -> Sample + 'static) -> Subject {
        Subject { name: name.into(), promise: Promise::Differentiable, build: Box::new(build) }
    }

    /// One that has none.
    pub fn not(
        name: impl Into<String>,
        why: &'static str,
        build: impl Fn(&mut Draw) -> Sample + 'static,
    ) -> Subject {
        Subject { name: name.into(), promise: Promise::Not(why), build: Box::new(build) }
    }
}

impl Sample {
    /// Checks that the promise is kept.
    pub fn check(&self, promise: Promise) -> Result<Tally, String> {
        let (varied, fixed) = self.arrays()?;
        match promise {
            Promise::Differentiable => check(&|xs| self.call(xs, &fixed), &varied, 0),
            Promise::Not(_) => self.is_constant(&varied, &fixed),
        }
    }

    /// Compares a device with the processor.
    pub fn compare(&self, device: Device) -> Result<Tally, String> {
        let (varied, fixed) = self.arrays()?;
        card::compare(&|xs, fixed| self.call(xs, fixed), &varied, &fixed, device, 0)
    }

    /// The inputs that vary, and those that stay as they are.
    fn arrays(&self) -> Result<(Vec<Array>, Vec<Array>), String> {
        let mut varied = Vec::new();
        let mut fixed = Vec::new();
        for input in &self.inputs {
            let (place, array) = match input {
                Input::Vary(laid) => (&mut varied, laid.floats()),
                Input::Constant(laid) => (&mut fixed, laid.floats()),
                Input::Index(laid) => (&mut fixed, laid.integers()),
            };
            place.push(array.map_err(|error| format!("the input itself: {error}"))?);
        }
        Ok((varied, fixed))
    }

    fn call(&self, varied: &[Tensor], fixed: &[Array]) -> Result<Vec<Tensor>> {
        let fixed: Vec<Tensor> = fixed.iter().cloned().map(Tensor::constant).collect();
        let (mut varied, mut fixed) = (varied.iter(), fixed.iter());
        let inputs: Vec<&Tensor> = self
            .inputs
            .iter()
            .filter_map(|input| match input {
                Input::Vary(_) => varied.next(),
                Input::Constant(_) | Input::Index(_) => fixed.next(),
            })
            .collect();
        Ok(Tensor::apply(self.op.clone(), &inputs)?.into_vec())
    }

    /// No gradient is dropped in silence: there is none to be had, or an error.
    fn is_constant(&self, varied: &[Array], fixed: &[Array]) -> Result<Tally, String> {
        let tally = Tally { samples: 1, ..Tally::default() };
        let leaves: Vec<Tensor> =
            varied.iter().cloned().map(|x| Tensor::constant(x).requires_grad()).collect();
        let Ok(outputs) = self.call(&leaves, fixed) else { return Ok(tally) };
        for y in outputs.iter().filter(|y| y.needs_grad()) {
            let ones = Array::filled("ones", y.shape().clone(), y.dtype(), 1).map(Tensor::constant);
            let ones = ones.map_err(|error| error.to_string())?;
            let of: Vec<&Tensor> = leaves.iter().collect();
            if Grad::new().cotangents(&[Some(&ones)]).allow_unused().of(&[y], &of).is_ok() {
                return Err("has a gradient, though it is said to have none".into());
            }
        }
        Ok(tally)
    }
}

/// A formula as an operation.
pub fn map_of(
    inputs: usize,
    numbers: &[Scalar],
    shape: Option<Shape>,
    f: impl Fn(&[Expr], &[Expr]) -> Vec<Expr>,
) -> Map {
    let program = traced(inputs, numbers.len(), &f);
    Map { program, numbers: Numbers::from_slice(numbers), shape: shape.map(Box::new) }
}
