//! Equal rows brought together: which rows are different, to which of them each belongs, and how many there are of each.

use cresset_tensor::{Array, Locks, Result, order::sort_by};

use super::{
    copy,
    sort::{keys, nan_key},
};
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
    let mut list = Vec::with_capacity(x.numel());
    {
        let _lock = Locks::read(x.storage());
        // SAFETY: the array is contiguous and locked.
        unsafe { keys(x.dtype())(x.as_ptr(), 1, x.numel(), &mut list) };
    }
    let order: Vec<i64> = if consecutive {
        (0..n as i64).collect()
    } else if width == 1 {
        Array::apply_two(Op::Sort { dim: 0, descending: false }, &[&x])?.1.into_vec()?
    } else {
        sorted(&list, n, width)
    };
    Ok(gather(&list, &order, width, nan_key(x.dtype())))
}

/// Rows in ascending order, compared from the left.
fn sorted(keys: &[u64], n: usize, width: usize) -> Vec<i64> {
    let row = |i: i64| &keys[i as usize * width..(i as usize + 1) * width];
    let mut order: Vec<i64> = (0..n as i64).collect();
    sort_by(&mut order, |&a, &b| row(a).cmp(row(b)));
    order
}

fn gather(keys: &[u64], order: &[i64], width: usize, nan: Option<u64>) -> Groups {
    let row = |i: i64| &keys[i as usize * width..(i as usize + 1) * width];
    let is_number = |row: &[u64]| nan.is_none_or(|nan| !row.contains(&nan));
    let mut groups = Groups { rows: Vec::new(), inverse: vec![0; order.len()], counts: Vec::new() };
    for (i, &place) in order.iter().enumerate() {
        let same = i > 0 && row(order[i - 1]) == row(place) && is_number(row(place));
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
