//! Optimizers and schedules as a training uses them.

mod make;
mod misuse;
mod pytorch;
mod resume;
mod training;
