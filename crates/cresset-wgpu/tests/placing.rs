//! Methods work wherever their arrays live: what they make to combine with their arguments is made there, and the numbers are
//! those of the processor.

mod common;

use std::sync::{Mutex, PoisonError};

use cresset_ops::{Array, DType, Device, prelude::*};
use cresset_tensor::{Result, random::manual_seed};

/// The same call on the processor's arrays and on the card's gives the same numbers, there.
#[track_caller]
fn same(gpu: Device, inputs: &[Array], call: impl Fn(&[Array]) -> Result<Vec<Array>>) {
    // The generator is the process's, which other tests seed too.
    static SEEDED: Mutex<()> = Mutex::new(());
    let _seeded = SEEDED.lock().unwrap_or_else(PoisonError::into_inner);
    manual_seed(5);
    let here = call(inputs).unwrap();
    manual_seed(5);
    let moved: Vec<Array> = inputs.iter().map(|x| x.to_device(gpu).unwrap()).collect();
    let there = call(&moved).unwrap();
    assert_eq!(here.len(), there.len());
    for (a, b) in here.iter().zip(&there) {
        assert_eq!(b.device(), gpu);
        assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
        assert_eq!(a.to_bytes().unwrap(), b.to_bytes().unwrap(), "{a}\n{b}");
    }
}

#[test]
fn new_arrays_live_where_they_are_asked_to_and_like_others() {
    let Some(gpu) = common::gpu() else { return };
    for dtype in DType::ALL {
        let options = || TensorOptions::new().dtype(dtype).device(gpu);
        for n in [0, 1, 3, 70_001] {
            let ones = Array::ones_with([n], options()).unwrap();
            assert_eq!(ones.device(), gpu);
            let here = Array::ones_with([n], dtype).unwrap();
            assert_eq!(ones.to_bytes().unwrap(), here.to_bytes().unwrap(), "{dtype} {n}");
        }
        let x = Array::zeros_with([2, 3], dtype).unwrap();
        same(gpu, &[x], |x| Ok(vec![x[0].zeros_like()?, x[0].full_like(1)?, x[0].new_ones([5])?]));
    }
    let range = Array::arange_with(1, 2, 0.3, gpu).unwrap();
    assert_eq!(range.device(), gpu);
    assert_eq!(
        range.to_vec::<f32>().unwrap(),
        Array::arange_with(1, 2, 0.3, ()).unwrap().to_vec::<f32>().unwrap()
    );
    let eye = Array::eye_with(2, 2, gpu).unwrap();
    assert_eq!((eye.device(), eye.to_vec::<f32>().unwrap()), (gpu, vec![1.0, 0.0, 0.0, 1.0]));
}

#[test]
fn random_numbers_are_the_same_everywhere() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::full([40], 0.25f32);
    same(gpu, &[x], |x| {
        let x = &x[0];
        Ok(vec![
            x.rand_like()?,
            x.randn_like()?,
            x.bernoulli()?,
            x.poisson()?,
            x.multinomial(4, false)?,
            x.copy()?.bernoulli_(0.5)?.clone(),
            x.copy()?.cauchy_(0.0, 1.0)?.clone(),
            x.copy()?.geometric_(0.5)?.clone(),
            x.copy()?.normal_(0.0, 1.0)?.clone(),
            x.copy()?.random_(0, 10)?.clone(),
        ])
    });
}

#[test]
fn what_depends_on_the_numbers_is_found_and_put_where_they_are() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::new([[3.0f32, 0.0, 1.0], [0.0, 1.0, f32::NAN]]);
    let mask = x.ne(0).unwrap();
    same(gpu, &[x, mask], |x| {
        let unique = x[0].unique_with(None)?;
        let rows = x[0].unique_with(0)?;
        Ok(vec![
            x[0].nonzero()?,
            x[0].masked_select(&x[1])?,
            x[0].i(&x[1])?,
            unique.values,
            unique.inverse,
            unique.counts,
            rows.values,
            x[0].median()?,
            x[0].kthvalue(2, 1, false)?.1,
            x[0].histc(3, 0.0, 4.0)?,
            x[0].i((&Array::new([1i64, -1]), ..))?,
            x[0].i((&Array::new([1i64, -1]), &Array::new([0i64, -3])))?,
            x[0].i((vec![0i64, 1], 1..))?,
        ])
    });
}

#[test]
fn numbers_are_written_across_devices_but_not_computed_with() {
    let Some(gpu) = common::gpu() else { return };
    let here = Array::new([1.0f64, 2.0]);
    let there = Array::zeros_with([2], gpu).unwrap();
    there.copy_(&here).unwrap();
    assert_eq!(there.to_vec::<f32>().unwrap(), [1.0, 2.0]);
    here.copy_(&there.add(1).unwrap()).unwrap();
    assert_eq!(here.to_vec::<f64>().unwrap(), [2.0, 3.0]);
    // As in PyTorch, only single numbers follow.
    assert_eq!(there.add(&Array::new(1.0f32)).unwrap().to_vec::<f32>().unwrap(), [2.0, 3.0]);
    assert!(there.add(&Array::new([1.0f32, 2.0])).unwrap_err().to_string().contains("different devices"));
}
