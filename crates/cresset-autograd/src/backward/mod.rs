//! The driver: walks the graph from outputs to leaves, latest operation first, and alone accumulates, un-broadcasts,
//! prunes and detaches.
//!
//! Nodes are numbered as they are made, so whoever uses an output has a larger number than whoever made it: taking
//! the largest number first visits every node once, with its gradient complete, and needs no recursion and no count.

mod arrivals;
mod carrier;
mod node;
mod out;
mod reach;

use cresset_tensor::Listed;
use std::{
    collections::{HashMap, HashSet},
    panic::Location,
    sync::Arc,
};

use cresset_ops::{
    Apply, Array, Error, Result, Scalar, backend, methods::prelude::*, profile, profile::span,
};
use smallvec::SmallVec;

use self::{
    arrivals::{Arrival, Arrivals},
    node::{freed, step},
    out::{collect, hooked, watch},
    reach::{key, useful},
};
pub(crate) use self::{
    carrier::Carrier,
    node::{open, with_context},
    reach::tape,
};
use crate::{
    Tensor,
    history::{History, Leaf, lock},
    mode,
    rules::{self, fit},
};

/// Where gradients are wanted.
enum Goal<'a> {
    /// Added to every leaf.
    Leaves,
    /// Returned for these histories, and for nothing else.
    Of(&'a [History]),
}

/// Adds the gradients of `outputs` to all leaves they were computed from.
#[track_caller]
pub(crate) fn backward(
    outputs: &[&Tensor],
    cotangents: &[Option<&Tensor>],
    retain_graph: bool,
    create_graph: bool,
) -> Result<()> {
    let location = Location::caller();
    let retain = retain_graph || create_graph;
    let run = || {
        if create_graph {
            drive::<Tensor>(outputs, cotangents, &Goal::Leaves, retain, location).map(drop)
        } else {
            drive::<Array>(outputs, cotangents, &Goal::Leaves, retain, location).map(drop)
        }
    };
    mode::with(|mode| mode.recording = create_graph, run)
}

/// The gradients of `outputs` with regard to `inputs`; `None` where there is no path.
#[track_caller]
pub(crate) fn gradients(
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    cotangents: &[Option<&Tensor>],
    retain_graph: bool,
    create_graph: bool,
) -> Result<Vec<Option<Tensor>>> {
    let location = Location::caller();
    let goals: Vec<History> = inputs.iter().map(|x| x.history()).collect();
    if let Some(i) = goals.iter().position(|goal| !goal.is_tracked()) {
        return Err(Error::gradient(
            "grad",
            format!("input {i} does not require a gradient; call requires_grad() on it first"),
        ));
    }
    let retain = retain_graph || create_graph;
    let goal = Goal::Of(&goals);
    let run = || {
        if create_graph {
            drive::<Tensor>(outputs, cotangents, &goal, retain, location)
        } else {
            let found = drive::<Array>(outputs, cotangents, &goal, retain, location)?;
            Ok(found.into_iter().map(|found| found.map(Tensor::constant)).collect())
        }
    };
    mode::with(|mode| mode.recording = create_graph, run)
}

/// Errors of a rule point at the forward call it belongs to; those of the pass itself at `location`, its caller.
fn drive<T: Carrier>(
    outputs: &[&Tensor],
    cotangents: &[Option<&Tensor>],
    goal: &Goal,
    retain: bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<T>>> {
    let _span = span(profile::Kind::Backward, || "backward".into());
    // A node has no other edges while somebody holds it, so that these keep all that is reached from them.
    let roots: SmallVec<[History; 1]> = outputs.iter().map(|y| y.history()).listed();
    let mut pass = Pass {
        arrivals: Arrivals::default(),
        leaves: Vec::new(),
        found: Vec::new(),
        places: HashMap::new(),
        useful: None,
    };
    if let Goal::Of(goals) = goal {
        pass.found.resize_with(goals.len(), || None);
        for (i, goal) in goals.iter().enumerate() {
            pass.places.entry(key(goal)).or_default().push(i);
        }
        pass.useful = Some(useful(outputs, goals));
    }
    for ((y, cotangent), history) in outputs.iter().zip(cotangents).zip(&roots) {
        if !history.is_tracked() {
            return Err(Error::gradient(
                "backward",
                "this tensor was computed from nothing that requires a gradient, or inside no_grad()",
            )
            .at(location));
        }
        let first = start::<T>(y, *cotangent).map_err(|error| error.at(location))?;
        pass.send(history, first)?;
    }
    while let Some(first) = pass.arrivals.pop() {
        let node = first.node;
        // Most nodes have one output, and need no list.
        let (mut one, mut several);
        let dys = if node.outputs.len() > 1 {
            several = Vec::new();
            several.resize_with(node.outputs.len(), || None);
            several[first.output] = Some(first.gradient);
            several.as_mut_slice()
        } else {
            one = [Some(first.gradient)];
            one.as_mut_slice()
        };
        while let Some(next) = pass.arrivals.pop_of(node) {
            accumulate(&mut dys[next.output], next.gradient)?;
        }
        watch(node, dys)?;
        for (output, dy) in dys.iter().enumerate().filter(|_| !pass.places.is_empty()) {
            if let Some(places) = pass.places.get(&(Arc::as_ptr(node) as usize, output)) {
                for &i in places {
                    pass.found[i] = dy.clone();
                }
            }
        }
        if let Some(useful) = &pass.useful
            && !useful.contains(&(Arc::as_ptr(node) as usize))
        {
            continue;
        }
        let _rule = span(profile::Kind::Rule, || node.label());
        if let [edge] = node.edges.as_slice()
            && let [dy] = &mut *dys
            && rules::hands_on(&node.kind)
            && edge.meta.is_none()
            && let Some(gradient) = dy.take_if(|dy| node.outputs[0].is_of(dy.array()))
        {
            // It is the input's as it is.
            if node.saved.with(retain, |_| ()).is_none() {
                return Err(freed().at(node.location));
            }
            pass.send(&edge.to, gradient)?;
            continue;
        }
        let gradients = step::<T>(node, dys, retain, pass.useful.as_ref(), &pass.places)
            .map_err(|error| error.at(node.location))?;
        for (i, gradient) in gradients.into_iter().enumerate() {
            let (Some(gradient), Some(edge)) = (gradient, node.edges.get(i)) else { continue };
            if edge.to.is_tracked() {
                let gradient = fit(gradient, node.input_meta(i)).map_err(|error| error.at(node.location))?;
                pass.send(&edge.to, gradient)?;
            }
        }
    }
    match goal {
        Goal::Leaves => {
            for (leaf, gradient) in pass.leaves {
                collect(leaf, gradient).map_err(|error| error.at(location))?;
            }
            Ok(Vec::new())
        }
        Goal::Of(goals) => {
            for (leaf, gradient) in pass.leaves {
                let gradient = hooked(
                    &lock(&leaf.hooks).iter().map(|(_, hook)| hook.clone()).collect::<Vec<_>>(),
                    gradient,
                )?;
                for (i, goal) in goals.iter().enumerate() {
                    if matches!(goal, History::Leaf(other) if Arc::ptr_eq(other, leaf)) {
                        pass.found[i] = Some(gradient.clone());
                    }
                }
            }
            Ok(pass.found)
        }
    }
}

struct Pass<'g, T> {
    arrivals: Arrivals<'g, T>,
    leaves: Vec<(&'g Arc<Leaf>, T)>,
    found: Vec<Option<T>>,
    /// Which of the wanted gradients are those of an output of a node.
    places: HashMap<(usize, usize), Vec<usize>>,
    /// The nodes from which something wanted can be reached.
    useful: Option<HashSet<usize>>,
}

impl<'g, T: Carrier> Pass<'g, T> {
    fn send(&mut self, to: &'g History, gradient: T) -> Result<()> {
        match to {
            History::Constant => {}
            History::Computed(node, output) => {
                self.arrivals.push(Arrival { node, output: *output, gradient });
            }
            History::Leaf(leaf) => {
                // Few leaves get more than one gradient, and those soon after another: look from the end.
                match self.leaves.iter_mut().rev().take(64).find(|(other, _)| Arc::ptr_eq(other, leaf)) {
                    Some((_, sum)) => *sum = add(sum, &gradient)?,
                    None => self.leaves.push((leaf, gradient)),
                }
            }
        }
        Ok(())
    }
}

/// The first gradient.
fn start<T: Carrier>(y: &Tensor, cotangent: Option<&Tensor>) -> Result<T> {
    let Some(cotangent) = cotangent else {
        if y.numel() != 1 {
            return Err(Error::gradient(
                "backward",
                format!(
                    "only a single number has a gradient without saying which; this has shape {}: reduce it, or use backward_with",
                    y.shape()
                ),
            ));
        }
        let one = backend::filled("backward", y.device(), y.shape().clone(), y.dtype(), Scalar::Int(1))?;
        return Ok(T::constant(one));
    };
    if cotangent.shape() != y.shape() {
        return Err(Error::gradient(
            "backward",
            format!("the gradient given has shape {}, the tensor {}", cotangent.shape(), y.shape()),
        ));
    }
    let cotangent =
        if cotangent.dtype() == y.dtype() { cotangent.clone() } else { cotangent.to_dtype(y.dtype())? };
    Ok(T::of_tensor(&cotangent))
}

fn add<T: Apply>(a: &T, b: &T) -> Result<T> {
    T::formula(&[a, b], &[], |x, _| x[0] + x[1])
}

fn accumulate<T: Apply>(sum: &mut Option<T>, part: T) -> Result<()> {
    *sum = Some(match sum.take() {
        Some(sum) => add(&sum, &part)?,
        None => part,
    });
    Ok(())
}
