//! A recurrent network (LSTM) learns a text character by character, and goes on writing.
//!
//! `cargo run --release --example char_rnn`, or `… -- --text FILE`

#[path = "../stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::{Command, Curve, Progress, Text, text::draw};

/// How many characters it sees before its gradients are computed, and how many such windows at once.
const LENGTH: usize = 64;
const BATCH: usize = 32;

/// A vector for each character, two layers of LSTM over them, and a score for each character that may come next.
#[derive(Module)]
struct Net {
    characters: Embedding,
    lstm: Lstm,
    dropout: Dropout,
    head: Linear,
}

impl Net {
    fn new(characters: usize) -> Net {
        Net {
            characters: Embedding::new(characters, 64),
            lstm: Lstm::new(64, 192).num_layers(2).batch_first(true).dropout(0.1),
            dropout: Dropout::new(0.1),
            head: Linear::new(192, characters),
        }
    }

    /// The scores at each place of `[batch, length]` characters, and what the LSTM remembers in the end.
    fn forward(&self, x: &Tensor, memory: Option<&Memory>) -> Result<(Tensor, Memory)> {
        let x = self.characters.forward(x)?;
        let (x, memory) = match memory {
            Some((h, c)) => self.lstm.forward_with(&x, h, c)?,
            None => self.lstm.forward(&x)?,
        };
        Ok((self.head.forward(&self.dropout.forward(&x)?)?, memory))
    }
}

type Memory = (Tensor, Tensor);

fn main() -> Result<()> {
    let about = "An LSTM learns a text character by character, and goes on writing.";
    let options = Command::new("char_rnn", about, 25)
        .reads("--text FILE", "learn this text (default: As You Like It)")
        .parse();
    manual_seed(options.seed);

    let text = Text::read(options.input.as_deref())?;
    let (train, test) = text.split(LENGTH)?;
    println!("{} characters, {} different ones", text.len(), text.alphabet.len());
    // An epoch is as many characters as the text has, in windows that begin anywhere.
    let windows = RandomSampler::new(train.len()).num_samples((train.len() / LENGTH).max(BATCH));
    let mut loader = DataLoader::new(train)
        .sampler(windows)
        .batch_size(BATCH)
        .drop_last(true)
        .seed(options.seed)
        .device(options.device);
    let test = DataLoader::new(test.apart()?).batch_size(BATCH).device(options.device);

    let mut net = Net::new(text.alphabet.len());
    net.to_device(options.device)?;
    println!("{net:?}\n{} parameters\n", net.num_parameters());
    let mut optimizer = AdamW::new(net.parameters(), 4e-3);
    let steps = (options.epochs * loader.len()?) as u64;
    let mut schedule = OneCycleLR::new(4e-3, steps.max(1)).pct_start(0.1).on(&mut optimizer)?;
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

    let mut curve = Curve::new("Learning to write");
    for epoch in loader.position().0..options.epochs {
        net.train();
        let mut progress = Progress::new(format!("epoch {:2}", epoch + 1), loader.len()?);
        let (mut sum, mut seen) = (0.0, 0.0);
        for batch in loader.epoch(epoch) {
            let (characters, next) = batch?;
            let (scores, _) = net.forward(&characters, None)?;
            let loss = scores.flatten(..=1)?.cross_entropy(&next.flatten(..)?)?;
            optimizer.zero_grad();
            loss.backward()?;
            clip_grad_norm_(net.parameters(), 1.0)?;
            optimizer.step()?;
            schedule.step(&mut optimizer)?;
            sum += f64::from(loss.item::<f32>()?);
            seen += 1.0;
            progress.step(&format!("loss {:.3}", sum / seen));
        }
        let asked = ask(&net, &test)?;
        progress.end(&format!("loss {:.3}  on new text {asked:.3}", sum / seen));
        curve.left("loss", sum / seen);
        curve.left("loss on new text", asked);
        if (epoch + 1).is_multiple_of(5) {
            println!("\n{}\n", write(&net, &text, "ROSALIND:\n", 200, options.device)?);
        }
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

    println!("\n{}", write(&net, &text, "ORLANDO:\n", 800, options.device)?);
    let path = options.file("char_rnn.safetensors");
    save_safetensors(&path, &net.state_dict())?;
    curve.save(options.file("curve.svg"))?;
    println!("\nwritten: {} and {}", path.display(), options.file("curve.svg").display());
    Ok(())
}

/// The mean loss of a character it has not learned from.
fn ask(net: &Net, windows: &DataLoader<(Tensor, Tensor)>) -> Result<f64> {
    net.eval();
    let (mut sum, mut seen) = (0.0, 0);
    for batch in windows.epoch(0) {
        let (characters, next) = batch?;
        let (scores, _) = no_grad(|| net.forward(&characters, None))?;
        let loss = scores.flatten(..=1)?.cross_entropy(&next.flatten(..)?)?;
        sum += f64::from(loss.item::<f32>()?) * next.numel() as f64;
        seen += next.numel();
    }
    Ok(sum / seen as f64)
}

/// Goes on where the beginning ends, one character at a time, each drawn by its score.
fn write(net: &Net, text: &Text, beginning: &str, length: usize, device: Device) -> Result<String> {
    net.eval();
    // A text with other characters begins with its own first.
    let mut written = text.encode(beginning).or_else(|_| text.encode(&text.alphabet[0].to_string()))?;
    no_grad(|| {
        let mut input = Tensor::new(written.clone()).unsqueeze(0)?.to_device(device)?;
        let mut memory = None;
        for _ in 0..length {
            let (scores, after) = net.forward(&input, memory.as_ref())?;
            let next = draw(&scores.select(1, -1)?, 0.8)?;
            written.push(next);
            (input, memory) = (Tensor::new([[next]]).to_device(device)?, Some(after));
        }
        Ok(text.decode(&written))
    })
}
