//! Which elements there are, without repetition. Shapes depend on the numbers, and nothing here has a derivative.

use cresset_tensor::{Array, DType, Error, Result};

use super::{Comparison, Elementwise, Picking, Rearranging, Reductions, Shaping, Slicing, Sorting};
use crate::{
    Apply, Operand,
    cpu::unique::groups,
    expr::Type,
    op::{Op, Reduction},
};

/// What there is, without repetition.
#[derive(Clone, Debug)]
pub struct Unique<T> {
    /// The different elements or slices.
    pub values: T,
    /// For each element or slice, which of the different ones it is.
    pub inverse: T,
    /// How often each of the different ones is there.
    pub counts: T,
}

/// Sets of elements.
pub trait Uniqueness: Apply {
    /// The different elements, ascending.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([3, 1, 2, 1]);
    /// assert_eq!(x.unique()?.to_vec::<i32>()?, [1, 2, 3]);
    /// assert_eq!(x.unique_with(None)?.inverse.to_vec::<i64>()?, [2, 0, 1, 0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn unique(&self) -> Result<Self> {
        Ok(self.unique_with(None)?.values)
    }

    /// The different elements, or slices along a dimension, ascending; with PyTorch's `return_inverse` and
    /// `return_counts`.
    #[track_caller]
    fn unique_with(&self, dim: impl Into<Option<i64>>) -> Result<Unique<Self>> {
        unique("unique", self, dim.into(), false)
    }

    /// All but the first of equal elements that follow each other left out.
    #[track_caller]
    fn unique_consecutive(&self) -> Result<Self> {
        Ok(self.unique_consecutive_with(None)?.values)
    }

    /// All but the first of equal elements, or slices along a dimension, that follow each other left out.
    #[track_caller]
    fn unique_consecutive_with(&self, dim: impl Into<Option<i64>>) -> Result<Unique<Self>> {
        unique("unique_consecutive", self, dim.into(), true)
    }

    /// Of each element, whether it is among the others. NaN is among none.
    #[track_caller]
    fn isin<'a>(&self, test_elements: impl Into<Operand<'a, Self>>) -> Result<Self> {
        let test = test_elements.into().value_beside(self)?;
        let types = [self, &test].map(|x| Type::array(x.dtype(), x.rank()));
        let dtype = types[0].promote(types[1]).dtype;
        let (x, test) = (self.to_dtype(dtype)?, test.to_dtype(dtype)?.ravel()?);
        // NaN, which would disturb the search, comes last.
        let numbers =
            Array::reduce_formula(&[test.array()], &[], Reduction::Sum, .., false, |x, _| x[0].eq(x[0]));
        let numbers = numbers?.item::<i64>()?;
        if numbers == 0 {
            return self.filled_beside("isin", self.shape().clone(), DType::Bool, false);
        }
        let sorted = test.sort(0, false)?.0.narrow(0, 0, numbers)?;
        // The first that is not below an element is the only one that may equal it.
        let list = x.ravel()?;
        let place = Self::apply_one(Op::SearchSorted { right: false }, &[&sorted, &list])?;
        let place = Self::formula(&[&place], &[(numbers - 1).into()], |x, n| x[0].minimum(n[0]))?;
        sorted.index_select(0, &place)?.eq(&list)?.reshape(self.shape())
    }
}

impl<T: Apply> Uniqueness for T {}

#[track_caller]
fn unique<T: Apply>(name: &'static str, x: &T, dim: Option<i64>, consecutive: bool) -> Result<Unique<T>> {
    let list = |numbers: Vec<i64>| {
        let n = numbers.len();
        Array::from_vec(numbers, [n])
    };
    let Some(dim) = dim else {
        let rows = x.array().to_host()?.ravel()?;
        let groups = groups(&rows, consecutive)?;
        return Ok(Unique {
            values: x.beside(rows.index_select(0, &list(groups.rows)?)?)?,
            inverse: x.beside(Array::from_vec(groups.inverse, x.shape())?)?,
            counts: x.beside(list(groups.counts)?)?,
        });
    };
    let dim = x.shape().axis(name, dim)?;
    let size = x.shape().get(dim).copied().unwrap_or(1);
    if x.numel() == 0 && size > 0 {
        return Err(Error::shape(
            name,
            format!("slices along dimension {dim} of shape {} hold nothing to compare", x.shape()),
        ));
    }
    let here = x.array().to_host()?;
    let front = if x.rank() > 1 { here.movedim([dim], [0])? } else { here.ravel()? };
    let width = x.numel().checked_div(size).unwrap_or(1);
    let groups = groups(&front.reshape([size, width])?, consecutive)?;
    Ok(Unique {
        values: x.beside(if x.rank() == 0 {
            front.index_select(0, &list(groups.rows)?)?
        } else {
            here.index_select(dim as i64, &list(groups.rows)?)?
        })?,
        inverse: x.beside(list(groups.inverse)?)?,
        counts: x.beside(list(groups.counts)?)?,
    })
}
