//! Windows over the last dimensions: taken apart into columns, and added together again.

use cresset_tensor::{DType, Error, Layout, Result, Shape, Sizes};

use super::{
    fused::{per_dimension, permuted, shaped, squeezed, unsqueezed},
    padding::Padding,
};
use crate::{
    Apply,
    op::{List, Op},
    view::View,
};

/// How windows lie; one number stands for every dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowOptions {
    /// How far the elements of a window are apart.
    pub dilation: Sizes,
    /// How many zeros are thought on both sides.
    pub padding: Sizes,
    /// How far windows are apart.
    pub stride: Sizes,
}

impl Default for WindowOptions {
    fn default() -> Self {
        WindowOptions { dilation: 1.into(), padding: 0.into(), stride: 1.into() }
    }
}

/// Windows.
pub trait Windows: Apply {
    /// Every window of images `[n, channels, height, width]` as a column: `[n, channels·kernel, windows]`. PyTorch's
    /// `nn.functional.unfold`.
    #[track_caller]
    fn im2col(&self, kernel: impl Into<Sizes>, options: &WindowOptions) -> Result<Self> {
        let name = "im2col";
        let kernel = per_dimension(name, "kernel_size", &kernel.into(), 2, 1)?;
        let (dilation, padding, stride) = resolve(name, options)?;
        let (x, batched) = match self.rank() {
            4 => (self.clone(), true),
            3 => (unsqueezed(self, 0)?, false),
            _ => {
                return Err(Error::shape(
                    name,
                    format!(
                        "needs images [n, channels, height, width], with or without the batch, not {}",
                        self.shape()
                    ),
                ));
            }
        };
        if x.shape()[1..].contains(&0) {
            return Err(Error::shape(name, format!("only the batch may be empty, not {}", self.shape())));
        }
        let padded = if padding.iter().all(|&amount| amount == 0) {
            x
        } else {
            let amount = |d: usize| padding[d] as i64;
            x.constant_pad_nd([amount(1), amount(1), amount(0), amount(0)], 0)?
        };
        let windows = windows_of(&padded, 2, &kernel, &stride, &dilation)?;
        let s = windows.shape().clone();
        let columns = permuted(&windows, &[0, 1, 4, 5, 2, 3])?;
        let columns = shaped(&columns, [s[0], s[1] * s[4] * s[5], s[2] * s[3]].into())?;
        if batched { Ok(columns) } else { squeezed(&columns, 0) }
    }

    /// The adjoint of [`im2col`](Self::im2col): columns added to where the windows of an image of size `output` lie.
    /// PyTorch's `nn.functional.fold`.
    #[track_caller]
    fn col2im(
        &self,
        output: impl Into<Sizes>,
        kernel: impl Into<Sizes>,
        options: &WindowOptions,
    ) -> Result<Self> {
        let name = "col2im";
        let output = per_dimension(name, "output_size", &output.into(), 2, 1)?;
        let kernel = per_dimension(name, "kernel_size", &kernel.into(), 2, 1)?;
        let (dilation, padding, stride) = resolve(name, options)?;
        let (columns, batched) = match self.rank() {
            3 => (self.clone(), true),
            2 => (unsqueezed(self, 0)?, false),
            _ => {
                return Err(Error::shape(
                    name,
                    format!(
                        "needs columns [n, channels·kernel, windows], with or without the batch, not {}",
                        self.shape()
                    ),
                ));
            }
        };
        let mut sizes = List::new();
        let mut counts = List::new();
        for d in 0..2 {
            let count =
                crate::infer::windows(output[d], kernel[d], stride[d], padding[d], dilation[d], false);
            let size = padding[d].checked_mul(2).and_then(|both| both.checked_add(output[d]));
            let (Some(count), Some(size)) = (count, size) else {
                return Err(Error::shape(
                    name,
                    format!("no window of {kernel:?} fits an output of {output:?}"),
                ));
            };
            counts.push(count);
            sizes.push(size);
        }
        let shape = columns.shape().clone();
        let places = kernel[0].saturating_mul(kernel[1]);
        if shape[1] == 0 || !shape[1].is_multiple_of(places) || shape[2] != counts[0] * counts[1] {
            return Err(Error::shape(
                name,
                format!(
                    "columns must be [n, channels·{places}, {}], not {}",
                    counts[0] * counts[1],
                    self.shape()
                ),
            ));
        }
        let (images, channels) = (shape[0], shape[1] / places);
        let apart = shaped(&columns, [images, channels, kernel[0], kernel[1], counts[0], counts[1]].into())?;
        let mut y = permuted(&apart, &[0, 1, 4, 5, 2, 3])?;
        let bases: [Shape; 2] = [
            [images, channels, counts[0], sizes[1], kernel[0]].into(),
            [images, channels, sizes[0], sizes[1]].into(),
        ];
        for (base, d) in bases.into_iter().zip([1, 0]) {
            base.checked_numel(name)?;
            let view = View::Unfold { dim: 2 + d, size: kernel[d], step: stride[d], dilation: dilation[d] };
            y = Self::apply_one(Op::Unview { view, base: Layout::contiguous(base).into() }, &[&y])?;
        }
        for d in 0..2 {
            if padding[d] > 0 {
                let view = View::Slice { dim: 2 + d, start: padding[d], len: output[d], step: 1 };
                y = Self::apply_one(Op::View(view), &[&y])?;
            }
        }
        if batched { Ok(y) } else { squeezed(&y, 0) }
    }
}

impl<T: Apply> Windows for T {}

#[track_caller]
fn resolve(name: &'static str, options: &WindowOptions) -> Result<(List, List, List)> {
    Ok((
        per_dimension(name, "dilation", &options.dilation, 2, 1)?,
        per_dimension(name, "padding", &options.padding, 2, 0)?,
        per_dimension(name, "stride", &options.stride, 2, 1)?,
    ))
}

/// The windows of the dimensions from `first` on: these count windows, and new last ones their insides.
#[track_caller]
pub(super) fn windows_of<T: Apply>(
    x: &T,
    first: usize,
    kernel: &[usize],
    stride: &[usize],
    dilation: &[usize],
) -> Result<T> {
    let mut windows = x.clone();
    for (d, &size) in kernel.iter().enumerate() {
        let view = View::Unfold { dim: first + d, size, step: stride[d], dilation: dilation[d] };
        windows = T::apply_one(Op::View(view), &[&windows])?;
    }
    Ok(windows)
}

/// The dtype in which many numbers of a dtype are added.
pub(super) fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        dtype => dtype,
    }
}
