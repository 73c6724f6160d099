//! Training steps, and the network that is only asked.

use burn::{
    nn::loss::CrossEntropyLossConfig,
    optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig, momentum::MomentumConfig},
    tensor::{Device, Int, Tensor},
};

use crate::{
    networks::{Digits, Gpt, Network, Perceptron, Recurrent, ResNet18},
    protocol::{Outcome, Prepared, Run},
    rows::{cpu, digest, integers, normal},
};

pub fn prepare(name: &str) -> Prepared {
    let device = &cpu().autodiff();
    let adam = || AdamConfig::new().with_epsilon(1e-8).init();
    let pictures = |n| integers("y", 10, [n], device);
    let characters =
        |texts| (integers("x", 64, [texts, 64], device), integers("y", 64, [texts * 64], device));
    let small = |optimizer, rate| {
        let x = normal("x", [64, 64]).autodiff();
        training(Perceptron::new(&[64, 128, 10], device), x, pictures(64), optimizer, rate)
    };
    Some(match name {
        "train/mlp-64-128-10-b64-sgd" => small(SgdConfig::new().init(), 0.01),
        "train/mlp-64-128-10-b64-adam" => small(adam(), 1e-3),
        "train/mlp-784-512-512-10-b128-adam" => {
            let x = normal("x", [128, 784]).autodiff();
            training(Perceptron::new(&[784, 512, 512, 10], device), x, pictures(128), adam(), 1e-3)
        }
        "train/cnn-28x28-b64-adam" => {
            let x = normal("x", [64, 1, 28, 28]).autodiff();
            training(Digits::new(device), x, pictures(64), adam(), 1e-3)
        }
        "train/resnet18-32x32-b16-sgd" => {
            let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
            let x = normal("x", [16, 3, 32, 32]).autodiff();
            let optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
            training(ResNet18::new(10, device), x, pictures(16), optimizer, 0.01)
        }
        "train/lstm-128-256-b32-t64-adam" => {
            let (x, y) = characters(32);
            training(Recurrent::new(device), x, y, adam(), 1e-3)
        }
        "train/gpt-d128-l4-b16-t64-adamw" => {
            let (x, y) = characters(16);
            let optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init();
            training(Gpt::new(device), x, y, optimizer, 1e-3)
        }
        "infer/resnet18-224-b1" => asked(&cpu()),
        _ => return None,
    })
}

fn training<N: Network + 'static>(
    net: N,
    x: N::Input,
    y: Tensor<1, Int>,
    mut optimizer: ModuleOptimizer,
    rate: f64,
) -> Outcome<Run>
where
    N::Input: 'static,
{
    let loss = CrossEntropyLossConfig::new().init(&y.device());
    let mut net = Some(net);
    let mut step = move || -> Outcome<Tensor<1>> {
        // Burn's optimizer takes the network and gives another.
        let taken = net.take().ok_or("an earlier step failed")?;
        let loss = loss.forward(taken.forward(x.clone()), y.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &taken);
        net = Some(optimizer.step(rate, taken, gradients));
        Ok(loss)
    };
    let mut answer = Vec::new();
    for _ in 0..3 {
        answer.push(f64::from(step()?.into_scalar::<f32>()));
    }
    let call = move || -> Outcome<()> {
        step()?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}

fn asked(device: &Device) -> Outcome<Run> {
    let net = ResNet18::new(1000, device);
    let x = normal("x", [1, 3, 224, 224]);
    let answer = digest(net.forward(x.clone()))?;
    let call = move || -> Outcome<()> {
        net.forward(x.clone());
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
