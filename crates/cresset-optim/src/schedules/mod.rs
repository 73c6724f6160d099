//! Learning-rate schedules: functions of the epoch, and of the rate before.
//!
//! `schedule` says what one is, `scheduler` applies one to the groups of an optimizer. `decay`, `cosine` and `cycles` are
//! PyTorch's, `compose` makes one of several, `plateau` reacts to a metric.

mod compose;
mod cosine;
mod cycles;
mod decay;
mod plateau;
mod schedule;
mod scheduler;

pub use compose::{ChainedScheduler, SequentialLR};
pub use cosine::{CosineAnnealingLR, CosineAnnealingWarmRestarts};
pub use cycles::{AnnealStrategy, CyclicLR, CyclicMode, OneCycleLR};
pub use decay::{
    ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, MultiplicativeLR, PolynomialLR, StepLR,
};
pub use plateau::{PlateauMode, ReduceLROnPlateau, Threshold};
pub use schedule::{At, Entry, Schedule};
pub use scheduler::LRScheduler;
