//! Which queries may look at which keys: masks of different forms as one.

use cresset_autograd::{Apply, DType, Device, Error, Result, Tensor, select};
use cresset_ops::methods::prelude::*;

/// The mask with which position `i` looks at positions `0..=i` alone: `-∞` above the diagonal, 0 elsewhere.
///
/// ```
/// use cresset_nn::prelude::*;
/// let mask = generate_square_subsequent_mask(2)?;
/// assert_eq!(mask.to_vec::<f32>()?, [0.0, f32::NEG_INFINITY, 0.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn generate_square_subsequent_mask(size: usize) -> Result<Tensor> {
    above_diagonal(size, size, Device::Cpu)?.then_blocked(DType::F32)
}

/// Is it the mask of [`generate_square_subsequent_mask`] for so many positions?
#[inline]
pub fn is_subsequent(mask: &Tensor, size: usize) -> Result<bool> {
    if mask.shape()[..] != [size, size] {
        return Ok(false);
    }
    let wanted = above_diagonal(size, size, mask.device())?;
    let wanted = if mask.dtype() == DType::Bool { wanted } else { wanted.then_blocked(mask.dtype())? };
    mask.detach().equal(&wanted)
}

/// True above the diagonal, on a device.
#[inline]
pub fn above_diagonal(rows: usize, columns: usize, device: Device) -> Result<Tensor> {
    let row = Tensor::arange_with(0, rows, 1, DType::I64)?.unsqueeze(1)?;
    let column = Tensor::arange_with(0, columns, 1, DType::I64)?;
    Tensor::formula(&[&row, &column], &[], |x, _| x[1].gt(x[0]))?.to_device(device)
}

/// A mask of truths, of what is blocked, as numbers to be added.
trait Blocked: Sized {
    fn then_blocked(&self, dtype: DType) -> Result<Self>;
}

impl Blocked for Tensor {
    #[inline]
    fn then_blocked(&self, dtype: DType) -> Result<Tensor> {
        let numbers = [f64::NEG_INFINITY.into(), 0.0.into()];
        Tensor::formula(&[self], &numbers, |x, n| select(x[0], n[0], n[1]))?.to_dtype(dtype)
    }
}

/// How many queries and keys there are.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub batch: usize,
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
}

/// A mask of queries and keys, and one of each sample's keys, as one that broadcasts to `[batch, heads, queries, keys]`:
/// truths of what is blocked, or numbers to be added of such a dtype.
#[track_caller]
#[inline]
pub fn merged(
    attn_mask: Option<&Tensor>,
    key_padding_mask: Option<&Tensor>,
    sizes: Sizes,
    dtype: DType,
) -> Result<Option<Tensor>> {
    let Sizes { batch, heads, queries, keys } = sizes;
    let attn_mask = match attn_mask {
        None => None,
        Some(mask) => {
            kind("attn_mask", mask, dtype)?;
            let form = match mask.rank() {
                2 if mask.shape()[..] == [queries, keys] => [1, 1, queries, keys],
                3 if mask.shape()[..] == [batch * heads, queries, keys] => [batch, heads, queries, keys],
                _ => {
                    let message = format!(
                        "attn_mask is [{queries}, {keys}] or [{}, {queries}, {keys}] here, not {}",
                        batch * heads,
                        mask.shape()
                    );
                    return Err(Error::shape("multihead_attention", message));
                }
            };
            Some(mask.reshape(form)?)
        }
    };
    let key_padding_mask = match key_padding_mask {
        None => None,
        Some(mask) => {
            kind("key_padding_mask", mask, dtype)?;
            if mask.shape()[..] != [batch, keys] {
                let message = format!("key_padding_mask is [{batch}, {keys}] here, not {}", mask.shape());
                return Err(Error::shape("multihead_attention", message));
            }
            Some(mask.reshape([batch, 1, 1, keys])?)
        }
    };
    Ok(match (attn_mask, key_padding_mask) {
        (Some(a), Some(b)) if a.dtype() == DType::Bool && b.dtype() == DType::Bool => Some(a.logical_or(&b)?),
        (Some(a), Some(b)) => Some(added(&a, dtype)?.add(&added(&b, dtype)?)?),
        (mask, None) | (None, mask) => mask,
    })
}

/// The same with more keys, which nobody is kept from.
#[inline]
pub fn with_more_keys(mask: &Tensor, count: usize) -> Result<Tensor> {
    let mut shape = mask.shape().clone();
    let last = shape.rank() - 1;
    shape[last] = count;
    Tensor::cat(&[mask.clone(), mask.detach().new_zeros(shape)?], -1)
}

#[inline]
fn added(mask: &Tensor, dtype: DType) -> Result<Tensor> {
    if mask.dtype() == DType::Bool { mask.then_blocked(dtype) } else { Ok(mask.clone()) }
}

#[track_caller]
#[inline]
fn kind(name: &str, mask: &Tensor, dtype: DType) -> Result<()> {
    if mask.dtype() == DType::Bool || mask.dtype() == dtype {
        return Ok(());
    }
    let message = format!("{name} is bool or {dtype} here, not {}", mask.dtype());
    Err(Error::dtype("multihead_attention", message))
}
