//! Products of matrices on a card against the processor's: over sizes, strides, batches and dtypes.

mod common;

use cresset_ops::{Apply, Array, DType, Device, ErrorKind, Op, Shape, prelude::*};
use cresset_tensor::{Scalar, random::Generator, with_element};
use proptest::prelude::*;

/// Whole numbers and fractions around 0 that every dtype has.
fn drawn(generator: &mut Generator, shape: &[usize], dtype: DType) -> Array {
    use rand::RngExt;
    let n = shape.iter().product();
    let numbers: Vec<i64> = (0..n).map(|_| generator.random_range(-40..=40)).collect();
    with_element!(dtype, T => {
        use cresset_tensor::Element;
        let value = |&x: &i64| if dtype.is_float() { Scalar::Float(x as f64 / 16.0) } else { Scalar::Int(x.abs()) };
        Array::from_vec(numbers.iter().map(|x| T::from_scalar(value(x))).collect::<Vec<T>>(), shape).unwrap()
    })
}

/// The same numbers in memory laid out otherwise.
fn laid(x: Array, layout: u8) -> Array {
    let rank = x.rank() as i64;
    match layout % 4 {
        // Columns in a line.
        1 => x.transpose(-1, -2).unwrap().contiguous().unwrap().transpose(-1, -2).unwrap(),
        // Gaps, and an offset.
        2 => {
            let wide = Array::cat(&[&x, &x, &x], rank - 1).unwrap();
            let n = x.shape()[x.rank() - 1] as i64;
            wide.narrow(-1, n, n).unwrap()
        }
        // Rows of one matrix between those of others.
        3 => {
            let wide = Array::cat(&[&x, &x], rank - 2).unwrap();
            let m = x.shape()[x.rank() - 2] as i64;
            wide.narrow(-2, m, m).unwrap()
        }
        _ => x,
    }
}

fn matmul(a: &Array, b: &Array) -> Result<Array> {
    Ok(Array::apply(Op::Matmul, &[a, b])?.remove(0))
}

/// A card's product must be as near to the exact one as sums of `k` rounded products are, whatever their order.
fn check(gpu: Device, a: &Array, b: &Array) {
    let dtype = a.dtype();
    // Views stay views on the card: the base is moved.
    let found = matmul(&there(a, gpu), &there(b, gpu)).unwrap();
    assert_eq!(found.device(), gpu);
    let found = found.to_device(Device::Cpu).unwrap();
    let expected = matmul(a, b).unwrap();
    assert_eq!((found.shape(), found.dtype()), (expected.shape(), dtype));
    if !dtype.is_float() {
        assert_eq!(found.to_bytes().unwrap(), expected.to_bytes().unwrap(), "{} @ {}", a.shape(), b.shape());
        return;
    }
    let double = |x: &Array| x.to_dtype(DType::F64).unwrap();
    let exact = matmul(&double(a), &double(b)).unwrap().to_vec::<f64>().unwrap();
    let size = matmul(&double(a).abs().unwrap(), &double(b).abs().unwrap()).unwrap().to_vec::<f64>().unwrap();
    let k = a.shape()[a.rank() - 1] as f64;
    let unit = |bits: i32| 2f64.powi(-bits);
    let (sum, result) = match dtype {
        DType::F64 => (unit(53), 0.0),
        DType::F16 => (unit(24), unit(11)),
        DType::BF16 => (unit(24), unit(8)),
        _ => (unit(24), 0.0),
    };
    let found = double(&found).to_vec::<f64>().unwrap();
    for (i, ((found, exact), size)) in found.iter().zip(&exact).zip(&size).enumerate() {
        let bound =
            (k + 2.0) * sum * size + result * 1.01 * exact.abs() + 1e-7 * f64::from(u8::from(result > 0.0));
        assert!((found - exact).abs() <= bound, "{} @ {} at {i}: {found} for {exact}", a.shape(), b.shape());
    }
}

/// A view on the card of what the array is a view of.
fn there(x: &Array, gpu: Device) -> Array {
    let len = x.storage().bytes() / x.dtype().size();
    let base = x.with_layout(cresset_tensor::Layout::contiguous(Shape::from_slice(&[len]))).unwrap();
    base.to_device(gpu).unwrap().with_layout(x.layout().clone()).unwrap()
}

const SIZES: &[usize] = &[0, 1, 1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 70];
const DTYPES: &[DType] =
    &[DType::F32, DType::F32, DType::F32, DType::F16, DType::BF16, DType::I32, DType::U8];

const BATCHES: &[&[usize]] = &[&[], &[3], &[1], &[2, 3], &[0]];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_product_is_the_processors(
        seed in any::<u64>(),
        m in prop::sample::select(SIZES),
        k in prop::sample::select(SIZES),
        n in prop::sample::select(SIZES),
        batch in prop::sample::select(BATCHES),
        sides in 0u8..3,
        layouts in (0u8..4, 0u8..4),
        dtype in prop::sample::select(DTYPES),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let mut generator = Generator::new(seed);
        let batched = |has: bool, sizes: [usize; 2]| {
            let own = if has { batch } else { &[][..] };
            [own, &sizes].concat()
        };
        let a = laid(drawn(&mut generator, &batched(sides != 1, [m, k]), dtype), layouts.0);
        let b = laid(drawn(&mut generator, &batched(sides != 2, [k, n]), dtype), layouts.1);
        check(gpu, &a, &b);
    }
}

#[test]
fn every_dtype_and_shape_of_interest() {
    let Some(gpu) = common::gpu() else { return };
    let mut generator = Generator::new(1);
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    for dtype in DType::ALL {
        let has = (dtype != DType::F64 || abilities.f64) && (dtype != DType::I64 || abilities.i64);
        let (a, b) = (drawn(&mut generator, &[40, 50], dtype), drawn(&mut generator, &[50, 37], dtype));
        if dtype == DType::Bool || !has {
            let error = matmul(&a.to_device(gpu).unwrap(), &b.to_device(gpu).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DType);
            continue;
        }
        check(gpu, &a, &b);
        check(gpu, &a.narrow(0, 0, 1).unwrap(), &b);
        check(gpu, &a, &b.narrow(1, 5, 1).unwrap());
    }
    // Large enough for the largest tiles, deep enough to be divided.
    for (m, k, n) in [(150, 40, 140), (20, 3000, 20), (1, 5000, 3), (300, 64, 2), (2, 64, 300), (200, 9, 200)]
    {
        let (a, b) = (drawn(&mut generator, &[m, k], DType::F32), drawn(&mut generator, &[k, n], DType::F32));
        check(gpu, &a, &b);
        check(gpu, &laid(a, 1), &laid(b, 1));
    }
}

#[test]
fn expanded_and_flipped_factors() {
    let Some(gpu) = common::gpu() else { return };
    let mut generator = Generator::new(2);
    let a = drawn(&mut generator, &[1, 33], DType::F32).expand([40, 33]).unwrap();
    let b = drawn(&mut generator, &[33, 1], DType::F32).expand([2, 33, 21]).unwrap();
    check(gpu, &a, &b);
    let row = drawn(&mut generator, &[4, 1, 9, 6], DType::F32);
    let many = drawn(&mut generator, &[5, 6, 7], DType::F32);
    check(gpu, &row, &many);
    check(gpu, &row.transpose(0, 2).unwrap(), &many.narrow(0, 0, 1).unwrap());
}

#[test]
fn nan_and_infinity_stay_in_their_rows() {
    let Some(gpu) = common::gpu() else { return };
    for n in [3usize, 40] {
        let mut numbers = vec![1.0f32; n * n];
        (numbers[0], numbers[n + 1]) = (f32::NAN, f32::INFINITY);
        let a = Array::from_vec(numbers, [n, n]).unwrap();
        let b = Array::from_vec(vec![2.0f32; n * n], [n, n]).unwrap();
        let y =
            matmul(&a.to_device(gpu).unwrap(), &b.to_device(gpu).unwrap()).unwrap().to_vec::<f32>().unwrap();
        assert!(y[..n].iter().all(|y| y.is_nan()));
        assert!(y[n..2 * n].iter().all(|&y| y == f32::INFINITY));
        assert!(y[2 * n..].iter().all(|&y| y == 2.0 * n as f32));
    }
}

#[test]
fn the_same_bits_every_time() {
    let Some(gpu) = common::gpu() else { return };
    let mut generator = Generator::new(3);
    let a = drawn(&mut generator, &[20, 3000], DType::F32).to_device(gpu).unwrap();
    let b = drawn(&mut generator, &[3000, 20], DType::F32).to_device(gpu).unwrap();
    let first = matmul(&a, &b).unwrap().to_bytes().unwrap();
    for _ in 0..5 {
        assert_eq!(matmul(&a, &b).unwrap().to_bytes().unwrap(), first);
    }
}

#[test]
fn into_a_target_that_is_there() {
    let Some(gpu) = common::gpu() else { return };
    let a = Array::new([[1.0f32, 2.0], [3.0, 4.0]]).to_device(gpu).unwrap();
    let all = Array::zeros([2, 4]).to_device(gpu).unwrap();
    let target = all.narrow(1, 1, 2).unwrap();
    Array::apply_into(Op::Matmul, &[&a, &a], &[&target]).unwrap();
    assert_eq!(all.to_vec::<f32>().unwrap(), [0.0, 7.0, 10.0, 0.0, 0.0, 15.0, 22.0, 0.0]);
    Array::apply_into(Op::Matmul, &[&a, &a], &[&a]).unwrap();
    assert_eq!(a.to_vec::<f32>().unwrap(), [7.0, 10.0, 15.0, 22.0]);
}

#[test]
fn what_is_added_to_every_row() -> Result<()> {
    let Some(gpu) = common::gpu() else { return Ok(()) };
    let mut generator = Generator::new(11);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::I64] {
        if cresset_wgpu::abilities(gpu)?.f64 || !matches!(dtype, DType::F64 | DType::I64) {
            for (m, k, n) in [(1, 3, 2), (5, 7, 9), (40, 20, 66), (3, 70, 33), (0, 2, 3), (2, 0, 5)] {
                let (a, b) = (drawn(&mut generator, &[m, k], dtype), drawn(&mut generator, &[k, n], dtype));
                // Every second number of a longer list.
                let long = drawn(&mut generator, &[n, 2], dtype);
                let bias = |x: &Array| x.select(1, 1);
                let here = Array::apply(Op::Matmul, &[&a, &b, &bias(&long)?])?.remove(0);
                let inputs = [a.to_device(gpu)?, b.to_device(gpu)?, bias(&long.to_device(gpu)?)?];
                let there = Array::apply(Op::Matmul, &[&inputs[0], &inputs[1], &inputs[2]])?.remove(0);
                // All sums are exact in f32.
                assert_eq!(there.to_bytes()?, here.to_bytes()?, "{dtype} {m} {k} {n}");
            }
        }
    }
    Ok(())
}
