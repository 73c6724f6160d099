//! What parameters are before they are trained: PyTorch's `torch.nn.init`. Every function writes into a tensor, or a
//! parameter, and records nothing.

mod fans;
mod orthogonal;

use std::panic::Location;

use cresset_autograd::{Apply, Array, DType, Error, Result, Shape, Tensor, no_grad};
use cresset_ops::methods::prelude::*;

pub use fans::{FanMode, Nonlinearity, calculate_gain};
use fans::{deviation, fans_of};
pub use orthogonal::orthogonal_;

/// A new tensor of numbers drawn evenly from `-bound` to `bound`.
#[track_caller]
pub(crate) fn within(shape: impl Into<Shape>, bound: f64) -> Result<Tensor> {
    let tensor = Tensor::empty_with(shape, ())?;
    tensor.uniform_(-bound, bound)?;
    Ok(tensor)
}

/// The bound PyTorch's layers draw from: `1/√fan_in`, or 0 where nothing comes in.
#[inline]
pub(crate) fn bound_of(fan_in: usize) -> f64 {
    if fan_in == 0 { 0.0 } else { (fan_in as f64).sqrt().recip() }
}

/// Numbers drawn evenly from `a` to `b`.
///
/// ```
/// use cresset_nn::{init, prelude::*};
/// let layer = Linear::new(4, 2);
/// init::uniform_(&layer.weight, -0.1, 0.1)?;
/// init::zeros_(layer.bias.as_ref().unwrap())?;
/// assert!(layer.weight.abs()?.max()?.item::<f32>()? <= 0.1);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn uniform_(tensor: &Tensor, a: f64, b: f64) -> Result<&Tensor> {
    unrecorded(|| tensor.uniform_(a, b))
}

/// Numbers drawn from a normal distribution.
#[track_caller]
#[inline]
pub fn normal_(tensor: &Tensor, mean: f64, std: f64) -> Result<&Tensor> {
    unrecorded(|| tensor.normal_(mean, std))
}

/// Numbers drawn from that part of a normal distribution which is between `a` and `b`.
#[track_caller]
#[inline]
pub fn trunc_normal_(tensor: &Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<&Tensor> {
    const NAME: &str = "trunc_normal_";
    if !(std > 0.0 && std.is_finite() && mean.is_finite()) {
        return Err(Error::argument(
            NAME,
            format!("needs a finite mean and a positive std, not {mean} and {std}"),
        ));
    }
    if a.is_nan() || b.is_nan() || a > b {
        return Err(Error::argument(NAME, format!("[{a}, {b}] is no range")));
    }
    // By the inverse of the distribution. An interval above the mean is looked at from the other side, since only close to
    // zero are probabilities precise.
    let (low, high) = ((a - mean) / std, (b - mean) / std);
    let sign = if low > 0.0 { -1.0 } else { 1.0 };
    let (low, high) = if low > 0.0 { (-high, -low) } else { (low, high) };
    let below = Array::new([low, high]).ndtr()?.to_vec::<f64>()?;
    let even = Array::rand_with(tensor.shape(), DType::F64)?;
    let numbers = [below[0].into(), (below[1] - below[0]).into()];
    let standard = Array::formula(&[&even], &numbers, |x, n| {
        // Neither 0 nor 1, whose inverses are infinite. Where that is beyond the interval, the end nearer to the mean is left.
        (n[0] + n[1] * x[0]).maximum(f64::MIN_POSITIVE).minimum(1.0 - f64::EPSILON / 2.0).ndtri()
    })?;
    let numbers = [low.into(), high.into(), (sign * std).into(), mean.into()];
    let drawn =
        Array::formula(&[&standard], &numbers, |x, n| x[0].maximum(n[0]).minimum(n[1]) * n[2] + n[3])?;
    written(tensor, drawn.clamp(a, b)?)
}

/// One number everywhere.
#[track_caller]
#[inline]
pub fn constant_(tensor: &Tensor, value: f64) -> Result<&Tensor> {
    unrecorded(|| tensor.fill_(value))
}

/// Ones.
#[track_caller]
#[inline]
pub fn ones_(tensor: &Tensor) -> Result<&Tensor> {
    constant_(tensor, 1.0)
}

/// Zeros.
#[track_caller]
#[inline]
pub fn zeros_(tensor: &Tensor) -> Result<&Tensor> {
    constant_(tensor, 0.0)
}

/// The identity matrix, in as much of it as there is: a linear layer passes on as many inputs as it can.
#[track_caller]
#[inline]
pub fn eye_(tensor: &Tensor) -> Result<&Tensor> {
    let [rows, columns] = matrix("eye_", tensor)?;
    written(tensor, Array::eye_with(rows, columns, tensor.dtype())?)
}

/// The identity as the weight of a convolution, `[out, in, kernel…]`: each group of outputs passes on as many inputs as it
/// can. PyTorch's default is one group.
#[track_caller]
#[inline]
pub fn dirac_(tensor: &Tensor, groups: usize) -> Result<&Tensor> {
    let shape = tensor.shape();
    if !(3..=5).contains(&shape.rank()) {
        return Err(Error::shape(
            "dirac_",
            format!("needs the weight of a convolution, of 3 to 5 dimensions, not shape {shape}"),
        ));
    }
    if groups == 0 || !shape[0].is_multiple_of(groups) {
        return Err(Error::argument(
            "dirac_",
            format!("{} outputs do not fall into {groups} groups", shape[0]),
        ));
    }
    let mut numbers = vec![0.0f32; shape.numel()];
    let outputs = shape[0] / groups;
    if !numbers.is_empty() {
        let strides = shape.contiguous_strides();
        let centre = (2..shape.rank()).map(|dim| (shape[dim] / 2) * strides[dim] as usize).sum::<usize>();
        for group in 0..groups {
            for i in 0..outputs.min(shape[1]) {
                let output = group * outputs + i;
                numbers[output * strides[0] as usize + i * strides[1] as usize + centre] = 1.0;
            }
        }
    }
    written(tensor, Array::from_vec(numbers, shape)?)
}

/// Numbers drawn evenly, so that their variance is `gain²·2/(fan_in + fan_out)`: Glorot's. PyTorch's default gain is 1.
///
/// ```
/// use cresset_nn::{init::{self, Nonlinearity, calculate_gain}, prelude::*};
/// let layer = Linear::new(4, 2);
/// init::xavier_uniform_(&layer.weight, calculate_gain(Nonlinearity::Relu))?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn xavier_uniform_(tensor: &Tensor, gain: f64) -> Result<&Tensor> {
    let bound = 3f64.sqrt() * glorot("xavier_uniform_", tensor, gain)?;
    uniform_(tensor, -bound, bound)
}

/// [`xavier_uniform_`] with a normal distribution.
#[track_caller]
#[inline]
pub fn xavier_normal_(tensor: &Tensor, gain: f64) -> Result<&Tensor> {
    normal_(tensor, 0.0, glorot("xavier_normal_", tensor, gain)?)
}

/// Numbers drawn evenly, so that their variance is `gain²/fan`: He's. PyTorch's defaults are `FanMode::FanIn` and
/// `Nonlinearity::LeakyRelu(0.0)`; its layers start with a slope of `√5`.
#[track_caller]
#[inline]
pub fn kaiming_uniform_(tensor: &Tensor, mode: FanMode, nonlinearity: Nonlinearity) -> Result<&Tensor> {
    let bound = 3f64.sqrt() * deviation("kaiming_uniform_", tensor, mode, nonlinearity)?;
    uniform_(tensor, -bound, bound)
}

/// [`kaiming_uniform_`] with a normal distribution.
#[track_caller]
#[inline]
pub fn kaiming_normal_(tensor: &Tensor, mode: FanMode, nonlinearity: Nonlinearity) -> Result<&Tensor> {
    normal_(tensor, 0.0, deviation("kaiming_normal_", tensor, mode, nonlinearity)?)
}

/// A matrix of normally distributed numbers, of which in each column a part (rounded up) is zero. PyTorch's default
/// deviation is 0.01.
#[track_caller]
#[inline]
pub fn sparse_(tensor: &Tensor, sparsity: f64, std: f64) -> Result<&Tensor> {
    let [rows, _] = matrix("sparse_", tensor)?;
    if !(0.0..=1.0).contains(&sparsity) {
        return Err(Error::argument("sparse_", format!("sparsity must be between 0 and 1, not {sparsity}")));
    }
    normal_(tensor, 0.0, std)?;
    // The order of random numbers in a column is a random permutation of its rows.
    let order = Array::rand_with(tensor.shape(), DType::F64)?.argsort(0, false)?;
    let zeros = tensor.beside(order.lt((sparsity * rows as f64).ceil() as i64)?)?;
    unrecorded(|| tensor.masked_fill_(&zeros, 0.0))
}

#[track_caller]
#[inline]
fn glorot(name: &'static str, tensor: &Tensor, gain: f64) -> Result<f64> {
    let (fan_in, fan_out) = fans_of(name, tensor)?;
    Ok(gain * (2.0 / ((fan_in + fan_out) as f64).max(1.0)).sqrt())
}

#[track_caller]
#[inline]
fn matrix(name: &'static str, tensor: &Tensor) -> Result<[usize; 2]> {
    match tensor.shape()[..] {
        [rows, columns] => Ok([rows, columns]),
        _ => Err(Error::shape(name, format!("needs a matrix, not shape {}", tensor.shape()))),
    }
}

/// Numbers in the place of those that are there.
#[track_caller]
#[inline]
fn written(tensor: &Tensor, numbers: Array) -> Result<&Tensor> {
    unrecorded(|| tensor.copy_(&Tensor::from(numbers)))
}

/// Runs without recording; an error points at the caller's line.
#[track_caller]
fn unrecorded<'t>(f: impl FnOnce() -> Result<&'t Tensor>) -> Result<&'t Tensor> {
    let here = Location::caller();
    no_grad(f).map_err(|error| error.at(here))
}
