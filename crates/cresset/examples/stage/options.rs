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

/// What an example can be told, as its help says.
pub struct Command {
    name: &'static str,
    about: &'static str,
    epochs: usize,
    input: Option<(&'static str, &'static str)>,
    resumes: bool,
}

impl Command {
    /// The example of this name, which goes through its data so often unless told otherwise.
    pub fn new(name: &'static str, about: &'static str, epochs: usize) -> Command {
        Command { name, about, epochs, input: None, resumes: true }
    }

    /// It may read something else than what comes with it: `("--text FILE", "train on this text")`.
    pub fn reads(self, flag: &'static str, about: &'static str) -> Command {
        Command { input: Some((flag, about)), ..self }
    }

    /// It is over so soon that it saves nothing to go on with.
    pub fn brief(self) -> Command {
        Command { resumes: false, ..self }
    }

    /// Reads the command line. With `--help`, or where something makes no sense, says what there is and ends the program.
    pub fn parse(self) -> Options {
        let mut options = Options {
            epochs: self.epochs,
            seed: 0,
            device: Device::Cpu,
            resume: false,
            out: PathBuf::from("runs").join(self.name),
            input: None,
        };
        let help = self.help();
        let flag = self.input.and_then(|(flag, _)| flag.split(' ').next());
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
                "--device" => {
                    let name = value("cpu or gpu");
                    options.device = device(&name).unwrap_or_else(|message| wrong(&message, &help));
                }
                "--out" => options.out = value("a folder").into(),
                "--resume" if self.resumes => options.resume = true,
                other if Some(other) == flag => options.input = Some(value("a path").into()),
                other => wrong(&format!("there is no option {other}"), &help),
            }
        }
        options
    }

    fn help(&self) -> String {
        let Command { name, about, epochs, .. } = self;
        let mut help = format!(
            "{about}\n\nusage: cargo run --release --example {name} -- [options]\n\n  \
             --epochs N      how often to go through the data (default: {epochs})\n  \
             --seed N        what all random numbers follow from (default: 0)\n  \
             --device D      where to compute: cpu (default) or gpu\n  \
             --out FOLDER    where files are written (default: runs/{name})\n"
        );
        if self.resumes {
            help.push_str("  --resume        go on with the training that was saved last\n");
        }
        if let Some((flag, about)) = self.input {
            help.push_str(&format!("  {flag:<15} {about}\n"));
        }
        help.push_str("  --help          this text");
        help
    }
}

impl Options {
    /// A file in the folder for what is written, which is made if it is not there.
    pub fn file(&self, name: &str) -> PathBuf {
        if let Err(error) = std::fs::create_dir_all(&self.out) {
            eprintln!("{}: {error}", self.out.display());
            exit(1);
        }
        self.out.join(name)
    }
}

/// The device of a name.
#[cfg(feature = "wgpu")]
fn device(name: &str) -> std::result::Result<Device, String> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "gpu" => Device::gpu(0).map_err(|error| error.to_string()),
        other => Err(format!("there is no device '{other}'; there are cpu and gpu")),
    }
}

/// The device of a name.
#[cfg(not(feature = "wgpu"))]
fn device(name: &str) -> std::result::Result<Device, String> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "gpu" => Err("this build has no gpu; build the example with --features wgpu".to_owned()),
        other => Err(format!("there is no device '{other}'; there are cpu and gpu")),
    }
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
