//! Convolutions of PyTorch's benchmark and of its networks: the output, and both gradients apart. And what stands between
//! them in small networks: pools, and the gradient of ReLU.
//!
//! `cargo run --release -p cresset-ops --example convolutions [PREFIX]`

use std::{hint::black_box, time::Instant};

use cresset_ops::{
    Op, Shape,
    op::{Combine, Convolution, List, Role},
    prelude::*,
};

/// The median and the shortest of some repeats, in microseconds, and billions of operations in a second.
fn row(name: &str, work: f64, mut f: impl FnMut() -> Result<Array>) -> Result<()> {
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
    let median = times[times.len() / 2];
    println!("{name:34} {median:9.1} {:9.1} {:9.1}", times[0], work / median * 1e-3);
    Ok(())
}

/// Images, channels, sides, output channels, kernel, stride, padding, groups.
const SHAPES: &[[usize; 8]] = &[
    [32, 3, 32, 64, 3, 1, 1, 1],
    [32, 64, 32, 64, 3, 1, 1, 1],
    [32, 128, 16, 128, 3, 1, 1, 1],
    [8, 64, 56, 64, 1, 1, 0, 1],
    [8, 64, 56, 128, 3, 2, 1, 1],
    // The small network's,
    [64, 1, 28, 32, 3, 1, 1, 1],
    [64, 32, 14, 64, 3, 1, 1, 1],
    // those of the residual one on small images,
    [16, 3, 32, 64, 7, 2, 3, 1],
    [16, 64, 8, 64, 3, 1, 1, 1],
    [16, 64, 8, 128, 3, 2, 1, 1],
    [16, 64, 8, 128, 1, 2, 0, 1],
    [16, 128, 4, 128, 3, 1, 1, 1],
    [16, 128, 4, 256, 3, 2, 1, 1],
    [16, 256, 2, 256, 3, 1, 1, 1],
    [16, 256, 2, 512, 3, 2, 1, 1],
    [16, 512, 1, 512, 3, 1, 1, 1],
    // and on a large one.
    [1, 3, 224, 64, 7, 2, 3, 1],
    [1, 64, 56, 64, 3, 1, 1, 1],
    [1, 64, 56, 128, 3, 2, 1, 1],
    [1, 64, 56, 128, 1, 2, 0, 1],
    [1, 128, 28, 128, 3, 1, 1, 1],
    [1, 128, 28, 256, 3, 2, 1, 1],
    [1, 256, 14, 256, 3, 1, 1, 1],
    [1, 256, 14, 512, 3, 2, 1, 1],
    [1, 512, 7, 512, 3, 1, 1, 1],
    // A group for every channel.
    [8, 64, 56, 64, 3, 1, 1, 64],
    [8, 64, 56, 64, 3, 2, 1, 64],
];

fn main() -> Result<()> {
    println!("{:34} {:>9} {:>9} {:>9}", "", "median", "best  µs", "GFLOP/s");
    for &[images, channels, side, outputs, kernel, stride, padding, groups] in SHAPES {
        let name = format!("{images}x{channels}x{side}-{outputs}k{kernel}s{stride}g{groups}");
        let own = channels / groups;
        let x = Array::randn([images, channels, side, side]);
        let w = Array::randn([outputs, own, kernel, kernel]);
        let out = (side + 2 * padding - kernel) / stride + 1;
        let y = Array::randn([images, outputs, out, out]);
        let one = Array::new(1.0f32).expand([images, outputs, out, out])?;
        let work = 2.0 * (images * outputs * out * out * own * kernel * kernel) as f64;
        let list = |n: usize| List::from_elem(n, 2);
        let product = |role, output: usize, a: &Array, b: &Array| {
            let convolution = Convolution {
                role,
                stride: list(stride),
                padding: list(padding),
                dilation: list(1),
                groups,
                output: list(output),
            };
            Array::apply_one(Op::Convolve(Box::new(convolution)), &[a, b])
        };
        row(&format!("{name}/output"), work, || product(Role::Output, out, &x, &w))?;
        row(&format!("{name}/input"), work, || product(Role::Input, side, &w, &y))?;
        row(&format!("{name}/weight"), work, || product(Role::Weight, kernel, &x, &y))?;
        row(&format!("{name}/input-of-ones"), work, || product(Role::Input, side, &w, &one))?;
        row(&format!("{name}/weight-of-ones"), work, || product(Role::Weight, kernel, &x, &one))?;
    }
    for (channels, side) in [(32, 28), (64, 14)] {
        let x = Array::randn([64, channels, side, side]);
        let name = format!("64x{channels}x{side}");
        let half = side / 2;
        let (y, places) = x.max_pool2d_with_indices(2, &Default::default())?;
        row(&format!("{name}-pool2/output"), 0.0, || {
            Ok(x.max_pool2d_with_indices(2, &Default::default())?.0)
        })?;
        let flat: Shape = Shape::from_slice(&[64, channels, half * half]);
        let (dy, places) = (y.reshape(flat.to_vec())?, places.reshape(flat.to_vec())?);
        row(&format!("{name}-pool2/input"), 0.0, || {
            let blank = Array::zeros([64, channels, side * side]);
            Array::apply_one(Op::Scatter { dim: 2, combine: Combine::Add }, &[&blank, &places, &dy])
        })?;
        row(&format!("{name}-relu/output"), 0.0, || x.relu())?;
        row(&format!("{name}-relu/input"), 0.0, || Array::map2(&x, &x, |x, y| select(x.gt(0.0), y, 0.0)))?;
    }
    Ok(())
}
