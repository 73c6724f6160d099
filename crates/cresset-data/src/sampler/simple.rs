//! In order, at random, and at random among some.

use cresset_tensor::{Error, Generator, Result};

use super::{Sampler, Samples};
use crate::draw;

/// All items in order: PyTorch's `SequentialSampler`.
#[derive(Clone, Debug)]
pub struct SequentialSampler {
    len: usize,
}

impl SequentialSampler {
    /// Of so many items.
    #[inline]
    pub fn new(len: usize) -> SequentialSampler {
        SequentialSampler { len }
    }
}

impl Sampler for SequentialSampler {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn sample(&self, _: usize, _: &mut Generator) -> Result<Samples<usize>> {
        Ok(Box::new(0..self.len))
    }

    #[inline]
    fn repeats(&self) -> bool {
        false
    }
}

/// Items in random order: PyTorch's `RandomSampler`.
///
/// ```
/// use cresset_data::{RandomSampler, Sampler};
/// use cresset_tensor::Generator;
/// let mut order: Vec<usize> = RandomSampler::new(10).sample(0, &mut Generator::new(1))?.collect();
/// order.sort();
/// assert_eq!(order, Vec::from_iter(0..10));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomSampler {
    items: usize,
    replacement: bool,
    num_samples: usize,
}

impl RandomSampler {
    /// Each of so many items once.
    #[inline]
    pub fn new(len: usize) -> RandomSampler {
        RandomSampler { items: len, replacement: false, num_samples: len }
    }

    /// Whether each draw is among all items, so that some come several times and some not at all.
    #[inline]
    pub fn replacement(self, replacement: bool) -> RandomSampler {
        RandomSampler { replacement, ..self }
    }

    /// How many in an epoch. Without replacement, more than there are begin all over again.
    #[inline]
    pub fn num_samples(self, num_samples: usize) -> RandomSampler {
        RandomSampler { num_samples, ..self }
    }
}

impl Sampler for RandomSampler {
    #[inline]
    fn len(&self) -> usize {
        self.num_samples
    }

    #[inline]
    fn sample(&self, _: usize, random: &mut Generator) -> Result<Samples<usize>> {
        let (len, count, mut random) = (self.items, self.num_samples, random.fork());
        if len == 0 && count > 0 {
            return Err(Error::argument("RandomSampler", format!("no items to draw {count} samples from")));
        }
        if self.replacement {
            return Ok(Box::new((0..count).map(move |_| draw::integer(&mut random, len))));
        }
        if count == 0 {
            return Ok(Box::new(std::iter::empty()));
        }
        let rounds = std::iter::repeat_with(move || draw::permutation(&mut random, len));
        Ok(Box::new(rounds.flatten().take(count)))
    }

    #[inline]
    fn repeats(&self) -> bool {
        self.replacement || self.num_samples > self.items
    }
}

/// Some items, in random order: PyTorch's `SubsetRandomSampler`.
#[derive(Clone, Debug)]
pub struct SubsetRandomSampler {
    indices: Vec<usize>,
}

impl SubsetRandomSampler {
    /// The items of these numbers.
    pub fn new(indices: impl IntoIterator<Item = usize>) -> SubsetRandomSampler {
        SubsetRandomSampler { indices: indices.into_iter().collect() }
    }
}

impl Sampler for SubsetRandomSampler {
    #[inline]
    fn len(&self) -> usize {
        self.indices.len()
    }

    #[inline]
    fn sample(&self, _: usize, random: &mut Generator) -> Result<Samples<usize>> {
        let mut order = self.indices.clone();
        draw::shuffle(random, &mut order);
        Ok(Box::new(order.into_iter()))
    }
}
