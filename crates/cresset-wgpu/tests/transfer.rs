//! Arrays go to a card and come back as they were, whatever their dtype and layout.

mod common;

use cresset_ops::{Array, DType, Device, prelude::*};
use cresset_tensor::{Scalar, with_element};

fn counting(dtype: DType, n: usize) -> Array {
    with_element!(dtype, T => {
        use cresset_tensor::Element;
        let list = (0..n).map(|i| T::from_scalar(Scalar::Int(i as i64 % 7))).collect();
        Array::from_vec(list, [n]).unwrap()
    })
}

#[test]
fn every_dtype_and_length_comes_back() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in DType::ALL {
        for n in [0, 1, 2, 3, 4, 5, 63, 64, 65, 1000] {
            let x = counting(dtype, n);
            let there = x.to_device(gpu).unwrap();
            assert_eq!(there.device(), gpu);
            let back = there.to_device(Device::Cpu).unwrap();
            assert_eq!(back.device(), Device::Cpu);
            assert_eq!(back.to_bytes().unwrap(), x.to_bytes().unwrap(), "{dtype} {n}");
        }
    }
}

#[test]
fn views_are_read_from_where_they_lie() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in DType::ALL {
        let x = counting(dtype, 60).reshape([5, 12]).unwrap();
        let there = x.to_device(gpu).unwrap();
        let look = |x: &Array| {
            [
                x.transpose(0, 1).unwrap(),
                x.narrow(1, 3, 5).unwrap(),
                x.flip(0).unwrap(),
                x.select(1, 7).unwrap(),
                x.select(1, 7).unwrap().unsqueeze(1).unwrap().expand([5, 3]).unwrap(),
                x.narrow(0, 2, 0).unwrap(),
            ]
        };
        for (view, expected) in look(&there).iter().zip(look(&x)) {
            assert_eq!(view.to_bytes().unwrap(), expected.to_bytes().unwrap(), "{dtype}");
            assert!(view.to_string().contains("device='gpu:0'"));
        }
    }
}

#[test]
fn what_is_on_its_way_is_what_was_asked_for() {
    let Some(gpu) = common::gpu() else { return };
    let x = counting(DType::F32, 60).reshape([5, 12]).unwrap().to_device(gpu).unwrap();
    let view = x.narrow(1, 3, 5).unwrap();
    let reading = cresset_wgpu::read(&view).unwrap();
    // Written after it was asked for.
    x.fill_(-1.0).unwrap();
    let expected = counting(DType::F32, 60).reshape([5, 12]).unwrap().narrow(1, 3, 5).unwrap();
    assert_eq!(reading.wait().unwrap().to_bytes().unwrap(), expected.to_bytes().unwrap());
    let none = cresset_wgpu::read(&x.narrow(0, 1, 0).unwrap()).unwrap();
    assert!(none.is_ready());
    assert_eq!(none.wait().unwrap().shape(), &[0, 12]);
}

#[test]
fn many_threads_compute_at_once() {
    let Some(gpu) = common::gpu() else { return };
    std::thread::scope(|scope| {
        for t in 0..4 {
            scope.spawn(move || {
                let mut x =
                    Array::filled("x", [1000].into(), DType::F32, t as f64).unwrap().to_device(gpu).unwrap();
                for _ in 0..100 {
                    x = x.add(1.0).unwrap();
                }
                assert_eq!(x.to_vec::<f32>().unwrap(), vec![t as f32 + 100.0; 1000]);
            });
        }
    });
}

#[test]
fn many_threads_read_at_once() {
    let Some(gpu) = common::gpu() else { return };
    std::thread::scope(|scope| {
        for t in 0..6 {
            scope.spawn(move || {
                for i in 0..300 {
                    let list = vec![(t * 1000 + i) as f32; 1 + i];
                    let x = Array::from_vec(list.clone(), [1 + i]).unwrap().to_device(gpu).unwrap();
                    assert_eq!(x.to_vec::<f32>().unwrap(), list);
                }
            });
        }
    });
}

#[test]
fn what_lies_on_different_devices_is_refused() {
    let Some(gpu) = common::gpu() else { return };
    let here = Array::new([1.0f32, 2.0]);
    let there = here.to_device(gpu).unwrap();
    let error = here.add(&there).unwrap_err().to_string();
    assert!(error.contains("gpu:0 and cpu"), "{error}");
    // A single number follows the others, as in PyTorch.
    assert_eq!(there.add(&Array::new(1.0f32)).unwrap().to_vec::<f32>().unwrap(), [2.0, 3.0]);
    assert!(here.to_device(Device::Gpu(7)).is_err());
}

#[test]
fn what_is_too_large_is_refused_and_the_card_goes_on() {
    let Some(gpu) = common::gpu() else { return };
    let most = cresset_wgpu::abilities(gpu).unwrap().binding_bytes;
    let one = Array::new([1.0f32]).to_device(gpu).unwrap();
    let wide = one.expand([most as usize / 4 + 1]).unwrap();
    let error = wide.add(1.0).unwrap_err().to_string();
    assert!(error.contains("more than") && error.contains("split it"), "{error}");
    assert_eq!(one.add(1.0).unwrap().to_vec::<f32>().unwrap(), [2.0]);
}

#[test]
fn memory_is_used_again() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::filled("x", [1000].into(), DType::F32, 1).unwrap().to_device(gpu).unwrap();
    let step = || x.mul(2.0).unwrap().add(1.0).unwrap().exp().unwrap();
    for _ in 0..300 {
        step();
    }
    let before = cresset_wgpu::statistics(gpu).unwrap();
    for _ in 0..3000 {
        step();
    }
    let after = cresset_wgpu::statistics(gpu).unwrap();
    // Other tests run at the same time, but not thousands of them.
    assert!(after.buffers_made - before.buffers_made < 1000, "{before:?} {after:?}");
}
