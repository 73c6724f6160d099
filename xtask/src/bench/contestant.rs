//! A process that answers the protocol in `peers/protocol.rs`: ours or a peer's.

use std::{
    fs::{File, create_dir_all},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::Outcome;

/// How a contestant is started.
#[derive(Clone)]
pub struct Program {
    /// Its name in options and tables.
    pub name: &'static str,
    pub path: PathBuf,
    pub words: Vec<String>,
    /// With which words it prints its first result and ends; none if that is no different from another contestant.
    pub first: Vec<String>,
    /// What it is told by its environment.
    pub environment: Vec<(&'static str, String)>,
    /// Where what it says besides its answers is kept.
    pub log: PathBuf,
}

/// A contestant that runs.
pub struct Contestant<'a> {
    program: &'a Program,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it calls itself, and its version.
    pub version: String,
}

/// What a contestant says.
pub enum Answer {
    Numbers(Vec<f64>),
    Missing,
    Error(String),
}

impl<'a> Contestant<'a> {
    pub fn start(program: &'a Program) -> Outcome<Contestant<'a>> {
        if let Some(folder) = program.log.parent() {
            create_dir_all(folder)?;
        }
        let log = File::options().create(true).append(true).open(&program.log)?;
        let mut process = Command::new(&program.path)
            .args(&program.words)
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.path.display()))?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let mut contestant = Contestant { program, process, input, output, version: String::new() };
        let line = contestant.line()?;
        match line.strip_prefix("ok ") {
            Some(version) => contestant.version = version.to_owned(),
            None => return Err(format!("{} begins with '{line}'", program.name).into()),
        }
        Ok(contestant)
    }

    /// A line of its output.
    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let log = self.program.log.display();
            return Err(format!("{} ended; what it said is in {log}", self.program.name).into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Asks for something. One that ends instead is started again, for the rows that follow.
    pub fn ask(&mut self, question: &str) -> Outcome<Answer> {
        let asked = writeln!(self.input, "{question}").and_then(|()| self.input.flush());
        let answer = match asked {
            Ok(()) => self.line(),
            Err(error) => Err(error.into()),
        };
        let line = match answer {
            Ok(line) => line,
            Err(error) => {
                *self = Contestant::start(self.program)?;
                return Ok(Answer::Error(error.to_string()));
            }
        };
        Ok(match line.split_once(' ').unwrap_or((&line, "")) {
            ("ok", rest) => Answer::Numbers(rest.split(' ').map(str::parse).collect::<Result<_, _>>()?),
            ("missing", _) => Answer::Missing,
            ("error", rest) => Answer::Error(rest.to_owned()),
            _ => Answer::Error(format!("it answered '{line}'")),
        })
    }
}

impl Drop for Contestant<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
