//! Where an array is not zero: row-major places, whose number depends on the numbers.

use cresset_tensor::{Array, DType, Locks, Result};

use super::{
    convert,
    copy::{Shared, dense},
    threads,
};

/// Elements of one task.
const TASK: usize = 1 << 15;

/// The row-major places of all elements that are not zero, ascending, as `int64` of one dimension.
pub fn places(x: &Array) -> Result<Array> {
    let truths = dense(&convert(x, DType::Bool)?)?;
    let _lock = Locks::read(truths.storage());
    // SAFETY: dense, truths are bytes, and locked until the end.
    let elements = unsafe { std::slice::from_raw_parts(truths.as_ptr().cast_const(), truths.numel()) };
    let tasks = elements.len().div_ceil(TASK);
    let mut counts = vec![0usize; tasks];
    let shared = Shared(counts.as_mut_ptr());
    let chunk = |task: usize| &elements[task * TASK..((task + 1) * TASK).min(elements.len())];
    threads::parallel_for(tasks, |task| {
        let count = chunk(task).iter().map(|&x| usize::from(x)).sum();
        // SAFETY: every task has a count of its own.
        unsafe { *shared.at(task as isize) = count };
    });
    let mut total = 0;
    for count in &mut counts {
        // From here on each is where its task starts to write.
        let start = total;
        total += *count;
        *count = start;
    }
    let result = Array::uninitialised("nonzero", [total].into(), DType::I64)?;
    let to = Shared(result.as_ptr().cast::<i64>());
    threads::parallel_for(tasks, |task| {
        let mut next = counts[task] as isize;
        for (i, x) in chunk(task).iter().enumerate() {
            if *x != 0 {
                // SAFETY: the result is fresh and has as many places as were counted, the lock being still held.
                unsafe { *to.at(next) = (task * TASK + i) as i64 };
                next += 1;
            }
        }
    });
    Ok(result)
}

/// Places of a shape as indices along each of its dimensions: `[n, rank]`.
pub fn coordinates(places: &Array, shape: &[usize]) -> Result<Array> {
    let places = dense(places)?;
    let (n, rank) = (places.numel(), shape.len());
    let result = Array::uninitialised("nonzero", [n, rank].into(), DType::I64)?;
    let _lock = Locks::read(places.storage());
    // SAFETY: dense, `int64`, and locked until the end.
    let from = unsafe { super::index::elements(&places) };
    let to = Shared(result.as_ptr().cast::<i64>());
    threads::divide_range(n > TASK, n, TASK, &|range| {
        for i in range {
            let mut rest = from[i];
            for dim in (0..rank).rev() {
                let size = shape[dim].max(1) as i64;
                // SAFETY: the result is fresh and has `rank` elements for each place.
                unsafe { *to.at((i * rank + dim) as isize) = rest % size };
                rest /= size;
            }
        }
    });
    Ok(result)
}
