//! What a formula over 4M numbers and products of square matrices cost, by the rows of PyTorch's benchmark.
//!
//! `cargo run --release -p cresset-ops --example kernels`

use std::{hint::black_box, time::Instant};

use cresset_ops::prelude::*;

/// The shortest of some repeats, in milliseconds.
fn time(repeats: usize, mut f: impl FnMut() -> Result<Array>) -> Result<f64> {
    black_box(f()?);
    let mut best = f64::INFINITY;
    for _ in 0..repeats {
        let start = Instant::now();
        black_box(f()?);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

fn main() -> Result<()> {
    let x = Array::randn([1 << 22]);
    println!("map/gelu-4M       {:8.3} ms", time(50, || x.gelu())?);
    println!("map/tanh-4M       {:8.3} ms", time(50, || x.tanh())?);
    // Six primitives, as many as gelu's erf form has.
    let six = time(50, || x.map(|x| (x * 0.5 + 1.0) * (x - 0.25).tanh() * (x * x)))?;
    println!("map/six-4M        {six:8.3} ms");
    for n in [256, 512, 1024, 2048] {
        let (a, b) = (Array::randn([n, n]), Array::randn([n, n]));
        let ms = time(20, || a.matmul(&b))?;
        println!("matmul/{n:<10} {ms:8.3} ms  {:5.0} GFLOP/s", 2.0 * (n as f64).powi(3) / ms / 1e6);
    }
    Ok(())
}
