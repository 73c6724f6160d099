//! Pools whose windows follow from the size of the result.

use cresset_tensor::{Array, Error, Listed, Result, Scalar, Shape, Sizes};
use smallvec::SmallVec;

use super::{
    fused::{per_dimension, reduce_formula, shaped},
    pooling::check_input,
};
use crate::{
    Apply,
    op::{List, Op, Reduce, Reduction},
    view::View,
};

/// The sizes a pool shall give; `None` keeps a dimension as it is. One stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolSizes(SmallVec<[Option<i64>; 3]>);

impl PoolSizes {
    /// The sizes, as given.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<i64>> {
        self.0.iter().copied()
    }
}

impl From<Sizes> for PoolSizes {
    #[inline]
    fn from(sizes: Sizes) -> Self {
        PoolSizes(sizes.iter().map(|&size| Some(size)).listed())
    }
}

impl From<&[Option<i64>]> for PoolSizes {
    #[inline]
    fn from(sizes: &[Option<i64>]) -> Self {
        PoolSizes(sizes.iter().copied().listed())
    }
}

impl<const N: usize> From<[Option<i64>; N]> for PoolSizes {
    fn from(sizes: [Option<i64>; N]) -> Self {
        PoolSizes(sizes.into_iter().listed())
    }
}

macro_rules! pool_sizes {
    ($($type:ty)*) => {$(
        impl From<$type> for PoolSizes {
            fn from(size: $type) -> Self {
                Sizes::from(size).into()
            }
        }

        impl<const N: usize> From<[$type; N]> for PoolSizes {
            fn from(sizes: [$type; N]) -> Self {
                Sizes::from(sizes).into()
            }
        }
    )*};
}

pool_sizes!(i32 i64 usize);

macro_rules! pools {
    ($($dims:literal $avg:ident $max:ident $max_indices:ident;)*) => {$(
        /// The means of windows that divide the last dimensions into as many as asked for.
        #[track_caller]
        fn $avg(&self, output_size: impl Into<PoolSizes>) -> Result<Self> {
            average(stringify!($avg), $dims, self, &output_size.into())
        }

        /// The largest of windows that divide the last dimensions into as many as asked for.
        #[track_caller]
        fn $max(&self, output_size: impl Into<PoolSizes>) -> Result<Self> {
            Ok(maximum(stringify!($max), $dims, self, &output_size.into())?.0)
        }

        /// The largest, and where in its channel (counted in row-major order) each lies.
        #[track_caller]
        fn $max_indices(&self, output_size: impl Into<PoolSizes>) -> Result<(Self, Self)> {
            maximum(stringify!($max), $dims, self, &output_size.into())
        }
    )*};
}

/// Pools of a given result. Window `i` of `n` over a size `m` reaches from `⌊i·m/n⌋` to `⌈(i+1)·m/n⌉`.
pub trait AdaptivePooling: Apply {
    pools! {
        1 adaptive_avg_pool1d adaptive_max_pool1d adaptive_max_pool1d_with_indices;
        2 adaptive_avg_pool2d adaptive_max_pool2d adaptive_max_pool2d_with_indices;
        3 adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices;
    }

    /// The largest of windows of random distances, and where they lie: the samples, numbers from zero to one of shape
    /// `[n, channels, 2]`, say how each channel's windows are shifted.
    #[track_caller]
    fn fractional_max_pool2d_with_indices(
        &self,
        kernel: impl Into<Sizes>,
        output_size: impl Into<Sizes>,
        samples: &Self,
    ) -> Result<(Self, Self)> {
        fractional("fractional_max_pool2d", 2, self, &kernel.into(), &output_size.into(), samples)
    }

    /// As [`fractional_max_pool2d_with_indices`](Self::fractional_max_pool2d_with_indices) in three dimensions, with
    /// samples `[n, channels, 3]`.
    #[track_caller]
    fn fractional_max_pool3d_with_indices(
        &self,
        kernel: impl Into<Sizes>,
        output_size: impl Into<Sizes>,
        samples: &Self,
    ) -> Result<(Self, Self)> {
        fractional("fractional_max_pool3d", 3, self, &kernel.into(), &output_size.into(), samples)
    }
}

impl<T: Apply> AdaptivePooling for T {}

/// The sizes of the result.
#[track_caller]
fn resolve<T: Apply>(name: &'static str, dims: usize, x: &T, sizes: &PoolSizes) -> Result<List> {
    check_input(name, dims, x)?;
    let list = &sizes.0;
    if list.len() != 1 && list.len() != dims {
        return Err(Error::argument(
            name,
            format!("output_size must be one number or {dims}, not {}", list.len()),
        ));
    }
    let mut result = List::new();
    for d in 0..dims {
        match list[if list.len() == 1 { 0 } else { d }] {
            None => result.push(x.shape()[x.rank() - dims + d]),
            Some(size) if size < 0 => {
                return Err(Error::argument(
                    name,
                    format!("output_size must not be negative, but is {size}"),
                ));
            }
            Some(size) => result.push(size as usize),
        }
    }
    let mut shape = Shape::from_slice(&x.shape()[..x.rank() - dims]);
    result.iter().for_each(|&size| shape.push(size));
    shape.checked_numel(name)?;
    Ok(result)
}

/// Where each window of `count` over `size` starts, and where it ends.
#[inline]
fn ranges(size: usize, count: usize) -> Vec<(usize, usize)> {
    let at = |i: usize| i as u128 * size as u128;
    let (n, up) = (count.max(1) as u128, count.max(1) as u128 - 1);
    (0..count).map(|i| ((at(i) / n) as usize, ((at(i + 1) + up) / n) as usize)).collect()
}

#[track_caller]
fn average<T: Apply>(name: &'static str, dims: usize, x: &T, sizes: &PoolSizes) -> Result<T> {
    let sizes = resolve(name, dims, x, sizes)?;
    if !x.dtype().is_float() {
        return Err(Error::dtype(name, format!("needs floating point, not {}", x.dtype())));
    }
    let first = x.rank() - dims;
    let mut result = x.clone();
    for (d, &count) in sizes.iter().enumerate() {
        let (dim, size) = (first + d, x.shape()[first + d]);
        if count == size {
            continue;
        }
        if count > 0 && size.is_multiple_of(count) {
            let length = size / count;
            let view = View::Unfold { dim, size: length, step: length, dilation: 1 };
            let windows = T::apply_one(Op::View(view), &[&result])?;
            let n = [Scalar::Float(length as f64)];
            result = reduce_formula(Reduction::Sum, &[x.rank()], false, &[&windows], &n, |x, n| x[0] / n[0])?;
            continue;
        }
        // Windows of different lengths: each as long as the longest, with weights that make it a mean.
        let ranges = ranges(size, count);
        let longest = ranges.iter().map(|(from, to)| to - from).max().unwrap_or(1);
        let (mut index, mut weight) = (Vec::new(), Vec::new());
        for &(from, to) in &ranges {
            for i in 0..longest {
                index.push((from + i).min(to - 1) as i64);
                weight.push(if from + i < to { 1.0 / (to - from) as f64 } else { 0.0 });
            }
        }
        let index = x.beside(Array::from_vec(index.clone(), index.len())?)?;
        let mut apart = result.shape().clone();
        apart[dim] = count;
        apart.insert(dim + 1, longest);
        let mut shape = Shape::repeat(1, apart.rank());
        (shape[dim], shape[dim + 1]) = (count, longest);
        let weight = Array::from_vec(weight, shape)?;
        let weight = x.beside(super::Elementwise::to_dtype(&weight, super::windows::wide(x.dtype()))?)?;
        let taken = shaped(&T::apply_one(Op::IndexSelect { dim }, &[&result, &index])?, apart)?;
        let sums = reduce_formula(Reduction::Sum, &[dim + 1], false, &[&taken, &weight], &[], |x, _| {
            x[1].eq(0).select(0, x[0] * x[1])
        })?;
        result = super::Elementwise::to_dtype(&sums, x.dtype())?;
    }
    if sizes.iter().enumerate().all(|(d, &size)| size == x.shape()[first + d]) {
        return T::formula(&[x], &[], |x, _| x[0]);
    }
    Ok(result)
}

#[track_caller]
fn maximum<T: Apply>(name: &'static str, dims: usize, x: &T, sizes: &PoolSizes) -> Result<(T, T)> {
    let sizes = resolve(name, dims, x, sizes)?;
    let first = x.rank() - dims;
    let spatial = &x.shape()[first..];
    let windows: Vec<Vec<(usize, usize)>> = (0..dims).map(|d| ranges(spatial[d], sizes[d])).collect();
    let (table, longest) = table(spatial, &windows);
    let count: usize = sizes.iter().product();
    let planes: usize = x.shape()[..first].iter().product();
    // Where the largest lies is found without derivatives, and then taken with them.
    let flat = shaped(x.array(), [planes, spatial.iter().product()].into())?;
    let index = flat.beside(Array::from_vec(table, count * longest)?)?;
    let values = Array::apply_one(Op::IndexSelect { dim: 1 }, &[&flat, &index])?;
    let values = shaped(&values, [planes, count, longest].into())?;
    let found = largest(&values, &shaped(&index, [1, count, longest].into())?)?;
    take(x, found, &sizes)
}

/// For every window its places in a channel, in order; short windows name their first one again.
#[inline]
fn table(spatial: &[usize], windows: &[Vec<(usize, usize)>]) -> (Vec<i64>, usize) {
    let longest = |list: &Vec<(usize, usize)>| list.iter().map(|(from, to)| to - from).max().unwrap_or(1);
    let length: usize = windows.iter().map(longest).product();
    let mut all: Vec<Vec<i64>> = vec![vec![0]];
    for (&size, list) in spatial.iter().zip(windows) {
        let mut next = Vec::new();
        for places in &all {
            for &(from, to) in list {
                let inside = |place: &i64| {
                    let base = place * size as i64;
                    (from..to).map(move |at| base + at as i64)
                };
                next.push(places.iter().flat_map(inside).collect());
            }
        }
        all = next;
    }
    let fill = |places: Vec<i64>| {
        let first = places.first().copied().unwrap_or(0);
        places.into_iter().chain(std::iter::repeat(first)).take(length)
    };
    (all.into_iter().flat_map(fill).collect(), length)
}

/// Of every row of values the largest's entry in the table of places.
#[inline]
fn largest(values: &Array, places: &Array) -> Result<Array> {
    let planes = Shape::from_slice(&values.shape()[..2]);
    if values.numel() == 0 {
        return values.filled_beside("max_pool", planes, cresset_tensor::DType::I64, 0);
    }
    let reduce = Reduce { kind: Reduction::ArgMax, dims: List::from_slice(&[2]), keepdim: true, map: None };
    let which = Array::apply_one(Op::Reduce(Box::new(reduce)), &[values])?;
    let places = Array::apply_one(Op::View(View::Expand(values.shape().clone())), &[places])?;
    shaped(&Array::apply_one(Op::Gather { dim: 2 }, &[&places, &which])?, planes)
}

/// The values at places of each channel, and the places, in the shape of the result.
#[track_caller]
fn take<T: Apply>(x: &T, places: Array, sizes: &List) -> Result<(T, T)> {
    let first = x.rank() - sizes.len();
    let planes: usize = x.shape()[..first].iter().product();
    let shape: Shape = x.shape()[..first].iter().chain(sizes.iter()).copied().collect();
    let flat = shaped(x, [planes, x.shape()[first..].iter().product()].into())?;
    let index = T::constant(places);
    let values = T::apply_one(Op::Gather { dim: 1 }, &[&flat, &index])?;
    Ok((shaped(&values, shape.clone())?, shaped(&index, shape)?))
}

#[track_caller]
fn fractional<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    kernel: &Sizes,
    output: &Sizes,
    samples: &T,
) -> Result<(T, T)> {
    let kernel = per_dimension(name, "kernel_size", kernel, dims, 1)?;
    let output = per_dimension(name, "output_size", output, dims, 1)?;
    check_input(name, dims, x)?;
    let first = x.rank() - dims;
    let planes: usize = x.shape()[..first].iter().product();
    let spatial = &x.shape()[first..];
    for d in 0..dims {
        if output[d].checked_add(kernel[d] - 1).is_none_or(|reach| reach > spatial[d]) {
            return Err(Error::shape(
                name,
                format!("{} windows of {} do not fit a size of {}", output[d], kernel[d], spatial[d]),
            ));
        }
    }
    if samples.numel() != planes * dims
        || samples.shape().last() != Some(&dims)
        || !samples.dtype().is_float()
    {
        return Err(Error::shape(
            name,
            format!("samples must be floating point [n, channels, {dims}], not {}", samples.shape()),
        ));
    }
    let samples = samples.array().to_f64s()?;
    let (mut places, mut length) = (Vec::new(), 1);
    for plane in 0..planes {
        let windows: Vec<Vec<(usize, usize)>> = (0..dims)
            .map(|d| {
                // PyTorch keeps the samples of an image's dimensions in the order width, height, depth.
                let sample = samples[plane * dims + dims - 1 - d];
                let (size, k, n) = (spatial[d], kernel[d], output[d]);
                let alpha = if n > 1 { (size - k) as f64 / (n - 1) as f64 } else { 0.0 };
                let start = |i: usize| {
                    let at = ((i as f64 + sample) * alpha) as i64 - (sample * alpha) as i64;
                    if i + 1 == n { size - k } else { (at.max(0) as usize).min(size - k) }
                };
                (0..n).map(|i| (start(i), start(i) + k)).collect()
            })
            .collect();
        let (table, longest) = table(spatial, &windows);
        places.extend(table);
        length = longest;
    }
    let count: usize = output.iter().product();
    let flat = shaped(x.array(), [planes, spatial.iter().product()].into())?;
    let index = flat.beside(Array::from_vec(places, [planes, count * length])?)?;
    let values = Array::apply_one(Op::Gather { dim: 1 }, &[&flat, &index])?;
    let values = shaped(&values, [planes, count, length].into())?;
    let found = largest(&values, &shaped(&index, [planes, count, length].into())?)?;
    take(x, found, &output)
}
