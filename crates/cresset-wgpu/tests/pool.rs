//! Max pools on a card against the processor's, bit for bit.

mod common;

use cresset_ops::{
    Apply, Array, DType, Device, Op,
    op::{List, Window},
    prelude::*,
};
use cresset_tensor::{Scalar, random::Generator, with_element};
use proptest::prelude::*;
use rand::RngExt;

/// Few different numbers, and now and then NaN or an infinity.
fn drawn(generator: &mut Generator, shape: &[usize], dtype: DType) -> Array {
    let n = shape.iter().product();
    let numbers: Vec<i64> = (0..n).map(|_| generator.random_range(0..24)).collect();
    with_element!(dtype, T => {
        use cresset_tensor::Element;
        let value = |&x: &i64| match x {
            0 => Scalar::Float(f64::NAN),
            1 => Scalar::Float(f64::NEG_INFINITY),
            2 => Scalar::Float(f64::INFINITY),
            3 => Scalar::Float(-0.0),
            x => Scalar::Float((x - 12) as f64 / 4.0),
        };
        let whole = |&x: &i64| Scalar::Int(if dtype == DType::U8 { x } else { x - 12 });
        let value = |x: &i64| if dtype.is_float() { value(x) } else { whole(x) };
        Array::from_vec(numbers.iter().map(|x| T::from_scalar(value(x))).collect::<Vec<T>>(), shape).unwrap()
    })
}

fn check(gpu: Device, window: &Window, x: &Array) {
    let pool = |x: &Array| Array::apply(Op::MaxPool(Box::new(window.clone())), &[x]);
    match (pool(x), pool(&x.to_device(gpu).unwrap())) {
        (Ok(expected), Ok(found)) => {
            for (expected, found) in expected.iter().zip(&found) {
                assert_eq!(found.device(), gpu);
                assert_eq!((found.shape(), found.dtype()), (expected.shape(), expected.dtype()));
                let (found, expected) = (found.to_bytes().unwrap(), expected.to_bytes().unwrap());
                assert_eq!(found, expected, "{window:?} over {} of {}", x.shape(), x.dtype());
            }
        }
        (Err(expected), Err(found)) => assert_eq!(expected.kind(), found.kind()),
        (expected, found) => panic!("{expected:?} on the processor, {found:?} on the card"),
    }
}

const OUTSIDE: &[&[usize]] = &[&[], &[3], &[2, 3], &[0, 2]];
const DTYPES: &[DType] = &[DType::F32, DType::F32, DType::F16, DType::BF16, DType::I32, DType::I8, DType::U8];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pool_is_the_processors(
        outside in prop::sample::select(OUTSIDE),
        dims in prop::collection::vec([1usize..12, 1..4, 1..4, 0..3, 1..3], 1..4),
        ceil in any::<bool>(),
        dtype in prop::sample::select(DTYPES),
        transposed in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        let list = |i: usize| dims.iter().map(|dim| dim[i]).collect::<List>();
        let window = Window { kernel: list(1), stride: list(2), padding: list(3), dilation: list(4), ceil };
        let shape = [outside, &list(0)].concat();
        let mut x = drawn(&mut Generator::new(seed), &shape, dtype);
        if transposed && x.rank() > 1 {
            x = x.transpose(0, -1).unwrap().contiguous().unwrap().transpose(0, -1).unwrap();
        }
        check(gpu, &window, &x);
    }
}

#[test]
fn doubles_and_long_integers_where_the_card_has_them() {
    let Some(gpu) = common::gpu() else { return };
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    let two = |value: usize| List::from_slice(&[value, value]);
    let window = Window { kernel: two(3), stride: two(2), padding: two(1), dilation: two(1), ceil: true };
    let mut generator = Generator::new(4);
    for (dtype, has) in [(DType::F64, abilities.f64), (DType::I64, abilities.i64)] {
        if has {
            check(gpu, &window, &drawn(&mut generator, &[2, 9, 10], dtype));
        }
    }
    let low = Array::full([1, 4, 4], i64::MIN);
    if abilities.i64 {
        check(gpu, &window, &low);
    }
    let nothing = Array::full([1, 4, 4], f64::NEG_INFINITY);
    check(gpu, &window, &nothing);
    check(gpu, &window, &Array::ones_with([1, 4, 4], DType::Bool).unwrap());
}
