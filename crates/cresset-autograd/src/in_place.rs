//! Writing into tensors that are recorded: what was there is part of the graph, what is there now comes of the
//! operation, and views of the same memory see it.

use cresset_tensor::Listed;
use std::{
    panic::Location,
    sync::{Arc, atomic::Ordering},
};

use cresset_ops::{Apply, Array, Error, Op, Outputs, Result, execute_into, view::View};
use smallvec::SmallVec;

use crate::{
    Tensor,
    history::{Edge, History, Kept, Kind, Meta, Needed, Node, Saved, Watches, next_sequence},
    recording::{edges, takes_gradient, wanted},
    rules,
    tensor::ViewOf,
};

/// Applies an operation, writes its outputs into the targets, and records that.
pub(crate) fn record_into(
    op: Op,
    inputs: &[&Tensor],
    targets: &[&Tensor],
    location: &'static Location<'static>,
) -> Result<()> {
    for target in targets {
        let base = target.view_of().map_or(*target, |view| &view.base);
        if matches!(base.history(), History::Leaf(_)) {
            return Err(Error::gradient(
                op.name(),
                "a leaf that requires a gradient is written in place; do it inside no_grad(), or on a clone",
            )
            .at(location));
        }
    }
    let arrays: SmallVec<[&Array; 4]> = inputs.iter().map(|x| x.array_ref()).listed();
    let results: SmallVec<[&Array; 4]> = targets.iter().map(|x| x.array_ref()).listed();
    let wanted = wanted(inputs);
    if !inputs.iter().any(|x| takes_gradient(x)) {
        // Nothing a gradient flows to goes in: what is there now is a constant.
        execute_into(&op, &arrays, &results).map_err(|error| error.at(location))?;
        let fresh = targets.iter().map(|_| History::Constant).collect();
        return rebase(targets, fresh, location);
    }
    let needs = rules::needs(&op, wanted, inputs.len());
    let mut saved = Saved::default();
    for (i, x) in inputs.iter().enumerate() {
        if needs.inputs.contains(i) {
            // What the write will change is kept as it was.
            let written = results.iter().any(|target| target.shares_memory(x.array_ref()));
            let value = if written { snapshot(x)? } else { (*x).clone() };
            saved.inputs.push((i, Kept { version: value.array_ref().storage().version(), value }));
        }
    }
    let edges = edges(inputs, &Meta::of(results[0]));
    execute_into(&op, &arrays, &results).map_err(|error| error.at(location))?;
    for (i, array) in results.iter().enumerate() {
        if needs.outputs.contains(i) {
            saved.outputs.push((i, Kept { version: array.storage().version(), value: (*array).clone() }));
        }
    }
    let node = Node {
        edges,
        sequence: next_sequence(),
        kind: Kind::of(op, arrays[0]),
        saved: Needed::new(saved),
        outputs: results.iter().map(|array| Meta::of(array)).collect(),
        location,
        watches: Watches::default(),
    }
    .shared();
    let fresh = results
        .iter()
        .enumerate()
        .map(
            |(i, x)| {
                if x.dtype().is_float() { History::Computed(node.clone(), i) } else { History::Constant }
            },
        )
        .collect();
    rebase(targets, fresh, location)
}

/// The same history over a copy of the numbers.
fn snapshot(x: &Tensor) -> Result<Tensor> {
    let copy = Tensor::constant(cresset_ops::backend::contiguous(x.array_ref())?);
    copy.set_history(x.history());
    Ok(copy)
}

/// Gives every target its new history; for a view, its base gets one in which the view's part is replaced.
fn rebase(targets: &[&Tensor], fresh: Outputs<History>, location: &'static Location<'static>) -> Result<()> {
    for (target, history) in targets.iter().zip(fresh) {
        let Some(view) = target.view_of() else {
            target.set_history(history);
            target.0.rebased.fetch_add(1, Ordering::AcqRel);
            continue;
        };
        let base = &view.base;
        if !history.is_tracked() && !base.needs_grad() {
            continue;
        }
        let through = relative(base.array_ref(), target.array_ref(), &view.steps, location)?;
        let node = node_of(
            Op::Overwrite(through),
            [(base.history(), base.array_ref()), (history, target.array_ref())].into_iter(),
            base.array_ref(),
            location,
        );
        base.set_history(History::Computed(node, 0));
        base.0.rebased.fetch_add(1, Ordering::AcqRel);
    }
    Ok(())
}

/// How a view of a view is seen in the base, as one view.
fn relative(
    base: &Array,
    target: &Array,
    steps: &[View],
    location: &'static Location<'static>,
) -> Result<View> {
    if let [one] = steps
        && !matches!(one, View::AsStrided { .. })
    {
        return Ok(one.clone());
    }
    if !base.is_contiguous() {
        return Err(Error::gradient(
            "in-place operation",
            "a view of a view of a tensor that is not contiguous cannot be written and recorded; use contiguous() on the base first",
        )
        .at(location));
    }
    Ok(View::AsStrided {
        shape: target.shape().clone(),
        strides: target.strides().clone().into(),
        offset: target.offset(),
    })
}

fn node_of<'a>(
    op: Op,
    inputs: impl Iterator<Item = (History, &'a Array)>,
    output: &Array,
    location: &'static Location<'static>,
) -> Arc<Node> {
    let mut edges: SmallVec<[Edge; 2]> = SmallVec::new();
    let mut inputs = inputs.peekable();
    let kind = match inputs.peek() {
        Some((_, first)) => Kind::of(op, first),
        None => Kind::Op(op),
    };
    for (to, array) in inputs {
        let same = array.shape() == output.shape() && array.dtype() == output.dtype();
        edges.push(Edge { to, meta: (!same).then(|| Meta::of(array)) });
    }
    Node {
        saved: Needed::nothing(),
        edges,
        sequence: next_sequence(),
        kind,
        outputs: [Meta::of(output)].into_iter().collect(),
        location,
        watches: Watches::default(),
    }
    .shared()
}

/// Gives a view the history of its base as it is now.
pub(crate) fn renew(tensor: &Tensor, view: &ViewOf) {
    let rebased = view.base.0.rebased.load(Ordering::Acquire);
    let mut history = view.base.history();
    let mut array = view.base.array_ref().clone();
    let location = Location::caller();
    for step in &view.steps {
        // The steps were taken before, over the same layouts.
        let Ok(Some(layout)) = step.layout(array.layout()) else { return };
        let Ok(next) = array.with_layout(layout) else { return };
        if history.is_tracked() {
            let node = node_of(Op::View(step.clone()), [(history, &array)].into_iter(), &next, location);
            history = History::Computed(node, 0);
        }
        array = next;
    }
    tensor.set_history(history);
    view.note_seen(rebased);
}
