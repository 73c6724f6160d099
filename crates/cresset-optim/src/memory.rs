//! What an optimizer remembers of one parameter: numbers (how many steps) and arrays (averages of gradients).

use std::sync::Arc;

use cresset_ops::{Array, DType, Device, Error, Result, Scalar, Shape, prelude::*};
use cresset_tensor::{Key, State};

/// Numbers and arrays by PyTorch's names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    numbers: Vec<(&'static str, f64)>,
    arrays: Vec<(&'static str, Array)>,
}

/// What may be remembered under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// A number, always; PyTorch keeps it as a tensor without dimensions.
    Number,
    /// An array, always.
    Array,
    /// An array, under some options.
    Sometimes,
}

impl Memory {
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.arrays.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.arrays.iter().any(|(other, _)| *other == name)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub fn set_number(&mut self, name: &'static str, value: f64) {
        match self.numbers.iter_mut().find(|(other, _)| *other == name) {
            Some((_, place)) => *place = value,
            None => self.numbers.push((name, value)),
        }
    }

    /// Makes an array of that name where the parameter lives, filled with a number, unless there is one.
    pub fn start(
        &mut self,
        name: &'static str,
        parameter: &Array,
        shape: &Shape,
        value: impl Into<Scalar>,
    ) -> Result<()> {
        if !self.has(name) {
            self.arrays.push((name, parameter.new_full(shape.clone(), value)?));
        }
        Ok(())
    }

    /// The array of that name, to be written: one that a saved state still holds is copied first.
    pub fn own(&mut self, name: &'static str) -> Result<usize> {
        let Some(place) = self.arrays.iter().position(|(other, _)| *other == name) else {
            return Err(Error::argument(name, "this was never begun"));
        };
        let array = &mut self.arrays[place].1;
        if Arc::strong_count(array.storage()) > 1 {
            *array = copy(array, array.dtype())?;
        }
        Ok(place)
    }

    pub fn at(&self, place: usize) -> &Array {
        &self.arrays[place].1
    }

    /// As PyTorch saves it.
    pub fn to_state(&self) -> State {
        let numbers = self
            .numbers
            .iter()
            .filter_map(|&(name, value)| Some((Key::from(name), State::Array(number_array(value)?))));
        let arrays = self.arrays.iter().map(|(name, array)| (Key::from(*name), State::Array(array.clone())));
        State::Map(numbers.chain(arrays).collect())
    }

    /// From what PyTorch or [`Memory::to_state`] saved of a parameter of that shape and dtype; where the parameter lives.
    pub fn from_state(
        state: &State,
        table: &[(&'static str, Kept)],
        shape_of: impl Fn(&str) -> Shape,
        dtype: DType,
        device: Device,
    ) -> Result<Memory> {
        let mut memory = Memory::default();
        for (key, value) in state.entries()? {
            let Some(&(name, kept)) =
                table.iter().find(|(name, _)| matches!(key, Key::Text(key) if key == name))
            else {
                let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
                let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                return Err(Error::argument("state", format!("'{key}' is unknown here: kept is {known}")));
            };
            match (kept, value) {
                (Kept::Sometimes, State::None) => {}
                (Kept::Number, State::Array(array)) => memory.set_number(name, array.item()?),
                (Kept::Number, value) => memory.set_number(name, value.float()?),
                (Kept::Array | Kept::Sometimes, value) => {
                    let array = value.array()?;
                    let shape = shape_of(name);
                    if *array.shape() != shape {
                        let message = format!("'{name}' has shape {}, not {shape}", array.shape());
                        return Err(Error::shape("state", message));
                    }
                    memory.arrays.push((name, copy(&array.to_device(device)?, dtype)?));
                }
            }
        }
        let missing = table.iter().find(|(name, kept)| match kept {
            Kept::Number => memory.number(name).is_none(),
            Kept::Array => !memory.has(name),
            Kept::Sometimes => false,
        });
        match missing {
            Some((name, _)) if !memory.is_empty() => {
                Err(Error::argument("state", format!("'{name}' is missing")))
            }
            _ => Ok(memory),
        }
    }
}

/// A number as PyTorch keeps it, in float32 where that holds it.
pub(crate) fn number_array(value: f64) -> Option<Array> {
    let dtype = if f64::from(value as f32) == value { DType::F32 } else { DType::F64 };
    Array::scalar(value, dtype).ok()
}

/// A copy nobody else holds, row-major.
pub(crate) fn copy(array: &Array, dtype: DType) -> Result<Array> {
    if array.dtype() == dtype { Array::formula(&[array], &[], |x, _| x[0]) } else { array.to_dtype(dtype) }
}
