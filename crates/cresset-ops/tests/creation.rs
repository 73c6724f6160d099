//! Arrays made of nothing.

use cresset_ops::prelude::*;

#[test]
fn counting() {
    let ints = |x: Array| (x.dtype(), x.to_i64s().unwrap());
    assert_eq!(ints(Array::arange(4)), (DType::I64, vec![0, 1, 2, 3]));
    assert_eq!(ints(Array::arange_with(5, 0, -2, ()).unwrap()), (DType::I64, vec![5, 3, 1]));
    // The number of steps is that of the floating-point numbers given, as in PyTorch.
    assert_eq!(ints(Array::arange_with(-0.9, 2.1, 2.0, DType::I64).unwrap()), (DType::I64, vec![0, 2]));
    assert_eq!(Array::arange_with(0, 1, 0.25, ()).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(
        ints(Array::arange_with(0, 1i64 << 62, 1i64 << 61, ()).unwrap()),
        (DType::I64, vec![0, 1 << 61])
    );
    assert_eq!(ints(Array::arange_with(i64::MIN, i64::MAX, i64::MAX, ()).unwrap()).1.len(), 3);
    for (start, end, step) in
        [(0.0, 1.0, 0.0), (0.0, 1.0, -1.0), (0.0, f64::INFINITY, 1.0), (0.0, f64::NAN, 1.0)]
    {
        assert!(Array::arange_with(start, end, step, ()).is_err());
    }
    assert!(Array::arange_with(0, 1, f64::NAN, ()).is_err());
    assert!(Array::arange_with(0, i64::MAX, 1, ()).is_err());
}

#[test]
fn spacing_is_exact_at_both_ends() {
    let x = Array::linspace(0.1, 0.7, 1000);
    let values = x.to_vec::<f32>().unwrap();
    assert_eq!((values[0], values[999]), (0.1, 0.7));
    assert_eq!(Array::linspace(0, 10, 4).to_vec::<f32>().unwrap()[0], 0.0);
    assert_eq!(Array::linspace_with(0, 10, 4, DType::I64).unwrap().to_i64s().unwrap(), [0, 3, 6, 10]);
    assert_eq!(Array::linspace(3, 9, 1).to_vec::<f32>().unwrap(), [3.0]);
    assert_eq!(Array::logspace(0, 2, 3, -2.0).to_vec::<f32>().unwrap(), [1.0, -2.0, 4.0]);
}

#[test]
fn triangles() {
    for (rows, columns) in [(0, 3), (3, 0), (3, 5), (5, 3), (4, 4)] {
        for offset in -7..8i64 {
            let mut below = (Vec::new(), Vec::new());
            let mut above = (Vec::new(), Vec::new());
            for row in 0..rows as i64 {
                for column in 0..columns as i64 {
                    let part = if column <= row + offset { &mut below } else { &mut above };
                    part.0.push(row);
                    part.1.push(column);
                }
            }
            let flat = |(a, b): (Vec<i64>, Vec<i64>)| [a, b].concat();
            let lower = Array::tril_indices(rows, columns, offset, ()).unwrap();
            let upper = Array::triu_indices(rows, columns, offset + 1, ()).unwrap();
            assert_eq!(lower.to_i64s().unwrap(), flat(below), "{rows} {columns} {offset}");
            assert_eq!(upper.to_i64s().unwrap(), flat(above), "{rows} {columns} {offset}");
        }
    }
    assert!(Array::tril_indices(1 << 40, 1 << 40, 0, ()).is_err());
    assert_eq!(Array::tril_indices(1 << 60, 4, -(1 << 60), ()).unwrap().numel(), 0);
    assert_eq!(Array::triu_indices(1 << 60, 4, 3, ()).unwrap().to_i64s().unwrap(), [0, 3]);
}

#[test]
fn filling() {
    assert_eq!(Array::full([2], true).to_vec::<bool>().unwrap(), [true, true]);
    assert_eq!(Array::full_with([2], 1.5, DType::I64).unwrap().to_i64s().unwrap(), [1, 1]);
    assert!(Array::full_with([2], 300, DType::U8).is_err());
    assert!(Array::full_with([2], 1e300, DType::F32).is_err());
    assert!(Array::full_with([2], f64::INFINITY, DType::F16).is_ok());
    assert!(Array::zeros_with([usize::MAX, 2], ()).is_err());
    let large = Array::full_with([300, 300], 7, DType::I16).unwrap();
    assert!(large.to_i64s().unwrap().iter().all(|&x| x == 7));
    assert_eq!(Array::eye_with(2, 3, DType::Bool).unwrap().to_i64s().unwrap(), [1, 0, 0, 0, 1, 0]);
    let x = Array::zeros([3]);
    x.fill_(&Array::new(2i64)).unwrap();
    assert_eq!(x.to_vec::<f32>().unwrap(), [2.0; 3]);
    assert!(x.fill_(&Array::new([2.0])).is_err());
}

#[test]
fn diagonals() {
    let x = Array::zeros_with([5, 2], DType::I64).unwrap();
    x.fill_diagonal_(1, false).unwrap();
    assert_eq!(x.to_i64s().unwrap(), [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    x.fill_diagonal_(2, true).unwrap();
    assert_eq!(x.to_i64s().unwrap(), [2, 0, 0, 2, 0, 0, 2, 0, 0, 2]);
    let cube = Array::zeros([2, 2, 2]);
    cube.fill_diagonal_(3, false).unwrap();
    assert_eq!(cube.to_vec::<f32>().unwrap(), [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0]);
    assert!(Array::zeros([2]).fill_diagonal_(1, false).is_err());
    assert!(Array::zeros([2, 3, 2]).fill_diagonal_(1, false).is_err());
    assert!(Array::zeros([0, 2]).fill_diagonal_(1, true).is_ok());
}

#[test]
#[should_panic(expected = "zeros: ")]
fn an_absurd_shape_panics_with_our_error() {
    Array::zeros([usize::MAX, 3]);
}
