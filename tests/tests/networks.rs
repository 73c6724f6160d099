//! Functions of networks that draw random numbers or write running statistics, and what PyTorch's cases cannot say.

use cresset_autograd::{Grad, Tensor};
use cresset_ops::{
    methods::{AttentionOptions, BatchNormOptions},
    prelude::*,
};
use cresset_tensor::random;

fn normal(n: usize) -> Vec<f64> {
    let stream = random::Stream::new(5);
    let mut list = vec![0.0; n];
    stream.fill(0, &mut list, random::sample::normal_f64x2);
    list
}

fn tensor(values: Vec<f64>, shape: &[usize]) -> Tensor {
    Tensor::constant(Array::from_vec(values, shape).unwrap())
}

fn gradient(y: &Tensor, cotangent: &Tensor, x: &Tensor) -> Vec<f64> {
    Grad::new().cotangents(&[Some(cotangent)]).of(&[y], &[x]).unwrap()[0].array().to_f64s().unwrap()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{i}: {a} against {b}");
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let center = mean(x);
    mean(&x.iter().map(|x| (x - center).powi(2)).collect::<Vec<_>>())
}

#[test]
fn dropout_keeps_the_mean_and_its_derivative_the_mask() {
    let x = tensor(normal(40_000), &[200, 200]).requires_grad();
    for p in [0.1, 0.5, 0.9] {
        let y = x.dropout(p, true).unwrap();
        let values = y.array().to_f64s().unwrap();
        let kept = values.iter().filter(|&&y| y != 0.0).count() as f64 / values.len() as f64;
        assert!((kept - (1.0 - p)).abs() < 0.01, "{kept} of {p}");
        let factor: Vec<f64> = values.iter().zip(x.array().to_f64s().unwrap()).map(|(y, x)| y / x).collect();
        assert!(factor.iter().all(|&f| f == 0.0 || (f * (1.0 - p) - 1.0).abs() < 1e-12));
        // Backward draws the same numbers again.
        close(&gradient(&y, &y.ones_like().unwrap(), &x), &factor, 1e-12);
    }
    assert_eq!(x.dropout(0.5, false).unwrap().array().to_f64s().unwrap(), x.array().to_f64s().unwrap());
    assert!(x.dropout(1.0, true).unwrap().array().to_f64s().unwrap().iter().all(|&y| y == 0.0));
    assert!(x.dropout(1.5, true).is_err() && x.dropout(f64::NAN, true).is_err());
}

#[test]
fn dropout_is_a_function_of_the_seed() {
    let x = Array::filled("ones", [300, 500].into(), DType::F32, 1).unwrap();
    let run = || {
        random::fork_rng(|| {
            random::manual_seed(9);
            x.dropout(0.3, true).unwrap().to_vec::<f32>().unwrap()
        })
    };
    let first = run();
    let threads = cresset_ops::num_threads();
    cresset_ops::set_num_threads(1);
    assert!(first == run());
    cresset_ops::set_num_threads(threads);
    let transposed = x.transpose(0, 1).unwrap();
    assert!(transposed.dropout(0.3, true).unwrap().to_vec::<f32>().unwrap() != first);
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let x = Array::from_vec(normal(200_000), [200_000]).unwrap();
    for p in [0.1, 0.5] {
        let y = x.alpha_dropout(p, true).unwrap().to_f64s().unwrap();
        assert!(mean(&y).abs() < 0.02, "{}", mean(&y));
        assert!((variance(&y) - 1.0).abs() < 0.02, "{}", variance(&y));
    }
}

#[test]
fn whole_channels_share_one_fate() {
    let of = |shape: &[usize]| Array::filled("ones", shape.into(), DType::F64, 1).unwrap();
    type Drop = fn(&Array) -> Result<Array>;
    let cases: [(&[usize], usize, Drop); 7] = [
        (&[20, 30, 4], 4, |x| x.dropout1d(0.4, true)),
        (&[300, 4], 4, |x| x.dropout1d(0.4, true)),
        (&[20, 30, 2, 3], 6, |x| x.dropout2d(0.4, true)),
        (&[20, 30, 2, 3, 2], 12, |x| x.dropout3d(0.4, true)),
        (&[300, 2, 3, 2], 12, |x| x.dropout3d(0.4, true)),
        (&[20, 30, 3], 3, |x| x.feature_dropout(0.4, true)),
        (&[20, 30, 3], 3, |x| x.feature_alpha_dropout(0.4, true)),
    ];
    for (shape, size, drop) in cases {
        let y = drop(&of(shape)).unwrap();
        assert_eq!(y.shape(), shape);
        let y = y.to_f64s().unwrap();
        assert!(y.chunks(size).all(|channel| channel.iter().all(|y| *y == channel[0])));
        let kinds: std::collections::BTreeSet<u64> = y.iter().map(|y| y.to_bits()).collect();
        assert_eq!(kinds.len(), 2, "{shape:?}");
    }
    assert!(of(&[4]).dropout1d(0.5, true).is_err());
    assert!(of(&[4]).dropout2d(0.5, true).is_err());
    let x = of(&[50, 50]);
    x.dropout_(0.5, true).unwrap().feature_dropout_(0.5, true).unwrap();
    assert!(x.to_f64s().unwrap().iter().all(|&x| x == 0.0 || x == 2.0 || x == 4.0));
}

#[test]
fn rrelu_draws_slopes_within_its_bounds() {
    let x = tensor(normal(1000), &[1000]).requires_grad();
    let y = x.rrelu(0.1, 0.3, true).unwrap();
    let slopes: Vec<f64> =
        y.array().to_f64s().unwrap().iter().zip(x.array().to_f64s().unwrap()).map(|(y, x)| y / x).collect();
    let negative: Vec<f64> = slopes.iter().copied().filter(|&slope| slope < 1.0).collect();
    assert!(negative.iter().all(|&slope| (0.0999..0.3001).contains(&slope)));
    assert!((mean(&negative) - 0.2).abs() < 0.01);
    close(&gradient(&y, &y.ones_like().unwrap(), &x), &slopes, 1e-6);
    assert!(x.rrelu(0.3, 0.1, true).is_err());
}

#[test]
fn gumbel_softmax_draws_from_its_distribution() {
    let weights = [0.2, 0.7, 0.1];
    let logits = tensor(weights.iter().map(|w: &f64| w.ln()).collect(), &[1, 3]).requires_grad();
    let draw = |hard| {
        random::fork_rng(|| {
            random::manual_seed(1);
            logits.broadcast_to([20_000, 3]).unwrap().gumbel_softmax(0.5, hard, -1).unwrap()
        })
    };
    let (hard, soft) = (draw(true), draw(false));
    close(&hard.sum_dim(1, false).unwrap().array().to_f64s().unwrap(), &[1.0; 20_000], 1e-12);
    let share = hard.sum_dim(0, false).unwrap().array().to_f64s().unwrap();
    for (share, weight) in share.iter().zip(weights) {
        assert!((share / 20_000.0 - weight).abs() < 0.02, "{share}");
    }
    let cotangent = tensor(normal(60_000), &[20_000, 3]);
    close(&gradient(&hard, &cotangent, &logits), &gradient(&soft, &cotangent, &logits), 1e-9);
}

#[test]
fn running_statistics_are_written_in_place() {
    let x = Array::new([[1.0, 10.0], [3.0, 30.0]]);
    let (mean, var) = (Array::new([0.0, 1.0]), Array::new([1.0, 2.0]));
    let options = || BatchNormOptions {
        running_mean: Some(&mean),
        running_var: Some(&var),
        training: true,
        momentum: 0.5,
        ..Default::default()
    };
    x.batch_norm(options()).unwrap();
    assert_eq!(mean.to_f64s().unwrap(), [1.0, 10.5]);
    assert_eq!(var.to_f64s().unwrap(), [1.5, 101.0]);
    // Of instances: the mean of each channel's, over samples; variances unbiased.
    let x = Array::new([[[1.0, 3.0], [0.0, 0.0]], [[5.0, 5.0], [2.0, 6.0]]]);
    let (mean, var) = (Array::new([0.0, 0.0]), Array::new([0.0, 0.0]));
    let options = BatchNormOptions {
        running_mean: Some(&mean),
        running_var: Some(&var),
        momentum: 1.0,
        training: true,
        ..Default::default()
    };
    x.instance_norm(options).unwrap();
    assert_eq!(mean.to_f64s().unwrap(), [3.5, 2.0]);
    assert_eq!(var.to_f64s().unwrap(), [1.0, 4.0]);
}

#[test]
fn attention_drops_weights_and_its_derivative_the_same() {
    let (q, k, v) =
        (tensor(normal(48), &[2, 3, 8]), tensor(normal(48), &[2, 3, 8]), tensor(normal(48), &[2, 3, 8]));
    let v = v.requires_grad();
    let options = AttentionOptions { dropout_p: 0.5, ..Default::default() };
    let y = q.scaled_dot_product_attention_with(&k, &v, options).unwrap();
    // It is linear in the values, so the derivative with regard to them tells the weights that were left.
    let dv = gradient(&y, &y, &v);
    let along: f64 = dv.iter().zip(v.array().to_f64s().unwrap()).map(|(a, b)| a * b).sum();
    let square: f64 = y.array().to_f64s().unwrap().iter().map(|y| y * y).sum();
    assert!((along - square).abs() < 1e-9 * square.abs().max(1.0));
}

/// PyTorch's own gradient of `ctc_loss` is right only with a softmax in front, so that is compared.
#[test]
fn sequences_through_logits() {
    #[rustfmt::skip]
    let logits = vec![
        -0.22, 0.15, 0.67, -0.51, -1.59, -0.75, 0.65, 0.91, 0.15, -0.81, 1.59, -0.35, 0.55, 1.15, -0.12, 0.55, -0.46, 1.06,
        -2.22, -0.47, -1.35, -0.28, 0.17, 0.76, 0.18, 0.63, 1.0, -0.22, -0.58, -1.22, -0.27, 0.2, -0.09, -0.35, -0.42,
        -1.66, -0.35, -0.77, -0.7, -1.91, -0.03, 0.29, 0.33, -1.08, 0.54, 0.79, -0.91, -1.1, -0.46, -0.19, -0.95, -0.98,
        1.11, -0.77, 0.98, 1.42, 0.38, 2.14, -1.61, 0.47, 1.27, 1.18, -0.05, -0.15, -1.35, 1.84, -2.07, -0.33, -0.5, 0.06,
        0.14, 0.06,
    ];
    #[rustfmt::skip]
    let expected = [
        -0.010543971708147505, -0.05226944118328144, 0.04804898223820511, 0.014764430653223828, -0.00256089146526212,
        0.015509327555740233, 0.06289342458982099, -0.07584186068029909, -0.279657499767833, 0.020552094821014204,
        0.22654936620371036, 0.03255603874310842, 0.003353592358629956, -0.023902439511818932, -0.0050892554788194,
        0.025638102632008376, -0.06476956988939297, 0.11315731130445923, 0.004257912369373775, -0.052645653784440034,
        -0.31341600535739816, 0.05806656967535969, 0.09106650879148052, 0.16428292689055796, 0.006592163495061051,
        0.0238490453262404, -0.04396058068994559, 0.013519371868644143, -0.0304031973821272, 0.017326258297785824,
        0.04480067344038614, -0.03172373435604477, -0.20978596475826772, 0.0952613944616619, 0.08882113547167629,
        0.02570343482492952, -0.03656434882155454, 0.028386028206135904, -0.0009000711587177559, 0.009078391774136397,
        -0.07756474001915033, 0.05516815062696896, 0.05741960556481786, -0.0350230161726365, -0.2104489000808846,
        0.1577867356114124, 0.028825036910269938, 0.023837127559202278, -0.018218341919669923, 0.04138384866949487,
        -0.041947351077227836, 0.018781844327402892, -0.0020619803023867195, 0.007492886033856194, 0.043118582021434815,
        -0.04854948775290429, 0.0, 0.0, 0.0, 0.0, -0.005036865110407507, 0.04191378843494262, -0.047962167300508965,
        0.011085243975973857, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let logits = tensor(logits, &[6, 3, 4]).requires_grad();
    let targets = Tensor::constant(Array::new([[1i64, 2, 2], [3, 3, 1], [2, 1, 1]]));
    let steps = logits.log_softmax(2).unwrap();
    let loss = steps.ctc_loss(&targets, &[6, 5, 4], &[3, 2, 0]).unwrap();
    close(&loss.array().to_f64s().unwrap(), &[3.4858710724231607], 1e-13);
    close(&gradient(&loss, &loss.ones_like().unwrap(), &logits), &expected, 1e-12);
    assert!(steps.ctc_loss(&targets, &[7, 5, 4], &[3, 2, 0]).is_err());
    assert!(steps.ctc_loss(&targets, &[6, 5, 4], &[4, 2, 0]).is_err());
    assert!(steps.ctc_loss(&targets, &[6, 5], &[3, 2, 0]).is_err());
}
