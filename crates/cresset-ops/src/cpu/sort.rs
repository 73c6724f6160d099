//! Sorting, and the best few, along a dimension.
//!
//! Elements become whole numbers of the same order, each packed with its place into one wider number. Those are never
//! equal, so that the fastest sort there is keeps equals in their order; long rows are sorted digit by digit.

use cresset_tensor::{Array, Element, Error, Locks, Result, bf16, f16, with_element};
use smallvec::smallvec;

use super::{copy, radix, select::narrow_to, threads};
use crate::{door::Outputs, infer::Metas};

/// Elements of a task, about; less than two of these never leave the calling thread.
const TASK: usize = 1 << 13;

/// An element as a whole number of the same order. Zeros are equal, NaN is the largest and equal to itself.
pub trait Key: Element {
    /// How many bits the number has.
    const WIDTH: u32;
    /// The number.
    fn key(self) -> u64;
}

macro_rules! floats {
    ($($type:ty, $bits:ty, |$x:ident| $nan:expr;)*) => {$(
        impl Key for $type {
            const WIDTH: u32 = <$bits>::BITS;
            #[inline(always)]
            fn key(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let $x = self;
                let bits = self.to_bits();
                // The larger the bits, the larger the number, but for negative ones the other way round.
                let ordered = if bits == SIGN || bits & SIGN == 0 { bits | SIGN } else { !bits };
                u64::from(if $nan { <$bits>::MAX } else { ordered })
            }
        }
    )*};
}

floats! {
    f64, u64, |x| x.is_nan();
    f32, u32, |x| x.is_nan();
    f16, u16, |x| x.is_nan();
    bf16, u16, |x| x.is_nan();
}

macro_rules! integers {
    ($($type:ty, $bits:ty, |$x:ident| $key:expr;)*) => {$(
        impl Key for $type {
            const WIDTH: u32 = <$bits>::BITS;
            #[inline(always)]
            fn key(self) -> u64 {
                let $x = self;
                u64::from($key)
            }
        }
    )*};
}

integers! {
    i64, u64, |x| x as u64 ^ (1 << 63);
    i32, u32, |x| x as u32 ^ (1 << 31);
    i16, u16, |x| x as u16 ^ (1 << 15);
    i8, u8, |x| x as u8 ^ (1 << 7);
    u8, u8, |x| x;
    bool, u8, |x| u8::from(x);
}

/// A key and a place in one number, the key above.
pub trait Packed: Copy + Ord + Send + Sync {
    /// Both.
    fn pack(key: u64, place: usize) -> Self;
    /// The key.
    fn key(self) -> u64;
    /// The place.
    fn place(self) -> usize;
}

impl Packed for u64 {
    #[inline(always)]
    fn pack(key: u64, place: usize) -> u64 {
        key << 32 | place as u64
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self >> 32
    }
    #[inline(always)]
    fn place(self) -> usize {
        (self & u64::from(u32::MAX)) as usize
    }
}

impl Packed for u128 {
    #[inline(always)]
    fn pack(key: u64, place: usize) -> u128 {
        u128::from(key) << 64 | place as u128
    }
    #[inline(always)]
    fn key(self) -> u64 {
        (self >> 64) as u64
    }
    #[inline(always)]
    fn place(self) -> usize {
        self as usize
    }
}

/// All elements in order, and where each came from.
pub fn sort(dim: usize, descending: bool, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    run("sort", dim, x, metas, descending, None)
}

/// The `k` largest or smallest elements in order, and where each came from. Equals come in any order.
pub fn topk(k: usize, dim: usize, largest: bool, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    run("topk", dim, x, metas, largest, Some(k))
}

fn run(
    name: &'static str,
    dim: usize,
    x: &Array,
    metas: &Metas,
    descending: bool,
    k: Option<usize>,
) -> Result<Outputs<Array>> {
    let mut outputs: Outputs<Array> = smallvec![];
    for meta in metas {
        outputs.push(Array::uninitialised(name, meta.shape.clone(), meta.dtype)?);
    }
    let [values, places] = &outputs[..] else {
        return Err(Error::argument(name, "has two outputs"));
    };
    if values.numel() == 0 {
        return Ok(outputs);
    }
    let x = if x.is_contiguous() { x.clone() } else { copy::contiguous(x)? };
    let length = x.shape().get(dim).copied().unwrap_or(1);
    let columns = x.shape().get(dim + 1..).map_or(1, |sizes| sizes.iter().product());
    let _lock = Locks::read(x.storage());
    with_element!(x.dtype(), T => {
        let rows = Rows {
            // SAFETY: the array is contiguous, of this type, and locked.
            x: unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.numel()) },
            values: values.as_ptr().cast(),
            places: places.as_ptr().cast(),
            length,
            columns,
            // Of a single number there is one, even of none that are asked for, as in PyTorch.
            kept: if x.rank() == 0 { 1 } else { k.unwrap_or(length) },
            few: k.is_some(),
            descending,
        };
        if T::WIDTH <= 32 && u32::try_from(length).is_ok() { rows.run::<u64>() } else { rows.run::<u128>() }
    });
    Ok(outputs)
}

/// Rows along a dimension, `columns` neighbouring ones interleaved.
struct Rows<'a, T> {
    x: &'a [T],
    values: *mut T,
    places: *mut i64,
    length: usize,
    columns: usize,
    /// How many of each row go to the outputs: at least one.
    kept: usize,
    /// Whether only the best are asked for.
    few: bool,
    descending: bool,
}

// SAFETY: each task writes the outputs of rows of its own.
unsafe impl<T: Sync> Sync for Rows<'_, T> {}

impl<T: Key> Rows<'_, T> {
    fn run<P: Packed>(&self) {
        let rows = self.x.len() / self.length;
        let task = |range: std::ops::Range<usize>| {
            let mut list: Vec<P> = Vec::new();
            let mut room: Vec<P> = Vec::new();
            range.for_each(|row| self.sort_row(row, &mut list, &mut room));
        };
        if rows < 4 || self.x.len() < 2 * TASK {
            // One after the other; a long one brings in threads itself.
            task(0..rows);
        } else {
            threads::parallel_ranges(rows, (TASK / self.length).max(1), task);
        }
    }

    fn sort_row<P: Packed>(&self, row: usize, list: &mut Vec<P>, room: &mut Vec<P>) {
        let Rows { length, columns, kept, .. } = *self;
        let (outer, column) = (row / columns, row % columns);
        let first = outer * length * columns + column;
        let at = |place: usize| self.x[first + place * columns];
        let turn = if self.descending { u64::MAX >> (64 - T::WIDTH) } else { 0 };
        list.clear();
        list.extend((0..length).map(|place| P::pack(at(place).key() ^ turn, place)));
        match self.few {
            false => radix::sort(list, room, T::WIDTH),
            true if kept.saturating_mul(64) <= length => {
                list.select_nth_unstable(kept - 1);
                list.truncate(kept);
                list.sort_unstable();
            }
            // Which of equals are kept, and in which order, is PyTorch's choice: it selects by value alone.
            true => {
                narrow_to(list, kept - 1, |a, b| a.key() < b.key());
                list.truncate(kept);
                list[..kept - 1].sort_by_key(|packed| packed.key());
            }
        }
        let to = outer * kept * columns + column;
        for (i, packed) in list.iter().enumerate() {
            let place = packed.place();
            // SAFETY: there are two outputs for every element kept, and this row's are this task's.
            unsafe {
                self.values.add(to + i * columns).write(at(place));
                self.places.add(to + i * columns).write(place as i64);
            }
        }
    }
}
