//! Running totals and running extremes along a dimension.
//!
//! Totals are carried in f64 (integers: wrapping i64). A long line is cut into blocks of a fixed length whose totals
//! come first, so that threads can share it and the result does not depend on how many there are.

use cresset_tensor::{Array, DType, Element, Error, Locks, Result, with_element};
use smallvec::smallvec;

use super::{copy, threads};
use crate::{door::Outputs, infer::Metas, op::Scan};

/// Elements of a task, about; less than two of these never leave the calling thread.
const TASK: usize = 1 << 15;
/// Columns that are carried along together.
const COLUMNS: usize = 256;
/// A line at least four of these long is cut into blocks of this length.
const BLOCK: usize = 1 << 16;

/// The running totals, or the running extremes and where they lie.
pub fn scan(kind: Scan, dim: usize, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    let name = kind.name();
    let x = if x.is_contiguous() { x.clone() } else { copy::contiguous(x)? };
    let mut outputs: Outputs<Array> = smallvec![];
    for meta in metas {
        outputs.push(Array::uninitialised(name, meta.shape.clone(), meta.dtype)?);
    }
    if x.numel() == 0 {
        return Ok(outputs);
    }
    let shape = x.shape();
    let lines = Lines {
        length: shape.get(dim).copied().unwrap_or(1),
        columns: shape.get(dim + 1..).map_or(1, |sizes| sizes.iter().product()),
    };
    let values = &outputs[0];
    let _lock = Locks::read(x.storage());
    // Integers are totalled in i64, whatever their width.
    with_element!(x.dtype(), T => {
        // SAFETY: the array is contiguous, of this type, and locked.
        let numbers = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.numel()) };
        let float = |x: T| x.to_scalar().to_f64();
        let back = |total: f64| T::from_scalar(total.into());
        let whole = |x: T| x.to_scalar().to_i64();
        let same = Shared(values.as_ptr().cast::<T>());
        let wide = Shared(values.as_ptr().cast::<i64>());
        match (kind, x.dtype().is_float()) {
            (Scan::Sum, true) => lines.run(numbers, same, 0.0, float, back, |a, b| a + b),
            (Scan::Prod, true) => lines.run(numbers, same, 1.0, float, back, |a, b| a * b),
            (Scan::LogSumExp, _) => lines.run(numbers, same, f64::NEG_INFINITY, float, back, log_add_exp),
            (Scan::Sum, false) => lines.run(numbers, wide, 0, whole, |a| a, i64::wrapping_add),
            (Scan::Prod, false) => lines.run(numbers, wide, 1, whole, |a| a, i64::wrapping_mul),
            (Scan::Max | Scan::Min, _) => {
                let Some(places) = outputs.get(1).filter(|places| places.dtype() == DType::I64) else {
                    return Err(Error::argument(name, "has two outputs"));
                };
                let places = Shared(places.as_ptr().cast::<i64>());
                if kind == Scan::Max {
                    lines.extremes(numbers, same, places, |a, b| a >= b);
                } else {
                    lines.extremes(numbers, same, places, |a, b| a <= b);
                }
            }
        }
    });
    Ok(outputs)
}

/// `log(eᵃ + eᵇ)`. Infinities of one sign add up to themselves.
fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b || b.is_nan() { (a, b) } else { (b, a) };
    if low == high && low.is_infinite() { low } else { high + (low - high).exp().ln_1p() }
}

/// Memory that tasks share, each writing elements of its own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: tasks write disjoint elements.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// The element is there, and nobody else writes or reads it meanwhile.
    #[inline(always)]
    unsafe fn write(&self, place: usize, value: T) {
        // SAFETY: the caller's.
        unsafe { self.0.add(place).write(value) };
    }
}

/// Rectangles one after the other, each of so many rows along which is scanned, and columns.
#[derive(Clone, Copy)]
struct Lines {
    length: usize,
    columns: usize,
}

impl Lines {
    /// Calls `task` with the first element and the width of every strip: some neighbouring columns of a rectangle.
    fn strips(self, numel: usize, task: impl Fn(usize, usize) + Sync) {
        let Lines { length, columns } = self;
        let per_rectangle = columns.div_ceil(COLUMNS);
        let strips = numel / (length * columns) * per_rectangle;
        let run = |range: std::ops::Range<usize>| {
            for strip in range {
                let first = strip % per_rectangle * COLUMNS;
                let width = COLUMNS.min(columns - first);
                task(strip / per_rectangle * length * columns + first, width);
            }
        };
        if numel < 2 * TASK {
            run(0..strips);
        } else {
            let size = length * columns.min(COLUMNS);
            threads::parallel_ranges(strips, (TASK / size).max(1), run);
        }
    }

    fn run<T: Element, O: Send, A: Copy + Send + Sync>(
        self,
        x: &[T],
        to: Shared<O>,
        start: A,
        load: impl Fn(T) -> A + Sync,
        store: impl Fn(A) -> O + Sync,
        f: impl Fn(A, A) -> A + Sync,
    ) {
        let Lines { length, columns } = self;
        let line = |from: usize, len: usize, mut total: A| {
            for (i, &x) in x[from..from + len].iter().enumerate() {
                total = f(total, load(x));
                // SAFETY: there is an output for every input, and the range is this task's.
                unsafe { to.write(from + i, store(total)) };
            }
        };
        if columns == 1 && length >= 4 * BLOCK {
            for first in (0..x.len()).step_by(length) {
                let range = |i: usize| (first + i * BLOCK, BLOCK.min(length - i * BLOCK));
                let blocks = length.div_ceil(BLOCK);
                let mut totals = vec![start; blocks];
                let shared = Shared(totals.as_mut_ptr());
                threads::parallel_for(blocks, |i| {
                    let (from, len) = range(i);
                    let total = x[from..from + len].iter().fold(start, |total, &x| f(total, load(x)));
                    // SAFETY: there is a total for every block.
                    unsafe { shared.write(i, total) };
                });
                let mut before = start;
                for total in &mut totals {
                    before = f(std::mem::replace(total, before), before);
                }
                threads::parallel_for(blocks, |i| {
                    let (from, len) = range(i);
                    line(from, len, totals[i]);
                });
            }
            return;
        }
        self.strips(x.len(), |first, width| {
            if columns == 1 {
                return line(first, length, start);
            }
            let mut totals = [start; COLUMNS];
            for row in 0..length {
                let from = first + row * columns;
                for (i, (total, &x)) in totals.iter_mut().zip(&x[from..from + width]).enumerate() {
                    *total = f(*total, load(x));
                    // SAFETY: there is an output for every input, and the strip is this task's.
                    unsafe { to.write(from + i, store(*total)) };
                }
            }
        });
    }

    /// The best so far and where it lies: the last of equals. NaN is better than all, the last NaN the best.
    fn extremes<T: Element + PartialOrd>(
        self,
        x: &[T],
        values: Shared<T>,
        places: Shared<i64>,
        better: impl Fn(T, T) -> bool + Sync,
    ) {
        let Lines { length, columns } = self;
        let is_nan = |x: T| x.partial_cmp(&x).is_none();
        self.strips(x.len(), |first, width| {
            let mut best = [(x[first], 0); COLUMNS];
            for row in 0..length {
                let from = first + row * columns;
                for (i, (best, &x)) in best.iter_mut().zip(&x[from..from + width]).enumerate() {
                    if row == 0 || is_nan(x) || (!is_nan(best.0) && better(x, best.0)) {
                        *best = (x, row as i64);
                    }
                    // SAFETY: there are two outputs for every input, and the strip is this task's.
                    unsafe {
                        values.write(from + i, best.0);
                        places.write(from + i, best.1);
                    }
                }
            }
        });
    }
}
