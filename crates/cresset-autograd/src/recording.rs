//! Tensors go through the door: an operation is executed, and noted where a gradient will come back.

use cresset_tensor::Listed;
use std::{
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use cresset_ops::{Apply, Array, Error, Op, Outputs, Result, execute, execute_into, execute_one, view::View};
use smallvec::SmallVec;

use crate::{
    Tensor,
    history::{Edge, History, Kept, Kind, Meta, Needed, Node, Saved, Watches, next_sequence},
    in_place,
    mode::{Mode, mode},
    rules::{self, Needs, Some64},
    tensor::ViewOf,
};

impl Apply for Tensor {
    #[track_caller]
    fn apply(op: Op, inputs: &[&Tensor]) -> Result<Outputs<Tensor>> {
        let location = Location::caller();
        let outputs = execute_over(&op, inputs)?;
        let mode = mode();
        if mode.anomaly {
            let arrays: SmallVec<[&Array; 4]> = inputs.iter().map(|x| x.array_ref()).listed();
            check_finite(op.name(), &arrays, &outputs, location)?;
        }
        let mut view = None;
        if let Op::View(how) = &op
            && !mode.inference
            && outputs[0].shares_memory(inputs[0].array_ref())
        {
            view = Some(view_of(inputs[0], how));
        }
        let recorded = mode.recording
            && outputs.iter().any(|array| array.dtype().is_float())
            && inputs.iter().any(|x| x.needs_grad());
        let node = if recorded { node(op, inputs, &outputs, location) } else { None };
        let mut tensors = Outputs::new();
        for (i, array) in outputs.into_iter().enumerate() {
            let history = match &node {
                Some(node) if array.dtype().is_float() => History::Computed(node.clone(), i),
                Some(_) | None => History::Constant,
            };
            // Only a view has a view's memory, and it has one output.
            tensors.push(Tensor::with_history(array, history, view.take()));
        }
        Ok(tensors)
    }

    /// The short way of [`Apply::apply`]: most operations have one output, which is not a view.
    #[track_caller]
    fn apply_one(op: Op, inputs: &[&Tensor]) -> Result<Tensor> {
        let location = Location::caller();
        let mode = mode();
        if mode.anomaly || matches!(op, Op::View(_)) {
            let mut outputs = Tensor::apply(op, inputs)?;
            return outputs.pop().ok_or_else(|| Error::argument("apply", "the operation has no output"));
        }
        let array = match inputs {
            [a] => execute_one(&op, &[a.array_ref()]),
            [a, b] => execute_one(&op, &[a.array_ref(), b.array_ref()]),
            [a, b, c] => execute_one(&op, &[a.array_ref(), b.array_ref(), c.array_ref()]),
            inputs => execute_one(&op, &inputs.iter().map(|x| x.array_ref()).collect::<Vec<_>>()),
        }?;
        if !mode.recording || !array.dtype().is_float() || !inputs.iter().any(|x| x.needs_grad()) {
            return Ok(Tensor::constant(array));
        }
        let node = node(op, inputs, std::slice::from_ref(&array), location);
        let history = node.map_or(History::Constant, |node| History::Computed(node, 0));
        Ok(Tensor::with_history(array, history, None))
    }

    #[track_caller]
    fn apply_into(op: Op, inputs: &[&Tensor], targets: &[&Tensor]) -> Result<()> {
        let location = Location::caller();
        let Mode { recording, anomaly, .. } = mode();
        let arrays: SmallVec<[&Array; 4]> = inputs.iter().map(|x| x.array_ref()).listed();
        let results: SmallVec<[&Array; 4]> = targets.iter().map(|x| x.array_ref()).listed();
        if recording && inputs.iter().chain(targets).any(|x| x.needs_grad()) {
            in_place::record_into(op, inputs, targets, location)?;
        } else {
            execute_into(&op, &arrays, &results)?;
        }
        if anomaly {
            let outputs: Outputs<Array> = results.iter().map(|x| (*x).clone()).listed();
            check_finite("in-place operation", &[], &outputs, location)?;
        }
        Ok(())
    }

    fn array(&self) -> &Array {
        self.array_ref()
    }

    #[inline]
    fn constant(array: Array) -> Tensor {
        Tensor::with_history(array, History::Constant, None)
    }
}

fn view_of(x: &Tensor, view: &View) -> Box<ViewOf> {
    let (base, mut steps) = match x.view_of() {
        Some(outer) => (outer.base.clone(), outer.steps.clone()),
        None => (x.clone(), SmallVec::new()),
    };
    steps.push(view.clone());
    let seen = AtomicU64::new(base.0.rebased.load(Ordering::Acquire));
    Box::new(ViewOf { base, steps, seen })
}

/// Executes an operation over the tensors' arrays.
#[track_caller]
fn execute_over(op: &Op, inputs: &[&Tensor]) -> Result<Outputs<Array>> {
    // Lists of the usual lengths lie on the stack.
    match inputs {
        [a] => execute(op, &[a.array_ref()]),
        [a, b] => execute(op, &[a.array_ref(), b.array_ref()]),
        [a, b, c] => execute(op, &[a.array_ref(), b.array_ref(), c.array_ref()]),
        inputs => execute(op, &inputs.iter().map(|x| x.array_ref()).collect::<Vec<_>>()),
    }
}

/// Which inputs of an operation a gradient flows to.
pub(crate) fn wanted(inputs: &[&Tensor]) -> Some64 {
    Some64::which(inputs.iter().map(|x| takes_gradient(x)))
}

pub(crate) fn takes_gradient(x: &Tensor) -> bool {
    x.needs_grad() && x.array_ref().dtype().is_float()
}

/// The edges of a node.
pub(crate) fn edges(inputs: &[&Tensor], first: &Meta) -> SmallVec<[Edge; 2]> {
    let mut edges = SmallVec::new();
    for x in inputs {
        let array = x.array_ref();
        edges.push(Edge {
            to: if takes_gradient(x) { x.history() } else { History::Constant },
            meta: (!first.lies_as(array)).then(|| Meta::of(array)),
        });
    }
    edges
}

/// What a rule needs of inputs and outputs.
fn saved(needs: Needs, inputs: &[&Tensor], outputs: &[Array]) -> Saved {
    let mut saved = Saved::default();
    for (i, x) in inputs.iter().enumerate().filter(|(i, _)| needs.inputs.contains(*i)) {
        saved.inputs.push((i, Kept { version: x.array_ref().storage().version(), value: (*x).clone() }));
    }
    for (i, array) in outputs.iter().enumerate().filter(|(i, _)| needs.outputs.contains(*i)) {
        saved.outputs.push((i, Kept { version: array.storage().version(), value: array.clone() }));
    }
    saved
}

/// The node of an operation; `None` where no gradient flows to any of its inputs.
fn node(
    op: Op,
    inputs: &[&Tensor],
    outputs: &[Array],
    location: &'static Location<'static>,
) -> Option<Arc<Node>> {
    let wanted = wanted(inputs);
    if wanted == Some64::NONE && !inputs.iter().any(|x| takes_gradient(x)) {
        return None;
    }
    let needs = rules::needs(&op, wanted, inputs.len());
    let mut metas: SmallVec<[Meta; 1]> = SmallVec::new();
    outputs.iter().for_each(|array| metas.push(Meta::of(array)));
    let saved =
        if needs == Needs::NOTHING { Needed::nothing() } else { Needed::new(saved(needs, inputs, outputs)) };
    Some(
        Node {
            edges: edges(inputs, &metas[0]),
            sequence: next_sequence(),
            kind: Kind::of(op, inputs[0].array_ref()),
            saved,
            outputs: metas,
            location,
            watches: Watches::default(),
        }
        .shared(),
    )
}

/// An error if an operation made the first number that is not finite: its inputs were.
pub(crate) fn check_finite(
    name: &'static str,
    inputs: &[&Array],
    outputs: &[Array],
    location: &'static Location<'static>,
) -> Result<()> {
    let bad = |array: &Array| -> Result<bool> {
        Ok(array.dtype().is_float() && array.to_f64s()?.iter().any(|x| !x.is_finite()))
    };
    let any_bad =
        |arrays: &[&Array]| arrays.iter().try_fold(false, |found, x| Ok::<bool, Error>(found || bad(x)?));
    for output in outputs {
        if bad(output)? && !any_bad(inputs)? {
            let what = if output.to_f64s()?.iter().any(|x| x.is_nan()) { "NaN" } else { "an infinity" };
            return Err(Error::anomaly(
                name,
                format!("gave {what} for finite inputs (output of shape {})", output.shape()),
            )
            .at(location));
        }
    }
    Ok(())
}
