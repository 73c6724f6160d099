//! Gradients on their way to nodes, the latest node first.

use std::{collections::BinaryHeap, sync::Arc};

use crate::history::Node;

/// A gradient on its way to an output of a node, which whoever holds the outputs keeps.
pub struct Arrival<'g, T> {
    pub node: &'g Arc<Node>,
    pub output: usize,
    pub gradient: T,
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

/// Gradients on their way, the one to the latest node first. That is mostly the last one sent, which need not go through
/// the heap then.
pub struct Arrivals<'g, T> {
    first: Option<Arrival<'g, T>>,
    rest: BinaryHeap<Arrival<'g, T>>,
}

impl<T> Default for Arrivals<'_, T> {
    fn default() -> Self {
        Arrivals { first: None, rest: BinaryHeap::new() }
    }
}

impl<'g, T> Arrivals<'g, T> {
    pub fn push(&mut self, arrival: Arrival<'g, T>) {
        match &self.first {
            Some(first) if *first >= arrival => self.rest.push(arrival),
            Some(_) | None => {
                if let Some(earlier) = self.first.replace(arrival) {
                    self.rest.push(earlier);
                }
            }
        }
    }

    pub fn pop(&mut self) -> Option<Arrival<'g, T>> {
        match (&self.first, self.rest.peek()) {
            (Some(first), Some(other)) if other > first => self.rest.pop(),
            (Some(_), _) => self.first.take(),
            (None, _) => self.rest.pop(),
        }
    }

    /// The next one, if it is to that node.
    pub fn pop_of(&mut self, node: &Node) -> Option<Arrival<'g, T>> {
        let is_of = |arrival: &Arrival<'g, T>| arrival.node.sequence == node.sequence;
        if self.first.as_ref().is_some_and(is_of) {
            return self.first.take();
        }
        self.rest.peek().is_some_and(is_of).then(|| self.rest.pop()).flatten()
    }
}
