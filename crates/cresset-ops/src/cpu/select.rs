//! Which element of each row along a dimension is the k-th, the median, or the most frequent.
//!
//! Where several are equal, any of them would be right. These name the same one as PyTorch, whose choice for the k-th
//! comes of the order in which quickselect partitions.

use cresset_tensor::{Array, DType, Locks, Result};

use super::{
    copy,
    sort::{Packed, keys, nan_key, sort_by_key},
    threads,
};

/// Which element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The one of that number in order, from 0.
    Kth(usize),
    /// The lower of those in the middle; NaN if there is one.
    Median,
    /// The lower of those in the middle of all that are numbers.
    NanMedian,
    /// The most frequent, and of those the smallest.
    Mode,
}

/// Elements of a task.
const TASK: usize = 1 << 13;

/// For each row along a dimension, which must not be empty, where the chosen element lies. The dimension stays, with
/// size one.
pub fn choose(name: &'static str, choice: Choice, dim: usize, x: &Array) -> Result<Array> {
    let mut shape = x.shape().clone();
    let length = shape.get(dim).copied().unwrap_or(1);
    let columns = shape.get(dim + 1..).map_or(1, |sizes| sizes.iter().product());
    if let Some(size) = shape.get_mut(dim) {
        *size = 1;
    }
    let output = Array::uninitialised(name, shape, DType::I64)?;
    if output.numel() == 0 {
        return Ok(output);
    }
    let x = if x.is_contiguous() { x.clone() } else { copy::contiguous(x)? };
    let to = Shared(output.as_ptr().cast());
    let _lock = Locks::read(x.storage());
    let (start, width) = (Memory(x.as_ptr()), x.dtype().size());
    let (list_keys, nan) = (keys(x.dtype()), nan_key(x.dtype()));
    let run = |rows: std::ops::Range<usize>| {
        let (mut keys, mut order) = (Vec::with_capacity(length), Vec::with_capacity(length));
        let (Memory(start), Shared(to)) = (&start, &to);
        for row in rows {
            let first = row / columns * length * columns + row % columns;
            // SAFETY: the array is contiguous, of this dtype, and locked; there is an output for every row, and these
            // rows are this task's.
            unsafe {
                list_keys(start.wrapping_add(first * width), columns, length, &mut keys);
                to.add(row).write(place(choice, &keys, &mut order, nan) as i64);
            }
        }
    };
    threads::divide_range(x.numel() >= 2 * TASK, x.numel() / length, TASK / length, &run);
    Ok(output)
}

/// Memory that tasks share, each writing elements of its own.
struct Shared(*mut i64);

// SAFETY: tasks write disjoint elements.
unsafe impl Sync for Shared {}

/// What tasks read.
struct Memory(*const u8);

// SAFETY: it is locked for reading.
unsafe impl Sync for Memory {}

fn place(choice: Choice, keys: &[u64], order: &mut Vec<u128>, nan: Option<u64>) -> usize {
    let n = keys.len();
    let is_nan = |key: u64| Some(key) == nan;
    order.clear();
    order.extend(keys.iter().enumerate().map(|(place, &key)| u128::pack(key, place)));
    match choice {
        Choice::Kth(k) => {
            partition_until(order, k);
            order[k].place()
        }
        Choice::Median => {
            if let Some(nan) = keys.iter().position(|&key| is_nan(key)) {
                return nan;
            }
            order.select_nth_unstable((n - 1) / 2).1.place()
        }
        Choice::NanMedian => {
            let numbers = keys.iter().filter(|&&key| !is_nan(key)).count();
            order.select_nth_unstable(numbers.saturating_sub(1) / 2).1.place()
        }
        Choice::Mode => {
            order.sort_unstable();
            let runs = order.chunk_by(|a, b| a.key() == b.key());
            // The first of the longest runs; of its equals the last.
            let longest = runs.reduce(|best, run| if run.len() > best.len() { run } else { best });
            longest.and_then(|run| run.last()).map_or(0, |last| last.place())
        }
    }
}

/// Quickselect with the median of the first, middle and last as pivot, which is put second: Numerical Recipes' form.
fn partition_until(list: &mut [u128], k: usize) {
    let above = |a: u128, b: u128| a.key() > b.key();
    let (mut low, mut high) = (0, list.len() - 1);
    while high > low + 1 {
        list.swap((low + high) / 2, low + 1);
        for (a, b) in [(low + 1, high), (low, high), (low + 1, low)] {
            if above(list[a], list[b]) {
                list.swap(a, b);
            }
        }
        // Now `list[low + 1] ≤ list[low] ≤ list[high]`, which stops both walks.
        let pivot = list[low];
        let (mut i, mut j) = (low + 1, high);
        loop {
            i += 1;
            while above(pivot, list[i]) {
                i += 1;
            }
            j -= 1;
            while above(list[j], pivot) {
                j -= 1;
            }
            if j < i {
                break;
            }
            list.swap(i, j);
        }
        list.swap(low, j);
        if j <= k {
            low = i;
        }
        if j >= k {
            high = j.saturating_sub(1);
        }
    }
    if high == low + 1 && above(list[low], list[high]) {
        list.swap(low, high);
    }
}

/// Quickselect that stops at three elements and sorts those by insertion: the C++ library's `nth_element`.
pub fn narrow_to<P: Packed>(list: &mut [P], k: usize) {
    let below = |a: P, b: P| a.key() < b.key();
    let (mut first, mut last) = (0, list.len());
    // Should the pivots be bad again and again, a sort bounds the time.
    let mut patience = 2 * list.len().max(1).ilog2();
    while last - first > 3 {
        if patience == 0 {
            return sort_by_key(&mut list[first..last]);
        }
        patience -= 1;
        let (a, b, c) = (first + 1, first + (last - first) / 2, last - 1);
        let median = match (below(list[a], list[b]), below(list[b], list[c]), below(list[a], list[c])) {
            (true, true, _) => b,
            (true, false, true) => c,
            (true, false, false) => a,
            (false, _, true) => a,
            (false, true, false) => c,
            (false, false, false) => b,
        };
        list.swap(first, median);
        let pivot = list[first];
        let (mut i, mut j) = (first + 1, last);
        let cut = loop {
            while below(list[i], pivot) {
                i += 1;
            }
            j -= 1;
            while below(pivot, list[j]) {
                j -= 1;
            }
            if i >= j {
                break i;
            }
            list.swap(i, j);
            i += 1;
        };
        if cut <= k { first = cut } else { last = cut }
    }
    for i in first + 1..last {
        let mut j = i;
        while j > first && below(list[j], list[j - 1]) {
            list.swap(j, j - 1);
            j -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_selecting_put_the_kth_in_its_place() {
        let mut state = 1u64;
        for n in 1..60 {
            for range in [2, 5, 1000] {
                let keys: Vec<u64> = (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        (state >> 33) % range
                    })
                    .collect();
                let mut sorted = keys.clone();
                sorted.sort_unstable();
                for k in 0..n {
                    let packed: Vec<u128> = (0..n).map(|i| u128::pack(keys[i], i)).collect();
                    let mut list = packed.clone();
                    partition_until(&mut list, k);
                    assert_eq!(list[k].key(), sorted[k]);
                    let mut list = packed;
                    narrow_to(&mut list, k);
                    assert_eq!(list[k].key(), sorted[k]);
                    assert!(list[..k].iter().all(|packed| packed.key() <= sorted[k]));
                    assert!(list[k..].iter().all(|packed| packed.key() >= sorted[k]));
                }
            }
        }
    }
}
