//! Products of matrices.

use cresset::prelude::*;

use super::{Row, forward};
use crate::bench::numbers::normal;

pub fn rows() -> Vec<Row> {
    let product = |name: String, batch: Option<usize>, n: usize| {
        let count = batch.unwrap_or(1) as f64 * (n * n) as f64;
        forward(name, 2.0 * count * n as f64, 12.0 * count, move || {
            let shape: Vec<usize> = batch.into_iter().chain([n, n]).collect();
            let (x, y) = (normal("x", &shape)?, normal("y", &shape)?);
            Ok(move || x.matmul(&y))
        })
    };
    let square = [64, 256, 512, 1024, 2048].map(|n| product(format!("matmul/{n}"), None, n));
    square.into_iter().chain([product("matmul/batched-64x128".into(), Some(64), 128)]).collect()
}
