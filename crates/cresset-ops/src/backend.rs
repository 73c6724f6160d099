//! Devices other than the processor: what the crate of one promises, and where the door finds it.

use std::sync::OnceLock;

use cresset_tensor::{Array, DType, Device, Error, Result, Scalar, Shape};

use crate::{
    door::Outputs,
    expr::{Expr, traced},
    op::{Map, Op},
    profile::{Kind, span},
};

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

    /// Every element the same number, of any dtype, also one that the device does not compute in.
    fn filled(&self, operation: &'static str, shape: Shape, dtype: DType, value: Scalar) -> Result<Array>;

    /// Returns when all that was asked for has been computed.
    fn synchronize(&self) -> Result<()>;

    /// Waits for all that was asked for while a profile was made, and tells [`crate::profile::ran`] when it ran, if the device
    /// knows.
    fn report(&self) -> Result<()> {
        Ok(())
    }
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

/// An array made in the processor's memory, where it is to live.
#[track_caller]
#[inline]
pub fn moved(array: Array, device: Device) -> Result<Array> {
    if device == Device::Cpu {
        return Ok(array);
    }
    let _span = span(Kind::Operation, || "to_device".into());
    to_device(&array, device)
}

/// Every element the same number. What lives elsewhere is filled there: nothing but the number goes.
#[track_caller]
#[inline]
pub fn filled(
    operation: &'static str,
    device: Device,
    shape: Shape,
    dtype: DType,
    value: Scalar,
) -> Result<Array> {
    match device {
        Device::Cpu => Array::filled(operation, shape, dtype, value),
        Device::Gpu(index) => {
            let _span = span(Kind::Operation, || "fill".into());
            backend(operation, index)?.filled(operation, shape, dtype, value)
        }
    }
}

/// Applies an operation of one output that has no inputs to tell where: on a device.
#[track_caller]
pub fn execute_at(device: Device, op: &Op) -> Result<Array> {
    let Device::Gpu(index) = device else { return crate::array::execute_one(op, &[]) };
    let _span = span(Kind::Operation, || op.label());
    let mut outputs = backend(op.name(), index)?.execute(op, &[])?;
    match outputs.pop() {
        Some(output) if outputs.is_empty() => Ok(output),
        _ => Err(Error::argument(op.name(), "the operation does not have one output")),
    }
}

/// A row-major copy with memory of its own, where the array lives.
#[track_caller]
pub fn contiguous(array: &Array) -> Result<Array> {
    if array.device() == Device::Cpu {
        return crate::cpu::copy::contiguous(array);
    }
    let copy = traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]);
    crate::array::execute_one(&Op::Map(Map::of(copy, &[])), &[array])
}

/// Returns when all that was asked of a device has been computed. PyTorch's `synchronize`.
#[track_caller]
pub fn synchronize(device: Device) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        Device::Gpu(index) => backend("synchronize", index)?.synchronize(),
    }
}

/// Has every open device say when it did what it was asked for.
pub(crate) fn report() {
    for device in BACKENDS.iter().filter_map(OnceLock::get) {
        // A device in trouble says so at the next call; the profile is what there is without it.
        let _ = device.report();
    }
}
