//! Sorting that is compiled once. The standard library's sorts are compiled anew for every type and every comparison, a
//! tenth of a second each: too much for lists that are short, or that are sorted beside much other work.

use std::cmp::Ordering;

/// Sorts a list. What compares equal stays in its order.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut order = order(list.len(), &|a, b| compare(&list[a], &list[b]));
    for place in 0..list.len() {
        // What belongs here may have made room for another before: that is where it went.
        let mut from = order[place];
        while from < place {
            from = order[from];
        }
        order[place] = from;
        list.swap(place, from);
    }
}

/// Sorts places, sizes or dimensions.
pub fn sort_places(list: &mut [usize]) {
    list.sort_unstable();
}

fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| compare(a, b));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_standard_library_sorts(list in prop::collection::vec((0u8..20, any::<u8>()), 0..200)) {
            let (mut ours, mut theirs) = (list.clone(), list);
            super::sort_by(&mut ours, |a, b| a.0.cmp(&b.0));
            theirs.sort_by_key(|pair| pair.0);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn what_was_moved_is_found_in_few_steps() {
        // The last belongs first: every other one has made room.
        let mut list: Vec<usize> = (1..200_000).chain([0]).collect();
        super::sort_by(&mut list, Ord::cmp);
        assert!(list.is_sorted());
    }
}
