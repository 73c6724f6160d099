//! The golden cases: PyTorch's own samples of each operation with its answers, gradients and refusals.
//!
//! `read` takes them from their files, `value` and `args` are what they are made of, `run` runs them, `compare` says
//! when an answer is right, `alike` when another one is as good, `report` counts, `scope` says what is the core.

mod alike;
mod args;
mod compare;
mod formats;
mod modules;
mod optimizers;
mod read;
mod report;
mod run;
mod schedules;
mod scope;
mod value;

pub use args::Args;
pub use compare::{Difference, compare};
pub use formats::run_formats;
pub use modules::{ModuleCase, read_modules, run_module};
pub use optimizers::{optimizer, run_optimizers};
pub use read::{Case, Golden, Gradient, Refusal, Store, Trouble, default_folder, read};
pub use report::{Report, Summary};
pub use run::{Mode, run};
pub(crate) use run::{on, quietly};
pub use schedules::run_schedules;
pub use scope::{OUTSIDE_CORE, in_core};
pub use value::Value;
