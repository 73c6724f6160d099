//! Where memory lives and where operations run.

use std::{any::Any, fmt, ops::Range};

use crate::{Result, Storage};

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

/// Memory that the processor does not see: what a device's crate keeps in a [`Storage`].
pub trait Remote: Any + fmt::Debug + Send + Sync {
    /// Whose memory it is.
    fn device(&self) -> Device;

    /// A copy of some of its bytes in the processor's memory, once all that was asked for before has been computed.
    fn read(&self, bytes: Range<usize>) -> Result<Storage>;
}
