//! The driver: walks the graph from outputs to leaves, latest operation first, and alone accumulates, un-broadcasts,
//! prunes and detaches.
//!
//! Nodes are numbered as they are made, so whoever uses an output has a larger number than whoever made it: taking
//! the largest number first visits every node once, with its gradient complete, and needs no recursion and no count.

use std::{
    collections::{BinaryHeap, HashMap, HashSet},
    panic::Location,
    sync::Arc,
};

use cresset_ops::{
    Apply, Array, Error, Op, Result, Scalar, backend, methods::prelude::*, profile, profile::span,
};
use cresset_tensor::order::sort_by;
use smallvec::SmallVec;

use crate::{
    Tensor,
    history::{History, Kept, Kind, Leaf, Node, Saved, Watch, lock},
    mode::{self, mode},
    rules::{self, Context, Gradients, Some64, fit},
    tensor::{Hook, check_finite},
};

/// What says the gradients of an operation's inputs, over tensors.
pub(crate) type Rule = fn(&Context<Tensor>, &[Option<Tensor>]) -> Result<Gradients<Tensor>>;

/// What gradients are computed with: arrays, or tensors where the gradients are to have gradients.
pub(crate) trait Carrier: Apply {
    /// Of a saved input.
    fn of_tensor(tensor: &Tensor) -> Self;
    /// Of a saved output of a node.
    fn of_output(array: &Array, node: &Arc<Node>, output: usize) -> Self;
    /// As a tensor.
    fn to_tensor(&self) -> Tensor;
    /// Whether what is computed with it is recorded.
    const RECORDS: bool;
    /// The gradients that a rule gives which is compiled for tensors alone.
    fn over_tensors(context: &Context<Self>, dys: &[Option<Self>], rule: Rule) -> Result<Gradients<Self>>;
}

impl Carrier for Array {
    fn of_tensor(tensor: &Tensor) -> Array {
        tensor.array_ref().clone()
    }
    fn of_output(array: &Array, _: &Arc<Node>, _: usize) -> Array {
        array.clone()
    }
    fn to_tensor(&self) -> Tensor {
        Tensor::constant(self.clone())
    }
    const RECORDS: bool = false;
    fn over_tensors(context: &Context<Array>, dys: &[Option<Array>], rule: Rule) -> Result<Gradients<Array>> {
        let tensors = |arrays: &[Option<Array>]| -> SmallVec<[Option<Tensor>; 2]> {
            arrays.iter().map(|array| array.clone().map(Tensor::constant)).collect()
        };
        let (inputs, outputs, dys) = (tensors(context.inputs), tensors(context.outputs), tensors(dys));
        let &Context { op, edges, output_metas, wanted, .. } = context;
        let context = Context { op, inputs: &inputs, outputs: &outputs, edges, output_metas, wanted };
        // The driver looks for what is not finite where a rule is done.
        let gradients = mode::with(|mode| mode.anomaly = false, || rule(&context, &dys))?;
        Ok(gradients.into_iter().map(|dx| dx.map(|dx| dx.array_ref().clone())).collect())
    }
}

impl Carrier for Tensor {
    fn of_tensor(tensor: &Tensor) -> Tensor {
        tensor.clone()
    }
    fn of_output(array: &Array, node: &Arc<Node>, output: usize) -> Tensor {
        if array.dtype().is_float() {
            Tensor::computed(array.clone(), node, output)
        } else {
            Tensor::constant(array.clone())
        }
    }
    fn to_tensor(&self) -> Tensor {
        self.clone()
    }
    const RECORDS: bool = true;
    fn over_tensors(
        context: &Context<Tensor>,
        dys: &[Option<Tensor>],
        rule: Rule,
    ) -> Result<Gradients<Tensor>> {
        rule(context, dys)
    }
}

/// Where gradients are wanted.
enum Goal<'a> {
    /// Added to every leaf.
    Leaves,
    /// Returned for these histories, and for nothing else.
    Of(&'a [History]),
}

/// A gradient on its way to an output of a node, which whoever holds the outputs keeps.
struct Arrival<'g, T> {
    node: &'g Arc<Node>,
    output: usize,
    gradient: T,
}

impl<T> PartialEq for Arrival<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.node.sequence == other.node.sequence
    }
}

impl<T> Eq for Arrival<'_, T> {}

impl<T> PartialOrd for Arrival<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Arrival<'_, T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.node.sequence.cmp(&other.node.sequence)
    }
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
    let roots: SmallVec<[History; 1]> = outputs.iter().map(|y| y.history()).collect();
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

/// Gradients on their way, the one to the latest node first. That is mostly the last one sent, which need not go through
/// the heap then.
struct Arrivals<'g, T> {
    first: Option<Arrival<'g, T>>,
    rest: BinaryHeap<Arrival<'g, T>>,
}

impl<T> Default for Arrivals<'_, T> {
    fn default() -> Self {
        Arrivals { first: None, rest: BinaryHeap::new() }
    }
}

impl<'g, T> Arrivals<'g, T> {
    fn push(&mut self, arrival: Arrival<'g, T>) {
        match &self.first {
            Some(first) if *first >= arrival => self.rest.push(arrival),
            Some(_) | None => {
                if let Some(earlier) = self.first.replace(arrival) {
                    self.rest.push(earlier);
                }
            }
        }
    }

    fn pop(&mut self) -> Option<Arrival<'g, T>> {
        match (&self.first, self.rest.peek()) {
            (Some(first), Some(other)) if other > first => self.rest.pop(),
            (Some(_), _) => self.first.take(),
            (None, _) => self.rest.pop(),
        }
    }

    /// The next one, if it is to that node.
    fn pop_of(&mut self, node: &Node) -> Option<Arrival<'g, T>> {
        let is_of = |arrival: &Arrival<'g, T>| arrival.node.sequence == node.sequence;
        if self.first.as_ref().is_some_and(is_of) {
            return self.first.take();
        }
        self.rest.peek().is_some_and(is_of).then(|| self.rest.pop()).flatten()
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

fn key(history: &History) -> (usize, usize) {
    match history {
        History::Constant => (0, 0),
        History::Leaf(leaf) => (Arc::as_ptr(leaf) as usize, usize::MAX),
        History::Computed(node, output) => (Arc::as_ptr(node) as usize, *output),
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

/// Shows the gradients to those who watch.
fn watch<T: Carrier>(node: &Node, dys: &mut [Option<T>]) -> Result<()> {
    let Some(watches) = node.watches.any().map(|list| list.clone()) else { return Ok(()) };
    for (output, watch) in watches {
        let Some(dy) = dys[output].take() else { continue };
        dys[output] = Some(match watch {
            Watch::Hook(_, hook) => hooked(&[hook], dy)?,
            Watch::Keep(leaf) => {
                let mut place = lock(&leaf.gradient);
                let new = dy.to_tensor();
                *place = Some(match place.take() {
                    Some(old) => old.add(&new)?,
                    None => owned(new)?,
                });
                dy
            }
        });
    }
    Ok(())
}

fn hooked<T: Carrier>(hooks: &[Hook], gradient: T) -> Result<T> {
    let mut gradient = gradient;
    for hook in hooks {
        if let Some(other) = hook(&gradient.to_tensor())? {
            if other.shape() != gradient.shape() {
                return Err(Error::gradient(
                    "register_hook",
                    format!(
                        "a hook returned shape {} for a gradient of shape {}",
                        other.shape(),
                        gradient.shape()
                    ),
                ));
            }
            gradient = T::of_tensor(&other);
        }
    }
    Ok(gradient)
}

/// A gradient nobody else holds: it may be written in place later.
fn owned(gradient: Tensor) -> Result<Tensor> {
    let array = gradient.array_ref();
    let alone = Arc::strong_count(array.storage()) == 1 && array.is_contiguous();
    if alone || gradient.needs_grad() {
        return Ok(gradient);
    }
    Ok(Tensor::constant(backend::contiguous(array)?))
}

/// Adds a gradient to a leaf.
fn collect<T: Carrier>(leaf: &Leaf, gradient: T) -> Result<()> {
    let hooks: Vec<Hook> = lock(&leaf.hooks).iter().map(|(_, hook)| hook.clone()).collect();
    let gradient = hooked(&hooks, gradient)?;
    let new = gradient.to_tensor();
    drop(gradient);
    let mut place = lock(&leaf.gradient);
    match place.as_ref() {
        None => *place = Some(owned(new)?),
        Some(old) if T::RECORDS || old.needs_grad() => *place = Some(old.add(&new)?),
        // Whoever holds the gradient sees it grow, as in PyTorch.
        Some(old) => {
            old.add_(&new)?;
        }
    }
    Ok(())
}

/// The nodes between the outputs and what is wanted.
fn useful(outputs: &[&Tensor], goals: &[History]) -> HashSet<usize> {
    let wanted: HashSet<usize> = goals.iter().map(|goal| key(goal).0).collect();
    let mut useful = HashSet::new();
    // In the order in which nodes were made, a node is useful if any input comes of a useful or wanted one.
    let mut seen: HashSet<usize> = HashSet::new();
    let mut all: Vec<Arc<Node>> = Vec::new();
    let mut stack: Vec<Arc<Node>> = Vec::new();
    let mut visit = |history: &History, stack: &mut Vec<Arc<Node>>| {
        if let History::Computed(node, _) = history
            && seen.insert(Arc::as_ptr(node) as usize)
        {
            stack.push(node.clone());
        }
    };
    outputs.iter().for_each(|y| visit(&y.history(), &mut stack));
    while let Some(node) = stack.pop() {
        node.edges.iter().for_each(|edge| visit(&edge.to, &mut stack));
        all.push(node);
    }
    sort_by(&mut all, |node, other| node.sequence.cmp(&other.sequence));
    for node in &all {
        let leads = node.edges.iter().any(|edge| {
            let (place, _) = key(&edge.to);
            edge.to.is_tracked() && (wanted.contains(&place) || useful.contains(&place))
        });
        if leads {
            useful.insert(Arc::as_ptr(node) as usize);
        }
    }
    useful
}

/// The gradients of a node's inputs.
fn step<T: Carrier>(
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
        let given: SmallVec<[&Array; 2]> = dys.iter().flatten().map(Apply::array).collect();
        let made: Vec<Array> = gradients.iter().flatten().map(|x| x.array().clone()).collect();
        check_finite(op.name(), &given, &made, node.location).map_err(|error| {
            Error::anomaly(format!("backward of {}", op.name()), error.message().to_owned())
        })?;
    }
    Ok(gradients)
}

/// Calls `f` with what a rule is to know of a node.
pub(crate) fn with_context<T: Apply, R>(
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
pub(crate) struct Values<T> {
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
pub(crate) fn open<T: Carrier>(node: &Arc<Node>, retain: bool) -> Result<(Values<T>, Values<T>)> {
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

fn freed() -> Error {
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

/// All nodes a tensor was computed by, in the order they were made.
pub(crate) fn tape(outputs: &[Tensor]) -> Vec<Arc<Node>> {
    let mut seen: HashSet<usize> = HashSet::new();
    let mut all: Vec<Arc<Node>> = Vec::new();
    let mut stack: Vec<History> = outputs.iter().map(Tensor::history).collect();
    while let Some(history) = stack.pop() {
        if let History::Computed(node, _) = history
            && seen.insert(Arc::as_ptr(&node) as usize)
        {
            stack.extend(node.edges.iter().map(|edge| edge.to.clone()));
            all.push(node);
        }
    }
    sort_by(&mut all, |node, other| node.sequence.cmp(&other.sequence));
    all
}
