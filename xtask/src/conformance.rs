//! `cargo xtask conformance`: runs PyTorch's golden cases and tells what falls short.

use std::path::PathBuf;

use cresset_ops::Device;
use cresset_tests::golden::{
    Golden, Mode, Report, Summary, default_folder, in_core, read, read_modules, run, run_formats, run_module,
    run_optimizers, run_schedules,
};
use cresset_wgpu::Gpu;

const USAGE: &str = "\
PyTorch's golden cases: a line for each operation that falls short, and a count.

usage: cargo xtask conformance [options]

  --cases DIR     where ops.json.gz lies (default: tests/cases)
  --only NAME     only the operation of that name, or those that begin with it; may be repeated
  --scope SCOPE   all (default) or core: without linear algebra, Fourier transforms, special functions, windows,
                  masked reductions and complex numbers
  --strided       on arguments with gaps in memory, transposed
  --device DEVICE cpu (default) or gpu: every argument is moved there first
  --all           every failure of an operation, not only the first
  --list          the names of operations that pass whole in both modes, and nothing else: what tests/passing.txt
                  holds";

struct Options {
    folder: PathBuf,
    only: Vec<String>,
    core: bool,
    mode: Mode,
    all: bool,
    list: bool,
}

/// Runs; true if nothing fell short.
pub fn main(words: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let Some(options) = parse(words)? else {
        println!("{USAGE}");
        return Ok(true);
    };
    let exact = |name: &str| options.only.iter().any(|only| only == name);
    let named = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only.as_str()))
    };
    let goldens = read(&options.folder, |name| named(name) && (!options.core || in_core(name)))?;
    // A name that is an operation means that one alone; another one means all that begin with it.
    let alone = |golden: &&Golden| {
        options.only.is_empty()
            || exact(&golden.name)
            || options.only.iter().any(|only| {
                golden.name.starts_with(only.as_str()) && !goldens.iter().any(|other| other.name == *only)
            })
    };
    let mut reports: Vec<Report> = Vec::new();
    for golden in goldens.iter().filter(alone) {
        let report = run(golden, options.mode);
        if options.list {
            if report.is_whole() && run(golden, Mode::Strided).is_whole() {
                println!("{}", report.name);
            }
        } else if !report.is_whole() {
            println!("{report}");
            let more = if options.all { report.troubles.get(1..).unwrap_or(&[]) } else { &[] };
            more.iter().for_each(|trouble| println!("    {}", trouble.replace('\n', " ")));
        }
        reports.push(report);
    }
    if reports.is_empty() {
        return Err(format!("no operation's name begins with any of {:?}", options.only).into());
    }
    let mut whole = reports.iter().all(Report::is_whole);
    let device = match options.mode {
        Mode::On(device) => device,
        Mode::Plain | Mode::Strided => Device::Cpu,
    };
    if !options.list {
        println!("{}", Summary::of(&reports));
        if options.only.is_empty() && !options.core {
            whole &= modules(&options, device)?;
            whole &= counted(run_optimizers(&options.folder, device)?);
            if device == Device::Cpu {
                whole &= counted(run_schedules(&options.folder)?);
                whole &= formats(&options)?;
            }
        }
    }
    Ok(whole)
}

/// The cases of modules; true if nothing fell short.
fn modules(options: &Options, device: Device) -> Result<bool, Box<dyn std::error::Error>> {
    let cases = read_modules(&options.folder)?;
    let mut passed = 0;
    for case in &cases {
        match run_module(case, device) {
            Ok(()) => passed += 1,
            Err(text) => println!("{}: {}", case.id, text.replace('\n', " ")),
        }
    }
    println!("modules: {passed} of {}", cases.len());
    Ok(passed == cases.len())
}

/// What fell short, and a line that counts; true if nothing did.
fn counted(report: Report) -> bool {
    report.troubles.iter().for_each(|trouble| println!("{}", trouble.replace('\n', " ")));
    println!("{}: {} of {}", report.name, report.cases.0, report.cases.1);
    report.is_whole()
}

/// Files of other programs; true if each reads, or is refused, as it should.
fn formats(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let report = run_formats(&options.folder)?;
    report.troubles.iter().for_each(|trouble| println!("{}", trouble.replace('\n', " ")));
    println!("formats: {} of {}", report.cases.0, report.cases.1);
    Ok(report.is_whole())
}

fn parse(words: &[String]) -> Result<Option<Options>, Box<dyn std::error::Error>> {
    let mut options = Options {
        folder: default_folder(),
        only: Vec::new(),
        core: false,
        mode: Mode::Plain,
        all: false,
        list: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or(format!("{word} needs a value\n\n{USAGE}"));
        match word.as_str() {
            "--cases" => options.folder = next()?.into(),
            "--only" => options.only.push(next()?.clone()),
            "--scope" => {
                options.core = match next()?.as_str() {
                    "core" => true,
                    "all" => false,
                    other => return Err(format!("there is no scope named '{other}'\n\n{USAGE}").into()),
                }
            }
            "--strided" => options.mode = Mode::Strided,
            "--device" => {
                options.mode = match next()?.as_str() {
                    "cpu" => Mode::Plain,
                    "gpu" => Mode::On(Device::gpu(0)?),
                    other => return Err(format!("there is no device named '{other}'\n\n{USAGE}").into()),
                }
            }
            "--all" => options.all = true,
            "--list" => options.list = true,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("unknown option '{other}'\n\n{USAGE}").into()),
        }
    }
    Ok(Some(options))
}
