//! Walking several strided operands over one shape: dimensions that are one line for all of them become one.

use cresset_tensor::Listed;
use smallvec::SmallVec;

/// A few strides.
pub type Steps = SmallVec<[isize; 6]>;

/// A shape of as few dimensions as can be, and each operand's strides over it.
#[derive(Debug)]
pub struct Walk {
    /// The sizes; at least one dimension.
    pub shape: SmallVec<[usize; 6]>,
    /// For each operand, its strides.
    pub strides: SmallVec<[Steps; 4]>,
}

impl Walk {
    /// Joins dimensions wherever every operand allows it. Strides are those of the (broadcast) shape, 0 where an
    /// operand has one element for many.
    pub fn new(shape: &[usize], operands: &[Steps]) -> Walk {
        let mut sizes: SmallVec<[usize; 6]> = SmallVec::new();
        let mut strides: SmallVec<[Steps; 4]> = operands.iter().map(|_| Steps::new()).listed();
        for (dim, &size) in shape.iter().enumerate() {
            if size == 1 {
                continue;
            }
            let joins = !sizes.is_empty()
                && operands
                    .iter()
                    .zip(&strides)
                    .all(|(old, new)| new[new.len() - 1] == old[dim] * size as isize);
            if let (true, Some(last)) = (joins, sizes.last_mut()) {
                *last *= size;
                for (new, old) in strides.iter_mut().zip(operands) {
                    if let Some(last) = new.last_mut() {
                        *last = old[dim];
                    }
                }
            } else {
                sizes.push(size);
                strides.iter_mut().zip(operands).for_each(|(new, old)| new.push(old[dim]));
            }
        }
        if sizes.is_empty() {
            sizes.push(1);
            strides.iter_mut().for_each(|new| new.push(0));
        }
        Walk { shape: sizes, strides }
    }

    /// The size of the last dimension: how long every operand runs in one line.
    pub fn row(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    /// How far from its first element an operand's element of a place in row-major order lies.
    #[inline]
    pub fn offset(&self, operand: usize, mut place: usize) -> isize {
        let mut offset = 0;
        for (&size, &stride) in self.shape.iter().zip(&self.strides[operand]).rev() {
            offset += (place % size) as isize * stride;
            place /= size;
        }
        offset
    }

    /// A place in row-major order, dimension by dimension.
    #[inline]
    pub fn index(&self, mut place: usize) -> SmallVec<[usize; 6]> {
        let mut index = SmallVec::from_elem(0, self.shape.len());
        for (dim, &size) in self.shape.iter().enumerate().rev() {
            index[dim] = place % size;
            place /= size;
        }
        index
    }

    /// How far from its first element an operand's element of a place lies.
    #[inline]
    pub fn offset_of(&self, operand: usize, index: &[usize]) -> isize {
        index.iter().zip(&self.strides[operand]).map(|(&i, &stride)| i as isize * stride).sum()
    }

    /// Calls `f(offset, done, count)` for each line of an operand that covers places `start..start + len`: `count`
    /// elements from `offset`, `done` places having been before.
    #[inline]
    pub fn lines(&self, operand: usize, start: usize, len: usize, mut f: impl FnMut(isize, usize, usize)) {
        let strides = &self.strides[operand];
        let last = self.shape.len() - 1;
        let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, last + 1);
        let mut rest = start;
        let mut offset = 0;
        for dim in (0..=last).rev() {
            index[dim] = rest % self.shape[dim];
            rest /= self.shape[dim];
            offset += index[dim] as isize * strides[dim];
        }
        let mut done = 0;
        while done < len {
            let count = (self.shape[last] - index[last]).min(len - done);
            f(offset, done, count);
            done += count;
            // On to the next line.
            offset -= index[last] as isize * strides[last];
            index[last] = 0;
            for dim in (0..last).rev() {
                index[dim] += 1;
                offset += strides[dim];
                if index[dim] < self.shape[dim] {
                    break;
                }
                offset -= strides[dim] * index[dim] as isize;
                index[dim] = 0;
            }
        }
    }
}

impl Walk {
    /// Calls `f(offsets, done, count)` for each line that covers places `start..start + len`: `count` elements from
    /// `offsets[i]` of the first `N` operands, `done` places having been before.
    #[inline]
    pub fn each_line<const N: usize>(
        &self,
        start: usize,
        len: usize,
        mut f: impl FnMut([isize; N], usize, usize),
    ) {
        let last = self.shape.len() - 1;
        let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, last + 1);
        let mut rest = start;
        let mut offsets = [0; N];
        for dim in (0..=last).rev() {
            index[dim] = rest % self.shape[dim];
            rest /= self.shape[dim];
            (0..N).for_each(|i| offsets[i] += index[dim] as isize * self.strides[i][dim]);
        }
        let mut done = 0;
        while done < len {
            let count = (self.shape[last] - index[last]).min(len - done);
            f(offsets, done, count);
            done += count;
            // On to the next line.
            (0..N).for_each(|i| offsets[i] -= index[last] as isize * self.strides[i][last]);
            index[last] = 0;
            for dim in (0..last).rev() {
                index[dim] += 1;
                (0..N).for_each(|i| offsets[i] += self.strides[i][dim]);
                if index[dim] < self.shape[dim] {
                    break;
                }
                (0..N).for_each(|i| offsets[i] -= self.strides[i][dim] * index[dim] as isize);
                index[dim] = 0;
            }
        }
    }
}

/// An array's strides over a shape it broadcasts to.
pub fn broadcast_strides(shape: &[usize], own: &[usize], strides: &[isize]) -> Steps {
    let extra = shape.len() - own.len();
    let mut result: Steps = SmallVec::from_elem(0, shape.len());
    for (dim, (&size, &stride)) in own.iter().zip(strides).enumerate() {
        if size != 1 {
            result[extra + dim] = stride;
        }
    }
    result
}

/// What there is for each of three dimensions or operands. (The arrays' own `map` is three hundred lines for the compiler,
/// each time.)
#[inline(always)]
pub fn for_three<R>(f: impl Fn(usize) -> R) -> [R; 3] {
    [f(0), f(1), f(2)]
}

/// What there is for lines and columns, the last two of three dimensions.
#[inline(always)]
pub fn of_plane<R>(f: impl Fn(usize) -> R) -> [R; 2] {
    [f(1), f(2)]
}
