//! Writing to what is there: filling, and what in-place methods without a formula of their own end with.

use cresset_tensor::{Error, Result};

use super::Slicing;
use crate::{Apply, Operand};

/// Writes a result into `target`, as in-place methods do: it must not be of a stronger family.
#[track_caller]
pub(super) fn write<'t, T: Apply>(target: &'t T, name: &'static str, result: &T) -> Result<&'t T> {
    T::formulas_into(&[result], &[], &[target], |x, _| [x[0]]).map_err(|error| error.of(name))?;
    Ok(target)
}

/// Filling.
pub trait Filling: Apply {
    /// An array like this one with every element the same number, or the number of an array without dimensions.
    #[track_caller]
    fn fill<'a>(&self, value: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let one = |value: &Self| {
            if value.rank() > 0 {
                return Err(Error::shape(
                    "fill",
                    format!(
                        "the value must be one number without dimensions, not of shape {}",
                        value.shape()
                    ),
                ));
            }
            Self::formula(&[self, value], &[], |x, _| x[1].cast_like(x[0]))
        };
        match value.into() {
            Operand::Number(number) => Self::formula(&[self], &[number], |x, n| n[0].cast_like(x[0])),
            Operand::Value(value) => one(value),
            Operand::Owned(value) => one(&value),
        }
    }

    /// Every element the same number, or the number of an array without dimensions, in place.
    #[track_caller]
    fn fill_<'a>(&self, value: impl Into<Operand<'a, Self>>) -> Result<&Self> {
        let one = |value: &Self| {
            if value.rank() > 0 {
                return Err(Error::shape(
                    "fill_",
                    format!(
                        "the value must be one number without dimensions, not of shape {}",
                        value.shape()
                    ),
                ));
            }
            Self::formulas_into(&[self, value], &[], &[self], |x, _| [x[1].cast_like(x[0])])
        };
        match value.into() {
            Operand::Number(number) => {
                Self::formulas_into(&[self], &[number], &[self], |x, n| [n[0].cast_like(x[0])])?;
            }
            Operand::Value(value) => one(value)?,
            Operand::Owned(value) => one(&value)?,
        }
        Ok(self)
    }

    /// The diagonal of two or more equally long dimensions (two may differ) the same number, in place. With `wrap`,
    /// a tall matrix has another diagonal after each, one row below.
    #[track_caller]
    fn fill_diagonal_<'a>(&self, value: impl Into<Operand<'a, Self>>, wrap: bool) -> Result<&Self> {
        let shape = self.shape().clone();
        let value = value.into().value_beside(self)?;
        match &shape[..] {
            [] | [_] => {
                return Err(Error::shape(
                    "fill_diagonal_",
                    format!("needs at least two dimensions, not shape {shape}"),
                ));
            }
            [rows, columns] => {
                let step = if wrap { columns.saturating_add(1) } else { (*rows).max(1) };
                for start in (0..*rows).step_by(step) {
                    let block = self.narrow(0, start as i64, (rows - start) as i64)?;
                    block.diagonal(0, 0, 1)?.fill_(&value)?;
                }
            }
            [first, rest @ ..] if rest.iter().all(|size| size == first) => {
                let mut diagonal = self.clone();
                while diagonal.rank() > 1 {
                    diagonal = diagonal.diagonal(0, -2, -1)?;
                }
                diagonal.fill_(&value)?;
            }
            _ => {
                return Err(Error::shape(
                    "fill_diagonal_",
                    format!("more than two dimensions must be equally long, not {shape}"),
                ));
            }
        }
        Ok(self)
    }

    /// Every element zero, in place.
    #[track_caller]
    fn zero_(&self) -> Result<&Self> {
        self.fill_(0)
    }
}

impl<T: Apply> Filling for T {}
