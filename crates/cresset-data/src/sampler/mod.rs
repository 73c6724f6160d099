//! Samplers: in which order items are taken, which of them, and how often.

mod batch;
mod distributed;
mod simple;
mod weighted;

use std::sync::Arc;

use cresset_tensor::{Generator, Result};

pub use batch::BatchSampler;
pub(crate) use batch::{count, in_batches};
pub use distributed::DistributedSampler;
pub use simple::{RandomSampler, SequentialSampler, SubsetRandomSampler};
pub use weighted::WeightedRandomSampler;

/// What a sampler gives, one after another.
pub type Samples<I> = Box<dyn Iterator<Item = I> + Send>;

/// In which order the items of an epoch are taken: their numbers, or batches of their numbers (`Sampler<Vec<usize>>`).
///
/// What an epoch's order is depends on the epoch and the generator alone, which a loader makes of its seed and the
/// epoch.
pub trait Sampler<I = usize>: Send + Sync {
    /// How many it gives in an epoch.
    fn len(&self) -> usize;

    /// The order of an epoch.
    fn sample(&self, epoch: usize, random: &mut Generator) -> Result<Samples<I>>;

    /// Does it give none?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// May an item come more than once in an epoch? Then each time has random numbers of its own, for which a loader
    /// has to count.
    fn repeats(&self) -> bool {
        true
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<I, S: Sampler<I> + ?Sized> Sampler<I> for $pointer {
            fn len(&self) -> usize {
                (**self).len()
            }

            fn sample(&self, epoch: usize, random: &mut Generator) -> Result<Samples<I>> {
                (**self).sample(epoch, random)
            }

            fn repeats(&self) -> bool {
                (**self).repeats()
            }
        }
    )*};
}

pointers!(Arc<S>, Box<S>);
