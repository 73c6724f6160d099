//! A residual network learns digits enlarged to 32×32 pixels, or the photographs of CIFAR-10.
//!
//! `cargo run --release --example resnet`, or `… -- --data cifar-10-batches-bin`

#[path = "../stage/mod.rs"]
mod stage;

use cresset::{data::transform::*, prelude::*};
use stage::{Command, Curve, Options, Progress};

/// Two convolutions, and a way around them: what they compute is added to what came in. Names are torchvision's.
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
        let conv =
            |channels, kernel, stride| Conv2d::new(channels, planes, kernel).stride(stride).bias(false);
        // Where the shape changes, the way around has to change it as well.
        let changes = stride != 1 || channels != planes;
        BasicBlock {
            conv1: conv(channels, 3, stride).padding(1),
            bn1: BatchNorm2d::new(planes),
            conv2: conv(planes, 3, 1).padding(1),
            bn2: BatchNorm2d::new(planes),
            downsample: changes.then(|| sequential![conv(channels, 1, stride), BatchNorm2d::new(planes)]),
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

/// A convolution, three stages of blocks, each of which halves the picture and doubles the channels, and a linear layer.
#[derive(Module)]
struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    fc: Linear,
}

impl ResNet {
    fn new(channels: usize, width: usize, blocks: usize, classes: usize) -> ResNet {
        let stage = |channels: usize, planes: usize, stride: usize| -> Vec<BasicBlock> {
            let first = |i| if i == 0 { (channels, stride) } else { (planes, 1) };
            (0..blocks)
                .map(first)
                .map(|(channels, stride)| BasicBlock::new(channels, planes, stride))
                .collect()
        };
        ResNet {
            conv1: Conv2d::new(channels, width, 3).padding(1).bias(false),
            bn1: BatchNorm2d::new(width),
            layer1: stage(width, width, 1),
            layer2: stage(width, 2 * width, 2),
            layer3: stage(2 * width, 4 * width, 2),
            fc: Linear::new(4 * width, classes),
        }
    }
}

impl Layer for ResNet {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = self.bn1.forward(&self.conv1.forward(images)?)?.relu()?;
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = block.forward(&x)?;
        }
        self.fc.forward(&x.mean_dim([2, 3], false)?)
    }
}

/// Images to learn from and to be asked about, each with what is done to them, and the network for them.
fn start(options: &Options) -> Result<(Loader, Loader, ResNet)> {
    match &options.input {
        None => {
            let [train, test] = digits()?.split([0.8, 0.2], 0)?;
            let normalize = || Normalize::new([0.3], [0.35]);
            let plain = Compose::new().then(Resize::new(32)).then(normalize());
            // A digit that is turned or moved a little is the same digit; its mirror image is not.
            let changed = Compose::new()
                .then(Resize::new(32))
                .then(RandomRotation::new(10.0))
                .then(RandomCrop::new([32, 32]).padding(3))
                .then(normalize());
            Ok((loader(train, changed, options), loader(test, plain, options), ResNet::new(1, 16, 1, 10)))
        }
        Some(folder) => {
            let (train, test) = (cifar10(folder, true)?, cifar10(folder, false)?);
            let normalize = || Normalize::new([0.491, 0.482, 0.447], [0.247, 0.243, 0.262]);
            let plain = Compose::new().then(normalize());
            let changed = Compose::new()
                .then(RandomHorizontalFlip::new(0.5))
                .then(RandomCrop::new([32, 32]).padding(4))
                .then(normalize());
            Ok((loader(train, changed, options), loader(test, plain, options), ResNet::new(3, 16, 3, 10)))
        }
    }
}

type Loader = DataLoader<(Tensor, Tensor)>;

fn loader(images: LabelledImages, transform: Compose, options: &Options) -> Loader {
    // The worker makes the next batches while this thread learns from one.
    DataLoader::new(images.transform(transform))
        .batch_size(64)
        .seed(options.seed)
        .workers(1)
        .device(options.device)
}

fn main() -> Result<()> {
    let about = "A residual network learns digits enlarged to 32×32 pixels, or the photographs of CIFAR-10.";
    let options = Command::new("resnet", about, 20)
        .reads("--data FOLDER", "learn CIFAR-10, whose binary files (data_batch_1.bin …) are there")
        .parse();
    manual_seed(options.seed);

    let (train, test, mut net) = start(&options)?;
    let mut train = train.shuffle(true).drop_last(true);
    net.to_device(options.device)?;
    println!("{net:?}\n{} parameters\n", net.num_parameters());
    let mut optimizer = Sgd::new(net.parameters(), 0.1).momentum(0.9).nesterov(true).weight_decay(5e-4);
    let steps = (options.epochs * train.len()?) as u64;
    let mut schedule = OneCycleLR::new(0.1, steps.max(1)).on(&mut optimizer)?;
    let saved = options.file("training.safetensors");
    if options.resume {
        let state = load_checkpoint(&saved)?;
        net.load_state_dict(&state.get("net")?.clone().try_into()?)?;
        optimizer.load_state_dict(state.get("optimizer")?)?;
        schedule.load_state_dict(state.get("schedule")?)?;
        train.load_state_dict(state.get("loader")?)?;
        println!("going on after epoch {}", train.position().0);
    }

    let mut curve = Curve::new("A residual network");
    for epoch in train.position().0..options.epochs {
        net.train();
        let mut progress = Progress::new(format!("epoch {:2}", epoch + 1), train.len()?);
        let (mut sum, mut seen) = (0.0, 0.0);
        for batch in train.epoch(epoch) {
            let (images, labels) = batch?;
            let loss = net.forward(&images)?.cross_entropy(&labels)?;
            optimizer.zero_grad();
            loss.backward()?;
            let norm = clip_grad_norm_(net.parameters(), 2.0)?;
            optimizer.step()?;
            schedule.step(&mut optimizer)?;
            sum += f64::from(loss.item::<f32>()?);
            seen += 1.0;
            progress.step(&format!(
                "loss {:.4}  gradient {norm:5.2}  rate {:.4}",
                sum / seen,
                optimizer.lr(0)?
            ));
        }
        let asked = ask(&net, &test)?;
        progress.end(&format!("loss {:.4}  accuracy on new images {asked:5.2} %", sum / seen));
        curve.left("loss", sum / seen);
        curve.right("accuracy on new images in %", asked);
        save_checkpoint(
            &saved,
            &State::map([
                ("net", net.state_dict().into()),
                ("optimizer", optimizer.state_dict()),
                ("schedule", schedule.state_dict()),
                ("loader", train.state_dict()),
            ]),
        )?;
    }

    let path = options.file("resnet.safetensors");
    save_safetensors(&path, &net.state_dict())?;
    curve.save(options.file("curve.svg"))?;
    println!("\nwritten: {} and {}", path.display(), options.file("curve.svg").display());
    Ok(())
}

/// How many of a hundred it knows.
fn ask(net: &ResNet, images: &Loader) -> Result<f64> {
    net.eval();
    let (mut right, mut seen) = (0, 0);
    for batch in images.epoch(0) {
        let (images, labels) = batch?;
        let answers = no_grad(|| net.forward(&images))?.argmax_dim(1, false)?;
        right += answers.eq(&labels)?.sum()?.item::<i64>()?;
        seen += labels.numel();
    }
    Ok(100.0 * right as f64 / seen.max(1) as f64)
}
