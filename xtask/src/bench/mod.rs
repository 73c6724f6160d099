//! `cargo xtask bench`: how fast it is, on the processor against other frameworks, on a graphics card against what the
//! card can do.

mod contest;
mod contestant;
mod extra;
mod gpu;
#[path = "../../peers/inputs.rs"]
mod inputs;
mod limits;
mod models;
mod numbers;
mod peers;
#[path = "../../peers/protocol.rs"]
mod protocol;
mod report;
mod rows;

use std::path::PathBuf;

use cresset::prelude::*;
use protocol::Outcome;

const USAGE: &str = "\
How fast it computes: products of matrices, formulas, sums, convolutions, training steps. On the processor, against other
frameworks on the same work; on a graphics card, against what the card can do.

usage: cargo xtask bench [--device cpu] [options]
       cargo xtask bench --device gpu [options]

  --only PREFIX      only the rows whose name begins so; may be repeated. Rows of scale/ (a training step with more and
                     less of everything, and with each number of threads) are timed only if they are asked for

the processor:
  --against NAMES    the peers, with commas between them: pytorch, compile (PyTorch with torch.compile), candle, burn;
                     default: pytorch; 'none' for ours alone
  --threads N        threads of every contestant (default: all cores)
  --rounds N         how often the contestants are timed in turn (default: 5); the median counts
  --json FILE        where the measurements are kept (default: target/bench/DATE.json)
  --write            put the table into the book

a graphics card, the one that CRESSET_GPU names, or the strongest there is:
  --small            small sizes and few repeats, for a card that is none
  --peak GFLOPS      what the card can compute in f32 (default: measured, by a formula of many multiplications)
  --bandwidth GBS    what its memory can move (default: measured, by a formula of one step)

  --help             this text

PyTorch's virtual environment is made in target/peers/venv, unless CRESSET_PEER_PYTHON names a Python that has it.
CRESSET_GPU_TUNE=1 measures kernels for each class of products before the first is timed.";

/// What is to be measured.
pub struct Options {
    only: Vec<String>,
    against: Vec<String>,
    threads: Option<usize>,
    rounds: usize,
    json: Option<PathBuf>,
    write: bool,
    small: bool,
    peak: Option<f64>,
    bandwidth: Option<f64>,
}

impl Options {
    /// Is a row of this name wanted?
    fn asks_for(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}

/// Runs; true unless something could not be measured.
pub fn main(words: &[String]) -> Outcome<bool> {
    let mut options = Options {
        only: Vec::new(),
        against: vec!["pytorch".into()],
        threads: None,
        rounds: 5,
        json: None,
        write: false,
        small: false,
        peak: None,
        bandwidth: None,
    };
    let mut device = "cpu";
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--device" => device = value()?,
            "--only" => options.only.push(value()?.clone()),
            "--against" => {
                let names = value()?.split(',').filter(|&name| name != "none");
                options.against = names.map(str::to_owned).collect();
            }
            "--threads" => options.threads = Some(value()?.parse()?),
            "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
            "--json" => options.json = Some(value()?.into()),
            "--write" => options.write = true,
            "--small" => options.small = true,
            "--peak" => options.peak = Some(value()?.parse()?),
            "--bandwidth" => options.bandwidth = Some(value()?.parse()?),
            // Ours as a contestant, which the contest starts.
            "--serve" => return serve(),
            "--first" => return first(),
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("unknown option '{other}'\n\n{USAGE}").into()),
        }
    }
    match device {
        "cpu" => contest::run(&options),
        "gpu" => gpu::run(&options),
        other => Err(format!("there is no device '{other}'\n\n{USAGE}").into()),
    }
}

/// Our answers as a contestant.
fn serve() -> Outcome<bool> {
    let rows = rows::all();
    let version = concat!("Cresset ", env!("CARGO_PKG_VERSION"));
    protocol::serve(version, |name| rows.iter().find(|row| row.name == name).map(|row| (row.make)()))?;
    Ok(true)
}

/// The first result of a program: the sum of a product.
fn first() -> Outcome<bool> {
    let x = Tensor::ones([64, 64]);
    println!("{}", x.matmul(&x)?.sum()?.item::<f32>()?);
    Ok(true)
}
