//! How the time of a training step grows with the batch, the width and the length.

use cresset::prelude::*;

use super::{
    Row,
    networks::{Gpt, perceptron},
    training::{Lesson, text, training},
};
use crate::bench::numbers::{integers, normal};

pub fn rows() -> Vec<Row> {
    let step = |name: String, batch: usize, width: usize| {
        let widths = [784, width, width, 10];
        let flops = 6 * batch * (784 * width + width * width + width * 10);
        let lesson = move || -> Result<Lesson<Sequential>> {
            let (x, y) = (normal("x", &[batch, 784])?, integers("y", 10, &[batch])?);
            Ok(Lesson { net: perceptron(&widths), x, y })
        };
        training(name, flops, lesson, |p| Adam::new(p, 1e-3))
    };
    let batches = [16, 64, 256, 1024].map(|n| step(format!("scale/batch/mlp-784-512-512-10-b{n}"), n, 512));
    let widths = [128, 256, 1024, 2048].map(|n| step(format!("scale/width/mlp-784-{n}-{n}-10-b128"), 128, n));
    let lengths = [16, 32, 128, 256].map(|n| {
        let flops = 6 * 16 * n * (4 * (12 * 128 * 128 + n * 128) + 128 * 64);
        let lesson = move || text(Gpt::new(n), 16, n);
        training(format!("scale/length/gpt-d128-l4-b16-t{n}"), flops, lesson, |p| AdamW::new(p, 1e-3))
    });
    batches.into_iter().chain(widths).chain(lengths).collect()
}
