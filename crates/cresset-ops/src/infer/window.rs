//! Inference for what slides windows over an input: convolutions and pools.

use cresset_tensor::{Array, Error, Result, Shape};

use super::{Meta, check_same_dtype, meta};
use crate::op::{Convolution, List, Op, Role, Window};

/// How many windows fit along a dimension.
pub(crate) fn windows(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    ceil: bool,
) -> Option<usize> {
    let padded = size.checked_add(padding.checked_mul(2)?)?;
    let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    if !ceil {
        return Some(padded.checked_sub(reach)?.checked_div(stride)? + 1);
    }
    // The last window may end outside, as long as it starts inside of the input or its left padding.
    let room = (padded as i128 - reach as i128).checked_add(stride as i128 - 1)?;
    let count = room.checked_div_euclid(stride as i128)? + 1;
    let last = if (count - 1) * stride as i128 >= (size + padding) as i128 { count - 1 } else { count };
    usize::try_from(last).ok().filter(|&count| count > 0)
}

/// The shape of a convolution's output of either role.
pub(super) fn infer_convolution(op: &Op, convolution: &Convolution, a: &Array, b: &Array) -> Result<Meta> {
    check_same_dtype(op, a, b)?;
    let spatial = convolution.stride.len();
    let fail = |why: String| Err(Error::shape(op.name(), format!("{} and {}: {why}", a.shape(), b.shape())));
    if a.rank() != spatial + 2 || b.rank() != spatial + 2 {
        return fail(format!("both need {} dimensions", spatial + 2));
    }
    let lists = [&convolution.padding, &convolution.dilation, &convolution.output];
    if lists.iter().any(|list| list.len() != spatial) {
        return fail("stride, padding and dilation must have one entry for each spatial dimension".into());
    }
    if convolution.groups == 0 || convolution.stride.contains(&0) || convolution.dilation.contains(&0) {
        return Err(Error::argument(op.name(), "stride, dilation and groups must be at least 1"));
    }
    let groups = convolution.groups;
    let sizes = |shape: &Shape| -> List { shape[2..].iter().copied().collect() };
    let (x, w, y, channels): (List, List, List, Shape);
    match convolution.role {
        Role::Output => {
            if b.shape()[1].saturating_mul(groups) != a.shape()[1] || !b.shape()[0].is_multiple_of(groups) {
                return fail(format!(
                    "weight must have {}/{groups} input channels, and output channels in {groups} groups",
                    a.shape()[1]
                ));
            }
            (x, w, y) = (sizes(a.shape()), sizes(b.shape()), convolution.output.clone());
            channels = [a.shape()[0], b.shape()[0]].into();
        }
        Role::Input => {
            if a.shape()[0] != b.shape()[1] || !a.shape()[0].is_multiple_of(groups) {
                return fail(format!(
                    "input must have as many channels as the weight's first dimension, in {groups} groups"
                ));
            }
            (x, w, y) = (convolution.output.clone(), sizes(a.shape()), sizes(b.shape()));
            channels = [b.shape()[0], a.shape()[1] * groups].into();
        }
        Role::Weight => {
            if a.shape()[0] != b.shape()[0]
                || !a.shape()[1].is_multiple_of(groups)
                || !b.shape()[1].is_multiple_of(groups)
            {
                return fail(format!("both need the same batch, and channels in {groups} groups"));
            }
            (x, w, y) = (sizes(a.shape()), convolution.output.clone(), sizes(b.shape()));
            channels = [b.shape()[1], a.shape()[1] / groups].into();
        }
    }
    for i in 0..spatial {
        let (stride, padding, dilation) =
            (convolution.stride[i], convolution.padding[i], convolution.dilation[i]);
        match windows(x[i], w[i], stride, padding, dilation, false) {
            Some(count) if count == y[i] => {}
            Some(count) => return fail(format!("{count} windows fit spatial dimension {i}, not {}", y[i])),
            None => {
                return fail(format!(
                    "a kernel of {} (dilation {dilation}) exceeds the padded input of {} in spatial dimension {i}",
                    w[i],
                    x[i].saturating_add(padding.saturating_mul(2))
                ));
            }
        }
    }
    let mut shape = channels;
    convolution.output.iter().for_each(|&size| shape.push(size));
    shape.checked_numel(op.name())?;
    Ok(meta(shape, a.dtype()))
}

/// The shape of a pool's output.
pub(super) fn infer_pool(op: &Op, window: &Window, x: &Array) -> Result<Shape> {
    let spatial = window.kernel.len();
    let Some(kept) = x.rank().checked_sub(spatial) else {
        return Err(Error::shape(
            op.name(),
            format!("windows of {spatial} dimensions do not fit shape {}", x.shape()),
        ));
    };
    let lists = [&window.stride, &window.padding, &window.dilation];
    if lists.iter().any(|list| list.len() != spatial) {
        return Err(Error::argument(op.name(), "kernel, stride, padding and dilation must be equally long"));
    }
    if window.stride.contains(&0) || window.dilation.contains(&0) || window.kernel.contains(&0) {
        return Err(Error::argument(op.name(), "kernel, stride and dilation must be at least 1"));
    }
    let mut shape = x.shape().clone();
    for i in 0..spatial {
        let (kernel, padding, dilation) = (window.kernel[i], window.padding[i], window.dilation[i]);
        let reach = (kernel - 1).saturating_mul(dilation).saturating_add(1);
        if padding > reach / 2 {
            return Err(Error::argument(
                op.name(),
                format!("padding {padding} must be at most half the kernel's reach of {reach}"),
            ));
        }
        let size = x.shape()[kept + i];
        let count = windows(size, kernel, window.stride[i], padding, dilation, window.ceil);
        shape[kept + i] = count.filter(|_| size > 0).ok_or_else(|| {
            Error::shape(
                op.name(),
                format!(
                    "a window of {reach} exceeds the padded size {} of dimension {}",
                    size.saturating_add(padding.saturating_mul(2)),
                    kept + i
                ),
            )
        })?;
    }
    Ok(shape)
}
