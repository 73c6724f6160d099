//! A small transformer learns a text character by character, and goes on writing: GPT in miniature.
//!
//! `cargo run --release --example char_gpt`, or `… -- --text FILE`

#[path = "../stage/mod.rs"]
mod stage;

use cresset::prelude::*;
use stage::{Command, Curve, Progress, Text, text::draw};

/// How far back it looks, and how many windows of that length it learns from at once.
const CONTEXT: usize = 64;
const BATCH: usize = 32;
const WIDTH: usize = 96;
const HEADS: usize = 4;
const BLOCKS: usize = 3;

/// Every place looks at those before it: queries, keys and values from one linear layer, and attention in several heads.
#[derive(Module)]
struct CausalAttention {
    qkv: Linear,
    out: Linear,
    dropout: Dropout,
}

impl CausalAttention {
    fn new() -> CausalAttention {
        CausalAttention {
            qkv: Linear::new(WIDTH, 3 * WIDTH),
            out: Linear::new(WIDTH, WIDTH),
            dropout: Dropout::new(0.1),
        }
    }
}

impl Layer for CausalAttention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [batch, length] = [x.shape()[0], x.shape()[1]];
        // [batch, length, 3·width] → three of [batch, heads, length, width / heads]
        let qkv = self.qkv.forward(x)?.reshape([batch, length, 3, HEADS, WIDTH / HEADS])?;
        let qkv = qkv.permute([2, 0, 3, 1, 4])?.unbind(0)?;
        let causal = AttentionOptions { is_causal: true, ..AttentionOptions::default() };
        let y = qkv[0].scaled_dot_product_attention_with(&qkv[1], &qkv[2], causal)?;
        let y = y.transpose(1, 2)?.reshape([batch, length, WIDTH])?;
        self.dropout.forward(&self.out.forward(&y)?)
    }
}

/// Attention, then two linear layers at each place, each beside a way around.
#[derive(Module)]
struct Block {
    norm1: LayerNorm,
    attention: CausalAttention,
    norm2: LayerNorm,
    feed: Sequential,
}

impl Block {
    fn new() -> Block {
        Block {
            norm1: LayerNorm::new(WIDTH),
            attention: CausalAttention::new(),
            norm2: LayerNorm::new(WIDTH),
            feed: sequential![
                Linear::new(WIDTH, 4 * WIDTH),
                Gelu::new(),
                Linear::new(4 * WIDTH, WIDTH),
                Dropout::new(0.1)
            ],
        }
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.add(&self.attention.forward(&self.norm1.forward(x)?)?)?;
        x.add(&self.feed.forward(&self.norm2.forward(&x)?)?)
    }
}

/// A vector for each character and one for each place, blocks, and a score for each character that may come next.
#[derive(Module)]
struct Gpt {
    characters: Embedding,
    places: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

impl Gpt {
    fn new(characters: usize) -> Result<Gpt> {
        let net = Gpt {
            characters: Embedding::new(characters, WIDTH),
            places: Embedding::new(CONTEXT, WIDTH),
            blocks: (0..BLOCKS).map(|_| Block::new()).collect(),
            norm: LayerNorm::new(WIDTH),
            head: Linear::new(WIDTH, characters).bias(false),
        };
        // As GPT: at first neither the character nor the place outweighs what attention finds.
        init::normal_(&net.characters.weight, 0.0, 0.02)?;
        init::normal_(&net.places.weight, 0.0, 0.02)?;
        Ok(net)
    }
}

impl Layer for Gpt {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let places = Tensor::arange(x.shape()[1] as i64).to_device(x.device())?;
        let mut x = self.characters.forward(x)?.add(&self.places.forward(&places)?)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        self.head.forward(&self.norm.forward(&x)?)
    }
}

fn main() -> Result<()> {
    let about = "A small transformer learns a text character by character, and goes on writing.";
    let options = Command::new("char_gpt", about, 30)
        .reads("--text FILE", "learn this text (default: As You Like It)")
        .parse();
    manual_seed(options.seed);

    let text = Text::read(options.input.as_deref())?;
    let (train, test) = text.split(CONTEXT)?;
    println!("{} characters, {} different ones", text.len(), text.alphabet.len());
    // An epoch is as many characters as the text has, in windows that begin anywhere.
    let windows = RandomSampler::new(train.len()).num_samples((train.len() / CONTEXT).max(BATCH));
    let mut loader = DataLoader::new(train)
        .sampler(windows)
        .batch_size(BATCH)
        .drop_last(true)
        .seed(options.seed)
        .device(options.device);
    let test = DataLoader::new(test.apart()?).batch_size(BATCH).device(options.device);

    let mut net = Gpt::new(text.alphabet.len())?;
    net.to_device(options.device)?;
    println!("{net:?}\n{} parameters\n", net.num_parameters());
    let mut optimizer = AdamW::new(net.parameters(), 3e-3).betas(0.9, 0.99).weight_decay(0.1);
    let steps = (options.epochs * loader.len()?) as u64;
    let mut schedule = OneCycleLR::new(3e-3, steps.max(1)).pct_start(0.1).on(&mut optimizer)?;
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
            let scores = net.forward(&characters)?;
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
    let path = options.file("char_gpt.safetensors");
    save_safetensors(&path, &net.state_dict())?;
    curve.save(options.file("curve.svg"))?;
    println!("\nwritten: {} and {}", path.display(), options.file("curve.svg").display());
    Ok(())
}

/// The mean loss of a character it has not learned from.
fn ask(net: &Gpt, windows: &DataLoader<(Tensor, Tensor)>) -> Result<f64> {
    net.eval();
    let (mut sum, mut seen) = (0.0, 0);
    for batch in windows.epoch(0) {
        let (characters, next) = batch?;
        let scores = no_grad(|| net.forward(&characters))?;
        let loss = scores.flatten(..=1)?.cross_entropy(&next.flatten(..)?)?;
        sum += f64::from(loss.item::<f32>()?) * next.numel() as f64;
        seen += next.numel();
    }
    Ok(sum / seen as f64)
}

/// Goes on where the beginning ends, one character at a time, each drawn by its score after what fits into the context.
fn write(net: &Gpt, text: &Text, beginning: &str, length: usize, device: Device) -> Result<String> {
    net.eval();
    // A text with other characters begins with its own first.
    let mut written = text.encode(beginning).or_else(|_| text.encode(&text.alphabet[0].to_string()))?;
    for _ in 0..length {
        let seen = &written[written.len().saturating_sub(CONTEXT)..];
        let input = Tensor::new(seen.to_vec()).unsqueeze(0)?.to_device(device)?;
        let scores = no_grad(|| net.forward(&input))?;
        written.push(draw(&scores.select(1, -1)?, 0.8)?);
    }
    Ok(text.decode(&written))
}
