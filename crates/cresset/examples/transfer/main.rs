//! What was learned from one task helps with another: a network that knows the digits 0 to 4 learns 5 to 9 from a few.
//!
//! `cargo run --release --example transfer`

#[path = "../stage/mod.rs"]
mod stage;

use std::ops::Range;

use cresset::prelude::*;
use stage::{Command, Progress};

/// So many images of each new digit are shown.
const FEW: usize = 5;

/// Convolutions that say what is in an image, and a linear layer that says which digit it is.
#[derive(Module)]
struct Net {
    backbone: Sequential,
    head: Linear,
}

impl Net {
    fn new() -> Net {
        Net {
            backbone: sequential![
                Conv2d::new(1, 32, 3).padding(1),
                BatchNorm2d::new(32),
                Relu::new(),
                Conv2d::new(32, 64, 3).padding(1),
                BatchNorm2d::new(64),
                Relu::new(),
                MaxPool2d::new(2),
                Flatten::new(),
            ],
            head: Linear::new(64 * 4 * 4, 5),
        }
    }
}

impl Layer for Net {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.backbone.forward(images)?)
    }
}

type Digits = TensorDataset<(Tensor, Tensor)>;

/// Images of some digits, at most so many of each; the first of them is class 0.
fn only(images: &LabelledImages, digits: Range<i64>, most: usize) -> Result<Digits> {
    let labels = images.labels()?.to_vec::<i64>()?;
    let mut chosen = Vec::new();
    for digit in digits.clone() {
        chosen.extend((0..labels.len()).filter(|&i| labels[i] == digit).take(most).map(|i| i as i64));
    }
    let chosen = Tensor::new(chosen);
    TensorDataset::new((
        images.images()?.index_select(0, &chosen)?,
        images.labels()?.index_select(0, &chosen)?.sub(digits.start)?,
    ))
}

fn main() -> Result<()> {
    let about = "A network that knows the digits 0 to 4 learns 5 to 9 from a few images of each.";
    let options = Command::new("transfer", about, 10)
        .reads("--backbone FILE", "begin with this checkpoint instead of learning 0 to 4")
        .brief()
        .parse();
    manual_seed(options.seed);
    let [train, test] = digits()?.split([0.8, 0.2], 0)?;
    let (old, old_test) = (only(&train, 0..5, usize::MAX)?, only(&test, 0..5, usize::MAX)?);
    let (new, new_test) = (only(&train, 5..10, FEW)?, only(&test, 5..10, usize::MAX)?);

    // A checkpoint of a network that knows 0 to 4.
    let path = match options.input.clone() {
        Some(path) => path,
        None => {
            let mut net = Net::new();
            net.to_device(options.device)?;
            let right =
                learn("0 to 4", &net, net.parameters(), &old, &old_test, options.epochs, options.device)?;
            println!("learned 0 to 4 from {} images: {right:.1} % of new ones right\n", old.len());
            let path = options.file("backbone.safetensors");
            save_safetensors(&path, &net.state_dict())?;
            path
        }
    };

    // Its backbone stays as it is, the head is a new one: that alone is trained.
    let mut net = Net::new();
    net.load_state_dict(&load_safetensors(&path)?)?;
    net.head = Linear::new(64 * 4 * 4, 5);
    net.to_device(options.device)?;
    net.backbone.freeze()?;
    let trained = net.head.num_parameters();
    println!("{} of {} parameters are trained", trained, net.num_parameters());
    let epochs = 10 * options.epochs;
    let tuned = learn("5 to 9", &net, net.head.parameters(), &new, &new_test, epochs, options.device)?;

    // The same few images without what was learned before.
    let mut net = Net::new();
    net.to_device(options.device)?;
    let alone = learn("from scratch", &net, net.parameters(), &new, &new_test, epochs, options.device)?;

    println!("\nright on {} new images of 5 to 9, after {} of them:", new_test.len(), new.len());
    println!("  with the backbone of 0 to 4  {tuned:5.1} %\n  from scratch                 {alone:5.1} %");
    Ok(())
}

/// Trains some of a network's parameters; returns how many of a hundred of other images are right.
fn learn(
    title: &str,
    net: &Net,
    parameters: Vec<Tensor>,
    digits: &Digits,
    others: &Digits,
    epochs: usize,
    device: Device,
) -> Result<f64> {
    let loader = DataLoader::new(digits.clone()).batch_size(32).shuffle(true).device(device);
    let mut optimizer = AdamW::new(parameters, 1e-3);
    let mut progress = Progress::new(format!("{title:12}"), epochs);
    let mut last = 0.0;
    for epoch in 0..epochs {
        net.train();
        // What is frozen is not to change its running statistics either.
        if !net.backbone.parameters().iter().any(Tensor::needs_grad) {
            net.backbone.eval();
        }
        for batch in loader.epoch(epoch) {
            let (images, labels) = batch?;
            let loss = net.forward(&images)?.cross_entropy(&labels)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
            last = f64::from(loss.item::<f32>()?);
        }
        progress.step(&format!("loss {last:.4}"));
    }
    net.eval();
    let (images, labels) = others.tensors();
    let answers = no_grad(|| net.forward(&images.to_device(device)?))?.argmax_dim(1, false)?;
    let right = answers.eq(&labels.to_device(device)?)?.to_dtype(DType::F32)?.mean()?.item::<f32>()?;
    let right = 100.0 * f64::from(right);
    progress.end(&format!("loss {last:.4}  on new images {right:5.1} %"));
    Ok(right)
}
