//! A generator: a seed and how far its counter has come.

use std::convert::Infallible;

use rand::rand_core::{SeedableRng, TryRng, utils};

use super::{Stream, entropy};
use crate::{Error, Result};

/// Blocks set aside for each element of [`Generator::reserve_each`]: more than any sampler by rejection will need.
const BLOCKS_EACH: u64 = 1 << 20;

/// A source of random numbers: PyTorch's `Generator`.
///
/// It hands out [`Stream`]s to fill arrays from, and implements the traits of the `rand` crate, so that any of its
/// distributions can be drawn. The same seed and the same calls give the same numbers everywhere.
///
/// ```
/// use cresset_tensor::random::Generator;
/// use rand::Rng;
/// let mut generator = Generator::new(42);
/// let state = generator.state();
/// let first = generator.next_u64();
/// generator.set_state(state);
/// assert_eq!(generator.next_u64(), first);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generator {
    seed: u64,
    lane: u64,
    /// The next block.
    counter: u64,
    /// The block before it, of which the last `left` words are yet to be given out.
    block: [u32; 4],
    left: u8,
}

/// Where a generator stands, to be saved and restored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GeneratorState {
    /// The seed it was started from.
    pub seed: u64,
    /// The upper half of its counter.
    pub lane: u64,
    /// The lower half of its counter: the next block.
    pub counter: u64,
    /// Words of the block before that are yet to be given out.
    pub left: u8,
}

impl Generator {
    /// The generator of a seed, at its beginning.
    pub const fn new(seed: u64) -> Generator {
        Generator::starting_at(seed, 0, 0)
    }

    pub(super) const fn starting_at(seed: u64, lane: u64, counter: u64) -> Generator {
        Generator { seed, lane, counter, block: [0; 4], left: 0 }
    }

    /// A generator for one item of many, as a function of all three numbers: say the seed, the epoch, the index.
    pub fn keyed(seed: u64, first: u64, second: u64) -> Generator {
        let [a, b, ..] = Stream { seed, lane: first, base: second }.block(0);
        Generator::new(u64::from(b) << 32 | u64::from(a))
    }

    /// Starts again from a seed.
    pub fn manual_seed(&mut self, seed: u64) {
        *self = Generator::new(seed);
    }

    /// Starts again from a seed nobody can foresee, and returns it.
    pub fn seed(&mut self) -> u64 {
        self.manual_seed(entropy());
        self.seed
    }

    /// The seed it was last started from.
    pub fn initial_seed(&self) -> u64 {
        self.seed
    }

    /// Where it stands. PyTorch's `get_state`.
    pub fn state(&self) -> GeneratorState {
        GeneratorState { seed: self.seed, lane: self.lane, counter: self.counter, left: self.left }
    }

    /// Puts it to where some generator stood.
    pub fn set_state(&mut self, state: GeneratorState) {
        let GeneratorState { seed, lane, counter, left } = state;
        *self = Generator::starting_at(seed, lane, counter);
        if left > 0 {
            self.block = self.stream_at(counter.wrapping_sub(1)).block(0);
            self.left = left.min(4);
        }
    }

    /// A stream for `n` elements of up to 128 bits each, which nobody else is given.
    ///
    /// Whoever fills an array may use a block for each element, or share blocks among elements.
    pub fn reserve(&mut self, n: usize) -> Stream {
        self.reserve_blocks(n as u64)
    }

    /// A stream for any number of elements that each need a generator of their own: [`Stream::generator`].
    ///
    /// ```
    /// use cresset_tensor::random::Generator;
    /// use rand_distr::{Distribution, Gamma};
    /// let stream = Generator::new(3).reserve_each();
    /// let gamma = Gamma::new(2.0, 1.0).unwrap();
    /// let seventh: f64 = gamma.sample(&mut stream.generator(7)); // whoever draws the others, and when
    /// assert!(seventh > 0.0);
    /// ```
    pub fn reserve_each(&mut self) -> Stream {
        self.reserve_blocks(BLOCKS_EACH)
    }

    fn reserve_blocks(&mut self, n: u64) -> Stream {
        let stream = self.stream_at(self.counter);
        self.counter = self.counter.wrapping_add(n);
        self.left = 0;
        stream
    }

    /// A generator with a seed drawn from this one.
    pub fn fork(&mut self) -> Generator {
        let [a, b, ..] = self.reserve_blocks(1).block(0);
        Generator::new(u64::from(b) << 32 | u64::from(a))
    }

    fn stream_at(&self, base: u64) -> Stream {
        Stream { seed: self.seed, lane: self.lane, base }
    }

    #[inline]
    fn word(&mut self) -> u32 {
        if self.left == 0 {
            self.block = self.reserve_blocks(1).block(0);
            self.left = 4;
        }
        let word = self.block[usize::from(4 - self.left) & 3];
        self.left -= 1;
        word
    }
}

impl GeneratorState {
    /// As bytes, for a checkpoint.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [self.seed, self.lane, self.counter, u64::from(self.left)];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From the bytes of [`GeneratorState::to_bytes`].
    #[track_caller]
    pub fn from_bytes(bytes: &[u8]) -> Result<GeneratorState> {
        let wrong = || Error::argument("set_state", "these bytes are not the state of a generator");
        let (words, rest) = bytes.as_chunks::<8>();
        let [seed, lane, counter, left] = *words else { return Err(wrong()) };
        let left = u64::from_le_bytes(left);
        if left > 4 || !rest.is_empty() {
            return Err(wrong());
        }
        Ok(GeneratorState {
            seed: u64::from_le_bytes(seed),
            lane: u64::from_le_bytes(lane),
            counter: u64::from_le_bytes(counter),
            left: left as u8,
        })
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_u64_via_u32(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}

impl SeedableRng for Generator {
    type Seed = [u8; 8];

    fn from_seed(seed: [u8; 8]) -> Generator {
        Generator::new(u64::from_le_bytes(seed))
    }

    /// The same as [`Generator::new`].
    fn seed_from_u64(seed: u64) -> Generator {
        Generator::new(seed)
    }
}
