//! A range of the counter, from which the elements of one array are drawn: element `i` depends on the stream and `i`.

use super::{Generator, philox::philox4x32_10};

/// Blocks of 128 random bits, as many as anyone asks for, each a function of the stream and its number.
///
/// Block `i` is `philox4x32_10(counter, key)` with `counter = (base + i) + 2⁶⁴ · lane` and `key = seed`, both with the
/// lowest 32 bits first. That is all a device needs to know to draw the same numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stream {
    /// The key.
    pub seed: u64,
    /// The upper half of the counter. Zero but for streams of [`Stream::generator`].
    pub lane: u64,
    /// The lower half of block 0's counter.
    pub base: u64,
}

/// Blocks drawn together, so that they fill the widest registers and stay in the first-level cache.
const TOGETHER: usize = 64;

impl Stream {
    /// The stream of a seed from the beginning.
    pub const fn new(seed: u64) -> Stream {
        Stream { seed, lane: 0, base: 0 }
    }

    /// The key, as words.
    #[inline(always)]
    pub const fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }

    /// The counter of block `i`, as words.
    #[inline(always)]
    pub const fn counter(&self, i: u64) -> [u32; 4] {
        let low = self.base.wrapping_add(i);
        [low as u32, (low >> 32) as u32, self.lane as u32, (self.lane >> 32) as u32]
    }

    /// Block `i`.
    #[inline(always)]
    pub const fn block(&self, i: u64) -> [u32; 4] {
        philox4x32_10(self.counter(i), self.key())
    }

    /// Word `i` of the blocks one after another.
    #[inline(always)]
    pub const fn word(&self, i: u64) -> u32 {
        self.block(i / 4)[(i % 4) as usize]
    }

    /// A generator for element `i` alone, for distributions that draw a varying number of times.
    ///
    /// Of a stream of [`Generator::reserve_each`], no two elements' generators ever draw the same block.
    pub fn generator(&self, i: u64) -> Generator {
        // Lane 0 belongs to the streams that are not divided.
        Generator::starting_at(self.seed, i.wrapping_add(1), self.base)
    }

    /// Writes elements `start..start + out.len()`, where `sample` makes `PER` elements of a block: element `i` is
    /// `sample(block(i / PER))[i % PER]`.
    ///
    /// Split an array as you like: the result is the same. The loop is made for SIMD, if `sample` has no branches.
    ///
    /// ```
    /// use cresset_tensor::random::{Stream, sample};
    /// let stream = Stream::new(1);
    /// let mut whole = [0.0; 100];
    /// stream.fill(0, &mut whole, sample::normal_f32x4);
    /// let mut part = [0.0; 20];
    /// stream.fill(33, &mut part, sample::normal_f32x4);
    /// assert_eq!(part, whole[33..53]);
    /// ```
    #[inline(always)]
    pub fn fill<T: Copy + Default, const PER: usize>(
        &self,
        start: u64,
        out: &mut [T],
        sample: impl Fn([u32; 4]) -> [T; PER],
    ) {
        let (mut block, mut skip) = (start / PER as u64, (start % PER as u64) as usize);
        let mut rest = out;
        while !rest.is_empty() {
            if skip > 0 || rest.len() < TOGETHER * PER {
                // Of a block that begins before `start`, or of the last few.
                let numbers = &sample(self.block(block))[skip..];
                let (part, after) = rest.split_at_mut(numbers.len().min(rest.len()));
                part.copy_from_slice(&numbers[..part.len()]);
                (rest, skip, block) = (after, 0, block.wrapping_add(1));
                continue;
            }
            // Words first and numbers after: in one loop, the compiler has too few registers for both.
            let mut words = [[0u32; TOGETHER]; 4];
            #[allow(clippy::needless_range_loop)] // zipping four arrays says less
            for lane in 0..TOGETHER {
                let drawn = self.block(block.wrapping_add(lane as u64));
                words[0][lane] = drawn[0];
                words[1][lane] = drawn[1];
                words[2][lane] = drawn[2];
                words[3][lane] = drawn[3];
            }
            let (group, after) = rest.split_at_mut(TOGETHER * PER);
            let (places, _) = group.as_chunks_mut::<PER>();
            for (lane, place) in places.iter_mut().enumerate() {
                *place = sample([words[0][lane], words[1][lane], words[2][lane], words[3][lane]]);
            }
            (rest, block) = (after, block.wrapping_add(TOGETHER as u64));
        }
    }
}
