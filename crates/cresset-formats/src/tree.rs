//! What every format asks of a tree before it writes it: not too deep, and no key twice.

use std::collections::HashSet;

use cresset_tensor::State;

use crate::trouble::{Outcome, wrong};

/// How deep a tree may be, written or read: deeper ones would overflow the stack of whoever walks or drops them.
pub(crate) const DEEPEST: usize = 100;

/// Can this tree be written, and be read again?
pub(crate) fn check(state: &State) -> Outcome<()> {
    walk(state, 0)
}

fn walk(state: &State, depth: usize) -> Outcome<()> {
    if depth > DEEPEST {
        return wrong(format!("the state is nested deeper than {DEEPEST} levels"));
    }
    match state {
        State::List(values) => values.iter().try_for_each(|value| walk(value, depth + 1)),
        State::Map(entries) => {
            let mut seen = HashSet::new();
            entries.iter().try_for_each(|(key, value)| {
                if !seen.insert(key) {
                    return wrong(format!("a map has the key {key:?} twice"));
                }
                walk(value, depth + 1)
            })
        }
        State::None | State::Bool(_) | State::Int(_) | State::Float(_) | State::Text(_) | State::Array(_) => {
            Ok(())
        }
    }
}
