//! Order on a card against that of the processor: sorting, the best few, searching.

mod common;
#[allow(dead_code, reason = "each test takes what it needs")]
mod drawn;

use cresset_ops::{Array, DType, Device, Op, prelude::*};
use drawn::{assert_same, check, drawn, read};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_array_is_sorted(
        shape in prop::collection::vec(prop::sample::select(vec![0usize, 1, 2, 3, 8, 33, 100]), 0..4),
        (which, descending) in (0usize..4, any::<bool>()),
        dtype in prop::sample::select(&DType::ALL[..]),
        (layout, seed, special) in (0..drawn::LAYOUTS, any::<u64>(), any::<bool>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let dim = if shape.is_empty() { 0 } else { which % shape.len() };
        let x = drawn(gpu, dtype, &shape, layout, seed, special);
        check(&Op::Sort { dim, descending }, &[&x], 0.0);
    }

    #[test]
    fn the_best_few_of_any_array(
        shape in prop::collection::vec(prop::sample::select(vec![1usize, 2, 3, 8, 33, 100]), 0..4),
        (which, part, largest) in (0usize..4, 0.0f64..=1.0, any::<bool>()),
        dtype in prop::sample::select(&DType::ALL[..]),
        (layout, seed) in (0..drawn::LAYOUTS, any::<u64>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let dim = if shape.is_empty() { 0 } else { which % shape.len() };
        let k = (shape.get(dim).copied().unwrap_or(1) as f64 * part) as usize;
        let x = drawn(gpu, dtype, &shape, layout, seed, false);
        best(k, dim, largest, &x.here, &x.there);
    }

    #[test]
    fn every_value_finds_its_place(
        (rows, length, values) in (1usize..5, 0usize..50, 0usize..20),
        (own, right) in (any::<bool>(), any::<bool>()),
        dtype in prop::sample::select(&DType::ALL[..]),
        (layout, seed, special) in (0..drawn::LAYOUTS, any::<u64>(), any::<bool>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let shape = if own { vec![rows, length] } else { vec![length] };
        let mut sorted = drawn(gpu, dtype, &shape, 0, seed, false);
        sorted.here = sorted.here.sort(-1, false).unwrap().0;
        sorted.there = sorted.here.to_device(gpu).unwrap();
        let values = drawn(gpu, dtype, &[rows, values], layout, seed ^ 5, special);
        check(&Op::SearchSorted { right }, &[&sorted, &values], 0.0);
    }
}

/// Values are the same; places are those of such values, none twice. Which of equals is named is not settled.
fn best(k: usize, dim: usize, largest: bool, here: &Array, there: &Array) {
    let op = Op::TopK { k, dim, largest };
    let (a, b) = (Array::apply(op.clone(), &[here]).unwrap(), Array::apply(op, &[there]).unwrap());
    assert_same("topk", &a[0], &b[0], 0.0);
    let places = b[1].to_device(Device::Cpu).unwrap();
    assert_eq!(places.shape(), a[1].shape());
    if here.rank() > 0 {
        let picked = here.gather(dim as i64, &places).unwrap();
        assert_same("topk", &a[0], &picked, 0.0);
        let sorted = read(&places.sort(dim as i64, false).unwrap().0.movedim(dim as i64, -1).unwrap());
        for row in sorted.chunks(k.max(1)) {
            assert!(row.windows(2).all(|pair| pair[0] < pair[1]), "{row:?}");
        }
    }
}

#[test]
fn long_rows() {
    let Some(gpu) = common::gpu() else { return };
    for (shape, dim) in [(&[1024][..], 0), (&[1025], 0), (&[3, 5000], 1), (&[3000, 2], 0), (&[100_000], 0)] {
        for dtype in [DType::F32, DType::F16, DType::I64, DType::U8, DType::Bool] {
            for descending in [false, true] {
                let x = drawn(gpu, dtype, shape, 0, 9, descending);
                check(&Op::Sort { dim, descending }, &[&x], 0.0);
                for k in [1, 7, 200, 700] {
                    best(k, dim, descending, &x.here, &x.there);
                }
            }
        }
    }
}

#[test]
fn extremes_of_wide_integers_are_told_apart() {
    let Some(gpu) = common::gpu() else { return };
    let list = vec![i64::MAX, 0, -1, i64::MIN, 1 << 40, (1 << 40) + 1, -(1 << 40), 1];
    let x = Array::from_vec(list.clone(), [8]).unwrap().to_device(gpu).unwrap();
    let (values, places) = x.sort(0, false).unwrap();
    let mut sorted = list.clone();
    sorted.sort_unstable();
    assert_eq!(values.to_vec::<i64>().unwrap(), sorted);
    let picked: Vec<i64> = places.to_vec::<i64>().unwrap().iter().map(|&i| list[i as usize]).collect();
    assert_eq!(picked, sorted);
}
