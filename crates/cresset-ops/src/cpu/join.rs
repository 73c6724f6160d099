//! Concatenation.

use cresset_tensor::{Array, Locks, Result};

use super::{
    copy::{Shared, copy_strided},
    threads,
};
use crate::infer::Meta;

/// So many inputs are copied side by side; of fewer, each is itself shared among threads.
const MANY: usize = 8;
/// Elements below which no other thread is called.
const PARALLEL: usize = 1 << 16;

/// All inputs one after the other along a dimension.
pub fn concat(dim: usize, inputs: &[&Array], meta: &Meta) -> Result<Array> {
    let result = Array::uninitialised("cat", meta.shape.clone(), meta.dtype)?;
    let stride = result.strides()[dim];
    let mut starts = Vec::with_capacity(inputs.len());
    let mut start = 0;
    for x in inputs {
        starts.push(start);
        start += x.shape()[dim] as isize * stride;
    }
    let _locks = Locks::new(inputs.iter().map(|x| x.storage()), std::iter::empty());
    let to = Shared(result.as_ptr());
    let width = meta.dtype.size() as isize;
    // SAFETY: the inputs are locked; each has a part of the fresh result to itself, as wide as it is along `dim`.
    let run = |i: usize| unsafe { copy_strided(inputs[i], to.at(starts[i] * width), result.strides()) };
    threads::divide(inputs.len() >= MANY && result.numel() >= PARALLEL, inputs.len(), &run);
    Ok(result)
}
