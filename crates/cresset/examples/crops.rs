//! How many apples and oranges grow in a region, by its weather: linear regression three ways.
//!
//! `cargo run --release --example crops`

#[path = "stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::Command;

/// Temperature (°F), rainfall (mm) and humidity (%) of a region, and its apples and oranges (tons per hectare).
const REGIONS: [([f32; 3], [f32; 2]); 15] = [
    ([73.0, 67.0, 43.0], [56.0, 70.0]),
    ([91.0, 88.0, 64.0], [81.0, 101.0]),
    ([87.0, 134.0, 58.0], [119.0, 133.0]),
    ([102.0, 43.0, 37.0], [22.0, 37.0]),
    ([69.0, 96.0, 70.0], [103.0, 119.0]),
    ([74.0, 66.0, 42.0], [55.0, 69.0]),
    ([90.0, 89.0, 65.0], [82.0, 102.0]),
    ([88.0, 132.0, 59.0], [118.0, 132.0]),
    ([101.0, 44.0, 36.0], [23.0, 38.0]),
    ([68.0, 97.0, 71.0], [104.0, 120.0]),
    ([72.0, 68.0, 44.0], [57.0, 71.0]),
    ([92.0, 87.0, 63.0], [80.0, 100.0]),
    ([86.0, 135.0, 57.0], [120.0, 134.0]),
    ([103.0, 42.0, 38.0], [21.0, 36.0]),
    ([70.0, 95.0, 69.0], [102.0, 118.0]),
];

fn main() -> Result<()> {
    let about = "Apples and oranges by temperature, rainfall and humidity: linear regression three ways.";
    let options = Command::new("crops", about, 500).brief().parse();
    let inputs = Tensor::new(REGIONS.map(|(weather, _)| weather)).to_device(options.device)?;
    let targets = Tensor::new(REGIONS.map(|(_, crops)| crops)).to_device(options.device)?;

    manual_seed(options.seed);
    println!("1. By hand: y = x·wᵀ + b");
    report(&by_hand(&inputs, &targets, options.epochs)?, &targets)?;

    manual_seed(options.seed);
    println!("\n2. With Linear, Sgd and DataLoader");
    report(&with_a_layer(&inputs, &targets, options.epochs)?, &targets)?;

    manual_seed(options.seed);
    println!("\n3. With a hidden layer");
    report(&with_a_hidden_layer(&inputs, &targets, options.epochs)?, &targets)
}

/// Weights, their gradients, and a step against them.
fn by_hand(inputs: &Tensor, targets: &Tensor, epochs: usize) -> Result<Tensor> {
    let w = Tensor::randn([2, 3]).to_device(inputs.device())?.requires_grad();
    let b = Tensor::randn([2]).to_device(inputs.device())?.requires_grad();
    let model = || inputs.matmul(&w.t()?)?.add(&b);
    for epoch in 0..epochs {
        let loss = (model()? - targets).square()?.mean()?;
        say(epoch, epochs, &loss)?;
        loss.backward()?;
        no_grad(|| {
            w.sub_(&(w.grad()? * 1e-5))?;
            b.sub_(&(b.grad()? * 1e-5))?;
            Ok(())
        })?;
        w.zero_grad();
        b.zero_grad();
    }
    no_grad(model)
}

/// The same with what comes with Cresset, in batches of five regions.
fn with_a_layer(inputs: &Tensor, targets: &Tensor, epochs: usize) -> Result<Tensor> {
    let data = TensorDataset::new((inputs.clone(), targets.clone()))?;
    let loader = DataLoader::new(data).batch_size(5).shuffle(true);
    let mut model = Linear::new(3, 2);
    model.to_device(inputs.device())?;
    let mut optimizer = Sgd::new(model.parameters(), 1e-5);
    for epoch in 0..epochs {
        say(epoch, epochs, &no_grad(|| model.forward(inputs)?.mse_loss(targets))?)?;
        for batch in loader.epoch(epoch) {
            let (inputs, targets) = batch?;
            let loss = model.forward(&inputs)?.mse_loss(&targets)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
        }
    }
    no_grad(|| model.forward(inputs))
}

/// A hidden layer can bend the lines. It learns faster from inputs around zero, of about the same size.
fn with_a_hidden_layer(inputs: &Tensor, targets: &Tensor, epochs: usize) -> Result<Tensor> {
    let (std, mean) = inputs.std_mean(0, 1, true)?;
    let inputs = &inputs.sub(&mean)?.div(&std)?;
    let data = TensorDataset::new((inputs.clone(), targets.clone()))?;
    let loader = DataLoader::new(data).batch_size(5).shuffle(true);
    let mut model = sequential![Linear::new(3, 16), Relu::new(), Linear::new(16, 2)];
    model.to_device(inputs.device())?;
    let mut optimizer = Sgd::new(model.parameters(), 1e-3).momentum(0.9);
    for epoch in 0..epochs {
        say(epoch, epochs, &no_grad(|| model.forward(inputs)?.mse_loss(targets))?)?;
        for batch in loader.epoch(epoch) {
            let (inputs, targets) = batch?;
            let loss = model.forward(&inputs)?.mse_loss(&targets)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
        }
    }
    no_grad(|| model.forward(inputs))
}

/// Says the loss five times in a training.
fn say(epoch: usize, epochs: usize, loss: &Tensor) -> Result<()> {
    if epoch.is_multiple_of((epochs / 5).max(1)) {
        println!("   epoch {epoch:4}: loss {:10.3}", loss.item::<f32>()?);
    }
    Ok(())
}

/// The last loss, and the predictions for the first regions beside the targets.
fn report(predictions: &Tensor, targets: &Tensor) -> Result<()> {
    println!("   at the end: loss {:10.3}", predictions.mse_loss(targets)?.item::<f32>()?);
    println!("   apples  oranges   predicted");
    let (predictions, targets) = (predictions.to_vec::<f32>()?, targets.to_vec::<f32>()?);
    for (predicted, target) in predictions.chunks(2).zip(targets.chunks(2)).take(5) {
        println!("   {:6.0}  {:7.0}   {:6.1} {:6.1}", target[0], target[1], predicted[0], predicted[1]);
    }
    Ok(())
}
