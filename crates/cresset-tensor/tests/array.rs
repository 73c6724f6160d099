//! Arrays made of anything and taken apart again; memory shared, taken over and locked.

use std::{sync::Arc, thread, time::Duration};

use cresset_tensor::{
    Array, DType, Element, ErrorKind, IntoArray, Layout, Locks, Scalar, Shape, Storage, bf16, f16,
};

#[test]
fn nested_lists_in_and_out() {
    assert_eq!(Array::new(2.5f32).shape(), &[]);
    assert_eq!(Array::new(vec![1u8, 2]).shape(), &[2]);
    assert_eq!(Array::new(&[[1i64, 2], [3, 4]][..]).shape(), &[2, 2]);
    assert_eq!(Array::new(vec![[1i8; 3]; 2]).shape(), &[2, 3]);
    assert_eq!(Array::new([[[true], [false]]]).shape(), &[1, 2, 1]);
    assert_eq!(Array::new([[0f64; 0]; 4]).shape(), &[4, 0]);

    let rows = vec![vec![1.0f32, 2.0, 3.0], vec![4.0, 5.0, 6.0]];
    let array = Array::new(rows.clone());
    assert_eq!(array.to_vec2::<f32>().unwrap(), rows);
    let turned = array.with_layout(array.layout().permute(&[1, 0]).unwrap()).unwrap();
    assert_eq!(turned.to_vec2::<f32>().unwrap(), [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    let cube = Array::from_numbers(0..24i64, [2, 3, 4]).unwrap();
    let nested = cube.to_vec3::<i64>().unwrap();
    assert_eq!((nested.len(), nested[1].len(), &nested[1][2]), (2, 3, &vec![20, 21, 22, 23]));
    assert_eq!(Array::new(nested).to_vec::<i64>().unwrap(), (0..24).collect::<Vec<_>>());

    assert_eq!(cube.to_vec2::<i64>().unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(array.to_vec2::<f64>().unwrap_err().kind(), ErrorKind::DType);
    let none = Array::filled("test", [3, 0].into(), DType::F32, 0.0).unwrap();
    assert_eq!(none.to_vec2::<f32>().unwrap(), vec![Vec::<f32>::new(); 3]);
    assert_eq!(
        Array::filled("test", [0, 3].into(), DType::F32, 0.0).unwrap().to_vec2::<f32>().unwrap().len(),
        0
    );
}

#[test]
fn ragged_lists_and_wrong_numbers_are_refused() {
    assert_eq!(vec![vec![1, 2], vec![3]].into_array().unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(Array::from_vec(vec![1, 2, 3], [2, 2]).unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(Array::from_numbers(0i64.., [2, 2]).unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(Array::from_numbers(0..3i64, [2, 2]).unwrap_err().operation(), "from_numbers");
    assert_eq!(Array::from_slice(&[1.0f32], [usize::MAX, 2]).unwrap_err().kind(), ErrorKind::Memory);
    let error = Array::new([1, 2]).item::<i32>().unwrap_err();
    assert!(error.location().file().ends_with("tests/array.rs"), "{error}");
}

#[test]
fn numbers_slices_and_iterators() {
    assert_eq!(Array::from(3i16).dtype(), DType::I16);
    assert_eq!(Array::from(&[1u8, 2, 3][..]).to_i64s().unwrap(), [1, 2, 3]);
    assert_eq!(Array::from(vec![f16::ONE]).dtype(), DType::F16);
    assert_eq!([bf16::ONE, bf16::NEG_ONE].into_iter().collect::<Array>().to_f64s().unwrap(), [1.0, -1.0]);
    assert_eq!(std::iter::empty::<bool>().collect::<Array>().shape(), &[0]);
    assert_eq!(Array::scalar(2.7, DType::I32).unwrap().item_scalar().unwrap(), Scalar::Int(2));
    assert_eq!(Array::new(300i64).item::<u8>().unwrap(), 44);
    for dtype in DType::ALL {
        assert_eq!(Array::filled("test", [2, 2].into(), dtype, 1).unwrap().to_f64s().unwrap(), [1.0; 4]);
    }
}

#[test]
fn vectors_change_hands_without_a_copy() {
    let vec = vec![1.0f32; 1000];
    let place = vec.as_ptr();
    let array = Array::from_vec(vec, [10, 100]).unwrap();
    assert_eq!(array.as_ptr().cast_const().cast(), place);
    let vec = array.into_vec::<f32>().unwrap();
    assert_eq!(vec.as_ptr(), place);

    // Somebody else holds it: a copy, and both stay what they are.
    let array = Array::from_vec(vec, [1000]).unwrap();
    let other = array.clone();
    let copy = array.into_vec::<f32>().unwrap();
    assert_ne!(copy.as_ptr(), place);
    assert_eq!(other.to_vec::<f32>().unwrap(), copy);
    // The wrong type: an error; part of it, or another order: a copy.
    assert!(other.clone().into_vec::<i32>().is_err());
    let part = other.with_layout(Layout::new([2].into(), [-1].into(), 1)).unwrap();
    drop(other);
    assert_eq!(part.into_vec::<f32>().unwrap(), [1.0, 1.0]);
    assert_eq!(Array::filled("test", [3].into(), DType::U8, 7).unwrap().into_vec::<u8>().unwrap(), [7, 7, 7]);
}

#[test]
fn views_share_memory_and_stay_inside_it() {
    let array = Array::from_numbers(0..12i64, [3, 4]).unwrap();
    let view = array.with_layout(array.layout().diagonal(1, 0, 1).unwrap()).unwrap();
    assert!(view.shares_memory(&array));
    assert_eq!(view.to_vec::<i64>().unwrap(), [1, 6, 11]);
    assert!(!array.shares_memory(&Array::new([1])));
    for (shape, stride, offset) in
        [(13, 1, 0), (2, -1, 0), (1, 1, 12), (2, isize::MIN, 3), (2, isize::MAX, 3)]
    {
        let outside = Layout::new([shape].into(), [stride].into(), offset);
        assert_eq!(array.with_layout(outside).unwrap_err().kind(), ErrorKind::Memory);
    }
    // No elements: anywhere, and no pointer leaves the memory.
    let nowhere = array.with_layout(Layout::new([0].into(), [isize::MIN].into(), usize::MAX)).unwrap();
    assert_eq!(nowhere.to_vec::<i64>().unwrap(), []);
    assert!(nowhere.offset() <= 12);
    // More elements than anybody has memory for.
    let vast = array.with_layout(Layout::new([1 << 58].into(), [0].into(), 0)).unwrap();
    assert_eq!(vast.to_vec::<i64>().unwrap_err().kind(), ErrorKind::Memory);
    assert_eq!(vast.to_string(), "tensor([0, 0, 0,  ..., 0, 0, 0])");
    let columns = Array::filled("test", [1 << 58, 0].into(), DType::U8, 0).unwrap();
    assert_eq!(columns.to_vec2::<u8>().unwrap_err().kind(), ErrorKind::Memory);
}

/// `target += source`, as an operation would: one set of locks, then the arithmetic.
fn add_(target: &Array, source: &Array) {
    let _locks = Locks::new([source.storage()].into_iter(), [target.storage()].into_iter());
    let (to, from) = (target.as_ptr().cast::<i64>(), source.as_ptr().cast::<i64>());
    for i in 0..target.numel() {
        // SAFETY: both are contiguous arrays of as many i64, and their locks are held.
        unsafe { *to.add(i) = (*to.add(i)).wrapping_add(*from.add(i)) }
    }
    target.storage().bump();
}

#[test]
fn two_threads_adding_each_to_the_other_neither_wait_forever_nor_lose_a_write() {
    let (a, b) = (Array::new([1i64; 64]), Array::new([1i64; 64]));
    let (sender, receiver) = std::sync::mpsc::channel();
    for (target, source) in [(a.clone(), b.clone()), (b.clone(), a.clone())] {
        let sender = sender.clone();
        thread::spawn(move || {
            for _ in 0..20_000 {
                add_(&target, &source);
                // The same memory read and written is locked once.
                add_(&source, &source);
            }
            let _ = sender.send(());
        });
    }
    for _ in 0..2 {
        receiver.recv_timeout(Duration::from_secs(60)).expect("the threads wait for each other");
    }
    assert_eq!(a.storage().version() + b.storage().version(), 80_000);
    // Whole additions only: no element saw another order of writes than its neighbours.
    for array in [a, b] {
        let values = array.to_vec::<i64>().unwrap();
        assert!(values.iter().all(|&x| x == values[0]));
    }
}

#[test]
fn locks_outlive_a_panic() {
    let array = Array::new([1i64, 2]);
    let other = array.clone();
    let panicked = thread::spawn(move || {
        let _locks = Locks::new(std::iter::empty(), [other.storage()].into_iter());
        panic!("while writing");
    });
    assert!(panicked.join().is_err());
    assert_eq!(array.to_vec::<i64>().unwrap(), [1, 2]);
}

#[test]
fn storage_returns_only_the_type_it_took() {
    let storage = Storage::from_vec(vec![1u8, 0]);
    let storage = storage.into_vec::<bool>().expect_err("bytes are not truth values");
    assert_eq!(storage.into_vec::<u8>().unwrap(), [1, 0]);
    assert!(Storage::uninitialised("test", 8).unwrap().into_vec::<i64>().is_err());
    let nothing = Arc::new(Storage::from_vec(Vec::<f64>::new()));
    assert_eq!((nothing.bytes(), nothing.version()), (0, 0));
}

#[test]
fn numbers_convert_as_in_pytorch() {
    assert_eq!(u8::from_scalar(Scalar::Int(-1)), 255);
    assert_eq!(i8::from_scalar(Scalar::Float(-3.9)), -3);
    assert!(bool::from_scalar(Scalar::Float(f64::NAN)));
    assert_eq!(f16::from_scalar(Scalar::Float(1e6)), f16::INFINITY);
    assert_eq!(Shape::default().numel(), 1);
}
