//! The protocol that every contestant answers on its standard input and output, and our own answers: `row NAME` prepares
//! a row and gives the numbers of its result, `time SECONDS` gives microseconds a call, `memory` gives KiB.
//!
//! An answer is one line: `ok` and numbers, `missing`, or `error` and why.

use std::{
    io::{BufRead, Write, stdin, stdout},
    time::Instant,
};

use super::{
    Outcome,
    rows::{self, Row, Run},
};

/// Batches of calls in a measurement, of which the median counts.
const BATCHES: f64 = 7.0;

/// Answers until the input ends.
pub fn run() -> Outcome<bool> {
    let rows = rows::all();
    println!("ok Cresset {}", env!("CARGO_PKG_VERSION"));
    let mut prepared: Option<(&Row, Run)> = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "row" => {
                prepared = None;
                match rows.iter().find(|row| row.name == rest) {
                    None => Ok(None),
                    Some(row) => (row.make)().map(|run| {
                        let answer = run.answer.clone();
                        prepared = Some((row, run));
                        Some(answer)
                    }),
                }
            }
            "time" => match &mut prepared {
                None => Ok(None),
                Some((row, run)) => timed(row, run, rest.parse()?).map(|time| Some(vec![time])),
            },
            "memory" => memory().map(|kib| Some(vec![kib])),
            _ => return Ok(true),
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
    Ok(true)
}

/// Microseconds a call: the median of some batches, after one that brings the caches back.
fn timed(row: &Row, run: &mut Run, seconds: f64) -> Outcome<f64> {
    // A model that is trained for longer than another has other gradients.
    if row.learns {
        *run = (row.make)()?;
    }
    let mut batch = |calls: u32| -> Outcome<f64> {
        let start = Instant::now();
        for _ in 0..calls {
            (run.call)()?;
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

/// The most memory this process had at once, in KiB.
fn memory() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}
