//! Steps that follow each other: at each a product with the same matrix, and a formula of its parts and of more.
//!
//! That is what a recurrent layer does at every time, forward and backward. Products and formulas one by one say the same;
//! together the matrix is packed once, and a step's numbers never leave the cache.

use std::panic::Location;

use cresset_tensor::{Array, Error, Result};

use crate::{
    Apply, Expr,
    cpu::recurrence::Parts,
    expr::Closure,
    op::{Map, Op},
    profile, work,
};

/// A matrix that the steps of a recurrence multiply with: its columns are parts of equal width, side by side.
///
/// ```
/// use cresset_ops::{prelude::*, recurrence::{Recurrence, Step}};
/// // Two states, each the hyperbolic tangent of the one before, turned, and of an input.
/// let turn = Array::new([[0.0f32, 1.0], [-1.0, 0.0]]);
/// let (x, h) = (Array::ones([2, 1, 2]).to_dtype(DType::F32)?, Array::zeros([3, 1, 2]).to_dtype(DType::F32)?);
/// let step = |t: i64| {
///     Ok(Step { left: h.select(0, t)?, operands: vec![x.select(0, t)?], targets: vec![h.select(0, t + 1)?] })
/// };
/// let steps = [step(0)?, step(1)?];
/// Recurrence::new(&turn, 1)?.run(&steps, |x| [(x[0] + x[1]).tanh()])?;
/// let first = 1f32.tanh();
/// let last = h.select(0, 2)?.to_vec::<f32>()?;
/// assert!((last[0] - (1.0 - first).tanh()).abs() < 1e-6 && (last[1] - (1.0 + first).tanh()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
pub struct Recurrence {
    weight: Array,
    count: usize,
    parts: Option<Parts>,
}

/// One step.
pub struct Step {
    /// The left factor of the product, `[rows, depth]`: mostly what the step before has written.
    pub left: Array,
    /// What the formula is given after the product's parts. They broadcast to `[rows, columns of a part]`.
    pub operands: Vec<Array>,
    /// Where the formula's outputs are written, `[rows, columns of a part]`.
    pub targets: Vec<Array>,
}

impl Recurrence {
    /// Takes a matrix `[depth, parts · columns]`, which must stay as it is while there are steps.
    #[track_caller]
    pub fn new(weight: &Array, parts: usize) -> Result<Recurrence> {
        match weight.shape()[..] {
            [_, all] if parts > 0 && all % parts == 0 => {
                Ok(Recurrence { weight: weight.clone(), count: parts, parts: Parts::new(weight, parts) })
            }
            _ => Err(Error::shape(
                "recurrence",
                format!("a matrix of {parts} parts side by side is needed, not {}", weight.shape()),
            )),
        }
    }

    /// Columns of a part.
    pub fn columns(&self) -> usize {
        self.weight.shape()[1] / self.count
    }

    /// Goes through steps in order. The formula is given the parts of `left @ weight`, and then the operands.
    #[track_caller]
    pub fn run<const N: usize>(&self, steps: &[Step], f: impl Fn(&[Expr]) -> [Expr; N]) -> Result<()> {
        let location = Location::caller();
        self.run_all(steps, Closure::of(&|x: &[Expr], _: &[Expr]| f(x))).map_err(|error| error.at(location))
    }

    fn run_all(&self, steps: &[Step], closure: Closure) -> Result<()> {
        let Some(first) = steps.first() else { return Ok(()) };
        steps.iter().try_for_each(|step| self.check(step))?;
        let map = Map::of(closure.traced(self.count + first.operands.len(), 0), &[]);
        let _span = profile::span(profile::Kind::Operation, || "recurrence".into());
        if let Some(parts) = &self.parts
            && parts.run(&map, steps)?
        {
            let rows: usize = steps.iter().map(|step| step.left.shape()[0]).sum();
            work::count_product(rows * self.weight.numel());
            return Ok(());
        }
        for step in steps {
            let product = Array::apply_one(Op::Matmul, &[&step.left, &self.weight])?;
            let columns = self.columns();
            let part = |k: usize| {
                let layout = product.layout().slice(1, k * columns, columns, 1)?;
                product.with_layout(layout)
            };
            let parts: Vec<Array> = (0..self.count).map(part).collect::<Result<_>>()?;
            let inputs: Vec<&Array> = parts.iter().chain(&step.operands).collect();
            let targets: Vec<&Array> = step.targets.iter().collect();
            Array::apply_into(Op::Map(map.clone()), &inputs, &targets)?;
        }
        Ok(())
    }

    fn check(&self, step: &Step) -> Result<()> {
        let refuse = |message: String| Err(Error::shape("recurrence", message));
        let (depth, columns) = (self.weight.shape()[0], self.columns());
        let rows = match step.left.shape()[..] {
            [rows, inner] if inner == depth => rows,
            _ => {
                let wanted = format!("a left factor must be of shape [rows, {depth}]");
                return refuse(format!("{wanted} for this matrix, not {}", step.left.shape()));
            }
        };
        let shape = [rows, columns].into();
        if let Some(x) = step.operands.iter().find(|x| x.shape().broadcast(&shape).as_ref() != Some(&shape)) {
            return refuse(format!("an operand of shape {} does not broadcast to {shape}", x.shape()));
        }
        step.targets
            .iter()
            .try_for_each(|target| crate::cpu::check_target("recurrence", target, &shape, target.dtype()))
    }
}
