//! Layers whose weight is computed of others, against what PyTorch 2.15 computes with the same numbers, and parameters as
//! a vector. Outputs and gradients are compared by their sums weighted by `cos(i)`.

use cresset_nn::prelude::*;

/// `sin(0.7·i + phase)`.
fn wave(shape: impl Into<Shape>, phase: f64) -> Tensor {
    let shape = shape.into();
    let numbers: Vec<f64> = (0..shape.numel()).map(|i| (0.7 * i as f64 + phase).sin()).collect();
    Tensor::from(Array::from_vec(numbers, shape).unwrap())
}

fn weighted(x: &Tensor) -> Tensor {
    let weights: Vec<f64> = (0..x.numel()).map(|i| (i as f64).cos()).collect();
    let weights = Tensor::from(Array::from_vec(weights, x.shape().clone()).unwrap());
    x.mul(&weights).unwrap().sum().unwrap()
}

fn near(got: &Tensor, expected: f64) {
    let got = got.item::<f64>().unwrap();
    assert!((got - expected).abs() < 1e-9 * expected.abs().max(1.0), "{got} instead of {expected}");
}

/// Waves in all that is saved, vectors of length one.
fn fill(module: &mut impl Module) {
    module.to_dtype(DType::F64).unwrap();
    let state = module.state_dict();
    for (i, (name, array)) in state.iter().enumerate() {
        let mut numbers = wave(array.shape().clone(), i as f64);
        if name.ends_with("._u") || name.ends_with("._v") {
            numbers = numbers.normalize(2.0, 0, 0.0).unwrap();
        }
        Tensor::from(array.clone()).copy_(&numbers).unwrap();
    }
}

#[track_caller]
fn check<L: Layer>(
    mut layer: L,
    x: Tensor,
    names: &[&str],
    output: f64,
    of_input: f64,
    of_parameters: &[f64],
) -> L {
    fill(&mut layer);
    assert_eq!(layer.state_dict().names().collect::<Vec<_>>(), names);
    let x = x.requires_grad();
    let y = weighted(&layer.forward(&x).unwrap());
    near(&y, output);
    let mut of = vec![x];
    of.extend(layer.parameters());
    let gradients = grad(&[&y], &of.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(gradients.len(), 1 + of_parameters.len());
    near(&weighted(&gradients[0]), of_input);
    for (gradient, expected) in gradients[1..].iter().zip(of_parameters) {
        near(&weighted(gradient), *expected);
    }
    layer.eval();
    near(&weighted(&layer.forward(&of[0]).unwrap()), output);
    layer
}

const LENGTH_AND_DIRECTION: [&str; 3] =
    ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"];
const NORMED: [&str; 4] = [
    "bias",
    "parametrizations.weight.original",
    "parametrizations.weight.0._u",
    "parametrizations.weight.0._v",
];

#[test]
fn weight_norm() {
    let layer = WeightNorm::new(Linear::new(4, 3));
    let of = [0.003901997996997454, -0.7940722318506946, 1.7058313511755026];
    let layer =
        check(layer, wave([2, 4], 0.2), &LENGTH_AND_DIRECTION, -1.3343522762342004, 0.673329756235745, &of);
    // Without it again, it computes the same.
    near(&weighted(&layer.remove().unwrap().forward(&wave([2, 4], 0.2)).unwrap()), -1.3343522762342004);
    let layer = WeightNorm::new(Conv2d::new(2, 3, 2)).dim(1);
    let of = [-0.5154137383269409, 0.004623003820983129, 2.408211785360424];
    let x = wave([1, 2, 4, 4], 0.2);
    check(layer, x, &LENGTH_AND_DIRECTION, 1.1086246135799729, 0.15275384716336615, &of);
    let layer = WeightNorm::new(Linear::new(4, 3)).dim(None);
    let of = [0.003901997996997454, -0.8106020084795507, 0.6927579025752674];
    check(layer, wave([2, 4], 0.2), &LENGTH_AND_DIRECTION, -0.8856715138156686, 0.39826913335086045, &of);
}

#[test]
fn a_new_weight_norm_changes_nothing() {
    for dim in [Some(0), Some(1), Some(-1), None] {
        let layer = Linear::new(4, 3);
        let x = Tensor::randn([2, 4]);
        let before = layer.forward(&x).unwrap();
        let after = WeightNorm::new(layer).dim(dim).forward(&x).unwrap();
        assert!(before.sub(&after).unwrap().abs().unwrap().max().unwrap().item::<f32>().unwrap() < 1e-6);
    }
    assert!(WeightNorm::new(Linear::new(4, 3)).dim(2).check().is_err());
}

#[test]
fn spectral_norm() {
    let layer = SpectralNorm::new(Linear::new(4, 3));
    let of = [0.003901997996997454, 0.39680996992255835];
    let layer = check(layer, wave([2, 4], 0.2), &NORMED, -0.5776526217470815, 0.6685875006446311, &of);
    let state = layer.state_dict();
    let u = Tensor::from(state.get(NORMED[2]).unwrap().clone()).to_vec::<f64>().unwrap();
    for (got, expected) in u.iter().zip([-0.39329614906252236, 0.5850688737061837, -0.7092337782091092]) {
        assert!((got - expected).abs() < 1e-12, "{got} instead of {expected}");
    }
    let layer = SpectralNorm::new(ConvTranspose2d::new(2, 3, 2)).n_power_iterations(2);
    let of = [-0.13517257781394973, -0.19932826541951842];
    let x = wave([1, 2, 4, 4], 0.2);
    check(layer, x, &NORMED, 0.21413825388516683, 1.6992997019514937, &of);
}

#[test]
fn a_spectral_norm_is_one() {
    let layer = SpectralNorm::new(Linear::new(6, 5)).n_power_iterations(100);
    let weight = layer.weight().unwrap();
    // The largest singular value, by power iteration of its own.
    let mut v = Tensor::ones([6]);
    for _ in 0..200 {
        v = weight.t().unwrap().mv(&weight.mv(&v).unwrap()).unwrap().normalize(2.0, 0, 1e-12).unwrap();
    }
    let largest = weight.mv(&v).unwrap().norm().unwrap().item::<f32>().unwrap();
    assert!((largest - 1.0).abs() < 1e-4, "{largest}");
    // Two passes forward before one backward.
    let x = Tensor::randn([2, 6]);
    let layer = SpectralNorm::new(Linear::new(6, 5));
    let (one, two) = (layer.forward(&x).unwrap(), layer.forward(&x).unwrap());
    (one + two).sum().unwrap().backward().unwrap();
    let removed = layer.remove().unwrap();
    assert_eq!(removed.state_dict().names().collect::<Vec<_>>(), ["weight", "bias"]);
    assert!(removed.weight.needs_grad());
}

#[test]
fn printed_as_pytorch_prints_them() {
    assert_eq!(
        format!("{:?}", WeightNorm::new(Linear::new(3, 2))),
        "ParametrizedLinear(
  in_features=3, out_features=2, bias=True
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): _WeightNorm()
    )
  )
)"
    );
    assert_eq!(
        format!("{:?}", SpectralNorm::new(Conv2d::new(3, 2, 3))),
        "ParametrizedConv2d(
  3, 2, kernel_size=(3, 3), stride=(1, 1)
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): _SpectralNorm()
    )
  )
)"
    );
}

#[test]
fn parameters_as_a_vector() {
    let net = sequential![Linear::new(3, 2), Linear::new(2, 1).bias(false)];
    let vector = parameters_to_vector(&net.parameters()).unwrap();
    assert_eq!(vector.numel(), 10);
    vector.sum().unwrap().backward().unwrap();
    assert_eq!(net.parameters()[2].grad().unwrap().shape(), &[1, 2]);
    let numbers = Tensor::new((0..10).map(|i| i as f32).collect::<Vec<_>>());
    vector_to_parameters(&numbers, &net.parameters()).unwrap();
    assert_eq!(net.parameters()[1].to_vec::<f32>().unwrap(), [6.0, 7.0]);
    assert_eq!(parameters_to_vector(&net.parameters()).unwrap().to_vec::<f32>().unwrap()[9], 9.0);
    for wrong in [Tensor::zeros([9]), Tensor::zeros([11]), Tensor::zeros([2, 5])] {
        let error = vector_to_parameters(&wrong, &net.parameters()).unwrap_err().to_string();
        assert!(error.contains("a vector of 10 numbers"), "{error}");
    }
}
