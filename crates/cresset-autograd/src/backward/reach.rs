//! Which nodes lie on the way: all that a tensor came of, and those from which something wanted can be reached.

use std::{collections::HashSet, sync::Arc};

use cresset_tensor::order::sort_by;

use crate::{
    Tensor,
    history::{History, Node},
};

/// What tells a node's output, or a leaf, from others.
pub fn key(history: &History) -> (usize, usize) {
    match history {
        History::Constant => (0, 0),
        History::Leaf(leaf) => (Arc::as_ptr(leaf) as usize, usize::MAX),
        History::Computed(node, output) => (Arc::as_ptr(node) as usize, *output),
    }
}

/// The nodes between the outputs and what is wanted.
pub fn useful(outputs: &[&Tensor], goals: &[History]) -> HashSet<usize> {
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
