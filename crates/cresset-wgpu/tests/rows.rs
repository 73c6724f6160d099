//! Softmax and normalised rows on a card against those of the processor.

mod common;
#[allow(dead_code, reason = "each test takes what it needs")]
mod drawn;

use cresset_ops::{Array, DType, Op, prelude::*};
use drawn::{assert_same, check, drawn};
use proptest::prelude::*;

const FLOATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn softmax_of_any_array(
        shape in prop::collection::vec(prop::sample::select(vec![0usize, 1, 2, 3, 8, 17, 70]), 0..4),
        (which, log, dtype) in (0usize..4, any::<bool>(), prop::sample::select(&FLOATS[..])),
        (layout, seed, special) in (0..drawn::LAYOUTS, any::<u64>(), any::<bool>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let dim = if shape.is_empty() { 0 } else { which % shape.len() };
        let x = drawn(gpu, dtype, &shape, layout, seed, special);
        check(&Op::Softmax { dim, log }, &[&x], 1e-5);
    }

    #[test]
    fn normalised_rows_of_any_array(
        shape in prop::collection::vec(prop::sample::select(vec![1usize, 2, 3, 8, 17, 70]), 0..4),
        (dims, dtype) in (0usize..4, prop::sample::select(&FLOATS[..])),
        (layout, seed) in (0..drawn::LAYOUTS, any::<u64>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let dims = dims.min(shape.len());
        let x = drawn(gpu, dtype, &shape, layout, seed, false);
        check(&Op::Normalize { dims, epsilon: 1e-5 }, &[&x], 1e-4);
    }
}

#[test]
fn short_and_long_rows() {
    let Some(gpu) = common::gpu() else { return };
    for length in [5, 64, 255, 1000, 2048, 2050, 5000, 40_000] {
        for dtype in FLOATS {
            let x = drawn(gpu, dtype, &[3, length], 0, 11, false);
            check(&Op::Softmax { dim: 1, log: false }, &[&x], 1e-5);
            check(&Op::Softmax { dim: 1, log: true }, &[&x], 1e-5);
            check(&Op::Normalize { dims: 1, epsilon: 1e-5 }, &[&x], 1e-4);
            let x = drawn(gpu, dtype, &[length, 3], 0, 12, false);
            check(&Op::Softmax { dim: 0, log: true }, &[&x], 1e-5);
        }
    }
}

#[test]
fn many_rows() {
    let Some(gpu) = common::gpu() else { return };
    for shape in [[20_000, 10], [3000, 33], [100_000, 2]] {
        let x = drawn(gpu, DType::F32, &shape, 0, 5, false);
        check(&Op::Softmax { dim: 1, log: false }, &[&x], 1e-5);
        check(&Op::Normalize { dims: 1, epsilon: 1e-5 }, &[&x], 1e-4);
    }
}

#[test]
fn rows_of_nothing_but_minus_infinity_are_nan_and_large_numbers_do_not_overflow() {
    let Some(gpu) = common::gpu() else { return };
    let low = f32::NEG_INFINITY;
    let here = Array::new([[low, low, low], [1e30, 0.0, low], [1000.0, 1000.0, 999.0], [f32::NAN, 0.0, 1.0]]);
    let there = here.to_device(gpu).unwrap();
    for log in [false, true] {
        let soft = |x: &Array| if log { x.log_softmax(1) } else { x.softmax(1) };
        assert_same("softmax", &soft(&here).unwrap(), &soft(&there).unwrap(), 1e-6);
    }
}

#[test]
fn a_row_far_from_zero_keeps_its_variance() {
    let Some(gpu) = common::gpu() else { return };
    let here = Array::from_vec((0..3000).map(|i| 10_000.0 + (i % 7) as f32).collect(), [1, 3000]).unwrap();
    let there = here.to_device(gpu).unwrap();
    let op = Op::Normalize { dims: 1, epsilon: 1e-5 };
    let (a, b) = (Array::apply(op.clone(), &[&here]).unwrap(), Array::apply(op, &[&there]).unwrap());
    for (a, b) in a.iter().zip(&b) {
        assert_same("layer_norm", a, b, 2e-3);
    }
}
