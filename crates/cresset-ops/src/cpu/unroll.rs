//! Windows of an input unrolled into rows of memory, and added back to where they were taken from.

use std::ops::Range;

use cresset_tensor::{Array, Error, Result};

use super::gemm::Number;
use crate::op::Convolution;

/// The sizes of a convolution, with three spatial dimensions whatever their number.
#[derive(Clone, Debug)]
pub struct Geometry {
    pub images: usize,
    pub groups: usize,
    /// Input channels of a group.
    pub channels: usize,
    /// Output channels of a group.
    pub outputs: usize,
    /// Elements of a kernel.
    pub places: usize,
    /// Positions of the kernel: elements of a channel of the output.
    pub positions: usize,
    /// From one image of the input to the next.
    pub image_stride: isize,
    /// From one channel of the input to the next.
    pub channel_stride: isize,
    /// Where windows are single elements that lie in a line: how far apart.
    pub line: Option<isize>,
    size: [usize; 3],
    strides: [isize; 3],
    kernel: [usize; 3],
    output: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
}

/// Consecutive positions: all of several images, or some of one.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The first image.
    pub image: usize,
    /// How many images; one, unless they are whole.
    pub images: usize,
    /// The first position of each.
    pub start: usize,
    /// One past the last position of each.
    pub end: usize,
}

impl Stretch {
    /// How many positions.
    pub fn len(self) -> usize {
        self.images * (self.end - self.start)
    }
}

impl Geometry {
    /// Of the three arrays of a convolution, whose shapes were checked.
    pub fn new(convolution: &Convolution, x: &Array, w: &Array, y: &Array) -> Result<Geometry> {
        let spatial = convolution.stride.len();
        if spatial > 3 {
            return Err(Error::argument(
                "conv",
                format!("{spatial} spatial dimensions; there may be up to three"),
            ));
        }
        fn three<N: Copy>(list: &[N], fill: N) -> [N; 3] {
            let mut all = [fill; 3];
            all[3 - list.len()..].copy_from_slice(list);
            all
        }
        let groups = convolution.groups;
        let (size, strides) = (three(&x.shape()[2..], 1), three(&x.strides()[2..], 0));
        let (kernel, output) = (three(&w.shape()[2..], 1), three(&y.shape()[2..], 1));
        let (stride, padding) = (three(&convolution.stride, 1), three(&convolution.padding, 0));
        let single = kernel == [1; 3] && stride == [1; 3] && padding == [0; 3];
        // Each dimension must continue the one inside it.
        let mut line = single.then_some(0);
        let mut reach = 0;
        for dim in (0..3).rev().filter(|&dim| size[dim] > 1) {
            match line {
                Some(_) if reach == 0 => {
                    line = Some(strides[dim]);
                    reach = strides[dim].wrapping_mul(size[dim] as isize);
                }
                Some(_) if reach == strides[dim] => reach = reach.wrapping_mul(size[dim] as isize),
                _ => line = None,
            }
        }
        Ok(Geometry {
            images: x.shape()[0],
            groups,
            channels: w.shape()[1],
            outputs: w.shape()[0] / groups,
            places: kernel.iter().product(),
            positions: output.iter().product(),
            image_stride: x.strides()[0],
            channel_stride: x.strides()[1],
            line,
            size,
            strides,
            kernel,
            output,
            stride,
            padding,
            dilation: three(&convolution.dilation, 1),
        })
    }

    /// Elements of a channel of the input.
    pub fn plane(&self) -> usize {
        self.size.iter().product()
    }

    /// How many multiplications there are.
    pub fn work(&self) -> usize {
        [self.images, self.groups, self.outputs, self.positions, self.channels, self.places]
            .iter()
            .fold(1usize, |work, &n| work.saturating_mul(n))
    }

    /// Where in the input a position and a place of the kernel meet, along one dimension.
    fn meet(&self, dim: usize, position: usize, place: usize) -> Option<usize> {
        let at = position * self.stride[dim] + place * self.dilation[dim];
        at.checked_sub(self.padding[dim]).filter(|&at| at < self.size[dim])
    }

    /// The positions along the last dimension that meet the input at a place of the kernel.
    fn inside(&self, place: usize) -> Range<usize> {
        let (stride, shift) = (self.stride[2], place * self.dilation[2]);
        let from = self.padding[2].saturating_sub(shift).div_ceil(stride);
        let to = (self.size[2] + self.padding[2]).saturating_sub(shift).div_ceil(stride);
        from..to.min(self.output[2])
    }

    /// Calls `f(column, offset, count, step)` for every run of positions of a stretch that meets the input at a place
    /// of the kernel, and `outside(column, count)` for those that do not.
    fn runs(
        &self,
        stretch: Stretch,
        place: [usize; 3],
        mut outside: impl FnMut(usize, usize),
        mut f: impl FnMut(usize, isize, usize, isize),
    ) {
        let width = self.output[2];
        let inside = self.inside(place[2]);
        let step = self.strides[2].wrapping_mul(self.stride[2] as isize);
        let mut column = 0;
        for image in stretch.image..stretch.image + stretch.images {
            let mut position = stretch.start;
            while position < stretch.end {
                let (line, from) = (position / width, position % width);
                let to = (from + stretch.end - position).min(width);
                let count = to - from;
                let (z, y) = (line / self.output[1], line % self.output[1]);
                match (self.meet(0, z, place[0]), self.meet(1, y, place[1])) {
                    (Some(z), Some(y)) => {
                        let first = inside.start.clamp(from, to);
                        let last = inside.end.clamp(first, to);
                        outside(column, first - from);
                        if last > first {
                            let x = first * self.stride[2] + place[2] * self.dilation[2] - self.padding[2];
                            let offset = image as isize * self.image_stride
                                + z as isize * self.strides[0]
                                + y as isize * self.strides[1]
                                + x as isize * self.strides[2];
                            f(column + first - from, offset, last - first, step);
                        }
                        outside(column + last - from, to - last);
                    }
                    _ => outside(column, count),
                }
                column += count;
                position += count;
            }
        }
    }

    /// Every channel and place of the kernel, in the order of rows.
    fn rows(&self, group: usize, channels: Range<usize>) -> impl Iterator<Item = (isize, [usize; 3])> + '_ {
        let [depth, height, width] = self.kernel;
        channels.flat_map(move |channel| {
            let offset = (group * self.channels + channel) as isize * self.channel_stride;
            (0..depth).flat_map(move |z| {
                (0..height).flat_map(move |y| (0..width).map(move |x| (offset, [z, y, x])))
            })
        })
    }
}

/// Writes the windows of a stretch: a row for each channel and place in the kernel, a column for each position.
///
/// # Safety
/// `x` is where the input starts, which may be read; `columns` has room for all rows, and is the caller's.
pub unsafe fn unroll<T: Number>(
    geometry: &Geometry,
    x: *const T,
    group: usize,
    channels: Range<usize>,
    stretch: Stretch,
    columns: *mut T,
) {
    let len = stretch.len();
    for (row, (offset, place)) in geometry.rows(group, channels).enumerate() {
        // SAFETY: the row is inside of `columns`; runs stay inside of the row and of the input.
        unsafe {
            let (row, x) = (columns.add(row * len), x.offset(offset));
            geometry.runs(
                stretch,
                place,
                |column, count| (0..count).for_each(|i| row.add(column + i).write(T::ZERO)),
                |column, offset, count, step| {
                    let (to, from) = (row.add(column), x.offset(offset));
                    if step == 1 {
                        std::ptr::copy_nonoverlapping(from, to, count);
                    } else {
                        (0..count).for_each(|i| to.add(i).write(*from.offset(i as isize * step)));
                    }
                },
            );
        }
    }
}

/// Adds every row to where [`unroll`] would have taken it from.
///
/// # Safety
/// `columns` has all rows; `x` is where the result starts, of which these images and channels are the caller's.
pub unsafe fn add_back<T: Number>(
    geometry: &Geometry,
    columns: *const T,
    group: usize,
    channels: Range<usize>,
    stretch: Stretch,
    x: *mut T,
) {
    let len = stretch.len();
    for (row, (offset, place)) in geometry.rows(group, channels).enumerate() {
        // SAFETY: as of `unroll`.
        unsafe {
            let (row, x) = (columns.add(row * len), x.offset(offset));
            geometry.runs(
                stretch,
                place,
                |_, _| {},
                |column, offset, count, step| {
                    let (from, to) = (row.add(column), x.offset(offset));
                    for i in 0..count {
                        let to = to.offset(i as isize * step);
                        to.write(T::plus(*to, *from.add(i)));
                    }
                },
            );
        }
    }
}
