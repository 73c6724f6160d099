//! The three products of a convolution of f32, as panels multiply them: what is correlated with what, and where it lies.

use cresset_tensor::{Array, Error, Locks, Result};

use super::{
    convolve::PARALLEL,
    copy,
    correlate::{Correlation, Weights},
    panels::Kernel,
    walk::for_three,
    weigh::Weighing,
    windows::{Sizes, Strides, Windows},
};
use crate::{
    infer::Meta,
    op::{Convolution, Role},
};

pub fn convolve(
    kernel: &'static Kernel,
    convolution: &Convolution,
    a: &Array,
    b: &Array,
    meta: &Meta,
) -> Result<Array> {
    let dense = |x: &Array| if x.is_contiguous() { Ok(x.clone()) } else { copy::contiguous(x) };
    // Images are read through their strides, if there is a loop for these: patches of others, such as a gradient that is
    // one number for all, are packed several times, which is much slower than copying them once. Weights, and the image
    // that weighs, are read as matrices.
    let strided = |x: &Array| {
        let step = x.strides().last().copied().unwrap_or(1);
        if step == 1 || x.shape().last() == Some(&1) { Ok(x.clone()) } else { dense(x) }
    };
    let (a, b) = match convolution.role {
        Role::Output => (strided(a)?, dense(b)?),
        Role::Input => (dense(a)?, strided(b)?),
        Role::Weight => (strided(a)?, dense(b)?),
    };
    let result = Array::uninitialised("conv", meta.shape.clone(), meta.dtype)?;
    let (x, w, y) = match convolution.role {
        Role::Output => (&a, &b, &result),
        Role::Input => (&result, &a, &b),
        Role::Weight => (&a, &result, &b),
    };
    let (sizes, places) = sizes(convolution, x, w, y)?;
    let (images, groups, channels) = (x.shape()[0], convolution.groups, w.shape()[1]);
    let outputs = w.shape()[0] / groups.max(1);
    let all = places.iter().product::<usize>();
    let row = (channels * all) as isize;
    let locks = Locks::new([a.storage(), b.storage()].into_iter(), std::iter::empty());
    let parallel = y.numel().saturating_mul(channels).saturating_mul(all) >= PARALLEL;
    let forward = || {
        let axes = for_three(|dim| sizes[dim].forward());
        Windows::new(axes, places, images, strides(x), strides(y))
    };
    let start = result.as_ptr().cast::<f32>();
    if result.numel() == 0 {
        return Ok(result);
    }
    if convolution.role == Role::Weight {
        let weighing = Weighing {
            kernel,
            windows: forward(),
            groups,
            channels,
            outputs,
            places: all,
            x: x.as_ptr().cast(),
            y: y.as_ptr().cast::<f32>(),
            result: start,
            parallel,
        };
        // SAFETY: the inputs are locked and inside of their arrays; the result is fresh.
        unsafe { weighing.run()? };
        drop(locks);
        return Ok(result);
    }
    let (phases, rows, channels, weights) = if convolution.role == Role::Output {
        let weights =
            Weights { start: w.as_ptr().cast(), group: outputs as isize * row, row, channel: all as isize };
        (vec![forward()], outputs, channels, weights)
    } else {
        let weights = Weights {
            start: w.as_ptr().cast(),
            group: outputs as isize * row,
            row: all as isize,
            channel: row,
        };
        let phase = |starts: [usize; 3]| {
            let axes = for_three(|dim| sizes[dim].backward(starts[dim]));
            Windows::new(axes, places, images, strides(y), strides(x))
        };
        let [z, y, x] = for_three(|dim| sizes[dim].stride.min(sizes[dim].input));
        let starts = (0..z * y * x).map(|number| [number / (y * x), number / x % y, number % x]);
        (starts.map(phase).collect(), channels, outputs, weights)
    };
    // What no element of the kernel ever meets is a sum of nothing.
    if channels == 0 || phases.iter().any(|phase: &Windows| phase.places.is_empty()) {
        // SAFETY: the result is fresh, and has so many elements.
        unsafe { std::slice::from_raw_parts_mut(start, result.numel()) }.fill(0.0);
    }
    let input = if convolution.role == Role::Output { x } else { y };
    let correlation = Correlation {
        kernel,
        phases,
        groups,
        channels,
        rows,
        input: input.as_ptr().cast(),
        weights,
        result: start,
        parallel,
    };
    // SAFETY: as above.
    unsafe { correlation.run()? };
    drop(locks);
    Ok(result)
}

/// Three spatial dimensions, whatever their number, and the kernel's sizes.
fn sizes(convolution: &Convolution, x: &Array, w: &Array, y: &Array) -> Result<([Sizes; 3], [usize; 3])> {
    let spatial = convolution.stride.len();
    if spatial > 3 {
        return Err(Error::argument(
            "conv",
            format!("{spatial} spatial dimensions; there may be up to three"),
        ));
    }
    let sizes = for_three(|dim| match (dim + spatial).checked_sub(3) {
        None => Sizes { input: 1, kernel: 1, output: 1, stride: 1, padding: 0, dilation: 1 },
        Some(own) => Sizes {
            input: x.shape()[2 + own],
            kernel: w.shape()[2 + own],
            output: y.shape()[2 + own],
            stride: convolution.stride[own],
            padding: convolution.padding[own],
            dilation: convolution.dilation[own],
        },
    });
    Ok((sizes, for_three(|dim| sizes[dim].kernel)))
}

/// How far apart the elements of an image are.
fn strides(x: &Array) -> Strides {
    let (own, spatial) = (x.strides(), x.rank() - 2);
    let dims = for_three(|dim| (dim + spatial).checked_sub(3).map_or(0, |own_dim| own[2 + own_dim]));
    Strides { image: own[0], channel: own[1], dims }
}
