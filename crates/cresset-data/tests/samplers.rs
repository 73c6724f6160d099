//! Samplers against plain models, and against the indices that PyTorch's `DistributedSampler` gives.

use cresset_data::{
    BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
    WeightedRandomSampler,
};
use cresset_tensor::Generator;
use serde_json::Value;

fn drawn<I>(sampler: &dyn Sampler<I>, epoch: usize, seed: u64) -> Vec<I> {
    let all: Vec<I> =
        sampler.sample(epoch, &mut Generator::keyed(seed, epoch as u64, u64::MAX)).unwrap().collect();
    assert_eq!(all.len(), sampler.len());
    all
}

#[test]
fn distributed_indices_are_pytorchs() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/distributed.json")).unwrap();
    assert!(cases.len() > 100);
    for case in &cases {
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let sampler = DistributedSampler::new(number("len"), number("replicas"), number("rank"))
            .unwrap()
            .shuffle(false)
            .drop_last(case["drop_last"].as_bool().unwrap());
        let wanted: Vec<usize> =
            case["indices"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect();
        assert_eq!(drawn(&sampler, 0, 0), wanted, "{case}");
    }
}

#[test]
fn shuffled_replicas_share_an_order_that_changes_with_the_epoch() {
    for (len, replicas) in [(10, 3), (7, 7), (3, 8), (100, 4)] {
        let parts = |epoch, seed| -> Vec<Vec<usize>> {
            let part = |rank| DistributedSampler::new(len, replicas, rank).unwrap().seed(seed);
            // The loader's seed plays no part.
            (0..replicas).map(|rank| drawn(&part(rank), epoch, rank as u64)).collect()
        };
        let first = parts(0, 0);
        // Dealt back together, every item is there, and what is there twice is the order's beginning.
        let mut order: Vec<usize> =
            (0..first[0].len()).flat_map(|turn| first.iter().map(move |p| p[turn])).collect();
        let again = order.split_off(len);
        assert!(again.iter().enumerate().all(|(i, &item)| item == order[i % len]));
        order.sort();
        assert_eq!(order, Vec::from_iter(0..len));
        assert_eq!(first, parts(0, 0));
        // Of few items some epochs may agree, of many none.
        assert!((1..20).any(|epoch| parts(epoch, 0) != first));
        assert!((1..20).any(|seed| parts(0, seed) != first));
    }
    assert!(DistributedSampler::new(3, 2, 2).is_err());
    assert!(DistributedSampler::new(3, 0, 0).is_err());
}

#[test]
fn random_without_replacement_is_a_permutation_again_and_again() {
    assert_eq!(drawn(&SequentialSampler::new(4), 3, 9), [0, 1, 2, 3]);
    let sampler = RandomSampler::new(5).num_samples(12);
    let all = drawn(&sampler, 0, 1);
    for round in all.chunks(5) {
        let mut round = round.to_vec();
        round.sort();
        round.dedup();
        assert!(round.len() == 5 || round.len() == 2);
    }
    assert_ne!(drawn(&RandomSampler::new(50), 0, 1), drawn(&RandomSampler::new(50), 1, 1));
    assert_eq!(drawn(&RandomSampler::new(50), 1, 1), drawn(&RandomSampler::new(50), 1, 1));
    assert!(drawn(&RandomSampler::new(0), 0, 1).is_empty());
    assert!(RandomSampler::new(0).num_samples(1).sample(0, &mut Generator::new(0)).is_err());
}

#[test]
fn every_order_is_as_likely() {
    let mut counts = std::collections::HashMap::new();
    for epoch in 0..6000 {
        *counts.entry(drawn(&RandomSampler::new(3), epoch, 5)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 6);
    // Six standard deviations of a binomial count around 1000.
    assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 180), "{counts:?}");
}

#[test]
fn draws_with_replacement_follow_the_weights() {
    let weights = [1.0, 0.0, 3.0, 6.0];
    let sampler = WeightedRandomSampler::new(weights, 20_000, true).unwrap();
    let mut counts = [0.0; 4];
    drawn(&sampler, 0, 3).into_iter().for_each(|i: usize| counts[i] += 1.0);
    for (count, weight) in counts.iter().zip(weights) {
        assert!((count / 20_000.0 - weight / 10.0_f64).abs() < 0.02, "{counts:?}");
    }
    let mut counts = [0; 10];
    drawn(&RandomSampler::new(10).replacement(true).num_samples(10_000), 0, 3)
        .into_iter()
        .for_each(|i: usize| counts[i] += 1);
    assert!(counts.iter().all(|&count: &i32| (count - 1000).abs() < 180), "{counts:?}");
}

#[test]
fn draws_without_replacement_are_as_if_one_after_another() {
    // P(first = i, second = j) = wᵢ/Σ · wⱼ/(Σ − wᵢ).
    let weights = [1.0, 2.0, 5.0];
    let sampler = WeightedRandomSampler::new(weights, 2, false).unwrap();
    let rounds = 20_000;
    let mut counts = [[0.0; 3]; 3];
    for epoch in 0..rounds {
        let pair = drawn(&sampler, epoch, 11);
        counts[pair[0]][pair[1]] += 1.0 / rounds as f64;
    }
    for (i, row) in counts.iter().enumerate() {
        for (j, &share) in row.iter().enumerate() {
            let wanted = if i == j { 0.0 } else { weights[i] / 8.0 * weights[j] / (8.0 - weights[i]) };
            assert!((share - wanted).abs() < 0.02, "{i} {j}: {share} for {wanted}");
        }
    }
}

#[test]
fn weights_without_a_meaning_are_refused() {
    for weights in
        [vec![f64::NAN], vec![-1.0, 2.0], vec![f64::INFINITY], vec![0.0, 0.0], vec![], vec![f64::MAX; 2]]
    {
        assert!(WeightedRandomSampler::new(weights.clone(), 1, true).is_err(), "{weights:?}");
    }
    assert!(WeightedRandomSampler::new([1.0, 0.0], 2, false).is_err());
    assert!(drawn(&WeightedRandomSampler::new([], 0, true).unwrap(), 0, 0).is_empty());
}

#[test]
fn subsets_and_batches() {
    let mut some = drawn(&SubsetRandomSampler::new([7, 3, 9, 1]), 0, 0);
    some.sort();
    assert_eq!(some, [1, 3, 7, 9]);
    for (len, size, drop_last) in
        [(7, 3, false), (7, 3, true), (6, 3, true), (0, 3, false), (2, 9, true), (2, 9, false)]
    {
        let wanted: Vec<Vec<usize>> = Vec::from_iter(0..len)
            .chunks(size)
            .filter(|batch| !drop_last || batch.len() == size)
            .map(<[usize]>::to_vec)
            .collect();
        let batches = BatchSampler::new(SequentialSampler::new(len), size, drop_last).unwrap();
        assert_eq!(drawn(&batches, 0, 0), wanted);
    }
    assert!(BatchSampler::new(SequentialSampler::new(1), 0, false).is_err());
}
