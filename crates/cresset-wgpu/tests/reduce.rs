//! Reductions on a card against those of the processor, over dtypes, shapes, dimensions and layouts.

mod common;
#[allow(dead_code, reason = "each test takes what it needs")]
mod drawn;

use cresset_ops::{
    Array, DType, Op,
    expr::{Expr, traced},
    op::{List, Map, Numbers, Reduce, Reduction},
    prelude::*,
};
use drawn::{Drawn, check, computes, drawn, numbers};
use proptest::prelude::*;

fn op(kind: Reduction, dims: &[usize], keepdim: bool, map: Option<Map>) -> Op {
    Op::Reduce(Box::new(Reduce { kind, dims: List::from_slice(dims), keepdim, map }))
}

/// Totals of integers need 64 bits, which a card may lack.
fn is_known(gpu: Device, kind: Reduction, dtype: DType) -> bool {
    let total = matches!(kind, Reduction::Sum | Reduction::Prod) && !dtype.is_float() && dtype != DType::Bool;
    computes(gpu, dtype) && (!total || computes(gpu, DType::I64))
}

fn tolerance(length: usize) -> f64 {
    2e-6 * (1.0 + (length as f64).sqrt())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_reduction_of_any_array(
        shape in prop::collection::vec(prop::sample::select(vec![0usize, 1, 2, 3, 5, 17, 40]), 0..4),
        (kind, dtype) in (prop::sample::select(Reduction::ALL), prop::sample::select(&DType::ALL[..])),
        (which, keepdim) in (0usize..16, any::<bool>()),
        (layout, seed, special) in (0..drawn::LAYOUTS, any::<u64>(), any::<bool>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        if !is_known(gpu, kind, dtype) {
            return Ok(());
        }
        let mut dims: Vec<usize> = (0..shape.len()).filter(|d| which >> d & 1 == 1).collect();
        if matches!(kind, Reduction::ArgMax | Reduction::ArgMin) {
            dims = if shape.is_empty() { vec![] } else { vec![which % shape.len()] };
        }
        let x = drawn(gpu, dtype, &shape, layout, seed, special);
        let mut bound = tolerance(shape.iter().product());
        if kind == Reduction::Prod {
            bound *= 10.0;
        }
        check(&op(kind, &dims, keepdim, None), &[&x], bound);
    }

    #[test]
    fn formulas_first(
        (rows, columns) in (1usize..70, 1usize..70),
        (kind, dim) in (prop::sample::select(Reduction::ALL), 0usize..2),
        (first, second, seed) in (0..drawn::LAYOUTS, 0..drawn::LAYOUTS, any::<u64>()),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let a = drawn(gpu, DType::F32, &[rows, columns], first, seed, false);
        let b = drawn(gpu, DType::F16, &[columns], second, seed ^ 1, false);
        let program = traced(2, 1, &|x: &[Expr], n: &[Expr]| (x[0] - x[1]).square() * 0.25 + n[0]);
        let map = Map { program, numbers: Numbers::from_slice(&[0.5.into()]), shape: None };
        check(&op(kind, &[dim], false, Some(map)), &[&a, &b], 1e-4);
    }
}

#[test]
fn long_and_wide_ones() {
    let Some(gpu) = common::gpu() else { return };
    let kinds = [Reduction::Sum, Reduction::Max, Reduction::ArgMin, Reduction::All];
    for (shape, dims) in [
        (&[300_001][..], &[0][..]),
        (&[3, 70_000], &[1]),
        (&[70_000, 3], &[0]),
        (&[20_000, 40], &[0]),
        (&[2000, 64, 3], &[1]),
        (&[5000, 7], &[1]),
        (&[30_000, 2], &[1]),
    ] {
        for kind in kinds {
            for dtype in [DType::F32, DType::F16, DType::U8] {
                if is_known(gpu, kind, dtype) {
                    let x = drawn(gpu, dtype, shape, 0, 7, false);
                    check(&op(kind, dims, false, None), &[&x], tolerance(300_001));
                }
            }
        }
    }
}

#[test]
fn sums_are_exact_to_the_last_bits_and_always_the_same() {
    let Some(gpu) = common::gpu() else { return };
    let n = 1 << 20;
    let x = Array::from_vec(vec![0.1f32; n], [n]).unwrap().to_device(gpu).unwrap();
    let sum = || x.sum().unwrap().item::<f32>().unwrap();
    let first = sum();
    let exact = f64::from(0.1f32) * n as f64;
    assert!((f64::from(first) / exact - 1.0).abs() < 3e-7, "{first} instead of {exact}");
    for _ in 0..5 {
        assert_eq!(sum().to_bits(), first.to_bits());
    }
}

#[test]
fn the_first_of_equals_and_the_first_nan_are_found() {
    let Some(gpu) = common::gpu() else { return };
    let mut list = vec![1.0f32; 5000];
    (list[1234], list[4321]) = (3.0, 3.0);
    let place = |list: &[f32]| {
        let x = Array::from_vec(list.to_vec(), [5000]).unwrap().to_device(gpu).unwrap();
        x.argmax_dim(0, false).unwrap().item::<i64>().unwrap()
    };
    assert_eq!(place(&list), 1234);
    (list[2000], list[3000]) = (f32::NAN, f32::NAN);
    assert_eq!(place(&list), 2000);
}

#[test]
fn where_there_is_nothing() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::from_vec(Vec::<f32>::new(), [0, 3]).unwrap().to_device(gpu).unwrap();
    assert_eq!(x.sum_dim(0, false).unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(x.prod_dim(0, false).unwrap().to_vec::<f32>().unwrap(), [1.0; 3]);
    assert!(x.amax(0, false).is_err());
    assert_eq!(x.amax(1, false).unwrap().shape(), &[0]);
}

#[test]
fn one_array_as_several_inputs() {
    let Some(gpu) = common::gpu() else { return };
    let here = numbers(DType::F32, &[30, 40], 3, false);
    let there = here.to_device(gpu).unwrap();
    let program = traced(2, 0, &|x: &[Expr], _: &[Expr]| x[0] * x[1]);
    let map = Map { program, numbers: Numbers::new(), shape: None };
    let turned = |x: &Array| x.narrow(0, 0, 30).unwrap().narrow(1, 5, 30).unwrap().t().unwrap();
    let other = |x: &Array| x.narrow(1, 0, 30).unwrap();
    let a = Drawn { here: turned(&here), there: turned(&there) };
    let b = Drawn { here: other(&here), there: other(&there) };
    check(&op(Reduction::Sum, &[0], true, Some(map)), &[&a, &b], 1e-5);
}

#[test]
fn rows_shared_by_any_number_of_lanes() -> Result<()> {
    let Some(gpu) = common::gpu() else { return Ok(()) };
    // Whole numbers, whose sums are exact in any order; the largest occurs twice, and the first one counts.
    for length in [5usize, 9, 17, 40, 70, 130, 300, 700, 1500, 3000] {
        for rows in [1usize, 3, 40] {
            let number = |i: usize| ((i * 37 + i / length * 11) % 61) as f32 - 30.0;
            let mut list: Vec<f32> = (0..rows * length).map(number).collect();
            for row in 0..rows {
                let (first, second) = (length / 3, length - 1 - row % 2);
                list[row * length + first] = 99.0;
                list[row * length + second] = 99.0;
            }
            let x = Array::from_vec(list, [rows, length])?;
            let y = x.to_device(gpu)?;
            let same = |f: &dyn Fn(&Array) -> Result<Array>| -> Result<()> {
                let (here, there) = (f(&x)?, f(&y)?.to_device(Device::Cpu)?);
                assert_eq!(here.to_bytes()?, there.to_bytes()?, "{rows} rows of {length}\n{here}\n{there}");
                Ok(())
            };
            same(&|x| x.sum_dim(1, false))?;
            same(&|x| x.argmax_dim(1, false))?;
            same(&|x| x.amin([1], false))?;
            same(&|x| x.gt(98.0)?.any_dim(1, false))?;
            // And the same bits every time.
            let rough = y.mul(0.1)?.softmax(1)?;
            assert_eq!(rough.to_bytes()?, y.mul(0.1)?.softmax(1)?.to_bytes()?);
        }
    }
    Ok(())
}
