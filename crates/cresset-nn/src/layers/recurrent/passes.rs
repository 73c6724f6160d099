//! One layer in one direction, forward and back, where nobody records the steps.
//!
//! A step is a product and a formula, one after the other; several steps, each of which needs no more of the one before than
//! what that has written, are given to [`Recurrence`] together.

use cresset_autograd::{Apply, Array, Device, Result, Shape};
use cresset_ops::{
    methods::prelude::*,
    recurrence::{Recurrence, Step},
};
use cresset_tensor::order::sort_by;

use super::{
    formulas::{Kind, gru, gru_backward, lstm, lstm_backward, relu, relu_backward, tanh, tanh_backward},
    sweep::{Inputs, Outputs, missing, part, parts, product, rows},
};

/// What forward keeps for backward, besides its inputs.
pub struct Kept {
    /// The hidden state at all times.
    pub y: Array,
    /// The gates at all times.
    pub gates: Array,
    /// The cell after each step.
    pub cells: Array,
}

/// Numbers that will be written before they are read.
#[track_caller]
fn empty(shape: [usize; 2], like: &Array) -> Result<Array> {
    match like.device() {
        Device::Cpu => Array::uninitialised("empty", Shape::from(shape), like.dtype()),
        Device::Gpu(_) => like.new_empty(shape),
    }
}

/// As [`empty`], of rows that do not lie a power of two apart, since such rows fall into few sets of a cache.
#[track_caller]
fn empty_apart(shape: [usize; 2], like: &Array) -> Result<Array> {
    /// Between the rows, in elements.
    const GAP: usize = 80;
    empty([shape[0], shape[1] + GAP], like)?.narrow(-1, 0, shape[1] as i64)
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

/// A state over time: that before the first step, and those that steps wrote.
struct States<'a> {
    steps: &'a [(usize, usize)],
    first: &'a Array,
    all: &'a Array,
}

impl States<'_> {
    /// Is the state before a step put together, of the step before and the first state?
    fn is_joined(&self, step: usize) -> bool {
        step > 0 && self.steps[step].1 > self.steps[step - 1].1
    }

    /// The state before a step: of the step before, or the first state where that has no such row.
    fn before(&self, step: usize) -> Result<Array> {
        let size = self.steps[step].1;
        let (start, known) = if step == 0 { (0, 0) } else { self.steps[step - 1] };
        if self.is_joined(step) {
            return Array::cat(&[rows(self.all, start, known)?, rows(self.first, known, size - known)?], 0);
        }
        if step == 0 { rows(self.first, 0, size) } else { rows(self.all, start, size) }
    }

    /// The states before all steps, one below the other.
    fn all_before(&self) -> Result<Array> {
        let mut steps: Vec<usize> = (0..self.steps.len()).collect();
        sort_by(&mut steps, |&one, &other| self.steps[one].0.cmp(&self.steps[other].0));
        let pieces = steps.into_iter().map(|step| self.before(step)).collect::<Result<_>>()?;
        below(pieces, self.first.shape()[1], self.first)
    }

    /// The state of every sequence after its last step.
    fn after(&self) -> Result<Array> {
        let (mut pieces, mut known) = (Vec::new(), 0);
        for &(start, size) in self.steps.iter().rev() {
            if size > known {
                pieces.push(rows(self.all, start + known, size - known)?);
                known = size;
            }
        }
        pieces.push(rows(self.first, known, self.first.shape()[0] - known)?);
        below(pieces, self.first.shape()[1], self.first)
    }
}

/// Through all steps; what is to be kept is empty where backward will not come.
pub fn forward(
    kind: Kind,
    steps: &[(usize, usize)],
    inputs: &Inputs<Array>,
    keep: bool,
) -> Result<(Outputs<Array>, Kept)> {
    let (hidden, count) = (inputs.hidden(kind), inputs.x.shape()[0]);
    let room = |width: usize, needed: bool| empty([if needed { count } else { 0 }, width], &inputs.x);
    let keep = keep && matches!(kind, Kind::Lstm | Kind::Gru);
    let kept = Kept {
        y: room(inputs.h.shape()[1], true)?,
        gates: room(4 * hidden, keep)?,
        cells: room(hidden, kind.has_cell())?,
    };
    let recurrence = Recurrence::new(&inputs.weight.t()?, kind.gates())?;
    let h_first = inputs.h.contiguous()?;
    let h_states = States { steps, first: &h_first, all: &kept.y };
    let c_states = inputs.c.as_ref().map(|first| States { steps, first, all: &kept.cells });
    let mut waiting = Vec::with_capacity(steps.len());
    for (step, &(start, size)) in steps.iter().enumerate() {
        if h_states.is_joined(step) {
            forward_steps(kind, keep, &recurrence, &mut waiting)?;
        }
        let left = h_states.before(step)?;
        let y = rows(&kept.y, start, size)?;
        let mut operands = parts(&rows(&inputs.x, start, size)?, kind.gates(), hidden)?;
        let mut targets = if keep { parts(&rows(&kept.gates, start, size)?, 4, hidden)? } else { Vec::new() };
        if kind == Kind::Gru {
            operands.extend([inputs.bias.clone().ok_or_else(|| missing(kind))?, left.clone()]);
        }
        if let Some(states) = &c_states {
            operands.push(states.before(step)?);
            targets.push(rows(&kept.cells, start, size)?);
        }
        let Some(projection) = &inputs.projection else {
            targets.push(y);
            waiting.push(Step { left, operands, targets });
            continue;
        };
        // What is projected is not yet the hidden state.
        let whole = empty([size, hidden], &inputs.x)?;
        targets.push(whole.clone());
        waiting.push(Step { left, operands, targets });
        forward_steps(kind, keep, &recurrence, &mut waiting)?;
        y.copy_(&product(&whole, &projection.t()?)?)?;
    }
    forward_steps(kind, keep, &recurrence, &mut waiting)?;
    let outputs = Outputs {
        y: kept.y.clone(),
        h: h_states.after()?,
        c: c_states.map(|states| states.after()).transpose()?,
    };
    Ok((outputs, kept))
}

/// Goes through the steps that wait.
fn forward_steps(kind: Kind, keep: bool, recurrence: &Recurrence, waiting: &mut Vec<Step>) -> Result<()> {
    match (kind, keep) {
        (Kind::Tanh, _) => recurrence.run(waiting, |x| [tanh(x)]),
        (Kind::Relu, _) => recurrence.run(waiting, |x| [relu(x)]),
        (Kind::Gru, true) => recurrence.run(waiting, gru),
        (Kind::Gru, false) => recurrence.run(waiting, |x| [gru(x)[4]]),
        (Kind::Lstm, true) => recurrence.run(waiting, lstm),
        (Kind::Lstm, false) => recurrence.run(waiting, |x| {
            let [.., c, h] = lstm(x);
            [c, h]
        }),
    }?;
    waiting.clear();
    Ok(())
}

/// Back through all steps: the gradients of the inputs in their order, those of weights only where they are wanted.
pub fn backward(
    kind: Kind,
    steps: &[(usize, usize)],
    wanted: &[bool],
    inputs: &Inputs<Array>,
    kept: &Kept,
    gradients: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    let wants = |i: usize| wanted.get(i).copied().unwrap_or(false);
    let (hidden, count) = (inputs.hidden(kind), inputs.x.shape()[0]);
    let gradient = |i: usize| gradients.get(i).and_then(Option::as_ref);
    let start_of = |i: usize, like: &Array| match gradient(i) {
        Some(gradient) => gradient.copy(),
        None => like.zeros_like(),
    };
    let dc = inputs.c.as_ref().map(|c| start_of(2, c)).transpose()?;
    let sums = empty_apart([count, kind.gates() * hidden], &inputs.x)?;
    // Only in the GRU the hidden state's part has a gradient of its own, and part of the state is handed on as it is.
    let (own, handed) = match kind {
        Kind::Gru => (empty_apart([count, 3 * hidden], &inputs.x)?, Some(inputs.h.zeros_like()?)),
        Kind::Tanh | Kind::Relu | Kind::Lstm => (sums.clone(), None),
    };
    let projected =
        inputs.projection.as_ref().map(|_| empty([count, inputs.h.shape()[1]], &inputs.x)).transpose()?;
    let nothing = inputs.x.new_zeros([1, 1])?;
    let h_states = States { steps, first: &inputs.h, all: &kept.y };
    let c_states = inputs.c.as_ref().map(|first| States { steps, first, all: &kept.cells });
    let recurrence = Recurrence::new(&inputs.weight, 1)?;
    let mut back =
        Back { recurrence, kind, waiting: Vec::new(), last: None, dh: start_of(1, &inputs.h)?, handed };
    for (step, &(start, size)) in steps.iter().enumerate().rev() {
        let mut dy = gradient(0).map_or(Ok(nothing.clone()), |dy| rows(dy, start, size))?;
        let chained =
            inputs.projection.is_none() && back.last.as_ref().is_some_and(|last| last.shape()[0] == size);
        let mut dh = None;
        let mut handed = back.handed.as_ref().map(|handed| rows(handed, 0, size)).transpose()?;
        let targets_handed = handed.clone();
        if !chained {
            back.settle()?;
            let mut given = rows(&back.dh, 0, size)?;
            if let (Some(projection), Some(projected)) = (&inputs.projection, &projected) {
                let whole = rows(projected, start, size)?;
                Array::formulas_into(&[&given, &dy], &[], &[&whole], |x, _| [x[0] + x[1]])?;
                given = product(&whole, projection)?;
                dy = nothing.clone();
            }
            dh = Some(given);
            handed = handed.map(|_| nothing.clone());
        }
        let gates = match kind {
            Kind::Gru | Kind::Lstm => parts(&rows(&kept.gates, start, size)?, 4, hidden)?,
            Kind::Tanh | Kind::Relu => vec![rows(&kept.y, start, size)?],
        };
        let before = match (kind, &c_states) {
            (Kind::Gru, _) => Some(h_states.before(step)?),
            (Kind::Lstm, Some(states)) => Some(states.before(step)?),
            (Kind::Lstm, None) => return Err(missing(kind)),
            (Kind::Tanh | Kind::Relu, _) => None,
        };
        let dc = dc.as_ref().map(|dc| rows(dc, 0, size)).transpose()?;
        let mut targets = parts(&rows(&sums, start, size)?, kind.gates(), hidden)?;
        let own = rows(&own, start, size)?;
        if kind == Kind::Gru {
            targets.extend(parts(&own, 3, hidden)?);
        }
        targets.extend(dc.clone().into_iter().chain(targets_handed));
        let operands = [dy].into_iter().chain(handed).chain(dc).chain(gates).chain(before).collect();
        back.step(dh, operands, targets)?;
        back.last = Some(own);
    }
    back.settle()?;
    let over_time = |sums: &Array, x: &Array| product(&sums.t()?, x);
    let weight = match wants(1) {
        true => Some(over_time(&own, &h_states.all_before()?)?),
        false => None,
    };
    let mut found = vec![Some(sums), weight, Some(back.dh)];
    if inputs.bias.is_some() {
        found.push(if wants(3) { Some(part(&own, 2, hidden)?.sum_dim(0, false)?) } else { None });
    }
    found.extend(dc.map(Some));
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

/// The way back.
struct Back {
    recurrence: Recurrence,
    kind: Kind,
    /// Steps whose product is that of what the step before wrote.
    waiting: Vec<Step>,
    /// What the step before wrote, whose product with the weight is not yet made.
    last: Option<Array>,
    /// The gradient of the hidden state of all sequences, but for those of the last step.
    dh: Array,
    /// What the last step handed on of that gradient as it is.
    handed: Option<Array>,
}

impl Back {
    /// Does a step, or lets it wait: `dh` is the gradient of its hidden state if that is not the product to be made.
    fn step(&mut self, dh: Option<Array>, operands: Vec<Array>, targets: Vec<Array>) -> Result<()> {
        match (dh, self.last.take()) {
            (None, Some(left)) => self.waiting.push(Step { left, operands, targets }),
            (dh, _) => {
                let all: Vec<&Array> = dh.iter().chain(&operands).collect();
                let targets: Vec<&Array> = targets.iter().collect();
                match self.kind {
                    Kind::Tanh => Array::formulas_into(&all, &[], &targets, |x, _| tanh_backward(x)),
                    Kind::Relu => Array::formulas_into(&all, &[], &targets, |x, _| relu_backward(x)),
                    Kind::Lstm => Array::formulas_into(&all, &[], &targets, |x, _| lstm_backward(x)),
                    Kind::Gru => Array::formulas_into(&all, &[], &targets, |x, _| gru_backward(x)),
                }?;
            }
        }
        Ok(())
    }

    /// Goes through the steps that wait, and on to the gradient of the hidden state before them.
    fn settle(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        match self.kind {
            Kind::Tanh => self.recurrence.run(&waiting, tanh_backward),
            Kind::Relu => self.recurrence.run(&waiting, relu_backward),
            Kind::Lstm => self.recurrence.run(&waiting, lstm_backward),
            Kind::Gru => self.recurrence.run(&waiting, gru_backward),
        }?;
        let Some(left) = self.last.take() else { return Ok(()) };
        let size = left.shape()[0];
        let targets = vec![rows(&self.dh, 0, size)?];
        match &self.handed {
            None => self.recurrence.run(&[Step { left, operands: Vec::new(), targets }], |x| [x[0]]),
            Some(handed) => {
                let operands = vec![rows(handed, 0, size)?];
                self.recurrence.run(&[Step { left, operands, targets }], |x| [x[0] + x[1]])
            }
        }
    }
}
