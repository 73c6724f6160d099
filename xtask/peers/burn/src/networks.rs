//! The networks that rows train or ask.

use burn::{
    module::{Module, Param},
    nn::{
        BatchNorm, Embedding, Linear, Lstm, PaddingConfig2d,
        activation::ActivationConfig,
        attention::generate_autoregressive_mask,
        conv::Conv2d,
        pool::{MaxPool2d, MaxPool2dConfig},
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    tensor::{Device, Int, Tensor, activation::relu},
};

use crate::layers::{batch_norm, conv, embedding, in_projection, layer_norm, linear, lstm, matrix};

/// A network that classifies.
pub trait Network: Module {
    type Input: Clone;

    fn forward(&self, x: Self::Input) -> Tensor<2>;
}

#[derive(Module, Debug)]
pub struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    pub fn new(widths: &[usize], device: &Device) -> Perceptron {
        let layer = |(i, pair): (usize, &[usize])| linear(&(2 * i).to_string(), pair[0], pair[1], device);
        Perceptron { layers: widths.windows(2).enumerate().map(layer).collect() }
    }
}

impl Network for Perceptron {
    type Input = Tensor<2>;

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut x = self.layers[0].forward(x);
        for layer in &self.layers[1..] {
            x = layer.forward(relu(x));
        }
        x
    }
}

#[derive(Module, Debug)]
pub struct Digits {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    linear1: Linear,
    linear2: Linear,
}

impl Digits {
    pub fn new(device: &Device) -> Digits {
        Digits {
            conv1: conv("0", [1, 32, 3, 1], 1, true, device),
            conv2: conv("3", [32, 64, 3, 1], 1, true, device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            linear1: linear("7", 64 * 49, 128, device),
            linear2: linear("9", 128, 10, device),
        }
    }
}

impl Network for Digits {
    type Input = Tensor<4>;

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.conv1.forward(x)));
        let x = self.pool.forward(relu(self.conv2.forward(x)));
        self.linear2.forward(relu(self.linear1.forward(x.flatten(1, 3))))
    }
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    around: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    fn new(name: &str, channels: usize, planes: usize, stride: usize, device: &Device) -> Block {
        let conv = |part: &str, from: usize, window: usize, stride: usize| {
            conv(&format!("{name}.{part}"), [from, planes, window, stride], window / 2, false, device)
        };
        let norm = |part: &str| batch_norm(&format!("{name}.{part}"), planes, device);
        let changes = stride != 1 || channels != planes;
        Block {
            conv1: conv("conv1", channels, 3, stride),
            bn1: norm("bn1"),
            conv2: conv("conv2", planes, 3, 1),
            bn2: norm("bn2"),
            around: changes.then(|| (conv("downsample.0", channels, 1, stride), norm("downsample.1"))),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let around = match &self.around {
            Some((conv, norm)) => norm.forward(conv.forward(x.clone())),
            None => x.clone(),
        };
        let y = relu(self.bn1.forward(self.conv1.forward(x)));
        relu(self.bn2.forward(self.conv2.forward(y)) + around)
    }
}

#[derive(Module, Debug)]
pub struct ResNet18 {
    conv1: Conv2d,
    bn1: BatchNorm,
    pool: MaxPool2d,
    blocks: Vec<Block>,
    fc: Linear,
}

impl ResNet18 {
    pub fn new(classes: usize, device: &Device) -> ResNet18 {
        let mut blocks = Vec::new();
        let mut channels = 64;
        for (i, planes) in [64, 128, 256, 512].into_iter().enumerate() {
            let stride = if i == 0 { 1 } else { 2 };
            blocks.push(Block::new(&format!("layer{}.0", i + 1), channels, planes, stride, device));
            blocks.push(Block::new(&format!("layer{}.1", i + 1), planes, planes, 1, device));
            channels = planes;
        }
        ResNet18 {
            conv1: conv("conv1", [3, 64, 7, 2], 3, false, device),
            bn1: batch_norm("bn1", 64, device),
            pool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            blocks,
            fc: linear("fc", 512, classes, device),
        }
    }
}

impl Network for ResNet18 {
    type Input = Tensor<4>;

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let mut x = self.pool.forward(relu(self.bn1.forward(self.conv1.forward(x))));
        for block in &self.blocks {
            x = block.forward(x);
        }
        let x: Tensor<3> = x.flatten(2, 3);
        self.fc.forward(x.mean_dim(2).squeeze_dim(2))
    }
}

#[derive(Module, Debug)]
pub struct Recurrent {
    e: Embedding,
    l: Lstm,
    o: Linear,
}

impl Recurrent {
    pub fn new(device: &Device) -> Recurrent {
        Recurrent {
            e: embedding("e", 64, 128, device),
            l: lstm("l", 128, 256, device),
            o: linear("o", 256, 64, device),
        }
    }
}

impl Network for Recurrent {
    type Input = Tensor<2, Int>;

    fn forward(&self, x: Tensor<2, Int>) -> Tensor<2> {
        self.o.forward(self.l.forward(self.e.forward(x), None).0).flatten(0, 1)
    }
}

const WIDTH: usize = 128;

#[derive(Module, Debug)]
pub struct Gpt {
    e: Embedding,
    p: Param<Tensor<2>>,
    o: Linear,
    b: TransformerEncoder,
}

impl Gpt {
    pub fn new(device: &Device) -> Gpt {
        let mut encoder = TransformerEncoderConfig::new(WIDTH, 4 * WIDTH, 4, 4)
            .with_dropout(0.0)
            .with_norm_first(true)
            .with_activation(ActivationConfig::Gelu)
            .init(device);
        for (i, layer) in encoder.layers.iter_mut().enumerate() {
            let name = format!("b.layers.{i}");
            let [query, key, value] = in_projection(&format!("{name}.self_attn"), WIDTH, device);
            layer.mha.query = query;
            layer.mha.key = key;
            layer.mha.value = value;
            layer.mha.output = linear(&format!("{name}.self_attn.out_proj"), WIDTH, WIDTH, device);
            layer.pwff.linear_inner = linear(&format!("{name}.linear1"), WIDTH, 4 * WIDTH, device);
            layer.pwff.linear_outer = linear(&format!("{name}.linear2"), 4 * WIDTH, WIDTH, device);
            // Burn's second norm stands where PyTorch's first does.
            layer.norm_2 = layer_norm(&format!("{name}.norm1"), WIDTH, device);
            layer.norm_1 = layer_norm(&format!("{name}.norm2"), WIDTH, device);
        }
        Gpt {
            e: embedding("e", 64, WIDTH, device),
            p: matrix("p", [64, WIDTH], device),
            o: linear("o", WIDTH, 64, device),
            b: encoder,
        }
    }
}

impl Network for Gpt {
    type Input = Tensor<2, Int>;

    fn forward(&self, x: Tensor<2, Int>) -> Tensor<2> {
        let [texts, length] = x.dims();
        let x = self.e.forward(x) + self.p.val().unsqueeze_dim(0);
        let mask = generate_autoregressive_mask(texts, length, &x.device());
        let x = self.b.forward(TransformerEncoderInput::new(x).mask_attn(mask));
        self.o.forward(x).flatten(0, 1)
    }
}
