//! Two networks against each other: one draws digits, the other tells drawn ones from written ones.
//!
//! `cargo run --release --example gan`

#[path = "../stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::{Command, Curve, Progress, picture};

/// What the generator makes a digit of: so many random numbers.
const NOISE: usize = 32;

/// From noise to an image: a linear layer, and two transposed convolutions that double its sides.
#[derive(Module)]
struct Generator {
    start: Linear,
    norm1: BatchNorm2d,
    up1: ConvTranspose2d,
    norm2: BatchNorm2d,
    up2: ConvTranspose2d,
}

impl Generator {
    fn new() -> Generator {
        Generator {
            start: Linear::new(NOISE, 128 * 2 * 2),
            norm1: BatchNorm2d::new(128),
            up1: ConvTranspose2d::new(128, 64, 4).stride(2).padding(1),
            norm2: BatchNorm2d::new(64),
            up2: ConvTranspose2d::new(64, 1, 4).stride(2).padding(1),
        }
    }
}

impl Layer for Generator {
    fn forward(&self, noise: &Tensor) -> Result<Tensor> {
        let x = self.start.forward(noise)?.reshape([-1, 128, 2, 2])?;
        let x = self.up1.forward(&self.norm1.forward(&x)?.relu()?)?;
        self.up2.forward(&self.norm2.forward(&x)?.relu()?)?.sigmoid()
    }
}

/// From an image to one number: how much it looks as if written by hand.
#[derive(Module)]
struct Discriminator {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    dropout: Dropout,
    head: Linear,
}

impl Discriminator {
    fn new() -> Discriminator {
        Discriminator {
            conv1: Conv2d::new(1, 32, 3).padding(1),
            conv2: Conv2d::new(32, 64, 4).stride(2).padding(1),
            conv3: Conv2d::new(64, 128, 4).stride(2).padding(1),
            dropout: Dropout::new(0.3),
            head: Linear::new(128 * 2 * 2, 1),
        }
    }
}

impl Layer for Discriminator {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.clone();
        for conv in [&self.conv1, &self.conv2, &self.conv3] {
            x = self.dropout.forward(&conv.forward(&x)?.leaky_relu(0.2)?)?;
        }
        self.head.forward(&x.flatten(1..)?)
    }
}

fn main() -> Result<()> {
    let about = "A network learns to draw digits, from another that learns to tell them from written ones.";
    let options = Command::new("gan", about, 60).parse();
    manual_seed(options.seed);

    let mut loader = DataLoader::new(digits()?)
        .batch_size(64)
        .shuffle(true)
        .drop_last(true)
        .seed(options.seed)
        .device(options.device);
    let (mut generator, mut discriminator) = (Generator::new(), Discriminator::new());
    generator.to_device(options.device)?;
    discriminator.to_device(options.device)?;
    println!("{generator:?}\n{discriminator:?}\n");
    let mut draws = Adam::new(generator.parameters(), 1e-3).betas(0.5, 0.999);
    let mut judges = Adam::new(discriminator.parameters(), 5e-4).betas(0.5, 0.999);
    // The same noise for every picture, so that one can see digits take shape.
    let mut noise = Tensor::randn([64, NOISE]).to_device(options.device)?;
    let saved = options.file("training.safetensors");
    if options.resume {
        let state = load_checkpoint(&saved)?;
        generator.load_state_dict(&state.get("generator")?.clone().try_into()?)?;
        discriminator.load_state_dict(&state.get("discriminator")?.clone().try_into()?)?;
        draws.load_state_dict(state.get("draws")?)?;
        judges.load_state_dict(state.get("judges")?)?;
        loader.load_state_dict(state.get("loader")?)?;
        noise = Tensor::from(state.get("noise")?.array()?.clone()).to_device(options.device)?;
        set_rng_state(state.get("random")?.try_into()?);
        println!("going on after epoch {}", loader.position().0);
    }

    let mut curve = Curve::new("Drawing digits");
    for epoch in loader.position().0..options.epochs {
        generator.train();
        let mut progress = Progress::new(format!("epoch {:2}", epoch + 1), loader.len()?);
        let (mut judged, mut drawn, mut seen) = (0.0, 0.0, 0.0);
        for batch in loader.epoch(epoch) {
            let (written, _) = batch?;
            let images = generator.forward(&noise.randn_like()?)?;

            // The discriminator: written digits are real (but never be too sure of it), drawn ones are not.
            let real = discriminator.forward(&written)?;
            let fake = discriminator.forward(&images.detach())?;
            let loss = real.binary_cross_entropy_with_logits(&real.full_like(0.9)?)?
                + fake.binary_cross_entropy_with_logits(&fake.zeros_like()?)?;
            judges.zero_grad();
            loss.backward()?;
            judges.step()?;
            judged += f64::from(loss.item::<f32>()?);

            // The generator: what it draws is to be taken for real.
            let fake = discriminator.forward(&images)?;
            let loss = fake.binary_cross_entropy_with_logits(&fake.ones_like()?)?;
            draws.zero_grad();
            loss.backward()?;
            draws.step()?;
            drawn += f64::from(loss.item::<f32>()?);

            seen += 1.0;
            progress.step(&format!(
                "loss of the judge {:.3}  of the drawer {:.3}",
                judged / seen,
                drawn / seen
            ));
        }
        let path = options.file(&format!("digits-{:02}.png", epoch + 1));
        save_image(&enlarged(&generator, &noise)?, &path)?;
        progress.end(&format!("loss of the judge {:.3}  of the drawer {:.3}", judged / seen, drawn / seen));
        curve.left("loss of the judge", judged / seen);
        curve.left("loss of the drawer", drawn / seen);
        save_checkpoint(
            &saved,
            &State::map([
                ("generator", generator.state_dict().into()),
                ("discriminator", discriminator.state_dict().into()),
                ("draws", draws.state_dict()),
                ("judges", judges.state_dict()),
                ("loader", loader.state_dict()),
                ("noise", noise.array().clone().into()),
                ("random", get_rng_state().into()),
            ]),
        )?;
    }

    generator.eval();
    let images = no_grad(|| generator.forward(&noise.narrow(0, 0, 6)?))?;
    println!("\nsix of its digits:\n{}", picture::images(&images, &[])?);
    curve.save(options.file("curve.svg"))?;
    println!("\nwritten: {}, one for each epoch", options.file("digits-….png").display());
    Ok(())
}

/// What the generator draws of this noise, each pixel as four by four.
fn enlarged(generator: &Generator, noise: &Tensor) -> Result<Tensor> {
    generator.eval();
    let images = no_grad(|| generator.forward(noise))?;
    images.interpolate(&InterpolateOptions::scale(4.0, Interpolation::Nearest))
}
