//! Truths and bits.

use super::declare::{one_operand, two_operands};
use crate::Apply;

/// Logic of truths, where anything but zero is true, and of the bits of integers.
pub trait Logic: Apply {
    one_operand! {
        /// Where it is zero.
        logical_not logical_not_ |x| x.logical_not();
        /// Every bit turned; for `bool`, the other truth.
        bitwise_not bitwise_not_ |x| x.bitwise_not();
    }

    two_operands! {
        /// Where both are true.
        logical_and logical_and_ |a, b| a.ne(0).and(b.ne(0));
        /// Where either is true.
        logical_or logical_or_ |a, b| a.ne(0).or(b.ne(0));
        /// Where exactly one is true.
        logical_xor logical_xor_ |a, b| a.ne(0).ne(b.ne(0));
        /// And of the bits, or of truths.
        bitwise_and bitwise_and_ |a, b| a.bitwise_and(b);
        /// Or of the bits, or of truths.
        bitwise_or bitwise_or_ |a, b| a.bitwise_or(b);
        /// Exclusive or of the bits, or of truths.
        bitwise_xor bitwise_xor_ |a, b| a.bitwise_xor(b);
        /// `self · 2^other` for integers.
        bitwise_left_shift bitwise_left_shift_ |a, b| a.bitwise_left_shift(b);
        /// `⌊self / 2^other⌋` for integers.
        bitwise_right_shift bitwise_right_shift_ |a, b| a.bitwise_right_shift(b);
    }
}

impl<T: Apply> Logic for T {}
