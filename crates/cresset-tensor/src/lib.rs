//! What numbers *are*: dtypes, shapes, layouts, pooled memory, arrays, printing, random streams, errors.
//!
//! No operation on numbers lives here: see `cresset-ops` for those.

pub mod array;
mod bytes;
pub mod device;
pub mod display;
pub mod dtype;
pub mod element;
pub mod error;
#[cfg(feature = "ndarray")]
mod interop_ndarray;
pub mod layout;
mod listed;
pub mod memory;
pub mod nested;
pub mod order;
pub mod random;
pub mod scalar;
pub mod shape;
mod shared_layout;
pub mod state;
pub mod storage;

pub use array::Array;
pub use device::Device;
pub use display::{PrintOptions, get_printoptions, set_printoptions};
pub use dtype::{Category, DType};
pub use element::Element;
pub use error::{Error, ErrorKind, Result};
pub use half::{bf16, f16};
pub use layout::Layout;
pub use listed::Listed;
pub use nested::IntoArray;
pub use random::{Generator, Stream};
pub use scalar::Scalar;
pub use shape::{Axes, Shape, Sizes, Strides};
pub use shared_layout::SharedLayout;
pub use state::{Key, State, StateDict};
pub use storage::{Locks, Storage};

/// The book's page about this crate, whose examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/tensor.md")]
struct Book;
