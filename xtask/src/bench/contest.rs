//! Ours against the peers: rows one after another, and within a row, once all agree on the result, rounds in which the
//! contestants are timed in turn.

use super::{
    Options, Outcome,
    contestant::{Answer, Contestant},
    extra, limits, peers,
    protocol::median,
    report::{self, Report},
    rows::{self, Row},
};

/// By how much results may differ, as a share of their size.
const TOLERANCE: f64 = 1e-3;
/// Seconds that a contestant is timed in one round.
const SLICE: f64 = 0.15;

/// What became of a contestant in a row.
pub enum Verdict {
    /// Microseconds of every round.
    Timed(Vec<f64>),
    /// It cannot do this.
    Missing,
    /// It computes something else.
    Differs(String),
    Failed(String),
}

impl Verdict {
    /// Microseconds, if it was timed.
    pub fn time(&self) -> Option<f64> {
        match self {
            Verdict::Timed(times) => Some(median(&mut times.clone())),
            Verdict::Missing | Verdict::Differs(_) | Verdict::Failed(_) => None,
        }
    }
}

/// What a row is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of those whose mean counts.
    Row,
    /// A time besides.
    Extra,
    /// Not microseconds, but KiB.
    Memory,
}

/// What a row came to: ours first, then the peers in their order.
pub struct Finding {
    pub name: String,
    pub kind: Kind,
    pub flops: f64,
    pub bytes: f64,
    pub verdicts: Vec<Verdict>,
}

/// Runs the rows; true unless something of ours could not be measured.
pub fn run(options: &Options) -> Outcome<bool> {
    let threads = match options.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let mut programs = vec![peers::ours(threads)?];
    for name in &options.against {
        programs.push(peers::peer(name, threads)?);
    }
    let limits = limits::measure(threads);
    let mut contestants = programs.iter().map(Contestant::start).collect::<Outcome<Vec<_>>>()?;
    let mut report = Report {
        threads,
        limits,
        names: programs.iter().map(|program| program.name).collect(),
        versions: contestants.iter().map(|contestant| contestant.version.clone()).collect(),
        findings: Vec::new(),
    };
    report::head(&report);
    let (extra, rows): (Vec<Row>, Vec<Row>) =
        rows::all().into_iter().filter(|row| asked(options, row)).partition(|row| kind(row) == Kind::Extra);
    for row in &rows {
        let finding = judge(row, &mut contestants, options.rounds)?;
        report::line(&report, &finding);
        report.findings.push(finding);
    }
    report::foot(&report);
    for row in &extra {
        let finding = judge(row, &mut contestants, options.rounds)?;
        report::line(&report, &finding);
        report.findings.push(finding);
    }
    drop(contestants);
    extra::run(options, &programs, threads, &mut |finding| {
        report::line(&report, &finding);
        report.findings.push(finding);
    })?;
    report::write_json(&report, options.json.as_deref())?;
    if options.write {
        report::write_page(&report)?;
    }
    Ok(report.findings.iter().all(|finding| finding.verdicts[0].time().is_some()))
}

/// Whether a row counts in the mean.
fn kind(row: &Row) -> Kind {
    let extra = ["data/", "scale/"].iter().any(|kind| row.name.starts_with(kind));
    if extra { Kind::Extra } else { Kind::Row }
}

/// Whether a row is wanted; those of scale/ only by name.
fn asked(options: &Options, row: &Row) -> bool {
    options.asks_for(&row.name) && !(options.only.is_empty() && row.name.starts_with("scale/"))
}

/// All contestants in one row.
pub fn judge(row: &Row, contestants: &mut [Contestant<'_>], rounds: usize) -> Outcome<Finding> {
    let question = format!("row {}", row.name);
    let mut verdicts = Vec::new();
    let mut expected = Vec::new();
    for contestant in contestants.iter_mut() {
        verdicts.push(match contestant.ask(&question)? {
            Answer::Missing => Verdict::Missing,
            Answer::Error(error) => Verdict::Failed(error),
            Answer::Numbers(numbers) => {
                if verdicts.is_empty() {
                    expected.clone_from(&numbers);
                }
                match difference(&expected, &numbers) {
                    None => Verdict::Timed(Vec::new()),
                    Some(difference) => Verdict::Differs(difference),
                }
            }
        });
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        // Whoever follows whom should not always be the same.
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            if let Verdict::Timed(times) = &mut verdicts[i] {
                match contestants[i].ask(&format!("time {SLICE}"))? {
                    Answer::Numbers(time) => times.extend(time),
                    Answer::Missing => verdicts[i] = Verdict::Missing,
                    Answer::Error(error) => verdicts[i] = Verdict::Failed(error),
                }
            }
        }
    }
    Ok(Finding { name: row.name.clone(), kind: kind(row), flops: row.flops, bytes: row.bytes, verdicts })
}

/// What differs between two results, if anything does. The first number of a result is its scale.
fn difference(ours: &[f64], theirs: &[f64]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} numbers against ours, {}", theirs.len(), ours.len()));
    }
    let scale = ours.first().map_or(0.0, |x| x.abs());
    let differ = |(a, b): (&f64, &f64)| {
        let close = (a - b).abs() <= TOLERANCE * scale.max(a.abs()) || a == b;
        (!close).then(|| format!("{b} against ours, {a}"))
    };
    ours.iter().zip(theirs).find_map(differ)
}
