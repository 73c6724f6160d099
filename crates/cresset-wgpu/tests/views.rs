//! Adjoints of views, and writing through views, on a card.

#[path = "common/cases.rs"]
mod cases;
mod common;

use cases::*;
use cresset_ops::{Array, DType, Op, Shape, prelude::*, view::View};
use cresset_tensor::{Generator, Layout};
use proptest::prelude::*;

/// A view of a shape with at least one dimension, none of them empty.
fn view(shape: &Shape, seed: u64) -> View {
    let dim = (seed >> 4) as usize % shape.rank();
    let size = shape[dim];
    let a = (seed >> 8) as usize;
    match seed % 7 {
        0 => View::Slice { dim, start: a % size, len: size - a % size, step: 1 },
        1 => View::Slice { dim, start: size - 1, len: size.div_ceil(2), step: -2 },
        2 => View::Select { dim, index: a % size },
        3 => View::Unfold { dim, size: 1 + a % size, step: 1 + (a >> 4) % 3, dilation: 1 },
        4 => View::Unfold { dim, size: 2, step: 1, dilation: (size - 1).max(1) },
        5 if shape.rank() > 1 => View::Diagonal { offset: 0, dim1: 0, dim2: shape.rank() - 1 },
        _ => View::Permute((0..shape.rank()).rev().collect()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adjoints_and_writing_are_the_processor_s(
        sizes in prop::collection::vec(1usize..7, 1..4), seed in 0u64..1 << 40
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let mut random = Generator::new(seed);
        let (shape, dtype) = (Shape::from_slice(&sizes), dtype(seed >> 3));
        let view = view(&shape, seed);
        let base = Layout::contiguous(shape.clone());
        let Ok(seen) = view.shape(&base) else { return Ok(()) };
        let source = numbers(gpu, &seen, dtype, seed >> 12, &mut random);
        let overlaps = view.layout(&base).unwrap().unwrap().overlaps_itself();
        let name = format!("{view:?} of {shape} {dtype}");
        if !overlaps || computes(gpu, dtype) {
            let op = Op::Unview { view: view.clone(), base: base.into() };
            let here = Array::apply_one(op.clone(), &[&source.here]).unwrap();
            let there = Array::apply_one(op, &[&source.there]).unwrap();
            assert_same(&here, &there, &name);
        }
        if !overlaps {
            let x = numbers(gpu, &shape, dtype, seed >> 16, &mut random);
            let op = Op::Overwrite(view);
            let here = Array::apply_one(op.clone(), &[&x.here, &source.here]).unwrap();
            let there = Array::apply_one(op.clone(), &[&x.there, &source.there]).unwrap();
            assert_same(&here, &there, &name);
            Array::apply_into(op.clone(), &[&x.here, &source.here], &[&x.here]).unwrap();
            Array::apply_into(op, &[&x.there, &source.there], &[&x.there]).unwrap();
            assert_same(&x.here, &x.there, &name);
        }
    }
}

#[test]
fn any_geometry_over_memory_has_an_adjoint_and_is_written() {
    let Some(gpu) = common::gpu() else { return };
    let mut random = Generator::new(1);
    for dtype in [DType::F32, DType::BF16, DType::I32, DType::U8] {
        let shape: Shape = [3, 4].into();
        let source = numbers(gpu, &shape, dtype, 1, &mut random);
        for (strides, offset) in [([2isize, 1], 1usize), ([4, 1], 2), ([0, 1], 0)] {
            let view = View::AsStrided { shape: shape.clone(), strides: Box::new(strides.into()), offset };
            let op = Op::Unview { view, base: Layout::contiguous([20].into()).into() };
            let here = Array::apply_one(op.clone(), &[&source.here]).unwrap();
            let there = Array::apply_one(op.clone(), &[&source.there]).unwrap();
            assert_same(&here, &there, &op);
        }
        // Of a view, the geometry is that of the memory under it.
        let base = numbers(gpu, &[20].into(), dtype, 0, &mut random);
        let part = |x: &Array| x.narrow(0, 5, 10).unwrap();
        let view = View::AsStrided { shape, strides: Box::new([4isize, 1].into()), offset: 2 };
        let op = Op::Overwrite(view);
        let here = Array::apply_one(op.clone(), &[&part(&base.here), &source.here]).unwrap();
        let there = Array::apply_one(op.clone(), &[&part(&base.there), &source.there]).unwrap();
        assert_same(&here, &there, &op);
    }
}

#[test]
fn a_reshape_copies_any_dtype() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in DType::ALL {
        let x = numbers(gpu, &[5, 7].into(), dtype, 1, &mut Generator::new(2));
        assert_same(&x.here.reshape([35]).unwrap(), &x.there.reshape([35]).unwrap(), dtype);
    }
}
