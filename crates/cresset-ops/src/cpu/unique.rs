//! Equal rows brought together: which rows are different, to which of them each belongs, and how many there are of each.

use cresset_tensor::{Array, Element, Locks, Result, with_element};

use super::{copy, sort::Key};
use crate::{door::Apply, op::Op};

/// Equal rows.
pub struct Groups {
    /// A row of each group, in order.
    pub rows: Vec<i64>,
    /// For each row, its group.
    pub inverse: Vec<i64>,
    /// How many rows each group has.
    pub counts: Vec<i64>,
}

/// The groups of equal rows of a matrix, in ascending order; or only of equal rows that follow each other. NaN equals
/// nothing.
pub fn groups(x: &Array, consecutive: bool) -> Result<Groups> {
    let x = if x.is_contiguous() { x.clone() } else { copy::contiguous(x)? };
    let (n, width) = (x.shape().first().copied().unwrap_or(0), x.shape().get(1).copied().unwrap_or(1));
    let order: Vec<i64> = if consecutive {
        (0..n as i64).collect()
    } else if width == 1 {
        Array::apply_two(Op::Sort { dim: 0, descending: false }, &[&x])?.1.into_vec()?
    } else {
        let _lock = Locks::read(x.storage());
        with_element!(x.dtype(), T => {
            // SAFETY: the array is contiguous, of this type, and locked.
            sorted(unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.numel()) }, n, width)
        })
    };
    let _lock = Locks::read(x.storage());
    Ok(with_element!(x.dtype(), T => {
        // SAFETY: as above.
        gather(unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<T>(), x.numel()) }, &order, width)
    }))
}

/// Rows in ascending order, compared from the left.
fn sorted<T: Key>(x: &[T], n: usize, width: usize) -> Vec<i64> {
    let keys: Vec<u64> = x.iter().map(|x| x.key()).collect();
    let row = |i: i64| &keys[i as usize * width..(i as usize + 1) * width];
    let mut order: Vec<i64> = (0..n as i64).collect();
    order.sort_by(|&a, &b| row(a).cmp(row(b)));
    order
}

fn gather<T: Element>(x: &[T], order: &[i64], width: usize) -> Groups {
    let row = |i: i64| &x[i as usize * width..(i as usize + 1) * width];
    let mut groups = Groups { rows: Vec::new(), inverse: vec![0; order.len()], counts: Vec::new() };
    for (i, &place) in order.iter().enumerate() {
        let same = i > 0 && row(order[i - 1]) == row(place);
        match groups.counts.last_mut() {
            Some(count) if same => *count += 1,
            _ => {
                groups.rows.push(place);
                groups.counts.push(1);
            }
        }
        groups.inverse[place as usize] = groups.rows.len() as i64 - 1;
    }
    groups
}
