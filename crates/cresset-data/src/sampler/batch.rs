//! Batches of what another sampler gives.

use cresset_tensor::{Error, Generator, Result};

use super::{Sampler, Samples};

/// The items of another sampler, so many at a time: PyTorch's `BatchSampler`.
///
/// ```
/// use cresset_data::{BatchSampler, Sampler, SequentialSampler};
/// use cresset_tensor::Generator;
/// let batches = BatchSampler::new(SequentialSampler::new(5), 2, false)?;
/// let all: Vec<Vec<usize>> = batches.sample(0, &mut Generator::new(0))?.collect();
/// assert_eq!(all, [vec![0, 1], vec![2, 3], vec![4]]);
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchSampler<S> {
    sampler: S,
    batch_size: usize,
    drop_last: bool,
}

impl<S: Sampler> BatchSampler<S> {
    /// Of `batch_size` items each; a last batch of fewer is dropped or not.
    #[track_caller]
    pub fn new(sampler: S, batch_size: usize, drop_last: bool) -> Result<BatchSampler<S>> {
        if batch_size == 0 {
            return Err(Error::argument("BatchSampler", "batch_size must be positive"));
        }
        Ok(BatchSampler { sampler, batch_size, drop_last })
    }
}

impl<S: Sampler> Sampler<Vec<usize>> for BatchSampler<S> {
    fn len(&self) -> usize {
        count(self.sampler.len(), self.batch_size, self.drop_last)
    }

    fn sample(&self, epoch: usize, random: &mut Generator) -> Result<Samples<Vec<usize>>> {
        Ok(in_batches(self.sampler.sample(epoch, random)?, self.batch_size, self.drop_last))
    }

    fn repeats(&self) -> bool {
        self.sampler.repeats()
    }
}

/// How many batches that makes.
#[inline]
pub(crate) fn count(items: usize, batch_size: usize, drop_last: bool) -> usize {
    let size = batch_size.max(1);
    if drop_last { items / size } else { items.div_ceil(size) }
}

/// So many at a time.
pub(crate) fn in_batches<T: 'static>(
    mut items: Box<dyn Iterator<Item = T> + Send>,
    batch_size: usize,
    drop_last: bool,
) -> Samples<Vec<T>> {
    Box::new(std::iter::from_fn(move || {
        let batch: Vec<T> = items.by_ref().take(batch_size).collect();
        let wanted = if drop_last { batch_size } else { 1 };
        (batch.len() >= wanted).then_some(batch)
    }))
}
