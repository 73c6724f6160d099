//! The largest of every window, and where it lies.

use std::ops::Range;

use cresset_tensor::{Array, DType, Element, Error, Locks, Result};
use smallvec::smallvec;

use super::{convert, copy, plan::Lane, threads};
use crate::{door::Outputs, infer::Metas, op::Window};

/// Comparisons of one task.
const TASK: usize = 1 << 15;

pub fn max_pool(window: &Window, x: &Array, metas: &Metas) -> Result<Outputs<Array>> {
    let spatial = window.kernel.len();
    if spatial == 0 || spatial > 3 {
        return Err(Error::argument(
            "max_pool",
            format!("windows of {spatial} dimensions; there may be one to three"),
        ));
    }
    let values = Array::uninitialised("max_pool", metas[0].shape.clone(), metas[0].dtype)?;
    let places = Array::uninitialised("max_pool", metas[1].shape.clone(), DType::I64)?;
    // Narrow kinds are compared as wide ones.
    let (dtype, wide) = (x.dtype(), Lane::of(x.dtype()).dtype());
    if wide == DType::Bool {
        return Err(Error::dtype("max_pool", "not defined for bool; convert with to_dtype first"));
    }
    let x = copy::dense(&convert(x, wide)?)?;
    let largest =
        if wide == dtype { values } else { Array::uninitialised("max_pool", values.shape().clone(), wide)? };
    {
        let _lock = Locks::read(x.storage());
        match wide {
            DType::F64 => run::<f64>(window, &x, &largest, &places, f64::NEG_INFINITY),
            DType::I64 => run::<i64>(window, &x, &largest, &places, lowest(dtype)),
            _ => run::<f32>(window, &x, &largest, &places, f32::NEG_INFINITY),
        }
    }
    let values = convert(&largest, dtype)?;
    Ok(smallvec![values, places])
}

/// What no integer of a dtype is below.
fn lowest(dtype: DType) -> i64 {
    match dtype {
        DType::I64 => i64::MIN,
        DType::I32 => i32::MIN.into(),
        DType::I16 => i16::MIN.into(),
        DType::I8 => i8::MIN.into(),
        DType::U8 | DType::Bool | DType::F64 | DType::F32 | DType::F16 | DType::BF16 => 0,
    }
}

/// One dimension of the windows.
#[derive(Clone, Copy)]
struct Dim {
    size: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Dim {
    /// Where in the input the place of a window lies.
    fn at(&self, position: usize, place: usize) -> Option<usize> {
        let at = position * self.stride + place * self.dilation;
        at.checked_sub(self.padding).filter(|&at| at < self.size)
    }

    /// The first element of a window inside of the input. (A window that falls between all elements names the last.)
    fn first(&self, position: usize) -> usize {
        let short = self.padding.saturating_sub(position * self.stride);
        let place = short.div_ceil(self.dilation);
        (position * self.stride + place * self.dilation).saturating_sub(self.padding).min(self.size - 1)
    }

    /// The places of a window that meet the input at any position.
    fn places(&self) -> Range<usize> {
        let from = self.padding.saturating_sub((self.output - 1) * self.stride).div_ceil(self.dilation);
        let to = (self.size + self.padding).div_ceil(self.dilation).min(self.kernel);
        from..to
    }

    /// The positions that meet the input at a place of the window.
    fn inside(&self, place: usize) -> Range<usize> {
        let shift = place * self.dilation;
        let from = self.padding.saturating_sub(shift).div_ceil(self.stride);
        let to = (self.size + self.padding).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        from.min(to)..to
    }
}

/// The places results go to. Tasks write ranges of their own.
#[derive(Clone, Copy)]
struct Target<T>(*mut T, *mut i64);
// SAFETY: every task writes lines of its own.
unsafe impl<T> Sync for Target<T> {}

fn run<T: Element + PartialOrd>(window: &Window, x: &Array, values: &Array, places: &Array, lowest: T) {
    let spatial = window.kernel.len();
    let outside = x.rank() - spatial;
    let one = Dim { size: 1, output: 1, kernel: 1, stride: 1, padding: 0, dilation: 1 };
    let mut dims = [one; 3];
    for i in 0..spatial {
        dims[3 - spatial + i] = Dim {
            size: x.shape()[outside + i],
            output: values.shape()[outside + i],
            kernel: window.kernel[i],
            stride: window.stride[i],
            padding: window.padding[i],
            dilation: window.dilation[i],
        };
    }
    let plane: usize = dims.iter().map(|dim| dim.size).product();
    let lines = values.numel() / dims[2].output.max(1);
    let work = dims.iter().map(|dim| dim.places().len()).product::<usize>().saturating_mul(dims[2].output);
    // SAFETY: `x` is row-major and locked for reading until all tasks have ended.
    let input = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>().cast_const(), x.numel()) };
    let target = Target(values.as_ptr().cast::<T>(), places.as_ptr().cast::<i64>());
    let width = dims[2].output;
    let task = |range: Range<usize>| {
        let Target(values, places) = { &target };
        for line in range {
            let (y, rest) = (line % dims[1].output, line / dims[1].output);
            let (z, plane_number) = (rest % dims[0].output, rest / dims[0].output);
            let input = &input[plane_number * plane..(plane_number + 1) * plane];
            // SAFETY: the line is one of the fresh result's, and this task's.
            let (values, places) = unsafe {
                (
                    std::slice::from_raw_parts_mut(values.add(line * width), width),
                    std::slice::from_raw_parts_mut(places.add(line * width), width),
                )
            };
            values.fill(lowest);
            pool_line(&dims, input, z, y, values, places);
        }
    };
    threads::divide_range(work.saturating_mul(lines) >= 2 * TASK, lines, TASK / work.max(1) + 1, &task);
}

/// The windows of one line of the output, whose values are the lowest so far.
fn pool_line<T: Element + PartialOrd>(
    dims: &[Dim; 3],
    input: &[T],
    z: usize,
    y: usize,
    values: &mut [T],
    places: &mut [i64],
) {
    let [depth, height, width] = dims;
    let corner = (depth.first(z) * height.size + height.first(y)) * width.size;
    places.iter_mut().enumerate().for_each(|(x, place)| *place = (corner + width.first(x)) as i64);
    for kz in depth.places() {
        for ky in height.places() {
            let (Some(z), Some(y)) = (depth.at(z, kz), height.at(y, ky)) else { continue };
            let start = (z * height.size + y) * width.size;
            let line = &input[start..start + width.size];
            for kx in width.places() {
                let range = width.inside(kx);
                let Some(first) = width.at(range.start, kx) else { continue };
                let from = line[first..].iter().step_by(width.stride);
                let to = values[range.clone()].iter_mut().zip(&mut places[range]);
                for (i, (&x, (value, place))) in from.zip(to).enumerate() {
                    // The last of several NaNs is named, as in PyTorch.
                    if x > *value || x.partial_cmp(&x).is_none() {
                        *value = x;
                        *place = (start + first + i * width.stride) as i64;
                    }
                }
            }
        }
    }
}
