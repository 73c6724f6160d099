//! Rows for which processes are started: how long a program takes to its first result, how much memory a training needs,
//! and how rows go with one thread and with more.

use std::{process::Command, time::Instant};

use super::{
    Options, Outcome,
    contest::{Finding, Kind, Verdict, judge},
    contestant::{Answer, Contestant, Program},
    peers,
    rows::{self, Row},
};

/// Of what the memory is measured.
const TRAININGS: [&str; 2] = ["train/resnet18-32x32-b16-sgd", "train/gpt-d128-l4-b16-t64-adamw"];
/// What is timed with each number of threads.
const THREADED: [&str; 4] = [
    "matmul/1024",
    "map/gelu-4m",
    "conv/32x64x32-64k3s1/forward+backward",
    "train/gpt-d128-l4-b16-t64-adamw",
];
/// What a program prints first.
const FIRST: f64 = 64.0 * 64.0 * 64.0;

/// Seconds of training, after which the most memory there was is asked for.
const TRAINED: f64 = 1.0;

/// Runs those that are asked for.
pub fn run(
    options: &Options,
    programs: &[Program],
    threads: usize,
    found: &mut dyn FnMut(Finding),
) -> Outcome<()> {
    if options.asks_for("startup/first-product") {
        found(startup(programs, options.rounds)?);
    }
    for name in TRAININGS {
        let row = format!("memory/{name}");
        if options.asks_for(&row) {
            found(memory(row, name, programs)?);
        }
    }
    // How it goes with size and threads takes longer, and has to be asked for by name.
    if options.only.is_empty() {
        return Ok(());
    }
    let rows = rows::all();
    for row in rows.iter().filter(|row| THREADED.contains(&row.name.as_str())) {
        for count in 1..=threads {
            let name = format!("scale/threads-{count}/{}", row.name);
            if options.asks_for(&name) {
                found(threaded(name, row, count, options)?);
            }
        }
    }
    Ok(())
}

/// Microseconds from the start of a process to its end.
fn startup(programs: &[Program], rounds: usize) -> Outcome<Finding> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for program in programs {
        verdicts.push(if program.first.is_empty() { Verdict::Missing } else { Verdict::Timed(Vec::new()) });
    }
    // The first round brings files into memory.
    for round in 0..=rounds {
        for (program, verdict) in programs.iter().zip(&mut verdicts) {
            if let Verdict::Timed(times) = verdict {
                let start = Instant::now();
                let output = Command::new(&program.path)
                    .args(&program.first)
                    .envs(program.environment.iter().map(|(name, value)| (name, value)))
                    .output()?;
                let time = start.elapsed().as_secs_f64() * 1e6;
                let text = String::from_utf8_lossy(&output.stdout);
                if text.trim().parse() != Ok(FIRST) {
                    *verdict = Verdict::Differs(format!("it printed '{}', not {FIRST}", text.trim()));
                } else if round > 0 {
                    times.push(time);
                }
            }
        }
    }
    Ok(Finding { name: "startup/first-product".into(), kind: Kind::Extra, flops: 0.0, bytes: 0.0, verdicts })
}

/// The most memory that a process has which does nothing but train, its libraries among it.
fn memory(name: String, row: &str, programs: &[Program]) -> Outcome<Finding> {
    let verdict = |program: &Program| -> Outcome<Verdict> {
        // Here no allocator is told to keep what it was given.
        let mut program = program.clone();
        program.environment.retain(|(name, _)| *name != peers::KEEPS_MEMORY);
        let mut contestant = Contestant::start(&program)?;
        for question in [format!("row {row}"), format!("time {TRAINED}")] {
            match contestant.ask(&question)? {
                Answer::Numbers(_) => {}
                Answer::Missing => return Ok(Verdict::Missing),
                Answer::Error(error) => return Ok(Verdict::Failed(error)),
            }
        }
        Ok(match contestant.ask("memory")? {
            Answer::Numbers(kib) => Verdict::Timed(kib),
            Answer::Missing => Verdict::Missing,
            Answer::Error(error) => Verdict::Failed(error),
        })
    };
    let verdicts = programs.iter().map(verdict).collect::<Outcome<_>>()?;
    Ok(Finding { name, kind: Kind::Memory, flops: 0.0, bytes: 0.0, verdicts })
}

/// A row with another number of threads.
fn threaded(name: String, row: &Row, threads: usize, options: &Options) -> Outcome<Finding> {
    let mut programs = vec![peers::ours(threads)?];
    for peer in &options.against {
        programs.push(peers::peer(peer, threads)?);
    }
    let mut contestants = programs.iter().map(Contestant::start).collect::<Outcome<Vec<_>>>()?;
    let finding = judge(row, &mut contestants, options.rounds)?;
    // The machine's limits are those of all its threads.
    Ok(Finding { name, kind: Kind::Extra, flops: 0.0, bytes: 0.0, ..finding })
}
