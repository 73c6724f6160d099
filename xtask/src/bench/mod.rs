//! `cargo xtask bench`: how fast it is. Each kind of device has a room.

mod gpu;
mod models;

const USAGE: &str = "\
How fast a graphics card computes: products of matrices, formulas, sums, training steps, and which share that is of what
the card can.

usage: cargo xtask bench --device gpu [options]

  --device gpu       the card that CRESSET_GPU names, or the strongest there is
  --small            small sizes and few repeats, for a card that is none
  --only PREFIX      only the rows whose name begins so; may be repeated
  --peak GFLOPS      what the card can compute in f32 (default: measured, by a formula of many multiplications)
  --bandwidth GBS    what its memory can move (default: measured, by a formula of one step)
  --help             this text

CRESSET_GPU_TUNE=1 measures kernels for each class of products before the first is timed.";

/// What is to be measured.
pub struct Options {
    small: bool,
    only: Vec<String>,
    peak: Option<f64>,
    bandwidth: Option<f64>,
}

/// Runs; true unless something could not be measured.
pub fn main(words: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut options = Options { small: false, only: Vec::new(), peak: None, bandwidth: None };
    let mut device = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--device" => device = Some(value()?.as_str()),
            "--small" => options.small = true,
            "--only" => options.only.push(value()?.clone()),
            "--peak" => options.peak = Some(value()?.parse()?),
            "--bandwidth" => options.bandwidth = Some(value()?.parse()?),
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("unknown option '{other}'\n\n{USAGE}").into()),
        }
    }
    match device {
        Some("gpu") => gpu::run(&options),
        Some(other) => Err(format!("rows are for --device gpu, not '{other}'\n\n{USAGE}").into()),
        None => Err(format!("which device?\n\n{USAGE}").into()),
    }
}
