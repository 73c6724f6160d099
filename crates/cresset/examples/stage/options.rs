//! The options of the examples: `--epochs 3 --seed 7`.

use std::{path::PathBuf, process::exit};

use cresset::prelude::*;

/// What may be said on the command line.
pub struct Options {
    /// How often to go through the data.
    pub epochs: usize,
    /// What all random numbers follow from.
    pub seed: u64,
    /// Where to compute.
    pub device: Device,
    /// Go on with the training that was saved last.
    pub resume: bool,
    /// Where files are written.
    pub out: PathBuf,
    /// What the example reads instead of what comes with it.
    pub input: Option<PathBuf>,
}

impl Options {
    /// Reads the command line of the example of this name. With `--help`, or where something makes no sense, says what
    /// there is and ends the program.
    ///
    /// `input` is what the example may read, as said in the help: `("--text FILE", "train on this text")`.
    pub fn parse(name: &str, about: &str, epochs: usize, input: Option<(&str, &str)>) -> Options {
        let mut options = Options {
            epochs,
            seed: 0,
            device: Device::Cpu,
            resume: false,
            out: PathBuf::from("runs").join(name),
            input: None,
        };
        let help = help(name, about, epochs, input);
        let flag = input.and_then(|(flag, _)| flag.split(' ').next());
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = |what: &str| match words.next() {
                Some(value) => value,
                None => wrong(&format!("{word} needs {what}"), &help),
            };
            match word.as_str() {
                "--help" | "-h" => {
                    println!("{help}");
                    exit(0);
                }
                "--epochs" => options.epochs = number(&value("a number"), &help) as usize,
                "--seed" => options.seed = number(&value("a number"), &help),
                "--device" => match value("cpu").as_str() {
                    "cpu" => options.device = Device::Cpu,
                    other => wrong(&format!("there is no device '{other}'; this build has: cpu"), &help),
                },
                "--out" => options.out = value("a folder").into(),
                "--resume" => options.resume = true,
                other if Some(other) == flag => options.input = Some(value("a path").into()),
                other => wrong(&format!("there is no option {other}"), &help),
            }
        }
        options
    }

    /// A file in the folder for what is written, which is made if it is not there.
    pub fn file(&self, name: &str) -> PathBuf {
        if let Err(error) = std::fs::create_dir_all(&self.out) {
            eprintln!("{}: {error}", self.out.display());
            exit(1);
        }
        self.out.join(name)
    }
}

fn help(name: &str, about: &str, epochs: usize, input: Option<(&str, &str)>) -> String {
    let mut help = format!(
        "{about}\n\nusage: cargo run --release --example {name} -- [options]\n\n  \
         --epochs N      how often to go through the data (default: {epochs})\n  \
         --seed N        what all random numbers follow from (default: 0)\n  \
         --device D      where to compute: cpu\n  \
         --out FOLDER    where files are written (default: runs/{name})\n  \
         --resume        go on with the training that was saved last\n"
    );
    if let Some((flag, about)) = input {
        help.push_str(&format!("  {flag:<15} {about}\n"));
    }
    help.push_str("  --help          this text");
    help
}

fn number(text: &str, help: &str) -> u64 {
    match text.parse() {
        Ok(number) => number,
        Err(_) => wrong(&format!("'{text}' is not a whole number"), help),
    }
}

fn wrong(message: &str, help: &str) -> ! {
    eprintln!("{message}\n\n{help}");
    exit(2);
}
