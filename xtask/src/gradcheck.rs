//! `cargo xtask gradcheck`: derivatives compared with finite differences, for all of the vocabulary.

use cresset_ops::Device;
use cresset_tests::gradcheck::{Options, run};
use cresset_wgpu::Gpu;

const USAGE: &str = "\
Derivatives against finite differences: first and second, forward mode against reverse mode, strided inputs against
row-major ones; for every scalar primitive, every operation and every method. A line for each, and a count.

usage: cargo xtask gradcheck [options]

  --op NAME       only what has that name, or begins with it; may be repeated
  --cases N       how many samples of each (default: 64)
  --seed S        what they are drawn from (default: 0)
  --device DEVICE cpu (default); or gpu: scalar primitives and operations in float32, compared with the processor";

/// Runs; true if nothing fell short.
pub fn main(words: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut options = Options { only: Vec::new(), cases: 64, seed: 0, device: Device::Cpu };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--op" => options.only.push(next()?.clone()),
            "--cases" => options.cases = next()?.parse()?,
            "--device" => {
                options.device = match next()?.as_str() {
                    "cpu" => Device::Cpu,
                    "gpu" => Device::gpu(0)?,
                    other => return Err(format!("there is no device named '{other}'\n\n{USAGE}").into()),
                }
            }
            "--seed" => options.seed = next()?.parse()?,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("unknown option '{other}'\n\n{USAGE}").into()),
        }
    }
    let outcomes = run(&options, |outcome| println!("{outcome}"))?;
    if outcomes.is_empty() {
        return Err(format!("nothing's name begins with any of {:?}", options.only).into());
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    println!("{} of {} as they should be", outcomes.len() - failed, outcomes.len());
    Ok(failed == 0)
}
