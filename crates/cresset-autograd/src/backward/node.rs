//! One node on the way back: what it saved, if nobody has written over it, and what its rule makes of that.

use cresset_tensor::Listed;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cresset_ops::{Apply, Array, Error, Op, Result};
use smallvec::SmallVec;

use super::{Carrier, reach::key};
use crate::{
    Tensor,
    history::{Kept, Kind, Node, Saved},
    mode::mode,
    recording::check_finite,
    rules::{self, Context, Gradients, Some64},
};

/// The gradients of a node's inputs.
pub fn step<T: Carrier>(
    node: &Arc<Node>,
    dys: &[Option<T>],
    retain: bool,
    useful: Option<&HashSet<usize>>,
    places: &HashMap<(usize, usize), Vec<usize>>,
) -> Result<Gradients<T>> {
    let wanted = Some64::which(node.edges.iter().map(|edge| {
        edge.to.is_tracked()
            && useful.is_none_or(|useful| {
                let (place, output) = key(&edge.to);
                useful.contains(&place) || places.contains_key(&(place, output))
            })
    }));
    let op = match &node.kind {
        Kind::Op(op) => op,
        Kind::Adjoint(adjoint) => {
            open::<T>(node, retain)?;
            let dx = dys[0].as_ref().map(|dy| T::apply_one(adjoint.clone(), &[dy])).transpose()?;
            return Ok([dx].into_iter().collect());
        }
        Kind::Custom(function) => {
            let given: Vec<Option<Tensor>> = dys.iter().map(|dy| dy.as_ref().map(T::to_tensor)).collect();
            return Ok(function
                .backward(node, &given, wanted, retain)?
                .into_iter()
                .map(|dx| dx.map(|dx| T::of_tensor(&dx)))
                .collect());
        }
    };
    let (inputs, outputs) = open::<T>(node, retain)?;
    let gradients =
        with_context(node, op, &inputs, &outputs, wanted, |context| rules::differentiate(context, dys))?;
    if mode().anomaly {
        let given: SmallVec<[&Array; 2]> = dys.iter().flatten().map(Apply::array).listed();
        let made: Vec<Array> = gradients.iter().flatten().map(|x| x.array().clone()).collect();
        check_finite(op.name(), &given, &made, node.location).map_err(|error| {
            Error::anomaly(format!("backward of {}", op.name()), error.message().to_owned())
        })?;
    }
    Ok(gradients)
}

/// Calls `f` with what a rule is to know of a node.
pub fn with_context<T: Apply, R>(
    node: &Node,
    op: &Op,
    inputs: &Values<T>,
    outputs: &Values<T>,
    wanted: Some64,
    f: impl FnOnce(&Context<T>) -> R,
) -> R {
    let (inputs, outputs) = (inputs.as_slice(), outputs.as_slice());
    f(&Context { op, inputs, outputs, edges: &node.edges, output_metas: &node.outputs, wanted })
}

/// Saved values at their numbers; what was not saved is `None`, or beyond the end.
pub struct Values<T> {
    few: [Option<T>; 2],
    /// All of them, where they are not few.
    all: Vec<Option<T>>,
}

impl<T> Values<T> {
    fn new() -> Values<T> {
        Values { few: [None, None], all: Vec::new() }
    }

    fn set(&mut self, i: usize, value: T) {
        match self.few.get_mut(i) {
            Some(place) if self.all.is_empty() => *place = Some(value),
            Some(_) | None => self.set_far(i, value),
        }
    }

    #[cold]
    fn set_far(&mut self, i: usize, value: T) {
        if self.all.is_empty() {
            self.all.extend(self.few.iter_mut().map(Option::take));
        }
        self.all.resize_with(self.all.len().max(i + 1), || None);
        self.all[i] = Some(value);
    }

    fn as_slice(&self) -> &[Option<T>] {
        if self.all.is_empty() { &self.few } else { &self.all }
    }
}

/// What a node saved, if it was not overwritten since.
pub fn open<T: Carrier>(node: &Arc<Node>, retain: bool) -> Result<(Values<T>, Values<T>)> {
    node.saved.with(retain, |saved| opened(node, saved)).unwrap_or_else(|| Err(freed()))
}

fn opened<T: Carrier>(node: &Arc<Node>, saved: Option<&Saved>) -> Result<(Values<T>, Values<T>)> {
    let (mut inputs, mut outputs) = (Values::new(), Values::new());
    let Some(saved) = saved else { return Ok((inputs, outputs)) };
    for (i, kept) in &saved.inputs {
        check_version(kept, kept.value.array_ref(), node)?;
        inputs.set(*i, T::of_tensor(&kept.value));
    }
    for (i, kept) in &saved.outputs {
        check_version(kept, &kept.value, node)?;
        outputs.set(*i, T::of_output(&kept.value, node, *i));
    }
    Ok((inputs, outputs))
}

/// Somebody went through the graph before.
pub fn freed() -> Error {
    Error::gradient(
        "backward",
        "the graph was already used and freed; give retain_graph (backward_with) to the first pass to go through it again",
    )
}

fn check_version<V>(kept: &Kept<V>, array: &Array, node: &Node) -> Result<()> {
    let now = array.storage().version();
    if now == kept.version {
        return Ok(());
    }
    Err(Error::gradient(
        node.name(),
        format!(
            "a value of shape {} that its derivative needs was overwritten in place (version {now}, saved at {}); use the method without `_`, or clone() it first",
            array.shape(),
            kept.version
        ),
    ))
}
