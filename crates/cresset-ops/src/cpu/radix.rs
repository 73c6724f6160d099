//! Sorting long lists digit by digit, least significant first: each pass deals the numbers out into one pile for each
//! digit and keeps their order. Parts of fixed lengths count and deal at the same time.

use super::{
    sort::{List, Packed},
    threads,
};

/// Below this, comparing is faster than dealing.
const SHORT: usize = 1 << 11;
/// Bits of a digit: a line of cache for each pile fits the second-level cache.
const DIGIT: u32 = 11;
const PILES: usize = 1 << DIGIT;
/// Numbers of a part, at least.
const PART: usize = 1 << 15;
/// Parts, at most: each has a count for every pile.
const PARTS: usize = 16;
/// With more passes than this, comparing is faster than dealing.
const PASSES: u32 = 6;

/// Sorts by the lowest `bits` of the keys, and equal keys by their places, in whose order the list must be (or be
/// short). `room` has room for as many.
pub fn sort<P: Packed>(list: &mut List<P>, room: &mut List<P>, bits: u32) {
    if list.len() < SHORT {
        return list.sort_unstable();
    }
    if list.windows(2).any(|pair| pair[0].place() > pair[1].place()) {
        return list.sort_unstable();
    }
    // Digits that all keys have in common need no pass.
    let first = list.first().map_or(0, |first| first.key());
    let differ = list.iter().fold(0, |differ, number| differ | (number.key() ^ first));
    let digits: Vec<u32> =
        (0..bits.div_ceil(DIGIT)).map(|i| i * DIGIT).filter(|&shift| digit(differ, shift) != 0).collect();
    if digits.len() as u32 > PASSES {
        return list.sort_unstable();
    }
    for shift in digits {
        // SAFETY: there is room for as many as the list has, and all of them are written.
        unsafe {
            deal(list, room.start(), shift);
            room.set_len(list.len());
        }
        std::mem::swap(list, room);
    }
}

fn digit(key: u64, shift: u32) -> usize {
    (key >> shift) as usize & (PILES - 1)
}

/// Memory that tasks share, each writing places of its own.
struct Shared<T>(*mut T);

// SAFETY: tasks write disjoint places.
unsafe impl<T> Sync for Shared<T> {}

/// # Safety
/// There is room for as many as the list has.
unsafe fn deal<P: Packed>(list: &[P], room: *mut P, shift: u32) {
    let length = list.len().div_ceil(PARTS).max(PART);
    let parts = list.len().div_ceil(length);
    let part = |i: usize| &list[i * length..((i + 1) * length).min(list.len())];
    // For each part and pile, how many; then where in the result the next one goes.
    let mut counts = vec![0usize; parts * PILES];
    let shared = Shared(counts.as_mut_ptr());
    // SAFETY: every part has counts of its own.
    let of_part = |i: usize| unsafe {
        let Shared(counts) = &shared;
        std::slice::from_raw_parts_mut(counts.add(i * PILES), PILES)
    };
    threads::parallel_for(parts, |i| {
        let counts = of_part(i);
        part(i).iter().for_each(|number| counts[digit(number.key(), shift)] += 1);
    });
    let mut next = 0;
    for pile in 0..PILES {
        for i in 0..parts {
            let count = &mut of_part(i)[pile];
            next += std::mem::replace(count, next);
        }
    }
    let room = Shared(room);
    threads::parallel_for(parts, |i| {
        let (next, Shared(room)) = (of_part(i), &room);
        for &number in part(i) {
            let place = &mut next[digit(number.key(), shift)];
            // SAFETY: the counts give every number of every part a place of its own inside the room, which is as long
            // as the list.
            unsafe { room.add(*place).write(number) };
            *place += 1;
        }
    });
}
