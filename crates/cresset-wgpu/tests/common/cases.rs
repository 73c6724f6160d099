//! The same array in the processor's memory and on the card, in the same layout, drawn from a seed.
#![allow(dead_code, reason = "each test uses a part")]

use cresset_ops::{Array, DType, Device, Shape, prelude::*};
use cresset_tensor::{Generator, Scalar};

/// How an array lies in memory.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Row-major.
    Plain,
    /// Its dimensions in the opposite order.
    Turned,
    /// A part of a larger one.
    Inside,
    /// Every second element.
    Stepped,
}

/// Of a number.
pub fn form(number: u64) -> Form {
    [Form::Plain, Form::Turned, Form::Inside, Form::Stepped][number as usize % 4]
}

/// An array here and there.
#[derive(Clone, Debug)]
pub struct Both {
    /// In the processor's memory.
    pub here: Array,
    /// On the card.
    pub there: Array,
}

/// The same view of both.
pub fn both(gpu: Device, base: &Array, view: impl Fn(&Array) -> Array) -> Both {
    Both { here: view(base), there: view(&base.to_device(gpu).unwrap()) }
}

/// In a form, of numbers of a list.
pub fn laid_out(gpu: Device, shape: &Shape, form: Form, make: impl FnOnce(&Shape) -> Array) -> Both {
    let rank = shape.rank() as i64;
    match form {
        Form::Plain => both(gpu, &make(shape), |x| x.clone()),
        Form::Turned => {
            let order: Vec<i64> = (0..rank).rev().collect();
            let base = make(&shape.iter().rev().copied().collect());
            both(gpu, &base, |x| x.permute(order.clone()).unwrap())
        }
        Form::Inside => {
            let base = make(&shape.iter().map(|size| size + 3).collect());
            both(gpu, &base, |x| {
                (0..rank).fold(x.clone(), |x, dim| x.narrow(dim, 1, shape[dim as usize] as i64).unwrap())
            })
        }
        Form::Stepped => {
            let base = make(&shape.iter().map(|size| size * 2).collect());
            both(gpu, &base, |x| (0..rank).fold(x.clone(), |x, dim| x.slice(dim, 0, None, 2).unwrap()))
        }
    }
}

/// Small numbers, with an infinity and a NaN now and then where there are such.
pub fn numbers(gpu: Device, shape: &Shape, dtype: DType, number: u64, generator: &mut Generator) -> Both {
    laid_out(gpu, shape, form(number), |shape| {
        let drawn = Array::randint_with(0, 40, shape, generator).unwrap();
        let list = drawn.to_i64s().unwrap().into_iter().map(|number| match number {
            38 if dtype.is_float() => Scalar::Float(f64::NAN),
            39 if dtype.is_float() => Scalar::Float(f64::INFINITY),
            number if dtype.is_float() => Scalar::Float(number as f64 / 7.0 - 2.0),
            number => Scalar::Int(number - 5),
        });
        of_scalars(list.collect(), shape, dtype)
    })
}

/// Indices below a size.
pub fn indices(gpu: Device, shape: &Shape, size: usize, number: u64, generator: &mut Generator) -> Both {
    laid_out(gpu, shape, form(number), |shape| Array::randint_with(0, size as i64, shape, generator).unwrap())
}

/// An array of a dtype.
pub fn of_scalars(list: Vec<Scalar>, shape: &Shape, dtype: DType) -> Array {
    cresset_tensor::with_element!(dtype, T => {
        let list = list.into_iter().map(<T as Element>::from_scalar).collect();
        Array::from_vec(list, shape).unwrap()
    })
}

/// The same numbers: NaN equals NaN.
#[track_caller]
pub fn assert_same(here: &Array, there: &Array, what: impl std::fmt::Debug) {
    assert_ne!(there.device(), Device::Cpu, "{what:?}");
    assert_eq!((here.dtype(), here.shape()), (there.dtype(), there.shape()), "{what:?}");
    let (a, b) = (here.to_f64s().unwrap(), there.to_f64s().unwrap());
    let differs = a.iter().zip(&b).position(|(a, b)| a != b && !(a.is_nan() && b.is_nan()));
    assert!(differs.is_none(), "{what:?}: at {differs:?}\n{here}\n{there}");
}

/// Can the card compute in a dtype?
pub fn computes(gpu: Device, dtype: DType) -> bool {
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    match dtype {
        DType::F64 => abilities.f64,
        DType::I64 => abilities.i64,
        _ => true,
    }
}

/// A dtype of a number.
pub fn dtype(number: u64) -> DType {
    DType::ALL[number as usize % DType::ALL.len()]
}
