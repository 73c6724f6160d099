//! Where an array is not zero: row-major places, whose number depends on the numbers.

use cresset_tensor::{Array, Locks, Result, with_element};

use super::{
    combine::Combining,
    copy::{Shared, dense},
    threads,
};

/// Elements of one task.
const TASK: usize = 1 << 15;

/// The row-major places of all elements that are not zero, ascending, as `int64` of one dimension.
pub fn places(x: &Array) -> Result<Array> {
    let x = dense(x)?;
    let _lock = Locks::read(x.storage());
    with_element!(x.dtype(), T => {
        let start = x.as_ptr().cast::<T>();
        // SAFETY: dense, of type T, and locked until the end.
        let elements = unsafe { std::slice::from_raw_parts(start, x.numel()) };
        found(elements)
    })
}

fn found<T: Combining>(elements: &[T]) -> Result<Array> {
    let tasks = elements.len().div_ceil(TASK);
    let mut counts = vec![0usize; tasks];
    let shared = Shared(counts.as_mut_ptr());
    let chunk = |task: usize| &elements[task * TASK..((task + 1) * TASK).min(elements.len())];
    threads::parallel_for(tasks, |task| {
        let count = chunk(task).iter().filter(|x| x.is_nonzero()).count();
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
    let result = Array::uninitialised("nonzero", [total].into(), cresset_tensor::DType::I64)?;
    let to = Shared(result.as_ptr().cast::<i64>());
    threads::parallel_for(tasks, |task| {
        let mut next = counts[task] as isize;
        for (i, x) in chunk(task).iter().enumerate() {
            if x.is_nonzero() {
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
    let result = Array::uninitialised("nonzero", [n, rank].into(), cresset_tensor::DType::I64)?;
    let _lock = Locks::read(places.storage());
    // SAFETY: dense, `int64`, and locked until the end.
    let from = unsafe { super::index::elements(&places) };
    let to = Shared(result.as_ptr().cast::<i64>());
    threads::parallel_ranges(n, TASK, |range| {
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
