//! What a run found, as a table for people, as JSON for programs, and as the table in the book.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use super::{
    Outcome,
    contest::{Finding, Kind, Verdict},
    limits::Limits,
    peers::root,
};

/// A whole run.
pub struct Report {
    pub threads: usize,
    pub limits: Limits,
    /// Ours first.
    pub names: Vec<&'static str>,
    pub versions: Vec<String>,
    pub findings: Vec<Finding>,
}

/// Between these the book's table stands.
const MARKERS: [&str; 2] = ["<!-- cargo xtask bench --write: begin -->", "<!-- end -->"];

impl Finding {
    /// The time of a peer as a multiple of ours.
    fn ratio(&self, peer: usize) -> Option<f64> {
        Some(self.verdicts[peer].time()? / self.verdicts[0].time()?)
    }

    /// The smallest of the peers' ratios.
    fn best(&self) -> Option<f64> {
        (1..self.verdicts.len()).filter_map(|peer| self.ratio(peer)).reduce(f64::min)
    }

    /// The least time that the machine could take for this, as a share of ours.
    fn share(&self, limits: Limits) -> Option<f64> {
        let least = (self.flops / limits.flops).max(self.bytes / limits.bytes) * 1e6;
        (least > 0.0).then_some(least / self.verdicts[0].time()?)
    }
}

/// The geometric mean of all rows that count.
fn overall(report: &Report, ratio: impl Fn(&Finding) -> Option<f64>) -> Option<f64> {
    mean(report.findings.iter().filter(|finding| finding.kind == Kind::Row).filter_map(ratio))
}

/// The geometric mean.
fn mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

/// A time in a unit that suits it.
fn time(microseconds: f64) -> String {
    match microseconds {
        t if t < 100.0 => format!("{t:.2} µs"),
        t if t < 1000.0 => format!("{t:.0} µs"),
        t if t < 100_000.0 => format!("{:.2} ms", t / 1e3),
        t => format!("{:.0} ms", t / 1e3),
    }
}

fn number(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share))
}

/// What a contestant's cell says.
fn cell(finding: &Finding, contestant: usize) -> String {
    let verdict = &finding.verdicts[contestant];
    match verdict {
        Verdict::Timed(_) if finding.kind == Kind::Memory => {
            verdict.time().map_or_else(String::new, |kib| format!("{:.0} MiB", kib / 1024.0))
        }
        Verdict::Timed(_) => verdict.time().map_or_else(String::new, time),
        Verdict::Missing => "missing".into(),
        Verdict::Differs(_) => "differs".into(),
        Verdict::Failed(_) => "failed".into(),
    }
}

fn limits(limits: Limits) -> String {
    format!("{:.0} GFLOP/s in f32, {:.1} GB/s from memory", limits.flops / 1e9, limits.bytes / 1e9)
}

/// What stands above the rows.
pub fn head(report: &Report) {
    println!("{}, {} threads; limits: {}", processor(), report.threads, limits(report.limits));
    println!("{}\n", report.versions.join(", "));
    print!("{:<40} {:>10}", "row", "ours");
    for name in &report.names[1..] {
        print!(" {name:>10} {:>6}", "ratio");
    }
    println!(" {:>6} {:>8}", "best", "of limit");
}

/// A row, and what went wrong in it.
pub fn line(report: &Report, finding: &Finding) {
    print!("{:<40} {:>10}", finding.name, cell(finding, 0));
    for peer in 1..finding.verdicts.len() {
        print!(" {:>10} {:>6}", cell(finding, peer), number(finding.ratio(peer)));
    }
    println!(" {:>6} {:>8}", number(finding.best()), percent(finding.share(report.limits)));
    for (name, verdict) in report.names.iter().zip(&finding.verdicts) {
        if let Verdict::Differs(why) | Verdict::Failed(why) = verdict {
            println!("    {name}: {why}");
        }
    }
}

/// The geometric means, if there are any.
pub fn foot(report: &Report) {
    if overall(report, Finding::best).is_none() {
        return;
    }
    print!("\n{:<40} {:>10}", "geometric mean", "");
    for peer in 1..report.names.len() {
        let ratio = overall(report, |finding| finding.ratio(peer));
        print!(" {:>10} {:>6}", "", number(ratio));
    }
    println!(" {:>6}\n", number(overall(report, Finding::best)));
}

/// The processor's name.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    let name = name.map_or("an unknown processor", |(_, name)| name.trim());
    let vectors = if text.contains(" avx512f ") { ", AVX-512" } else { "" };
    format!("{name}{vectors}")
}

/// Today, as the system says it.
fn today() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default().trim().to_owned()
}

/// All that was measured, as JSON: to the file that was asked for, or one named after today.
pub fn write_json(report: &Report, file: Option<&Path>) -> Outcome<()> {
    let strings = |list: &[String]| list.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
    let mut text = String::from("{\n");
    writeln!(text, "  \"date\": {:?},\n  \"processor\": {:?},", today(), processor())?;
    writeln!(text, "  \"threads\": {},\n  \"versions\": [{}],", report.threads, strings(&report.versions))?;
    writeln!(text, "  \"flops\": {:e},\n  \"bytes\": {:e},", report.limits.flops, report.limits.bytes)?;
    text.push_str("  \"rows\": {");
    for (i, finding) in report.findings.iter().enumerate() {
        write!(text, "{}\n    {:?}: {{", if i > 0 { "," } else { "" }, finding.name)?;
        for (i, (name, verdict)) in report.names.iter().zip(&finding.verdicts).enumerate() {
            let value = match verdict {
                Verdict::Timed(times) => format!("{times:?}"),
                Verdict::Missing => "null".into(),
                Verdict::Differs(why) | Verdict::Failed(why) => format!("{why:?}"),
            };
            write!(text, "{}{name:?}: {value}", if i > 0 { ", " } else { "" })?;
        }
        text.push('}');
    }
    text.push_str("\n  }\n}\n");
    let usual = root().join(format!("target/bench/{}.json", today()));
    let file = file.unwrap_or(&usual);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)?;
    println!("written: {}", file.display());
    Ok(())
}

/// The book's table, in place of the one that is there.
pub fn write_page(report: &Report) -> Outcome<()> {
    let path = root().join("docs/src/performance.md");
    let page = fs::read_to_string(&path)?;
    let [begin, end] = MARKERS;
    let (before, rest) =
        page.split_once(begin).ok_or("docs/src/performance.md has no place for the table")?;
    let (_, after) = rest.split_once(end).ok_or("the table in docs/src/performance.md has no end")?;
    let mut text = String::new();
    writeln!(
        text,
        "Measured on {} on {}, {} threads; {}. The machine's limits: {}.\n",
        today(),
        processor(),
        report.threads,
        report.versions.join(", "),
        limits(report.limits)
    )?;
    let (extra, rows): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.kind != Kind::Row);
    table(&mut text, report, &rows)?;
    write!(text, "| geometric mean | |")?;
    for peer in 1..report.names.len() {
        write!(text, " | {} |", number(overall(report, |finding| finding.ratio(peer))))?;
    }
    writeln!(text, " {} | |", number(overall(report, Finding::best)))?;
    if !extra.is_empty() {
        writeln!(text, "\nBesides: a whole process, the most memory of a process, passes over a loader.\n")?;
        table(&mut text, report, &extra)?;
    }
    fs::write(path, format!("{before}{begin}\n{text}{end}{after}"))?;
    Ok(())
}

/// Rows as a table of the book.
fn table(text: &mut String, report: &Report, findings: &[&Finding]) -> Outcome<()> {
    write!(text, "| row | ours |")?;
    for name in &report.names[1..] {
        write!(text, " {name} | ÷ ours |")?;
    }
    writeln!(text, " best ÷ ours | of the limit |")?;
    writeln!(text, "|---|---|{}---|---|", "---|---|".repeat(report.names.len() - 1))?;
    for finding in findings {
        write!(text, "| `{}` | {} |", finding.name, cell(finding, 0))?;
        for peer in 1..finding.verdicts.len() {
            write!(text, " {} | {} |", cell(finding, peer), number(finding.ratio(peer)))?;
        }
        writeln!(text, " {} | {} |", number(finding.best()), percent(finding.share(report.limits)))?;
    }
    Ok(())
}
