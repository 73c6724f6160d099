//! Sorting, and the best few, along a dimension.
//!
//! Elements become whole numbers of the same order, each packed with its place into one wider number. Those are never
//! equal, so that the fastest sort there is keeps equals in their order; long rows are sorted digit by digit.

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

use cresset_tensor::{Array, DType, Element, Error, Locks, Result, bf16, f16, memory, with_element};
use smallvec::smallvec;

use super::{
    copy::{self, with_width},
    radix,
    select::narrow_to,
    threads,
};
use crate::{door::Outputs, infer::Metas};

/// Elements of a task, about; less than two of these never leave the calling thread.
const TASK: usize = 1 << 13;

/// An element as a whole number of the same order, as wide as itself. Zeros are equal, NaN is the largest and equal to itself.
pub trait Key: Element {
    /// The number.
    fn key(self) -> u64;
}

macro_rules! floats {
    ($($type:ty, $bits:ty, |$x:ident| $nan:expr;)*) => {$(
        impl Key for $type {
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

/// Elements of a dtype as keys: those so far apart from a place on, so many, each given to a function of place and key.
///
/// # Safety
/// The elements are there and locked.
unsafe fn each_key<T: Key>(x: *const u8, step: usize, count: usize, mut f: impl FnMut(usize, u64)) {
    let x = x.cast::<T>();
    for place in 0..count {
        // SAFETY: the caller's.
        f(place, unsafe { *x.add(place * step) }.key());
    }
}

/// Fills a list with the keys of elements: the first, how far apart, how many.
pub type Keys = unsafe fn(*const u8, usize, usize, &mut Vec<u64>);

/// # Safety
/// As of `each_key`.
unsafe fn list_keys<T: Key>(x: *const u8, step: usize, count: usize, list: &mut Vec<u64>) {
    list.clear();
    // SAFETY: the caller's.
    unsafe { each_key::<T>(x, step, count, |_, key| list.push(key)) };
}

/// The keys of a dtype.
pub fn keys(dtype: DType) -> Keys {
    with_element!(dtype, T => list_keys::<T>)
}

/// The key that only NaN has, where a dtype has one: the largest of its width.
pub fn nan_key(dtype: DType) -> Option<u64> {
    dtype.is_float().then(|| u64::MAX >> (64 - 8 * dtype.size()))
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

/// Sorts by the keys alone; equal ones stay in their order.
#[inline(never)]
pub fn sort_by_key<P: Packed>(list: &mut [P]) {
    let mut order: Vec<u128> =
        list.iter().enumerate().map(|(i, packed)| u128::pack(packed.key(), i)).collect();
    order.sort_unstable();
    let sorted: Vec<P> = order.iter().map(|packed| list[packed.place()]).collect();
    list.copy_from_slice(&sorted);
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
    let rows = Rows {
        x: x.as_ptr(),
        dtype: x.dtype(),
        count: x.numel() / length,
        values: values.as_ptr(),
        places: places.as_ptr().cast(),
        length,
        columns,
        // Of a single number there is one, even of none that are asked for, as in PyTorch.
        kept: if x.rank() == 0 { 1 } else { k.unwrap_or(length) },
        few: k.is_some(),
        descending,
    };
    let done = if x.dtype().size() <= 4 && u32::try_from(length).is_ok() {
        rows.run::<u64>(with_element!(x.dtype(), T => pack_row::<T, u64>))
    } else {
        rows.run::<u128>(with_element!(x.dtype(), T => pack_row::<T, u128>))
    };
    done.ok_or_else(|| Error::memory(name, "out of memory for what is sorted"))?;
    Ok(outputs)
}

/// Rows along a dimension, `columns` neighbouring ones interleaved.
struct Rows {
    x: *const u8,
    dtype: DType,
    count: usize,
    values: *mut u8,
    places: *mut i64,
    length: usize,
    columns: usize,
    /// How many of each row go to the outputs: at least one.
    kept: usize,
    /// Whether only the best are asked for.
    few: bool,
    descending: bool,
}

// SAFETY: the input is locked, and each task writes the outputs of rows of its own.
unsafe impl Sync for Rows {}

/// Fills a list with the elements of a row, packed: the first, how far apart, how many, with what their keys are turned.
type Packing<P> = unsafe fn(*const u8, usize, usize, u64, &mut List<P>);

/// # Safety
/// As of `each_key`; the list has room for so many.
unsafe fn pack_row<T: Key, P: Packed>(
    x: *const u8,
    step: usize,
    count: usize,
    turn: u64,
    list: &mut List<P>,
) {
    let to = list.start();
    // SAFETY: the caller's.
    unsafe {
        each_key::<T>(x, step, count, |place, key| to.add(place).write(P::pack(key ^ turn, place)));
        list.set_len(count);
    }
}

/// A list in memory that is used again: for a long row, fresh pages would cost as much as sorting does.
pub struct List<P> {
    block: memory::Block,
    length: usize,
    of: PhantomData<P>,
}

impl<P: Packed> List<P> {
    /// An empty one with room for so many.
    fn new(room: usize) -> Option<List<P>> {
        let block = memory::take(room.checked_mul(size_of::<P>())?)?;
        Some(List { block, length: 0, of: PhantomData })
    }

    /// Where it starts.
    pub fn start(&self) -> *mut P {
        self.block.as_ptr().cast()
    }

    /// # Safety
    /// There is room for so many, and they were written.
    pub unsafe fn set_len(&mut self, length: usize) {
        self.length = length;
    }

    fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl<P: Packed> Deref for List<P> {
    type Target = [P];
    fn deref(&self) -> &[P] {
        // SAFETY: so many were written, in memory that is aligned for any number.
        unsafe { std::slice::from_raw_parts(self.start(), self.length) }
    }
}

impl<P: Packed> DerefMut for List<P> {
    fn deref_mut(&mut self) -> &mut [P] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.length) }
    }
}

/// Writes the elements at places, these and the results so far apart, so many.
///
/// # Safety
/// The elements and places are there, and there is room for the results.
unsafe fn pick<T: Copy>(x: *const u8, places: *const i64, to: *mut u8, step: usize, count: usize) {
    let (x, to) = (x.cast::<T>(), to.cast::<T>());
    for i in 0..count {
        // SAFETY: the caller's.
        unsafe { to.add(i * step).write(*x.add(*places.add(i * step) as usize * step)) };
    }
}

impl Rows {
    /// `None` where there is no memory.
    fn run<P: Packed>(&self, packing: Packing<P>) -> Option<()> {
        let failed = AtomicBool::new(false);
        let task = |range: std::ops::Range<usize>| match (List::new(self.length), List::new(self.length)) {
            (Some(mut list), Some(mut room)) => {
                range.for_each(|row| self.sort_row(row, packing, &mut list, &mut room));
            }
            _ => failed.store(true, Ordering::Relaxed),
        };
        // A few are sorted one after the other; a long one brings in threads itself.
        let several = self.count >= 4 && self.count * self.length >= 2 * TASK;
        threads::divide_range(several, self.count, (TASK / self.length).max(1), &task);
        (!failed.into_inner()).then_some(())
    }

    fn sort_row<P: Packed>(&self, row: usize, packing: Packing<P>, list: &mut List<P>, room: &mut List<P>) {
        let Rows { length, columns, kept, .. } = *self;
        let width = self.dtype.size();
        let (outer, column) = (row / columns, row % columns);
        let x = self.x.wrapping_add((outer * length * columns + column) * width);
        let bits = 8 * width as u32;
        let turn = if self.descending { u64::MAX >> (64 - bits) } else { 0 };
        // SAFETY: the row is one of the locked input's.
        unsafe { packing(x, columns, length, turn, list) };
        match self.few {
            false => radix::sort(list, room, bits),
            true if kept.saturating_mul(64) <= length => {
                list.select_nth_unstable(kept - 1);
                list.truncate(kept);
                list.sort_unstable();
            }
            // Which of equals are kept, and in which order, is PyTorch's choice: it selects by value alone.
            true => {
                narrow_to(list, kept - 1);
                list.truncate(kept);
                sort_by_key(&mut list[..kept - 1]);
            }
        }
        let to = outer * kept * columns + column;
        // SAFETY: there are two outputs for every element kept, and this row's are this task's.
        unsafe {
            let places = self.places.add(to);
            for (i, packed) in list.iter().enumerate() {
                places.add(i * columns).write(packed.place() as i64);
            }
            let values = self.values.add(to * width);
            with_width!(self.dtype, T => pick::<T>(x, places, values, columns, list.len()));
        }
    }
}
