//! The layout in which PyTorch saves optimizers: `{state: {0: {…}}, param_groups: [{lr: …, params: [0, …]}]}`.

use cresset_autograd::{Error, Result};
use cresset_tensor::{Key, State};

use crate::options::Options;

/// A group out of a saved state.
pub(crate) struct SavedGroup<O> {
    pub options: O,
    /// What is no option: notes of schedules, and PyTorch's choices of its own implementation.
    pub notes: Vec<(Key, State)>,
    /// The numbers of its parameters.
    pub ids: Vec<i64>,
}

/// What is remembered of each parameter, and each group's options, notes and count of parameters.
pub(crate) fn state_dict<'a, O: Options>(
    memories: impl Iterator<Item = Option<State>>,
    groups: impl Iterator<Item = (&'a O, &'a [(Key, State)], usize)>,
) -> State {
    let remembered = memories.enumerate().filter_map(|(i, memory)| Some((Key::Int(i as i64), memory?)));
    let remembered = State::Map(remembered.collect());
    let mut next = 0;
    let groups = groups.map(|(options, notes, count)| {
        let mut entries: Vec<(Key, State)> =
            O::NAMES.iter().filter_map(|&name| Some((Key::from(name), options.get(name)?))).collect();
        entries.extend_from_slice(notes);
        entries.push((Key::from("params"), State::List((next..next + count).map(State::from).collect())));
        next += count;
        State::Map(entries)
    });
    let groups = State::List(groups.collect());
    State::map([("state", remembered), ("param_groups", groups)])
}

/// The groups of a saved state, which must be like the current ones: their options and counts of parameters.
#[track_caller]
pub(crate) fn groups<O: Options>(
    method: &'static str,
    state: &State,
    current: Vec<(O, usize)>,
) -> Result<Vec<SavedGroup<O>>> {
    let saved = state.get("param_groups")?.list()?;
    if saved.len() != current.len() {
        return Err(Error::argument(
            method,
            format!("the state has {} groups of parameters, the optimizer {}", saved.len(), current.len()),
        ));
    }
    let mut groups = Vec::with_capacity(saved.len());
    for (i, (saved, (mut options, count))) in saved.iter().zip(current).enumerate() {
        let mut ids = Vec::new();
        for id in saved.get("params")?.list()? {
            ids.push(id.int()?);
        }
        if ids.len() != count {
            return Err(Error::argument(
                method,
                format!("group {i} has {} parameters in the state, {count} in the optimizer", ids.len()),
            ));
        }
        let mut notes = Vec::new();
        for (key, value) in saved.entries()? {
            let Key::Text(name) = key else { continue };
            match options.set(name, value) {
                _ if name == "params" => {}
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let message = format!("group {i}: {name}: {}", error.message());
                    return Err(Error::argument(method, message));
                }
                None => notes.push((key.clone(), value.clone())),
            }
        }
        groups.push(SavedGroup { options, notes, ids });
    }
    Ok(groups)
}

/// What is saved of a parameter, if anything is.
#[track_caller]
#[inline]
pub(crate) fn entry<'a>(state: &'a State, id: &i64) -> Result<Option<&'a State>> {
    let all = state.get("state")?;
    all.entries()?;
    // Formats that have only texts for keys write numbers as such.
    Ok(all.find(&Key::Int(*id)).or_else(|| all.find(&Key::Text(id.to_string()))))
}
