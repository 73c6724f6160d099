//! Datasets made of others: each against what lists would do.

use cresset_data::{ConcatDataset, Dataset, Generator, StackDataset, Subset, draw, random_split};

#[test]
fn one_after_another() {
    let parts = [vec![1, 2], vec![], vec![3], vec![4, 5, 6], vec![]];
    let data = ConcatDataset::new(parts.clone());
    let all: Vec<i32> = (0..data.len()).map(|i| data.item(i).unwrap()).collect();
    assert_eq!(all, parts.concat());
    assert!(data.item(6).is_err());
    assert!(ConcatDataset::<Vec<i32>>::new([]).is_empty());
    let boxed: Vec<Box<dyn Dataset<Item = i32>>> =
        vec![Box::new(vec![1]), Box::new(vec![1].map(|x, _| Ok(x + 1)))];
    assert_eq!(ConcatDataset::new(boxed).item(1).unwrap(), 2);
}

#[test]
fn a_list_keeps_its_own_get() {
    let list = vec![7, 8];
    assert_eq!((list.get(1), list.get(2)), (Some(&8), None));
    assert_eq!(list.item(1).unwrap(), 8);
}

#[test]
fn side_by_side_draws_one_after_the_other() {
    let random = || vec![(); 3].map(|(), random| Ok(draw::uniform(random, 0.0, 1.0)));
    let data = StackDataset::new((random(), random(), vec!['a', 'b', 'c'])).unwrap();
    let (first, second, letter) = data.item_with(1, &mut Generator::keyed(1, 2, 3)).unwrap();
    let mut wanted = Generator::keyed(1, 2, 3);
    assert_eq!(first, draw::uniform(&mut wanted, 0.0, 1.0));
    assert_eq!(second, draw::uniform(&mut wanted, 0.0, 1.0));
    assert_eq!(letter, 'b');
    assert_eq!(data.item(2).unwrap(), data.item(2).unwrap());
    assert!(StackDataset::new((vec![1], vec![1, 2])).is_err());
    assert!(data.item(3).is_err());
}

#[test]
fn subsets_refuse_what_is_not_there() {
    assert!(Subset::new(vec![1, 2], [2]).is_err());
    let some = Subset::new(vec![10, 20, 30], [2, 2, 0]).unwrap();
    assert_eq!((0..3).map(|i| some.item(i).unwrap()).collect::<Vec<_>>(), [30, 30, 10]);
    assert!(some.item(3).is_err());
}

#[test]
fn splits_have_pytorchs_sizes_and_nothing_in_common() {
    // torch.utils.data.random_split(range(n), fractions): the lengths of its parts.
    for (n, fractions, lengths) in [
        (10, [0.5, 0.25, 0.25], [6, 2, 2]),
        (11, [0.33, 0.33, 0.34], [4, 4, 3]),
        (100, [0.7, 0.2, 0.1], [70, 20, 10]),
        (2, [0.4, 0.3, 0.3], [1, 1, 0]),
    ] {
        let parts = random_split(Vec::from_iter(0..n), fractions, 3).unwrap();
        assert_eq!([0, 1, 2].map(|i| parts[i].len()), lengths);
        let mut all: Vec<usize> = parts.iter().flat_map(|part| part.indices().to_vec()).collect();
        all.sort();
        assert_eq!(all, Vec::from_iter(0..n));
    }
    let [a, b] = random_split(Vec::from_iter(0..50), [30, 20], 1).unwrap();
    let [c, _] = random_split(Vec::from_iter(0..50), [30, 20], 1).unwrap();
    let [d, _] = random_split(Vec::from_iter(0..50), [30, 20], 2).unwrap();
    assert_eq!((a.len(), b.len()), (30, 20));
    assert_eq!(a.indices(), c.indices());
    assert_ne!(a.indices(), d.indices());
    assert!(random_split(vec![1, 2], [1, 2], 0).is_err());
    assert!(random_split(vec![1, 2], [usize::MAX, 3], 0).is_err());
    assert!(random_split(vec![1, 2], [0.5, 0.6], 0).is_err());
    assert!(random_split(vec![1, 2], [f64::NAN, 1.0], 0).is_err());
}
