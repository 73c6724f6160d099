//! Convolution: the three products of its trilinear form, each as products of matrices over unrolled windows.
//!
//! With the windows of a stretch of positions unrolled into `columns` (a row for each channel and place in the kernel,
//! a column for each position), `y = w·columns`, `w = y·columnsᵀ`, and `x` is `wᵀ·y` with every row added back to where
//! it was taken from. `unroll` does the moving.

use cresset_tensor::{Array, DType, Error, Locks, Result, memory};

use super::{
    by_panels, convert, copy,
    gemm::{Matrix, Number, Size, multiplied, multiply},
    panels, threads,
    unroll::{Geometry, Stretch, add_back, unroll},
};
use crate::{
    infer::Meta,
    op::{Convolution, Role},
};

/// Multiplications below which no other thread is called.
pub const PARALLEL: usize = 1 << 18;
/// Elements of the unrolled windows that are multiplied at once: they stay in the second-level cache.
const COLUMNS: usize = 1 << 17;
/// Positions that make a product worth its packing; images with fewer are taken several at once.
const POSITIONS: usize = 128;
/// Partial sums over images where there are not enough channels to divide the work by.
const PARTS: usize = 8;

/// Elements of the output that a task adds to.
const PIECE: usize = 1 << 14;

/// One of the three products of a convolution; the third input, if there is one, is added to its channels.
pub fn biased(convolution: &Convolution, inputs: &[&Array], meta: &Meta) -> Result<Array> {
    let &[a, b, bias] = inputs else { return convolve(convolution, inputs[0], inputs[1], meta) };
    let wide = multiplied(meta.dtype).unwrap_or(meta.dtype);
    if wide != meta.dtype {
        let wider = Meta { shape: meta.shape.clone(), dtype: wide };
        let inputs = [convert(a, wide)?, convert(b, wide)?, convert(bias, wide)?];
        return convert(&biased(convolution, &[&inputs[0], &inputs[1], &inputs[2]], &wider)?, meta.dtype);
    }
    let y = convolve(convolution, a, b, meta)?;
    match wide {
        DType::F64 => add_channels::<f64>(&y, bias),
        DType::F32 => add_channels::<f32>(&y, bias),
        _ => add_channels::<i64>(&y, bias),
    }
    Ok(y)
}

/// Adds a number to every channel of a fresh array.
fn add_channels<T: Number>(y: &Array, bias: &Array) {
    let (channels, positions) = (y.shape()[1], y.shape()[2..].iter().product::<usize>());
    let _locks = Locks::reading(&[bias]);
    let (start, numbers, step) = (y.as_ptr() as usize, bias.as_ptr() as usize, bias.strides()[0]);
    let planes = y.shape()[0] * channels;
    let several = (PIECE / positions.max(1)).max(1);
    threads::divide_range(y.numel() >= 4 * PIECE, planes, several, &|range| {
        for plane in range {
            // SAFETY: the bias is locked and has a number for each channel; each task has planes of its own of the result,
            // which is fresh and contiguous.
            let (plane, number) = unsafe {
                let first = (start as *mut T).add(plane * positions);
                let number = (numbers as *const T).offset((plane % channels) as isize * step);
                (std::slice::from_raw_parts_mut(first, positions), *number)
            };
            plane.iter_mut().for_each(|y| *y = T::plus(*y, number));
        }
    });
}

fn convolve(convolution: &Convolution, a: &Array, b: &Array, meta: &Meta) -> Result<Array> {
    let dtype = meta.dtype;
    match multiplied(dtype) {
        Some(DType::F64) if dtype == DType::F64 => product::<f64>(convolution, a, b, meta),
        Some(DType::F32) if dtype == DType::F32 => match panels::kernel() {
            Some(kernel) => by_panels::convolve(kernel, convolution, a, b, meta),
            None => product::<f32>(convolution, a, b, meta),
        },
        Some(DType::I64) if dtype == DType::I64 => product::<i64>(convolution, a, b, meta),
        Some(wide) => {
            let wider = Meta { shape: meta.shape.clone(), dtype: wide };
            convert(&convolve(convolution, &convert(a, wide)?, &convert(b, wide)?, &wider)?, dtype)
        }
        None => Err(Error::dtype("conv", format!("not defined for {dtype}; convert with to_dtype first"))),
    }
}

fn product<T: Number>(convolution: &Convolution, a: &Array, b: &Array, meta: &Meta) -> Result<Array> {
    let dense = |x: &Array| if x.is_contiguous() { Ok(x.clone()) } else { copy::contiguous(x) };
    // The input is read through its strides, weight and output as matrices.
    let (a, b) = match convolution.role {
        Role::Output | Role::Weight => (a.clone(), dense(b)?),
        Role::Input => (dense(a)?, dense(b)?),
    };
    let result = Array::uninitialised("conv", meta.shape.clone(), meta.dtype)?;
    let (x, w, y) = match convolution.role {
        Role::Output => (&a, &b, &result),
        Role::Input => (&result, &a, &b),
        Role::Weight => (&a, &result, &b),
    };
    let geometry = Geometry::new(convolution, x, w, y)?;
    let job = Job { geometry, x: x.as_ptr().cast::<T>(), w: w.as_ptr().cast(), y: y.as_ptr().cast() };
    let _locks = Locks::new([a.storage(), b.storage()].into_iter(), std::iter::empty());
    match convolution.role {
        Role::Output => job.output()?,
        Role::Input => job.input()?,
        Role::Weight => job.weight()?,
    }
    drop(_locks);
    Ok(result)
}

fn no_memory() -> Error {
    Error::memory("conv", "out of memory for the unrolled windows")
}

struct Job<T> {
    geometry: Geometry,
    x: *mut T,
    w: *mut T,
    y: *mut T,
}

// SAFETY: inputs are locked for reading; every task writes a part of the fresh result that no other one touches.
unsafe impl<T> Sync for Job<T> {}

/// Memory for one task's intermediate values.
struct Scratch<T> {
    block: memory::Block,
    element: std::marker::PhantomData<T>,
}

impl<T> Scratch<T> {
    fn new(elements: usize) -> Option<Scratch<T>> {
        let block = memory::take(elements.checked_mul(size_of::<T>())?)?;
        Some(Scratch { block, element: std::marker::PhantomData })
    }

    fn matrix(&self, columns: usize) -> Matrix<T> {
        Matrix { start: self.block.as_ptr().cast(), row: columns as isize, column: 1 }
    }
}

impl<T: Number> Job<T> {
    /// Weights of a group: a row for each output channel, columns from a channel on.
    fn weights(&self, group: usize, channel: usize) -> Matrix<T> {
        let g = &self.geometry;
        let row = g.channels * g.places;
        let start = self.w.wrapping_add(group * g.outputs * row + channel * g.places);
        Matrix { start, row: row as isize, column: 1 }
    }

    /// Values of `y` of one image and group: a row for each output channel, columns from a position on.
    fn values(&self, image: usize, group: usize, position: usize) -> Matrix<T> {
        let g = &self.geometry;
        let start = self.y.wrapping_add((image * g.groups + group) * g.outputs * g.positions + position);
        Matrix { start, row: g.positions as isize, column: 1 }
    }

    /// The input itself as unrolled windows, where these are single elements in a line.
    fn direct(&self, image: usize, group: usize, channel: usize, position: usize) -> Option<Matrix<T>> {
        let g = &self.geometry;
        let step = g.line?;
        let channel = (group * g.channels + channel) as isize;
        let shift = image as isize * g.image_stride + channel * g.channel_stride + position as isize * step;
        Some(Matrix { start: self.x.wrapping_offset(shift), row: g.channel_stride, column: step })
    }

    /// The stretches of positions that are multiplied at once: so many images, or so many positions of an image.
    fn stretches(&self, rows: usize) -> Stretches {
        let g = &self.geometry;
        let most = (COLUMNS / rows.max(1)).clamp(POSITIONS, 4096);
        let images = if g.positions < POSITIONS { (most / g.positions.max(1)).max(1) } else { 1 };
        let positions = if images > 1 { g.positions } else { most };
        Stretches {
            images,
            positions: positions.max(1),
            total_images: g.images,
            total_positions: g.positions,
        }
    }

    /// Runs all tasks; one that finds no memory says `None`.
    fn parallel(&self, tasks: usize, task: impl Fn(usize) -> Option<()> + Sync) -> Result<()> {
        threads::try_divide(self.geometry.work() >= PARALLEL, tasks, &task).ok_or_else(no_memory)
    }

    fn output(&self) -> Result<()> {
        let g = &self.geometry;
        let rows = g.channels * g.places;
        let stretches = self.stretches(rows);
        let count = stretches.count();
        self.parallel(count * g.groups, |task| {
            let (group, stretch) = (task % g.groups, stretches.get(task / g.groups));
            let size = Size { m: g.outputs, k: rows, n: stretch.len() };
            let direct =
                (stretch.images == 1).then(|| self.direct(stretch.image, group, 0, stretch.start)).flatten();
            let scratch = Scratch::new(if direct.is_some() { 0 } else { rows * stretch.len() })?;
            let columns = direct.unwrap_or_else(|| {
                let columns = scratch.matrix(stretch.len());
                // SAFETY: the input is locked; the scratch has a row for each channel and place, and is ours.
                unsafe { unroll(g, self.x, group, 0..g.channels, stretch, columns.start) };
                columns
            });
            if stretch.images == 1 {
                let values = self.values(stretch.image, group, stretch.start);
                // SAFETY: weights are locked, columns were just written, the values are this task's.
                unsafe { multiply(size, self.weights(group, 0), columns, false, values) };
                return Some(());
            }
            let result = Scratch::new(g.outputs * stretch.len())?;
            // SAFETY: as above, into memory of our own, of which every image gets its part.
            unsafe {
                multiply(size, self.weights(group, 0), columns, false, result.matrix(stretch.len()));
                self.exchange(group, stretch, result.matrix(stretch.len()), |inside, outside| {
                    *outside = *inside
                });
            }
            Some(())
        })
    }

    fn input(&self) -> Result<()> {
        let g = &self.geometry;
        // A task has some channels of some images to itself.
        let stretches = self.stretches(g.places * 16.min(g.channels));
        let channels = (2 * COLUMNS / (g.places * stretches.len()).max(1)).clamp(1, g.channels.max(1));
        let (blocks, sets) = (g.channels.div_ceil(channels), g.images.div_ceil(stretches.images));
        self.parallel(sets * g.groups * blocks, |task| {
            let (set, rest) = (task / (g.groups * blocks), task % (g.groups * blocks));
            let (group, first) = (rest / blocks, rest % blocks * channels);
            let range = first..(first + channels).min(g.channels);
            let rows = range.len() * g.places;
            let images = set * stretches.images..((set + 1) * stretches.images).min(g.images);
            let plane = g.plane();
            if g.line.is_none() || stretches.images > 1 {
                for image in images.clone() {
                    let start = (image * g.groups + group) * g.channels + first;
                    // SAFETY: the result is row-major, and these channels of it are this task's.
                    let zeros = unsafe {
                        std::slice::from_raw_parts_mut(self.x.add(start * plane), range.len() * plane)
                    };
                    zeros.fill(T::ZERO);
                }
            }
            for stretch in stretches.of_images(images) {
                let size = Size { m: rows, k: g.outputs, n: stretch.len() };
                let weights = self.weights(group, first).transposed();
                let gathered = self.gather(group, stretch)?;
                let values = gathered.as_ref().map_or_else(
                    || self.values(stretch.image, group, stretch.start),
                    |scratch| scratch.matrix(stretch.len()),
                );
                let direct = (stretch.images == 1)
                    .then(|| self.direct(stretch.image, group, first, stretch.start))
                    .flatten();
                let scratch = Scratch::new(if direct.is_some() { 0 } else { rows * stretch.len() })?;
                let columns = direct.unwrap_or_else(|| scratch.matrix(stretch.len()));
                // SAFETY: weights and values are locked or ours; columns are ours, or the task's part of the result.
                unsafe {
                    multiply(size, weights, values, false, columns);
                    if direct.is_none() {
                        add_back(g, columns.start, group, range.clone(), stretch, self.x);
                    }
                }
            }
            Some(())
        })
    }

    fn weight(&self) -> Result<()> {
        let g = &self.geometry;
        let stretches = self.stretches(g.places * 16.min(g.channels));
        let channels = (COLUMNS / (g.places * stretches.len()).max(1)).clamp(1, g.channels.max(1));
        let blocks = g.channels.div_ceil(channels);
        let total = stretches.count();
        // Where channels make few tasks, stretches are summed in parts, and the parts in order.
        let parts = if blocks * g.groups >= PARTS || g.work() < PARALLEL { 1 } else { total.clamp(1, PARTS) };
        let elements = g.groups * g.outputs * g.channels * g.places;
        let partial: Scratch<T> = Scratch::new((parts - 1) * elements).ok_or_else(no_memory)?;
        let row = g.channels * g.places;
        self.parallel(parts * g.groups * blocks, |task| {
            let (part, rest) = (task / (g.groups * blocks), task % (g.groups * blocks));
            let (group, first) = (rest / blocks, rest % blocks * channels);
            let range = first..(first + channels).min(g.channels);
            let columns_count = range.len() * g.places;
            let mut weights = self.weights(group, first);
            if part > 0 {
                let shift = (part - 1) * elements + group * g.outputs * row + first * g.places;
                weights = partial.matrix(row).shift(shift as isize);
            }
            let (from, to) = (total * part / parts, total * (part + 1) / parts);
            if from == to {
                let none = Size { m: g.outputs, k: 0, n: columns_count };
                // SAFETY: zeros into this task's part of the result.
                unsafe { multiply(none, weights, weights, false, weights) };
            }
            for number in from..to {
                let stretch = stretches.get(number);
                let gathered = self.gather(group, stretch)?;
                let values = gathered.as_ref().map_or_else(
                    || self.values(stretch.image, group, stretch.start),
                    |scratch| scratch.matrix(stretch.len()),
                );
                let direct = (stretch.images == 1)
                    .then(|| self.direct(stretch.image, group, first, stretch.start))
                    .flatten();
                let scratch = Scratch::new(if direct.is_some() { 0 } else { columns_count * stretch.len() })?;
                let columns = direct.unwrap_or_else(|| {
                    let columns = scratch.matrix(stretch.len());
                    // SAFETY: the input is locked; the scratch has a row for each channel and place, and is ours.
                    unsafe { unroll(g, self.x, group, range.clone(), stretch, columns.start) };
                    columns
                });
                let size = Size { m: g.outputs, k: stretch.len(), n: columns_count };
                // SAFETY: values and columns are locked or ours, the weights this task's part.
                unsafe { multiply(size, values, columns.transposed(), number > from, weights) };
            }
            Some(())
        })?;
        for part in 1..parts {
            // SAFETY: all tasks have ended; the result and the partial sums are ours alone.
            unsafe {
                let sums = std::slice::from_raw_parts_mut(self.w, elements);
                let more = partial.matrix(row).start.add((part - 1) * elements).cast_const();
                let more = std::slice::from_raw_parts(more, elements);
                sums.iter_mut().zip(more).for_each(|(sum, &more)| *sum = T::plus(*sum, more));
            }
        }
        Ok(())
    }

    /// The values of several images side by side; nothing where one image has them in place. `None` without memory.
    fn gather(&self, group: usize, stretch: Stretch) -> Option<Option<Scratch<T>>> {
        if stretch.images == 1 {
            return Some(None);
        }
        let scratch = Scratch::new(self.geometry.outputs * stretch.len())?;
        // SAFETY: the values are locked, the scratch is ours.
        unsafe {
            self.exchange(group, stretch, scratch.matrix(stretch.len()), |inside, outside| *inside = *outside)
        };
        Some(Some(scratch))
    }

    /// Pairs a matrix of several images' values with where these lie in `y`.
    ///
    /// # Safety
    /// What `f` reads may be read, and what it writes is the caller's.
    unsafe fn exchange(&self, group: usize, stretch: Stretch, matrix: Matrix<T>, f: impl Fn(&mut T, &mut T)) {
        let g = &self.geometry;
        for image in 0..stretch.images {
            let values = self.values(stretch.image + image, group, 0);
            for row in 0..g.outputs {
                let inside = matrix.at(row, image * g.positions).start;
                let outside = values.at(row, 0).start;
                for i in 0..g.positions {
                    // SAFETY: both have a place for every output channel and position of the image.
                    unsafe { f(&mut *inside.add(i), &mut *outside.add(i)) };
                }
            }
        }
    }
}

/// How all positions of all images are divided.
#[derive(Clone, Copy)]
struct Stretches {
    /// Whole images in a stretch; 1 where an image is divided.
    images: usize,
    /// Positions of an image in a stretch.
    positions: usize,
    total_images: usize,
    total_positions: usize,
}

impl Stretches {
    fn per_image(&self) -> usize {
        self.total_positions.div_ceil(self.positions)
    }

    fn count(&self) -> usize {
        self.total_images.div_ceil(self.images) * self.per_image()
    }

    /// The most positions a stretch has.
    fn len(&self) -> usize {
        self.images * self.positions.min(self.total_positions)
    }

    fn get(&self, number: usize) -> Stretch {
        let (set, part) = (number / self.per_image(), number % self.per_image());
        let (image, start) = (set * self.images, part * self.positions);
        Stretch {
            image,
            images: self.images.min(self.total_images - image),
            start,
            end: (start + self.positions).min(self.total_positions),
        }
    }

    fn of_images(self, images: std::ops::Range<usize>) -> impl Iterator<Item = Stretch> {
        let per = self.per_image();
        let (from, to) = (images.start / self.images, images.end.div_ceil(self.images));
        (from * per..to * per).map(move |number| self.get(number))
    }
}
