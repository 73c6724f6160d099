//! One layer in one direction over all time steps, as one function with a derivative of its own.
//!
//! A step is a product of the hidden state and one formula. The derivative goes back through the same steps with one
//! formula and one product each, and takes the gradient of the weight as one product over all steps at the end: recorded
//! step by step it would be as many products as steps, each added to a sum of the weight's size.

use std::sync::Arc;

use cresset_autograd::{Apply, Array, Context, Error, Function, Grad, Result, Tensor, is_grad_enabled};
use cresset_ops::{methods::prelude::*, op::Op};
use cresset_tensor::order::sort_by;

use super::{
    formulas::{Kind, gru, lstm, relu, tanh},
    passes::{Kept, backward, forward},
};

/// The rows of each step in the order in which they are computed: where they start, and how many.
pub type Steps = Arc<[(usize, usize)]>;

/// The steps of rows that lie one time after the other, of so many sequences each.
pub fn steps(sizes: &[usize], reverse: bool) -> Steps {
    let mut start = 0;
    let mut steps: Vec<(usize, usize)> = Vec::with_capacity(sizes.len());
    for &size in sizes {
        steps.push((start, size));
        start += size;
    }
    if reverse {
        steps.reverse();
    }
    steps.into()
}

/// What a layer is given.
pub struct Inputs<T> {
    /// `[rows, gates·hidden]`: the input's part of all sums, with biases.
    pub x: T,
    /// `[gates·hidden, width]`.
    pub weight: T,
    /// `[sequences, width]`: the hidden state before.
    pub h: T,
    /// `[hidden]`: of the GRU's last gate the bias that its reset gate scales.
    pub bias: Option<T>,
    /// `[sequences, hidden]`: the LSTM's cell before.
    pub c: Option<T>,
    /// `[width, hidden]`: makes the hidden state of the LSTM's result.
    pub projection: Option<T>,
}

/// What a layer gives.
pub struct Outputs<T> {
    /// `[rows, width]`: the hidden state at all times.
    pub y: T,
    /// The hidden state after.
    pub h: T,
    /// The cell after.
    pub c: Option<T>,
}

impl<T: Apply> Inputs<T> {
    fn list(&self) -> Vec<&T> {
        let always = [&self.x, &self.weight, &self.h];
        always.into_iter().chain(&self.bias).chain(&self.c).chain(&self.projection).collect()
    }

    fn of(kind: Kind, list: &[T]) -> Result<Inputs<T>> {
        let get = |i: usize| list.get(i).cloned();
        let lost = || Error::gradient(kind.name(), "an input is missing");
        let (x, weight, h) = (get(0).ok_or_else(lost)?, get(1).ok_or_else(lost)?, get(2).ok_or_else(lost)?);
        let own = |of: bool| if of { get(3).ok_or_else(lost).map(Some) } else { Ok(None) };
        let (bias, c) = (own(kind == Kind::Gru)?, own(kind.has_cell())?);
        Ok(Inputs { x, weight, h, bias, c, projection: if kind.has_cell() { get(4) } else { None } })
    }

    /// How wide the gates are.
    pub fn hidden(&self, kind: Kind) -> usize {
        self.weight.shape()[0] / kind.gates()
    }
}

/// Goes through all steps.
#[track_caller]
pub fn sweep(kind: Kind, steps: Steps, inputs: &Inputs<Tensor>) -> Result<Outputs<Tensor>> {
    let list = inputs.list();
    let keep = is_grad_enabled() && list.iter().any(|x| x.needs_grad());
    let mut outputs = Sweep { kind, steps, keep }.apply(&list)?.into_iter();
    match (outputs.next(), outputs.next()) {
        (Some(y), Some(h)) => Ok(Outputs { y, h, c: outputs.next() }),
        _ => Err(Error::argument(kind.name(), "a layer has at least two outputs")),
    }
}

struct Sweep {
    kind: Kind,
    steps: Steps,
    /// Whether what backward needs is kept.
    keep: bool,
}

/// The rows of one step.
#[track_caller]
pub fn rows<T: Apply>(x: &T, start: usize, size: usize) -> Result<T> {
    x.narrow(0, start as i64, size as i64)
}

/// One of several parts side by side.
#[track_caller]
pub fn part<T: Apply>(x: &T, k: usize, hidden: usize) -> Result<T> {
    x.narrow(-1, (k * hidden) as i64, hidden as i64)
}

/// The first so many parts side by side.
#[track_caller]
pub fn parts<T: Apply>(x: &T, count: usize, hidden: usize) -> Result<Vec<T>> {
    (0..count).map(|k| part(x, k, hidden)).collect()
}

#[track_caller]
pub fn product<T: Apply>(a: &T, b: &T) -> Result<T> {
    T::apply_one(Op::Matmul, &[a, b])
}

/// Backward lacks something.
pub fn missing(kind: Kind) -> Error {
    Error::gradient(kind.name(), "what is needed was not kept")
}

impl Function for Sweep {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn forward(&self, context: &mut Context, list: &[&Tensor]) -> Result<Vec<Tensor>> {
        let arrays: Vec<Array> = list.iter().map(|x| x.array().clone()).collect();
        let (outputs, kept) = forward(self.kind, &self.steps, &Inputs::of(self.kind, &arrays)?, self.keep)?;
        if self.keep {
            let kept = [kept.y, kept.gates, kept.cells].map(Tensor::constant);
            let all: Vec<&Tensor> = list.iter().copied().chain(&kept).collect();
            context.save_for_backward(&all);
        }
        let Outputs { y, h, c } = outputs;
        Ok([Some(y), Some(h), c].into_iter().flatten().map(Tensor::constant).collect())
    }

    fn backward(&self, context: &Context, gradients: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let saved = context.saved_tensors()?;
        let [list @ .., y, gates, cells] = &saved[..] else {
            return Err(missing(self.kind));
        };
        if is_grad_enabled() {
            return self.recorded_backward(context, list, gradients);
        }
        let kept = Kept { y: y.array().clone(), gates: gates.array().clone(), cells: cells.array().clone() };
        let list: Vec<Array> = list.iter().map(|x| x.array().clone()).collect();
        let inputs = Inputs::of(self.kind, &list)?;
        let gradients: Vec<Option<Array>> =
            gradients.iter().map(|dy| dy.as_ref().map(|dy| dy.array().clone())).collect();
        let wanted = &context.needs_input_grad;
        let found = backward(self.kind, &self.steps, wanted, &inputs, &kept, &gradients)?;
        Ok(found.into_iter().take(list.len()).map(|dx| dx.map(Tensor::constant)).collect())
    }
}

impl Sweep {
    /// Back through recorded operations, so that the gradients have gradients.
    fn recorded_backward(
        &self,
        context: &Context,
        list: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        // Aliases, since one tensor may be several of the inputs, and each has a gradient of its own.
        let list: Vec<Tensor> = list.iter().map(|x| x.alias()).collect::<Result<_>>()?;
        let outputs = self.step_by_step(&Inputs::of(self.kind, &list)?)?;
        let outputs: Vec<&Tensor> = [Some(&outputs.y), Some(&outputs.h), outputs.c.as_ref()]
            .into_iter()
            .flatten()
            .zip(gradients)
            .filter_map(|(output, dy)| dy.as_ref().map(|_| output))
            .collect();
        let cotangents: Vec<Option<&Tensor>> =
            gradients.iter().filter(|dy| dy.is_some()).map(Option::as_ref).collect();
        let places: Vec<usize> =
            (0..list.len()).filter(|&i| context.needs_input_grad.get(i) == Some(&true)).collect();
        let wanted: Vec<&Tensor> = places.iter().map(|&i| &list[i]).collect();
        let found =
            Grad::new().cotangents(&cotangents).create_graph().allow_unused().of(&outputs, &wanted)?;
        let mut all: Vec<Option<Tensor>> = list.iter().map(|_| None).collect();
        for (place, dx) in places.into_iter().zip(found) {
            all[place] = Some(dx);
        }
        Ok(all)
    }

    /// All steps in operations that are recorded one by one.
    fn step_by_step<T: Apply>(&self, inputs: &Inputs<T>) -> Result<Outputs<T>> {
        let kind = self.kind;
        let hidden = inputs.hidden(kind);
        let weight = inputs.weight.t()?;
        let (mut state, mut cells) = (inputs.h.clone(), inputs.c.clone());
        let mut all: Vec<(usize, T)> = Vec::with_capacity(self.steps.len());
        for &(start, size) in self.steps.iter() {
            let h = rows(&state, 0, size)?;
            let x = parts(&rows(&inputs.x, start, size)?, kind.gates(), hidden)?;
            let sums = parts(&product(&h, &weight)?, kind.gates(), hidden)?;
            let mut operands: Vec<&T> = sums.iter().chain(&x).collect();
            let mut y = match (kind, &inputs.bias, &cells) {
                (Kind::Tanh, ..) => T::formula(&operands, &[], |x, _| tanh(x))?,
                (Kind::Relu, ..) => T::formula(&operands, &[], |x, _| relu(x))?,
                (Kind::Gru, Some(bias), _) => {
                    operands.extend([bias, &h]);
                    T::formula(&operands, &[], |x, _| gru(x)[4])?
                }
                (Kind::Lstm, _, Some(c)) => {
                    let before = rows(c, 0, size)?;
                    operands.push(&before);
                    let both = T::formulas(&operands, &[], |x, _| {
                        let [.., c, h] = lstm(x);
                        [c, h]
                    })?;
                    cells = Some(replaced(c, &both[0])?);
                    both[1].clone()
                }
                (Kind::Gru | Kind::Lstm, ..) => return Err(missing(kind)),
            };
            if let Some(projection) = &inputs.projection {
                y = product(&y, &projection.t()?)?;
            }
            state = replaced(&state, &y)?;
            all.push((start, y));
        }
        sort_by(&mut all, |(start, _), (other, _)| start.cmp(other));
        let y = T::cat(&all.into_iter().map(|(_, y)| y).collect::<Vec<_>>(), 0)?;
        Ok(Outputs { y, h: state, c: cells })
    }
}

/// The first rows replaced.
fn replaced<T: Apply>(state: &T, first: &T) -> Result<T> {
    let (all, count) = (state.shape()[0], first.shape()[0]);
    if count == all {
        return Ok(first.clone());
    }
    T::cat(&[first.clone(), rows(state, count, all - count)?], 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs of sequences of lengths 3, 3, 1, in f64, drawn from a fixed seed.
    fn inputs(kind: Kind, projection: bool) -> (Vec<usize>, Inputs<Tensor>) {
        let (hidden, sizes) = (4, vec![3, 2, 2]);
        let width = if projection { 2 } else { hidden };
        let mut generator = cresset_tensor::Generator::new(11);
        let mut draw = |shape: &[usize]| {
            let options = TensorOptions::new().dtype(cresset_autograd::DType::F64).generator(&mut generator);
            Tensor::randn_with(shape, options).unwrap().requires_grad()
        };
        let inputs = Inputs {
            x: draw(&[7, kind.gates() * hidden]),
            weight: draw(&[kind.gates() * hidden, width]),
            h: draw(&[3, width]),
            bias: (kind == Kind::Gru).then(|| draw(&[hidden])),
            c: kind.has_cell().then(|| draw(&[3, hidden])),
            projection: projection.then(|| draw(&[width, hidden])),
        };
        (sizes, inputs)
    }

    fn close(a: &Tensor, b: &Tensor, what: &str) {
        let (a, b) = (a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap());
        assert_eq!(a.len(), b.len(), "{what}");
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{what}: {a} against {b}");
        }
    }

    /// A weighted sum of all outputs.
    fn total(outputs: &Outputs<Tensor>) -> Tensor {
        let weigh = |x: &Tensor| x.mul(x).unwrap().mul(0.5).unwrap().add(x).unwrap().sum().unwrap();
        let sum = weigh(&outputs.y).add(&weigh(&outputs.h)).unwrap();
        outputs.c.as_ref().map_or(sum.clone(), |c| sum.add(&weigh(c)).unwrap())
    }

    #[test]
    fn the_function_is_its_steps() {
        let kinds = [Kind::Tanh, Kind::Relu, Kind::Lstm, Kind::Gru].map(|kind| (kind, false));
        for (kind, projection) in kinds.into_iter().chain([(Kind::Lstm, true)]) {
            for reverse in [false, true] {
                let (sizes, inputs) = inputs(kind, projection);
                let steps = steps(&sizes, reverse);
                let what = format!("{kind:?}, projection {projection}, reverse {reverse}");
                let fast = sweep(kind, steps.clone(), &inputs).unwrap();
                let own = Sweep { kind, steps, keep: false };
                let slow = own.step_by_step(&inputs).unwrap();
                close(&fast.y, &slow.y, &what);
                close(&fast.h, &slow.h, &what);
                let list = inputs.list();
                let slow = Grad::new().create_graph().of(&[&total(&slow)], &list).unwrap();
                let plain = Grad::new().retain_graph().of(&[&total(&fast)], &list).unwrap();
                let fast = Grad::new().create_graph().of(&[&total(&fast)], &list).unwrap();
                let norm = |list: &[Tensor]| {
                    let squares = list.iter().map(|x| x.square().unwrap().sum().unwrap());
                    squares.reduce(|a, b| a.add(&b).unwrap()).unwrap()
                };
                for (i, ((a, b), c)) in plain.iter().zip(&slow).zip(&fast).enumerate() {
                    close(a, b, &format!("{what}, gradient {i}"));
                    close(c, b, &format!("{what}, recorded gradient {i}"));
                }
                // The gradients of the gradients.
                let slow = Grad::new().allow_unused().of(&[&norm(&slow)], &list).unwrap();
                let fast = Grad::new().allow_unused().of(&[&norm(&fast)], &list).unwrap();
                for (i, (a, b)) in fast.iter().zip(&slow).enumerate() {
                    close(a, b, &format!("{what}, second gradient {i}"));
                }
            }
        }
    }
}
