//! Where the time of a training step goes: a table, and a trace for <https://ui.perfetto.dev>.
//!
//! `cargo run --release --example profile`, and with `--features wgpu` `-- --device gpu`; `--trace trace.json` writes the trace.

use cresset::prelude::*;

fn main() -> Result<()> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| options.iter().skip_while(|option| *option != name).nth(1).cloned();
    let device = device(after("--device").as_deref())?;
    manual_seed(0);
    let mut net = sequential![
        Conv2d::new(1, 16, 3).padding(1),
        BatchNorm2d::new(16),
        Gelu::new(),
        MaxPool2d::new(2),
        Flatten::new(),
        Linear::new(16 * 16, 10),
    ];
    net.to_device(device)?;
    let mut optimizer = AdamW::new(net.parameters(), 1e-3);
    let (images, labels) = (Tensor::randn([64, 1, 8, 8]), Tensor::randint(0, 10, [64]));
    let (images, labels) = (images.to_device(device)?, labels.to_device(device)?);
    let mut step = || {
        let loss = profile::range("forward", || net.forward(&images)?.cross_entropy(&labels))?;
        optimizer.zero_grad();
        loss.backward()?;
        optimizer.step()
    };
    // The first step makes plans and kernels, and finds memory.
    step()?;
    let (result, profile) = profile(|| (0..10).try_for_each(|_| step()));
    result?;
    print!("{profile}");
    match after("--trace") {
        Some(path) => profile.write_chrome_trace(path),
        None => Ok(()),
    }
}

#[cfg(feature = "wgpu")]
fn device(name: Option<&str>) -> Result<Device> {
    if name == Some("gpu") { Device::gpu(0) } else { Ok(Device::Cpu) }
}

#[cfg(not(feature = "wgpu"))]
fn device(name: Option<&str>) -> Result<Device> {
    if name != Some("gpu") {
        return Ok(Device::Cpu);
    }
    Err(Error::device("profile", "graphics cards need the feature: cargo run --release --features wgpu …"))
}
