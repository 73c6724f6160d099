//! Arrays and states in files: safetensors, `.npy` and `.npz`, PyTorch's `.pt`, JSON, training checkpoints.
//!
//! Nothing here knows models: names and arrays go in and come out. Every file may be damaged or hostile: it is read or
//! refused with an error that says what is wrong with it, nothing in it is run, and no memory is taken for what it
//! merely claims to hold. Saving is atomic: a crash leaves the old file or the new one.

pub mod atomic;
mod bytes;
pub mod checkpoint;
mod content;
pub mod json;
pub mod npy;
pub mod npz;
mod pickle;
pub mod pt;
pub mod safetensors;
mod tree;
mod trouble;
mod zip;

pub use atomic::save_atomically;
pub use checkpoint::{load_checkpoint, save_checkpoint};
pub use json::{from_json, load_json, save_json, to_json};
pub use npy::{load_npy, save_npy};
pub use npz::{load_npz, save_npz, save_npz_compressed};
pub use pt::{load_pt, load_pt_state_dict, save_pt, state_dict_in};
pub use safetensors::{
    load_safetensors, load_safetensors_with_metadata, save_safetensors, save_safetensors_with_metadata,
};

/// The book's page about this crate, whose examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/formats.md")]
struct Book;
