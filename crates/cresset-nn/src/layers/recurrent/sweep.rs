//! One layer in one direction over all time steps, as one function with a derivative of its own.
//!
//! A step is a product of the hidden state and one formula. The derivative goes back through the same steps with one
//! formula and one product each, and takes the gradient of the weight as one product over all steps at the end: recorded
//! step by step it would be as many products as steps, each added to a sum of the weight's size.

use std::sync::Arc;

use cresset_autograd::{
    Apply, Array, Context, Device, Error, Function, Grad, Result, Shape, Tensor, is_grad_enabled,
};
use cresset_ops::{methods::prelude::*, op::Op};
use cresset_tensor::order::sort_by;

use super::formulas::{
    Kind, gru, gru_backward, lstm, lstm_backward, relu, relu_backward, tanh, tanh_backward,
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

    fn hidden(&self, kind: Kind) -> usize {
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
fn rows<T: Apply>(x: &T, start: usize, size: usize) -> Result<T> {
    x.narrow(0, start as i64, size as i64)
}

/// One of several parts side by side.
#[track_caller]
fn part<T: Apply>(x: &T, k: usize, hidden: usize) -> Result<T> {
    x.narrow(-1, (k * hidden) as i64, hidden as i64)
}

/// The first so many parts side by side.
#[track_caller]
fn parts<T: Apply>(x: &T, count: usize, hidden: usize) -> Result<Vec<T>> {
    (0..count).map(|k| part(x, k, hidden)).collect()
}

/// Numbers that will be written before they are read.
#[track_caller]
fn empty(shape: [usize; 2], like: &Array) -> Result<Array> {
    match like.device() {
        Device::Cpu => Array::uninitialised("empty", Shape::from(shape), like.dtype()),
        Device::Gpu(_) => like.new_empty(shape),
    }
}

#[track_caller]
fn product<T: Apply>(a: &T, b: &T) -> Result<T> {
    T::apply_one(Op::Matmul, &[a, b])
}

/// As [`empty`], of rows that do not lie a power of two apart, since such rows fall into few sets of a cache.
#[track_caller]
fn empty_apart(shape: [usize; 2], like: &Array) -> Result<Array> {
    /// Between the rows, in elements.
    const GAP: usize = 80;
    empty([shape[0], shape[1] + GAP], like)?.narrow(-1, 0, shape[1] as i64)
}

/// A matrix that every step's product reads where it lies.
#[track_caller]
fn apart(x: &Array) -> Result<Array> {
    let copy = empty_apart([x.shape()[0], x.shape()[1]], x)?;
    copy.copy_(x)?;
    Ok(copy)
}

/// Arrays one below the other, as one that shares no memory with them.
#[track_caller]
fn below(mut pieces: Vec<Array>, width: usize, like: &Array) -> Result<Array> {
    pieces.retain(|piece| piece.numel() > 0);
    match &pieces[..] {
        [] => empty([0, width], like),
        [only] => only.copy(),
        _ => Array::cat(&pieces, 0),
    }
}

impl Sweep {
    /// The state before a step: of the step before, or the first state where that has no such row.
    fn before(&self, step: usize, first: &Array, all: &Array) -> Result<Array> {
        let size = self.steps[step].1;
        let (start, known) = if step == 0 { (0, 0) } else { self.steps[step - 1] };
        if known == 0 || size <= known {
            return if known == 0 { rows(first, 0, size) } else { rows(all, start, size) };
        }
        Array::cat(&[rows(all, start, known)?, rows(first, known, size - known)?], 0)
    }

    /// The states before all steps, one below the other.
    fn all_before(&self, first: &Array, all: &Array) -> Result<Array> {
        let mut steps: Vec<usize> = (0..self.steps.len()).collect();
        sort_by(&mut steps, |&one, &other| self.steps[one].0.cmp(&self.steps[other].0));
        let pieces = steps.into_iter().map(|step| self.before(step, first, all)).collect::<Result<_>>()?;
        below(pieces, first.shape()[1], first)
    }

    /// The state of every sequence after its last step.
    fn after(&self, first: &Array, all: &Array) -> Result<Array> {
        let (mut pieces, mut known) = (Vec::new(), 0);
        for &(start, size) in self.steps.iter().rev() {
            if size > known {
                pieces.push(rows(all, start + known, size - known)?);
                known = size;
            }
        }
        pieces.push(rows(first, known, first.shape()[0] - known)?);
        below(pieces, first.shape()[1], first)
    }
}

fn missing(kind: Kind) -> Error {
    Error::gradient(kind.name(), "what is needed was not kept")
}

/// What forward keeps for backward, besides its inputs.
struct Kept {
    /// The hidden state at all times.
    y: Array,
    /// The gates at all times.
    gates: Array,
    /// The cell after each step.
    cells: Array,
}

impl Function for Sweep {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn forward(&self, context: &mut Context, list: &[&Tensor]) -> Result<Vec<Tensor>> {
        let kind = self.kind;
        let arrays: Vec<Array> = list.iter().map(|x| x.array().clone()).collect();
        let inputs = Inputs::of(kind, &arrays)?;
        let (hidden, count) = (inputs.hidden(kind), inputs.x.shape()[0]);
        let room = |width: usize, needed: bool| empty([if needed { count } else { 0 }, width], &inputs.x);
        let keep = self.keep && matches!(kind, Kind::Lstm | Kind::Gru);
        let kept = Kept {
            y: room(inputs.h.shape()[1], true)?,
            gates: room(4 * hidden, keep)?,
            cells: room(hidden, kind.has_cell())?,
        };
        let weight = apart(&inputs.weight)?.t()?;
        for (step, &(start, size)) in self.steps.iter().enumerate() {
            let h = self.before(step, &inputs.h, &kept.y)?;
            let y = rows(&kept.y, start, size)?;
            let x = parts(&rows(&inputs.x, start, size)?, kind.gates(), hidden)?;
            let sums = parts(&product(&h, &weight)?, kind.gates(), hidden)?;
            let mut operands: Vec<&Array> = x.iter().chain(&sums).collect();
            let gates = if keep { parts(&rows(&kept.gates, start, size)?, 4, hidden)? } else { Vec::new() };
            match kind {
                Kind::Tanh => Array::formulas_into(&operands, &[], &[&y], |x, _| [tanh(x)])?,
                Kind::Relu => Array::formulas_into(&operands, &[], &[&y], |x, _| [relu(x)])?,
                Kind::Gru => {
                    let bias = inputs.bias.as_ref().ok_or_else(|| missing(kind))?;
                    operands.extend([bias, &h]);
                    match &gates[..] {
                        [r, z, n, inner] => {
                            Array::formulas_into(&operands, &[], &[r, z, n, inner, &y], |x, _| gru(x))?;
                        }
                        _ => Array::formulas_into(&operands, &[], &[&y], |x, _| [gru(x)[4]])?,
                    }
                }
                Kind::Lstm => {
                    let first = inputs.c.as_ref().ok_or_else(|| missing(kind))?;
                    let before = self.before(step, first, &kept.cells)?;
                    operands.push(&before);
                    let c = rows(&kept.cells, start, size)?;
                    // With a projection, the result is not yet the hidden state.
                    let whole = match inputs.projection {
                        Some(_) => empty([size, hidden], &inputs.x)?,
                        None => y.clone(),
                    };
                    match &gates[..] {
                        [i, f, g, o] => {
                            Array::formulas_into(&operands, &[], &[i, f, g, o, &c, &whole], |x, _| lstm(x))?;
                        }
                        _ => Array::formulas_into(&operands, &[], &[&c, &whole], |x, _| {
                            let [.., c, h] = lstm(x);
                            [c, h]
                        })?,
                    }
                    if let Some(projection) = &inputs.projection {
                        y.copy_(&product(&whole, &projection.t()?)?)?;
                    }
                }
            }
        }
        let h = self.after(&inputs.h, &kept.y)?;
        let c = inputs.c.as_ref().map(|c| self.after(c, &kept.cells)).transpose()?;
        let y = kept.y.clone();
        if self.keep {
            let kept = [kept.y, kept.gates, kept.cells].map(Tensor::constant);
            let all: Vec<&Tensor> = list.iter().copied().chain(&kept).collect();
            context.save_for_backward(&all);
        }
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
        let found = self.plain_backward(&context.needs_input_grad, &inputs, &kept, &gradients)?;
        Ok(found.into_iter().take(list.len()).map(|dx| dx.map(Tensor::constant)).collect())
    }
}

impl Sweep {
    /// Back through all steps.
    fn plain_backward(
        &self,
        wanted: &[bool],
        inputs: &Inputs<Array>,
        kept: &Kept,
        gradients: &[Option<Array>],
    ) -> Result<Vec<Option<Array>>> {
        let kind = self.kind;
        let wants = |i: usize| wanted.get(i).copied().unwrap_or(false);
        let (hidden, count) = (inputs.hidden(kind), inputs.x.shape()[0]);
        let width = inputs.h.shape()[1];
        let gradient = |i: usize| gradients.get(i).and_then(Option::as_ref);
        let start_of = |i: usize, like: &Array| match gradient(i) {
            Some(gradient) => gradient.copy(),
            None => like.zeros_like(),
        };
        let dh_all = start_of(1, &inputs.h)?;
        let dc_all = inputs.c.as_ref().map(|c| start_of(2, c)).transpose()?;
        let nothing = inputs.x.new_zeros([1, 1])?;
        let sums = empty_apart([count, kind.gates() * hidden], &inputs.x)?;
        // Only in the GRU the hidden state's part has a gradient of its own.
        let own = match kind {
            Kind::Gru => empty_apart([count, 3 * hidden], &inputs.x)?,
            Kind::Tanh | Kind::Relu | Kind::Lstm => sums.clone(),
        };
        let projected = inputs.projection.as_ref().map(|_| empty([count, width], &inputs.x)).transpose()?;
        let weight = apart(&inputs.weight)?;
        // The last product, which is the gradient of the hidden state of so many sequences.
        let mut back: Option<Array> = None;
        for (step, &(start, size)) in self.steps.iter().enumerate().rev() {
            let mut dy = gradient(0).map_or(Ok(nothing.clone()), |dy| rows(dy, start, size))?;
            let dh = match back.take() {
                Some(back) if back.shape()[0] == size => back,
                back => {
                    if let Some(back) = back {
                        rows(&dh_all, 0, back.shape()[0])?.copy_(&back)?;
                    }
                    rows(&dh_all, 0, size)?
                }
            };
            let mut into = dh.clone();
            if let (Some(projection), Some(projected)) = (&inputs.projection, &projected) {
                let whole = rows(projected, start, size)?;
                Array::formulas_into(&[&dh, &dy], &[], &[&whole], |x, _| [x[0] + x[1]])?;
                into = product(&whole, projection)?;
                dy = nothing.clone();
            }
            let sums = rows(&sums, start, size)?;
            let own = rows(&own, start, size)?;
            let y = rows(&kept.y, start, size)?;
            match (kind, &dc_all, &inputs.c) {
                (Kind::Tanh, ..) => Array::formulas_into(&[&y, &dh, &dy], &[], &[&sums], |x, _| {
                    [tanh_backward(x[0], x[1] + x[2])]
                })?,
                (Kind::Relu, ..) => Array::formulas_into(&[&y, &dh, &dy], &[], &[&sums], |x, _| {
                    [relu_backward(x[0], x[1] + x[2])]
                })?,
                (Kind::Lstm, Some(dc), Some(first)) => {
                    let dc = rows(dc, 0, size)?;
                    let before = self.before(step, first, &kept.cells)?;
                    let gates = parts(&rows(&kept.gates, start, size)?, 4, hidden)?;
                    let all = [&gates[0], &gates[1], &gates[2], &gates[3], &before, &into, &dy, &dc];
                    let sums = parts(&sums, 4, hidden)?;
                    let targets = [&sums[0], &sums[1], &sums[2], &sums[3], &dc];
                    Array::formulas_into(&all, &[], &targets, |x, _| lstm_backward(x))?;
                }
                (Kind::Gru, ..) => {
                    let before = self.before(step, &inputs.h, &kept.y)?;
                    let gates = parts(&rows(&kept.gates, start, size)?, 4, hidden)?;
                    let all = [&gates[0], &gates[1], &gates[2], &gates[3], &before, &dh, &dy];
                    let (sums, own) = (parts(&sums, 3, hidden)?, parts(&own, 3, hidden)?);
                    let targets = [&sums[0], &sums[1], &sums[2], &own[0], &own[1], &own[2], &dh];
                    Array::formulas_into(&all, &[], &targets, |x, _| {
                        let [r, z, n, inner, dh] = gru_backward(x);
                        [r, z, n, r, z, inner, dh]
                    })?;
                }
                (Kind::Lstm, ..) => return Err(missing(kind)),
            }
            let found = product(&own, &weight)?;
            if kind == Kind::Gru {
                dh.add_(&found)?;
                back = Some(dh);
            } else {
                back = Some(found);
            }
        }
        if let Some(back) = back {
            rows(&dh_all, 0, back.shape()[0])?.copy_(&back)?;
        }
        let over_time = |sums: &Array, x: &Array| product(&sums.t()?, x);
        let weight = match wants(1) {
            true => Some(over_time(&own, &self.all_before(&inputs.h, &kept.y)?)?),
            false => None,
        };
        let mut found = vec![Some(sums), weight, Some(dh_all)];
        if inputs.bias.is_some() {
            found.push(if wants(3) { Some(part(&own, 2, hidden)?.sum_dim(0, false)?) } else { None });
        }
        found.extend(dc_all.map(Some));
        if let Some(projected) = &projected {
            found.push(match wants(4) {
                true => {
                    // What was projected, once more.
                    let o = part(&kept.gates, 3, hidden)?;
                    let whole = Array::formula(&[&o, &kept.cells], &[], |x, _| x[0] * x[1].tanh())?;
                    Some(over_time(projected, &whole)?)
                }
                false => None,
            });
        }
        Ok(found)
    }

    /// The same through recorded operations, so that the gradients have gradients.
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
            let mut operands: Vec<&T> = x.iter().chain(&sums).collect();
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
