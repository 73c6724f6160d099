//! Logistic regression tells handwritten digits apart: one linear map, and the softmax of what it gives.
//!
//! `cargo run --release --example logistic`

#[path = "stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::{Command, Progress, picture};

fn main() -> Result<()> {
    let about = "Logistic regression on the handwritten digits that come with Cresset.";
    let options = Command::new("logistic", about, 30).brief().parse();
    manual_seed(options.seed);

    let [train, test] = digits()?.split([0.8, 0.2], 0)?;
    let (test_images, test_labels) =
        (test.images()?.flatten(1..)?.to_device(options.device)?, test.labels()?.to_device(options.device)?);
    let loader =
        DataLoader::new(train).batch_size(32).shuffle(true).seed(options.seed).device(options.device);

    // A weight for each pixel and digit.
    let mut model = Linear::new(64, 10);
    model.to_device(options.device)?;
    let mut optimizer = Sgd::new(model.parameters(), 0.1).momentum(0.9).weight_decay(1e-4);
    for epoch in 0..options.epochs {
        let mut progress = Progress::new(format!("epoch {:2}", epoch + 1), loader.len()?);
        let (mut sum, mut seen) = (0.0, 0.0);
        for batch in loader.epoch(epoch) {
            let (images, labels) = batch?;
            let loss = model.forward(&images.flatten(1..)?)?.cross_entropy(&labels)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
            sum += f64::from(loss.item::<f32>()?);
            seen += 1.0;
            progress.step(&format!("loss {:.4}", sum / seen));
        }
        let answers = no_grad(|| model.forward(&test_images))?.argmax_dim(1, false)?;
        let right = answers.eq(&test_labels)?.to_dtype(DType::F32)?.mean()?.item::<f32>()?;
        progress.end(&format!("loss {:.4}  on new digits {:5.1} %", sum / seen, 100.0 * right));
    }

    // What it looks for: bright where ink speaks for the digit, dark where it speaks against it.
    let weights = model.weight.reshape([10, 1, 8, 8])?.detach().to_device(Device::Cpu)?;
    let (low, high) = (weights.amin([1, 2, 3], true)?, weights.amax([1, 2, 3], true)?);
    let pictures = (&weights - &low) / (&high - &low);
    println!("\nthe weights of each digit:");
    for first in [0, 5] {
        let titles: Vec<String> = (first..first + 5).map(|digit| digit.to_string()).collect();
        println!("{}\n", picture::images(&pictures.narrow(0, first, 5)?, &titles)?);
    }
    let path = options.file("logistic.safetensors");
    save_safetensors(&path, &model.state_dict())?;
    println!("written: {}", path.display());
    Ok(())
}
