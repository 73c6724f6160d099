//! What changes parameters: optimizers, learning-rate schedules, gradient clipping, averages of parameters.
//!
//! Nothing here knows layers: parameters are tensors. `optimizer` says what every optimizer can do, `descent` makes one
//! of a method, `method` says what that is; `methods` are those of PyTorch. `schedules` are functions of the epoch.

mod clip;
mod descent;
mod ema;
mod lbfgs;
mod memory;
mod method;
mod methods;
mod optimizer;
mod options;
mod parameters;
mod saving;
mod schedules;

pub use clip::{ClipOptions, clip_grad_norm_, clip_grad_norm_with, clip_grad_value_, get_total_norm};
pub use descent::{Descent, Group};
pub use ema::Ema;
pub use lbfgs::{Lbfgs, LbfgsOptions, LineSearch};
pub use method::{Decay, Kept, Method, Place, Slope};
pub use methods::*;
pub use optimizer::Optimizer;
pub use options::{Options, Value};
pub use schedules::*;

/// The book's page about this crate, whose examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/optim.md")]
struct Book;
