//! What every example stands on: options of the command line, a progress bar, a learning curve, pictures in the terminal,
//! texts to learn from.

#![allow(dead_code, unused_imports, reason = "no example needs all of it")]

pub mod curve;
pub mod options;
pub mod picture;
pub mod progress;
pub mod text;

pub use curve::Curve;
pub use options::{Command, Options};
pub use progress::Progress;
pub use text::Text;
