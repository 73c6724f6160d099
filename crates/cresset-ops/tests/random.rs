//! Random arrays: their distributions, and that nothing but the generator decides them.

use cresset_ops::{prelude::*, set_num_threads};
use cresset_tensor::Generator;

fn moments(x: &Array) -> (f64, f64) {
    let values = x.to_f64s().unwrap();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

#[test]
fn the_same_for_any_number_of_threads() {
    let draw = || {
        let mut g = Generator::new(5);
        let shape = [3, 50_001];
        let mut all = vec![
            Array::rand_with(shape, &mut g).unwrap(),
            Array::randn_with(shape, TensorOptions::from(DType::F64).generator(&mut g)).unwrap(),
            Array::randn_with(shape, TensorOptions::from(DType::BF16).generator(&mut g)).unwrap(),
            Array::randint_with(-5, 1 << 40, shape, &mut g).unwrap(),
            Array::gamma(0.7, 2.0, shape, &mut g).unwrap(),
            Array::exponential(2.0, shape, &mut g).unwrap(),
            Array::randperm_with(100_000, &mut g).unwrap(),
        ];
        all.push(all[0].bernoulli_with(&mut g).unwrap());
        all.push(all[0].multinomial_with(100, false, &mut g).unwrap());
        all.push(all[0].multinomial_with(100, true, &mut g).unwrap());
        all.push(all[0].poisson_with(&mut g).unwrap());
        all
    };
    set_num_threads(1);
    let alone = draw();
    set_num_threads(7);
    for (a, b) in alone.iter().zip(draw()) {
        assert!(a.equal(&b).unwrap());
    }
}

#[test]
fn means_and_variances() {
    let mut g = Generator::new(1);
    let n = [200_000];
    let near = |x: &Array, mean: f64, variance: f64| {
        let (a, b) = moments(x);
        assert!((a - mean).abs() < 0.01 * (1.0 + mean.abs()), "mean {a}, not {mean}");
        assert!((b - variance).abs() < 0.03 * (1.0 + variance), "variance {b}, not {variance}");
    };
    for dtype in [DType::F64, DType::F32, DType::F16] {
        macro_rules! with {
            () => {
                TensorOptions::from(dtype).generator(&mut g)
            };
        }
        near(&Array::rand_with(n, with!()).unwrap(), 0.5, 1.0 / 12.0);
        near(&Array::randn_with(n, with!()).unwrap(), 0.0, 1.0);
        near(&Array::normal(2.0, 3.0, n, with!()).unwrap(), 2.0, 9.0);
        near(&Array::exponential(2.0, n, with!()).unwrap(), 0.5, 0.25);
        near(&Array::gamma(3.0, 2.0, n, with!()).unwrap(), 1.5, 0.75);
        near(&Array::beta(2.0, 2.0, n, with!()).unwrap(), 0.5, 0.05);
        near(&Array::binomial(10, 0.3, n, with!()).unwrap(), 3.0, 2.1);
    }
    near(&Array::randint_with(-3, 4, n, &mut g).unwrap(), 0.0, 4.0);
    near(&Array::full(n, 4.0).poisson_with(&mut g).unwrap(), 4.0, 4.0);
    near(&Array::full(n, 0.2).bernoulli_with(&mut g).unwrap(), 0.2, 0.16);
    let x = Array::zeros(n);
    near(x.uniform_(-1.0, 3.0).unwrap(), 1.0, 4.0 / 3.0);
    near(x.normal_(-1.0, 0.5).unwrap(), -1.0, 0.25);
    near(x.bernoulli_(0.7).unwrap(), 0.7, 0.21);
    near(x.geometric_(0.5).unwrap(), 2.0, 2.0);
    near(x.exponential_(4.0).unwrap(), 0.25, 0.0625);
    near(x.log_normal_(0.0, 0.5).unwrap(), 0.125f64.exp(), (0.25f64.exp() - 1.0) * 0.25f64.exp());
    let counts = Array::zeros_with(n, DType::I32).unwrap();
    near(counts.random_(0, 10).unwrap(), 4.5, 8.25);
}

#[test]
fn extremes_of_probability() {
    for p in [0.0f32, 1.0] {
        let drawn = Array::full([100_000], p).bernoulli().unwrap();
        assert!(drawn.to_f64s().unwrap().iter().all(|&x| x == f64::from(p)));
    }
    let always = Array::new([[0.0, 0.0, 5.0, 0.0]]);
    assert_eq!(always.multinomial(3, true).unwrap().to_i64s().unwrap(), [2, 2, 2]);
    let mut all = always.multinomial(4, false).unwrap().to_i64s().unwrap();
    assert_eq!(all[0], 2);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
}

#[test]
fn categories_come_as_often_as_they_weigh() {
    let mut g = Generator::new(2);
    let weights = Array::new([1.0f32, 2.0, 0.0, 7.0]);
    for replacement in [true, false] {
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            counts[weights.multinomial_with(1, replacement, &mut g).unwrap().item::<i64>().unwrap()
                as usize] += 1;
        }
        assert_eq!(counts[2], 0);
        for (count, share) in counts.iter().zip([0.1, 0.2, 0.0, 0.7]) {
            assert!((f64::from(*count) / 20_000.0 - share).abs() < 0.02, "{counts:?}");
        }
    }
}

#[test]
fn permutations_are_fair() {
    let mut g = Generator::new(3);
    let mut orders = std::collections::HashMap::new();
    for _ in 0..6000 {
        *orders.entry(Array::randperm_with(3, &mut g).unwrap().to_i64s().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 6);
    assert!(orders.values().all(|&count| (800..1200).contains(&count)), "{orders:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(Array::rand_with([2], DType::I64).is_err());
    assert!(Array::randint_with(3, 3, [2], ()).is_err());
    assert!(Array::randint_with(0, 300, [2], DType::U8).is_err());
    assert!(Array::normal(0.0, -1.0, [2], ()).is_err());
    assert!(Array::new([2.0]).bernoulli().is_err());
    assert!(Array::new([f64::NAN]).bernoulli().is_err());
    assert!(Array::new([-1.0]).poisson().is_err());
    assert!(Array::new([0.0, 0.0]).multinomial(1, true).is_err());
    assert!(Array::new([1.0, -1.0]).multinomial(1, true).is_err());
    assert!(Array::new([1.0, 1.0]).multinomial(3, false).is_err());
    assert!(Array::new([1i64, 1]).multinomial(1, false).is_err());
    assert!(Array::zeros([2]).uniform_(1.0, 0.0).is_err());
    assert!(Array::gamma(-1.0, 1.0, [2], ()).is_err());
    assert!(Array::randperm_with(usize::MAX, ()).is_err());
}
