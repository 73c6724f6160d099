//! What kernels over whole rows share: rows of an array as slices, tasks over them, and sums that neither lose digits
//! nor depend on the machine.

use std::ops::{Add, Mul, Range, Sub};

use cresset_tensor::{Array, DType, Result};

use super::{copy, threads, walk::Walk};
use crate::math::{Fma, double, single};

/// Numbers that are added up side by side: four of the widest registers of f32, on any machine.
pub const LANES: usize = 64;
/// Elements after which partial sums go into an f64.
const BLOCK: usize = 16 * LANES;
/// Elements below which no other thread is called.
const PARALLEL: usize = 1 << 15;
/// Elements of one task.
const TASK: usize = 1 << 14;

/// In what rows are computed: f32 and f64. The narrow kinds are converted before.
pub trait Real:
    Copy + Default + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + 'static
{
    /// Nothing.
    const ZERO: Self;
    /// Below everything.
    const LOWEST: Self;
    /// `eˣ`.
    fn exp<F: Fma>(self) -> Self;
    /// `log x`.
    fn log<F: Fma>(self) -> Self;
    /// With more digits.
    fn wide(self) -> f64;
    /// With fewer digits.
    fn narrow(x: f64) -> Self;
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const LOWEST: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn exp<F: Fma>(self) -> f32 {
        single::exp::<F>(self)
    }
    #[inline(always)]
    fn log<F: Fma>(self) -> f32 {
        single::log::<F>(self)
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn narrow(x: f64) -> f32 {
        x as f32
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const LOWEST: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn exp<F: Fma>(self) -> f64 {
        double::exp_in_loop::<F>(self)
    }
    #[inline(always)]
    fn log<F: Fma>(self) -> f64 {
        self.ln()
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(x: f64) -> f64 {
        x
    }
}

/// In which dtype rows of a dtype are computed.
pub const fn computed(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        DType::F32 | DType::F16 | DType::BF16 => DType::F32,
        // Inference lets no other kind through.
        DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => DType::F32,
    }
}

/// The larger of two, where a NaN on the left loses: whoever uses it finds NaN another way.
#[inline(always)]
pub fn larger<R: Real>(a: R, b: R) -> R {
    if a > b { a } else { b }
}

/// `Σ f(x)` over a row. Lanes are added in one order whatever the machine, so the sum is the same everywhere.
#[inline(always)]
pub fn sum<R: Real>(row: &[R], f: impl Fn(R) -> R) -> f64 {
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let (full, rest) = block.as_chunks::<LANES>();
        let mut lanes = [R::ZERO; LANES];
        for chunk in full {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = *lane + f(x);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane = *lane + f(x);
        }
        total += added(&lanes);
    }
    total
}

/// The sum of all lanes.
#[inline(always)]
pub fn added<R: Real>(lanes: &[R; LANES]) -> f64 {
    // Halving rather than one after another: fewer roundings, and short chains.
    let mut wide = [0.0; LANES];
    for (wide, lane) in wide.iter_mut().zip(lanes) {
        *wide = lane.wide();
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            wide[i] += wide[i + half];
        }
        half /= 2;
    }
    wide[0]
}

/// An array as rows, each one line in memory: the last dimensions from `kept` on.
pub struct Rows {
    array: Array,
    walk: Walk,
    /// Elements of a row.
    pub len: usize,
    /// How many rows.
    pub count: usize,
}

impl Rows {
    /// Without a copy where the rows are lines already, however they lie to each other.
    pub fn new(x: &Array, kept: usize) -> Result<Rows> {
        let (outer, inner) = x.shape().split_at(kept);
        let (len, count) = (inner.iter().product(), outer.iter().product());
        let mut expected = 1;
        let lines = inner.iter().zip(&x.strides()[kept..]).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size as isize;
            fits
        });
        let array = if lines { x.clone() } else { copy::contiguous(x)? };
        let strides = array.strides()[..kept].iter().copied().collect();
        let walk = Walk::new(outer, &[strides]);
        Ok(Rows { array, walk, len, count })
    }

    /// The array the rows lie in, to be locked while they are read.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// A row.
    ///
    /// # Safety
    /// The array is of type `R`, its lock is held while the row is used, and `row < count`.
    #[inline]
    pub unsafe fn get<R>(&self, row: usize) -> &[R] {
        let start = self.array.as_ptr().cast::<R>().cast_const();
        // SAFETY: the walk stays inside the array, where `len` elements lie in one line from each row's first.
        unsafe { std::slice::from_raw_parts(start.offset(self.walk.offset(0, row)), self.len) }
    }
}

/// Lets tasks share an output: each writes a part of its own.
#[derive(Clone, Copy)]
pub struct Output<R>(*mut R);

// SAFETY: `part` is asked for parts that do not overlap, by its own contract.
unsafe impl<R: Send> Sync for Output<R> {}

impl<R> Output<R> {
    /// A fresh, contiguous array of type `R`.
    pub fn new(array: &Array) -> Output<R> {
        Output(array.as_ptr().cast())
    }

    /// So many elements from a place on.
    ///
    /// # Safety
    /// They are elements of the array, which lives on, and nobody else has or reads them meanwhile.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the contract says that parts do not overlap")]
    pub unsafe fn part(&self, start: usize, len: usize) -> &mut [R] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// Calls `task` with ranges that cover `0..count`, on several threads if what they cost (`each` elements) is worth it.
pub fn for_all(count: usize, each: usize, task: &(dyn Fn(Range<usize>) + Sync)) {
    let each = each.max(1);
    threads::divide_range(count.saturating_mul(each) >= PARALLEL, count, (TASK / each).max(1), task);
}
