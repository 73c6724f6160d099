//! Training steps: gradients to zero, forward, loss, backward, the optimizer; and one network that is only asked.

use cresset::prelude::*;

use super::{
    Outcome, Row, Run,
    networks::{CHARACTERS, CONTEXT, Gpt, Recurrent, ResNet18, digits_network, perceptron},
};
use crate::bench::numbers::{digest, fill, integers, normal};

/// What is trained: a network, what it is given, and what it should answer.
pub struct Lesson<M> {
    pub net: M,
    pub x: Tensor,
    pub y: Tensor,
}

/// How many numbers a perceptron's layers have between them.
fn products(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
}

pub fn rows() -> Vec<Row> {
    let small = 6 * 64 * products(&[64, 128, 10]);
    let big = 6 * 128 * products(&[784, 512, 512, 10]);
    let cnn = 6 * 64 * (28 * 28 * 32 * 9 + 14 * 14 * 64 * 32 * 9 + 64 * 49 * 128 + 128 * 10);
    // 1.81 G multiplications for 224 × 224 pixels are 37 M for 32 × 32.
    let resnet = 6 * 16 * 37_020_672usize;
    let lstm = 6 * 32 * 64 * (4 * 256 * (128 + 256) + 256 * CHARACTERS);
    let gpt = 6 * 16 * CONTEXT * (4 * (12 * 128 * 128 + CONTEXT * 128) + 128 * CHARACTERS);
    vec![
        training("train/mlp-64-128-10-b64-sgd", small, small_lesson, |p| Sgd::new(p, 0.01)),
        training("train/mlp-64-128-10-b64-adam", small, small_lesson, |p| Adam::new(p, 1e-3)),
        training("train/mlp-784-512-512-10-b128-adam", big, big_lesson, |p| Adam::new(p, 1e-3)),
        training("train/cnn-28x28-b64-adam", cnn, cnn_lesson, |p| Adam::new(p, 1e-3)),
        training("train/resnet18-32x32-b16-sgd", resnet, resnet_lesson, |p| Sgd::new(p, 0.01).momentum(0.9)),
        Row {
            name: "infer/resnet18-224-b1".into(),
            flops: 2.0 * 1_814_073_344.0,
            bytes: 0.0,
            make: Box::new(asked),
        },
        training("train/lstm-128-256-b32-t64-adam", lstm, lstm_lesson, |p| Adam::new(p, 1e-3)),
        training("train/gpt-d128-l4-b16-t64-adamw", gpt, gpt_lesson, |p| AdamW::new(p, 1e-3)),
    ]
}

pub fn small_lesson() -> Result<Lesson<Sequential>> {
    Ok(Lesson { net: perceptron(&[64, 128, 10]), x: normal("x", &[64, 64])?, y: integers("y", 10, &[64])? })
}

pub fn big_lesson() -> Result<Lesson<Sequential>> {
    let net = perceptron(&[784, 512, 512, 10]);
    Ok(Lesson { net, x: normal("x", &[128, 784])?, y: integers("y", 10, &[128])? })
}

pub fn cnn_lesson() -> Result<Lesson<Sequential>> {
    let (x, y) = (normal("x", &[64, 1, 28, 28])?, integers("y", 10, &[64])?);
    Ok(Lesson { net: digits_network(), x, y })
}

fn resnet_lesson() -> Result<Lesson<ResNet18>> {
    let (x, y) = (normal("x", &[16, 3, 32, 32])?, integers("y", 10, &[16])?);
    Ok(Lesson { net: ResNet18::new(10), x, y })
}

fn lstm_lesson() -> Result<Lesson<Recurrent>> {
    text(Recurrent::new(128, 256), 32, CONTEXT)
}

pub fn gpt_lesson() -> Result<Lesson<Gpt>> {
    text(Gpt::new(CONTEXT), 16, CONTEXT)
}

/// Texts, and which character follows each.
pub fn text<M>(net: M, texts: usize, length: usize) -> Result<Lesson<M>> {
    let bound = CHARACTERS as u32;
    let (x, y) = (integers("x", bound, &[texts, length])?, integers("y", bound, &[texts * length])?);
    Ok(Lesson { net, x, y })
}

/// A row of training steps.
pub fn training<M: Layer + 'static, O: Optimizer + 'static>(
    name: impl Into<String>,
    flops: usize,
    lesson: impl Fn() -> Result<Lesson<M>> + 'static,
    optimizer: fn(Vec<Tensor>) -> O,
) -> Row {
    let make = move || -> Outcome<Run> {
        let Lesson { net, x, y } = lesson()?;
        fill(&net)?;
        let mut optimizer = optimizer(net.parameters());
        let mut step = move || -> Result<Tensor> {
            optimizer.zero_grad();
            let loss = net.forward(&x)?.cross_entropy(&y)?;
            loss.backward()?;
            optimizer.step()?;
            Ok(loss)
        };
        let mut answer = Vec::new();
        for _ in 0..3 {
            answer.push(f64::from(step()?.item::<f32>()?));
        }
        let call = move || -> Outcome<()> {
            step()?;
            Ok(())
        };
        Ok(Run { answer, call: Box::new(call) })
    };
    Row { name: name.into(), flops: flops as f64, bytes: 0.0, make: Box::new(make) }
}

/// A photograph is recognised.
fn asked() -> Outcome<Run> {
    let net = ResNet18::new(1000);
    fill(&net)?;
    net.eval();
    let x = normal("x", &[1, 3, 224, 224])?;
    let answer = digest(&no_grad(|| net.forward(&x))?)?;
    let call = move || -> Outcome<()> {
        no_grad(|| net.forward(&x))?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
