//! `Array` goes through the door: an operation is executed, and that is all.

use std::panic::Location;

use cresset_tensor::{Array, Device, Error, Result};

use crate::{
    cpu,
    door::{Apply, Outputs},
    op::Op,
    work,
};

/// Applies an operation to arrays, wherever they live.
#[track_caller]
pub fn execute(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let location = Location::caller();
    let outputs = check_device(op, inputs).and_then(|()| cpu::execute(op, inputs));
    let outputs = outputs.map_err(|error| error.at(location))?;
    work::count(op, inputs, outputs.first());
    Ok(outputs)
}

/// As [`execute`], of an operation of one output.
#[track_caller]
#[inline]
pub fn execute_one(op: &Op, inputs: &[&Array]) -> Result<Array> {
    let location = Location::caller();
    let output = check_device(op, inputs).and_then(|()| cpu::execute_one(op, inputs));
    let output = output.map_err(|error| error.at(location))?;
    work::count(op, inputs, Some(&output));
    Ok(output)
}

/// Applies an operation to arrays, wherever they live, and writes its outputs into what is there already.
#[track_caller]
pub fn execute_into(op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    let location = Location::caller();
    check_device(op, inputs)
        .and_then(|()| cpu::execute_into(op, inputs, targets))
        .map_err(|error| error.at(location))?;
    work::count(op, inputs, targets.first().copied());
    Ok(())
}

#[inline]
fn check_device(op: &Op, inputs: &[&Array]) -> Result<()> {
    match inputs.iter().map(|x| x.device()).find(|device| *device != Device::Cpu) {
        None => Ok(()),
        Some(device) => Err(Error::device(
            op.name(),
            format!("no backend for {device} is loaded; move the array with to_device"),
        )),
    }
}

impl Apply for Array {
    #[track_caller]
    #[inline]
    fn apply(op: Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
        execute(&op, inputs)
    }

    #[track_caller]
    #[inline]
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
