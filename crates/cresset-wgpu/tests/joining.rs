//! Concatenation on a card: every dtype, also where parts share words.

#[path = "common/cases.rs"]
mod cases;
mod common;

use cases::*;
use cresset_ops::{Array, Op, Shape, prelude::*};
use cresset_tensor::Generator;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_lie_one_after_the_other(
        sizes in prop::collection::vec(0usize..6, 1..4),
        lengths in prop::collection::vec(0usize..7, 1..5),
        seed in 0u64..1 << 40
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let mut random = Generator::new(seed);
        let dim = (seed >> 30) as usize % sizes.len();
        let parts: Vec<Both> = lengths.iter().enumerate().map(|(i, &length)| {
            let mut shape = Shape::from_slice(&sizes);
            shape[dim] = length;
            numbers(gpu, &shape, dtype(seed), (seed >> 8) + i as u64, &mut random)
        }).collect();
        let op = Op::Concat { dim };
        let here = Array::apply_one(op.clone(), &parts.iter().map(|x| &x.here).collect::<Vec<_>>()).unwrap();
        let there = Array::apply_one(op, &parts.iter().map(|x| &x.there).collect::<Vec<_>>()).unwrap();
        assert_same(&here, &there, (&sizes, &lengths, dim));
    }
}

#[test]
fn whole_words_are_moved_as_such() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::new((0..48u8).collect::<Vec<_>>()).reshape([4, 12]).unwrap();
    for (from, to) in [(0, 4), (4, 12), (1, 5), (3, 12)] {
        let parts = |x: &Array| {
            let part = x.narrow(1, from, to - from).unwrap();
            Array::cat(&[x.clone(), part, x.clone()], 1).unwrap()
        };
        assert_same(&parts(&x), &parts(&x.to_device(gpu).unwrap()), (from, to));
    }
}
