//! What layers do besides computing: draw their first numbers, keep running statistics, behave otherwise in training, and
//! give two results.

use cresset_nn::prelude::*;

fn layer_numbers(parameter: &Tensor) -> Vec<f64> {
    parameter.to_dtype(DType::F64).unwrap().to_vec().unwrap()
}

/// Even from `-bound` to `bound`: all inside, the deviation that such numbers have, and both ends reached.
fn assert_even(parameter: &Tensor, bound: f64) {
    let numbers = layer_numbers(parameter);
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    let largest = numbers.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    // That none is larger than this part of the bound happens once in 10⁹ times.
    let part = 1e-9f64.powf(1.0 / count);
    assert!(largest <= bound * (1.0 + 1e-6) && largest > part * bound, "{largest} for {bound}");
    // Six deviations of what is measured.
    assert!(mean.abs() < 6.0 * bound / (3.0 * count).sqrt(), "mean {mean} of {count} within {bound}");
    assert!((deviation / (bound / 3f64.sqrt()) - 1.0).abs() < 6.0 * 0.45 / count.sqrt(), "{deviation}");
}

#[test]
fn weights_are_drawn_as_pytorch_draws_them() {
    // One over the square root of what comes in: weight.size(1) times the kernel, also of transposed convolutions.
    let conv = Conv2d::new(8, 64, [3, 5]).groups(2);
    assert_eq!(conv.weight.shape(), &[64, 4, 3, 5]);
    assert_even(&conv.weight, 1.0 / (4f64 * 15.0).sqrt());
    assert_even(conv.bias.as_ref().unwrap(), 1.0 / (4f64 * 15.0).sqrt());
    let transposed = ConvTranspose2d::new(64, 8, 3).groups(4);
    assert_eq!(transposed.weight.shape(), &[64, 2, 3, 3]);
    assert_even(&transposed.weight, 1.0 / (2f64 * 9.0).sqrt());
    let bilinear = Bilinear::new(16, 10, 40);
    assert_even(&bilinear.weight, 0.25);
    assert_even(&Linear::new(100, 50).weight, 0.1);

    let table = Embedding::new(500, 20).padding_idx(-1);
    let numbers = layer_numbers(&table.weight);
    let (drawn, padding) = numbers.split_at(499 * 20);
    assert!(padding.iter().all(|&x| x == 0.0));
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    let variance = drawn.iter().map(|x| x * x).sum::<f64>() / drawn.len() as f64;
    assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.09, "{mean} {variance}");

    let norm = BatchNorm2d::new(3);
    assert_eq!(norm.weight.as_ref().unwrap().to_vec::<f32>().unwrap(), [1.0; 3]);
    assert_eq!(norm.bias.as_ref().unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(PRelu::new().num_parameters(2).init(0.5).weight.to_vec::<f32>().unwrap(), [0.5; 2]);
}

#[test]
fn names_in_a_state_dict_are_pytorchs() {
    let names = |module: &dyn Module| module.state_dict().names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        names(&BatchNorm1d::new(2)),
        ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    );
    assert_eq!(BatchNorm1d::new(2).num_batches_tracked.unwrap().dtype(), DType::I64);
    assert_eq!(names(&InstanceNorm2d::new(2)), Vec::<String>::new());
    assert_eq!(names(&InstanceNorm2d::new(2).affine(true)), ["weight", "bias"]);
    assert_eq!(names(&Conv1d::new(1, 1, 1)), ["weight", "bias"]);
    assert_eq!(names(&Conv1d::new(1, 1, 1).bias(false)), ["weight"]);
}

#[test]
fn without_momentum_running_statistics_are_means_of_all_batches() {
    let mut norm = BatchNorm1d::new(2).momentum(None);
    norm.to_dtype(DType::F64).unwrap();
    for k in 1..4 {
        norm.forward(&Tensor::new([[1.0, 2.0], [3.0, 6.0]]).mul(k).unwrap()).unwrap();
    }
    let buffer = |buffer: &Option<Buffer>| buffer.as_ref().unwrap().to_vec::<f64>().unwrap();
    assert_eq!(buffer(&norm.running_mean), [4.0, 8.0]);
    let variance = buffer(&norm.running_var);
    assert!((variance[0] - 28.0 / 3.0).abs() < 1e-12 && (variance[1] - 112.0 / 3.0).abs() < 1e-12);
    assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item::<i64>().unwrap(), 3);
    // In use nothing changes.
    norm.eval();
    norm.forward(&Tensor::new([[9.0, 9.0]])).unwrap();
    assert_eq!(buffer(&norm.running_mean), [4.0, 8.0]);
    assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item::<i64>().unwrap(), 3);
}

#[test]
fn dropouts_drop_what_they_say() {
    let x = Tensor::ones([4, 500, 6]);
    let y = Dropout1d::new(0.25).forward(&x).unwrap();
    let sums = y.sum_dim(2, false).unwrap().to_vec::<f32>().unwrap();
    assert!(sums.iter().all(|&sum| sum == 0.0 || (sum - 8.0).abs() < 1e-5), "channels as a whole");
    let dropped = sums.iter().filter(|&&sum| sum == 0.0).count();
    assert!((400..600).contains(&dropped), "{dropped} of 2000");

    let normal = Tensor::randn([200, 100]);
    let y = AlphaDropout::new(0.3).forward(&normal).unwrap();
    let (mean, deviation) =
        (y.mean().unwrap().item::<f64>().unwrap(), y.std().unwrap().item::<f64>().unwrap());
    assert!(mean.abs() < 0.05 && (deviation - 1.0).abs() < 0.05, "{mean} {deviation}");

    for layer in [&Dropout::new(0.9) as &dyn Layer, &FeatureAlphaDropout::new(0.9), &RRelu::new()] {
        layer.eval();
        assert_eq!(layer.forward(&x).unwrap().to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
    }
    // Random slopes lie within their bounds.
    let y = RRelu::new().lower(0.2).upper(0.4).forward(&x.neg().unwrap()).unwrap().to_vec::<f32>().unwrap();
    assert!(y.iter().all(|y| (-0.4001..=-0.1999).contains(y)));
    assert!(y.iter().any(|&y| y < -0.38) && y.iter().any(|&y| y > -0.22));
}

#[test]
fn a_pool_and_its_way_back() {
    let x = Tensor::arange(16.0).reshape([1, 1, 4, 4]).unwrap();
    let (y, indices) = MaxPool2d::new(2).forward_with_indices(&x).unwrap();
    assert_eq!(indices.to_vec::<i64>().unwrap(), [5, 7, 13, 15]);
    let mut expected = vec![0.0f32; 16];
    for place in [5, 7, 13, 15] {
        expected[place] = place as f32;
    }
    let unpool = MaxUnpool2d::new(2);
    assert_eq!(unpool.forward(&y, &indices).unwrap().to_vec::<f32>().unwrap(), expected);
    let larger = unpool.forward_with_size(&y, &indices, [1, 1, 5, 5]).unwrap();
    assert_eq!(larger.shape(), &[1, 1, 5, 5]);
    expected.resize(25, 0.0);
    assert_eq!(larger.to_vec::<f32>().unwrap(), expected);
}

#[test]
fn fractional_pools_give_the_size_asked_for() {
    let x = Tensor::randn([2, 3, 20, 17]);
    let (y, indices) = FractionalMaxPool2d::new(2).output_ratio(0.6).forward_with_indices(&x).unwrap();
    assert_eq!(y.shape(), &[2, 3, 12, 10]);
    // Every value is that of its place.
    let taken = x.flatten(2..).unwrap().gather(2, &indices.flatten(2..).unwrap()).unwrap();
    assert_eq!(taken.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
    let y = FractionalMaxPool3d::new([2, 1, 2])
        .output_size([3, 4, 5])
        .forward(&Tensor::randn([2, 6, 7, 8]))
        .unwrap();
    assert_eq!(y.shape(), &[2, 3, 4, 5]);
}

#[test]
fn a_transposed_convolution_of_a_given_size() {
    let conv = ConvTranspose1d::new(1, 1, 3).stride(2).padding(1).bias(false);
    no_grad(|| conv.weight.copy_(&Tensor::new([[[1.0, 2.0, 3.0]]])).map(drop)).unwrap();
    let x = Tensor::new([[[1.0f32, 2.0]]]);
    assert_eq!(conv.forward(&x).unwrap().to_vec::<f32>().unwrap(), [2.0, 5.0, 4.0]);
    assert_eq!(conv.forward_with_size(&x, 4).unwrap().to_vec::<f32>().unwrap(), [2.0, 5.0, 4.0, 6.0]);
    assert_eq!(conv.forward_with_size(&x, [1, 1, 3]).unwrap().to_vec::<f32>().unwrap(), [2.0, 5.0, 4.0]);
    let error = conv.forward_with_size(&x, 5).unwrap_err();
    assert_eq!(error.message(), "from [1, 1, 2] the output's dimension 0 can be of 3 to 4, not 5", "{error}");
}

#[test]
fn bags_of_embeddings() {
    let table = || Tensor::arange(12.0).reshape([4, 3]).unwrap();
    let (indices, offsets) = (Tensor::new([1i64, 2, 1, 0, 3]), Tensor::new([0i64, 2, 2]));
    let expected: [(BagMode, [f32; 9], [f32; 12]); 3] = [
        (
            BagMode::Sum,
            [6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 9.0, 11.0, 13.0],
            [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        ),
        (
            BagMode::Mean,
            [6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 4.5, 5.5, 6.5],
            [0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5],
        ),
        (
            BagMode::Max,
            [6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 9.0, 10.0, 11.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        ),
    ];
    for (mode, values, gradient) in expected {
        let bag = EmbeddingBag::from_pretrained(table()).freeze(false).mode(mode).padding_idx(1);
        let y = bag.forward_with(&indices, Some(&offsets), None).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), values, "{mode:?}");
        y.sum().unwrap().backward().unwrap();
        assert_eq!(bag.weight.grad().unwrap().to_vec::<f32>().unwrap(), gradient, "{mode:?}");
    }
    let bag = EmbeddingBag::from_pretrained(table()).mode(BagMode::Sum);
    assert!(!bag.weight.needs_grad(), "what is given is not trained unless asked for");
    let factors = Tensor::new([1.0f32, 2.0, 3.0, 4.0, 5.0]);
    let y = bag.forward_with(&indices, Some(&offsets), Some(&factors)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [15.0, 18.0, 21.0, 0.0, 0.0, 0.0, 54.0, 66.0, 78.0]);
    let bag = bag.include_last_offset(true);
    let y = bag.forward_with(&indices, Some(&Tensor::new([0i64, 2, 5])), None).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [9.0, 11.0, 13.0, 12.0, 15.0, 18.0]);
}

#[test]
fn rows_that_are_too_long_are_shortened_in_the_table() {
    let table = Tensor::arange(12.0).to_dtype(DType::F64).unwrap().reshape([4, 3]).unwrap();
    let words = Embedding::from_pretrained(table).freeze(false).max_norm(5.0).scale_grad_by_freq(true);
    let words = words.padding_idx(3);
    let y = words.forward(&Tensor::new([1i64, 2, 1, 3])).unwrap();
    y.sum().unwrap().backward().unwrap();
    let expected = [
        0.0,
        1.0,
        2.0,
        2.121320313559643,
        2.8284270847461905,
        3.535533855932738,
        2.457695741422894,
        2.8673116983267093,
        3.276927655230525,
        2.5894590045173,
        2.8771766716858886,
        3.1648943388544777,
    ];
    let got = words.weight.to_vec::<f64>().unwrap();
    assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    let gradient = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    assert_eq!(words.weight.grad().unwrap().to_vec::<f64>().unwrap(), gradient);
}

#[test]
fn settings_may_be_said_in_any_order() {
    // What is wrong for a moment is right in the end.
    let conv = Conv1d::new(6, 4, 3).padding(ConvPadding::Same).stride(2).stride(1);
    assert_eq!(conv.forward(&Tensor::zeros([1, 6, 9])).unwrap().shape(), &[1, 4, 9]);
    assert!(conv.bias.is_some());
    let conv = Conv1d::new(6, 4, 3).bias(false).groups(4).groups(2);
    assert_eq!(conv.weight.get().unwrap().shape(), &[4, 3, 3]);
    assert!(conv.bias.is_none());
    let conv = Conv1d::new(6, 4, 3).groups(2).bias(false).bias(true);
    assert_eq!(conv.bias.as_ref().unwrap().shape(), &[4]);
    let norm = LayerNorm::new([2, 3]).bias(false);
    assert_eq!(norm.forward(&Tensor::ones([4, 2, 3])).unwrap().shape(), &[4, 2, 3]);
}
