//! A convolutional network learns handwritten digits, in a few seconds.
//!
//! `cargo run --release --example digits`

#[path = "../stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::{Command, Curve, Progress, picture};

/// Two convolutions, each with norm and rectifier, then two linear layers.
#[derive(Module)]
struct Net {
    conv1: Conv2d,
    norm1: BatchNorm2d,
    conv2: Conv2d,
    norm2: BatchNorm2d,
    dropout: Dropout,
    hidden: Linear,
    head: Linear,
}

impl Net {
    fn new() -> Net {
        Net {
            conv1: Conv2d::new(1, 32, 3).padding(1),
            norm1: BatchNorm2d::new(32),
            conv2: Conv2d::new(32, 64, 3).padding(1),
            norm2: BatchNorm2d::new(64),
            dropout: Dropout::new(0.3),
            hidden: Linear::new(64 * 4 * 4, 128),
            head: Linear::new(128, 10),
        }
    }
}

impl Layer for Net {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let x = self.norm1.forward(&self.conv1.forward(images)?)?.relu()?;
        let x = self.norm2.forward(&self.conv2.forward(&x)?)?.relu()?;
        let x = self.dropout.forward(&x.max_pool2d(2)?.flatten(1..)?)?;
        self.head.forward(&self.dropout.forward(&self.hidden.forward(&x)?.relu()?)?)
    }
}

/// Moves an image by up to a pixel, so that the network does not learn places by heart.
struct Jitter;

impl Transform for Jitter {
    fn apply(&self, image: &Tensor, random: &mut Generator) -> Result<Tensor> {
        let padded = image.pad([1, 1, 1, 1], PadMode::Constant(0.0.into()))?;
        let [top, left] = [(); 2].map(|()| cresset::data::draw::integer(random, 3) as i64);
        padded.narrow(1, top, 8)?.narrow(2, left, 8)
    }
}

fn main() -> Result<()> {
    let about = "A convolutional network learns the handwritten digits that come with Cresset.";
    let options = Command::new("digits", about, 25).parse();
    manual_seed(options.seed);

    let [train, test] = digits()?.split([0.8, 0.2], 0)?;
    let (test_images, test_labels) =
        (test.images()?.to_device(options.device)?, test.labels()?.to_device(options.device)?);
    println!("{} digits to learn from, {} to be asked about", train.len(), test.len());
    let mut loader = DataLoader::new(train.transform(Jitter))
        .batch_size(32)
        .shuffle(true)
        .drop_last(true)
        .seed(options.seed)
        .device(options.device);

    let mut net = Net::new();
    net.to_device(options.device)?;
    println!("{net:?}\n{} parameters\n", net.num_parameters());
    let mut optimizer = AdamW::new(net.parameters(), 1e-3).weight_decay(0.05);
    let steps = (options.epochs * loader.len()?) as u64;
    let mut schedule = OneCycleLR::new(3e-3, steps.max(1)).on(&mut optimizer)?;
    let saved = options.file("training.safetensors");
    if options.resume {
        let state = load_checkpoint(&saved)?;
        net.load_state_dict(&state.get("net")?.clone().try_into()?)?;
        optimizer.load_state_dict(state.get("optimizer")?)?;
        schedule.load_state_dict(state.get("schedule")?)?;
        loader.load_state_dict(state.get("loader")?)?;
        set_rng_state(state.get("random")?.try_into()?);
        println!("going on after epoch {}", loader.position().0);
    }

    // Nobody writes so clearly that a network should be certain.
    let criterion = CrossEntropyLoss::new().label_smoothing(0.1);
    let mut curve = Curve::new("Learning digits");
    for epoch in loader.position().0..options.epochs {
        net.train();
        let mut progress = Progress::new(format!("epoch {:2}", epoch + 1), loader.len()?);
        let (mut sum, mut right, mut seen) = (0.0, 0.0, 0.0);
        for batch in loader.epoch(epoch) {
            let (images, labels) = batch?;
            let scores = net.forward(&images)?;
            let loss = criterion.forward(&scores, &labels)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
            schedule.step(&mut optimizer)?;
            seen += 1.0;
            sum += f64::from(loss.item::<f32>()?);
            right += accuracy(&scores, &labels)?;
            progress.step(&format!("loss {:.4}  accuracy {:5.1} %", sum / seen, right / seen));
        }
        let (_, asked) = ask(&net, &test_images, &test_labels)?;
        progress.end(&format!(
            "loss {:.4}  accuracy {:5.1} %  on new digits {asked:5.1} %",
            sum / seen,
            right / seen
        ));
        curve.left("loss", sum / seen);
        curve.right("accuracy on new digits in %", asked);
        save_checkpoint(
            &saved,
            &State::map([
                ("net", net.state_dict().into()),
                ("optimizer", optimizer.state_dict()),
                ("schedule", schedule.state_dict()),
                ("loader", loader.state_dict()),
                ("random", get_rng_state().into()),
            ]),
        )?;
    }

    // A network of its own, from the file.
    let path = options.file("digits.safetensors");
    save_safetensors(&path, &net.state_dict())?;
    let mut loaded = Net::new();
    loaded.to_device(options.device)?;
    loaded.load_state_dict(&load_safetensors(&path)?)?;
    let (answers, asked) = ask(&loaded, &test_images, &test_labels)?;
    let (labels, answers) = (test_labels.to_vec::<i64>()?, answers.to_vec::<i64>()?);
    println!("\naccuracy on {} new digits: {asked:.2} %\n", labels.len());
    println!(
        "what each digit (rows) was taken for (columns):\n{}",
        picture::confusion(&labels, &answers, 10)
    );

    let wrong: Vec<i64> =
        (0..labels.len()).filter(|&i| labels[i] != answers[i]).map(|i| i as i64).take(4).collect();
    if !wrong.is_empty() {
        let titles: Vec<String> = wrong
            .iter()
            .map(|&i| format!("{}, taken for {}", labels[i as usize], answers[i as usize]))
            .collect();
        println!(
            "\nsome mistakes:\n{}",
            picture::images(&test.images()?.index_select(0, &Tensor::new(wrong))?, &titles)?
        );
    }
    curve.save(options.file("curve.svg"))?;
    println!("\nwritten: {} and {}", path.display(), options.file("curve.svg").display());
    Ok(())
}

/// How many of a hundred are right.
fn accuracy(scores: &Tensor, labels: &Tensor) -> Result<f64> {
    let right = scores.argmax_dim(1, false)?.eq(labels)?;
    Ok(100.0 * f64::from(right.to_dtype(DType::F32)?.mean()?.item::<f32>()?))
}

/// The network's answers, and how many of a hundred are right.
fn ask(net: &Net, images: &Tensor, labels: &Tensor) -> Result<(Tensor, f64)> {
    net.eval();
    let scores = no_grad(|| net.forward(images))?;
    Ok((scores.argmax_dim(1, false)?, accuracy(&scores, labels)?))
}
