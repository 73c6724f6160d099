//! Matrix multiplication of arrays: batches that broadcast, and the division among threads.

use cresset_tensor::{Array, DType, Error, Locks, Result, Shape};

use super::{
    convert,
    gemm::{Matrix, Number, Size, multiplied, multiply},
    threads,
    walk::{Steps, Walk, broadcast_strides},
};
use crate::infer::Meta;

/// Multiplications below which no other thread is called: it takes about as long to wake one.
const PARALLEL: usize = 1 << 20;
/// Multiplications of a task of several small products, or of a part of a matrix-vector product.
const GRAIN: usize = 1 << 17;
/// Rows and columns of the result that one task computes at most: a block of so many rows stays in the second-level cache.
/// Every block of rows packs all columns.
const BLOCK: (usize, usize) = (512, 1024);
/// Columns are divided before rows down to so many.
const PANELS: usize = 64;
/// Columns of a block are a multiple of this, and rows too: whole tiles.
const NARROW: usize = 32;
/// Tasks to divide a product into where it is large enough.
const TASKS: usize = 4;

/// The product of two arrays, with numbers added to its rows if there are any.
pub fn matmul(a: &Array, b: &Array, bias: Option<&Array>, meta: &Meta) -> Result<Array> {
    let dtype = meta.dtype;
    match multiplied(dtype) {
        Some(DType::F64) if dtype == DType::F64 => product::<f64>(a, b, bias, meta),
        Some(DType::F32) if dtype == DType::F32 => product::<f32>(a, b, bias, meta),
        Some(DType::I64) if dtype == DType::I64 => product::<i64>(a, b, bias, meta),
        Some(wide) => {
            let wider = Meta { shape: meta.shape.clone(), dtype: wide };
            let bias = bias.map(|bias| convert(bias, wide)).transpose()?;
            convert(&matmul(&convert(a, wide)?, &convert(b, wide)?, bias.as_ref(), &wider)?, dtype)
        }
        None => Err(Error::dtype("matmul", format!("not defined for {dtype}; convert with to_dtype first"))),
    }
}

/// The last two dimensions as a matrix.
pub fn matrix<T>(x: &Array) -> Matrix<T> {
    let (rank, strides) = (x.rank(), x.strides());
    Matrix { start: x.as_ptr().cast(), row: strides[rank - 2], column: strides[rank - 1] }
}

/// Strides over the batch of the result.
fn batch_strides(x: &Array, batch: &[usize]) -> Steps {
    let own = x.rank() - 2;
    broadcast_strides(batch, &x.shape()[..own], &x.strides()[..own])
}

fn product<T: Number>(a: &Array, b: &Array, bias: Option<&Array>, meta: &Meta) -> Result<Array> {
    let result = Array::uninitialised("matmul", meta.shape.clone(), meta.dtype)?;
    let reads = [a.storage(), b.storage()].into_iter().chain(bias.map(Array::storage));
    let _locks = Locks::new(reads, std::iter::empty());
    let bias = bias.map(|bias| Line::<T> { start: bias.as_ptr().cast(), step: bias.strides()[0] });
    let rank = meta.shape.rank();
    let batch = Shape::from_slice(&meta.shape[..rank - 2]);
    let mut size = Size { m: meta.shape[rank - 2], k: a.shape()[a.rank() - 1], n: meta.shape[rank - 1] };
    let mut count = batch.numel();
    let (mut x, y, mut z) = (matrix::<T>(a), matrix::<T>(b), matrix::<T>(&result));
    let (over_a, over_b) = (batch_strides(a, &batch), batch_strides(b, &batch));
    let over_result: Steps = result.strides()[..rank - 2].iter().copied().collect();
    if count > 1 && over_b.iter().all(|&stride| stride == 0) {
        // One matrix on the right for all: where the batch and the rows are one line, they are rows of one matrix.
        let rows: Shape = batch.iter().copied().chain([size.m]).collect();
        let line = |steps: &Steps, row: isize| steps.iter().copied().chain([row]).collect::<Steps>();
        let walk = Walk::new(&rows, &[line(&over_a, x.row), line(&over_result, z.row)]);
        if let ([_], [x_row], [z_row]) = (&walk.shape[..], &walk.strides[0][..], &walk.strides[1][..]) {
            (x.row, z.row) = (*x_row, *z_row);
            size.m *= count;
            count = 1;
        }
    }
    let walk = Walk::new(&batch, &[over_a, over_b, over_result]);
    let item = |i: usize| {
        if count == 1 {
            return (x, y, z);
        }
        (x.shift(walk.offset(0, i)), y.shift(walk.offset(1, i)), z.shift(walk.offset(2, i)))
    };
    if size.work() <= GRAIN {
        // Several products make a task.
        let several = GRAIN / size.work().max(size.m * size.n).max(1) + 1;
        let run = |range: std::ops::Range<usize>| {
            for i in range {
                let (x, y, z) = item(i);
                // SAFETY: the inputs are locked and inside of their arrays; each product has its part of the result,
                // which is fresh.
                unsafe {
                    multiply(size, x, y, false, z);
                    if let Some(bias) = bias {
                        bias.add_to(size, z);
                    }
                }
            }
        };
        threads::divide_range(size.work().saturating_mul(count) >= PARALLEL, count, several, &run);
        drop(_locks);
        return Ok(result);
    }
    let (rows, columns) = block(size, count);
    let (down, across) = (size.m.div_ceil(rows), size.n.div_ceil(columns));
    let task = |number: usize| {
        let (i, rest) = (number / (down * across), number % (down * across));
        let (row, column) = (rest / across * rows, rest % across * columns);
        let (x, y, z) = item(i);
        let part = Size { m: rows.min(size.m - row), k: size.k, n: columns.min(size.n - column) };
        // SAFETY: as above; the blocks of a result do not overlap.
        unsafe {
            multiply(part, x.at(row, 0), y.at(0, column), false, z.at(row, column));
            if let Some(bias) = bias {
                // While the block is in the cache.
                bias.at(column).add_to(part, z.at(row, column));
            }
        }
    };
    let total = count * down * across;
    threads::divide(size.work().saturating_mul(count) >= PARALLEL, total, &task);
    drop(_locks);
    Ok(result)
}

/// Numbers that are added to every row of a matrix.
struct Line<T> {
    start: *const T,
    /// From one to the next, in elements.
    step: isize,
}

impl<T> Clone for Line<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Line<T> {}

// SAFETY: a line is an address; whoever reads through it says why it may.
unsafe impl<T> Send for Line<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Line<T> {}

impl<T: Number> Line<T> {
    /// From that column on.
    fn at(self, column: usize) -> Line<T> {
        Line { start: self.start.wrapping_offset(column as isize * self.step), ..self }
    }

    /// Adds the numbers to every row.
    ///
    /// # Safety
    /// There is a number for every column, which may be read; the matrix may be written, and nobody else touches it.
    unsafe fn add_to(self, size: Size, z: Matrix<T>) {
        for row in 0..size.m {
            let z = z.at(row, 0);
            if (self.step, z.column) == (1, 1) {
                // SAFETY: the caller's.
                let (z, bias) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(z.start, size.n),
                        std::slice::from_raw_parts(self.start, size.n),
                    )
                };
                z.iter_mut().zip(bias).for_each(|(z, &bias)| *z = T::plus(*z, bias));
                continue;
            }
            for column in 0..size.n as isize {
                // SAFETY: the caller's.
                unsafe {
                    let z = z.start.wrapping_offset(column * z.column);
                    *z = T::plus(*z, *self.start.wrapping_offset(column * self.step));
                }
            }
        }
    }
}

/// Rows and columns of the result for a task, of so many products: a function of the shape alone, so that results do not
/// depend on how many threads there are.
fn block(size: Size, count: usize) -> (usize, usize) {
    let Size { m, k, n } = size;
    if n == 1 || m == 1 {
        // A matrix and a vector: as many rows as give a task enough to do.
        let rows = (GRAIN / k.max(1)).max(16);
        return (rows, rows);
    }
    let (mut rows, mut columns) = (even(m, BLOCK.0), even(n, BLOCK.1));
    // Tasks enough that no thread waits long for another, if there is enough to do.
    while count.saturating_mul(m.div_ceil(rows)).saturating_mul(n.div_ceil(columns)) < TASKS
        && rows * columns * k > 2 * GRAIN
    {
        // A block of fewer columns goes on using what was packed of them, while one of fewer rows packs them again.
        if columns >= 2 * PANELS || (columns >= 2 * NARROW && (columns >= rows || rows < 2 * NARROW)) {
            columns = even(columns, columns / 2);
        } else if rows >= 2 * NARROW {
            rows = even(rows, rows / 2);
        } else {
            break;
        }
    }
    (rows, columns)
}

/// A length divided into pieces of about the same size, none longer than the limit but for rounding up to what a tile has.
fn even(len: usize, limit: usize) -> usize {
    len.div_ceil(len.div_ceil(limit.max(1)).max(1)).next_multiple_of(NARROW)
}
