//! A profile as a table, drawn for a terminal.

use std::{fmt, time::Duration};

use super::{By, Profile, Row};

/// To so many letters names are cut.
const NAME: usize = 48;

impl fmt::Display for Profile {
    /// The table by name, then the ranges.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table(By::Name))
    }
}

impl Profile {
    /// The table by name, shape or line, and the ranges. PyTorch's `key_averages().table()`.
    #[inline]
    pub fn table(&self, by: By) -> String {
        let rows = self.rows(by);
        let cards = self.has_cards();
        let whole: Duration = rows.iter().map(|row| row.own).sum();
        let carded: Duration = rows.iter().map(|row| row.card).sum();
        let mut grid = Grid::default();
        let mut head = vec!["operation", "calls", "self", "share", "total", "mean"];
        if cards {
            head.extend(["card", "share"]);
        }
        head.push("made");
        grid.line(head);
        let line = |row: &Row| {
            let mut cells = vec![
                format!("  {}", row.name),
                row.calls.to_string(),
                duration(row.own),
                share(row.own, whole),
                duration(row.total),
                duration(row.total / row.calls.max(1) as u32),
            ];
            if cards {
                cells.extend([duration(row.card), share(row.card, carded)]);
            }
            cells.push(bytes(row.bytes));
            cells
        };
        for backward in [false, true] {
            let mut part = rows.iter().filter(|row| row.backward == backward).peekable();
            if part.peek().is_some() {
                grid.title(if backward { "backward" } else { "forward" });
                part.for_each(|row| grid.line(line(row)));
            }
        }
        let mut text = grid.drawn();
        let ranges = self.ranges();
        if !ranges.is_empty() {
            let mut grid = Grid::default();
            let mut head = vec!["range", "calls", "total", "share", "in operations"];
            if cards {
                head.push("card");
            }
            grid.line(head);
            for row in &ranges {
                let mut cells = vec![
                    format!("{}{}", "  ".repeat(row.depth + 1), row.name),
                    row.calls.to_string(),
                    duration(row.total),
                    share(row.total, self.wall()),
                    duration(row.operations),
                ];
                if cards {
                    cells.push(duration(row.card));
                }
                grid.line(cells);
            }
            text += &grid.drawn();
        }
        let threads = self.tracks().iter().filter(|track| track.device.is_none()).count();
        text += &format!("{} in all, {} in operations", duration(self.wall()), duration(whole));
        if threads > 1 {
            text += &format!(" of {threads} threads");
        }
        if cards {
            text += &format!(", {} on cards", duration(carded));
        }
        text + "\n"
    }
}

/// Lines of cells: the first column stands left, the others right.
#[derive(Default)]
struct Grid {
    lines: Vec<Vec<String>>,
}

impl Grid {
    fn line<T: Into<String>>(&mut self, cells: Vec<T>) {
        self.lines.push(cells.into_iter().map(Into::into).collect());
    }

    #[inline]
    fn title(&mut self, title: &str) {
        self.lines.push(vec![title.to_owned()]);
    }

    #[inline]
    fn drawn(&self) -> String {
        let columns = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for line in &self.lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count().min(NAME));
            }
        }
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
        let mut text = String::new();
        for (i, line) in self.lines.iter().enumerate() {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                match column {
                    0 => text += &format!("{:width$}", cut(cell)),
                    _ => text += &format!("  {cell:>width$}"),
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
            if i == 0 {
                text += &rule;
                text.push('\n');
            }
        }
        text + &rule + "\n"
    }
}

#[inline]
fn cut(text: &str) -> String {
    if text.chars().count() <= NAME {
        return text.to_owned();
    }
    text.chars().take(NAME - 1).chain(['…']).collect()
}

/// Three digits of a time, with a unit.
#[inline]
fn duration(time: Duration) -> String {
    let nanoseconds = time.as_nanos() as f64;
    if nanoseconds < 999.5 {
        return format!("{nanoseconds} ns");
    }
    let units = ["µs", "ms", "s"];
    let step = (0..units.len() - 1).find(|&step| nanoseconds < 999.5 * 1e3f64.powi(step as i32 + 1));
    let step = step.unwrap_or(units.len() - 1);
    format!("{} {}", digits(nanoseconds / 1e3f64.powi(step as i32 + 1)), units[step])
}

/// Three digits of a number of bytes, with a unit.
#[inline]
fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let units = ["kB", "MB", "GB", "TB"];
    let step = (0..units.len() - 1).find(|&step| (bytes as f64) < 999.5 * 1e3f64.powi(step as i32 + 1));
    let step = step.unwrap_or(units.len() - 1);
    format!("{} {}", digits(bytes as f64 / 1e3f64.powi(step as i32 + 1)), units[step])
}

#[inline]
fn digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[inline]
fn share(part: Duration, whole: Duration) -> String {
    if whole.is_zero() {
        return "0.0 %".to_owned();
    }
    format!("{:.1} %", 100.0 * part.as_secs_f64() / whole.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_three_digits() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (5_432_100_000, "5.43 s"),
            (5_432_100_000_000, "5432 s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
        }
        assert_eq!([bytes(0), bytes(1234), bytes(56_789_000)], ["0 B", "1.23 kB", "56.8 MB"]);
        assert_eq!(share(Duration::from_millis(1), Duration::from_millis(8)), "12.5 %");
        assert_eq!(share(Duration::ZERO, Duration::ZERO), "0.0 %");
    }

    #[test]
    fn columns_stand_under_their_heads() {
        let mut grid = Grid::default();
        grid.line(vec!["operation", "calls"]);
        grid.title("forward");
        grid.line(vec!["  ∂matmul: a long name", "7"]);
        let text = grid.drawn();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "operation               calls");
        assert_eq!(lines[1], "─".repeat(29));
        assert_eq!(lines[2], "forward");
        assert_eq!(lines[3], "  ∂matmul: a long name      7");
        assert_eq!(cut(&"x".repeat(60)).chars().count(), NAME);
    }
}
