//! Arrays made of nothing: filled, counted, spaced. Random ones have a file of their own.
//!
//! Short forms panic with our error where the shape is absurd, as operators do; those that end in `_with` return it.

use cresset_tensor::{Array, Category, DType, Device, Error, Result, Scalar, Shape};

use super::{Elementwise, Filling, Slicing, options::TensorOptions};
use crate::{
    Apply, Expr,
    backend::{self, moved},
    expr::{select, traced},
    op::{Map, Numbers, Op},
};

/// Elements from which on filling is worth several threads.
const LARGE: usize = 1 << 16;

/// The value, or the error's panic.
#[track_caller]
pub(super) fn made<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// A formula of each element's place, in a dtype. It is computed by the processor, in 64 bits, which not every device
/// has: the numbers are the same on all of them.
#[track_caller]
fn placed<T: Apply, F>(device: Device, shape: Shape, dtype: DType, numbers: &[Scalar], f: F) -> Result<T>
where
    F: Fn(Expr, &[Expr]) -> Expr + Copy,
{
    let like = Array::scalar(0, dtype)?;
    let program =
        traced(1, numbers.len(), &move |x: &[Expr], n: &[Expr]| f(Expr::index(), n).cast_like(x[0]));
    let map = Map { program, numbers: Numbers::from_slice(numbers), shape: Some(shape.into()) };
    Ok(T::constant(moved(Array::apply_one(Op::Map(map), &[&like])?, device)?))
}

/// Every element the same.
#[track_caller]
fn filled<T: Apply>(
    name: &'static str,
    device: Device,
    shape: Shape,
    dtype: DType,
    value: Scalar,
) -> Result<T> {
    check_fits(name, value, dtype)?;
    if shape.checked_numel(name)? < LARGE || device != Device::Cpu {
        return Ok(T::constant(backend::filled(name, device, shape, dtype, value)?));
    }
    placed(device, shape, dtype, &[value], |_, n| n[0])
}

/// A number that the dtype cannot hold is a mistake.
#[track_caller]
pub(super) fn check_fits(name: &'static str, value: Scalar, dtype: DType) -> Result<()> {
    let fits = match (dtype.category(), value) {
        (Category::Bool, _) => true,
        (Category::Int, Scalar::Float(value)) => {
            let (low, high) = dtype.int_range();
            // 2⁶³ itself is beyond, and every number below it that is a float is not.
            value.trunc() >= low as f64 && value.trunc() < high as f64 + 1.0
        }
        (Category::Int, value) => {
            let (low, high) = dtype.int_range();
            (low..=high).contains(&value.to_i64())
        }
        (Category::Float, value) => {
            let value = value.to_f64();
            !value.is_finite() || value.abs() <= dtype.float_max()
        }
    };
    if fits {
        return Ok(());
    }
    Err(Error::argument(name, format!("{dtype} cannot hold {value}")))
}

/// The dtype of several numbers together: an integer if all are.
fn common(numbers: &[Scalar]) -> DType {
    match numbers.iter().map(|number| number.category()).max() {
        Some(Category::Float) => DType::DEFAULT_FLOAT,
        Some(Category::Int | Category::Bool) | None => DType::I64,
    }
}

/// Creation.
///
/// ```
/// use cresset_ops::prelude::*;
/// assert_eq!(Array::arange(3).to_vec::<i64>()?, [0, 1, 2]);
/// assert_eq!(Array::full([2], 0.5).to_vec::<f32>()?, [0.5, 0.5]);
/// assert_eq!(Array::ones_with([2, 2], DType::F64)?.sum()?.item::<f64>()?, 4.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Creation: Apply {
    /// Every element 0.
    #[track_caller]
    fn zeros(shape: impl Into<Shape>) -> Self {
        made(Self::zeros_with(shape, ()))
    }

    /// Every element 0, of such a dtype.
    #[track_caller]
    fn zeros_with<'a>(shape: impl Into<Shape>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        filled("zeros", options.device, shape.into(), dtype, 0.into())
    }

    /// Every element 1.
    #[track_caller]
    fn ones(shape: impl Into<Shape>) -> Self {
        made(Self::ones_with(shape, ()))
    }

    /// Every element 1, of such a dtype.
    #[track_caller]
    fn ones_with<'a>(shape: impl Into<Shape>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        filled("ones", options.device, shape.into(), dtype, 1.into())
    }

    /// Every element the same number, of the number's dtype.
    #[track_caller]
    fn full(shape: impl Into<Shape>, value: impl Into<Scalar>) -> Self {
        made(Self::full_with(shape, value, ()))
    }

    /// Every element the same number.
    #[track_caller]
    fn full_with<'a>(
        shape: impl Into<Shape>,
        value: impl Into<Scalar>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let value = value.into();
        let options = options.into();
        let dtype = options.dtype_or(value.dtype());
        filled("full", options.device, shape.into(), dtype, value)
    }

    /// To be written to. The elements are 0: what lay in that memory before is nobody's business.
    #[track_caller]
    fn empty(shape: impl Into<Shape>) -> Self {
        made(Self::empty_with(shape, ()))
    }

    /// To be written to, as [`empty`](Self::empty).
    #[track_caller]
    fn empty_with<'a>(shape: impl Into<Shape>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        filled("empty", options.device, shape.into(), dtype, 0.into())
    }

    /// One number without dimensions, in `float32` unless said otherwise.
    #[track_caller]
    fn scalar_tensor<'a>(value: impl Into<Scalar>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        filled("scalar_tensor", options.device, Shape::default(), dtype, value.into())
    }

    /// A square with ones on its diagonal.
    #[track_caller]
    fn eye(n: usize) -> Self {
        made(Self::eye_with(n, n, ()))
    }

    /// `n` rows and `m` columns with ones on the diagonal.
    #[track_caller]
    fn eye_with<'a>(n: usize, m: usize, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        let result: Self = filled("eye", options.device, [n, m].into(), dtype, 0.into())?;
        result.diagonal(0, 0, 1)?.fill_(1)?;
        Ok(result)
    }

    /// 0, 1, 2, … below `end`.
    #[track_caller]
    fn arange(end: impl Into<Scalar>) -> Self {
        made(Self::arange_with(0, end, 1, ()))
    }

    /// `start`, `start + step`, … before `end`; integers if all three are.
    #[track_caller]
    fn arange_with<'a>(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        step: impl Into<Scalar>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let numbers = [start.into(), end.into(), step.into()];
        let options = options.into();
        let dtype = options.dtype_or(common(&numbers));
        let shape = [steps_between(numbers)?].into();
        let [start, _, step] = numbers;
        if dtype.is_float() {
            return placed(options.device, shape, dtype, &[start, step], |i, n| {
                n[0] + i.cast(DType::F64) * n[1]
            });
        }
        let whole = [start.to_i64().into(), step.to_i64().into()];
        placed(options.device, shape, dtype, &whole, |i, n| n[0] + i * n[1])
    }

    /// So many numbers from `start` to `end`, equally far apart.
    #[track_caller]
    fn linspace(start: impl Into<Scalar>, end: impl Into<Scalar>, steps: usize) -> Self {
        made(Self::linspace_with(start, end, steps, ()))
    }

    /// So many numbers from `start` to `end`, equally far apart.
    #[track_caller]
    fn linspace_with<'a>(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        steps: usize,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        let numbers = spaced("linspace", dtype, start.into(), end.into(), steps)?;
        placed(options.device, [steps].into(), dtype, &numbers, between)
    }

    /// `base` to the power of so many numbers from `start` to `end`, equally far apart.
    #[track_caller]
    fn logspace(start: impl Into<Scalar>, end: impl Into<Scalar>, steps: usize, base: f64) -> Self {
        made(Self::logspace_with(start, end, steps, base, ()))
    }

    /// `base` to the power of so many numbers from `start` to `end`, equally far apart.
    #[track_caller]
    fn logspace_with<'a>(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        steps: usize,
        base: f64,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::DEFAULT_FLOAT);
        let [start, end, step, last] = spaced("logspace", dtype, start.into(), end.into(), steps)?;
        placed(options.device, [steps].into(), dtype, &[start, end, step, last, base.into()], |i, n| {
            n[4].cast(DType::F64).pow(between(i, n))
        })
    }

    /// Where the elements on and below a diagonal lie: their rows, and their columns.
    #[track_caller]
    fn tril_indices<'a>(
        rows: usize,
        columns: usize,
        offset: i64,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        triangle("tril_indices", rows, columns, offset, true, options.into())
    }

    /// Where the elements on and above a diagonal lie: their rows, and their columns.
    #[track_caller]
    fn triu_indices<'a>(
        rows: usize,
        columns: usize,
        offset: i64,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        triangle("triu_indices", rows, columns, offset, false, options.into())
    }

    /// Every element 0, in the shape and dtype of this.
    #[track_caller]
    fn zeros_like(&self) -> Result<Self> {
        filled("zeros_like", self.device(), self.shape().clone(), self.dtype(), 0.into())
    }

    /// Every element 1, in the shape and dtype of this.
    #[track_caller]
    fn ones_like(&self) -> Result<Self> {
        filled("ones_like", self.device(), self.shape().clone(), self.dtype(), 1.into())
    }

    /// Every element the same number, in the shape and dtype of this.
    #[track_caller]
    fn full_like(&self, value: impl Into<Scalar>) -> Result<Self> {
        filled("full_like", self.device(), self.shape().clone(), self.dtype(), value.into())
    }

    /// To be written to, in the shape and dtype of this.
    #[track_caller]
    fn empty_like(&self) -> Result<Self> {
        self.zeros_like()
    }

    /// Every element 0, in the dtype of this.
    #[track_caller]
    fn new_zeros(&self, shape: impl Into<Shape>) -> Result<Self> {
        filled("new_zeros", self.device(), shape.into(), self.dtype(), 0.into())
    }

    /// Every element 1, in the dtype of this.
    #[track_caller]
    fn new_ones(&self, shape: impl Into<Shape>) -> Result<Self> {
        filled("new_ones", self.device(), shape.into(), self.dtype(), 1.into())
    }

    /// Every element the same number, in the dtype of this.
    #[track_caller]
    fn new_full(&self, shape: impl Into<Shape>, value: impl Into<Scalar>) -> Result<Self> {
        filled("new_full", self.device(), shape.into(), self.dtype(), value.into())
    }

    /// To be written to, in the dtype of this.
    #[track_caller]
    fn new_empty(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.new_zeros(shape)
    }
}

impl<T: Apply> Creation for T {}

/// How many steps lead from start to before the end.
#[track_caller]
fn steps_between(numbers: [Scalar; 3]) -> Result<usize> {
    let [start, end, step] = numbers;
    let fail = |why: &str| Err(Error::argument("arange", format!("from {start} to {end} by {step}: {why}")));
    const AWAY: &str = "the step leads away from the end";
    const LONG: &str = "there is no end, or it is too far";
    if numbers.iter().all(|number| number.category() < Category::Float) {
        let (start, end, step) = (start.to_i64() as i128, end.to_i64() as i128, step.to_i64() as i128);
        return match (end - start, step) {
            (_, 0) => fail("the step must not be zero"),
            (distance, step) if distance != 0 && (distance > 0) != (step > 0) => fail(AWAY),
            (distance, step) => {
                usize::try_from((distance.abs() + step.abs() - 1) / step.abs()).or(fail(LONG))
            }
        };
    }
    let (distance, step) = (end.to_f64() - start.to_f64(), step.to_f64());
    let steps = (distance / step).ceil();
    if step == 0.0 {
        fail("the step must not be zero")
    } else if distance != 0.0 && (distance > 0.0) != (step > 0.0) {
        fail(AWAY)
    } else if !distance.is_finite() || !(0.0..isize::MAX as f64).contains(&steps) {
        fail(LONG)
    } else {
        Ok(steps as usize)
    }
}

/// Start, end, step, and the number of the last one.
#[track_caller]
fn spaced(name: &'static str, dtype: DType, start: Scalar, end: Scalar, steps: usize) -> Result<[Scalar; 4]> {
    let number = |number: Scalar| match dtype.category() {
        Category::Float => Ok(number.to_f64()),
        Category::Int => Ok(number.to_f64().trunc()),
        Category::Bool => Err(Error::dtype(name, "bool has no numbers between others")),
    };
    let (start, end) = (number(start)?, number(end)?);
    if steps < 2 {
        return Ok([start.into(), start.into(), 0.0.into(), 0.0.into()]);
    }
    let last = (steps - 1) as f64;
    Ok([start.into(), end.into(), ((end - start) / last).into(), last.into()])
}

/// The number at place `i`, counted from the nearer end, so that both ends are exact.
fn between(i: Expr, n: &[Expr]) -> Expr {
    let i = i.cast(DType::F64);
    select((i * 2.0).lt(n[3]), n[0] + n[2] * i, n[1] - n[2] * (n[3] - i))
}

#[track_caller]
fn triangle<T: Apply>(
    name: &'static str,
    rows: usize,
    columns: usize,
    offset: i64,
    lower: bool,
    options: TensorOptions,
) -> Result<T> {
    let dtype = options.dtype_or(DType::I64);
    if !dtype.is_int() {
        return Err(Error::dtype(name, format!("indices must be integers, not {dtype}")));
    }
    // Places are `int64`, and nothing overflows 128 bits below.
    let limit = |size: usize| size.min(i64::MAX as usize) as i128;
    let (rows, columns) = (limit(rows), limit(columns));
    // Above the diagonal is what is not on or below the one before.
    let bound = if lower { offset as i128 } else { offset as i128 - 1 };
    let below = count_below(rows, columns, bound);
    let count = if lower { below } else { rows * columns - below };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut places: Vec<i64> = Vec::new();
    let length = Shape::from([2, count]).checked_numel(name)?;
    places
        .try_reserve_exact(length)
        .map_err(|_| Error::memory(name, format!("there is no memory for {count} pairs of indices")))?;
    for part in [true, false] {
        // Rows without an element are not gone through: there may be more of them than time.
        let first = if lower { (-bound).clamp(0, rows) } else { 0 };
        let end = if lower { rows } else { (columns - offset as i128).clamp(0, rows) };
        let (first, end) = if count == 0 { (0, 0) } else { (first as i64, end as i64) };
        for row in first..end {
            let cut = (row as i128 + offset as i128 + i128::from(lower)).clamp(0, columns) as i64;
            let (from, to) = if lower { (0, cut) } else { (cut, columns as i64) };
            if part {
                places.extend(std::iter::repeat_n(row, (to - from) as usize));
            } else {
                places.extend(from..to);
            }
        }
    }
    let places = Array::from_vec(places, [2, count])?.to_dtype(dtype)?;
    Ok(T::constant(moved(places, options.device)?))
}

/// How many elements lie at `column ≤ row + offset`.
fn count_below(rows: i128, columns: i128, offset: i128) -> i128 {
    // Rows before `first` have none, rows from `full` on have all.
    let first = (-offset).clamp(0, rows);
    let full = (columns - offset - 1).clamp(first, rows);
    let grown = full - first;
    let start = first + offset + 1;
    grown * start + grown * (grown - 1) / 2 + (rows - full) * columns
}
