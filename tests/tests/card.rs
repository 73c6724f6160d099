//! Trainings on a card and on the processor take the same course: the first steps of what the examples train.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cresset::prelude::*;
use cresset_wgpu::Gpu;

/// The first card; `None`, said once, on a machine without any, unless `CRESSET_REQUIRE_GPU` is set.
fn gpu() -> Option<Device> {
    static FOUND: OnceLock<Option<Device>> = OnceLock::new();
    *FOUND.get_or_init(|| match Device::gpu(0) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("CRESSET_REQUIRE_GPU").is_some() => {
            panic!("a GPU is required here: {error}")
        }
        Err(_) => {
            println!("skipped: no GPU adapter");
            None
        }
    })
}

/// The random numbers and the card are everybody's: one training at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const STEPS: usize = 4;

/// The losses of some steps on a device. Everything drawn follows from one seed.
fn losses<M: Module>(
    device: Device,
    make: fn() -> M,
    optimizer: fn(Vec<Tensor>) -> Box<dyn Optimizer>,
    loss: fn(&M, Device) -> Result<Tensor>,
) -> Vec<f64> {
    cresset_tensor::random::fork_rng(|| {
        manual_seed(11);
        let mut model = make();
        model.to_device(device).unwrap();
        let mut optimizer = optimizer(model.parameters());
        (0..STEPS)
            .map(|_| {
                let loss = loss(&model, device).unwrap();
                optimizer.zero_grad();
                loss.backward().unwrap();
                clip_grad_norm_(model.parameters(), 5.0).unwrap();
                optimizer.step().unwrap();
                f64::from(loss.item::<f32>().unwrap())
            })
            .collect()
    })
}

fn compare<M: Module>(
    make: fn() -> M,
    optimizer: fn(Vec<Tensor>) -> Box<dyn Optimizer>,
    loss: fn(&M, Device) -> Result<Tensor>,
) {
    let Some(gpu) = gpu() else { return };
    let _turn = alone();
    let here = losses(Device::Cpu, make, optimizer, loss);
    let there = losses(gpu, make, optimizer, loss);
    for (step, (a, b)) in there.iter().zip(&here).enumerate() {
        assert!((a - b).abs() <= 2e-3 * b.abs() + 1e-4, "step {step}: {there:?} on the card, {here:?}");
    }
}

fn images(device: Device) -> Result<(Tensor, Tensor)> {
    let images = Tensor::rand([8, 1, 8, 8]).to_device(device)?;
    let labels = Tensor::randint(0, 10, [8]).to_device(device)?;
    Ok((images, labels))
}

fn adamw(parameters: Vec<Tensor>) -> Box<dyn Optimizer> {
    Box::new(AdamW::new(parameters, 1e-2).weight_decay(0.05))
}

fn sgd(parameters: Vec<Tensor>) -> Box<dyn Optimizer> {
    Box::new(Sgd::new(parameters, 0.05).momentum(0.9).nesterov(true).weight_decay(5e-4))
}

/// As the example `digits`: convolutions, batch norm, max pool, dropout, label smoothing.
#[test]
fn a_convolutional_network() {
    fn make() -> Sequential {
        sequential![
            Conv2d::new(1, 8, 3).padding(1),
            BatchNorm2d::new(8),
            Relu::new(),
            Conv2d::new(8, 16, 3).padding(1),
            BatchNorm2d::new(16),
            Relu::new(),
            MaxPool2d::new(2),
            Flatten::new(),
            Dropout::new(0.3),
            Linear::new(16 * 16, 10),
        ]
    }
    compare(make, adamw, |net, device| {
        let (images, labels) = images(device)?;
        CrossEntropyLoss::new().label_smoothing(0.1).forward(&net.forward(&images)?, &labels)
    });
}

#[derive(Module)]
struct Residual {
    start: Conv2d,
    norm: BatchNorm2d,
    inner: Conv2d,
    head: Linear,
}

/// As the example `resnet`: a way around, strides, averages.
#[test]
fn a_residual_network() {
    fn make() -> Residual {
        Residual {
            start: Conv2d::new(1, 8, 3).padding(1).stride(2).bias(false),
            norm: BatchNorm2d::new(8),
            inner: Conv2d::new(8, 8, 3).padding(1).bias(false),
            head: Linear::new(8, 10),
        }
    }
    compare(make, sgd, |net, device| {
        let (images, labels) = images(device)?;
        let x = net.norm.forward(&net.start.forward(&images)?)?.relu()?;
        let x = x.add(&net.inner.forward(&x)?)?.relu()?;
        net.head.forward(&x.adaptive_avg_pool2d(1)?.flatten(1..)?)?.cross_entropy(&labels)
    });
}

#[derive(Module)]
struct Writer {
    characters: Embedding,
    lstm: Lstm,
    head: Linear,
}

/// As the example `char_rnn`: an embedding and an LSTM of two layers with dropout between.
#[test]
fn a_recurrent_network() {
    fn make() -> Writer {
        Writer {
            characters: Embedding::new(12, 8),
            lstm: Lstm::new(8, 16).num_layers(2).batch_first(true).dropout(0.1),
            head: Linear::new(16, 12),
        }
    }
    compare(make, adamw, |net, device| {
        let text = Tensor::randint(0, 12, [3, 7]).to_device(device)?;
        let (x, _) = net.lstm.forward(&net.characters.forward(&text)?)?;
        net.head.forward(&x)?.flatten(..=1)?.cross_entropy(&text.flatten(..)?)
    });
}

#[derive(Module)]
struct Gpt {
    characters: Embedding,
    norm: LayerNorm,
    qkv: Linear,
    feed: Sequential,
    head: Linear,
}

/// As the example `char_gpt`: causal attention, layer norm, gelu.
#[test]
fn a_transformer() {
    fn make() -> Gpt {
        Gpt {
            characters: Embedding::new(12, 16),
            norm: LayerNorm::new(16),
            qkv: Linear::new(16, 48),
            feed: sequential![Linear::new(16, 32), Gelu::new(), Linear::new(32, 16), Dropout::new(0.1)],
            head: Linear::new(16, 12).bias(false),
        }
    }
    compare(make, adamw, |net, device| {
        let text = Tensor::randint(0, 12, [2, 9]).to_device(device)?;
        let x = net.characters.forward(&text)?;
        let qkv = net.qkv.forward(&net.norm.forward(&x)?)?.reshape([2, 9, 3, 2, 8])?;
        let qkv = qkv.permute([2, 0, 3, 1, 4])?.unbind(0)?;
        let causal = AttentionOptions { is_causal: true, ..AttentionOptions::default() };
        let y = qkv[0].scaled_dot_product_attention_with(&qkv[1], &qkv[2], causal)?;
        let x = x.add(&y.transpose(1, 2)?.reshape([2, 9, 16])?)?;
        let x = x.add(&net.feed.forward(&x)?)?;
        net.head.forward(&x)?.flatten(..=1)?.cross_entropy(&text.flatten(..)?)
    });
}

/// As the example `gan`: transposed convolutions, sigmoid, binary cross-entropy.
#[test]
fn a_generator() {
    fn make() -> Sequential {
        sequential![
            ConvTranspose2d::new(6, 8, 4).stride(2).padding(1),
            BatchNorm2d::new(8),
            LeakyRelu::new().negative_slope(0.2),
            ConvTranspose2d::new(8, 1, 4).stride(2).padding(1),
            Sigmoid::new(),
        ]
    }
    compare(make, adamw, |net, device| {
        let noise = Tensor::randn([4, 6, 2, 2]).to_device(device)?;
        let drawn = net.forward(&noise)?;
        drawn.binary_cross_entropy(&drawn.full_like(0.9)?)
    });
}

/// In a steady training no memory is taken from the driver, and none is lost.
#[test]
fn a_training_is_steady() {
    let Some(gpu) = gpu() else { return };
    let _turn = alone();
    cresset_tensor::random::fork_rng(|| {
        manual_seed(3);
        let mut net = sequential![Linear::new(8, 16), Relu::new(), Linear::new(16, 4)];
        net.to_device(gpu).unwrap();
        let mut optimizer = AdamW::new(net.parameters(), 1e-3);
        let x = Tensor::rand([16, 8]).to_device(gpu).unwrap();
        let labels = Tensor::randint(0, 4, [16]).to_device(gpu).unwrap();
        let mut step = || {
            let loss = net.forward(&x).unwrap().cross_entropy(&labels).unwrap();
            optimizer.zero_grad();
            loss.backward().unwrap();
            optimizer.step().unwrap();
            loss
        };
        for _ in 0..50 {
            step();
        }
        let before = cresset_wgpu::statistics(gpu).unwrap();
        let mut last = step();
        for _ in 0..200 {
            last = step();
        }
        assert!(last.item::<f32>().unwrap().is_finite());
        let after = cresset_wgpu::statistics(gpu).unwrap();
        assert_eq!(after.kernels, before.kernels);
        assert!(after.buffers_made <= before.buffers_made + 2, "{before:?} {after:?}");
    });
}

/// Optimizer, average and weights saved on a card go on there from a file, and from the processor's as well.
#[test]
fn a_training_on_a_card_is_saved_and_goes_on() {
    let Some(gpu) = gpu() else { return };
    let _turn = alone();
    let folder = std::env::temp_dir().join(format!("cresset-card-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let model = |device: Device| {
        let mut model = Linear::new(3, 2);
        model.to_device(device).unwrap();
        model
    };
    let step = |model: &Linear, optimizer: &mut Adam, average: &mut Ema| {
        let x = Tensor::new([[1.0f32, -2.0, 0.5], [0.25, 1.0, -1.0]]);
        let x = x.to_device(model.weight.device()).unwrap();
        optimizer.zero_grad();
        model.forward(&x).unwrap().square().unwrap().sum().unwrap().backward().unwrap();
        assert_eq!(model.weight.grad().unwrap().device(), x.device());
        clip_grad_norm_(model.parameters(), 0.5).unwrap();
        optimizer.step().unwrap();
        average.update().unwrap();
    };
    let parts = |model: &Linear| (Adam::new(model.parameters(), 0.1), Ema::new(model.parameters(), 0.9));
    let first = model(gpu);
    let (mut optimizer, mut average) = parts(&first);
    step(&first, &mut optimizer, &mut average);
    save_safetensors(folder.join("weights.safetensors"), &first.state_dict()).unwrap();
    save_checkpoint(folder.join("optimizer"), &optimizer.state_dict()).unwrap();
    save_checkpoint(folder.join("average"), &average.state_dict()).unwrap();
    step(&first, &mut optimizer, &mut average);
    for device in [gpu, Device::Cpu] {
        let second = model(device);
        second.load_state_dict(&load_safetensors(folder.join("weights.safetensors")).unwrap()).unwrap();
        let (mut optimizer, mut average) = parts(&second);
        optimizer.load_state_dict(&load_checkpoint(folder.join("optimizer")).unwrap()).unwrap();
        average.load_state_dict(&load_checkpoint(folder.join("average")).unwrap()).unwrap();
        step(&second, &mut optimizer, &mut average);
        let near = |a: &Tensor, b: &Tensor| {
            let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs()))
        };
        assert!(near(&first.weight, &second.weight), "{}\n{}", *first.weight, *second.weight);
        average.copy_to_parameters().unwrap();
        assert_eq!(second.weight.device(), device);
    }
    // L-BFGS reads its vectors wherever they are.
    let third = model(gpu);
    let mut optimizer = cresset_optim::Lbfgs::new(third.parameters(), 0.5);
    let x = Tensor::new([[1.0f32, -2.0, 0.5]]).to_device(gpu).unwrap();
    let mut losses = Vec::new();
    for _ in 0..2 {
        let loss = optimizer.step_with(&mut || {
            third.parameters().iter().for_each(Tensor::zero_grad);
            let loss = third.forward(&x)?.square()?.sum()?;
            loss.backward()?;
            Ok(loss)
        });
        losses.push(loss.unwrap().item::<f64>().unwrap());
    }
    assert!(losses[1] < losses[0], "{losses:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}
