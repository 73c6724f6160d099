//! The product of two matrices in memory, on one thread: which loop suits which shape.
//!
//! Dividing work among threads, and arrays, are `matmul`'s and `convolve`'s.

use cresset_tensor::{DType, Element};

use super::{panels, plan::Lane, simd::for_every_simd};
use crate::math::{Fma, Separate};

/// Below so many multiplications, packing costs more than it saves.
const TINY: usize = 16 * 16 * 16;
/// Elements of the result that stay in the first-level cache while columns are added to them.
const CHUNK: usize = 1024;
/// Running sums of a dot product: enough that none waits for the one before.
const LANES: usize = 64;

/// A matrix in memory: where it starts, and how far apart rows and columns lie.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<T> {
    /// The first element.
    pub start: *mut T,
    /// From one row to the next, in elements.
    pub row: isize,
    /// From one column to the next, in elements.
    pub column: isize,
}

// SAFETY: a matrix is an address; whoever reads or writes through it says why it may.
unsafe impl<T> Send for Matrix<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Matrix<T> {}

impl<T> Matrix<T> {
    /// The part that starts so many rows and columns further.
    #[inline]
    pub fn at(self, row: usize, column: usize) -> Matrix<T> {
        let shift =
            (row as isize).wrapping_mul(self.row).wrapping_add((column as isize).wrapping_mul(self.column));
        Matrix { start: self.start.wrapping_offset(shift), ..self }
    }

    /// The part that starts so many elements further in memory.
    #[inline]
    pub fn shift(self, elements: isize) -> Matrix<T> {
        Matrix { start: self.start.wrapping_offset(elements), ..self }
    }

    /// Rows as columns.
    #[inline]
    pub fn transposed(self) -> Matrix<T> {
        Matrix { start: self.start, row: self.column, column: self.row }
    }
}

/// How large a product is: `[m, k] @ [k, n]`.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of the left and of the result.
    pub m: usize,
    /// Columns of the left, rows of the right.
    pub k: usize,
    /// Columns of the right and of the result.
    pub n: usize,
}

impl Size {
    /// How many multiplications that is.
    pub fn work(self) -> usize {
        self.m.saturating_mul(self.k).saturating_mul(self.n)
    }
}

/// Numbers that matrices multiply in: integers wrap.
pub trait Number: Element {
    /// Zero.
    const ZERO: Self;

    /// `a·b + c`.
    fn multiply_add<F: Fma>(a: Self, b: Self, c: Self) -> Self;

    /// `a + b`.
    fn plus(a: Self, b: Self) -> Self;

    /// `c = a·b`, or `c += a·b`, of matrices large enough to be packed.
    ///
    /// # Safety
    /// The matrices lie in memory that may be read (`a`, `b`) and written (`c`); nobody else touches `c`.
    unsafe fn packed(size: Size, a: Matrix<Self>, b: Matrix<Self>, add: bool, c: Matrix<Self>) {
        // SAFETY: the caller's.
        unsafe { plain(size, a, b, add, c) }
    }

    /// A matrix times a vector.
    fn vector(job: &Vector<Self>) {
        vector::<Self, Separate>(job);
    }
}

macro_rules! real {
    ($type:ty, $fma:ident, $gemm:ident, $vector:expr, $panels:expr) => {
        impl Number for $type {
            const ZERO: $type = 0.0;

            #[inline(always)]
            fn multiply_add<F: Fma>(a: $type, b: $type, c: $type) -> $type {
                F::$fma(a, b, c)
            }

            #[inline(always)]
            fn plus(a: $type, b: $type) -> $type {
                a + b
            }

            unsafe fn packed(size: Size, a: Matrix<$type>, b: Matrix<$type>, add: bool, c: Matrix<$type>) {
                // SAFETY: the caller's.
                if unsafe { $panels(size, a, b, add, c) } {
                    return;
                }
                let beta = if add { 1.0 } else { 0.0 };
                // SAFETY: the caller's; with β = 0 the result is not read.
                unsafe {
                    matrixmultiply::$gemm(
                        size.m, size.k, size.n, 1.0, a.start, a.row, a.column, b.start, b.row, b.column,
                        beta, c.start, c.row, c.column,
                    );
                }
            }

            fn vector(job: &Vector<$type>) {
                $vector(job);
            }
        }
    };
}

/// # Safety
/// None: it does nothing.
unsafe fn no_panels(_: Size, _: Matrix<f64>, _: Matrix<f64>, _: bool, _: Matrix<f64>) -> bool {
    false
}

real!(f32, mul_add, sgemm, vector_single, panels::multiply);
real!(f64, mul_add_wide, dgemm, vector::<f64, Separate>, no_panels);

for_every_simd! { fn vector_single(job: &Vector<f32>) = vector_f32 }

#[inline(always)]
fn vector_f32<F: Fma>(job: &Vector<f32>) {
    vector::<f32, F>(job);
}

impl Number for i64 {
    const ZERO: i64 = 0;

    #[inline(always)]
    fn multiply_add<F: Fma>(a: i64, b: i64, c: i64) -> i64 {
        a.wrapping_mul(b).wrapping_add(c)
    }

    #[inline(always)]
    fn plus(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
}

/// In which dtype matrices of a dtype multiply: half precision in f32, integers in i64, which wraps to what their own
/// products would wrap to. `None` where there are no products.
pub const fn multiplied(dtype: DType) -> Option<DType> {
    match Lane::of(dtype) {
        Lane::Bool => None,
        lane => Some(lane.dtype()),
    }
}

/// `c = a·b`, or `c += a·b`, on this thread.
///
/// # Safety
/// The matrices lie in memory that may be read (`a`, `b`) and written (`c`); nobody else touches `c`.
pub unsafe fn multiply<T: Number>(size: Size, a: Matrix<T>, b: Matrix<T>, add: bool, c: Matrix<T>) {
    let Size { m, k, n } = size;
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the caller's, for every loop below.
    unsafe {
        if n == 1 {
            T::vector(&Vector::new(m, k, a, (b.start, b.row), add, (c.start, c.row)));
        } else if m == 1 {
            let (x, y) = ((a.start, a.column), (c.start, c.column));
            T::vector(&Vector::new(n, k, b.transposed(), x, add, y));
        } else if size.work() <= TINY || k == 0 {
            plain(size, a, b, add, c);
        } else {
            T::packed(size, a, b, add, c);
        }
    }
}

/// Three loops.
///
/// # Safety
/// As of [`multiply`].
unsafe fn plain<T: Number>(size: Size, a: Matrix<T>, b: Matrix<T>, add: bool, c: Matrix<T>) {
    let Size { m, k, n } = size;
    for i in 0..m {
        // SAFETY: `i`, `j` and `p` are inside of the matrices, which the caller vouches for.
        unsafe {
            let (a, c) = (a.at(i, 0), c.at(i, 0));
            if !add {
                (0..n).for_each(|j| c.at(0, j).start.write(T::ZERO));
            }
            for p in 0..k {
                let (x, b) = (*a.at(0, p).start, b.at(p, 0));
                if b.column == 1 && c.column == 1 {
                    for j in 0..n {
                        let y = c.start.add(j);
                        y.write(T::multiply_add::<Separate>(x, *b.start.add(j), *y));
                    }
                } else {
                    for j in 0..n {
                        let y = c.at(0, j).start;
                        y.write(T::multiply_add::<Separate>(x, *b.at(0, j).start, *y));
                    }
                }
            }
        }
    }
}

/// The product of a matrix and a vector, to be computed.
pub struct Vector<T> {
    rows: usize,
    columns: usize,
    matrix: Matrix<T>,
    x: (*const T, isize),
    add: bool,
    y: (*mut T, isize),
}

impl<T> Vector<T> {
    /// # Safety
    /// The matrix and `x` (start and distance) may be read, `y` written, for as long as the job lives.
    unsafe fn new(
        rows: usize,
        columns: usize,
        matrix: Matrix<T>,
        x: (*mut T, isize),
        add: bool,
        y: (*mut T, isize),
    ) -> Vector<T> {
        Vector { rows, columns, matrix, x: (x.0.cast_const(), x.1), add, y }
    }
}

#[inline(always)]
fn vector<T: Number, F: Fma>(job: &Vector<T>) {
    let Vector { rows, columns, matrix, x, add, y } = *job;
    // The vector is read once for every row, or every chunk of them.
    let dense: Vec<T>;
    let x: &[T] = if x.1 == 1 || columns <= 1 {
        // SAFETY: the vector may be read (`Vector::new`); where it is empty, its address is still that of memory.
        if columns == 0 { &[] } else { unsafe { std::slice::from_raw_parts(x.0, columns) } }
    } else {
        // SAFETY: as above.
        dense = (0..columns).map(|p| unsafe { *x.0.offset(p as isize * x.1) }).collect();
        &dense
    };
    // SAFETY: rows and columns are inside of the matrix and of `y` (`Vector::new`).
    unsafe {
        if matrix.column == 1 {
            for i in 0..rows {
                let row = std::slice::from_raw_parts(matrix.at(i, 0).start.cast_const(), columns);
                let place = y.0.offset(i as isize * y.1);
                let sum = dot::<T, F>(row, x);
                place.write(if add { T::plus(*place, sum) } else { sum });
            }
        } else if matrix.row == 1 && rows > 1 {
            let mut sums = [T::ZERO; CHUNK];
            for start in (0..rows).step_by(CHUNK) {
                let sums = &mut sums[..CHUNK.min(rows - start)];
                sums.fill(T::ZERO);
                add_columns::<T, F>(sums, matrix.at(start, 0), x);
                for (i, &sum) in sums.iter().enumerate() {
                    let place = y.0.offset((start + i) as isize * y.1);
                    place.write(if add { T::plus(*place, sum) } else { sum });
                }
            }
        } else {
            for i in 0..rows {
                let row = matrix.at(i, 0);
                let place = y.0.offset(i as isize * y.1);
                let mut sum = T::ZERO;
                for (p, &x) in x.iter().enumerate() {
                    sum = T::multiply_add::<F>(*row.at(0, p).start, x, sum);
                }
                place.write(if add { T::plus(*place, sum) } else { sum });
            }
        }
    }
}

/// `Σ a·b`, in a fixed order.
#[inline(always)]
fn dot<T: Number, F: Fma>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::ZERO; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for l in 0..LANES {
            sums[l] = T::multiply_add::<F>(a[l], b[l], sums[l]);
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for l in 0..width {
            sums[l] = T::plus(sums[l], sums[l + width]);
        }
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (&a, &b)| T::multiply_add::<F>(a, b, sum))
}

/// Adds the columns of a matrix whose rows lie side by side, each times its factor.
///
/// # Safety
/// The matrix has as many rows as there are sums and as many columns as factors, which may be read.
#[inline(always)]
unsafe fn add_columns<T: Number, F: Fma>(sums: &mut [T], matrix: Matrix<T>, factors: &[T]) {
    let rows = sums.len();
    // SAFETY: the caller's.
    let column = |p: usize| unsafe { std::slice::from_raw_parts(matrix.at(0, p).start.cast_const(), rows) };
    let (fours, rest) = factors.as_chunks::<4>();
    for (i, x) in fours.iter().enumerate() {
        let (c0, c1, c2, c3) = (column(4 * i), column(4 * i + 1), column(4 * i + 2), column(4 * i + 3));
        for (l, sum) in sums.iter_mut().enumerate() {
            let partial = T::multiply_add::<F>(c1[l], x[1], T::multiply_add::<F>(c0[l], x[0], *sum));
            *sum = T::multiply_add::<F>(c3[l], x[3], T::multiply_add::<F>(c2[l], x[2], partial));
        }
    }
    for (i, &x) in rest.iter().enumerate() {
        let values = column(4 * fours.len() + i);
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum = T::multiply_add::<F>(value, x, *sum);
        }
    }
}
