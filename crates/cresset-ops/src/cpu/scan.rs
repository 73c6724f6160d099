//! Running totals and running extremes along a dimension.
//!
//! Totals are carried in f64 (integers: wrapping i64). A long line is cut into blocks of a fixed length whose totals
//! come first, so that threads can share it and the result does not depend on how many there are.

use cresset_tensor::{Array, DType, Element, Error, Locks, Result};
use smallvec::smallvec;

use super::{convert, copy, plan::Lane, threads};
use crate::{
    door::Outputs,
    infer::{Meta, Metas},
    op::Scan,
};

/// Elements of a task, about; less than two of these never leave the calling thread.
const TASK: usize = 1 << 15;
/// Columns that are carried along together.
const COLUMNS: usize = 256;
/// A line at least four of these long is cut into blocks of this length.
const BLOCK: usize = 1 << 16;

/// The running totals, or the running extremes and where they lie.
pub fn scan(kind: Scan, dim: usize, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    let name = kind.name();
    // Narrow kinds are scanned as wide ones, truths as integers.
    let wide = match Lane::of(x.dtype()) {
        Lane::Bool => DType::I64,
        lane => lane.dtype(),
    };
    if wide != x.dtype() {
        let widened = |meta: &Meta| {
            let dtype = if meta.dtype == x.dtype() { wide } else { meta.dtype };
            Meta { shape: meta.shape.clone(), dtype }
        };
        let outputs = scan(kind, dim, &convert(x, wide)?, &metas.iter().map(widened).collect())?;
        let narrowed = |(output, meta): (Array, &Meta)| {
            if output.dtype() == meta.dtype { Ok(output) } else { convert(&output, meta.dtype) }
        };
        return outputs.into_iter().zip(metas).map(narrowed).collect();
    }
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
    let _lock = Locks::read(x.storage());
    match wide {
        DType::F64 => lines.floats(kind, numbers::<f64>(&x), &outputs, |x| x, |total| total)?,
        DType::I64 => {
            let (x, to) = (numbers::<i64>(&x), Shared(outputs[0].as_ptr().cast()));
            match kind {
                Scan::Sum => lines.run(x, to, 0, |x| x, |total| total, i64::wrapping_add),
                Scan::Prod => lines.run(x, to, 1, |x| x, |total| total, i64::wrapping_mul),
                Scan::Max | Scan::Min => lines.extremes(kind, x, &outputs)?,
                Scan::LogSumExp => {
                    return Err(Error::dtype(name, "not defined for integers; convert with to_dtype first"));
                }
            }
        }
        _ => lines.floats(kind, numbers::<f32>(&x), &outputs, f64::from, |total| total as f32)?,
    }
    Ok(outputs)
}

/// The elements of a contiguous array of this type, which is locked for as long as they are used.
fn numbers<T: Element>(x: &Array) -> &[T] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.numel()) }
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
        let size = length * columns.min(COLUMNS);
        threads::divide_range(numel >= 2 * TASK, strips, (TASK / size).max(1), &run);
    }

    /// Totals of floating-point numbers, carried in f64.
    fn floats<T: Element + PartialOrd>(
        self,
        kind: Scan,
        x: &[T],
        outputs: &[Array],
        wide: impl Fn(T) -> f64 + Sync,
        narrow: impl Fn(f64) -> T + Sync,
    ) -> Result<()> {
        let to = Shared(outputs[0].as_ptr().cast());
        let (start, f): (f64, fn(f64, f64) -> f64) = match kind {
            Scan::Sum => {
                self.run(x, to, 0.0, wide, narrow, |a, b| a + b);
                return Ok(());
            }
            Scan::Max | Scan::Min => return self.extremes(kind, x, outputs),
            // These are rarer, and share a loop that calls what carries the total on.
            Scan::Prod => (1.0, |a, b| a * b),
            Scan::LogSumExp => (f64::NEG_INFINITY, log_add_exp),
        };
        self.run(x, to, start, wide, narrow, f);
        Ok(())
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
    fn extremes<T: Element + PartialOrd>(self, kind: Scan, x: &[T], outputs: &[Array]) -> Result<()> {
        let [values, places] = outputs else {
            return Err(Error::argument(kind.name(), "has two outputs"));
        };
        let (values, places) = (Shared(values.as_ptr().cast::<T>()), Shared(places.as_ptr().cast::<i64>()));
        let Lines { length, columns } = self;
        let largest = kind == Scan::Max;
        let is_nan = |x: T| x.partial_cmp(&x).is_none();
        self.strips(x.len(), |first, width| {
            let mut best = [(x[first], 0); COLUMNS];
            for row in 0..length {
                let from = first + row * columns;
                for (i, (best, &x)) in best.iter_mut().zip(&x[from..from + width]).enumerate() {
                    let better = if largest { x >= best.0 } else { x <= best.0 };
                    if row == 0 || is_nan(x) || (!is_nan(best.0) && better) {
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
        Ok(())
    }
}
