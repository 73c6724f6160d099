//! Attention: what query, key, value and mask have in common.

use cresset_tensor::{Array, DType, Error, Result, Shape};
use smallvec::smallvec;

use super::{Metas, meta, take};
use crate::op::Op;

/// Sizes of an attention.
pub struct Extent {
    /// What broadcasts together before the last two dimensions.
    pub batch: Shape,
    /// How many queries, `l`.
    pub queries: usize,
    /// How many keys, `s`.
    pub keys: usize,
    /// Numbers in a query or a key, `d`.
    pub width: usize,
    /// Numbers in a value, `e`.
    pub value_width: usize,
}

impl Extent {
    /// The shape of what has so many rows and columns for each of the batch.
    pub fn shape(&self, rows: usize, columns: usize) -> Shape {
        self.batch.iter().copied().chain([rows, columns]).collect()
    }
}

/// In which dtype sums of exponentials are kept: their logarithms are the exponents of what comes back.
pub const fn exact(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// The shapes of query, key, value and mask, if they fit together.
pub fn extent(op: &Op, [query, key, value]: [&Array; 3], mask: Option<&Array>) -> Result<Extent> {
    let name = op.name();
    for x in [query, key, value] {
        if x.rank() < 2 {
            return Err(Error::shape(
                name,
                format!("query, key and value need at least 2 dimensions, not {}", x.shape()),
            ));
        }
        if !x.dtype().is_float() || x.dtype() != query.dtype() {
            return Err(Error::dtype(
                name,
                format!(
                    "query, key and value must be of one floating-point dtype: {} and {}",
                    query.dtype(),
                    x.dtype()
                ),
            ));
        }
    }
    let size = |x: &Array, back: usize| x.shape()[x.rank() - back];
    if size(query, 1) != size(key, 1) {
        return Err(Error::shape(
            name,
            format!("queries and keys must be of one width: {} and {}", query.shape(), key.shape()),
        ));
    }
    if size(key, 2) != size(value, 2) {
        return Err(Error::shape(
            name,
            format!("every key needs one value: {} and {}", key.shape(), value.shape()),
        ));
    }
    let batch = |x: &Array| Shape::from_slice(&x.shape()[..x.rank() - 2]);
    let products = batch(query).broadcast(&batch(key));
    let whole = products.as_ref().and_then(|products| products.broadcast(&batch(value)));
    let (Some(products), Some(whole)) = (products, whole) else {
        return Err(Error::shape(
            name,
            format!(
                "the dimensions before the last two do not broadcast: {}, {} and {}",
                query.shape(),
                key.shape(),
                value.shape()
            ),
        ));
    };
    let mut extent = Extent {
        batch: products,
        queries: size(query, 2),
        keys: size(key, 2),
        width: size(query, 1),
        value_width: size(value, 1),
    };
    if let Some(mask) = mask {
        let own = query.dtype();
        if ![DType::Bool, DType::F32, own].contains(&mask.dtype()) {
            let float = if own == DType::F32 { String::new() } else { format!(", {}", DType::F32) };
            return Err(Error::dtype(
                name,
                format!("attn_mask must be bool{float} or {own}, not {}", mask.dtype()),
            ));
        }
        let products = extent.shape(extent.queries, extent.keys);
        if mask.shape().broadcast(&products).as_ref() != Some(&products) {
            return Err(Error::shape(
                name,
                format!("attn_mask {} does not broadcast to {products}", mask.shape()),
            ));
        }
    }
    extent.batch = whole;
    Ok(extent)
}

/// Query, key and value, and perhaps a mask.
fn given<'a>(op: &Op, inputs: &[&'a Array]) -> Result<([&'a Array; 3], Option<&'a Array>)> {
    match *inputs {
        [query, key, value, mask] => Ok(([query, key, value], Some(mask))),
        _ => Ok((take(op, inputs)?, None)),
    }
}

pub(super) fn infer(op: &Op, inputs: &[&Array]) -> Result<Metas> {
    let (given, mask) = given(op, inputs)?;
    let extent = extent(op, given, mask)?;
    let dtype = given[0].dtype();
    let mut rows = extent.batch.clone();
    rows.push(extent.queries);
    Ok(smallvec![meta(extent.shape(extent.queries, extent.value_width), dtype), meta(rows, exact(dtype))])
}

pub(super) fn infer_backward(op: &Op, inputs: &[&Array]) -> Result<Metas> {
    let (six, mask) = match inputs {
        [six @ .., mask] if inputs.len() == 7 => (six, Some(*mask)),
        six => (six, None),
    };
    let [query, key, value, logarithm, projection, dy] = take(op, six)?;
    let extent = extent(op, [query, key, value], mask)?;
    let dtype = query.dtype();
    let mut rows = extent.batch.clone();
    rows.push(extent.queries);
    let wanted = [
        (logarithm, rows.clone(), exact(dtype)),
        (projection, rows, exact(dtype)),
        (dy, extent.shape(extent.queries, extent.value_width), dtype),
    ];
    for (x, shape, dtype) in wanted {
        if *x.shape() != shape || x.dtype() != dtype {
            return Err(Error::shape(
                op.name(),
                format!("needs {shape} of {dtype}, not {} of {}", x.shape(), x.dtype()),
            ));
        }
    }
    Ok(smallvec![
        meta(extent.shape(extent.queries, extent.width), dtype),
        meta(extent.shape(extent.keys, extent.width), dtype),
        meta(extent.shape(extent.keys, extent.value_width), dtype)
    ])
}
