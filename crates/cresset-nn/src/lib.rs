//! Modules: layers, losses, initialisation, state dicts.
//!
//! Nothing here knows optimizers. What layers compute is in the methods of `cresset-ops`; here they get parameters, names
//! and a mode.

// What `#[derive(Module)]` writes names this crate.
extern crate self as cresset_nn;

mod boundary;
mod fields;
pub mod init;
mod layers;
mod losses;
mod module;
mod parameter;
mod parametrizations;
mod print;
mod state_dict;
mod summary;
mod table;
mod training;
mod vector;

pub use boundary::{Boundary, Outcome, entering};
pub use cresset_autograd::{Apply, Array, DType, Device, Error, Result, Shape, Tensor};
pub use cresset_derive::Module;
pub use cresset_tensor::StateDict;
pub use layers::*;
pub use losses::*;
pub use module::{Field, Layer, Misfits, Module, ModuleExt, Part, PartMut, Place, See, SeeMut};
pub use parameter::{Buffer, Parameter};
pub use parametrizations::{SpectralNorm, WeightNorm, Weighted};
pub use print::text as printed;
pub use summary::{Row, Summary, summary};
pub use training::Training;
pub use vector::{parameters_to_vector, vector_to_parameters};

/// Everything a program with models needs.
pub mod prelude {
    pub use crate::{
        Buffer, Layer, Module, ModuleExt, Parameter, SpectralNorm, StateDict, Training, WeightNorm, entering,
        layers::*, losses::*, parameters_to_vector, sequential, summary, vector_to_parameters,
    };
    pub use cresset_autograd::prelude::*;
}

/// The book's page about this crate, whose examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/nn.md")]
struct Book;
