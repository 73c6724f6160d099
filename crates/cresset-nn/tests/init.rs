//! Initialisers: what can be known exactly, and the moments of what is random.

use cresset_nn::{
    init::{self, FanMode, Nonlinearity, calculate_gain},
    prelude::*,
};

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().to_vec().unwrap()
}

struct Moments {
    mean: f64,
    deviation: f64,
    largest: f64,
}

fn moments(tensor: &Tensor) -> Moments {
    let numbers = numbers(tensor);
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    Moments { mean, deviation, largest: numbers.iter().fold(0.0, |a, b| b.abs().max(a)) }
}

#[track_caller]
fn near(got: f64, expected: f64, within: f64) {
    assert!((got - expected).abs() <= within, "{got}, not {expected}");
}

#[test]
fn parameters_are_written_without_a_history() {
    let layer = Linear::new(3, 2);
    init::constant_(&layer.weight, 0.5).unwrap();
    assert_eq!(numbers(&layer.weight), [0.5; 6]);
    init::ones_(&layer.weight).unwrap();
    assert_eq!(numbers(&layer.weight), [1.0; 6]);
    init::zeros_(layer.bias.as_ref().unwrap()).unwrap();
    assert!(layer.weight.is_leaf() && layer.weight.needs_grad());
    let y = layer.forward(&Tensor::ones([1, 3])).unwrap();
    assert_eq!(numbers(&y), [3.0, 3.0]);
    y.sum().unwrap().backward().unwrap();
    assert_eq!(numbers(&layer.weight.grad().unwrap()), [1.0; 6]);
}

#[test]
fn even_and_normal() {
    let x = Tensor::zeros([200, 100]);
    let Moments { mean, deviation, largest } = moments(init::uniform_(&x, -3.0, 3.0).unwrap());
    near(mean, 0.0, 0.06);
    near(deviation, 3f64.sqrt(), 0.04);
    assert!(largest <= 3.0 && largest > 2.99);
    let Moments { mean, deviation, .. } = moments(init::normal_(&x, 2.0, 0.5).unwrap());
    near(mean, 2.0, 0.02);
    near(deviation, 0.5, 0.02);
}

#[test]
fn gains_are_pytorchs() {
    assert_eq!(calculate_gain(Nonlinearity::Linear), 1.0);
    assert_eq!(calculate_gain(Nonlinearity::Sigmoid), 1.0);
    assert_eq!(calculate_gain(Nonlinearity::Tanh), 1.6666666666666667);
    assert_eq!(calculate_gain(Nonlinearity::Relu), std::f64::consts::SQRT_2);
    assert_eq!(calculate_gain("leaky_relu".parse().unwrap()), 1.4141428569978354);
    assert_eq!(calculate_gain(Nonlinearity::LeakyRelu(0.2)), 1.3867504905630728);
    assert_eq!(calculate_gain(Nonlinearity::Selu), 0.75);
    assert!("softmax".parse::<Nonlinearity>().is_err());
    assert_eq!("fan_out".parse::<FanMode>().unwrap(), FanMode::FanOut);
}

#[test]
fn the_variance_follows_from_what_comes_in_and_goes_out() {
    // [64, 32, 3, 3]: 288 come in, 576 go out.
    let w = Tensor::zeros([64, 32, 3, 3]);
    let (fan_in, fan_out) = (288.0, 576.0);
    let glorot = 2.0 * (2.0f64 / (fan_in + fan_out)).sqrt();
    let he = |fan: f64| (2.0f64 / fan).sqrt();
    let even = |got: Moments, deviation: f64| {
        near(got.mean, 0.0, 0.05 * deviation);
        near(got.deviation, deviation, 0.02 * deviation);
        near(got.largest, 3f64.sqrt() * deviation, 0.01 * deviation);
    };
    let normal = |got: Moments, deviation: f64| {
        near(got.mean, 0.0, 0.05 * deviation);
        near(got.deviation, deviation, 0.03 * deviation);
        assert!(got.largest > 3.0 * deviation);
    };
    even(moments(init::xavier_uniform_(&w, 2.0).unwrap()), glorot);
    normal(moments(init::xavier_normal_(&w, 2.0).unwrap()), glorot);
    even(moments(init::kaiming_uniform_(&w, FanMode::FanIn, Nonlinearity::Relu).unwrap()), he(fan_in));
    even(moments(init::kaiming_uniform_(&w, FanMode::FanOut, Nonlinearity::Relu).unwrap()), he(fan_out));
    normal(moments(init::kaiming_normal_(&w, FanMode::FanOut, Nonlinearity::Relu).unwrap()), he(fan_out));
    // What PyTorch's layers start with is the bound 1/√fan_in.
    let slope = Nonlinearity::LeakyRelu(5f64.sqrt());
    near(
        moments(init::kaiming_uniform_(&w, FanMode::FanIn, slope).unwrap()).largest,
        1.0 / fan_in.sqrt(),
        1e-4,
    );
}

#[test]
fn a_part_of_a_normal_distribution() {
    let x = Tensor::zeros([40_000]).to_dtype(DType::F64).unwrap();
    // Mean and deviation of the standard normal distribution between bounds, from mpmath.
    for (mean, std, a, b, expected_mean, expected_deviation) in [
        (0.0, 1.0, -2.0, 2.0, 0.0, 0.8796256610342398),
        (0.0, 1.0, 1.0, 3.0, 1.5100495132438, 0.4164767759721),
        (0.0, 1.0, 5.0, 6.0, 5.1831470904772, 0.1716171051163),
        (0.0, 1.0, -6.0, -5.0, -5.1831470904772, 0.1716171051163),
        (0.0, 1.0, 12.0, f64::INFINITY, 12.0822145477338, 0.0816737742348),
        (1.0, 0.02, 0.0, 2.0, 1.0, 0.02),
    ] {
        init::trunc_normal_(&x, mean, std, a, b).unwrap();
        let Moments { mean, deviation, .. } = moments(&x);
        near(mean, expected_mean, 0.03 * expected_deviation);
        near(deviation, expected_deviation, 0.05 * expected_deviation);
        assert!(numbers(&x).iter().all(|x| (a..=b).contains(x)), "{a} {b}");
    }
    // Beyond all probability.
    init::trunc_normal_(&x, 0.0, 1.0, 100.0, 101.0).unwrap();
    assert!(numbers(&x).iter().all(|x| (100.0..=101.0).contains(x)));
    assert!(init::trunc_normal_(&x, 0.0, 0.0, -2.0, 2.0).is_err());
    assert!(init::trunc_normal_(&x, 0.0, 1.0, 2.0, -2.0).is_err());
    assert!(init::trunc_normal_(&x, 0.0, 1.0, f64::NAN, 2.0).is_err());
}

#[test]
fn orthogonal_rows_or_columns() {
    for (shape, dtype, within) in [
        (vec![3, 3], DType::F64, 1e-14),
        (vec![70, 70], DType::F64, 1e-13),
        (vec![40, 100], DType::F64, 1e-14),
        (vec![100, 40], DType::F64, 1e-14),
        (vec![16, 4, 3, 3], DType::F32, 1e-5),
        (vec![1, 1], DType::F64, 1e-15),
        (vec![0, 4], DType::F64, 0.0),
    ] {
        let w = Tensor::zeros(&shape[..]).to_dtype(dtype).unwrap();
        init::orthogonal_(&w, 1.0).unwrap();
        if w.numel() == 0 {
            continue;
        }
        let flat = w.to_dtype(DType::F64).unwrap().reshape([shape[0] as i64, -1]).unwrap();
        let few = flat.shape()[0].min(flat.shape()[1]);
        let product = match flat.shape()[0] == few {
            true => flat.matmul(&flat.t().unwrap()).unwrap(),
            false => flat.t().unwrap().matmul(&flat).unwrap(),
        };
        let off =
            product.sub(&Tensor::eye(few)).unwrap().abs().unwrap().max().unwrap().item::<f64>().unwrap();
        assert!(off <= within, "{shape:?}: {off}");
    }
    // The gain is the length.
    let w = Tensor::zeros([2, 8]);
    init::orthogonal_(&w, 3.0).unwrap();
    let square = w.square().unwrap().sum_dim(1, false).unwrap();
    assert!(numbers(&square).iter().all(|length| (length - 9.0).abs() < 1e-5));
    // No direction is preferred: a sign is as often positive as negative.
    let positive = (0..400)
        .filter(|_| numbers(init::orthogonal_(&Tensor::zeros([2, 2]), 1.0).unwrap())[0] > 0.0)
        .count();
    assert!((140..260).contains(&positive), "{positive} of 400");
    assert!(init::orthogonal_(&Tensor::zeros([3]), 1.0).is_err());
}

#[test]
fn identities() {
    let w = Tensor::ones([2, 3]);
    assert_eq!(numbers(init::eye_(&w).unwrap()), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert!(init::eye_(&Tensor::ones([2])).is_err());
    // A convolution with it gives its input.
    let conv = Conv2d::new(3, 5, [3, 4]).padding(ConvPadding::Same).bias(false);
    init::dirac_(&conv.weight, 1).unwrap();
    let x = Tensor::randn([2, 3, 4, 6]);
    let y = conv.forward(&x).unwrap();
    assert_eq!(y.shape(), &[2, 5, 4, 6]);
    // An even kernel has its centre after the middle, and 'same' one place less before.
    let seen = y.narrow(1, 0, 3).unwrap().narrow(3, 0, 5).unwrap();
    assert_eq!(numbers(&seen), numbers(&x.narrow(3, 1, 5).unwrap()));
    assert!(numbers(&y.narrow(1, 3, 2).unwrap()).iter().all(|&y| y == 0.0));
    let grouped = Conv1d::new(4, 6, 3).groups(2).padding(1).bias(false);
    init::dirac_(&grouped.weight, 2).unwrap();
    let y = grouped.forward(&Tensor::new([[[1.0f32], [2.0], [3.0], [4.0]]])).unwrap();
    assert_eq!(numbers(&y), [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
    assert!(init::dirac_(&Tensor::ones([2, 2]), 1).is_err());
    assert!(init::dirac_(&Tensor::ones([3, 2, 3]), 2).is_err());
    assert!(init::dirac_(&Tensor::ones([3, 2, 3]), 0).is_err());
}

#[test]
fn columns_with_zeros() {
    let w = Tensor::ones([10, 300]);
    init::sparse_(&w, 0.25, 0.01).unwrap();
    let zeros = w.eq(0).unwrap().to_dtype(DType::I64).unwrap();
    assert_eq!(zeros.sum_dim(0, false).unwrap().to_vec::<i64>().unwrap(), [3; 300], "a quarter, rounded up");
    // Every row is as often zero as any other.
    let rows = zeros.sum_dim(1, false).unwrap().to_vec::<i64>().unwrap();
    assert!(rows.iter().all(|count| (50..130).contains(count)), "{rows:?}");
    near(moments(&w).deviation, 0.01 * 0.7f64.sqrt(), 0.0006);
    assert!(init::sparse_(&w, 1.5, 0.01).is_err());
    assert!(init::sparse_(&Tensor::ones([3]), 0.5, 0.01).is_err());
}

#[test]
fn errors_point_at_the_caller() {
    for error in [
        init::xavier_uniform_(&Tensor::ones([3]), 1.0).unwrap_err(),
        init::kaiming_normal_(&Tensor::ones([3]), FanMode::FanIn, Nonlinearity::Relu).unwrap_err(),
        init::normal_(&Tensor::ones([3]), 0.0, -1.0).unwrap_err(),
        init::uniform_(&Tensor::new([1i64]), 0.0, 1.0).unwrap_err(),
        init::sparse_(&Tensor::ones([3]), 0.5, 0.01).unwrap_err(),
    ] {
        assert!(
            error.location().file().ends_with("init.rs") && error.location().file().contains("tests"),
            "{error}"
        );
    }
}
