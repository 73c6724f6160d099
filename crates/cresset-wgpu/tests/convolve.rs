//! The three products of convolution on a card against the processor's.

mod common;

use cresset_ops::{
    Apply, Array, DType, Device, ErrorKind, Op, Shape,
    op::{Convolution, List, Role},
    prelude::*,
};
use cresset_tensor::{Scalar, random::Generator, with_element};
use proptest::prelude::*;
use rand::RngExt;

fn drawn(generator: &mut Generator, shape: &[usize], dtype: DType) -> Array {
    let n = shape.iter().product();
    let numbers: Vec<i64> = (0..n).map(|_| generator.random_range(-40..=40)).collect();
    with_element!(dtype, T => {
        use cresset_tensor::Element;
        let value = |&x: &i64| if dtype.is_float() { Scalar::Float(x as f64 / 16.0) } else { Scalar::Int(x.abs()) };
        Array::from_vec(numbers.iter().map(|x| T::from_scalar(value(x))).collect::<Vec<T>>(), shape).unwrap()
    })
}

fn convolve(convolution: &Convolution, a: &Array, b: &Array) -> Result<Array> {
    Ok(Array::apply(Op::Convolve(Box::new(convolution.clone())), &[a, b])?.remove(0))
}

/// A view on the card of what the array is a view of.
fn there(x: &Array, gpu: Device) -> Array {
    let len = x.storage().bytes() / x.dtype().size();
    let base = x.with_layout(cresset_tensor::Layout::contiguous(Shape::from_slice(&[len]))).unwrap();
    base.to_device(gpu).unwrap().with_layout(x.layout().clone()).unwrap()
}

/// As near to the exact result as sums of `k` products are, whatever their order.
fn check(gpu: Device, convolution: &Convolution, a: &Array, b: &Array, k: usize) {
    let dtype = a.dtype();
    let found = convolve(convolution, &there(a, gpu), &there(b, gpu)).unwrap();
    assert_eq!(found.device(), gpu);
    let found = found.to_device(Device::Cpu).unwrap();
    let expected = convolve(convolution, a, b).unwrap();
    assert_eq!((found.shape(), found.dtype()), (expected.shape(), dtype));
    let about = format!("{convolution:?} of {} and {}", a.shape(), b.shape());
    if !dtype.is_float() {
        assert_eq!(found.to_bytes().unwrap(), expected.to_bytes().unwrap(), "{about}");
        return;
    }
    let double = |x: &Array| x.to_dtype(DType::F64).unwrap();
    let numbers = |a: &Array, b: &Array| convolve(convolution, a, b).unwrap().to_vec::<f64>().unwrap();
    let exact = numbers(&double(a), &double(b));
    let size = numbers(&double(a).abs().unwrap(), &double(b).abs().unwrap());
    let unit = |bits: i32| 2f64.powi(-bits);
    let (sum, result) = match dtype {
        DType::F64 => (unit(53), 0.0),
        DType::F16 => (unit(24), unit(11)),
        DType::BF16 => (unit(24), unit(8)),
        _ => (unit(24), 0.0),
    };
    let found = double(&found).to_vec::<f64>().unwrap();
    for (i, ((found, exact), size)) in found.iter().zip(&exact).zip(&size).enumerate() {
        let bound = (k as f64 + 2.0) * sum * size + result * 1.01 * exact.abs();
        assert!((found - exact).abs() <= bound, "{about} at {i}: {found} for {exact}");
    }
}

/// What is convolved: images, groups, channels and output channels of a group, and for each spatial dimension the sizes of
/// the kernel and of the output, stride, padding, dilation, and what is left over at the end of the input.
#[derive(Clone, Debug)]
struct Case {
    sizes: [usize; 4],
    dims: Vec<[usize; 6]>,
    dtype: DType,
    seed: u64,
    strided: bool,
}

impl Case {
    fn run(&self, gpu: Device) {
        let [images, groups, channels, outputs] = self.sizes;
        let mut generator = Generator::new(self.seed);
        let (mut kernel, mut output, mut size) = (List::new(), List::new(), List::new());
        let (mut stride, mut padding, mut dilation) = (List::new(), List::new(), List::new());
        for &[window, positions, step, pad, apart, rest] in &self.dims {
            let reach = (window - 1) * apart + 1 + (positions - 1) * step;
            let pad = pad.min(reach.saturating_sub(1) / 2);
            size.push(reach - 2 * pad + rest % step);
            [&mut kernel, &mut output, &mut stride, &mut padding, &mut dilation]
                .into_iter()
                .zip([window, positions, step, pad, apart])
                .for_each(|(list, value)| list.push(value));
        }
        let shape = |first: usize, second: usize, list: &List| [&[first, second][..], list].concat();
        let mut array = |shape: Vec<usize>| {
            let x = drawn(&mut generator, &shape, self.dtype);
            if !self.strided {
                return x;
            }
            // Channels last, from the middle of a larger array.
            let rank = x.rank() as i64;
            let wide =
                Array::cat(&[&x.movedim(1, -1).unwrap(), &x.movedim(1, -1).unwrap()], rank - 1).unwrap();
            let count = shape[1] as i64;
            wide.narrow(-1, count, count).unwrap().movedim(-1, 1).unwrap()
        };
        let x = array(shape(images, groups * channels, &size));
        let w = array(shape(groups * outputs, channels, &kernel));
        let y = array(shape(images, groups * outputs, &output));
        let of = |role: Role, output: &List| Convolution {
            role,
            stride: stride.clone(),
            padding: padding.clone(),
            dilation: dilation.clone(),
            groups,
            output: output.clone(),
        };
        let (places, positions) = (kernel.iter().product::<usize>(), output.iter().product::<usize>());
        check(gpu, &of(Role::Output, &output), &x, &w, channels * places);
        check(gpu, &of(Role::Input, &size), &w, &y, outputs * places);
        check(gpu, &of(Role::Weight, &kernel), &x, &y, images * positions);
    }
}

fn dims() -> impl Strategy<Value = Vec<[usize; 6]>> {
    prop::collection::vec([1usize..4, 1..6, 1..3, 0..3, 1..3, 0..3], 1..4)
}

const DTYPES: &[DType] = &[DType::F32, DType::F32, DType::F16, DType::BF16, DType::I32];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_is_the_processors(
        sizes in [0usize..4, 1..4, 0..4, 1..6],
        dims in dims(),
        dtype in prop::sample::select(DTYPES),
        seed in any::<u64>(),
        strided in any::<bool>(),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        Case { sizes, dims, dtype, seed, strided }.run(gpu);
    }
}

#[test]
fn convolutions_of_networks() {
    let Some(gpu) = common::gpu() else { return };
    let three = [3usize, 9, 1, 1, 1, 0];
    let case = |sizes: [usize; 4], dims: &[[usize; 6]], dtype: DType| {
        Case { sizes, dims: dims.to_vec(), dtype, seed: 5, strided: false }.run(gpu)
    };
    // Tiles of rows and columns, single elements, depthwise, far apart.
    case([3, 1, 20, 40], &[three, three], DType::F32);
    case([2, 1, 24, 33], &[[1, 8, 1, 0, 1, 0], [1, 7, 1, 0, 1, 0]], DType::F32);
    case([2, 20, 1, 1], &[three, three], DType::F32);
    case([2, 2, 9, 10], &[[3, 7, 2, 1, 1, 1], [3, 6, 2, 1, 2, 0]], DType::F16);
    case([1, 1, 6, 8], &[[2, 5, 3, 0, 2, 2]; 3], DType::F32);
    let abilities = cresset_wgpu::abilities(gpu).unwrap();
    if abilities.f64 {
        case([2, 1, 8, 9], &[three, three], DType::F64);
    }
    if abilities.i64 {
        case([2, 1, 8, 9], &[three, three], DType::I64);
    }
}

#[test]
fn truths_are_refused_as_on_the_processor() {
    let Some(gpu) = common::gpu() else { return };
    let x = Array::ones_with([1, 1, 4], DType::Bool).unwrap().to_device(gpu).unwrap();
    let one = |value: usize| List::from_slice(&[value]);
    let convolution = Convolution {
        role: Role::Output,
        stride: one(1),
        padding: one(0),
        dilation: one(1),
        groups: 1,
        output: one(1),
    };
    let error = convolve(&convolution, &x, &x).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DType);
}
