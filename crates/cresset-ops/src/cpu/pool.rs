//! The largest of every window, and where it lies.

use std::ops::Range;

use cresset_tensor::{Array, DType, Element, Error, Locks, Result};
use smallvec::{SmallVec, smallvec};

use super::{convert, copy, plan::Lane, pool_lanes, threads};
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
            DType::F64 => run(window, &x, &largest, &places, f64::NEG_INFINITY, plain),
            DType::I64 => run(window, &x, &largest, &places, lowest(dtype), plain),
            _ => {
                // Lanes count places in 32 bits.
                let lanes = pool_lanes::loops().filter(|_| x.numel() <= i32::MAX as usize);
                run(window, &x, &largest, &places, f32::NEG_INFINITY, lanes.unwrap_or(plain));
            }
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
pub struct Dim {
    pub size: usize,
    pub output: usize,
    kernel: usize,
    pub stride: usize,
    pub padding: usize,
    dilation: usize,
}

impl Dim {
    /// Where in the input the place of a window lies.
    pub fn at(&self, position: usize, place: usize) -> Option<usize> {
        let at = position * self.stride + place * self.dilation;
        at.checked_sub(self.padding).filter(|&at| at < self.size)
    }

    /// The first element of a window inside of the input. (A window that falls between all elements names the last.)
    pub fn first(&self, position: usize) -> usize {
        let short = self.padding.saturating_sub(position * self.stride);
        let place = short.div_ceil(self.dilation);
        (position * self.stride + place * self.dilation).saturating_sub(self.padding).min(self.size - 1)
    }

    /// The places of a window that meet the input at any position.
    pub fn places(&self) -> Range<usize> {
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

/// A place of the window along a line: how far from `position·stride` it looks, and the positions that meet the input.
pub struct Tap {
    pub shift: isize,
    pub inside: Range<usize>,
}

/// Some lines of the output, to be computed.
pub struct Lines<'a, T> {
    pub dims: &'a [Dim; 3],
    pub taps: &'a [Tap],
    pub input: &'a [T],
    /// Below everything.
    pub lowest: T,
    pub range: Range<usize>,
    /// Those of the range.
    pub values: &'a mut [T],
    pub places: &'a mut [i64],
}

/// What a line of the output is made of.
pub struct Sources<T> {
    /// The plane of the input.
    pub plane: *const T,
    /// Where in it the lines start that are looked at, in order.
    pub lines: SmallVec<[usize; 8]>,
    /// Where the line starts that is named if nothing is larger than the lowest.
    pub corner: usize,
}

impl<T> Lines<'_, T> {
    /// What a line is made of.
    pub fn sources(&self, line: usize) -> Sources<T> {
        let [depth, height, width] = self.dims;
        let (y, rest) = (line % height.output, line / height.output);
        let (z, plane) = (rest % depth.output, rest / depth.output);
        let met = depth.places().filter_map(|place| depth.at(z, place)).flat_map(|z| {
            let inside = height.places().filter_map(move |place| height.at(y, place));
            inside.map(move |y| (z * height.size + y) * width.size)
        });
        Sources {
            plane: self.input[plane * depth.size * height.size * width.size..].as_ptr(),
            lines: met.collect(),
            corner: (depth.first(z) * height.size + height.first(y)) * width.size,
        }
    }
}

fn run<T: Element + PartialOrd>(
    window: &Window,
    x: &Array,
    values: &Array,
    places: &Array,
    lowest: T,
    lines: fn(&mut Lines<T>),
) {
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
    let count = values.numel() / dims[2].output.max(1);
    let work = dims.iter().map(|dim| dim.places().len()).product::<usize>().saturating_mul(dims[2].output);
    if count == 0 {
        return;
    }
    let tap = |place: usize| Tap {
        shift: (place * dims[2].dilation) as isize - dims[2].padding as isize,
        inside: dims[2].inside(place),
    };
    let taps: Vec<Tap> = dims[2].places().map(tap).collect();
    // SAFETY: `x` is row-major and locked for reading until all tasks have ended.
    let input = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>().cast_const(), x.numel()) };
    let target = Target(values.as_ptr().cast::<T>(), places.as_ptr().cast::<i64>());
    let width = dims[2].output;
    let task = |range: Range<usize>| {
        let Target(values, places) = { &target };
        let (start, len) = (range.start * width, range.len() * width);
        // SAFETY: the lines are some of the fresh result's, and this task's.
        let (values, places) = unsafe {
            (
                std::slice::from_raw_parts_mut(values.add(start), len),
                std::slice::from_raw_parts_mut(places.add(start), len),
            )
        };
        lines(&mut Lines { dims: &dims, taps: &taps, input, lowest, range, values, places });
    };
    threads::divide_range(work.saturating_mul(count) >= 2 * TASK, count, TASK / work.max(1) + 1, &task);
}

/// One window after the other.
fn plain<T: Element + PartialOrd>(job: &mut Lines<T>) {
    let width = job.dims[2];
    for (number, line) in job.range.clone().enumerate() {
        let sources = job.sources(line);
        let own = number * width.output..(number + 1) * width.output;
        let (values, places) = (&mut job.values[own.clone()], &mut job.places[own]);
        values.fill(job.lowest);
        let named = (0..width.output).map(|x| (sources.corner + width.first(x)) as i64);
        places.iter_mut().zip(named).for_each(|(place, named)| *place = named);
        for start in sources.lines {
            for tap in job.taps {
                for i in tap.inside.clone() {
                    let at = start + ((i * width.stride) as isize + tap.shift) as usize;
                    // SAFETY: the position meets the input at this place.
                    let x = unsafe { *sources.plane.add(at) };
                    // The last of several NaNs is named, as in PyTorch.
                    if x > values[i] || x.partial_cmp(&x).is_none() {
                        values[i] = x;
                        places[i] = at as i64;
                    }
                }
            }
        }
    }
}
