//! Trees as JSON, so that every value comes back as it was: the order of maps, whole numbers of all 64 bits, floats bit
//! for bit.
//!
//! Most trees look as one would expect. What JSON lacks is an object of one key: `{"$float": "nan"}` (also `inf`, `-inf`,
//! and the bits of other NaNs), `{"$map": [[0, …], …]}` for maps with whole numbers as keys, and in checkpoints
//! `{"$array": "name"}`.

mod read;
mod write;

use std::path::Path;

use cresset_tensor::{Result, State};

pub(crate) use self::{
    read::{parse, plain},
    write::{quoted, text},
};
use crate::{
    atomic::saving,
    content::loading,
    trouble::{Outcome, Trouble, wrong},
};

/// A tree without arrays as JSON.
///
/// ```
/// use cresset_formats::{from_json, to_json};
/// use cresset_tensor::State;
/// let state = State::map([("step", 3i64.into()), ("best", f64::INFINITY.into())]);
/// let text = to_json(&state)?;
/// assert_eq!(text, r#"{"step":3,"best":{"$float":"inf"}}"#);
/// assert_eq!(from_json(&text)?.get("best")?.float()?, f64::INFINITY);
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn to_json(state: &State) -> Result<String> {
    match text(state, &mut no_array) {
        Ok(text) => Ok(text),
        Err(trouble) => Err(trouble.of("to_json", None)),
    }
}

/// The tree that a JSON text is; of any JSON, not only what [`to_json`] wrote. Whole numbers beyond `i64` become texts of
/// their digits.
#[track_caller]
pub fn from_json(text: &str) -> Result<State> {
    match parse(text, &|_| None) {
        Ok(state) => Ok(state),
        Err(trouble) => Err(trouble.of("from_json", None)),
    }
}

/// [`to_json`], into a file, atomically.
#[track_caller]
pub fn save_json(path: impl AsRef<Path>, state: &State) -> Result<()> {
    saving("save_json", path.as_ref(), |file| Ok(writeln!(file, "{}", text(state, &mut no_array)?)?))
}

/// [`from_json`], out of a file.
#[track_caller]
pub fn load_json(path: impl AsRef<Path>) -> Result<State> {
    loading("load_json", path.as_ref(), |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, &|_| None),
        Err(error) => Err(Trouble::from(format!("this is not UTF-8: {error}"))),
    })
}

fn no_array(path: &str, _: &cresset_tensor::Array) -> Outcome<String> {
    wrong(format!("'{path}' is an array, which JSON has no place for; save_checkpoint keeps arrays too"))
}
