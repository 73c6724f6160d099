//! Pools: the largest, the mean and the norm of every window; and the way back from the largest.

use cresset_tensor::{Array, Error, Listed, Result, Scalar, Shape, Sizes};

use super::{
    Elementwise,
    fused::{per_dimension, reduce_formula, shaped},
    matrix::check_dtypes,
    padding::Padding,
    windows::{wide, windows_of},
};
use crate::{
    Apply,
    op::{Combine, List, Op, Reduction, Window},
};

/// What a maximum pool may be told; one number stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MaxPoolOptions {
    /// How far windows are apart; the kernel's size where nothing is said.
    pub stride: Option<Sizes>,
    /// How many places are thought on both sides, smaller than any number.
    pub padding: Sizes,
    /// How far the elements of a window are apart.
    pub dilation: Sizes,
    /// Whether a last window that starts inside but ends outside counts.
    pub ceil_mode: bool,
}

impl Default for MaxPoolOptions {
    fn default() -> Self {
        MaxPoolOptions { stride: None, padding: 0.into(), dilation: 1.into(), ceil_mode: false }
    }
}

/// What an average pool may be told; one number stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvgPoolOptions {
    /// How far windows are apart; the kernel's size where nothing is said.
    pub stride: Option<Sizes>,
    /// How many zeros are thought on both sides.
    pub padding: Sizes,
    /// Whether a last window that starts inside but ends outside counts.
    pub ceil_mode: bool,
    /// Whether these zeros count as elements.
    pub count_include_pad: bool,
    /// What sums are divided by, instead of the number of elements.
    pub divisor_override: Option<i64>,
}

impl Default for AvgPoolOptions {
    fn default() -> Self {
        AvgPoolOptions {
            stride: None,
            padding: 0.into(),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }
}

/// What the inverse of a maximum pool may be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MaxUnpoolOptions {
    /// How far windows were apart; the kernel's size where nothing is said.
    pub stride: Option<Sizes>,
    /// How many places were thought on both sides.
    pub padding: Sizes,
    /// The spatial size of the pool's input, or all of its shape; as several fit, else the one without a remainder.
    pub output_size: Option<Sizes>,
}

impl Default for MaxUnpoolOptions {
    fn default() -> Self {
        MaxUnpoolOptions { stride: None, padding: 0.into(), output_size: None }
    }
}

macro_rules! pools {
    ($($dims:literal $max:ident $max_with:ident $max_indices:ident $avg:ident $avg_with:ident $lp:ident $unpool:ident;)*) => {$(
        /// The largest of every window, side by side, over the last dimensions.
        #[track_caller]
        fn $max(&self, kernel: impl Into<Sizes>) -> Result<Self> {
            Ok(max_pool(stringify!($max), $dims, self, &kernel.into(), &MaxPoolOptions::default())?.0)
        }

        /// The largest of every window.
        #[track_caller]
        fn $max_with(&self, kernel: impl Into<Sizes>, options: &MaxPoolOptions) -> Result<Self> {
            Ok(max_pool(stringify!($max), $dims, self, &kernel.into(), options)?.0)
        }

        /// The largest of every window, and where in its channel (counted in row-major order) each lies: PyTorch's
        /// `return_indices=True`.
        #[track_caller]
        fn $max_indices(&self, kernel: impl Into<Sizes>, options: &MaxPoolOptions) -> Result<(Self, Self)> {
            max_pool(stringify!($max), $dims, self, &kernel.into(), options)
        }

        /// The mean of every window, side by side, over the last dimensions.
        #[track_caller]
        fn $avg(&self, kernel: impl Into<Sizes>) -> Result<Self> {
            avg_pool(stringify!($avg), $dims, self, &kernel.into(), &AvgPoolOptions::default())
        }

        /// The mean of every window.
        #[track_caller]
        fn $avg_with(&self, kernel: impl Into<Sizes>, options: &AvgPoolOptions) -> Result<Self> {
            avg_pool(stringify!($avg), $dims, self, &kernel.into(), options)
        }

        /// `(Σ xᵖ)^(1/p)` of every window. Windows are side by side without a stride.
        #[track_caller]
        fn $lp(&self, p: f64, kernel: impl Into<Sizes>, stride: Option<Sizes>, ceil_mode: bool) -> Result<Self> {
            lp_pool(stringify!($lp), $dims, self, p, &kernel.into(), stride, ceil_mode)
        }

        /// Every value of a maximum pool back to where the pool's indices say it was; zeros elsewhere.
        #[track_caller]
        fn $unpool(&self, indices: &Self, kernel: impl Into<Sizes>, options: &MaxUnpoolOptions) -> Result<Self> {
            max_unpool(stringify!($unpool), $dims, self, indices, &kernel.into(), options)
        }
    )*};
}

/// Pools.
///
/// ```
/// use cresset_ops::prelude::*;
/// let x = Array::new([[1.0, 5.0, 2.0, 3.0]]);
/// assert_eq!(x.max_pool1d(2)?.to_vec::<f64>()?, [5.0, 3.0]);
/// assert_eq!(x.avg_pool1d(2)?.to_vec::<f64>()?, [3.0, 2.5]);
/// # Ok::<(), Error>(())
/// ```
pub trait Pooling: Apply {
    pools! {
        1 max_pool1d max_pool1d_with max_pool1d_with_indices avg_pool1d avg_pool1d_with lp_pool1d max_unpool1d;
        2 max_pool2d max_pool2d_with max_pool2d_with_indices avg_pool2d avg_pool2d_with lp_pool2d max_unpool2d;
        3 max_pool3d max_pool3d_with max_pool3d_with_indices avg_pool3d avg_pool3d_with lp_pool3d max_unpool3d;
    }

    /// The gradient of a maximum pool's input `self`: that of the output added to where the indices say.
    #[track_caller]
    fn max_pool2d_with_indices_backward(
        &self,
        gradient: &Self,
        kernel: impl Into<Sizes>,
        options: &MaxPoolOptions,
        indices: &Self,
    ) -> Result<Self> {
        let name = "max_pool2d_with_indices_backward";
        let (values, _) = max_pool(name, 2, &Self::constant(self.array().clone()), &kernel.into(), options)?;
        if gradient.shape() != values.shape() || indices.shape() != values.shape() {
            return Err(Error::shape(
                name,
                format!(
                    "gradient {} and indices {} must have the pool's shape {}",
                    gradient.shape(),
                    indices.shape(),
                    values.shape()
                ),
            ));
        }
        check_dtypes(name, self, gradient)?;
        put(gradient, indices, self.shape(), 2, Combine::Add)
    }
}

impl<T: Apply> Pooling for T {}

/// An input of channels and `dims` more dimensions, with or without a batch, which alone may be empty.
#[track_caller]
pub(super) fn check_input<T: Apply>(name: &'static str, dims: usize, x: &T) -> Result<()> {
    let shape = x.shape();
    let batched = shape.rank() == dims + 2;
    if !batched && shape.rank() != dims + 1 {
        return Err(Error::shape(
            name,
            format!("needs {} dimensions, or {} without a batch, not {shape}", dims + 2, dims + 1),
        ));
    }
    if shape[usize::from(batched)..].contains(&0) {
        return Err(Error::shape(name, format!("only the batch may be empty, not {shape}")));
    }
    Ok(())
}

/// The stride, which is the kernel where nothing is said.
#[track_caller]
fn stride_of(name: &'static str, stride: Option<&Sizes>, kernel: &List, dims: usize) -> Result<List> {
    match stride {
        Some(stride) if !stride.is_empty() => per_dimension(name, "stride", stride, dims, 1),
        _ => Ok(kernel.clone()),
    }
}

#[track_caller]
fn max_pool<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    kernel: &Sizes,
    options: &MaxPoolOptions,
) -> Result<(T, T)> {
    let kernel = per_dimension(name, "kernel_size", kernel, dims, 1)?;
    let stride = stride_of(name, options.stride.as_ref(), &kernel, dims)?;
    let padding = per_dimension(name, "padding", &options.padding, dims, 0)?;
    let dilation = per_dimension(name, "dilation", &options.dilation, dims, 1)?;
    check_input(name, dims, x)?;
    let window = Window { kernel, stride, padding, dilation, ceil: options.ceil_mode };
    T::apply_two(Op::MaxPool(Box::new(window)), &[x])
}

#[track_caller]
fn avg_pool<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    kernel: &Sizes,
    options: &AvgPoolOptions,
) -> Result<T> {
    let kernel = per_dimension(name, "kernel_size", kernel, dims, 1)?;
    let stride = stride_of(name, options.stride.as_ref(), &kernel, dims)?;
    let padding = per_dimension(name, "padding", &options.padding, dims, 0)?;
    if options.divisor_override == Some(0) {
        return Err(Error::argument(name, "the divisor must not be zero"));
    }
    check_input(name, dims, x)?;
    let first = x.rank() - dims;
    // What is put around, last dimension first, and how many elements each window counts along each dimension.
    let mut around = Vec::new();
    let mut counts: Vec<Vec<i64>> = Vec::new();
    for d in 0..dims {
        let (size, k, s, p) = (x.shape()[first + d], kernel[d], stride[d], padding[d]);
        if p > k / 2 {
            return Err(Error::argument(
                name,
                format!("padding {p} must be at most half of the kernel's {k}"),
            ));
        }
        let Some(windows) = crate::infer::windows(size, k, s, p, 1, options.ceil_mode) else {
            return Err(Error::shape(
                name,
                format!("a window of {k} exceeds the padded size of dimension {d}"),
            ));
        };
        let needed = (windows - 1) * s + k;
        around.push([p as i64, needed.saturating_sub(size + p).max(p) as i64]);
        let count = |window: usize| {
            let (from, to) = (window * s, window * s + k);
            if options.count_include_pad {
                to.min(size + 2 * p) - from
            } else {
                to.min(size + p).saturating_sub(from.max(p))
            }
        };
        counts.push((0..windows).map(|window| count(window) as i64).collect());
    }
    let padded = if around.iter().flatten().any(|&amount| amount != 0) {
        x.constant_pad_nd(around.iter().rev().flatten().copied().collect::<Sizes>(), 0)?
    } else {
        x.clone()
    };
    let ones = List::from_elem(1, dims);
    let windows = windows_of(&padded, first, &kernel, &stride, &ones)?;
    let inside: List = (x.rank()..x.rank() + dims).listed();
    let dtype = x.dtype();
    let sums = match dtype == wide(dtype) {
        true => reduce_formula(Reduction::Sum, &inside, false, &[&windows], &[], |x, _| x[0])?,
        false => reduce_formula(Reduction::Sum, &inside, false, &[&windows], &[], |x, _| {
            x[0].cast(cresset_tensor::DType::F32)
        })?,
    };
    let uniform = counts.iter().all(|list| list.iter().all(|&count| count == list[0]));
    let divisor = options
        .divisor_override
        .or_else(|| uniform.then(|| counts.iter().map(|list| list[0]).fold(1i64, i64::saturating_mul)));
    let means = match divisor {
        Some(divisor) if dtype.is_float() => {
            T::formula(&[&sums], &[Scalar::Float(divisor as f64)], |x, n| x[0] / n[0])?
        }
        Some(divisor) => T::formula(&[&sums], &[divisor.into()], |x, n| x[0].trunc_divide(n[0]))?,
        None => {
            let mut totals = Array::scalar(1, cresset_tensor::DType::I64)?;
            for (d, list) in counts.iter().enumerate() {
                let mut shape = Shape::repeat(1, dims);
                shape[d] = list.len();
                let list = Array::from_vec(list.clone(), shape)?;
                totals = Array::formula(&[&totals, &list], &[], |x, _| x[0] * x[1])?;
            }
            let totals = sums.beside(totals)?;
            match dtype.is_float() {
                true => T::formula(&[&sums, &totals], &[], |x, _| x[0] / x[1])?,
                false => T::formula(&[&sums, &totals], &[], |x, _| x[0].trunc_divide(x[1]))?,
            }
        }
    };
    means.to_dtype(dtype)
}

#[track_caller]
fn lp_pool<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    p: f64,
    kernel: &Sizes,
    stride: Option<Sizes>,
    ceil_mode: bool,
) -> Result<T> {
    let places = per_dimension(name, "kernel_size", kernel, dims, 1)?.iter().product::<usize>();
    let powers = T::formula(&[x], &[p.into()], |x, n| x[0].pow(n[0]))?;
    let options = AvgPoolOptions { stride, ceil_mode, ..AvgPoolOptions::default() };
    let means = avg_pool(name, dims, &powers, kernel, &options)?;
    // Where the sum is zero, so is the derivative.
    T::formula(&[&means], &[(places as f64).into(), (1.0 / p).into()], |x, n| {
        let none = x[0].eq(0);
        none.select(0, (none.select(1, x[0]) * n[0]).pow(n[1]))
    })
}

#[track_caller]
fn max_unpool<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    indices: &T,
    kernel: &Sizes,
    options: &MaxUnpoolOptions,
) -> Result<T> {
    let kernel = per_dimension(name, "kernel_size", kernel, dims, 1)?;
    let stride = stride_of(name, options.stride.as_ref(), &kernel, dims)?;
    let padding = per_dimension(name, "padding", &options.padding, dims, 0)?;
    if indices.dtype() != cresset_tensor::DType::I64 {
        return Err(Error::dtype(name, format!("indices must be int64, not {}", indices.dtype())));
    }
    if indices.shape() != x.shape() {
        return Err(Error::shape(
            name,
            format!("indices must have the shape of the values: {} and {}", indices.shape(), x.shape()),
        ));
    }
    check_input(name, dims, x)?;
    let first = x.rank() - dims;
    let wanted: Option<List> = match &options.output_size {
        None => None,
        Some(list) => {
            let last = if list.len() == x.rank() && list.len() > dims { &list[first..] } else { &list[..] };
            if last.len() != dims || last.iter().any(|&size| size < 0) {
                return Err(Error::argument(name, format!("output_size must name {dims} sizes, not {list}")));
            }
            Some(last.iter().map(|&size| size as usize).collect())
        }
    };
    let mut shape = x.shape().clone();
    for d in 0..dims {
        let whole = (x.shape()[first + d] - 1)
            .checked_mul(stride[d])
            .and_then(|size| size.checked_add(kernel[d]))
            .and_then(|size| size.checked_sub(padding[d].checked_mul(2)?));
        let Some(whole) = whole else {
            return Err(Error::argument(name, format!("padding {} leaves no output", padding[d])));
        };
        let size = wanted.as_ref().map_or(whole, |list| list[d]);
        if size.abs_diff(whole) >= stride[d] && size != whole {
            return Err(Error::argument(
                name,
                format!("an output of {size} is not within a stride of {whole} (dimension {d})"),
            ));
        }
        shape[first + d] = size;
    }
    shape.checked_numel(name)?;
    put(x, indices, &shape, dims, Combine::Set)
}

/// Values at indices into each channel, zeros elsewhere.
#[track_caller]
fn put<T: Apply>(values: &T, indices: &T, shape: &Shape, dims: usize, combine: Combine) -> Result<T> {
    let kept = shape.rank() - dims;
    let flat = |shape: &Shape| -> Shape {
        shape[..kept].iter().copied().chain([shape[kept..].iter().product()]).collect()
    };
    let zeros = values.filled_beside("max_unpool", flat(shape), values.dtype(), 0)?;
    let (values, indices) = (shaped(values, flat(values.shape()))?, shaped(indices, flat(indices.shape()))?);
    let y = T::apply_one(Op::Scatter { dim: kept, combine }, &[&zeros, &indices, &values])?;
    shaped(&y, shape.clone())
}
