//! Numbers as bytes: every dtype, any layout, wrong lengths.

use cresset_tensor::{Array, DType, Element, Layout, Scalar, with_element};

#[test]
fn every_dtype_comes_back() {
    for dtype in DType::ALL {
        let numbers = [0, 1, 2, 3, 4, 100];
        with_element!(dtype, T => {
            let numbers: Vec<T> = numbers.iter().map(|&x| T::from_scalar(Scalar::Int(x))).collect();
            let x = Array::from_vec(numbers.clone(), [2, 3]).unwrap();
            let bytes = x.to_bytes().unwrap();
            assert_eq!(bytes.len(), 6 * dtype.size());
            let back = Array::from_bytes(&bytes, [2, 3], dtype).unwrap();
            assert_eq!(back.dtype(), dtype);
            assert_eq!(back.to_vec::<T>().unwrap(), numbers);
        });
    }
}

#[test]
fn bytes_are_those_of_the_elements_in_row_major_order() {
    let x = Array::from_vec(vec![1i32, -2, 3, 4, 5, 6], [2, 3]).unwrap();
    let model: Vec<u8> = [1i32, 4, -2, 5, 3, 6].iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_eq!(x.with_layout(x.layout().permute(&[1, 0]).unwrap()).unwrap().to_bytes().unwrap(), model);
    // More than one chunk.
    let wide: Vec<f64> = (0..30_000).map(f64::from).collect();
    let backwards: Vec<u8> = wide.iter().rev().flat_map(|n| n.to_le_bytes()).collect();
    let x = Array::from_vec(wide, [30_000]).unwrap();
    let x = x.with_layout(Layout::new([30_000].into(), [-1].into(), 29_999)).unwrap();
    assert_eq!(x.to_bytes().unwrap(), backwards);
}

#[test]
fn truths_are_zero_or_one() {
    let x = Array::from_bytes(&[0, 1, 2, 255], [4], DType::Bool).unwrap();
    assert_eq!(x.to_vec::<bool>().unwrap(), [false, true, true, true]);
    assert_eq!(x.to_bytes().unwrap(), [0, 1, 1, 1]);
}

#[test]
fn wrong_lengths_are_refused() {
    let text = Array::from_bytes(&[0; 7], [2], DType::F32).unwrap_err().to_string();
    assert!(text.contains("shape [2] of float32 takes 8 bytes, not 7"), "{text}");
    assert!(Array::from_bytes(&[], [usize::MAX, 2], DType::F32).is_err());
    assert_eq!(Array::from_bytes(&[], [3, 0], DType::F32).unwrap().to_bytes().unwrap(), []);
    let vast = Array::new([1.0]).with_layout(Layout::new([1 << 58].into(), [0].into(), 0)).unwrap();
    assert!(vast.to_bytes().is_err());
}
