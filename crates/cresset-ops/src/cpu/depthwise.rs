//! Convolutions with a group for every channel: a plane at a time, copied with its padding, and gone through once for every
//! few taps of the kernel. There is too little to multiply for panels.

use cresset_tensor::{Error, Result};

use super::{
    correlate::Correlation,
    padded::Padded,
    panels::{Kernel, Patches, Scratch},
    simd::for_every_simd,
    threads,
    weigh::Weighing,
    windows::Move,
};
use crate::math::Fma;

/// Taps for which sums are read and written once.
const TAPS: usize = 4;
/// Running sums of a dot product.
const LANES: usize = 64;

/// Sums over taps, at all positions of a plane: `sums[i] = Σ factor·source[tap + i]`.
struct Sums<'a> {
    source: &'a [f32],
    taps: &'a [usize],
    factors: &'a [f32],
    sums: &'a mut [f32],
}

for_every_simd! { fn add_taps(job: &mut Sums) = add_taps_by }

#[inline(always)]
fn add_taps_by<F: Fma>(job: &mut Sums) {
    job.sums.fill(0.0);
    let len = job.sums.len();
    for (taps, factors) in job.taps.chunks(TAPS).zip(job.factors.chunks(TAPS)) {
        if let (&[a, b, c, d], &[p, q, r, s]) = (taps, factors) {
            let [a, b, c, d] = [a, b, c, d].map(|tap| &job.source[tap..tap + len]);
            for (i, sum) in job.sums.iter_mut().enumerate() {
                let first = F::mul_add(q, b[i], F::mul_add(p, a[i], *sum));
                *sum = F::mul_add(s, d[i], F::mul_add(r, c[i], first));
            }
            continue;
        }
        for (&tap, &factor) in taps.iter().zip(factors) {
            let source = &job.source[tap..tap + len];
            job.sums.iter_mut().zip(source).for_each(|(sum, &x)| *sum = F::mul_add(factor, x, *sum));
        }
    }
}

/// Products of a plane with itself moved on, summed: `sums[t] += Σ source[taps[t] + i]·other[i]`.
struct Dots<'a> {
    source: &'a [f32],
    taps: &'a [usize],
    other: &'a [f32],
    sums: &'a mut [f32],
}

for_every_simd! { fn add_dots(job: &mut Dots) = add_dots_by }

#[inline(always)]
fn add_dots_by<F: Fma>(job: &mut Dots) {
    let (others, rest) = job.other.as_chunks::<LANES>();
    for (&tap, sum) in job.taps.iter().zip(job.sums.iter_mut()) {
        let (sources, rest_of_source) = job.source[tap..tap + job.other.len()].as_chunks::<LANES>();
        let mut sums = [0.0_f32; LANES];
        for (x, y) in sources.iter().zip(others) {
            for l in 0..LANES {
                sums[l] = F::mul_add(x[l], y[l], sums[l]);
            }
        }
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for l in 0..width {
                sums[l] += sums[l + width];
            }
        }
        let last: f32 = rest_of_source.iter().zip(rest).map(|(x, y)| x * y).sum();
        *sum += sums[0] + last;
    }
}

/// A plane's copy, and room for as many numbers as there are positions in it.
struct Plane<'a> {
    kernel: &'static Kernel,
    copy: &'a Padded,
    scratch: Scratch,
    /// Elements of the copy, with what is read behind it.
    source: usize,
}

impl Plane<'_> {
    fn new<'a>(kernel: &'static Kernel, copy: &'a Padded) -> Option<Plane<'a>> {
        let copied = copy.parts.len() * copy.part();
        // The padding that lines share is missing after the last one.
        let source = (copied + copy.reach[1]).next_multiple_of(16);
        let scratch = Scratch::new(source + copy.band * copy.pitch)?;
        let rest = source - copied + copy.band * copy.pitch;
        // SAFETY: so much was taken.
        unsafe { std::slice::from_raw_parts_mut(scratch.start().add(copied), rest) }.fill(0.0);
        Some(Plane { kernel, copy, scratch, source })
    }

    /// Positions, padding at the end of each line among them.
    fn len(&self) -> usize {
        (self.copy.band - 1) * self.copy.pitch + self.copy.count[1]
    }

    /// Copies a plane.
    ///
    /// # Safety
    /// Where the moves say the plane may be read.
    unsafe fn copy(&mut self, stride: isize, moves: &[Move], source: *const f32) {
        let patches =
            Patches { source, channel: 0, channels: 1, stride, moves, target: self.scratch.start(), rows: 0 };
        // SAFETY: the caller's; the scratch has room.
        unsafe { self.kernel.patches(&patches) };
    }

    /// The copy, once it was made, and the numbers, which are zero at first.
    fn parts(&mut self) -> (&[f32], &mut [f32]) {
        let start = self.scratch.start();
        // SAFETY: so much was taken, and written: all of the parts by `copy`; the two do not overlap.
        unsafe {
            let source = std::slice::from_raw_parts(start.cast_const(), self.source);
            (source, std::slice::from_raw_parts_mut(start.add(self.source), self.len()))
        }
    }
}

impl Correlation {
    /// How planes are copied, if every channel has a group of its own.
    pub fn depthwise_copy(&self) -> Option<Padded> {
        (self.rows == 1 && self.channels == 1 && self.groups > 1).then(|| Padded::new(&self.phases))?
    }

    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Correlation::run`].
    pub unsafe fn depthwise(&self, copy: &Padded) -> Result<()> {
        let first = &self.phases[0];
        let moves = copy.moves(first, 0..copy.band, self.kernel.lanes);
        threads::try_divide(self.parallel, first.images * self.groups, &|number| {
            let (image, group) = (number / self.groups, number % self.groups);
            let mut plane = Plane::new(self.kernel, copy)?;
            let at = image as isize * first.input.image + group as isize * first.input.channel;
            // SAFETY: the caller's.
            unsafe { plane.copy(first.stride(), &moves, self.input.wrapping_offset(at)) };
            for phase in self.phases.iter().filter(|phase| !phase.places.is_empty()) {
                let taps: Vec<usize> = phase.taps().iter().map(|&tap| copy.tap(tap)).collect();
                let start = self.weights.start.wrapping_offset(group as isize * self.weights.group);
                // SAFETY: the caller's.
                let factors: Vec<f32> =
                    phase.places.iter().map(|&place| unsafe { *start.add(place) }).collect();
                let (source, sums) = plane.parts();
                add_taps(&mut Sums { source, taps: &taps, factors: &factors, sums });
                let [z, y, x] = &phase.axes;
                let dims = phase.output.dims;
                let step = phase.spread();
                for line in 0..y.count {
                    let own = &sums[line * copy.pitch..line * copy.pitch + x.count];
                    let at = z.start as isize * dims[0]
                        + (line * y.spread + y.start) as isize * dims[1]
                        + x.start as isize * dims[2];
                    let at = at + image as isize * phase.output.image + group as isize * phase.output.channel;
                    let to = self.result.wrapping_offset(at);
                    // SAFETY: the line is one of the result's, and this plane this task's.
                    unsafe {
                        if step == 1 {
                            std::ptr::copy_nonoverlapping(own.as_ptr(), to, x.count);
                        } else {
                            own.iter()
                                .enumerate()
                                .for_each(|(i, &sum)| to.offset(i as isize * step).write(sum));
                        }
                    }
                }
            }
            Some(())
        })
        .ok_or_else(|| Error::memory("conv", "out of memory for a copied plane"))
    }
}

impl Weighing {
    /// How planes are copied, if every channel has a group of its own.
    pub fn depthwise_copy(&self) -> Option<Padded> {
        let own = self.outputs == 1 && self.channels == 1 && self.groups > 1;
        own.then(|| Padded::new(std::slice::from_ref(&self.windows)))?
    }

    /// Computes all of it.
    ///
    /// # Safety
    /// As of [`Weighing::run`].
    pub unsafe fn depthwise(&self, copy: &Padded) -> Result<()> {
        let windows = &self.windows;
        let taps: Vec<usize> = windows.taps().iter().map(|&tap| copy.tap(tap)).collect();
        let positions = windows.positions();
        let (lines, width) = (copy.count[0], copy.count[1]);
        let moves = copy.moves(windows, 0..copy.band, self.kernel.lanes);
        threads::try_divide(self.parallel, self.groups, &|group| {
            let mut plane = Plane::new(self.kernel, copy)?;
            let mut sums = vec![0.0_f32; taps.len()];
            for image in 0..windows.images {
                let at = image as isize * windows.input.image + group as isize * windows.input.channel;
                // SAFETY: the caller's.
                unsafe { plane.copy(windows.stride(), &moves, self.x.wrapping_offset(at)) };
                // Between the lines of `y` the numbers stay zero.
                let (source, y) = plane.parts();
                let from = self.y.wrapping_add((image * self.groups + group) * positions);
                for line in 0..lines {
                    let own = &mut y[line * copy.pitch..line * copy.pitch + width];
                    // SAFETY: the caller's: `y` is row-major.
                    let line = unsafe { std::slice::from_raw_parts(from.add(line * width), width) };
                    own.copy_from_slice(line);
                }
                add_dots(&mut Dots { source, taps: &taps, other: y, sums: &mut sums });
            }
            // SAFETY: these are this group's of the result.
            let own =
                unsafe { std::slice::from_raw_parts_mut(self.result.add(group * self.places), self.places) };
            own.fill(0.0);
            windows.places.iter().zip(sums).for_each(|(&place, sum)| own[place] = sum);
            Some(())
        })
        .ok_or_else(|| Error::memory("conv_weight", "out of memory for a copied plane"))
    }
}
