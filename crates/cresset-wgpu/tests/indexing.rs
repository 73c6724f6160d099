//! Reading and writing at indices on a card: the processor's numbers, bit for bit in what is added, from run to run.

#[path = "common/cases.rs"]
mod cases;
mod common;

use cases::*;
use cresset_ops::{Array, DType, Op, Shape, op::Combine, prelude::*};
use cresset_tensor::Generator;
use proptest::prelude::*;

const COMBINES: [Combine; 5] = [Combine::Set, Combine::Add, Combine::Mul, Combine::Max, Combine::Min];

fn apply(op: &Op, inputs: &[&Array]) -> Array {
    Array::apply_one(op.clone(), inputs).unwrap()
}

/// Does the card combine so in that dtype?
fn combines(gpu: Device, dtype: DType, combine: Combine) -> bool {
    combine == Combine::Set || computes(gpu, dtype)
}

/// Applied out of place, and written into a target that others see.
#[track_caller]
fn written_alike(op: &Op, x: &Both, index: &Both, source: &Both) {
    let name = format!("{op:?} {:?} {:?} {:?}", x.here.layout(), index.here.layout(), source.here.layout());
    let here = apply(op, &[&x.here, &index.here, &source.here]);
    let there = apply(op, &[&x.there, &index.there, &source.there]);
    assert_same(&here, &there, &name);
    let version = x.there.storage().version();
    Array::apply_into(op.clone(), &[&x.here, &index.here, &source.here], &[&x.here]).unwrap();
    Array::apply_into(op.clone(), &[&x.there, &index.there, &source.there], &[&x.there]).unwrap();
    assert_same(&x.here, &x.there, &name);
    if index.here.numel() > 0 {
        assert!(x.there.storage().version() > version);
    }
    // What lies between is as it was.
    let whole = |x: &Array| {
        let bytes = x.storage().bytes() / x.dtype().size();
        x.with_layout(cresset_tensor::Layout::contiguous(bytes.into())).unwrap()
    };
    assert_same(&whole(&x.here), &whole(&x.there), &name);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_picks_the_same(
        sizes in prop::collection::vec(0usize..5, 0..4), count in 0usize..7, seed in 0u64..1 << 40
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let mut random = Generator::new(seed);
        let (shape, dtype) = (Shape::from_slice(&sizes), dtype(seed));
        let x = numbers(gpu, &shape, dtype, seed >> 8, &mut random);
        for dim in 0..shape.rank().max(1) {
            let size = shape.get(dim).copied().unwrap_or(1);
            let count = if size == 0 { 0 } else if shape.rank() == 0 { 1 } else { count };
            let list = indices(gpu, &[count].into(), size.max(1), seed >> 10, &mut random);
            let op = Op::IndexSelect { dim };
            assert_same(&apply(&op, &[&x.here, &list.here]), &apply(&op, &[&x.there, &list.there]), (&op, &shape));
            let mut wanted = shape.clone();
            if let Some(size) = wanted.get_mut(dim) {
                *size = count;
            }
            let index = indices(gpu, &wanted, size.max(1), seed >> 12, &mut random);
            let op = Op::Gather { dim };
            assert_same(&apply(&op, &[&x.here, &index.here]), &apply(&op, &[&x.there, &index.there]), (&op, &shape));
        }
    }

    #[test]
    fn writing_combines_the_same(
        sizes in prop::collection::vec(1usize..5, 0..4), count in 0usize..9, seed in 0u64..1 << 40
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let mut random = Generator::new(seed);
        let (shape, dtype) = (Shape::from_slice(&sizes), dtype(seed));
        let combine = COMBINES[(seed >> 6) as usize % 5];
        if !combines(gpu, dtype, combine) {
            return Ok(());
        }
        let dim = (seed >> 20) as usize % shape.rank().max(1);
        let size = shape.get(dim).copied().unwrap_or(1);
        let count = if shape.rank() == 0 { 1 } else { count };
        let mut wanted = shape.clone();
        if let Some(size) = wanted.get_mut(dim) {
            *size = count;
        }
        let x = numbers(gpu, &shape, dtype, seed >> 8, &mut random);
        let source = numbers(gpu, &wanted, dtype, seed >> 14, &mut random);
        let list = indices(gpu, &[count].into(), size, seed >> 10, &mut random);
        written_alike(&Op::IndexPut { dim, combine }, &x, &list, &source);
        // An index may be smaller than array and source in the other dimensions.
        let smaller: Shape = wanted.iter().map(|&size| size.saturating_sub((seed >> 30) as usize % 2)).collect();
        let index = indices(gpu, &smaller, size, seed >> 12, &mut random);
        let x = numbers(gpu, &shape, dtype, seed >> 16, &mut random);
        written_alike(&Op::Scatter { dim, combine }, &x, &index, &source);
    }
}

#[test]
fn many_indices_are_sorted_and_combine_in_their_order() {
    let Some(gpu) = common::gpu() else { return };
    let mut random = Generator::new(3);
    for dtype in [DType::F32, DType::BF16, DType::U8, DType::I64] {
        for (i, combine) in COMBINES.into_iter().enumerate() {
            if !combines(gpu, dtype, combine) {
                continue;
            }
            // An embedding's gradient: rows of a table, some far more frequent than others.
            let number = i as u64;
            let table = numbers(gpu, &[211, 10].into(), dtype, number, &mut random);
            let rows = numbers(gpu, &[2100, 10].into(), dtype, number + 1, &mut random);
            let index = Array::randint_with(0, 211, [2100], &mut random).unwrap();
            let index = index.mul(&index.gt(100).unwrap()).unwrap();
            written_alike(
                &Op::IndexPut { dim: 0, combine },
                &table,
                &both(gpu, &index, |x| x.clone()),
                &rows,
            );
            let columns = |x: &Both| Both { here: x.here.t().unwrap(), there: x.there.t().unwrap() };
            let (table, rows) = (columns(&table), columns(&rows));
            written_alike(
                &Op::IndexPut { dim: 1, combine },
                &table,
                &both(gpu, &index, |x| x.clone()),
                &rows,
            );
            // Elements.
            let x = numbers(gpu, &[20, 70, 3].into(), dtype, number, &mut random);
            let index = indices(gpu, &[20, 1600, 2].into(), 70, number, &mut random);
            let source = numbers(gpu, &[20, 1600, 3].into(), dtype, number + 2, &mut random);
            written_alike(&Op::Scatter { dim: 1, combine }, &x, &index, &source);
        }
    }
}

#[test]
fn sums_are_the_processor_s_to_the_last_bit() {
    let Some(gpu) = common::gpu() else { return };
    let mut random = Generator::new(9);
    let table = Array::randn_with([500, 12], &mut random).unwrap();
    let rows = Array::randn_with([2000, 12], &mut random).unwrap();
    let index = Array::randint_with(0, 500, [2000], &mut random).unwrap();
    let op = Op::IndexPut { dim: 0, combine: Combine::Add };
    let here = apply(&op, &[&table, &index, &rows]);
    let moved = [&table, &index, &rows].map(|x| x.to_device(gpu).unwrap());
    for _ in 0..3 {
        let there = apply(&op, &[&moved[0], &moved[1], &moved[2]]);
        assert_eq!(there.to_bytes().unwrap(), here.to_bytes().unwrap());
    }
}

#[test]
fn most_of_a_long_list_meets_in_few_places() {
    let Some(gpu) = common::gpu() else { return };
    let (count, places) = (20_011usize, 700usize);
    // Two places get most, some less, and many nothing; whole numbers, whose sums are exact in any order.
    let place = |i: usize| match i * 7919 % 10 {
        0..5 => 3,
        5..8 => 699,
        8 => i * 31 % 40,
        _ => i % places,
    };
    let index = Array::from_vec((0..count).map(|i| place(i) as i64).collect(), [count]).unwrap();
    for (dtype, width) in [(DType::F32, 1usize), (DType::F32, 5), (DType::I32, 3), (DType::F16, 2)] {
        let n = count * width;
        let source: Vec<f32> = (0..n).map(|i| ((i * 13) % 5) as f32 - 2.0).collect();
        let shape = if width == 1 { vec![count] } else { vec![count, width] };
        let source = Array::from_vec(source, shape.clone()).unwrap().to_dtype(dtype).unwrap();
        let target = Array::ones_with([&[places], &shape[1..]].concat(), dtype).unwrap();
        for combine in [Combine::Add, Combine::Max] {
            let op = Op::IndexPut { dim: 0, combine };
            let here = apply(&op, &[&target, &index, &source]);
            let inputs = [&target, &index, &source].map(|x| x.to_device(gpu).unwrap());
            let there = apply(&op, &[&inputs[0], &inputs[1], &inputs[2]]);
            assert_same(&here, &there, &format!("{dtype} {width} {combine:?}"));
        }
    }
    // Sums that are rounded are the same every time, and near to the processor's.
    let source =
        Array::from_vec((0..count).map(|i| 0.1 + (i % 77) as f32 * 0.01).collect(), [count]).unwrap();
    let target = Array::zeros([places]);
    let op = Op::Scatter { dim: 0, combine: Combine::Add };
    let here = apply(&op, &[&target, &index, &source]);
    let inputs = [&target, &index, &source].map(|x| x.to_device(gpu).unwrap());
    let sums = || apply(&op, &[&inputs[0], &inputs[1], &inputs[2]]);
    let there = sums();
    assert_eq!(there.to_bytes().unwrap(), sums().to_bytes().unwrap());
    let (here, there) = (here.to_vec::<f32>().unwrap(), there.to_vec::<f32>().unwrap());
    for (a, b) in here.iter().zip(&there) {
        assert!((a - b).abs() <= 2e-5 * a.abs(), "{a} {b}");
    }
}
