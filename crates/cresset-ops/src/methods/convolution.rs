//! Convolutions and transposed convolutions of one to three dimensions.

use cresset_tensor::{Error, Listed, Result, Shape, Sizes};

use super::{
    fused::{per_dimension, shaped, squeezed, unsqueezed},
    matrix::check_dtypes,
    padding::Padding,
};
use crate::{
    Apply,
    op::{Convolution, List, Op, Role},
};

/// How much is put around the input of a convolution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConvPadding {
    /// So many zeros on both sides of every dimension.
    Zeros(Sizes),
    /// As many as make the output as large as the input.
    Same,
    /// None.
    Valid,
}

impl Default for ConvPadding {
    fn default() -> Self {
        ConvPadding::Zeros(0.into())
    }
}

impl<S: Into<Sizes>> From<S> for ConvPadding {
    fn from(sizes: S) -> Self {
        ConvPadding::Zeros(sizes.into())
    }
}

impl std::str::FromStr for ConvPadding {
    type Err = Error;

    /// From PyTorch's name, `same` or `valid`.
    fn from_str(name: &str) -> Result<ConvPadding> {
        match name {
            "same" => Ok(ConvPadding::Same),
            "valid" => Ok(ConvPadding::Valid),
            _ => Err(Error::argument("conv", format!("padding is 'same', 'valid' or numbers, not '{name}'"))),
        }
    }
}

/// What a convolution may be told; one number stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConvOptions {
    /// How far windows are apart.
    pub stride: Sizes,
    /// What is put around the input.
    pub padding: ConvPadding,
    /// How far the elements of a window are apart.
    pub dilation: Sizes,
    /// Into how many independent groups the channels fall.
    pub groups: i64,
}

impl Default for ConvOptions {
    fn default() -> Self {
        ConvOptions { stride: 1.into(), padding: ConvPadding::default(), dilation: 1.into(), groups: 1 }
    }
}

/// What a transposed convolution may be told; one number stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConvTransposeOptions {
    /// The stride of the convolution of which this is the transposed.
    pub stride: Sizes,
    /// That convolution's padding.
    pub padding: Sizes,
    /// What is added to the output's size at its end, as several sizes fit one input.
    pub output_padding: Sizes,
    /// Into how many independent groups the channels fall.
    pub groups: i64,
    /// How far the elements of a window are apart.
    pub dilation: Sizes,
}

impl Default for ConvTransposeOptions {
    fn default() -> Self {
        ConvTransposeOptions {
            stride: 1.into(),
            padding: 0.into(),
            output_padding: 0.into(),
            groups: 1,
            dilation: 1.into(),
        }
    }
}

macro_rules! convolutions {
    ($($dims:literal $conv:ident $conv_with:ident $transpose:ident $transpose_with:ident $sizes:literal;)*) => {$(
        #[doc = concat!("The convolution of images ", $sizes, " with a weight `[out, channels, …]`, and a bias `[out]` added.")]
        /// The batch may be missing.
        #[track_caller]
        fn $conv(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
            convolve(stringify!($conv), $dims, self, weight, bias, &ConvOptions::default())
        }

        #[doc = concat!("[`", stringify!($conv), "`](Self::", stringify!($conv), ") with stride, padding, dilation and groups.")]
        #[track_caller]
        fn $conv_with(&self, weight: &Self, bias: Option<&Self>, options: &ConvOptions) -> Result<Self> {
            convolve(stringify!($conv), $dims, self, weight, bias, options)
        }

        #[doc = concat!("The transposed convolution of images ", $sizes, " with a weight `[channels, out, …]`, and a bias `[out]` added.")]
        /// The batch may be missing.
        #[track_caller]
        fn $transpose(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
            transpose(stringify!($transpose), $dims, self, weight, bias, &ConvTransposeOptions::default())
        }

        #[doc = concat!("[`", stringify!($transpose), "`](Self::", stringify!($transpose), ") with all that it may be told.")]
        #[track_caller]
        fn $transpose_with(&self, weight: &Self, bias: Option<&Self>, options: &ConvTransposeOptions) -> Result<Self> {
            transpose(stringify!($transpose), $dims, self, weight, bias, options)
        }
    )*};
}

/// Convolutions.
///
/// ```
/// use cresset_ops::prelude::*;
/// let x = Array::new([[[1.0, 2.0, 3.0, 4.0]]]);
/// let w = Array::new([[[1.0, -1.0]]]);
/// assert_eq!(x.conv1d(&w, None)?.to_vec::<f64>()?, [-1.0, -1.0, -1.0]);
/// let same = ConvOptions { padding: ConvPadding::Same, ..Default::default() };
/// assert_eq!(x.conv1d_with(&w, None, &same)?.to_vec::<f64>()?, [-1.0, -1.0, -1.0, 4.0]);
/// # Ok::<(), Error>(())
/// ```
pub trait Convolutions: Apply {
    convolutions! {
        1 conv1d conv1d_with conv_transpose1d conv_transpose1d_with "`[n, channels, width]`";
        2 conv2d conv2d_with conv_transpose2d conv_transpose2d_with "`[n, channels, height, width]`";
        3 conv3d conv3d_with conv_transpose3d conv_transpose3d_with "`[n, channels, depth, height, width]`";
    }
}

impl<T: Apply> Convolutions for T {}

/// Ranks, dtypes and groups that both kinds need; the input with a batch, and whether it had one.
#[track_caller]
fn check<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    weight: &T,
    bias: Option<&T>,
    groups: i64,
) -> Result<(T, bool)> {
    check_dtypes(name, x, weight)?;
    if let Some(bias) = bias {
        check_dtypes(name, x, bias)?;
    }
    if groups < 1 {
        return Err(Error::argument(name, format!("groups must be at least 1, not {groups}")));
    }
    if weight.rank() != dims + 2 {
        return Err(Error::shape(
            name,
            format!("the weight must have {} dimensions, not {}", dims + 2, weight.shape()),
        ));
    }
    match x.rank() {
        rank if rank == dims + 2 => Ok((x.clone(), true)),
        rank if rank == dims + 1 => Ok((unsqueezed(x, 0)?, false)),
        _ => Err(Error::shape(
            name,
            format!(
                "the input must have {} dimensions, or {} without a batch, not {}",
                dims + 2,
                dims + 1,
                x.shape()
            ),
        )),
    }
}

#[track_caller]
fn finish<T: Apply>(name: &'static str, y: T, bias: Option<&T>, batched: bool) -> Result<T> {
    let y = match bias {
        None => y,
        Some(bias) => {
            let channels = y.shape()[1];
            if bias.rank() != 1 || bias.numel() != channels {
                return Err(Error::shape(
                    name,
                    format!(
                        "the bias must have one number for each of {channels} channels, not {}",
                        bias.shape()
                    ),
                ));
            }
            let mut shape = Shape::repeat(1, y.rank() - 1);
            shape[0] = channels;
            T::formula(&[&y, &shaped(bias, shape)?], &[], |x, _| x[0] + x[1])?
        }
    };
    if batched { Ok(y) } else { squeezed(&y, 0) }
}

#[track_caller]
fn convolve<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    weight: &T,
    bias: Option<&T>,
    options: &ConvOptions,
) -> Result<T> {
    let (mut x, batched) = check(name, dims, x, weight, bias, options.groups)?;
    let groups = options.groups as usize;
    let stride = per_dimension(name, "stride", &options.stride, dims, 1)?;
    let dilation = per_dimension(name, "dilation", &options.dilation, dims, 1)?;
    let kernel = &weight.shape()[2..];
    let padding = match &options.padding {
        ConvPadding::Zeros(list) => per_dimension(name, "padding", list, dims, 0)?,
        ConvPadding::Valid => List::from_elem(0, dims),
        ConvPadding::Same => {
            if stride.iter().any(|&stride| stride != 1) {
                return Err(Error::argument(name, "padding 'same' needs a stride of 1"));
            }
            // Where the two sides differ, the end has one more; it is put there before.
            let total: List =
                (0..dims).map(|d| kernel[d].saturating_sub(1).saturating_mul(dilation[d])).listed();
            if total.iter().any(|total| total % 2 == 1) {
                let ends = total.iter().rev().flat_map(|total| [0, (total % 2) as i64]);
                x = x.constant_pad_nd(ends.collect::<Sizes>(), 0)?;
            }
            total.iter().map(|total| total / 2).collect()
        }
    };
    let mut output = List::new();
    for d in 0..dims {
        let size = x.shape()[2 + d];
        let reach = kernel[d].saturating_sub(1).saturating_mul(dilation[d]).saturating_add(1);
        let padded = size.saturating_add(padding[d].saturating_mul(2));
        let Some(room) = padded.checked_sub(reach).filter(|_| kernel[d] > 0) else {
            return Err(Error::shape(
                name,
                format!(
                    "a kernel that reaches over {reach} does not fit the padded input of {padded} (dimension {d})"
                ),
            ));
        };
        output.push(room / stride[d] + 1);
    }
    let op =
        Op::Convolve(Box::new(Convolution { role: Role::Output, stride, padding, dilation, groups, output }));
    match bias {
        Some(bias) if bias.shape()[..] == weight.shape()[..1] => {
            finish(name, T::apply_one(op, &[&x, weight, bias])?, None, batched)
        }
        _ => finish(name, T::apply_one(op, &[&x, weight])?, bias, batched),
    }
}

#[track_caller]
fn transpose<T: Apply>(
    name: &'static str,
    dims: usize,
    x: &T,
    weight: &T,
    bias: Option<&T>,
    options: &ConvTransposeOptions,
) -> Result<T> {
    let (x, batched) = check(name, dims, x, weight, bias, options.groups)?;
    let groups = options.groups as usize;
    let stride = per_dimension(name, "stride", &options.stride, dims, 1)?;
    let mut padding = per_dimension(name, "padding", &options.padding, dims, 0)?;
    let extra = per_dimension(name, "output_padding", &options.output_padding, dims, 0)?;
    let dilation = per_dimension(name, "dilation", &options.dilation, dims, 1)?;
    let mut output = List::new();
    // What is cut off (or added) at both ends afterwards, last dimension first.
    let mut ends = vec![0; 2 * dims];
    for d in 0..dims {
        if extra[d] >= stride[d].max(dilation[d]) {
            return Err(Error::argument(
                name,
                format!("output_padding must be smaller than stride or dilation, but is {}", extra[d]),
            ));
        }
        let (size, kernel) = (x.shape()[2 + d], weight.shape()[2 + d]);
        let full = || {
            let reach = kernel.checked_sub(1)?.checked_mul(dilation[d])?.checked_add(1)?;
            size.checked_sub(1)?.checked_mul(stride[d])?.checked_add(reach)
        };
        let wanted = full().and_then(|full| {
            Some((full, full.checked_add(extra[d])?.checked_sub(padding[d].checked_mul(2)?)?))
        });
        let Some((full, wanted)) = wanted else {
            return Err(Error::shape(
                name,
                format!(
                    "an input of {size} and a kernel of {kernel} with padding {} leave no output (dimension {d})",
                    padding[d]
                ),
            ));
        };
        if extra[d] < stride[d] {
            output.push(wanted);
        } else {
            // More windows would fit the larger output than the input has: it is computed whole, and cut.
            output.push(full);
            ends[2 * (dims - 1 - d)] = -(padding[d] as i64);
            ends[2 * (dims - 1 - d) + 1] = extra[d] as i64 - padding[d] as i64;
            padding[d] = 0;
        }
    }
    let op =
        Op::Convolve(Box::new(Convolution { role: Role::Input, stride, padding, dilation, groups, output }));
    let mut y = T::apply_one(op, &[weight, &x])?;
    if ends.iter().any(|&end| end != 0) {
        y = y.constant_pad_nd(ends, 0)?;
    }
    finish(name, y, bias, batched)
}
