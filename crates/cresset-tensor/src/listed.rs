//! Short lists (of sizes, of inputs, of outputs), and how an iterator becomes one.

use smallvec::{Array, SmallVec};

/// What can be collected into a short list.
pub trait Listed: Iterator + Sized {
    /// As `collect`, for the handful that most lists hold: one push after the other. `SmallVec`'s own way, which reserves
    /// first, fills what it reserved and then pushes the rest, has the iterator's code twice, and there are some two
    /// hundred iterators: it was a twenty-fifth of what LLVM was given.
    #[inline]
    fn listed<A: Array<Item = Self::Item>>(self) -> SmallVec<A> {
        let mut list = SmallVec::new();
        for item in self {
            list.push(item);
        }
        list
    }
}

impl<I: Iterator> Listed for I {}
