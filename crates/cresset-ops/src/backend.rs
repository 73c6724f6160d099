//! Devices other than the processor: what the crate of one promises, and where the door finds it.

use std::sync::OnceLock;

use cresset_tensor::{Array, Device, Error, Result};

use crate::{door::Outputs, op::Op};

/// What serves a device: the interpreter `execute` for arrays that live there, and the way there.
///
/// Arrays given to it live on its device, and were checked by nobody: it calls [`crate::infer::infer`] itself.
pub trait Backend: Send + Sync {
    /// Applies an operation.
    fn execute(&self, op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>>;

    /// Applies an operation and writes its outputs into what is there already.
    fn execute_into(&self, op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()>;

    /// A row-major copy, on the device, of an array in the processor's memory.
    fn upload(&self, array: &Array) -> Result<Array>;

    /// Returns when all that was asked for has been computed.
    fn synchronize(&self) -> Result<()>;
}

/// So many devices can be open.
const DEVICES: usize = 16;

static BACKENDS: [OnceLock<Box<dyn Backend>>; DEVICES] = [const { OnceLock::new() }; DEVICES];

/// What serves a device, made at the first call.
pub fn open(index: u16, make: impl FnOnce() -> Result<Box<dyn Backend>>) -> Result<&'static dyn Backend> {
    let place = BACKENDS.get(usize::from(index)).ok_or_else(|| {
        Error::device("device", format!("there is no gpu:{index}; at most {DEVICES} can be open"))
    })?;
    if let Some(backend) = place.get() {
        return Ok(&**backend);
    }
    let made = make()?;
    // Of two threads that open a device at once, one has its work thrown away.
    Ok(&**place.get_or_init(|| made))
}

/// What serves a device that is open.
#[track_caller]
pub fn backend(operation: &'static str, index: u16) -> Result<&'static dyn Backend> {
    match BACKENDS.get(usize::from(index)).and_then(OnceLock::get) {
        Some(backend) => Ok(&**backend),
        None => Err(Error::device(
            operation,
            format!(
                "gpu:{index} is not open; open it with Device::gpu({index}) (crate cresset-wgpu, or the feature `wgpu` of cresset)"
            ),
        )),
    }
}

/// The same numbers on a device; without a copy if they are there.
#[track_caller]
pub fn to_device(array: &Array, device: Device) -> Result<Array> {
    if array.device() == device {
        return Ok(array.clone());
    }
    let here = array.to_host()?;
    match device {
        Device::Cpu => crate::cpu::copy::contiguous(&here),
        Device::Gpu(index) => backend("to_device", index)?.upload(&here),
    }
}

/// Returns when all that was asked of a device has been computed. PyTorch's `synchronize`.
#[track_caller]
pub fn synchronize(device: Device) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        Device::Gpu(index) => backend("synchronize", index)?.synchronize(),
    }
}
