//! Masks: where a query may look, or what is added to its scores.

use cresset_tensor::{Array, DType};

use super::{
    tiles::{LANES, Tiles},
    weights::{Added, Block, lay, widen},
};
use crate::cpu::gemm::Matrix;

/// A mask over queries and keys.
#[derive(Clone, Copy)]
pub enum Mask {
    /// None.
    Open,
    /// Not 0 where a query may look.
    Truths(Matrix<u8>),
    /// Added to the scores.
    Numbers(Matrix<f32>),
}

impl Mask {
    /// Of an array whose last two dimensions are such, or 1.
    pub fn new(array: Option<&Array>) -> Mask {
        let Some(array) = array else { return Mask::Open };
        match array.dtype() {
            DType::Bool => Mask::Truths(matrix(array)),
            _ => Mask::Numbers(matrix(array)),
        }
    }

    /// Is there any?
    pub fn is_some(self) -> bool {
        !matches!(self, Mask::Open)
    }

    /// That of the batch's item which starts so many elements further.
    pub fn shift(self, elements: isize) -> Mask {
        match self {
            Mask::Open => Mask::Open,
            Mask::Truths(truths) => Mask::Truths(truths.shift(elements)),
            Mask::Numbers(numbers) => Mask::Numbers(numbers.shift(elements)),
        }
    }

    /// Elements of scratch for blocks of so many keys and so long rows.
    pub fn room(self, keys: usize, row: usize) -> usize {
        if self.is_some() { 2 * keys.next_multiple_of(LANES) * row } else { 0 }
    }

    /// Scales the scores of a block, and lays the mask on them from a query and a key on.
    ///
    /// # Safety
    /// The block and the mask's elements are there, and in the scratch as much as is asked for.
    pub unsafe fn lay_on(
        self,
        tiles: &Tiles,
        block: &mut Block,
        [query, key]: [usize; 2],
        queries: usize,
        scratch: *mut f32,
    ) {
        let keys = block.keys;
        // A row for each key, as the scores have.
        let (turned, rest) = (scratch, scratch.wrapping_add(keys.next_multiple_of(LANES) * block.row));
        let mut added =
            Added { start: turned, row: block.row, truths: matches!(self, Mask::Truths(_)), same: false };
        // SAFETY: the caller's.
        unsafe {
            match self {
                Mask::Open => return,
                Mask::Truths(truths) => {
                    let truths = truths.at(query, key);
                    added.same = truths.row == 0;
                    if truths.column == 1 && !added.same {
                        let wide = Matrix { start: rest, row: keys as isize, column: 1 };
                        for query in 0..queries {
                            widen(truths.at(query, 0).start, keys, wide.at(query, 0).start);
                        }
                        tiles.turn(wide, queries, keys, turned, block.row, block.lanes);
                    } else {
                        gather(block, truths, queries, added, f32::from);
                    }
                }
                Mask::Numbers(numbers) => {
                    let numbers = numbers.at(query, key);
                    added.same = numbers.row == 0;
                    if numbers.column == 1 && !added.same {
                        tiles.turn(numbers, queries, keys, turned, block.row, block.lanes);
                    } else {
                        gather(block, numbers, queries, added, |number| number);
                    }
                }
            }
        }
        lay(block, &added);
        block.scale = 1.0;
    }
}

/// The last two dimensions, of which one element may stand for many; or fewer.
fn matrix<T>(array: &Array) -> Matrix<T> {
    let whole = |back: usize| {
        let dim = array.rank().checked_sub(back);
        dim.filter(|&dim| array.shape()[dim] != 1).map_or(0, |dim| array.strides()[dim])
    };
    Matrix { start: array.as_ptr().cast(), row: whole(2), column: whole(1) }
}

/// One by one: a number for each key where all queries have the same, else one for each lane.
///
/// # Safety
/// As of [`Mask::lay_on`].
#[inline(always)]
unsafe fn gather<T: Copy>(
    block: &Block,
    mask: Matrix<T>,
    queries: usize,
    added: Added,
    number: impl Fn(T) -> f32,
) {
    for key in 0..block.keys {
        let (mask, row) =
            (mask.at(0, key), added.start.wrapping_add(if added.same { key } else { key * added.row }));
        let lanes = if added.same { 1 } else { block.lanes };
        for lane in 0..lanes {
            // SAFETY: the caller's.
            unsafe {
                let number = if lane < queries { number(*mask.at(lane, 0).start) } else { 0.0 };
                row.add(lane).write(number);
            }
        }
    }
}
