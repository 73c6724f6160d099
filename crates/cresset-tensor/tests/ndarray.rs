//! Conversions from and to the `ndarray` crate.
#![cfg(feature = "ndarray")]

use cresset_tensor::{Array, DType, ErrorKind, f16};
use ndarray::{Array1, Array2, ArrayD, Axis, array, s};

#[test]
fn owned_arrays_change_hands_without_a_copy() {
    let theirs = Array2::from_shape_fn((3, 4), |(i, j)| (4 * i + j) as f32);
    let place = theirs.as_ptr();
    let ours = Array::from(theirs);
    assert_eq!(ours.as_ptr().cast_const().cast(), place);
    assert!(ours.is_contiguous());
    let back: Array2<f32> = ours.try_into().unwrap();
    assert_eq!(back.as_ptr(), place);
    assert_eq!(back[[2, 1]], 9.0);
}

#[test]
fn any_strides_are_taken_over() {
    let mut theirs = Array2::from_shape_fn((5, 6), |(i, j)| (6 * i + j) as i64);
    theirs.invert_axis(Axis(0));
    theirs.slice_collapse(s![1..4, ..;-2]);
    let place = theirs.as_ptr();
    let expected: Vec<i64> = theirs.iter().copied().collect();
    let ours = Array::from(theirs.reversed_axes());
    assert_eq!(ours.as_ptr().cast_const().cast(), place);
    assert_eq!(ours.shape(), &[3, 3]);
    let turned = ours.with_layout(ours.layout().permute(&[1, 0]).unwrap()).unwrap();
    assert_eq!(turned.to_vec::<i64>().unwrap(), expected);
    // And back, copied into row-major order.
    let back: Array2<i64> = (&turned).try_into().unwrap();
    assert_eq!(back.iter().copied().collect::<Vec<_>>(), expected);
}

#[test]
fn views_are_copied() {
    let theirs = array![[1u8, 2], [3, 4]];
    let ours = Array::from(theirs.slice(s![.., 1]));
    assert_eq!((ours.to_vec::<u8>().unwrap(), ours.dtype()), (vec![2, 4], DType::U8));
    let ours = Array::from(&theirs);
    assert_ne!(ours.as_ptr().cast_const(), theirs.as_ptr());
    assert_eq!(ours.to_vec2::<u8>().unwrap(), [[1, 2], [3, 4]]);
}

#[test]
fn wrong_ranks_and_types_are_refused() {
    let ours = Array::new([[1.0f32, 2.0]]);
    assert_eq!(Array1::<f32>::try_from(&ours).unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(Array2::<f64>::try_from(&ours).unwrap_err().kind(), ErrorKind::DType);
    assert_eq!(ArrayD::<f32>::try_from(&ours).unwrap().shape(), [1, 2]);
}

#[test]
fn single_numbers_and_none() {
    let ours = Array::from(ndarray::arr0(f16::ONE));
    assert_eq!((ours.rank(), ours.item::<f64>().unwrap()), (0, 1.0));
    for shape in [(0, 3), (3, 0), (0, 1 << 60)] {
        let mut theirs = Array2::<bool>::default(shape);
        theirs.invert_axis(Axis(1));
        let ours = Array::from(theirs);
        assert_eq!(ours.shape(), &[shape.0, shape.1]);
        let back: Array2<bool> = ours.try_into().unwrap();
        assert_eq!(back.dim(), shape);
    }
}
