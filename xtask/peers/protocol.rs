//! The protocol that every contestant answers on its standard input and output: `row NAME` prepares a row and gives the
//! numbers of its result, `time SECONDS` gives microseconds a call, `memory` the most KiB there were since the row was
//! prepared. An answer is one line: `ok` and numbers, `missing`, or `error` and why.
//!
//! This file is part of every contestant that is written in Rust.

use std::{
    io::{BufRead, Write, stdin, stdout},
    time::Instant,
};

/// What may fail.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Batches of calls in a measurement, of which the median counts.
const BATCHES: f64 = 7.0;

/// A row that is prepared.
pub struct Run {
    /// By what its result is compared.
    pub answer: Vec<f64>,
    /// Computes it once.
    pub call: Box<dyn FnMut() -> Outcome<()>>,
}

/// A row that was asked for, where there is one of that name.
pub type Prepared = Option<Outcome<Run>>;

/// Answers until the input ends: as a program of this name and version, with rows that are prepared by their names.
pub fn serve(version: &str, prepare: impl Fn(&str) -> Prepared) -> Outcome<()> {
    println!("ok {version}");
    let mut prepared: Option<(String, Run)> = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "row" => {
                prepared = None;
                match prepare(rest) {
                    None => Ok(None),
                    Some(run) => run.map(|run| {
                        let answer = run.answer.clone();
                        prepared = Some((rest.to_owned(), run));
                        forget_memory();
                        Some(answer)
                    }),
                }
            }
            "time" => match &mut prepared {
                None => Ok(None),
                Some((name, run)) => {
                    // A model that was trained for longer than another has other gradients.
                    let learns = ["train/", "scale/"].iter().any(|kind| name.starts_with(kind));
                    let again = if learns { prepare(name).transpose() } else { Ok(None) };
                    again.and_then(|again| {
                        if let Some(again) = again {
                            *run = again;
                        }
                        Ok(Some(vec![timed(&mut run.call, rest.parse()?)?]))
                    })
                }
            },
            "memory" => memory().map(|kib| Some(vec![kib])),
            _ => return Ok(()),
        };
        match answer {
            Ok(None) => println!("missing"),
            Ok(Some(numbers)) => {
                println!("ok {}", numbers.iter().map(|x| format!("{x:e}")).collect::<Vec<_>>().join(" "));
            }
            Err(error) => println!("error {}", error.to_string().replace('\n', " ")),
        }
        stdout().flush()?;
    }
    Ok(())
}

/// Microseconds a call: the median of some batches, after one that brings the caches back.
fn timed(call: &mut dyn FnMut() -> Outcome<()>, seconds: f64) -> Outcome<f64> {
    let mut batch = |calls: u32| -> Outcome<f64> {
        let start = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(calls))
    };
    let begin = Instant::now();
    batch(1)?;
    let once = batch(1)?;
    let calls = (seconds / BATCHES / once.max(1e-8)).max(1.0) as u32;
    let mut times = vec![batch(calls)?];
    while times.len() < 3 || begin.elapsed().as_secs_f64() < seconds {
        times.push(batch(calls)?);
    }
    Ok(median(&mut times) * 1e6)
}

/// The middle one.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    match times.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => times[n / 2],
        n => (times[n / 2 - 1] + times[n / 2]) / 2.0,
    }
}

/// The most memory this process had at once since it was told to forget, in KiB.
fn memory() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}

/// Forgets how much memory there was: making the numbers that a row begins with is no part of it.
fn forget_memory() {
    // Where this is not allowed, it counts as well.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
