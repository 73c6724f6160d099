//! A whole training in one file: a safetensors file of the arrays, the rest of the tree as JSON in its metadata.
//!
//! Any program that reads safetensors finds the arrays under the keys that lead to them.

use std::{collections::HashMap, path::Path, sync::Arc};

use cresset_tensor::{DType, Layout, Result, State, StateDict, Storage};

use crate::{
    atomic::saving,
    content::loading,
    json,
    safetensors::{self, Metadata},
    trouble::{Outcome, wrong},
};

/// Which version of this format a file is of.
const VERSION_KEY: &str = "cresset.checkpoint";
const VERSION: &str = "1";
/// The tree.
const STATE_KEY: &str = "cresset.state";

/// Saves the state of a training whole or not at all: what [`load_checkpoint`] gives back is the same tree, bit for bit.
/// An array that is there several times is saved once, and shares its memory again when loaded.
///
/// ```
/// use cresset_formats::{load_checkpoint, save_checkpoint};
/// use cresset_tensor::{Array, State};
/// # let path = std::env::temp_dir().join(format!("cresset-{}.ckpt", std::process::id()));
/// let state = State::map([
///     ("model", State::map([("weight", Array::new([0.5f32, -1.5]).into())])),
///     ("epoch", 12i64.into()),
///     ("best", f64::NEG_INFINITY.into()),
/// ]);
/// save_checkpoint(&path, &state)?;
/// let back = load_checkpoint(&path)?;
/// assert_eq!(back.get("model")?.get("weight")?.array()?.to_vec::<f32>()?, [0.5, -1.5]);
/// assert_eq!(back.get("best")?.float()?, f64::NEG_INFINITY);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn save_checkpoint(path: impl AsRef<Path>, state: &State) -> Result<()> {
    saving("save_checkpoint", path.as_ref(), |file| {
        let (dict, metadata) = split(state)?;
        safetensors::write(file, &dict, &metadata)
    })
}

/// Loads what [`save_checkpoint`] saved.
#[track_caller]
pub fn load_checkpoint(path: impl AsRef<Path>) -> Result<State> {
    loading("load_checkpoint", path.as_ref(), read)
}

/// What the bytes of a checkpoint hold.
#[track_caller]
pub fn from_bytes(bytes: &[u8]) -> Result<State> {
    match read(bytes) {
        Ok(state) => Ok(state),
        Err(trouble) => Err(trouble.of("checkpoint::from_bytes", None)),
    }
}

/// The bytes of a checkpoint.
#[track_caller]
pub fn to_bytes(state: &State) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match split(state).and_then(|(dict, metadata)| safetensors::write(&mut bytes, &dict, &metadata)) {
        Ok(()) => Ok(bytes),
        Err(trouble) => Err(trouble.of("checkpoint::to_bytes", None)),
    }
}

fn read(bytes: &[u8]) -> Outcome<State> {
    let (dict, metadata) = safetensors::read(bytes)?;
    match (metadata.get(VERSION_KEY).map(String::as_str), metadata.get(STATE_KEY)) {
        (Some(VERSION), Some(tree)) => json::parse(tree, &|name| dict.get(name).cloned()),
        (Some(version), _) if version != VERSION => {
            wrong(format!("this is a checkpoint of version {version}; version {VERSION} can be read"))
        }
        (None, _) => {
            wrong("this safetensors file is no checkpoint of a training; load_safetensors reads its arrays")
        }
        (Some(_), _) => wrong(format!("its metadata lacks {STATE_KEY}, the state itself")),
    }
}

/// The arrays of a tree by name, and in the metadata the tree with their names.
fn split(state: &State) -> Outcome<(StateDict, Metadata)> {
    let mut dict = StateDict::new();
    // The same elements of the same memory are the same array.
    let mut known: HashMap<(*const Storage, DType), Vec<(Layout, String)>> = HashMap::new();
    let tree = json::text(state, &mut |path, array| {
        let same = known.entry((Arc::as_ptr(array.storage()), array.dtype())).or_default();
        if let Some((_, name)) = same.iter().find(|(layout, _)| layout == array.layout()) {
            return Ok(name.clone());
        }
        let name = unused(&dict, path);
        same.push((array.layout().clone(), name.clone()));
        dict.insert(name.clone(), array.clone());
        Ok(name)
    })?;
    let texts = [(VERSION_KEY, VERSION.to_owned()), (STATE_KEY, tree)];
    Ok((dict, texts.into_iter().map(|(key, text)| (key.to_owned(), text)).collect()))
}

/// The path, or where that is no name or already one, the path and a number.
fn unused(dict: &StateDict, path: &str) -> String {
    let is_free = |name: &str| !name.is_empty() && name != "__metadata__" && !dict.contains(name);
    if is_free(path) {
        return path.to_owned();
    }
    let mut number = 2;
    loop {
        let name = format!("{path}#{number}");
        if is_free(&name) {
            return name;
        }
        number += 1;
    }
}
