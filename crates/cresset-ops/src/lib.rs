//! What can be *done* with numbers: one vocabulary of operations as plain data, inference of shapes and dtypes with
//! every check, execution on the CPU, and the methods people call.
//!
//! Nothing here knows derivatives: see `cresset-autograd`.

pub mod backend;
pub mod cpu;
pub mod decompose;
pub mod door;
pub mod expr;
pub mod infer;
pub mod math;
pub mod methods;
pub mod op;
pub mod profile;
pub mod recurrence;
pub mod view;

mod array;
mod operators;
mod work;

pub use array::{execute, execute_into, execute_one};
pub use cpu::threads::{num_threads, parallel_for, set_num_threads};
pub use cresset_tensor::{
    Array, Axes, DType, Device, Element, Error, ErrorKind, Result, Scalar, Shape, Sizes,
};
pub use door::{Apply, Operand, Outputs};
pub use expr::{Expr, select};
pub use op::Op;
pub use profile::profile;
pub use work::multiply_adds;

/// Everything a program that computes with arrays needs.
pub mod prelude {
    pub use crate::{
        Apply, Array, DType, Device, Element, Error, Expr, Operand, Result, Scalar, Shape,
        methods::prelude::*, select,
    };
}
