//! Training steps: the same models and sizes as in other frameworks' benchmarks of this project.

use cresset::prelude::*;

use super::gpu::Bench;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One step of a training: gradients to zero, forward, loss, backward, optimizer.
pub type Step = Box<dyn FnMut() -> Outcome<()>>;

/// How many places a text has, and how wide it is in the transformer.
const CONTEXT: usize = 64;
const WIDTH: usize = 128;
const HEADS: usize = 4;
const CHARACTERS: usize = 64;

/// The rows of training.
pub fn rows(bench: &Bench<'_>) -> Outcome<()> {
    let device = bench.device;
    bench.step("train/mlp-64-128-10-b64-adam", || {
        let net = sequential![Linear::new(64, 128), Relu::new(), Linear::new(128, 10)];
        step(net, Tensor::randn([64, 64]), labels(64, 10)?, device, |net| Adam::new(net, 1e-3))
    })?;
    bench.step("train/mlp-784-512-512-10-b128-adam", || {
        let net = sequential![
            Linear::new(784, 512),
            Relu::new(),
            Linear::new(512, 512),
            Relu::new(),
            Linear::new(512, 10)
        ];
        step(net, Tensor::randn([128, 784]), labels(128, 10)?, device, |net| Adam::new(net, 1e-3))
    })?;
    bench.step("train/cnn-28x28-b64-adam", || {
        let net = sequential![
            Conv2d::new(1, 32, 3).padding(1),
            Relu::new(),
            MaxPool2d::new(2),
            Conv2d::new(32, 64, 3).padding(1),
            Relu::new(),
            MaxPool2d::new(2),
            Flatten::new(),
            Linear::new(64 * 49, 128),
            Relu::new(),
            Linear::new(128, 10)
        ];
        step(net, Tensor::randn([64, 1, 28, 28]), labels(64, 10)?, device, |net| Adam::new(net, 1e-3))
    })?;
    bench.step("train/gpt-d128-l4-b16-t64-adamw", || {
        let x = labels(16 * CONTEXT, CHARACTERS)?.reshape([16, CONTEXT])?;
        step(Gpt::new(), x, labels(16 * CONTEXT, CHARACTERS)?, device, |net| AdamW::new(net, 1e-3))
    })?;
    Ok(())
}

fn labels(n: usize, classes: usize) -> Outcome<Tensor> {
    Ok(Tensor::randint_with(0, classes as i64, [n], ())?)
}

/// A step of a model that classifies.
fn step<M: Layer + 'static, O: Optimizer + 'static>(
    mut net: M,
    x: Tensor,
    y: Tensor,
    device: Device,
    optimizer: impl FnOnce(Vec<Tensor>) -> O,
) -> Outcome<Step> {
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

#[derive(Module)]
struct CausalAttention {
    qkv: Linear,
    out: Linear,
}

impl Layer for CausalAttention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [batch, length] = [x.shape()[0], x.shape()[1]];
        let qkv = self.qkv.forward(x)?.reshape([batch, length, 3, HEADS, WIDTH / HEADS])?;
        let qkv = qkv.permute([2, 0, 3, 1, 4])?.unbind(0)?;
        let causal = AttentionOptions { is_causal: true, ..AttentionOptions::default() };
        let y = qkv[0].scaled_dot_product_attention_with(&qkv[1], &qkv[2], causal)?;
        self.out.forward(&y.transpose(1, 2)?.reshape([batch, length, WIDTH])?)
    }
}

#[derive(Module)]
struct Block {
    norm1: LayerNorm,
    attention: CausalAttention,
    norm2: LayerNorm,
    feed: Sequential,
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.add(&self.attention.forward(&self.norm1.forward(x)?)?)?;
        x.add(&self.feed.forward(&self.norm2.forward(&x)?)?)
    }
}

#[derive(Module)]
struct Gpt {
    characters: Embedding,
    places: Parameter,
    blocks: Vec<Block>,
    head: Linear,
}

impl Gpt {
    fn new() -> Gpt {
        let block = || Block {
            norm1: LayerNorm::new(WIDTH),
            attention: CausalAttention { qkv: Linear::new(WIDTH, 3 * WIDTH), out: Linear::new(WIDTH, WIDTH) },
            norm2: LayerNorm::new(WIDTH),
            feed: sequential![Linear::new(WIDTH, 4 * WIDTH), Gelu::new(), Linear::new(4 * WIDTH, WIDTH)],
        };
        Gpt {
            characters: Embedding::new(CHARACTERS, WIDTH),
            places: Parameter::new(Tensor::zeros([CONTEXT, WIDTH])),
            blocks: (0..4).map(|_| block()).collect(),
            head: Linear::new(WIDTH, CHARACTERS),
        }
    }
}

impl Layer for Gpt {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.characters.forward(x)?.add(&self.places)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        self.head.forward(&x)?.flatten(0..=1)
    }
}
