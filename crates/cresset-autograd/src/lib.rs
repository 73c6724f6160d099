//! Where numbers *came from*: `Tensor`, an array that remembers; the rules of derivatives; and what is built on them.
//!
//! Nothing here knows layers or optimizers, and no kernel lives here: derivatives are written in ordinary methods, so
//! they run wherever the operations run and have derivatives themselves.

mod backward;
mod checkpoint;
mod custom;
mod functional;
mod history;
mod in_place;
mod mode;
mod recording;
mod rules;
mod tensor;

pub use checkpoint::checkpoint;
pub use cresset_ops::{
    Apply, Array, Axes, DType, Device, Element, Error, ErrorKind, Expr, Operand, Outputs, Result, Scalar,
    Shape, Sizes, select,
};
pub use custom::{Context, Function};
pub use functional::{Grad, grad, hessian, hvp, jacobian, jvp, vjp};
pub use mode::{detect_anomaly, enable_grad, inference, is_grad_enabled, no_grad};
pub use tensor::{Hook, Tensor};

/// Everything a program that computes with tensors and their derivatives needs.
pub mod prelude {
    pub use crate::{
        Tensor, detect_anomaly, enable_grad, grad, hessian, inference, jacobian, jvp, no_grad, vjp,
    };
    pub use cresset_ops::prelude::*;
}
