//! What kernels find wrong is told by the next read, whoever reads: so this has a process of its own.

mod common;

use cresset_ops::{Array, ErrorKind, Op, op::Combine, prelude::*};

fn apply(op: &Op, inputs: &[&Array]) -> Array {
    Array::apply_one(op.clone(), inputs).unwrap()
}

#[test]
fn an_index_outside_is_told_at_the_next_read_and_then_all_goes_on() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::new([1.0f32, 2.0, 3.0]).to_device(gpu).unwrap();
    for (wrong, op) in [
        (3i64, Op::IndexSelect { dim: 0 }),
        (-1, Op::IndexSelect { dim: 0 }),
        (1 << 32, Op::Gather { dim: 0 }),
        (7, Op::IndexPut { dim: 0, combine: Combine::Add }),
        (-4, Op::Scatter { dim: 0, combine: Combine::Set }),
    ] {
        let index = Array::new([0i64, wrong]).to_device(gpu).unwrap();
        let source = Array::new([10.0f32, 20.0]).to_device(gpu).unwrap();
        let y = match op {
            Op::IndexSelect { .. } | Op::Gather { .. } => apply(&op, &[&x, &index]),
            _ => apply(&op, &[&x, &index, &source]),
        };
        let error = y.to_vec::<f32>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Index, "{error}");
        assert!(error.to_string().contains("dimension 0 of size 3"), "{error}");
        assert_eq!(error.operation(), op.name());
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(
            y.to_vec::<f32>().unwrap()[0],
            if y.numel() == 2 { 1.0 } else { y.to_vec::<f32>().unwrap()[0] }
        );
    }
    let index = Array::new([5i64]).to_device(gpu).unwrap();
    let _ = apply(&Op::IndexSelect { dim: 0 }, &[&x, &index]);
    assert!(cresset_ops::backend::synchronize(gpu).is_err());
    assert!(cresset_ops::backend::synchronize(gpu).is_ok());
}
