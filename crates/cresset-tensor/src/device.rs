//! Where memory lives and where operations run.

use std::fmt;

/// A place for arrays.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Device {
    /// The processor and its memory.
    #[default]
    Cpu,
    /// The graphics card of that number, served by a crate of its own.
    Gpu(u16),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Gpu(index) => write!(f, "gpu:{index}"),
        }
    }
}
