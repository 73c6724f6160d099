//! The project's checks: `cargo xtask NAME`. Each has a file of its own.

mod bench;
mod conformance;
mod gradcheck;
mod map;
mod shaders;

use std::process::ExitCode;

const USAGE: &str = "\
The project's checks.

usage: cargo xtask <check> [options]

checks:
  conformance    PyTorch's golden cases: which operations answer as PyTorch does
  gradcheck      derivatives against finite differences, for all of the vocabulary
  shaders        every kernel of the graphics cards, checked and translated without one
  bench          how fast it computes, against other frameworks and what the machine can do
  map            the book's map of the tree: a line for every file

`cargo xtask <check> --help` tells a check's options.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let check = words.next();
    let rest: Vec<String> = words.collect();
    let result = match check.as_deref() {
        Some("conformance") => conformance::main(&rest),
        Some("gradcheck") => gradcheck::main(&rest),
        Some("shaders") => shaders::main(&rest),
        Some("bench") => bench::main(&rest),
        Some("map") => map::main(&rest),
        None | Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(true)
        }
        Some(other) => Err(format!("there is no check named '{other}'\n\n{USAGE}").into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
