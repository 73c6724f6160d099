//! Searching sorted rows by halving.

use cresset_tensor::{Array, DType, Element, Locks, Result};

use super::{convert, copy, plan::Lane, threads};
use crate::infer::Meta;

/// Searches of a task.
const TASK: usize = 1 << 11;

/// Where in its sorted row each value would go: before equals, or after them. NaN goes to the end.
pub fn search_sorted(right: bool, sorted: &Array, values: &Array, meta: &Meta) -> Result<Array> {
    // Narrow kinds are compared as wide ones, in which their order is the same.
    let wide = match Lane::of(values.dtype()) {
        Lane::Bool => DType::I64,
        lane => lane.dtype(),
    };
    if wide != values.dtype() {
        return search_sorted(right, &convert(sorted, wide)?, &convert(values, wide)?, meta);
    }
    let output = Array::uninitialised("searchsorted", meta.shape.clone(), meta.dtype)?;
    let sorted = if sorted.is_contiguous() { sorted.clone() } else { copy::contiguous(sorted)? };
    let values = if values.is_contiguous() { values.clone() } else { copy::contiguous(values)? };
    if values.numel() == 0 {
        return Ok(output);
    }
    let length = sorted.shape().last().copied().unwrap_or(1);
    // One row serves all values, or each row those of its own.
    let per_row = if sorted.rank() > 1 { values.shape().last().copied().unwrap_or(1) } else { usize::MAX };
    let _locks = Locks::new([sorted.storage(), values.storage()].into_iter(), std::iter::empty());
    let to = Shared(output.as_ptr().cast());
    match wide {
        DType::F64 => search::<f64>(right, &sorted, &values, length, per_row, to),
        DType::I64 => search::<i64>(right, &sorted, &values, length, per_row, to),
        _ => search::<f32>(right, &sorted, &values, length, per_row, to),
    }
    Ok(output)
}

/// Memory that tasks share, each writing elements of its own.
struct Shared(*mut i64);

// SAFETY: tasks write disjoint elements.
unsafe impl Sync for Shared {}

fn search<T: Element + PartialOrd>(
    right: bool,
    sorted: &Array,
    values: &Array,
    length: usize,
    per_row: usize,
    to: Shared,
) {
    // SAFETY: both are contiguous, of this type (inference says they share it), and locked.
    let (sorted, values) = unsafe {
        (
            std::slice::from_raw_parts(sorted.as_ptr().cast::<T>(), sorted.numel()),
            std::slice::from_raw_parts(values.as_ptr().cast::<T>(), values.numel()),
        )
    };
    let to = &to;
    let run = |range: std::ops::Range<usize>| {
        for i in range {
            let start = i / per_row * length;
            let row = &sorted[start..start + length];
            let value = values[i];
            let place = if right {
                row.partition_point(|x| x.partial_cmp(&value).is_none_or(|order| order.is_le()))
            } else {
                row.partition_point(|x| x.partial_cmp(&value).is_none_or(|order| order.is_lt()))
            };
            // SAFETY: there is an output for every value, and the range is this task's.
            unsafe { to.0.add(i).write(place as i64) };
        }
    };
    threads::divide_range(values.len() >= 2 * TASK, values.len(), TASK, &run);
}
