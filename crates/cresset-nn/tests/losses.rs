//! Losses with arguments that PyTorch's own cases leave out, against what PyTorch 2.15 computes: the loss, and of each
//! input's gradient the sum weighted by `cos(i)`.

use cresset_nn::prelude::*;

/// `sin(0.7·i + phase)`, to be differentiated by.
fn wave(shape: impl Into<Shape>, phase: f64) -> Tensor {
    let shape = shape.into();
    let numbers: Vec<f64> = (0..shape.numel()).map(|i| (0.7 * i as f64 + phase).sin()).collect();
    Tensor::from(Array::from_vec(numbers, shape).unwrap()).requires_grad()
}

#[track_caller]
fn check(loss: Result<Tensor>, expected: f64, inputs: &[(&Tensor, f64)]) {
    let near = |got: f64, expected: f64| (got - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    let loss = loss.unwrap().sum().unwrap();
    let got = loss.item::<f64>().unwrap();
    assert!(near(got, expected), "loss {got} instead of {expected}");
    let tensors: Vec<&Tensor> = inputs.iter().map(|(tensor, _)| *tensor).collect();
    let gradients = grad(&[&loss], &tensors).unwrap();
    for (i, (gradient, (_, expected))) in gradients.iter().zip(inputs).enumerate() {
        let numbers = gradient.to_vec::<f64>().unwrap();
        let got: f64 = numbers.iter().enumerate().map(|(i, x)| x * (i as f64).cos()).sum();
        assert!(near(got, *expected), "gradient {i}: {got} instead of {expected}");
    }
}

fn three() -> [Tensor; 3] {
    [0.1, 1.3, 2.9].map(|phase| wave([3, 4], phase))
}

fn weight() -> Tensor {
    Tensor::new([0.5, 1.0, 2.0, 0.25])
}

#[test]
fn of_numbers() {
    let [x, y, z] = &three();
    let poisson = PoissonNllLoss::new().log_input(false).eps(1e-3);
    check(
        poisson.forward(&x.exp().unwrap(), &y.exp().unwrap()),
        0.9868704041115461,
        &[(x, -0.23074005390089178), (y, 0.2402868950366467)],
    );
    check(
        GaussianNllLoss::new().full(true).forward(x, y, &z.exp().unwrap()),
        1.246018606423271,
        &[(x, -0.3876455304222627), (y, 0.3876455304222627), (z, 0.15982404119405957)],
    );
    check(
        GaussianNllLoss::new().eps(0.5).forward(x, y, 0.2),
        0.22426406482851827,
        &[(x, -0.4278129426918579), (y, 0.4278129426918579)],
    );
    check(
        SmoothL1Loss::new().beta(0.3).reduction(LossReduction::Sum).forward(x, y),
        6.387143213356801,
        &[(x, -3.004344585750723), (y, 3.004344585750723)],
    );
    check(
        HuberLoss::new().delta(0.4).forward(x, y),
        0.1963602761085176,
        &[(x, -0.09568333988718422), (y, 0.09568333988718422)],
    );
}

#[test]
fn of_classes() {
    let [x, y, _] = &three();
    let target = Tensor::new([1i64, 3, 0]);
    check(
        KlDivLoss::new().batchmean().forward(&x.log_softmax(1).unwrap(), &y.softmax(1).unwrap()),
        0.24184083349144883,
        &[(x, -0.26439301452680536), (y, 0.25513196771426216)],
    );
    check(
        KlDivLoss::new().log_target(true).forward(&x.log_softmax(1).unwrap(), &y.log_softmax(1).unwrap()),
        0.06046020837286225,
        &[(x, -0.06609825363170134), (y, 0.06378299192856557)],
    );
    let loss = CrossEntropyLoss::new().weight(weight()).label_smoothing(0.2).ignore_index(3);
    check(loss.forward(x, &target), 1.7241419742372668, &[(x, -0.4229121056783058)]);
    check(
        CrossEntropyLoss::new().weight(weight()).forward(x, &y.softmax(1).unwrap()),
        1.3928549593071609,
        &[(x, -0.1460657774968171), (y, 0.021647427989015033)],
    );
    check(
        BceLoss::new().weight(weight()).forward(&x.sigmoid().unwrap(), &y.sigmoid().unwrap()),
        0.6235969184257097,
        &[(x, -0.01678657773625599), (y, 0.07474154087592798)],
    );
    let loss = BceWithLogitsLoss::new().weight(weight()).pos_weight(Tensor::new([1.0, 2.0, 3.0, 4.0]));
    check(
        loss.forward(x, &y.sigmoid().unwrap()),
        1.0617598468062157,
        &[(x, -0.0015322619843432025), (y, 0.13835139716997968)],
    );
    let loss = MultiMarginLoss::new().p(2).margin(0.7).weight(weight());
    check(loss.forward(x, &target), 0.7021393691551499, &[(x, -0.6540269987070241)]);
    let labels = Tensor::new([[1.0, 0.0, 1.0, 0.0]; 3]);
    check(
        MultiLabelSoftMarginLoss::new().weight(weight()).forward(x, &labels),
        0.6752998676773392,
        &[(x, -0.06457662307925256)],
    );
}

#[test]
fn of_vectors() {
    let [x, y, z] = &three();
    check(
        TripletMarginLoss::new().p(3.0).margin(0.5).swap(true).forward(x, y, z),
        0.022546597154324905,
        &[(x, 0.16872404530624818), (y, 0.054730943151716685), (z, -0.2234549884579649)],
    );
    check(
        TripletMarginWithDistanceLoss::new().margin(2.0).forward(x, y, z),
        0.7704063866026521,
        &[(x, 0.20418252948332402), (y, 0.5788561334907979), (z, -0.7830386629741218)],
    );
    let farthest = |a: &Tensor, b: &Tensor| a.sub(b)?.abs()?.amax(-1, false);
    let loss = TripletMarginWithDistanceLoss::new().distance_function(farthest).swap(true);
    check(
        loss.reduction(LossReduction::Sum).forward(x, y, z),
        2.1046542897622342,
        &[(x, -1.4981360836554438), (y, 2.7570755935141227), (z, -1.2589395098586786)],
    );
    check(
        CosineSimilarity::new().dim(0).forward(x, y),
        1.6406586359167556,
        &[(x, 1.3834864856520337), (y, -1.5248740757105808)],
    );
    check(
        PairwiseDistance::new().p(1.0).keepdim(true).forward(x, y),
        8.12757123368735,
        &[(x, -3.13036809265199), (y, 3.13036809265199)],
    );
}

#[test]
fn of_sequences() {
    let x = &wave([6, 2, 4], 0.3);
    let log = || x.log_softmax(2).unwrap();
    let padded = Tensor::new([[1i64, 2], [3, 3]]);
    check(
        CtcLoss::new().forward(&log(), &padded, &[6, 5], &[2, 2]),
        2.415063126653199,
        &[(x, -0.15094735382577956)],
    );
    // The first target needs five steps and has four.
    let loss = CtcLoss::new().blank(2).zero_infinity(true).reduction(LossReduction::Sum);
    let behind = Tensor::new([1i64, 1, 1, 0, 3]);
    check(loss.forward(&log(), &behind, &[4, 5], &[3, 2]), 3.237946301887547, &[(x, -0.5711752578560643)]);
}

/// Parameters that PyTorch's were given too.
fn adaptive() -> AdaptiveLogSoftmaxWithLoss {
    let mut adaptive = AdaptiveLogSoftmaxWithLoss::new(8, 20, [4, 10]).div_value(2.0).head_bias(true);
    adaptive.to_dtype(DType::F64).unwrap();
    for (i, (_, parameter)) in adaptive.named_parameters().iter().enumerate() {
        let numbers = wave(parameter.shape().clone(), i as f64);
        no_grad(|| parameter.copy_(&numbers).map(drop)).unwrap();
    }
    adaptive
}

#[test]
fn of_many_classes() {
    let adaptive = adaptive();
    let (x, target) = (wave([5, 8], 0.4), Tensor::new([0i64, 12, 3, 19, 5]));
    let (output, loss) = adaptive.forward(&x, &target).unwrap();
    let expected = [
        -0.13452572447241773,
        -20.860545084308377,
        -3.2532579756880167,
        -15.652003358730596,
        -16.898108699592,
    ];
    for (got, expected) in output.to_vec::<f64>().unwrap().iter().zip(expected) {
        assert!((got - expected).abs() < 1e-9, "{got} instead of {expected}");
    }
    let of = [
        -1.1209385266259524,
        0.14288248353689315,
        0.9473334315515872,
        1.6484574936071148,
        1.3357564960089916,
        -0.5083170427651051,
    ];
    let parameters = adaptive.parameters();
    let inputs: Vec<(&Tensor, f64)> = parameters.iter().zip(of).chain([(&x, -0.6365133281679802)]).collect();
    check(Ok(loss), 11.359688168558282, &inputs);
    assert_eq!(adaptive.predict(&x).unwrap().to_vec::<i64>().unwrap(), [0, 0, 1, 2, 3]);
    let every_third = adaptive
        .log_prob(&x)
        .unwrap()
        .index_select(1, &Tensor::new((0..20i64).step_by(3).collect::<Vec<_>>()))
        .unwrap();
    check(Ok(every_third), -371.4312678573811, &[(&x, 46.78956181135746)]);
    let (one, loss) = adaptive.forward(&x.i(1).unwrap(), &target.i(1).unwrap()).unwrap();
    assert_eq!(one.rank(), 0);
    assert!((loss.item::<f64>().unwrap() - 20.86054508430837).abs() < 1e-9);
}

#[test]
fn what_adaptive_refuses() {
    for cutoffs in [vec![], vec![0, 3], vec![3, 3], vec![5, 3], vec![10], vec![11]] {
        let adaptive = AdaptiveLogSoftmaxWithLoss::new(8, 10, cutoffs.clone());
        let error = adaptive.check().unwrap_err().to_string();
        assert!(
            error.contains("cutoffs must increase, each at least 1 and at most 9"),
            "{cutoffs:?}: {error}"
        );
        assert!(adaptive.forward(&Tensor::zeros([1, 8]), &Tensor::new([1i64])).is_err());
        assert!(adaptive.predict(&Tensor::zeros([1, 8])).is_err());
    }
    assert!(AdaptiveLogSoftmaxWithLoss::new(8, 10, [4]).div_value(0.5).check().is_err());
    let adaptive = AdaptiveLogSoftmaxWithLoss::new(8, 10, [4]);
    let x = Tensor::zeros([2, 8]);
    for (target, message) in [
        (Tensor::new([1i64, 10]), "target 10 is out of range for 10 classes"),
        (Tensor::new([1i64, -1]), "target -1 is out of range for 10 classes"),
        (Tensor::new([1i64]), "a target for each of 2 inputs"),
        (Tensor::new([1.0, 2.0]), "must be int64"),
        (Tensor::new([[1i64], [2]]), "needs inputs [n, features] and targets [n]"),
    ] {
        let error = adaptive.forward(&x, &target).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    // No samples: nothing to be the mean of, as in PyTorch.
    let (output, loss) = adaptive.forward(&Tensor::zeros([0, 8]), &Tensor::new(Vec::<i64>::new())).unwrap();
    assert_eq!(output.shape(), &[0]);
    assert!(loss.item::<f32>().unwrap().is_nan());
}

#[test]
fn printed_as_pytorch_prints_them() {
    let texts = [
        (format!("{:?}", L1Loss::new()), "L1Loss()"),
        (format!("{:?}", MseLoss::new()), "MSELoss()"),
        (format!("{:?}", SmoothL1Loss::new()), "SmoothL1Loss()"),
        (format!("{:?}", HuberLoss::new()), "HuberLoss()"),
        (format!("{:?}", CrossEntropyLoss::new().weight(weight())), "CrossEntropyLoss()"),
        (format!("{:?}", NllLoss::new()), "NLLLoss()"),
        (format!("{:?}", GaussianNllLoss::new()), "GaussianNLLLoss()"),
        (format!("{:?}", PoissonNllLoss::new()), "PoissonNLLLoss()"),
        (format!("{:?}", KlDivLoss::new()), "KLDivLoss()"),
        (format!("{:?}", BceLoss::new()), "BCELoss()"),
        (format!("{:?}", BceWithLogitsLoss::new()), "BCEWithLogitsLoss()"),
        (format!("{:?}", MarginRankingLoss::new()), "MarginRankingLoss()"),
        (format!("{:?}", HingeEmbeddingLoss::new()), "HingeEmbeddingLoss()"),
        (format!("{:?}", CosineEmbeddingLoss::new()), "CosineEmbeddingLoss()"),
        (format!("{:?}", MultiLabelMarginLoss::new()), "MultiLabelMarginLoss()"),
        (format!("{:?}", MultiLabelSoftMarginLoss::new()), "MultiLabelSoftMarginLoss()"),
        (format!("{:?}", MultiMarginLoss::new()), "MultiMarginLoss()"),
        (format!("{:?}", SoftMarginLoss::new()), "SoftMarginLoss()"),
        (format!("{:?}", TripletMarginLoss::new()), "TripletMarginLoss()"),
        (
            format!("{:?}", TripletMarginWithDistanceLoss::new()),
            "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)",
        ),
        (format!("{:?}", CtcLoss::new()), "CTCLoss()"),
        (format!("{:?}", CosineSimilarity::new()), "CosineSimilarity()"),
        (
            format!("{:?}", LinearCrossEntropyLoss::new(5, 4).out_features([3, 2])),
            "LinearCrossEntropyLoss(\n  in_features=5, num_classes=4, out_features=(3, 2), bias=False, reduction=mean, \
             ignore_index=None, label_smoothing=0.0, options=None\n  (linear): Linear(in_features=5, \
             out_features=24, bias=False)\n)",
        ),
        (
            format!("{:?}", adaptive()),
            "AdaptiveLogSoftmaxWithLoss(
  (head): Linear(in_features=8, out_features=6, bias=True)
  (tail): ModuleList(
    (0): Sequential(
      (0): Linear(in_features=8, out_features=4, bias=False)
      (1): Linear(in_features=4, out_features=6, bias=False)
    )
    (1): Sequential(
      (0): Linear(in_features=8, out_features=2, bias=False)
      (1): Linear(in_features=2, out_features=10, bias=False)
    )
  )
)",
        ),
    ];
    for (got, expected) in texts {
        assert_eq!(got, expected);
    }
}

#[test]
fn weights_are_buffers() {
    let mut loss = CrossEntropyLoss::new().weight(weight());
    assert_eq!(loss.state_dict().names().collect::<Vec<_>>(), ["weight"]);
    assert!(loss.parameters().is_empty());
    loss.to_dtype(DType::F32).unwrap();
    let x = Tensor::from(Array::from_vec(vec![0.0f32; 4], [1, 4]).unwrap());
    assert!(loss.forward(&x, &Tensor::new([2i64])).is_ok());
}
