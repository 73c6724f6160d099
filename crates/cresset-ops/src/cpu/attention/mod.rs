//! Attention in f32, tile by tile: of all scores those of some queries and some keys are there at a time, in the cache.
//!
//! A block of scores has a row for each key, since queries in the lanes of registers need no sums across them. Going
//! forward, every query's largest score and sum are kept while its keys pass by; going back, scores are computed again.

mod backward;
mod forward;
mod mask;
mod tiles;
mod weights;

use cresset_tensor::{Array, DType, Error, Listed, Locks, Result};
use smallvec::{SmallVec, smallvec};

use self::{mask::Mask, tiles::Tiles};
use super::{
    convert,
    gemm::Matrix,
    matmul::matrix,
    walk::{Steps, Walk, broadcast_strides},
};
use crate::{
    decompose,
    door::Outputs,
    infer::{Extent, Metas, extent},
    op::Op,
    work,
};

/// Queries that are done at once.
const QUERIES: usize = 128;
/// Multiplications below which no other thread is called.
const PARALLEL: usize = 1 << 20;
/// Multiplications of a task, if there are many.
const GRAIN: usize = 1 << 18;

/// An attention over arrays in f32.
struct Job {
    extent: Extent,
    /// How many attentions.
    count: usize,
    causal: bool,
    scale: f32,
    /// Where query, key, value and mask of an attention start.
    walk: Walk,
    query: Matrix<f32>,
    key: Matrix<f32>,
    value: Matrix<f32>,
    mask: Mask,
    tiles: Tiles,
}

/// Query, key, value and mask of one of the batch.
struct Item {
    query: Matrix<f32>,
    key: Matrix<f32>,
    value: Matrix<f32>,
    mask: Mask,
}

impl Job {
    fn new(
        op: &Op,
        causal: bool,
        scale: f64,
        [query, key, value]: [&Array; 3],
        mask: Option<&Array>,
    ) -> Result<Job> {
        let extent = extent(op, [query, key, value], mask)?;
        let batch = |x: &Array| -> Steps {
            let own = x.rank() - 2;
            broadcast_strides(&extent.batch, &x.shape()[..own], &x.strides()[..own])
        };
        let mut over: SmallVec<[Steps; 4]> = smallvec![batch(query), batch(key), batch(value)];
        if let Some(mask) = mask {
            let own = mask.rank().saturating_sub(2);
            over.push(broadcast_strides(&extent.batch, &mask.shape()[..own], &mask.strides()[..own]));
        }
        Ok(Job {
            count: extent.batch.numel(),
            causal,
            scale: scale as f32,
            walk: Walk::new(&extent.batch, &over),
            query: matrix(query),
            key: matrix(key),
            value: matrix(value),
            mask: Mask::new(mask),
            tiles: Tiles::new(),
            extent,
        })
    }

    fn item(&self, item: usize) -> Item {
        let masks = if self.mask.is_some() { self.walk.offset(3, item) } else { 0 };
        Item {
            query: self.query.shift(self.walk.offset(0, item)),
            key: self.key.shift(self.walk.offset(1, item)),
            value: self.value.shift(self.walk.offset(2, item)),
            mask: self.mask.shift(masks),
        }
    }

    /// How many keys queries below that one look at.
    fn seen(&self, queries: usize) -> usize {
        if self.causal { self.extent.keys.min(queries) } else { self.extent.keys }
    }

    /// How many keys from that one on the query looks at, further queries at one more each; or at all.
    fn seen_from(&self, query: usize, key: usize) -> isize {
        if self.causal { query as isize + 1 - key as isize } else { isize::MAX }
    }

    /// Multiplications of both products.
    fn work(&self) -> usize {
        let Extent { queries, keys, width, value_width, .. } = self.extent;
        let scores = self.count.saturating_mul(queries).saturating_mul(keys);
        scores.saturating_mul(width + value_width)
    }
}

/// Arrays in f32, whatever they were; of masks, truths stay.
fn wide(inputs: &[&Array]) -> Result<SmallVec<[Array; 8]>> {
    let one = |x: &&Array| match x.dtype() {
        DType::F16 | DType::BF16 => convert(x, DType::F32),
        _ => Ok((*x).clone()),
    };
    inputs.iter().map(one).collect()
}

/// The output, and the logarithm of each query's sum.
pub fn forward(causal: bool, scale: f64, inputs: &[&Array], metas: &Metas) -> Result<Outputs<Array>> {
    let op = Op::Attention { causal, scale };
    let dtype = metas[0].dtype;
    if dtype == DType::F64 {
        return decompose::attention(causal, scale, inputs);
    }
    let inputs = wide(inputs)?;
    let inputs: SmallVec<[&Array; 8]> = inputs.iter().listed();
    let job = Job::new(&op, causal, scale, [inputs[0], inputs[1], inputs[2]], inputs.get(3).copied())?;
    let y = Array::uninitialised(op.name(), metas[0].shape.clone(), DType::F32)?;
    let logarithms = Array::uninitialised(op.name(), metas[1].shape.clone(), DType::F32)?;
    {
        let _locks = Locks::reading(&inputs);
        forward::run(&job, y.as_ptr().cast(), logarithms.as_ptr().cast())
    }
    .ok_or_else(|| Error::memory(op.name(), "out of memory for a block of scores"))?;
    work::count_product(job.work());
    Ok(smallvec![convert(&y, dtype)?, logarithms])
}

/// What comes back to query, key and value.
pub fn backward(causal: bool, scale: f64, inputs: &[&Array], metas: &Metas) -> Result<Outputs<Array>> {
    let op = Op::AttentionBackward { causal, scale };
    let dtype = metas[0].dtype;
    if dtype == DType::F64 {
        return decompose::attention_backward(causal, scale, inputs);
    }
    let inputs = wide(inputs)?;
    let inputs: SmallVec<[&Array; 8]> = inputs.iter().listed();
    let job = Job::new(&op, causal, scale, [inputs[0], inputs[1], inputs[2]], inputs.get(6).copied())?;
    let made = |i: usize| Array::uninitialised(op.name(), metas[i].shape.clone(), DType::F32);
    let gradients = [made(0)?, made(1)?, made(2)?];
    {
        let _locks = Locks::reading(&inputs);
        backward::run(
            &job,
            [inputs[3], inputs[4], inputs[5]],
            gradients.each_ref().map(|x| x.as_ptr().cast()),
        )
    }
    .ok_or_else(|| Error::memory(op.name(), "out of memory for a block of scores"))?;
    work::count_product(job.work().saturating_mul(5) / 2);
    gradients.iter().map(|x| convert(x, dtype)).collect()
}
