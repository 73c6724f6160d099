//! What every example stands on: options of the command line, a progress bar, a learning curve, pictures in the terminal.

#![allow(dead_code, reason = "no example needs all of it")]

pub mod curve;
pub mod options;
pub mod picture;
pub mod progress;

pub use curve::Curve;
pub use options::Options;
pub use progress::Progress;
