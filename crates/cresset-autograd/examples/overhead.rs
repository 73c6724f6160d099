//! What an operation on four numbers costs: forward, and recorded with its backward.
//!
//! `cargo run --release -p cresset-autograd --example overhead`

use std::{hint::black_box, time::Instant};

use cresset_autograd::prelude::*;

/// The median of seven repeats of `n` calls, in nanoseconds a call.
fn time(n: u32, mut f: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..n {
            f()?;
        }
        times.push(start.elapsed().as_nanos() as f64 / f64::from(n));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[3])
}

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2000);
    let array = Array::new([1.0f32, 2.0, 3.0, 4.0]);
    let other = Array::new([4.0f32, 3.0, 2.0, 1.0]);
    println!("array · number:  {:6.0} ns", time(n * 50, || black_box(array.mul(1.0001)).map(drop))?);
    println!("array + array:   {:6.0} ns", time(n * 50, || black_box(array.add(&other)).map(drop))?);
    let x = Tensor::constant(array);
    println!("tensor · number: {:6.0} ns", time(n * 50, || black_box(x.mul(1.0001)).map(drop))?);
    let x = x.detach().requires_grad();
    let chain = time(n / 20, || {
        let mut y = x.clone();
        for _ in 0..100 {
            y = y.mul(1.0001)?.add(0.1)?;
        }
        y.sum()?.backward()?;
        x.zero_grad();
        Ok(())
    })?;
    println!(
        "200 recorded operations and their backward: {:.1} µs, {:.0} ns each",
        chain / 1e3,
        chain / 200.0
    );
    Ok(())
}
