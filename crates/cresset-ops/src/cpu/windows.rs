//! Which elements of images meet which elements of a kernel, in pieces that fit a vector register.
//!
//! A convolution is one phase; its transposed form with stride s has s phases in each dimension, every one of them a
//! convolution without stride of its own places of the kernel.

use std::ops::Range;

use smallvec::SmallVec;

/// One dimension of a phase: position `t` meets element `t·step + offset` of the input at each of its taps, and is
/// position `t·spread + start` of the output.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// How many positions.
    pub count: usize,
    pub step: usize,
    /// Elements of the input.
    pub size: usize,
    /// Places of the kernel, and how far from `t·step` each looks.
    pub taps: SmallVec<[(usize, isize); 8]>,
    pub start: usize,
    pub spread: usize,
}

/// One dimension of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub input: usize,
    pub kernel: usize,
    pub output: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
}

impl Sizes {
    fn offset(&self, place: usize) -> isize {
        (place * self.dilation) as isize - self.padding as isize
    }

    /// From input to output.
    pub fn forward(&self) -> Axis {
        let taps = (0..self.kernel).map(|place| (place, self.offset(place))).collect();
        Axis { count: self.output, step: self.stride, size: self.input, taps, start: 0, spread: 1 }.met()
    }

    /// From output back to those elements of the input that are `start` after a multiple of the stride.
    pub fn backward(&self, start: usize) -> Axis {
        let stride = self.stride as isize;
        let taps = (0..self.kernel).filter_map(|place| {
            // position·stride + offset(place) = t·stride + start
            let shift = start as isize - self.offset(place);
            (shift.rem_euclid(stride) == 0).then(|| (place, shift.div_euclid(stride)))
        });
        Axis {
            count: self.input.saturating_sub(start).div_ceil(self.stride),
            step: 1,
            size: self.output,
            taps: taps.collect(),
            start,
            spread: self.stride,
        }
        .met()
    }
}

impl Axis {
    /// Without the taps that only ever meet padding.
    fn met(mut self) -> Axis {
        let taps = std::mem::take(&mut self.taps);
        self.taps = taps.into_iter().filter(|&(_, offset)| !self.inside(offset).is_empty()).collect();
        self
    }

    /// The positions that meet the input at a tap.
    fn inside(&self, offset: isize) -> Range<usize> {
        let step = self.step as isize;
        let from = (-offset).max(0) as usize;
        let to = (self.size as isize - offset).max(0) as usize;
        let from = from.div_ceil(step as usize);
        from..to.div_ceil(step as usize).min(self.count).max(from)
    }

    fn meet(&self, position: usize, offset: isize) -> Option<isize> {
        let at = (position * self.step) as isize + offset;
        (0..self.size as isize).contains(&at).then_some(at)
    }
}

/// An image in memory: how far apart its images, channels, and elements along the three dimensions are.
#[derive(Clone, Copy, Debug)]
pub struct Strides {
    pub image: isize,
    pub channel: isize,
    pub dims: [isize; 3],
}

/// Three dimensions of a convolution, or of one of its phases.
#[derive(Clone, Debug)]
pub struct Windows {
    pub axes: [Axis; 3],
    pub images: usize,
    pub input: Strides,
    pub output: Strides,
    /// The places of the kernel that meet anything, counted through all of it.
    pub places: Vec<usize>,
    /// The taps of each of them.
    taps: Vec<[isize; 3]>,
}

/// Some neighbouring positions: so many columns of what is packed, from one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub column: usize,
    pub count: usize,
    /// Where in the output the first lies, from the start of a channel.
    pub out: isize,
}

/// A piece at one tap: where it lies in the input, from the start of a channel; which of its positions meet it, a bit for
/// each; and where among the packed rows of the channel it goes, with zeros for those that do not.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub from: isize,
    pub to: usize,
    pub inside: u16,
    pub count: u16,
}

/// A stretch of positions in pieces.
#[derive(Default, Debug)]
pub struct Stretch {
    pub pieces: Vec<Piece>,
    /// For every tap those of all pieces.
    pub moves: Vec<Move>,
}

impl Windows {
    pub fn new(
        axes: [Axis; 3],
        kernel: [usize; 3],
        images: usize,
        input: Strides,
        output: Strides,
    ) -> Windows {
        let mut windows = Windows { axes, images, input, output, places: Vec::new(), taps: Vec::new() };
        let [z, y, x] = &windows.axes;
        for &(a, at_z) in &z.taps {
            for &(b, at_y) in &y.taps {
                for &(c, at_x) in &x.taps {
                    windows.places.push((a * kernel[1] + b) * kernel[2] + c);
                    windows.taps.push([at_z, at_y, at_x]);
                }
            }
        }
        windows.join_lines();
        windows
    }

    /// Where a dimension continues the one inside of it, and only single elements meet, both are one.
    fn join_lines(&mut self) {
        for outer in [1, 0] {
            let inner = 2;
            let plain = |axis: &Axis, taps: &[[isize; 3]], dim: usize| {
                axis.step == 1
                    && axis.spread == 1
                    && axis.count == axis.size
                    && taps.iter().all(|tap| tap[dim] == 0)
            };
            let (a, b) = (&self.axes[outer], &self.axes[inner]);
            let joined = plain(a, &self.taps, outer)
                && plain(b, &self.taps, inner)
                && (outer == 1 || self.axes[1].count == 1)
                && self.input.dims[outer] == self.input.dims[inner] * b.size as isize
                && self.output.dims[outer] == self.output.dims[inner] * b.count as isize;
            if !joined {
                return;
            }
            let count = a.count;
            self.axes[inner].count *= count;
            self.axes[inner].size *= count;
            self.axes[outer].count = 1;
            self.axes[outer].size = 1;
        }
    }

    /// Positions of an image.
    pub fn positions(&self) -> usize {
        self.axes.iter().map(|axis| axis.count).product()
    }

    /// How far each of the places looks from where a position is, in each dimension.
    pub fn taps(&self) -> &[[isize; 3]] {
        &self.taps
    }

    /// Between neighbours in the input.
    pub fn stride(&self) -> isize {
        self.axes[2].step as isize * self.input.dims[2]
    }

    /// Between neighbours in the output.
    pub fn spread(&self) -> isize {
        self.axes[2].spread as isize * self.output.dims[2]
    }

    /// Where in a channel of the input a stretch reads what those before it did not: at the tap that looks furthest ahead.
    /// Each piece's start and length.
    pub fn fresh<'a>(&self, stretch: &'a Stretch) -> impl Iterator<Item = (isize, usize)> + 'a {
        let step = self.stride().unsigned_abs();
        let furthest = (0..self.taps.len()).max_by_key(|&tap| self.taps[tap]).unwrap_or(0);
        let moves = stretch.moves.chunks_exact(stretch.pieces.len().max(1)).nth(furthest).unwrap_or(&[]);
        let met = moves.iter().filter(|piece| piece.inside != 0);
        met.map(move |piece| (piece.from, usize::from(piece.count) * step))
    }

    /// Describes positions, counted through all images, at some of the taps, in pieces of at most so many lanes. What is
    /// packed of a tap is a row of so many columns, one `row` after the other; columns beyond are filled up to `room`.
    pub fn describe(
        &self,
        range: Range<usize>,
        taps: Range<usize>,
        lanes: usize,
        room: usize,
        row: usize,
    ) -> Stretch {
        let [z, y, x] = &self.axes;
        let positions = self.positions();
        let mut pieces = Vec::new();
        let mut heads: SmallVec<[(isize, usize, usize, usize); 32]> = SmallVec::new();
        let (mut at, mut column) = (range.start, 0);
        while at < range.end {
            let (image, place) = (at / positions, at % positions);
            let (line, first) = (place / x.count, place % x.count);
            let count = (x.count - first).min(range.end - at).min(lanes);
            let (a, b) = (line / y.count, line % y.count);
            let out = [(a, z, 0), (b, y, 1), (first, x, 2)]
                .iter()
                .fold(image as isize * self.output.image, |out, &(t, axis, dim)| {
                    out + (t * axis.spread + axis.start) as isize * self.output.dims[dim]
                });
            pieces.push(Piece { column, count, out });
            heads.push((image as isize * self.input.image, a, b, first));
            (at, column) = (at + count, column + count);
        }
        while column < room {
            let count = (room - column).min(lanes);
            pieces.push(Piece { column, count, out: 0 });
            column += count;
        }
        let mut moves = Vec::with_capacity(taps.len() * pieces.len());
        for (number, tap) in self.taps[taps].iter().enumerate() {
            let inside = x.inside(tap[2]);
            for (i, piece) in pieces.iter().enumerate() {
                let to = number * row + piece.column;
                let nothing = Move { from: 0, to, inside: 0, count: piece.count as u16 };
                let met = heads.get(i).and_then(|&(image, a, b, first)| {
                    let (a, b) = (z.meet(a, tap[0])?, y.meet(b, tap[1])?);
                    let from = inside.start.clamp(first, first + piece.count);
                    let to = inside.end.clamp(from, first + piece.count);
                    let start = (first * x.step) as isize + tap[2];
                    let [over_z, over_y, over_x] = self.input.dims;
                    Some(Move {
                        from: image + a * over_z + b * over_y + start * over_x,
                        inside: (((1_u32 << (to - from)) - 1) << (from - first)) as u16,
                        ..nothing
                    })
                });
                moves.push(met.unwrap_or(nothing));
            }
        }
        Stretch { pieces, moves }
    }
}
