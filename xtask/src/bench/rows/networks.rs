//! The networks that rows train or ask. Parameters have PyTorch's names, by which their first numbers are found.

use cresset::prelude::*;

/// How many different characters a text has, and how many of them are looked at.
pub const CHARACTERS: usize = 64;
pub const CONTEXT: usize = 64;
const WIDTH: usize = 128;

/// Linear maps with relu between them.
pub fn perceptron(widths: &[usize]) -> Sequential {
    let mut layers = Sequential::new();
    for (i, pair) in widths.windows(2).enumerate() {
        if i > 0 {
            layers.push(Relu::new());
        }
        layers.push(Linear::new(pair[0], pair[1]));
    }
    layers
}

/// Two convolutions and two linear maps, for pictures of handwritten digits.
pub fn digits_network() -> Sequential {
    sequential![
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
    ]
}

#[derive(Module)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Option<Sequential>,
}

impl BasicBlock {
    fn new(channels: usize, planes: usize, stride: usize) -> BasicBlock {
        let conv = |channels, kernel, stride, padding| {
            Conv2d::new(channels, planes, kernel).stride(stride).padding(padding).bias(false)
        };
        let changes = stride != 1 || channels != planes;
        BasicBlock {
            conv1: conv(channels, 3, stride, 1),
            bn1: BatchNorm2d::new(planes),
            conv2: conv(planes, 3, 1, 1),
            bn2: BatchNorm2d::new(planes),
            downsample: changes.then(|| sequential![conv(channels, 1, stride, 0), BatchNorm2d::new(planes)]),
        }
    }
}

impl Layer for BasicBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let around = match &self.downsample {
            Some(downsample) => downsample.forward(x)?,
            None => x.clone(),
        };
        let y = self.bn1.forward(&self.conv1.forward(x)?)?.relu()?;
        self.bn2.forward(&self.conv2.forward(&y)?)?.add(&around)?.relu()
    }
}

/// torchvision's `resnet18`.
#[derive(Module)]
pub struct ResNet18 {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    maxpool: MaxPool2d,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
    fc: Linear,
}

impl ResNet18 {
    pub fn new(classes: usize) -> ResNet18 {
        let stage = |channels: usize, planes: usize, stride: usize| {
            vec![BasicBlock::new(channels, planes, stride), BasicBlock::new(planes, planes, 1)]
        };
        ResNet18 {
            conv1: Conv2d::new(3, 64, 7).stride(2).padding(3).bias(false),
            bn1: BatchNorm2d::new(64),
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            layer1: stage(64, 64, 1),
            layer2: stage(64, 128, 2),
            layer3: stage(128, 256, 2),
            layer4: stage(256, 512, 2),
            fc: Linear::new(512, classes),
        }
    }
}

impl Layer for ResNet18 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.maxpool.forward(&self.bn1.forward(&self.conv1.forward(x)?)?.relu()?)?;
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten() {
            x = block.forward(&x)?;
        }
        self.fc.forward(&x.mean_dim([2, 3], false)?)
    }
}

/// Characters, an LSTM over them, and what comes next.
#[derive(Module)]
pub struct Recurrent {
    e: Embedding,
    l: Lstm,
    o: Linear,
}

impl Recurrent {
    pub fn new(width: usize, hidden: usize) -> Recurrent {
        Recurrent {
            e: Embedding::new(CHARACTERS, width),
            l: Lstm::new(width, hidden).batch_first(true),
            o: Linear::new(hidden, CHARACTERS),
        }
    }
}

impl Layer for Recurrent {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.o.forward(&self.l.forward(&self.e.forward(x)?)?.0)?.flatten(0..=1)
    }
}

/// Characters and their places, four layers of a transformer that look back, and what comes next.
#[derive(Module)]
pub struct Gpt {
    e: Embedding,
    p: Parameter,
    o: Linear,
    b: TransformerEncoder,
}

impl Gpt {
    pub fn new(length: usize) -> Gpt {
        let layer = || {
            TransformerEncoderLayer::new(WIDTH, 4)
                .dim_feedforward(4 * WIDTH)
                .dropout(0.0)
                .activation(TransformerActivation::Gelu)
                .batch_first(true)
                .norm_first(true)
        };
        Gpt {
            e: Embedding::new(CHARACTERS, WIDTH),
            p: Parameter::new(Tensor::zeros([length, WIDTH])),
            o: Linear::new(WIDTH, CHARACTERS),
            b: TransformerEncoder::new(layer, 4),
        }
    }
}

impl Layer for Gpt {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let causal = EncoderMasks { is_causal: Some(true), ..EncoderMasks::default() };
        let x = self.e.forward(x)?.add(&self.p)?;
        self.o.forward(&self.b.forward_with(&x, causal)?)?.flatten(0..=1)
    }
}
