//! Single random numbers from the generator of an item: what random transforms and samplers draw.

use cresset_tensor::{Generator, random::sample};

/// Uniform over `low..high`.
///
/// ```
/// use cresset_data::draw;
/// use cresset_tensor::Generator;
/// let mut random = Generator::keyed(7, 0, 3); // seed, epoch, index
/// let angle = draw::uniform(&mut random, -10.0, 10.0);
/// assert!((-10.0..=10.0).contains(&angle));
/// ```
pub fn uniform(random: &mut Generator, low: f64, high: f64) -> f64 {
    let [word, _] = sample::pair(random.reserve(1).block(0));
    low + (high - low) * sample::uniform_f64(word)
}

/// Normal with that mean and standard deviation.
pub fn normal(random: &mut Generator, mean: f64, std: f64) -> f64 {
    let [u, v] = sample::pair(random.reserve(1).block(0));
    mean + std * sample::normal_f64(u, v)[0]
}

/// True with that probability.
pub fn chance(random: &mut Generator, probability: f64) -> bool {
    uniform(random, 0.0, 1.0) < probability
}

/// One of `0..n`, each as likely as the others; 0 where there is none.
pub fn integer(random: &mut Generator, n: usize) -> usize {
    match n {
        // A range of zero would stand for all numbers there are.
        0 => 0,
        n => sample::integer_u64(random.reserve(1).block(0), n as u64) as usize,
    }
}

/// The numbers `0..n` in an order in which each order is as likely as the others. PyTorch's `randperm`.
pub fn permutation(random: &mut Generator, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(random, &mut order);
    order
}

/// Puts a list into a random order (Fisher and Yates).
pub fn shuffle<T>(random: &mut Generator, list: &mut [T]) {
    for i in (1..list.len()).rev() {
        list.swap(i, integer(random, i + 1));
    }
}
