//! A summary as a table, drawn for a terminal.

use std::fmt;

use crate::summary::{Row, Summary};

/// No line is longer, if names can be cut.
const WIDTH: usize = 100;
/// To no fewer letters is a column cut.
const LEAST: usize = 16;

impl fmt::Display for Summary {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let mut lines = vec![["Module", "Output", "Parameters", "Multiply-adds"].map(str::to_owned)];
        lines.extend(rows.iter().enumerate().map(|(i, row)| {
            [
                format!("{}{}", branch(rows, i), title(row)),
                output(row),
                if row.parameters == 0 { String::new() } else { grouped(row.parameters as u64) },
                row.multiply_adds.filter(|&count| count > 0).map_or_else(String::new, grouped),
            ]
        }));
        let mut widths = [0; 4];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        // Of the columns of text the wider gives way.
        while widths.iter().sum::<usize>() + 6 > WIDTH && widths[0].max(widths[1]) > LEAST {
            let wider = usize::from(widths[1] > widths[0]);
            widths[wider] -= 1;
        }
        let [module, output, parameters, work] = widths;
        let rule = "─".repeat(module + output + parameters + work + 6);
        for (i, [a, b, c, d]) in lines.iter().enumerate() {
            let (a, b) = (cut(a, module), cut(b, output));
            let line = format!("{a:module$}  {b:output$}  {c:>parameters$}  {d:>work$}");
            writeln!(f, "{}", line.trim_end())?;
            if i == 0 {
                writeln!(f, "{rule}")?;
            }
        }
        writeln!(f, "{rule}")?;
        let (trainable, frozen) = (grouped(self.trainable() as u64), grouped(self.frozen() as u64));
        let trained = match (self.trainable(), self.frozen()) {
            (0, 0) => "none".to_owned(),
            (_, 0) => format!("{trainable}, all trained"),
            (0, _) => format!("{frozen}, all frozen"),
            _ => format!("{trainable} trained, {frozen} frozen"),
        };
        writeln!(f, "Parameters     {trained}; {}", scaled(self.bytes() as f64, "B"))?;
        write!(f, "Multiply-adds  {}", grouped(self.multiply_adds()))
    }
}

/// The lines that lead to a row.
#[inline]
fn branch(rows: &[Row], i: usize) -> String {
    let last = |place: usize, depth: usize| {
        rows[place + 1..].iter().find(|row| row.depth <= depth).is_none_or(|row| row.depth < depth)
    };
    (1..=rows[i].depth)
        .map(|depth| match (depth == rows[i].depth, last(i, depth)) {
            (true, false) => "├─ ",
            (true, true) => "└─ ",
            (false, false) => "│  ",
            (false, true) => "   ",
        })
        .collect()
}

#[inline]
fn title(row: &Row) -> String {
    match row.name.rsplit('.').next() {
        None | Some("") => row.kind.clone(),
        Some(name) => format!("{name}: {}", row.kind),
    }
}

#[inline]
fn output(row: &Row) -> String {
    let shapes: Vec<String> = row.output.iter().map(ToString::to_string).collect();
    let times = if row.calls > 1 { format!(" ×{}", row.calls) } else { String::new() };
    format!("{}{times}", shapes.join(" "))
}

#[inline]
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// With commas between thousands.
#[inline]
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// With a prefix that keeps it short: `208.6 kB`.
#[inline]
fn scaled(number: f64, unit: &str) -> String {
    let prefixes = ["", "k", "M", "G", "T"];
    let step = (0..prefixes.len() - 1).find(|&step| number < 999.95 * 1000f64.powi(step as i32));
    let step = step.unwrap_or(prefixes.len() - 1);
    let digits = usize::from(step > 0);
    format!("{:.digits$} {}{unit}", number / 1000f64.powi(step as i32), prefixes[step])
}
