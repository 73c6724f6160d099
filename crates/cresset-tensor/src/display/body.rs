//! The numbers in their brackets: which are shown, in which lines.
//!
//! Nothing here recurses: an array may have any number of dimensions.

use crate::{Array, Element, Scalar, with_element};

use super::{PrintOptions, number::Style};

/// Writes the numbers of an array that has some, after `indent` characters. The caller holds the lock of its memory.
pub(super) fn write(text: &mut String, array: &Array, indent: usize, options: &PrintOptions) {
    let summarised = array.numel() > options.threshold;
    let edge = if summarised { options.edgeitems } else { usize::MAX };
    let style = Style::of(array.dtype(), options, |visit| {
        walk(array, edge, |part| {
            if let Part::Row(row) = part {
                row.for_each(|value| value.into_iter().for_each(&mut *visit));
            }
        });
    });
    let rank = array.rank();
    walk(array, edge, |part| match part {
        Part::Open => text.push('['),
        Part::Close => text.push(']'),
        Part::Between(depth) => {
            text.push(',');
            text.extend(std::iter::repeat_n('\n', rank - 1 - depth));
            spaces(text, indent + depth + 1);
        }
        Part::Gap => text.push_str("..."),
        Part::Row(row) => write_row(text, row, rank, indent, &style, options),
    });
}

/// One line of numbers, broken where it grows too long.
fn write_row(
    text: &mut String,
    row: &mut dyn Iterator<Item = Option<Scalar>>,
    rank: usize,
    indent: usize,
    style: &Style,
    options: &PrintOptions,
) {
    // A comma and a space follow each number.
    let depth = rank.saturating_sub(1);
    let per_line = (options.linewidth.saturating_sub(indent + depth) / (style.width + 2)).max(1);
    for (i, value) in row.enumerate() {
        if i > 0 && i % per_line == 0 {
            text.push_str(",\n");
            spaces(text, indent + depth + 1);
        } else if i > 0 {
            text.push_str(", ");
        }
        match value {
            Some(value) => {
                let number = style.write(value);
                spaces(text, style.width.saturating_sub(number.len()));
                text.push_str(&number);
            }
            None => text.push_str(if options.edgeitems == 0 { "..." } else { " ..." }),
        }
    }
}

pub(super) fn spaces(text: &mut String, n: usize) {
    text.extend(std::iter::repeat_n(' ', n));
}

/// What is met on the way through an array.
enum Part<'a> {
    /// A dimension begins.
    Open,
    /// A dimension ends.
    Close,
    /// Between two entries of the dimension of this depth, which is not the last.
    Between(usize),
    /// Entries left out, of a dimension that is not the last.
    Gap,
    /// The last dimension's numbers (or the only number), `None` where some are left out.
    Row(&'a mut dyn Iterator<Item = Option<Scalar>>),
}

/// Entries shown of a dimension: some at the start, some at the end, perhaps one "…" between.
#[derive(Clone, Copy)]
struct Shown {
    size: usize,
    /// Entries at each end; all are shown where `size` is at most twice that.
    edge: usize,
}

impl Shown {
    fn whole(self) -> bool {
        self.size.div_ceil(2) <= self.edge
    }

    /// How many entries are shown, the "…" included.
    fn slots(self) -> usize {
        if self.whole() { self.size } else { 2 * self.edge + 1 }
    }

    /// The index shown in a slot, or `None` for the "…".
    fn index(self, slot: usize) -> Option<usize> {
        match slot {
            _ if self.whole() || slot < self.edge => Some(slot),
            _ if slot == self.edge => None,
            _ => Some(self.size - (2 * self.edge + 1 - slot)),
        }
    }
}

/// Walks the entries of an array that are shown, in order. The array has elements, and the caller holds the lock.
fn walk(array: &Array, edge: usize, mut visit: impl FnMut(Part<'_>)) {
    let (rank, strides) = (array.rank(), array.strides());
    let Some(last) = rank.checked_sub(1) else {
        return visit(Part::Row(&mut std::iter::once(Some(read(array, array.offset())))));
    };
    let shown: Vec<Shown> = array.shape().iter().map(|&size| Shown { size, edge }).collect();
    let step = |dim: usize, index: usize| (index as isize).wrapping_mul(strides[dim]);
    // The slot of each open dimension, and where in memory the entry that opened it lies.
    let mut slots: Vec<usize> = vec![0];
    let mut places: Vec<isize> = vec![array.offset() as isize];
    visit(Part::Open);
    while let (Some(&slot), Some(&place)) = (slots.last(), places.last()) {
        let dim = slots.len() - 1;
        if dim == last {
            let mut row = (0..shown[dim].slots()).map(|slot| {
                shown[dim].index(slot).map(|i| read(array, place.wrapping_add(step(dim, i)) as usize))
            });
            visit(Part::Row(&mut row));
        } else if slot < shown[dim].slots() {
            if slot > 0 {
                visit(Part::Between(dim));
            }
            slots[dim] += 1;
            match shown[dim].index(slot) {
                Some(i) => {
                    visit(Part::Open);
                    slots.push(0);
                    places.push(place.wrapping_add(step(dim, i)));
                }
                None => visit(Part::Gap),
            }
            continue;
        }
        visit(Part::Close);
        slots.pop();
        places.pop();
    }
}

fn read(array: &Array, place: usize) -> Scalar {
    with_element!(array.dtype(), T => {
        // SAFETY: the place is one of the layout's, all of which lie inside the memory (checked when the array was
        // made), and the caller of `write` holds the lock.
        unsafe { *array.storage().as_ptr().cast::<T>().add(place) }.to_scalar()
    })
}
