//! Throwaway timing.
use cresset_ops::prelude::*;
use std::time::Instant;
fn time(name: &str, mut f: impl FnMut()) {
    let mut best = f64::MAX;
    let start = Instant::now();
    let mut n = 0;
    f();
    while n < 15 || (start.elapsed().as_secs_f64() < 0.25 && n < 3000) {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
        n += 1;
    }
    println!("{name}\t{:.1}", best * 1e6);
}
fn data(n: usize) -> Vec<f32> {
    let mut s = 12345u64;
    (0..n)
        .map(|_| {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((s >> 40) as f32 / (1 << 24) as f32 - 0.5) * 8.0
        })
        .collect()
}
fn main() -> Result<()> {
    let only = std::env::args().nth(1).unwrap_or_default();
    let x = Array::from_vec(data(4096 * 1024), [4096, 1024])?;
    let narrow = x.reshape([65536, 64])?;
    let three = x.reshape([1 << 20, 4])?;
    let wide = x.to_dtype(DType::F64)?;
    let whole = x.mul(1000.0)?.to_dtype(DType::I64)?;
    let half = x.to_dtype(DType::F16)?;
    let line = Array::from_vec(data(1 << 20), [1 << 20])?;
    let line64 = line.to_dtype(DType::F64)?;
    let int = line.mul(1e6)?.to_dtype(DType::I64)?;
    let index = Array::from_vec(
        data(1 << 20)
            .iter()
            .map(|v| (((v + 4.0) / 8.0 * 1048575.0) as i64).clamp(0, (1 << 20) - 1))
            .collect::<Vec<i64>>(),
        [1 << 20],
    )?;
    let rows = Array::from_vec(
        data(8192).iter().map(|v| (((v + 4.0) / 8.0 * 4095.0) as i64).clamp(0, 4095)).collect::<Vec<i64>>(),
        [8192],
    )?;
    let table = x.clone();
    let taken = table.index_select(0, &rows)?;
    let small = Array::from_vec(data(256), [256])?;
    let a = Array::from_vec(data(512 * 512), [512, 512])?;
    let b = Array::from_vec(data(512 * 512), [512, 512])?;
    let target2 = table.index_select(1, &index.narrow(0, 0, 1024)?.remainder(1024)?)?;
    let index2 = index.remainder(1024)?.reshape([1024, 1024])?;
    let source2 = line.reshape([1024, 1024])?;
    let _ = target2;
    macro_rules! bench { ($($name:literal => $e:expr;)*) => { $( if $name.contains(only.as_str()) { let mut f = || -> Result<()> { let _kept = $e?; Ok(()) }; time($name, || f().unwrap()); } )* } }
    bench! {
        "sum all" => x.sum();
        "sum 0" => x.sum_dim(0, false);
        "sum 1" => x.sum_dim(1, false);
        "sum narrow 1" => narrow.sum_dim(1, false);
        "sum three 1" => three.sum_dim(1, false);
        "sum three 0" => three.sum_dim(0, false);
        "sum 256" => small.sum();
        "max all" => x.amax(.., false);
        "max 0" => x.amax(0, false);
        "max 1" => x.amax(1, false);
        "max narrow 1" => narrow.amax(1, false);
        "argmax all" => x.argmax();
        "argmax 0" => x.argmax_dim(0, false);
        "argmax 1" => x.argmax_dim(1, false);
        "argmax narrow 1" => narrow.argmax_dim(1, false);
        "prod 1" => x.prod_dim(1, false);
        "any f32" => x.any();
        "all f32 1" => x.all_dim(1, false);
        "var 1" => x.var_dim(1, 1, false);
        "sum f64 all" => wide.sum();
        "sum f64 0" => wide.sum_dim(0, false);
        "sum f64 1" => wide.sum_dim(1, false);
        "max f64 1" => wide.amax(1, false);
        "sum i64 1" => whole.sum_dim(1, false);
        "max i64 1" => whole.amax(1, false);
        "sum f16 1" => half.sum_dim(1, false);
        "count bool" => x.gt(0.0)?.sum();
        "softmax 1" => x.softmax(1);
        "softmax 0" => x.softmax(0);
        "log_softmax 1" => x.log_softmax(1);
        "softmax f64 1" => wide.softmax(1);
        "index_select 1M" => line.index_select(0, &index);
        "index_select rows" => table.index_select(0, &rows);
        "gather 1M" => line.gather(0, &index);
        "gather dim1" => source2.gather(1, &index2);
        "scatter_add 1M" => line.scatter_add(0, &index, &line);
        "scatter_add dim1" => source2.scatter_add(1, &index2, &source2);
        "scatter_add dim0" => source2.scatter_add(0, &index2, &source2);
        "index_add 1M" => line.index_add(0, &index, &line, 1.0);
        "index_add rows" => table.index_add(0, &rows, &taken, 1.0);
        "index_copy rows" => table.index_copy(0, &rows, &taken);
        "sort f32 1M" => line.sort(0, false);
        "sort i64 1M" => int.sort(0, false);
        "sort f32 rows" => x.sort(1, false);
        "topk rows" => x.topk(10, 1, true);
        "median 1" => x.median_dim(1, false);
        "unique i64" => int.unique();
        "cumsum 1M" => line.cumsum(0);
        "cumsum 1" => x.cumsum(1);
        "cumsum 0" => x.cumsum(0);
        "cummax 1" => x.cummax(1);
        "cumsum i64" => int.cumsum(0);
        "add f32" => x.add(&x);
        "mul f64" => wide.mul(&wide);
        "exp f32" => x.exp();
        "tanh f32" => x.tanh();
        "gelu f32" => x.map(|x| 0.5 * x * (1.0 + (x * 0.70710678).erf()));
        "exp f64" => line64.exp();
        "tanh f64" => line64.tanh();
        "log f64" => line64.abs()?.log();
        "lgamma f32" => line.lgamma();
        "pow f32" => line.abs()?.pow(1.7);
        "fmod f32" => line.fmod(0.7);
        "add 256" => small.add(&small);
        "matmul 512" => a.matmul(&b);
        "randn" => Array::randn([1 << 20]).sin();
        "nonzero" => x.gt(0.0)?.nonzero();
        "max_pool" => x.reshape([16, 16, 128, 128])?.max_pool2d(2);
        "conv2d" => x.narrow(0, 0, 1024)?.reshape([16, 64, 32, 32])?.conv2d(&a.narrow(0, 0, 72)?.reshape([64, 64, 3, 3])?, None);
    }
    Ok(())
}
