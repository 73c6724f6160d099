//! Formulas over arrays against plain Rust.

use cresset_ops::prelude::*;

#[test]
fn broadcasting_strides_and_dtypes() {
    let a = Array::new([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let b = Array::new([10.0f32, 20.0, 30.0]);
    assert_eq!(a.add(&b).unwrap().to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
    let column = Array::new([[1i64], [2]]);
    assert_eq!(a.mul(&column).unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 8.0, 10.0, 12.0]);
    assert!(a.add(&Array::new([1.0, 2.0])).is_err());
    let bytes = Array::new([250u8, 10]);
    assert_eq!(bytes.add(10).unwrap().to_vec::<u8>().unwrap(), [4, 20]);
    assert_eq!(bytes.gt(300).unwrap().to_vec::<bool>().unwrap(), [false, false]);
    assert!(Array::new([1i64]).floor_divide(0).is_err());
}

#[test]
fn large_and_strided_equals_plain_rust() {
    let n = 300;
    let x: Vec<f32> = (0..n * n).map(|i| (i % 1013) as f32 * 0.01 - 5.0).collect();
    let array = Array::from_vec(x.clone(), [n, n]).unwrap();
    let transposed = array.with_layout(array.layout().permute(&[1, 0]).unwrap()).unwrap();
    let sum = array.add(&transposed).unwrap().to_vec::<f32>().unwrap();
    for i in 0..n {
        for j in 0..n {
            assert_eq!(sum[i * n + j], x[i * n + j] + x[j * n + i]);
        }
    }
    // In place, through a view: the base shows it.
    let diagonal = array.with_layout(array.layout().diagonal(0, 0, 1).unwrap()).unwrap();
    diagonal.mul_(0.0).unwrap();
    assert_eq!(array.to_vec::<f32>().unwrap()[n + 1], 0.0);
    assert_eq!(array.to_vec::<f32>().unwrap()[1], x[1]);
    // An input that overlaps the target otherwise is read as it was.
    array.add_(&transposed).unwrap();
    let after = array.to_vec::<f32>().unwrap();
    assert_eq!(after[1], x[1] + x[n]);
    assert_eq!(after[n], x[1] + x[n]);
}

#[test]
fn numbers_are_of_double_precision_until_they_meet_an_array() {
    let third = |dtype| {
        let x = Array::new([1.0]).to_dtype(dtype).unwrap();
        Array::formula(&[&x], &[3.0.into()], |x, n| x[0] * n[0].reciprocal() + (n[0] - 3) * x[0]).unwrap()
    };
    assert_eq!(third(DType::F64).to_f64s().unwrap(), [1.0 / 3.0]);
    assert_eq!(third(DType::F32).to_vec::<f32>().unwrap(), [1.0f32 / 3.0]);
    // Of numbers alone comes the default dtype, and in a comparison, what they are.
    let x = Array::new([1i64, 2]);
    let y =
        Array::formula(&[&x], &[0.1.into()], |x, n| select((n[0] + 0.2).gt(0.3), x[0], n[0] * 3)).unwrap();
    assert_eq!(y.dtype(), DType::F32);
    assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 2.0]);
    // Also under a sum, and where integers are divided by nothing.
    assert!(Array::formula(&[&x], &[0.into()], |x, n| x[0] + n[0].floor_divide(n[0])).is_err());
}

#[test]
fn an_input_that_is_an_output_is_read_before_it_is_written() {
    for n in [3, 5000] {
        let list = |shift: usize| (0..n).map(|i| (i + shift) as f32).collect::<Vec<f32>>();
        let array = |shift| Array::from_vec(list(shift), n).unwrap();
        let (a, b, c) = (array(0), array(1), array(2));
        Array::formulas_into(&[&a, &b], &[], &[&a, &b], |x, _| [x[1], x[0]]).unwrap();
        assert_eq!((a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap()), (list(1), list(0)));
        Array::formulas_into(&[&a, &b, &c], &[], &[&a, &b, &c], |x, _| [x[1] + 1.0, x[2], x[1]]).unwrap();
        assert_eq!(a.to_vec::<f32>().unwrap(), list(1));
        assert_eq!((b.to_vec::<f32>().unwrap(), c.to_vec::<f32>().unwrap()), (list(2), list(0)));
    }
}
