//! The one door: `apply`. Every method of every trait is written in terms of it, and every type that goes through it
//! has all of them.

use cresset_tensor::{Array, DType, Device, Error, Result, Scalar, Shape};
use smallvec::SmallVec;

use crate::{
    backend,
    expr::{Closure, Expr, SharedProgram},
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

    /// Numbers without a history, where this lives: what a method makes to be combined with its arguments.
    ///
    /// They are made in the processor's memory; there it costs nothing, elsewhere they are moved.
    #[track_caller]
    #[inline]
    fn beside(&self, array: Array) -> Result<Self> {
        Ok(Self::constant(backend::moved(array, self.device())?))
    }

    /// Every element the same number, without a history, where this lives. Elsewhere than in the processor's memory they
    /// are filled where they are.
    #[track_caller]
    #[inline]
    fn filled_beside(
        &self,
        operation: &'static str,
        shape: Shape,
        dtype: DType,
        value: impl Into<Scalar>,
    ) -> Result<Self> {
        Ok(Self::constant(backend::filled(operation, self.device(), shape, dtype, value.into())?))
    }

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
        mapped(Closure::of(&f), inputs, numbers)
    }

    /// Applies a formula of several outputs.
    #[track_caller]
    fn formulas<F, const N: usize>(inputs: &[&Self], numbers: &[Scalar], f: F) -> Result<Outputs<Self>>
    where
        F: Fn(&[Expr], &[Expr]) -> [Expr; N],
    {
        mapped_many(Closure::of(&f), inputs, numbers)
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
        mapped_into(Closure::of(&f), inputs, numbers, targets)
    }
}

// What follows does not depend on a closure's type, and hundreds of methods end here: so it is compiled once for each type
// of array, not once for each closure.

#[track_caller]
#[inline(never)]
pub(crate) fn mapped<T: Apply>(closure: Closure, inputs: &[&T], numbers: &[Scalar]) -> Result<T> {
    of_program(closure.traced(inputs.len(), numbers.len()), inputs, numbers)
}

#[track_caller]
#[inline(never)]
fn mapped_many<T: Apply>(closure: Closure, inputs: &[&T], numbers: &[Scalar]) -> Result<Outputs<T>> {
    let program = closure.traced(inputs.len(), numbers.len());
    T::apply(Op::Map(Map::of(program, numbers)), inputs)
}

#[track_caller]
#[inline(never)]
fn mapped_into<T: Apply>(closure: Closure, inputs: &[&T], numbers: &[Scalar], targets: &[&T]) -> Result<()> {
    let program = closure.traced(inputs.len(), numbers.len());
    T::apply_into(Op::Map(Map::of(program, numbers)), inputs, targets)
}

/// A formula of one output.
#[track_caller]
pub(crate) fn of_program<T: Apply>(program: SharedProgram, inputs: &[&T], numbers: &[Scalar]) -> Result<T> {
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
    pub fn with(&self, this: &T, f: impl Fn(Expr, Expr) -> Expr + Copy) -> Result<T> {
        self.with_either(this, f, f)
    }

    /// `of_value(this, operand)`, or `of_number(this, operand)` of a number, whose derivative may be another.
    #[track_caller]
    pub fn with_either(
        &self,
        this: &T,
        of_value: impl Fn(Expr, Expr) -> Expr + Copy,
        of_number: impl Fn(Expr, Expr) -> Expr + Copy,
    ) -> Result<T> {
        let (value, number) = (self::of_value(of_value), self::of_number(of_number));
        self.mapped(this, Closure::of(&value), Closure::of(&number))
    }

    /// `this = f(this, operand)`, in place.
    #[track_caller]
    pub fn with_into(&self, this: &T, f: impl Fn(Expr, Expr) -> Expr + Copy) -> Result<()> {
        self.with_either_into(this, f, f)
    }

    /// [`with_either`](Self::with_either), in place.
    #[track_caller]
    pub fn with_either_into(
        &self,
        this: &T,
        of_value: impl Fn(Expr, Expr) -> Expr + Copy,
        of_number: impl Fn(Expr, Expr) -> Expr + Copy,
    ) -> Result<()> {
        let (value, number) = (self::of_value(of_value), self::of_number(of_number));
        self.mapped_into(this, Closure::of(&value), Closure::of(&number))
    }

    /// By one formula if this is a value, by another if it is a number.
    #[track_caller]
    #[inline(never)]
    fn mapped(&self, this: &T, value: Closure, number: Closure) -> Result<T> {
        match self {
            Operand::Value(other) => mapped(value, &[this, other], &[]),
            Operand::Owned(other) => mapped(value, &[this, other], &[]),
            Operand::Number(n) => mapped(number, &[this], &[*n]),
        }
    }

    #[track_caller]
    #[inline(never)]
    fn mapped_into(&self, this: &T, value: Closure, number: Closure) -> Result<()> {
        match self {
            Operand::Value(other) => mapped_into(value, &[this, other], &[], &[this]),
            Operand::Owned(other) => mapped_into(value, &[this, other], &[], &[this]),
            Operand::Number(n) => mapped_into(number, &[this], &[*n], &[this]),
        }
    }

    /// As a value: a number becomes one without dimensions, of the dtype it would promote `like` to.
    pub fn value(&self, like: DType) -> Result<T> {
        match self {
            Operand::Value(value) => Ok((*value).clone()),
            Operand::Owned(value) => Ok(value.clone()),
            Operand::Number(number) => Ok(T::constant(Array::scalar(*number, promoted(like, *number))?)),
        }
    }

    /// As a value: a number becomes one without dimensions, of the dtype it would promote `like`'s to, where that lives.
    #[track_caller]
    pub fn value_beside(&self, like: &T) -> Result<T> {
        match self {
            Operand::Value(value) => Ok((*value).clone()),
            Operand::Owned(value) => Ok(value.clone()),
            Operand::Number(number) => {
                like.filled_beside("scalar", Shape::default(), promoted(like.dtype(), *number), *number)
            }
        }
    }
}

/// The dtype that a number makes of another.
fn promoted(like: DType, number: Scalar) -> DType {
    if number.category() > like.category() { like.promote(number.dtype()) } else { like }
}

fn of_value(f: impl Fn(Expr, Expr) -> Expr) -> impl Fn(&[Expr], &[Expr]) -> Expr {
    move |x, _| f(x[0], x[1])
}

fn of_number(f: impl Fn(Expr, Expr) -> Expr) -> impl Fn(&[Expr], &[Expr]) -> Expr {
    move |x, n| f(x[0], n[0])
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
