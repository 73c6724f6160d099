//! One layer in one direction over all time steps, as one function with a derivative of its own.
//!
//! A step is a product of the hidden state and one formula. The derivative goes back through the same steps with one
//! formula and one product each, and takes the gradient of the weight as one product over all steps at the end: recorded
//! step by step it would be as many products as steps, each added to a sum of the weight's size.

use std::sync::Arc;

use cresset_autograd::{Apply, Array, Context, Error, Function, Grad, Result, Tensor, is_grad_enabled};
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

/// What a layer is given. The bias is that of `x` and of the hidden state together.
pub struct Inputs<T> {
    /// `[rows, gates·hidden]`: the input's part of all sums.
    pub x: T,
    /// `[biases·hidden]`.
    pub bias: T,
    /// `[gates·hidden, width]`.
    pub weight: T,
    /// `[sequences, width]`: the hidden state before.
    pub h: T,
    /// `[sequences, hidden]`: the cell before.
    pub c: Option<T>,
    /// `[width, hidden]`: makes the hidden state of the layer's result.
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
        let always = [&self.x, &self.bias, &self.weight, &self.h];
        always.into_iter().chain(&self.c).chain(&self.projection).collect()
    }

    fn of(kind: Kind, list: &[T]) -> Result<Inputs<T>> {
        let get = |i: usize| list.get(i).cloned();
        let lost = || Error::gradient(kind.name(), "an input is missing");
        Ok(Inputs {
            x: get(0).ok_or_else(lost)?,
            bias: get(1).ok_or_else(lost)?,
            weight: get(2).ok_or_else(lost)?,
            h: get(3).ok_or_else(lost)?,
            c: if kind.has_cell() { Some(get(4).ok_or_else(lost)?) } else { None },
            projection: if kind.has_cell() { get(5) } else { None },
        })
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

fn references<T>(lists: &[&[T]]) -> Vec<T>
where
    T: Clone,
{
    lists.iter().flat_map(|list| list.iter().cloned()).collect()
}

#[track_caller]
fn empty(shape: [usize; 2], like: &Array) -> Result<Array> {
    like.new_empty(shape)
}

#[track_caller]
fn product<T: Apply>(a: &T, b: &T) -> Result<T> {
    T::apply_one(Op::Matmul, &[a, b])
}

/// A matrix as rows that do not lie a power of two apart, since such rows fall into few sets of a cache. The transposed of
/// it stands on the right of every step's product, which then reads it where it lies.
#[track_caller]
fn apart(x: &Array) -> Result<Array> {
    /// Between the rows, in elements.
    const GAP: usize = 16;
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let copy = empty([rows, columns + GAP], x)?.narrow(-1, 0, columns as i64)?;
    copy.copy_(x)?;
    Ok(copy)
}

impl Sweep {
    /// What each step's state was before it: from the step before, or from the first state where that has no such row.
    fn before(&self, first: &Array, y: &Array) -> Result<Array> {
        let mut pieces: Vec<(usize, Array)> = Vec::with_capacity(self.steps.len());
        let mut last = (0, 0);
        for &(start, size) in self.steps.iter() {
            let known = size.min(last.1);
            pieces.push((start, rows(y, last.0, known)?));
            pieces.push((start + known, rows(first, known, size - known)?));
            last = (start, size);
        }
        pieces.retain(|(_, piece)| piece.numel() > 0);
        sort_by(&mut pieces, |(start, _), (other, _)| start.cmp(other));
        if pieces.is_empty() {
            return empty([y.shape()[0], first.shape()[1]], first);
        }
        Array::cat(&pieces.into_iter().map(|(_, piece)| piece).collect::<Vec<_>>(), 0)
    }
}

/// What forward keeps for backward, besides its inputs.
struct Kept {
    /// The hidden state at all times.
    y: Array,
    /// The gates at all times.
    gates: Array,
    /// The cell before each step.
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
        let y = empty([count, inputs.h.shape()[1]], &inputs.x)?;
        let (h, c) = (inputs.h.copy()?, inputs.c.as_ref().map(Array::copy).transpose()?);
        let kept = |width: usize, needed: bool| {
            empty([if self.keep && needed { count } else { 0 }, width], &inputs.x)
        };
        let gated = matches!(kind, Kind::Lstm | Kind::Gru);
        let kept =
            Kept { y: y.clone(), gates: kept(4 * hidden, gated)?, cells: kept(hidden, kind.has_cell())? };
        let weight = apart(&inputs.weight)?.t()?;
        let biases = parts(&inputs.bias, kind.biases(), hidden)?;
        for &(start, size) in self.steps.iter() {
            let (h, y) = (rows(&h, 0, size)?, rows(&y, start, size)?);
            let x = parts(&rows(&inputs.x, start, size)?, kind.gates(), hidden)?;
            let sums = parts(&product(&h, &weight)?, kind.gates(), hidden)?;
            let gates = match gated && self.keep {
                true => parts(&rows(&kept.gates, start, size)?, 4, hidden)?,
                false => Vec::new(),
            };
            match (kind, &c) {
                (Kind::Tanh, _) => {
                    Array::formulas_into(&[&x[0], &sums[0], &biases[0]], &[], &[&y, &h], |x, _| {
                        [tanh(x), tanh(x)]
                    })?;
                }
                (Kind::Relu, _) => {
                    Array::formulas_into(&[&x[0], &sums[0], &biases[0]], &[], &[&y, &h], |x, _| {
                        [relu(x), relu(x)]
                    })?;
                }
                (Kind::Gru, _) => {
                    let all = references(&[&x, &sums, &biases, std::slice::from_ref(&h)]);
                    let all: Vec<&Array> = all.iter().collect();
                    if let [r, z, n, inner] = &gates[..] {
                        Array::formulas_into(&all, &[], &[r, z, n, inner, &y, &h], |x, _| {
                            let [r, z, n, inner, h] = gru(x);
                            [r, z, n, inner, h, h]
                        })?;
                    } else {
                        Array::formulas_into(&all, &[], &[&y, &h], |x, _| {
                            let [.., h] = gru(x);
                            [h, h]
                        })?;
                    }
                }
                (Kind::Lstm, Some(c)) => {
                    let c = rows(c, 0, size)?;
                    let all = references(&[&x, &sums, &biases, std::slice::from_ref(&c)]);
                    let all: Vec<&Array> = all.iter().collect();
                    // With a projection, the result is not yet the hidden state.
                    let whole = match inputs.projection {
                        Some(_) => Some(empty([size, hidden], &inputs.x)?),
                        None => None,
                    };
                    let (first, second) = whole.as_ref().map_or((&y, &h), |whole| (whole, whole));
                    match (&gates[..], &whole) {
                        ([i, f, g, o], None) => {
                            let before = rows(&kept.cells, start, size)?;
                            let targets = [i, f, g, o, &before, &c, first, second];
                            Array::formulas_into(&all, &[], &targets, |x, _| {
                                let [i, f, g, o, c, h] = lstm(x);
                                [i, f, g, o, x[12], c, h, h]
                            })?;
                        }
                        ([i, f, g, o], Some(whole)) => {
                            let before = rows(&kept.cells, start, size)?;
                            let targets = [i, f, g, o, &before, &c, whole];
                            Array::formulas_into(&all, &[], &targets, |x, _| {
                                let [i, f, g, o, c, h] = lstm(x);
                                [i, f, g, o, x[12], c, h]
                            })?;
                        }
                        (_, None) => {
                            Array::formulas_into(&all, &[], &[&c, first, second], |x, _| {
                                let [.., c, h] = lstm(x);
                                [c, h, h]
                            })?;
                        }
                        (_, Some(whole)) => {
                            Array::formulas_into(&all, &[], &[&c, whole], |x, _| {
                                let [.., c, h] = lstm(x);
                                [c, h]
                            })?;
                        }
                    }
                    if let (Some(projection), Some(whole)) = (&inputs.projection, &whole) {
                        let projected = product(whole, &projection.t()?)?;
                        y.copy_(&projected)?;
                        h.copy_(&projected)?;
                    }
                }
                (Kind::Lstm, None) => return Err(Error::argument(kind.name(), "there is no cell")),
            }
        }
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
            return Err(Error::gradient(self.kind.name(), "what backward needs was not kept"));
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
        let sums = empty([count, kind.gates() * hidden], &inputs.x)?;
        // Only in the GRU the hidden state's part has a gradient of its own.
        let own = if kind == Kind::Gru { empty([count, 3 * hidden], &inputs.x)? } else { sums.clone() };
        let before = match kind == Kind::Gru || wants(2) {
            true => Some(self.before(&inputs.h, &kept.y)?),
            false => None,
        };
        let projected = inputs.projection.as_ref().map(|_| empty([count, width], &inputs.x)).transpose()?;
        let weight = apart(&inputs.weight.t()?)?.t()?;
        for &(start, size) in self.steps.iter().rev() {
            let mut dy = gradient(0).map_or(Ok(nothing.clone()), |dy| rows(dy, start, size))?;
            let dh = rows(&dh_all, 0, size)?;
            let mut into = dh.clone();
            if let (Some(projection), Some(projected)) = (&inputs.projection, &projected) {
                let whole = rows(projected, start, size)?;
                Array::formulas_into(&[&dh, &dy], &[], &[&whole], |x, _| [x[0] + x[1]])?;
                into = product(&whole, projection)?;
                dy = nothing.clone();
            }
            let sums = rows(&sums, start, size)?;
            let own = rows(&own, start, size)?;
            match (kind, &dc_all, &before) {
                (Kind::Tanh, ..) => {
                    let y = rows(&kept.y, start, size)?;
                    Array::formulas_into(&[&y, &dh, &dy], &[], &[&sums], |x, _| {
                        [tanh_backward(x[0], x[1] + x[2])]
                    })?;
                }
                (Kind::Relu, ..) => {
                    let y = rows(&kept.y, start, size)?;
                    Array::formulas_into(&[&y, &dh, &dy], &[], &[&sums], |x, _| {
                        [relu_backward(x[0], x[1] + x[2])]
                    })?;
                }
                (Kind::Lstm, Some(dc), _) => {
                    let dc = rows(dc, 0, size)?;
                    let cells = rows(&kept.cells, start, size)?;
                    let gates = parts(&rows(&kept.gates, start, size)?, 4, hidden)?;
                    let all = [&gates[0], &gates[1], &gates[2], &gates[3], &cells, &into, &dy, &dc];
                    let sums = parts(&sums, 4, hidden)?;
                    let targets = [&sums[0], &sums[1], &sums[2], &sums[3], &dc];
                    Array::formulas_into(&all, &[], &targets, |x, _| lstm_backward(x))?;
                }
                (Kind::Gru, _, Some(before)) => {
                    let before = rows(before, start, size)?;
                    let gates = parts(&rows(&kept.gates, start, size)?, 4, hidden)?;
                    let all = [&gates[0], &gates[1], &gates[2], &gates[3], &before, &dh, &dy];
                    let (sums, own) = (parts(&sums, 3, hidden)?, parts(&own, 3, hidden)?);
                    let targets = [&sums[0], &sums[1], &sums[2], &own[0], &own[1], &own[2], &dh];
                    Array::formulas_into(&all, &[], &targets, |x, _| {
                        let [r, z, n, inner, dh] = gru_backward(x);
                        [r, z, n, r, z, inner, dh]
                    })?;
                }
                (Kind::Lstm, None, _) | (Kind::Gru, _, None) => {
                    return Err(Error::gradient(kind.name(), "what backward needs was not kept"));
                }
            }
            let back = product(&own, &weight)?;
            if kind == Kind::Gru {
                dh.add_(&back)?;
            } else {
                dh.copy_(&back)?;
            }
        }
        let over_time = |sums: &Array, x: &Array| product(&sums.t()?, x);
        let bias = || -> Result<Array> {
            let all = sums.sum_dim(0, false)?;
            if kind != Kind::Gru {
                return Ok(all);
            }
            Array::cat(&[all, part(&own, 2, hidden)?.sum_dim(0, false)?], 0)
        };
        let projection = || -> Result<Option<Array>> {
            let Some(projected) = &projected else { return Ok(None) };
            let gates = parts(&kept.gates, 4, hidden)?;
            let whole =
                Array::formula(&[&gates[0], &gates[1], &gates[2], &gates[3], &kept.cells], &[], |x, _| {
                    x[3] * (x[1] * x[4] + x[0] * x[2]).tanh()
                })?;
            over_time(projected, &whole).map(Some)
        };
        let bias = if wants(1) { Some(bias()?) } else { None };
        let weight = match &before {
            Some(before) if wants(2) => Some(over_time(&own, before)?),
            Some(_) | None => None,
        };
        let mut found = vec![Some(sums.clone()), bias, weight, Some(dh_all)];
        found.extend(dc_all.map(Some));
        if inputs.projection.is_some() {
            found.push(if wants(5) { projection()? } else { None });
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
        let biases = parts(&inputs.bias, kind.biases(), hidden)?;
        let weight = inputs.weight.t()?;
        let (mut state, mut cells) = (inputs.h.clone(), inputs.c.clone());
        let mut all: Vec<(usize, T)> = Vec::with_capacity(self.steps.len());
        for &(start, size) in self.steps.iter() {
            let h = rows(&state, 0, size)?;
            let x = parts(&rows(&inputs.x, start, size)?, kind.gates(), hidden)?;
            let sums = parts(&product(&h, &weight)?, kind.gates(), hidden)?;
            let mut operands = references(&[&x, &sums, &biases]);
            let mut y = match kind {
                Kind::Tanh => T::formula(&operands.iter().collect::<Vec<_>>(), &[], |x, _| tanh(x))?,
                Kind::Relu => T::formula(&operands.iter().collect::<Vec<_>>(), &[], |x, _| relu(x))?,
                Kind::Gru => {
                    operands.push(h);
                    T::formula(&operands.iter().collect::<Vec<_>>(), &[], |x, _| gru(x)[4])?
                }
                Kind::Lstm => {
                    let Some(c) = &cells else {
                        return Err(Error::argument(kind.name(), "there is no cell"));
                    };
                    operands.push(rows(c, 0, size)?);
                    let both = T::formulas(&operands.iter().collect::<Vec<_>>(), &[], |x, _| {
                        let [.., c, h] = lstm(x);
                        [c, h]
                    })?;
                    cells = Some(replaced(c, &both[0])?);
                    both[1].clone()
                }
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
            bias: draw(&[kind.biases() * hidden]),
            weight: draw(&[kind.gates() * hidden, width]),
            h: draw(&[3, width]),
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
