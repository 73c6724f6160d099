//! How two elements of one dtype combine: what reading and writing at indices computes.

use cresset_tensor::{Element, bf16, f16};

/// Elements that combine as their dtype does: integers wrap, `bool` is or and and, half precision computes in `f32`,
/// extremes keep NaN.
pub trait Combining: Element {
    /// `a + b`.
    fn sum(a: Self, b: Self) -> Self;
    /// `a·b`.
    fn product(a: Self, b: Self) -> Self;
    /// The larger.
    fn larger(a: Self, b: Self) -> Self;
    /// The smaller.
    fn smaller(a: Self, b: Self) -> Self;
    /// Is it anything but zero?
    fn is_nonzero(self) -> bool;
}

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Combining for $type {
            #[inline]
            fn sum(a: Self, b: Self) -> Self {
                a + b
            }
            #[inline]
            fn product(a: Self, b: Self) -> Self {
                a * b
            }
            #[inline]
            fn larger(a: Self, b: Self) -> Self {
                if a > b || a.is_nan() { a } else { b }
            }
            #[inline]
            fn smaller(a: Self, b: Self) -> Self {
                if a < b || a.is_nan() { a } else { b }
            }
            #[inline]
            fn is_nonzero(self) -> bool {
                self != 0.0
            }
        }
    )*};
}

macro_rules! halves {
    ($($type:ty)*) => {$(
        impl Combining for $type {
            #[inline]
            fn sum(a: Self, b: Self) -> Self {
                <$type>::from_f32(a.to_f32() + b.to_f32())
            }
            #[inline]
            fn product(a: Self, b: Self) -> Self {
                <$type>::from_f32(a.to_f32() * b.to_f32())
            }
            #[inline]
            fn larger(a: Self, b: Self) -> Self {
                if a > b || a.is_nan() { a } else { b }
            }
            #[inline]
            fn smaller(a: Self, b: Self) -> Self {
                if a < b || a.is_nan() { a } else { b }
            }
            #[inline]
            fn is_nonzero(self) -> bool {
                self.to_f32() != 0.0
            }
        }
    )*};
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Combining for $type {
            #[inline]
            fn sum(a: Self, b: Self) -> Self {
                a.wrapping_add(b)
            }
            #[inline]
            fn product(a: Self, b: Self) -> Self {
                a.wrapping_mul(b)
            }
            #[inline]
            fn larger(a: Self, b: Self) -> Self {
                a.max(b)
            }
            #[inline]
            fn smaller(a: Self, b: Self) -> Self {
                a.min(b)
            }
            #[inline]
            fn is_nonzero(self) -> bool {
                self != 0
            }
        }
    )*};
}

floats!(f64 f32);
halves!(f16 bf16);
integers!(i64 i32 i16 i8 u8);

impl Combining for bool {
    #[inline]
    fn sum(a: bool, b: bool) -> bool {
        a | b
    }
    #[inline]
    fn product(a: bool, b: bool) -> bool {
        a & b
    }
    #[inline]
    fn larger(a: bool, b: bool) -> bool {
        a | b
    }
    #[inline]
    fn smaller(a: bool, b: bool) -> bool {
        a & b
    }
    #[inline]
    fn is_nonzero(self) -> bool {
        self
    }
}
