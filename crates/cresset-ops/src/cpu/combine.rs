//! How two elements of one dtype combine, and the loops that combine lines of them at indices: one for every dtype and
//! way, so that whoever walks over arrays need not know either.

use std::ops::Range;

use cresset_tensor::{DType, Element, bf16, f16, with_element};

use super::copy::with_width;
use crate::op::Combine;

/// A line of elements of a source, and where in a target each is combined. Steps are in elements.
pub struct Line {
    /// How many elements.
    pub count: usize,
    /// The row of the target that the first element goes to.
    pub index: *const i64,
    /// From index to index; 0 where all elements go to one row.
    pub index_step: isize,
    /// Elements of other rows are left out.
    pub rows: Range<usize>,
    /// From row to row of the target.
    pub along: isize,
    /// Where in row 0 of the target the first element would go.
    pub target: *mut u8,
    /// From element to element, the rows aside.
    pub target_step: isize,
    /// The first element.
    pub source: *const u8,
    /// From element to element.
    pub source_step: isize,
    /// So many lines follow each other.
    pub lines: usize,
    /// From line to line of the index, the target and the source.
    pub next: [isize; 3],
}

/// Combines a line.
///
/// # Safety
/// What the line says is there, of the loop's dtype, and nobody else reads or writes the target's elements meanwhile.
pub type Loop = unsafe fn(&Line);

/// The loop of a dtype that combines in such a way.
pub fn combining(combine: Combine, dtype: DType) -> Loop {
    match combine {
        Combine::Set => with_width!(dtype, T => set::<T>),
        Combine::Add => with_element!(dtype, T => add::<T>),
        Combine::Mul => with_element!(dtype, T => multiply::<T>),
        Combine::Max => with_element!(dtype, T => maximum::<T>),
        Combine::Min => with_element!(dtype, T => minimum::<T>),
    }
}

/// The loop of ways that are rare, compiled once for a dtype: what combines is called for each element.
///
/// # Safety
/// As of [`Loop`].
#[inline(never)]
unsafe fn each_called<T: Copy>(line: &Line, f: fn(T, T) -> T) {
    // SAFETY: the caller's.
    unsafe { each::<T>(line, f) }
}

/// # Safety
/// As of [`Loop`].
unsafe fn set<T: Copy>(line: &Line) {
    // SAFETY: the caller's.
    unsafe { each::<T>(line, |_, new| new) }
}

/// # Safety
/// As of [`Loop`].
unsafe fn add<T: Combining>(line: &Line) {
    // SAFETY: the caller's.
    unsafe { each::<T>(line, T::sum) }
}

/// # Safety
/// As of [`Loop`].
unsafe fn multiply<T: Combining>(line: &Line) {
    // SAFETY: the caller's.
    unsafe { each_called::<T>(line, T::product) }
}

/// # Safety
/// As of [`Loop`].
unsafe fn maximum<T: Combining>(line: &Line) {
    // SAFETY: the caller's.
    unsafe { each_called::<T>(line, T::larger) }
}

/// # Safety
/// As of [`Loop`].
unsafe fn minimum<T: Combining>(line: &Line) {
    // SAFETY: the caller's.
    unsafe { each_called::<T>(line, T::smaller) }
}

/// # Safety
/// As of [`Loop`].
#[inline(always)]
unsafe fn each<T: Copy>(line: &Line, f: impl Fn(T, T) -> T) {
    let &Line { count, index_step, ref rows, along, target_step, source_step, lines, next, .. } = line;
    for i in 0..lines as isize {
        // SAFETY: the caller's.
        unsafe {
            let index = line.index.offset(i * next[0]);
            let target = line.target.cast::<T>().offset(i * next[1]);
            let source = line.source.cast::<T>().offset(i * next[2]);
            if index_step == 0 && (target_step, source_step) == (1, 1) {
                if rows.contains(&(*index as usize)) {
                    let target = target.offset(*index as isize * along);
                    for i in 0..count {
                        *target.add(i) = f(*target.add(i), *source.add(i));
                    }
                }
                continue;
            }
            for i in 0..count as isize {
                let row = *index.offset(i * index_step);
                if rows.contains(&(row as usize)) {
                    let place = target.offset(i * target_step + row as isize * along);
                    *place = f(*place, *source.offset(i * source_step));
                }
            }
        }
    }
}

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
}
