//! The examples: that the prelude names what they need, and that they start.

use std::{path::PathBuf, process::Command};

use cresset::prelude::*;

/// Compiles only if the prelude has the names that programs like the examples use.
#[derive(Module)]
struct Everything {
    convolution: Conv2d,
    transposed: ConvTranspose2d,
    norm: BatchNorm2d,
    dropout: Dropout,
    table: Embedding,
    recurrent: Lstm,
    layers: Sequential,
    head: Linear,
    scale: Parameter,
    mean: Buffer,
    training: Training,
}

#[test]
fn the_prelude_suffices() -> Result<()> {
    manual_seed(0);
    let net = Everything {
        convolution: Conv2d::new(1, 2, 3),
        transposed: ConvTranspose2d::new(2, 1, 2),
        norm: BatchNorm2d::new(2),
        dropout: Dropout::new(0.5),
        table: Embedding::new(3, 4),
        recurrent: Lstm::new(4, 4),
        layers: sequential![Linear::new(4, 4), Gelu::new(), LayerNorm::new(4), Relu::new(), Flatten::new()],
        head: Linear::new(4, 2),
        scale: Parameter::new(Tensor::ones([1])),
        mean: Buffer::new(Tensor::zeros([1])),
        training: Training::default(),
    };
    init::normal_(&net.table.weight, 0.0, 0.02)?;
    let mut optimizer = AdamW::new(net.parameters(), 1e-3);
    let mut schedule: LRScheduler = OneCycleLR::new(1e-3, 4).on(&mut optimizer)?;
    let data = TensorDataset::new((Tensor::randn([8, 4]), Tensor::zeros_with([8], DType::I64)?))?;
    let [train, _]: [Subset<_>; 2] = random_split(data, [0.5, 0.5], 0)?;
    let sampler = RandomSampler::new(train.len()).num_samples(2);
    for batch in DataLoader::new(train).sampler(sampler).batch_size(2).epoch(0) {
        let (x, labels) = batch?;
        let causal = AttentionOptions { is_causal: true, ..AttentionOptions::default() };
        let x = x.scaled_dot_product_attention_with(&x, &x, causal)?;
        let loss = net.head.forward(&net.layers.forward(&x)?)?.cross_entropy(&labels)?;
        optimizer.zero_grad();
        loss.backward()?;
        clip_grad_norm_(net.parameters(), 1.0)?;
        optimizer.step()?;
        schedule.step(&mut optimizer)?;
    }
    let saved = State::map([("net", net.state_dict().into()), ("random", get_rng_state().into())]);
    net.load_state_dict(&StateDict::try_from(saved.get("net")?.clone())?)?;
    net.head.freeze()?;
    assert!(net.head.parameters().iter().all(|parameter| !parameter.needs_grad()));
    Ok(())
}

#[test]
fn examples_start() {
    let out = std::env::temp_dir().join(format!("cresset-examples-{}", std::process::id()));
    let folder = out.to_string_lossy();
    for name in ["char_gpt", "char_rnn", "crops", "digits", "gan", "logistic", "resnet", "transfer"] {
        let Some(help) = told(name, &["--help"]) else { continue };
        assert!(help.contains("--epochs N"), "{name} --help says: {help}");
    }
    if let Some(said) = told("crops", &["--epochs", "3"]) {
        assert_eq!(said.matches("at the end: loss").count(), 3, "{said}");
    }
    if let Some(said) = told("logistic", &["--epochs", "1", "--out", &folder]) {
        assert!(said.contains("on new digits") && out.join("logistic.safetensors").is_file(), "{said}");
    }
    let _ = std::fs::remove_dir_all(&out);
}

/// What an example says on these words. Cargo builds all of them before tests run, unless it was asked for some tests
/// alone: then there may be none.
fn told(name: &str, words: &[&str]) -> Option<String> {
    let path = built(name)?;
    let output = Command::new(&path).args(words).output().unwrap();
    assert!(output.status.success(), "{name} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program of an example: tests are in `deps`, beside `examples`.
fn built(name: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().ok()?;
    let path =
        tests.parent()?.parent()?.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if !path.is_file() {
        println!("{name} is not built here");
        return None;
    }
    Some(path)
}
