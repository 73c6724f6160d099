//! The rows of PyTorch's benchmark that are bound by memory and single numbers: formulas, reductions, moves, sorts.
//!
//! `cargo run --release -p cresset-ops --example rows [PREFIX]`

use std::{hint::black_box, time::Instant};

use cresset_ops::prelude::*;

/// The median and the shortest of some repeats, in microseconds.
fn row(name: &str, mut f: impl FnMut() -> Result<Array>) -> Result<()> {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    if !name.starts_with(&prefix) {
        return Ok(());
    }
    black_box(f()?);
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 7 || begin.elapsed().as_millis() < 300 {
        let start = Instant::now();
        black_box(f()?);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:28} {:9.1} {:9.1}", times[times.len() / 2], times[0]);
    Ok(())
}

fn main() -> Result<()> {
    println!("{:28} {:>9} {:>9}  µs", "", "median", "best");
    let (x, y) = (Array::randn([1 << 22]), Array::randn([1 << 22]));
    row("map/add-4m", || x.add(&y))?;
    row("map/exp-4m", || x.exp())?;
    row("map/tanh-4m", || x.tanh())?;
    row("map/gelu-4m", || x.gelu())?;
    // Six primitives, one more than gelu's.
    row("map/six-4m", || x.map(|x| (x * 0.5 + 1.0) * (x - 0.25).tanh() * x))?;
    row("map/sum-4m", || x.sum())?;
    row("map/chain-4m", || Array::map2(&x, &y, |x, y| ((x * y + 1.5).maximum(0.0) * x - y).sigmoid()))?;
    row("map/chain-steps-4m", || x.mul(&y)?.add(1.5)?.relu()?.mul(&x)?.sub(&y)?.sigmoid())?;
    row("map/mse-4m", || x.mse_loss(&y))?;
    row("map/sigmoid-4m", || x.sigmoid())?;
    row("map/log-4m", || x.log())?;
    row("map/sin-4m", || x.sin())?;
    row("map/erf-4m", || x.erf())?;
    row("map/pow-4m", || x.pow(1.7))?;
    row("map/mul-constant-4m", || x.mul(1.5))?;
    let m = Array::randn([2048, 2048]);
    row("reduce/softmax-2048", || m.softmax(-1))?;
    row("reduce/layer_norm-2048", || m.layer_norm(&[2048], None, None, 1e-5))?;
    row("reduce/sum-rows-2048", || m.sum_dim(0, false))?;
    row("reduce/argmax-2048", || m.argmax_dim(-1, false))?;
    row("move/transpose-2048", || m.t()?.contiguous())?;
    let table = Array::randn([20000, 64]);
    let index = Array::randint(0, 20000, [16384]);
    row("move/gather-rows-1m", || table.index_select(0, &index))?;
    let s = Array::randn([1 << 20]);
    row("sort/1m", || s.sort(-1, false).map(|(values, _)| values))?;
    Ok(())
}
