//! Drawn arrays in the processor's memory and on the card, laid out in the same way, and what is the same of two results.

use cresset_ops::{Apply, Array, DType, Device, Op, prelude::*};
use cresset_tensor::{Element, Scalar, with_element};

/// How an array lies in memory.
pub const LAYOUTS: usize = 5;

/// The same array twice.
pub struct Drawn {
    /// In the processor's memory.
    pub here: Array,
    /// On the card.
    pub there: Array,
}

/// Numbers that look drawn: a function of a seed and a place.
pub fn bits(seed: u64, place: usize) -> u64 {
    let mut x = seed.wrapping_add(place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Numbers of a dtype: small ones, many of them equal; with NaN and infinities among floats if `special`.
pub fn numbers(dtype: DType, shape: &[usize], seed: u64, special: bool) -> Array {
    let count = shape.iter().product();
    let number = |i: usize| {
        let bits = bits(seed, i);
        let small = (bits >> 8) % 33;
        match (dtype.is_float(), bits % 16) {
            (true, 0) if special => Scalar::Float(f64::NAN),
            (true, 1) if special => Scalar::Float(f64::INFINITY),
            (true, 2) if special => Scalar::Float(f64::NEG_INFINITY),
            (true, 3) => Scalar::Float(-0.0),
            (true, _) => Scalar::Float((small as f64 - 16.0) / 8.0),
            (false, _) if dtype == DType::U8 => Scalar::Int(small as i64),
            (false, _) => Scalar::Int(small as i64 - 16),
        }
    };
    with_element!(dtype, T => {
        Array::from_vec((0..count).map(|i| T::from_scalar(number(i))).collect::<Vec<T>>(), shape.to_vec()).unwrap()
    })
}

/// Numbers of a dtype and shape, laid out in one of [`LAYOUTS`] ways.
pub fn drawn(gpu: Device, dtype: DType, shape: &[usize], layout: usize, seed: u64, special: bool) -> Drawn {
    let rank = shape.len();
    let base: Vec<usize> = match layout {
        1 => shape.iter().rev().copied().collect(),
        2 => shape.iter().map(|n| n + 3).collect(),
        3 if rank > 0 => std::iter::once(1).chain(shape[1..].iter().copied()).collect(),
        4 => shape.iter().copied().chain([2]).collect(),
        _ => shape.to_vec(),
    };
    let here = numbers(dtype, &base, seed, special);
    let there = here.to_device(gpu).unwrap();
    let view = |x: &Array| -> Array {
        match layout {
            1 => x.permute((0..rank as i64).rev().collect::<Vec<i64>>()).unwrap(),
            2 => (0..rank)
                .fold(x.clone(), |x, d| x.narrow(d as i64, 1 + d as i64 % 3, shape[d] as i64).unwrap()),
            3 if rank > 0 => x.expand(shape.to_vec()).unwrap(),
            4 => x.select(-1, 1).unwrap(),
            _ => x.clone(),
        }
    };
    Drawn { here: view(&here), there: view(&there) }
}

/// As numbers, whatever the dtype.
pub fn read(x: &Array) -> Vec<f64> {
    let here = x.to_device(Device::Cpu).unwrap();
    here.to_dtype(DType::F64).unwrap().to_vec::<f64>().unwrap()
}

/// Both have one dtype and shape, and numbers that are equal within a tolerance (relative to `1 + |x|`); NaN equals NaN.
pub fn assert_same(what: &str, here: &Array, there: &Array, tolerance: f64) {
    assert_eq!(here.dtype(), there.dtype(), "{what}: dtype");
    assert_eq!(here.shape(), there.shape(), "{what}: shape");
    let tolerance = match here.dtype() {
        DType::F16 => tolerance.max(2e-3),
        DType::BF16 => tolerance.max(2e-2),
        DType::F64 | DType::F32 => tolerance,
        DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => 0.0,
    };
    for (i, (a, b)) in read(here).into_iter().zip(read(there)).enumerate() {
        let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * (1.0 + a.abs());
        assert!(same, "{what}: element {i} of {}: {a} here, {b} there", here.shape());
    }
}

/// An operation here and there has the same outputs, or is refused in both places.
pub fn check(op: &Op, inputs: &[&Drawn], tolerance: f64) {
    let here: Vec<&Array> = inputs.iter().map(|x| &x.here).collect();
    let there: Vec<&Array> = inputs.iter().map(|x| &x.there).collect();
    let what = || {
        let layouts: Vec<String> =
            here.iter().map(|x| format!("{} {}, strides {:?}", x.dtype(), x.shape(), x.strides())).collect();
        format!("{op:?} of {}", layouts.join("; "))
    };
    match (Array::apply(op.clone(), &here), Array::apply(op.clone(), &there)) {
        (Ok(here), Ok(there)) => {
            assert_eq!(here.len(), there.len());
            for (here, there) in here.iter().zip(&there) {
                assert_same(&what(), here, there, tolerance);
            }
        }
        (Err(_), Err(_)) => {}
        (here, there) => panic!("{}: {:?} here, {:?} there", what(), here.err(), there.err()),
    }
}

/// Is a dtype one in which the card computes?
pub fn computes(gpu: Device, dtype: DType) -> bool {
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    match dtype {
        DType::F64 => abilities.f64,
        DType::I64 => abilities.i64,
        _ => true,
    }
}
