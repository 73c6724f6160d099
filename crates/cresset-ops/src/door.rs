//! The one door: `apply`. Every method of every trait is written in terms of it, and every type that goes through it
//! has all of them.

use std::sync::Arc;

use cresset_tensor::{Array, DType, Device, Error, Result, Scalar, Shape};
use smallvec::SmallVec;

use crate::{
    expr::{Expr, Program, traced},
    op::{Map, Op},
};

/// What an operation gives.
pub type Outputs<T> = SmallVec<[T; 1]>;

/// A type that operations can be applied to.
pub trait Apply: Clone + Sized + Send + Sync + 'static {
    /// Applies an operation.
    #[track_caller]
    fn apply(op: Op, inputs: &[&Self]) -> Result<Outputs<Self>>;

    /// Applies an operation and writes its outputs into what is there already. A target may be an input.
    #[track_caller]
    fn apply_into(op: Op, inputs: &[&Self], targets: &[&Self]) -> Result<()>;

    /// The numbers, without their history.
    fn array(&self) -> &Array;

    /// Numbers without a history.
    fn constant(array: Array) -> Self;

    /// The size of every dimension.
    fn shape(&self) -> &Shape {
        self.array().shape()
    }

    /// The kind of its numbers.
    fn dtype(&self) -> DType {
        self.array().dtype()
    }

    /// Where it lives.
    fn device(&self) -> Device {
        self.array().device()
    }

    /// Number of dimensions; PyTorch's `dim()`.
    fn rank(&self) -> usize {
        self.array().rank()
    }

    /// Number of elements.
    fn numel(&self) -> usize {
        self.array().numel()
    }

    /// The size of a dimension, counted from either end.
    #[track_caller]
    fn size(&self, dim: i64) -> Result<usize> {
        if self.rank() == 0 {
            return Err(Error::index("size", "a single number has no dimensions"));
        }
        Ok(self.shape()[self.shape().axis("size", dim)?])
    }

    /// Applies an operation of one output.
    #[track_caller]
    fn apply_one(op: Op, inputs: &[&Self]) -> Result<Self> {
        let name = op.name();
        let mut outputs = Self::apply(op, inputs)?;
        match outputs.pop() {
            Some(output) if outputs.is_empty() => Ok(output),
            _ => Err(Error::argument(name, "the operation does not have one output")),
        }
    }

    /// Applies an operation of two outputs.
    #[track_caller]
    fn apply_two(op: Op, inputs: &[&Self]) -> Result<(Self, Self)> {
        let name = op.name();
        let mut outputs = Self::apply(op, inputs)?.into_iter();
        match (outputs.next(), outputs.next()) {
            (Some(first), Some(second)) => Ok((first, second)),
            _ => Err(Error::argument(name, "the operation has fewer than two outputs")),
        }
    }

    /// Applies a formula of inputs and runtime numbers. The closure is traced once if it captures nothing.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([1.0, -2.0]);
    /// let y = Array::formula(&[&x], &[0.5.into()], |x, n| x[0].abs() * n[0])?;
    /// assert_eq!(y.to_vec::<f64>()?, [0.5, 1.0]);
    /// # Ok::<(), cresset_ops::Error>(())
    /// ```
    #[track_caller]
    fn formula<F>(inputs: &[&Self], numbers: &[Scalar], f: F) -> Result<Self>
    where
        F: Fn(&[Expr], &[Expr]) -> Expr,
    {
        mapped(traced(inputs.len(), numbers.len(), &f), inputs, numbers)
    }

    /// Applies a formula of several outputs.
    #[track_caller]
    fn formulas<F, const N: usize>(inputs: &[&Self], numbers: &[Scalar], f: F) -> Result<Outputs<Self>>
    where
        F: Fn(&[Expr], &[Expr]) -> [Expr; N],
    {
        let program = traced(inputs.len(), numbers.len(), &f);
        Self::apply(Op::Map(Map::of(program, numbers)), inputs)
    }

    /// Applies a formula and writes its outputs into what is there already.
    #[track_caller]
    fn formulas_into<F, const N: usize>(
        inputs: &[&Self],
        numbers: &[Scalar],
        targets: &[&Self],
        f: F,
    ) -> Result<()>
    where
        F: Fn(&[Expr], &[Expr]) -> [Expr; N],
    {
        let program = traced(inputs.len(), numbers.len(), &f);
        Self::apply_into(Op::Map(Map::of(program, numbers)), inputs, targets)
    }
}

/// A formula of one output, once it is a program. What follows does not depend on the closure, and hundreds of methods end
/// here: so it is compiled once, not once for each.
#[track_caller]
pub(crate) fn mapped<T: Apply>(program: Arc<Program>, inputs: &[&T], numbers: &[Scalar]) -> Result<T> {
    T::apply_one(Op::Map(Map::of(program, numbers)), inputs)
}

/// The other side of a binary method: an array, or a number that takes the array's dtype.
pub enum Operand<'a, T> {
    /// An array or a tensor.
    Value(&'a T),
    /// One made in passing.
    Owned(T),
    /// A number.
    Number(Scalar),
}

impl<'a, T: Apply> Operand<'a, T> {
    /// `f(this, operand)` as one formula.
    #[track_caller]
    pub fn with(&self, this: &T, f: impl Fn(Expr, Expr) -> Expr) -> Result<T> {
        match self {
            Operand::Value(other) => T::formula(&[this, other], &[], move |x, _| f(x[0], x[1])),
            Operand::Owned(other) => T::formula(&[this, other], &[], move |x, _| f(x[0], x[1])),
            Operand::Number(number) => T::formula(&[this], &[*number], move |x, n| f(x[0], n[0])),
        }
    }

    /// `this = f(this, operand)`, in place.
    #[track_caller]
    pub fn with_into(&self, this: &T, f: impl Fn(Expr, Expr) -> Expr) -> Result<()> {
        match self {
            Operand::Value(other) => {
                T::formulas_into(&[this, other], &[], &[this], move |x, _| [f(x[0], x[1])])
            }
            Operand::Owned(other) => {
                T::formulas_into(&[this, other], &[], &[this], move |x, _| [f(x[0], x[1])])
            }
            Operand::Number(number) => {
                T::formulas_into(&[this], &[*number], &[this], move |x, n| [f(x[0], n[0])])
            }
        }
    }

    /// As a value: a number becomes one without dimensions, of the dtype it would promote `like` to.
    pub fn value(&self, like: DType) -> Result<T> {
        match self {
            Operand::Value(value) => Ok((*value).clone()),
            Operand::Owned(value) => Ok(value.clone()),
            Operand::Number(number) => {
                let dtype =
                    if number.category() > like.category() { like.promote(number.dtype()) } else { like };
                Ok(T::constant(Array::scalar(*number, dtype)?))
            }
        }
    }
}

impl<'a, T: Apply> From<&'a T> for Operand<'a, T> {
    fn from(value: &'a T) -> Self {
        Operand::Value(value)
    }
}

impl<'a, T: Apply> From<&&'a T> for Operand<'a, T> {
    fn from(value: &&'a T) -> Self {
        Operand::Value(value)
    }
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl<'a, T> From<$type> for Operand<'a, T> {
            fn from(number: $type) -> Self {
                Operand::Number(number.into())
            }
        }
    )*};
}

numbers!(f64 f32 i64 i32 usize bool Scalar);

impl<'a> From<Array> for Operand<'a, Array> {
    fn from(value: Array) -> Self {
        Operand::Owned(value)
    }
}
