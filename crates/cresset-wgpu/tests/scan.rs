//! Running totals and extremes on a card against those of the processor.

mod common;
#[allow(dead_code, reason = "each test takes what it needs")]
mod drawn;

use cresset_ops::{DType, Op, op::Scan};
use drawn::{check, computes, drawn};
use proptest::prelude::*;

const KINDS: [Scan; 5] = [Scan::Sum, Scan::Prod, Scan::LogSumExp, Scan::Max, Scan::Min];

fn is_known(gpu: cresset_ops::Device, kind: Scan, dtype: DType) -> bool {
    let total = matches!(kind, Scan::Sum | Scan::Prod) && !dtype.is_float();
    let exponential = kind == Scan::LogSumExp && dtype == DType::F64;
    computes(gpu, dtype) && !exponential && (!total || computes(gpu, DType::I64))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_scan_of_any_array(
        shape in prop::collection::vec(prop::sample::select(vec![0usize, 1, 2, 3, 8, 33, 70]), 0..4),
        (which, kind) in (0usize..4, prop::sample::select(&KINDS[..])),
        dtype in prop::sample::select(&DType::ALL[..]),
        (layout, seed, special) in (0..drawn::LAYOUTS, any::<u64>(), any::<bool>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        if !is_known(gpu, kind, dtype) {
            return Ok(());
        }
        let dim = if shape.is_empty() { 0 } else { which % shape.len() };
        let x = drawn(gpu, dtype, &shape, layout, seed, special);
        check(&Op::Scan { kind, dim }, &[&x], 1e-4);
    }
}

#[test]
fn long_lines() {
    let Some(gpu) = common::gpu() else { return };
    for (shape, dim) in
        [(&[1025][..], 0), (&[3, 5000], 1), (&[5000, 3], 0), (&[200_000], 0), (&[2, 100_001], 1)]
    {
        for kind in KINDS {
            for dtype in [DType::F32, DType::F16, DType::I64, DType::U8, DType::Bool] {
                let exponential = kind == Scan::LogSumExp && !dtype.is_float();
                // Sums of so many are beyond what half precision tells apart.
                let rough = dtype == DType::F16 && !matches!(kind, Scan::Max | Scan::Min);
                if is_known(gpu, kind, dtype) && !exponential && !rough {
                    let x = drawn(gpu, dtype, shape, 0, 3, false);
                    check(&Op::Scan { kind, dim }, &[&x], 1e-3);
                }
            }
        }
    }
}
