//! The part of the items that one of several replicas takes.

use cresset_tensor::{Error, Generator, Result};

use super::{Sampler, Samples};
use crate::draw;

/// The part of the items that replica `rank` of `num_replicas` takes: PyTorch's `DistributedSampler`.
///
/// All replicas make the same order of all items, as a function of the sampler's own seed and the epoch (PyTorch's
/// `set_epoch` is the epoch that the loader is asked for), and take turns. All take as many: the order is lengthened
/// by its beginning, or shortened with [`drop_last`](Self::drop_last).
///
/// ```
/// use cresset_data::{DistributedSampler, Sampler};
/// use cresset_tensor::Generator;
/// let second = DistributedSampler::new(5, 2, 1)?.shuffle(false);
/// let indices: Vec<usize> = second.sample(0, &mut Generator::new(0))?.collect();
/// assert_eq!(indices, [1, 3, 0]); // of 0 1 2 3 4 0
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DistributedSampler {
    len: usize,
    num_replicas: usize,
    rank: usize,
    shuffle: bool,
    seed: u64,
    drop_last: bool,
}

impl DistributedSampler {
    /// Of `len` items, shuffled under seed 0.
    #[track_caller]
    #[inline]
    pub fn new(len: usize, num_replicas: usize, rank: usize) -> Result<DistributedSampler> {
        if rank >= num_replicas {
            return Err(Error::argument(
                "DistributedSampler",
                format!("rank {rank} is not one of {num_replicas} replicas, counted from 0"),
            ));
        }
        Ok(DistributedSampler { len, num_replicas, rank, shuffle: true, seed: 0, drop_last: false })
    }

    /// Whether the order is random.
    #[inline]
    pub fn shuffle(self, shuffle: bool) -> DistributedSampler {
        DistributedSampler { shuffle, ..self }
    }

    /// The seed of the order, which must be the same for all replicas.
    #[inline]
    pub fn seed(self, seed: u64) -> DistributedSampler {
        DistributedSampler { seed, ..self }
    }

    /// Whether the last items are left out where they do not suffice for all replicas.
    #[inline]
    pub fn drop_last(self, drop_last: bool) -> DistributedSampler {
        DistributedSampler { drop_last, ..self }
    }
}

impl Sampler for DistributedSampler {
    #[inline]
    fn len(&self) -> usize {
        if self.drop_last { self.len / self.num_replicas } else { self.len.div_ceil(self.num_replicas) }
    }

    #[inline]
    fn sample(&self, epoch: usize, _: &mut Generator) -> Result<Samples<usize>> {
        let (all, step, first, count) = (self.len, self.num_replicas, self.rank, self.len());
        // Turn t takes place t·replicas + rank of the order, which goes on from its beginning where it is too short.
        let places = (0..count).map(move |turn| (turn * step + first) % all);
        if !self.shuffle {
            return Ok(Box::new(places));
        }
        let order = draw::permutation(&mut Generator::keyed(self.seed, epoch as u64, u64::MAX), all);
        Ok(Box::new(places.map(move |place| order[place])))
    }

    #[inline]
    fn repeats(&self) -> bool {
        // Only its own end could meet its own beginning.
        !self.drop_last
    }
}
