//! Elementwise functions of four million numbers, and sums of them.

use cresset::prelude::*;

use super::{Row, forward};
use crate::bench::numbers::normal;

const N: usize = 1 << 22;

pub fn rows() -> Vec<Row> {
    type Call = fn(&Tensor, &Tensor) -> Result<Tensor>;
    // Each with how many arrays are read and written.
    let list: [(&str, usize, Call); 7] = [
        ("add", 3, |x, y| x.add(y)),
        ("exp", 2, |x, _| x.exp()),
        ("tanh", 2, |x, _| x.tanh()),
        ("gelu", 2, |x, _| x.gelu()),
        ("sum", 1, |x, _| x.sum()),
        ("chain", 3, |x, y| Tensor::map2(x, y, |x, y| ((x * y + 1.5).maximum(0.0) * x - y).sigmoid())),
        ("mse", 2, |x, y| x.mse_loss(y)),
    ];
    list.into_iter()
        .map(|(name, arrays, call)| {
            forward(format!("map/{name}-4m"), 0.0, (4 * arrays * N) as f64, move || {
                let (x, y) = (normal("x", &[N])?, normal("y", &[N])?);
                Ok(move || call(&x, &y))
            })
        })
        .collect()
}
