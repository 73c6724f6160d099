//! Connectionist temporal classification: the likelihood of a sequence of labels, over all ways to spread it in time.

use cresset_tensor::{Array, DType, Error, Result};

use super::{LossReduction, reduced_values};
use crate::{
    Apply, Expr,
    methods::{Elementwise, fused::shaped},
    op::Op,
    select,
    view::View,
};

/// Losses of sequences.
pub trait SequenceLosses: Apply {
    /// `-log Σ Π p`, over all ways to spread each target in time with blanks (class 0) between, of log probabilities
    /// `[t, n, c]` (or `[t, c]`) and targets `[n, s]` or one after another; the mean of the losses divided by the
    /// targets' lengths.
    #[track_caller]
    fn ctc_loss(&self, targets: &Self, input_lengths: &[usize], target_lengths: &[usize]) -> Result<Self> {
        self.ctc_loss_with(targets, input_lengths, target_lengths, 0, LossReduction::Mean, false)
    }

    /// [`ctc_loss`](Self::ctc_loss) with all arguments. `zero_infinity` makes the loss of a target that does not fit
    /// its input zero instead of infinite.
    #[track_caller]
    fn ctc_loss_with(
        &self,
        targets: &Self,
        input_lengths: &[usize],
        target_lengths: &[usize],
        blank: usize,
        reduction: LossReduction,
        zero_infinity: bool,
    ) -> Result<Self> {
        let lattice = Lattice::new(self, targets, input_lengths, target_lengths, blank)?;
        let losses = lattice.losses(self)?;
        let losses = if zero_infinity {
            Self::formula(&[&losses], &[f64::INFINITY.into()], |x, n| select(x[0].eq(n[0]), 0, x[0]))?
        } else {
            losses
        };
        let losses = if reduction == LossReduction::Mean {
            let lengths: Vec<f64> = target_lengths.iter().map(|&length| length.max(1) as f64).collect();
            let lengths = Array::from_vec(lengths, [target_lengths.len()])?.to_dtype(losses.dtype())?;
            let lengths = losses.beside(lengths)?;
            Self::formula(&[&losses, &lengths], &[], |x, _| x[0] / x[1].cast_like(x[0]))?
        } else {
            losses
        };
        match (self.rank(), reduction) {
            (2, LossReduction::None) => shaped(&losses, ().into()),
            (_, reduction) => reduced_values("ctc_loss", reduction, losses),
        }
    }
}

impl<T: Apply> SequenceLosses for T {}

/// The labels with blanks around each: a path goes through them in time, one or two steps on or none.
struct Lattice {
    time: usize,
    samples: usize,
    classes: usize,
    /// States of the longest target.
    states: usize,
    /// The class of every state, `[samples, states]`.
    labels: Vec<i64>,
    /// Whether a path may come to a state from two before: between different labels.
    skips: Vec<bool>,
    /// How many states each sample has.
    ends: Vec<usize>,
    input_lengths: Vec<usize>,
}

impl Lattice {
    fn new<T: Apply>(
        log_probs: &T,
        targets: &T,
        input_lengths: &[usize],
        target_lengths: &[usize],
        blank: usize,
    ) -> Result<Lattice> {
        let fail = |why: String| Err(Error::argument("ctc_loss", why));
        let (time, samples, classes) = match **log_probs.shape() {
            [time, classes] => (time, 1, classes),
            [time, samples, classes] => (time, samples, classes),
            _ => {
                return fail(format!(
                    "log_probs must be [time, samples, classes], not {}",
                    log_probs.shape()
                ));
            }
        };
        if !log_probs.dtype().is_float() || !matches!(targets.dtype(), DType::I64 | DType::I32) {
            return Err(Error::dtype(
                "ctc_loss",
                format!(
                    "needs floating point and integer targets, not {} and {}",
                    log_probs.dtype(),
                    targets.dtype()
                ),
            ));
        }
        if blank >= classes {
            return fail(format!("blank {blank} is not one of {classes} classes"));
        }
        if input_lengths.len() != samples || target_lengths.len() != samples {
            return fail(format!("needs an input length and a target length for each of {samples} samples"));
        }
        if let Some(length) = input_lengths.iter().find(|&&length| length > time) {
            return fail(format!("input length {length} exceeds the {time} steps of log_probs"));
        }
        let all = targets.array().to_i64s()?;
        let mut start = 0usize;
        let mut rows: Vec<&[i64]> = Vec::new();
        for (sample, &length) in target_lengths.iter().enumerate() {
            let row = match **targets.shape() {
                [_, width] if targets.rank() == 2 => {
                    let row = all.get(sample * width..(sample + 1) * width);
                    row.and_then(|row| row.get(..length))
                }
                _ => {
                    let end = start.saturating_add(length);
                    let row = all.get(start..end);
                    start = end;
                    row
                }
            };
            match row {
                Some(row) => rows.push(row),
                None => return fail(format!("targets {} do not hold length {length}", targets.shape())),
            }
        }
        if let Some(label) = rows.iter().flat_map(|row| row.iter()).find(|&&l| l < 0 || l >= classes as i64) {
            return Err(Error::index(
                "ctc_loss",
                format!("target {label} is out of range for {classes} classes"),
            ));
        }
        let states = 2 * rows.iter().map(|row| row.len()).max().unwrap_or(0) + 1;
        let (mut labels, mut skips) = (vec![blank as i64; samples * states], vec![false; samples * states]);
        for (sample, row) in rows.iter().enumerate() {
            for (i, &label) in row.iter().enumerate() {
                let place = sample * states + 2 * i + 1;
                labels[place] = label;
                skips[place] = i > 0 && row[i - 1] != label;
            }
        }
        let ends = rows.iter().map(|row| 2 * row.len() + 1).collect();
        let input_lengths = input_lengths.to_vec();
        Ok(Lattice { time, samples, classes, states, labels, skips, ends, input_lengths })
    }

    /// One loss for each sample.
    fn losses<T: Apply>(&self, log_probs: &T) -> Result<T> {
        let &Lattice { time, samples, classes, states, .. } = self;
        let constant = |array: Result<Array>| log_probs.beside(array?);
        let lowest = |columns: usize| {
            let shape = [samples, columns].into();
            log_probs.filled_beside("ctc_loss", shape, log_probs.dtype(), f64::NEG_INFINITY)
        };
        let log_probs = shaped(log_probs, [time, samples, classes].into())?;
        let labels = constant(Array::from_slice(&self.labels, [1, samples, states]))?;
        let labels = T::apply_one(Op::View(View::Expand([time, samples, states].into())), &[&labels])?;
        let emitted = T::apply_one(Op::Gather { dim: 2 }, &[&log_probs, &labels])?;
        let skips = constant(Array::from_slice(&self.skips, [samples, states]))?;
        // Before the first step: as if in a state before the first, from which the first two can be reached.
        let mut before = vec![false; samples * (states + 2)];
        (0..samples).for_each(|sample| before[sample * (states + 2) + 1] = true);
        let before = constant(Array::from_vec(before, [samples, states + 2]))?;
        let blank = lowest(states + 2)?;
        let mut paths = T::formula(&[&blank, &before], &[], |x, _| select(x[1], 0, x[0]))?;
        // Into the first label leads the step over the first blank.
        let mut first = self.skips.clone();
        (0..samples).filter(|&s| self.ends[s] > 1).for_each(|sample| first[sample * states + 1] = true);
        let first = constant(Array::from_vec(first, [samples, states]))?;
        for step in 0..time {
            let look = |start| {
                let view = View::Slice { dim: 1, start, len: states, step: 1 };
                T::apply_one(Op::View(view), &[&paths])
            };
            let running = self.input_lengths.iter().map(|&length| step < length).collect();
            let running = constant(Array::from_vec(running, [samples, 1]))?;
            let emission = T::apply_one(Op::View(View::Select { dim: 0, index: step }), &[&emitted])?;
            let may_skip = if step == 0 { &first } else { &skips };
            let inputs = [&look(2)?, &look(1)?, &look(0)?, may_skip, &emission, &running];
            let next = T::formula(&inputs, &[f64::NEG_INFINITY.into()], |x, n| {
                let sum = log_sum(x[0], x[1], select(x[3], x[2], n[0]), n[0]);
                select(x[5], sum + x[4], x[0])
            })?;
            let place = View::Slice { dim: 1, start: 2, len: states, step: 1 };
            paths = T::apply_one(Op::Overwrite(place), &[&blank, &next])?;
        }
        // A path ends in the last label or the blank after it.
        let last = |back: usize| {
            // Two columns lie before the states.
            let places = self.ends.iter().map(|&end| (end + 2 - back) as i64).collect();
            let index = constant(Array::from_vec(places, [samples, 1]))?;
            T::apply_one(Op::Gather { dim: 1 }, &[&paths, &index])
        };
        let likelihood = T::formula(&[&last(1)?, &last(2)?], &[f64::NEG_INFINITY.into()], |x, n| {
            -log_sum(x[0], x[1], n[0], n[0])
        })?;
        shaped(&likelihood, samples.into())
    }
}

/// `log(eᵃ + eᵇ + eᶜ)`, also where all are `-∞` (which comes as a number).
#[inline]
fn log_sum(a: Expr, b: Expr, c: Expr, lowest: Expr) -> Expr {
    let largest = select(a.ge(b), a, b);
    let largest = select(largest.ge(c), largest, c);
    let nothing = largest.eq(lowest);
    let base = select(nothing, 0, largest);
    let sum = (a - base).exp() + (b - base).exp() + (c - base).exp();
    select(nothing, lowest, base + select(nothing, 1, sum).log())
}
