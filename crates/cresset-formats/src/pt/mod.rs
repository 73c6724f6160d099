//! PyTorch's `.pt` and `.pth`: what `torch.save` writes and `torch.load(weights_only=True)` reads.
//!
//! The pickle inside is run by a machine that knows only tensors and containers: nothing in a file is ever executed.

mod build;
#[cfg(test)]
mod hostile;
mod legacy;
mod save;
mod zipped;

use std::path::Path;

use cresset_tensor::{Key, Result, State, StateDict};

use crate::{
    atomic::saving,
    content::loading,
    tree,
    trouble::{Outcome, wrong},
};

/// Reads what `torch.save` wrote: a tree of dicts, lists, numbers, texts and tensors; its zip format or the one before
/// PyTorch 1.6.
///
/// Views of one storage share memory here too. Tuples and sets are lists; dtypes and devices are texts (`torch.float32`,
/// `cuda:0`); whole numbers beyond `i64` are texts of their digits; bytes are arrays of `uint8`. Whether a tensor requires
/// a gradient is not kept. A pickle that names any other class or function is refused with that name.
///
/// ```
/// use cresset_formats::{load_pt, save_pt};
/// use cresset_tensor::{Array, State};
/// # let path = std::env::temp_dir().join(format!("cresset-{}.pt", std::process::id()));
/// let state = State::map([("epoch", 7i64.into()), ("weight", Array::new([1.0f32, 2.0]).into())]);
/// save_pt(&path, &state)?;
/// assert_eq!(load_pt(&path)?.get("epoch")?.int()?, 7);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn load_pt(path: impl AsRef<Path>) -> Result<State> {
    loading("load_pt", path.as_ref(), read)
}

/// [`load_pt`], then [`state_dict_in`]: the weights in a checkpoint.
#[track_caller]
pub fn load_pt_state_dict(path: impl AsRef<Path>) -> Result<StateDict> {
    loading("load_pt_state_dict", path.as_ref(), |bytes| find_state_dict(read(bytes)?))
}

/// Writes a tree as `torch.load(path, weights_only=True)` reads it, atomically. Arrays that share memory share a storage
/// there too.
#[track_caller]
pub fn save_pt(path: impl AsRef<Path>, state: &State) -> Result<()> {
    saving("save_pt", path.as_ref(), |file| {
        tree::check(state)?;
        save::write(file, state)
    })
}

/// What the bytes of a `.pt` file hold.
#[track_caller]
#[inline]
pub fn from_bytes(bytes: &[u8]) -> Result<State> {
    match read(bytes) {
        Ok(state) => Ok(state),
        Err(trouble) => Err(trouble.of("pt::from_bytes", None)),
    }
}

/// The weights in a checkpoint: the tree itself where it is a map of nothing but arrays, else the first such map under
/// `state_dict`, `model_state_dict`, `model` or `module`.
#[track_caller]
#[inline]
pub fn state_dict_in(state: State) -> Result<StateDict> {
    match find_state_dict(state) {
        Ok(dict) => Ok(dict),
        Err(trouble) => Err(trouble.of("state_dict_in", None)),
    }
}

#[inline]
fn find_state_dict(mut state: State) -> Outcome<StateDict> {
    if is_state_dict(&state) {
        return Ok(state.try_into()?);
    }
    let State::Map(entries) = &mut state else {
        return wrong(format!("this is {}, not a checkpoint with a state dict", state.kind()));
    };
    for name in ["state_dict", "model_state_dict", "model", "module"] {
        let found = entries.iter().position(|(key, value)| *key == Key::from(name) && is_state_dict(value));
        if let Some(place) = found {
            return Ok(entries.swap_remove(place).1.try_into()?);
        }
    }
    let keys: Vec<String> =
        entries.iter().take(20).map(|(key, value)| format!("{key} ({})", value.kind())).collect();
    wrong(format!(
        "no state dict is at the top or under state_dict, model_state_dict, model or module; there are: {}",
        keys.join(", ")
    ))
}

#[inline]
fn is_state_dict(state: &State) -> bool {
    match state {
        State::Map(entries) => entries.iter().all(|(_, value)| matches!(value, State::Array(_))),
        _ => false,
    }
}

#[inline]
fn read(bytes: &[u8]) -> Outcome<State> {
    if bytes.is_empty() {
        return wrong("the file is empty");
    }
    if bytes.starts_with(b"PK") {
        return zipped::read(bytes);
    }
    if legacy::is_legacy(bytes) {
        return legacy::read(bytes);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return wrong(
            "this is a tar archive, as PyTorch wrote them before 0.1.10; load it there and save it again",
        );
    }
    let start = bytes[..bytes.len().min(24)].escape_ascii();
    wrong(format!(
        "not a PyTorch checkpoint: neither a zip archive nor the format before 1.6; it begins with \"{start}\""
    ))
}
