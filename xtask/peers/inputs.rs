//! The numbers every contestant computes with, by formulas that any language can state, and the few numbers by which
//! results are compared. `pytorch/inputs.py` states the same, and asserts what the test below does.
//!
//! This file is part of every contestant that is written in Rust.

/// The seed of a name: FNV-1a.
pub fn seed(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Random bits: a function of the seed and of which number it is.
pub fn bits(seed: u32, index: u32) -> u32 {
    let x = index.wrapping_mul(0x9e37_79b9).wrapping_add(seed);
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// A number in [-1, 1), exact in f32.
fn uniform(seed: u32, index: u32) -> f64 {
    f64::from(bits(seed, index) >> 8) / f64::from(1 << 23) - 1.0
}

/// As `randn`, nearly: four uniform numbers of variance 1/3 added up, with variance 1.
pub fn normal(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = seed(name);
    let number = |i: u32| (0..4).map(|k| uniform(seed, 4 * i + k)).sum::<f64>() * 0.866_025_403_784_438_6;
    (0..count(shape)).map(|i| number(i) as f32).collect()
}

/// As `randint`: integers in 0..bound.
pub fn integers(name: &str, bound: u32, shape: &[usize]) -> Vec<i64> {
    let seed = seed(name);
    (0..count(shape)).map(|i| i64::from(bits(seed, i) % bound)).collect()
}

fn count(shape: &[usize]) -> u32 {
    shape.iter().product::<usize>() as u32
}

/// What a parameter of this name and shape begins with: biases small, weights of norms 1, others such that what comes out
/// is as large as what goes in.
pub fn parameter(name: &str, shape: &[usize]) -> Vec<f32> {
    let scale = if name.contains("bias") {
        0.05
    } else if shape.len() == 1 {
        return vec![1.0; shape[0]];
    } else {
        (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt()
    };
    let seed = seed(name);
    (0..count(shape)).map(|i| (uniform(seed, i) * scale) as f32).collect()
}

/// By what a result is compared: the mean of its absolute values (which is the scale of the others), the mean with random
/// signs and weights, which sees places exchanged, and three of its numbers.
pub fn digest(x: &[f64]) -> Vec<f64> {
    let (n, seed) = (x.len() as f64, seed("digest"));
    let size = x.iter().map(|x| x.abs()).sum::<f64>() / n;
    let placed = x.iter().zip(0..).map(|(x, i)| x * uniform(seed, i)).sum::<f64>() / n;
    vec![size, placed, x[0], x[x.len() / 2], x[x.len() - 1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's integers, by the formula in `pytorch/inputs.py`.
    #[test]
    fn the_formula_is_everybodys() {
        let found = seed("x");
        assert_eq!(found, 0xfd0c_5087);
        assert_eq!([0, 1, 2].map(|i| bits(found, i)), [0x2cc4_196b, 0xd6d1_1ac1, 0x989d_c441]);
    }
}
