//! `Array` goes through the door: an operation is executed, and that is all.

use std::panic::Location;

use cresset_tensor::{Array, Device, Error, Listed, Result};
use smallvec::{SmallVec, smallvec};

use crate::{
    backend::{backend, to_device},
    cpu,
    door::{Apply, Outputs},
    op::{Map, Op},
    profile, work,
};

/// Applies an operation to arrays, wherever they live.
#[track_caller]
pub fn execute(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let location = Location::caller();
    if profile::is_on() {
        return profile::operation(op, inputs, location, || several(op, inputs, location), |made| made);
    }
    several(op, inputs, location)
}

#[inline]
fn several(op: &Op, inputs: &[&Array], location: &'static Location<'static>) -> Result<Outputs<Array>> {
    let outputs = if here(op, inputs) { cpu::execute(op, inputs) } else { execute_there(op, inputs) };
    let outputs = outputs.map_err(|error| error.at(location))?;
    work::count(op, inputs, outputs.first());
    Ok(outputs)
}

/// As [`execute`], of an operation of one output.
#[track_caller]
pub fn execute_one(op: &Op, inputs: &[&Array]) -> Result<Array> {
    let location = Location::caller();
    if profile::is_on() {
        let run = || one(op, inputs, location);
        return profile::operation(op, inputs, location, run, std::slice::from_ref);
    }
    one(op, inputs, location)
}

#[inline]
fn one(op: &Op, inputs: &[&Array], location: &'static Location<'static>) -> Result<Array> {
    let output = if here(op, inputs) { cpu::execute_one(op, inputs) } else { one_there(op, inputs) };
    let output = output.map_err(|error| error.at(location))?;
    work::count(op, inputs, Some(&output));
    Ok(output)
}

/// Applies an operation to arrays, wherever they live, and writes its outputs into what is there already.
#[track_caller]
pub fn execute_into(op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    let location = Location::caller();
    if profile::is_on() {
        return profile::operation(op, inputs, location, || into(op, inputs, targets, location), |()| &[]);
    }
    into(op, inputs, targets, location)
}

#[inline]
fn into(op: &Op, inputs: &[&Array], targets: &[&Array], location: &'static Location<'static>) -> Result<()> {
    let result = if here(op, inputs) && here(op, targets) {
        cpu::execute_into(op, inputs, targets)
    } else {
        into_there(op, inputs, targets)
    };
    result.map_err(|error| error.at(location))?;
    work::count(op, inputs, targets.first().copied());
    Ok(())
}

/// Is all of it the processor's?
#[inline]
fn here(op: &Op, arrays: &[&Array]) -> bool {
    arrays.iter().all(|x| x.device() == Device::Cpu) && !matches!(op, Op::ToDevice { .. })
}

#[cold]
fn execute_there(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    if let (Op::ToDevice { to, .. }, [x]) = (op, inputs) {
        return Ok(smallvec![to_device(x, *to)?]);
    }
    let Some(index) = common(op, inputs)? else { return cpu::execute(op, inputs) };
    let moved = gathered(inputs, Device::Gpu(index))?;
    backend(op.name(), index)?.execute(op, &moved.iter().collect::<SmallVec<[&Array; 4]>>())
}

#[cold]
fn one_there(op: &Op, inputs: &[&Array]) -> Result<Array> {
    let mut outputs = execute_there(op, inputs)?;
    match outputs.pop() {
        Some(output) if outputs.is_empty() => Ok(output),
        _ => Err(Error::argument(op.name(), "the operation does not have one output")),
    }
}

#[cold]
fn into_there(op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    // What is written to is not moved: its device is the one that counts.
    let first = targets.first().map(|target| target.device());
    if let (Op::ToDevice { .. }, [x], Some(device)) = (op, inputs, first) {
        let copy = crate::expr::traced(1, 0, &|x: &[crate::expr::Expr], _: &[crate::expr::Expr]| x[0]);
        return execute_into(&Op::Map(Map::of(copy, &[])), &[&to_device(x, device)?], targets);
    }
    if let Some(other) = targets.iter().find(|target| Some(target.device()) != first) {
        return Err(apart(op, first.unwrap_or_default(), other.device()));
    }
    match (first.unwrap_or_default(), common(op, inputs)?) {
        (Device::Gpu(index), there) if there.is_none_or(|there| there == index) => {
            let moved = gathered(inputs, Device::Gpu(index))?;
            let inputs: SmallVec<[&Array; 4]> = moved.iter().listed();
            backend(op.name(), index)?.execute_into(op, &inputs, targets)
        }
        (device, Some(there)) => Err(apart(op, device, Device::Gpu(there))),
        (_, None) => cpu::execute_into(op, inputs, targets),
    }
}

/// The one device other than the processor on which some inputs lie. Beside arrays there, the processor's may only be single
/// numbers, which follow the others, as in PyTorch.
fn common(op: &Op, inputs: &[&Array]) -> Result<Option<u16>> {
    let mut found = None;
    for x in inputs {
        match (x.device(), found) {
            (Device::Gpu(index), None) => found = Some(index),
            (Device::Gpu(index), Some(other)) if index != other => {
                return Err(apart(op, Device::Gpu(other), Device::Gpu(index)));
            }
            (Device::Gpu(_), Some(_)) | (Device::Cpu, _) => {}
        }
    }
    if let Some(index) = found
        && inputs.iter().any(|x| x.device() == Device::Cpu && x.rank() > 0)
    {
        return Err(apart(op, Device::Gpu(index), Device::Cpu));
    }
    Ok(found)
}

/// The inputs, all on one device.
fn gathered(inputs: &[&Array], device: Device) -> Result<SmallVec<[Array; 4]>> {
    inputs.iter().map(|x| to_device(x, device)).collect()
}

fn apart(op: &Op, one: Device, other: Device) -> Error {
    let message = format!("arrays on different devices: {one} and {other}; move one with to_device");
    Error::device(op.name(), message)
}

impl Apply for Array {
    #[track_caller]
    fn apply(op: Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
        execute(&op, inputs)
    }

    #[track_caller]
    fn apply_one(op: Op, inputs: &[&Array]) -> Result<Array> {
        execute_one(&op, inputs)
    }

    #[track_caller]
    fn apply_into(op: Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
        execute_into(&op, inputs, targets)
    }

    fn array(&self) -> &Array {
        self
    }

    fn constant(array: Array) -> Array {
        array
    }
}
