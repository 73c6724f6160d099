//! Training steps on a card: networks and sizes are those of the processor's rows.

use cresset::prelude::*;

use super::{
    Outcome,
    gpu::Bench,
    rows::training::{Lesson, big_lesson, cnn_lesson, gpt_lesson, small_lesson},
};

/// One step of a training: gradients to zero, forward, loss, backward, optimizer.
pub type Step = Box<dyn FnMut() -> Outcome<()>>;

/// The rows of training.
pub fn rows(bench: &Bench<'_>) -> Outcome<()> {
    let device = bench.device;
    bench.step("train/mlp-64-128-10-b64-adam", || step(small_lesson()?, device, |p| Adam::new(p, 1e-3)))?;
    bench
        .step("train/mlp-784-512-512-10-b128-adam", || step(big_lesson()?, device, |p| Adam::new(p, 1e-3)))?;
    bench.step("train/cnn-28x28-b64-adam", || step(cnn_lesson()?, device, |p| Adam::new(p, 1e-3)))?;
    bench.step("train/gpt-d128-l4-b16-t64-adamw", || step(gpt_lesson()?, device, |p| AdamW::new(p, 1e-3)))
}

/// A step of a model that classifies.
fn step<M: Layer + 'static, O: Optimizer + 'static>(
    lesson: Lesson<M>,
    device: Device,
    optimizer: impl FnOnce(Vec<Tensor>) -> O,
) -> Outcome<Step> {
    let Lesson { mut net, x, y } = lesson;
    net.to_device(device)?;
    let (x, y) = (x.to_device(device)?, y.to_device(device)?);
    let mut optimizer = optimizer(net.parameters());
    Ok(Box::new(move || {
        optimizer.zero_grad();
        net.forward(&x)?.cross_entropy(&y)?.backward()?;
        optimizer.step()?;
        Ok(())
    }))
}
