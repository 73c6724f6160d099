//! The networks that rows train or ask.

use candle_core::{D, Result, Tensor};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, Embedding, LSTM, LSTMConfig, Linear, Module, ModuleT, RNN, VarBuilder,
    batch_norm, conv2d, conv2d_no_bias, embedding, linear, lstm,
    ops::{layer_norm_slow, softmax},
};

use crate::rows::causal;

/// What is trained: whether in training or not, some input has an output.
pub trait Network {
    fn forward(&self, x: &Tensor) -> Result<Tensor>;
}

pub struct Perceptron(Vec<Linear>);

impl Perceptron {
    pub fn new(widths: &[usize], vb: VarBuilder) -> Result<Perceptron> {
        let layer = |(i, pair): (usize, &[usize])| linear(pair[0], pair[1], vb.pp((2 * i).to_string()));
        Ok(Perceptron(widths.windows(2).enumerate().map(layer).collect::<Result<_>>()?))
    }
}

impl Network for Perceptron {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.0[0].forward(x)?;
        for layer in &self.0[1..] {
            x = layer.forward(&x.relu()?)?;
        }
        Ok(x)
    }
}

pub struct Digits(Conv2d, Conv2d, Linear, Linear);

impl Digits {
    pub fn new(vb: VarBuilder) -> Result<Digits> {
        let config = Conv2dConfig { padding: 1, ..Default::default() };
        Ok(Digits(
            conv2d(1, 32, 3, config, vb.pp("0"))?,
            conv2d(32, 64, 3, config, vb.pp("3"))?,
            linear(64 * 49, 128, vb.pp("7"))?,
            linear(128, 10, vb.pp("9"))?,
        ))
    }
}

impl Network for Digits {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.0.forward(x)?.relu()?.max_pool2d(2)?;
        let x = self.1.forward(&x)?.relu()?.max_pool2d(2)?;
        self.3.forward(&self.2.forward(&x.flatten_from(1)?)?.relu()?)
    }
}

struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
}

fn conv(channels: usize, planes: usize, kernel: usize, stride: usize, vb: VarBuilder) -> Result<Conv2d> {
    let config = Conv2dConfig { padding: kernel / 2, stride, ..Default::default() };
    conv2d_no_bias(channels, planes, kernel, config, vb)
}

impl Block {
    fn new(channels: usize, planes: usize, stride: usize, vb: VarBuilder) -> Result<Block> {
        let around = |vb: VarBuilder| -> Result<_> {
            Ok((conv(channels, planes, 1, stride, vb.pp("0"))?, batch_norm(planes, 1e-5, vb.pp("1"))?))
        };
        let changes = stride != 1 || channels != planes;
        Ok(Block {
            conv1: conv(channels, planes, 3, stride, vb.pp("conv1"))?,
            bn1: batch_norm(planes, 1e-5, vb.pp("bn1"))?,
            conv2: conv(planes, planes, 3, 1, vb.pp("conv2"))?,
            bn2: batch_norm(planes, 1e-5, vb.pp("bn2"))?,
            downsample: if changes { Some(around(vb.pp("downsample"))?) } else { None },
        })
    }

    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let y = self.bn1.forward_t(&self.conv1.forward(x)?, train)?.relu()?;
        let y = self.bn2.forward_t(&self.conv2.forward(&y)?, train)?;
        match &self.downsample {
            Some((conv, norm)) => (y + norm.forward_t(&conv.forward(x)?, train)?)?.relu(),
            None => (y + x)?.relu(),
        }
    }
}

pub struct ResNet18 {
    conv1: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    fc: Linear,
    train: bool,
}

impl ResNet18 {
    pub fn new(classes: usize, train: bool, vb: VarBuilder) -> Result<ResNet18> {
        let conv1 = Conv2dConfig { padding: 3, stride: 2, ..Default::default() };
        let mut blocks = Vec::new();
        let mut channels = 64;
        for (i, planes) in [64, 128, 256, 512].into_iter().enumerate() {
            let vb = vb.pp(format!("layer{}", i + 1));
            blocks.push(Block::new(channels, planes, if i == 0 { 1 } else { 2 }, vb.pp("0"))?);
            blocks.push(Block::new(planes, planes, 1, vb.pp("1"))?);
            channels = planes;
        }
        Ok(ResNet18 {
            conv1: conv2d_no_bias(3, 64, 7, conv1, vb.pp("conv1"))?,
            bn1: batch_norm(64, 1e-5, vb.pp("bn1"))?,
            blocks,
            fc: linear(512, classes, vb.pp("fc"))?,
            train,
        })
    }
}

/// The greatest of three neighbours, of every second place. Candle's pooling has no derivative where windows overlap. What
/// comes in is not negative, so that it may be padded with zeros.
fn greatest(x: &Tensor, dim: usize) -> Result<Tensor> {
    let size = x.dim(dim)?;
    let x = x.pad_with_zeros(dim, 1, 1)?;
    let every_second = |start: usize| -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        shape[dim] = size / 2;
        shape.insert(dim + 1, 2);
        x.narrow(dim, start, size)?.contiguous()?.reshape(shape)?.narrow(dim + 1, 0, 1)?.squeeze(dim + 1)
    };
    every_second(0)?.maximum(&every_second(1)?)?.maximum(&every_second(2)?)
}

impl Network for ResNet18 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.bn1.forward_t(&self.conv1.forward(x)?, self.train)?.relu()?;
        let mut x = if self.train {
            greatest(&greatest(&x, 2)?, 3)?
        } else {
            x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?.max_pool2d_with_stride(3, 2)?
        };
        for block in &self.blocks {
            x = block.forward(&x, self.train)?;
        }
        self.fc.forward(&x.mean((2, 3))?)
    }
}

pub struct Recurrent {
    e: Embedding,
    l: LSTM,
    o: Linear,
}

impl Recurrent {
    pub fn new(vb: VarBuilder) -> Result<Recurrent> {
        Ok(Recurrent {
            e: embedding(64, 128, vb.pp("e"))?,
            l: lstm(128, 256, LSTMConfig::default(), vb.pp("l"))?,
            o: linear(256, 64, vb.pp("o"))?,
        })
    }
}

impl Network for Recurrent {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let states = self.l.seq(&self.e.forward(x)?)?;
        self.o.forward(&self.l.states_to_tensor(&states)?)?.flatten_to(1)
    }
}

struct Layer {
    norms: [(Tensor, Tensor); 2],
    input: Linear,
    output: Linear,
    linear1: Linear,
    linear2: Linear,
}

const WIDTH: usize = 128;
const HEADS: usize = 4;

impl Layer {
    fn new(vb: VarBuilder) -> Result<Layer> {
        let norm = |vb: VarBuilder| -> Result<_> { Ok((vb.get(WIDTH, "weight")?, vb.get(WIDTH, "bias")?)) };
        let attention = vb.pp("self_attn");
        let weight = attention.get((3 * WIDTH, WIDTH), "in_proj_weight")?;
        Ok(Layer {
            norms: [norm(vb.pp("norm1"))?, norm(vb.pp("norm2"))?],
            input: Linear::new(weight, Some(attention.get(3 * WIDTH, "in_proj_bias")?)),
            output: linear(WIDTH, WIDTH, attention.pp("out_proj"))?,
            linear1: linear(WIDTH, 4 * WIDTH, vb.pp("linear1"))?,
            linear2: linear(4 * WIDTH, WIDTH, vb.pp("linear2"))?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let norm = |i: usize, x: &Tensor| layer_norm_slow(x, &self.norms[i].0, &self.norms[i].1, 1e-5);
        let (texts, length, _) = x.dims3()?;
        let all = self.input.forward(&norm(0, x)?)?.reshape((texts, length, 3, HEADS, WIDTH / HEADS))?;
        let part = |i: usize| all.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
        let q = (part(0)? * (1.0 / ((WIDTH / HEADS) as f64).sqrt()))?;
        let products = q.matmul(&part(1)?.t()?)?.broadcast_add(mask)?;
        let y = softmax(&products, D::Minus1)?.matmul(&part(2)?)?;
        let y = y.transpose(1, 2)?.reshape((texts, length, WIDTH))?;
        let x = (x + self.output.forward(&y)?)?;
        let y = self.linear2.forward(&self.linear1.forward(&norm(1, &x)?)?.gelu_erf()?)?;
        x + y
    }
}

pub struct Gpt {
    e: Embedding,
    p: Tensor,
    o: Linear,
    mask: Tensor,
    layers: Vec<Layer>,
}

impl Gpt {
    pub fn new(vb: VarBuilder) -> Result<Gpt> {
        Ok(Gpt {
            e: embedding(64, WIDTH, vb.pp("e"))?,
            p: vb.get((64, WIDTH), "p")?,
            o: linear(WIDTH, 64, vb.pp("o"))?,
            mask: causal(64)?,
            layers: (0..4).map(|i| Layer::new(vb.pp(format!("b.layers.{i}")))).collect::<Result<_>>()?,
        })
    }
}

impl Network for Gpt {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.e.forward(x)?.broadcast_add(&self.p)?;
        for layer in &self.layers {
            x = layer.forward(&x, &self.mask)?;
        }
        self.o.forward(&x)?.flatten_to(1)
    }
}
