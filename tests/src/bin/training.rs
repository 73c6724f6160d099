//! A small training that saves itself after every step and goes on where it stood: what `tests/killed.rs` kills.
//!
//! `training FOLDER` ends with `FOLDER/end.safetensors`.

use std::path::Path;

use cresset::prelude::*;

#[derive(Module)]
struct Net {
    conv: Conv2d,
    norm: BatchNorm2d,
    dropout: Dropout,
    head: Linear,
}

impl Layer for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.norm.forward(&self.conv.forward(x)?)?.relu()?;
        self.head.forward(&self.dropout.forward(&x.flatten(1..)?)?)
    }
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| Error::argument("training", "needs a folder"))?;
    let (saved, end) =
        (Path::new(&folder).join("training.safetensors"), Path::new(&folder).join("end.safetensors"));
    manual_seed(1);
    let data = digits()?.split([0.1, 0.9], 0)?[0].clone();
    // A step that reads pixels at random: what an item is depends on the epoch.
    let data = data.map(|(image, label), random| {
        let noise = cresset::data::draw::normal(random, 0.0, 0.1);
        Ok((image.add(noise)?, label))
    });
    let mut loader = DataLoader::new(data).batch_size(16).shuffle(true).workers(2).seed(3);
    let net = Net {
        conv: Conv2d::new(1, 4, 3).padding(1),
        norm: BatchNorm2d::new(4),
        dropout: Dropout::new(0.5),
        head: Linear::new(4 * 64, 10),
    };
    let mut optimizer = AdamW::new(net.parameters(), 1e-3);
    let mut schedule = CosineAnnealingLR::new(60).on(&mut optimizer)?;
    if saved.exists() {
        let state = load_checkpoint(&saved)?;
        net.load_state_dict(&state.get("net")?.clone().try_into()?)?;
        optimizer.load_state_dict(state.get("optimizer")?)?;
        schedule.load_state_dict(state.get("schedule")?)?;
        loader.load_state_dict(state.get("loader")?)?;
        set_rng_state(state.get("random")?.try_into()?);
    }
    let state =
        |net: &Net, optimizer: &AdamW, schedule: &LRScheduler, loader: &DataLoader<(Tensor, Tensor)>| {
            State::map([
                ("net", net.state_dict().into()),
                ("optimizer", optimizer.state_dict()),
                ("schedule", schedule.state_dict()),
                ("loader", loader.state_dict()),
                ("random", get_rng_state().into()),
            ])
        };
    for epoch in loader.position().0..4 {
        for batch in loader.epoch(epoch) {
            let (images, labels) = batch?;
            let loss = net.forward(&images)?.cross_entropy(&labels)?;
            optimizer.zero_grad();
            loss.backward()?;
            optimizer.step()?;
            schedule.step(&mut optimizer)?;
            save_checkpoint(&saved, &state(&net, &optimizer, &schedule, &loader))?;
        }
    }
    save_checkpoint(&end, &state(&net, &optimizer, &schedule, &loader))
}
