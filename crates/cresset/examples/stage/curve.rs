//! A learning curve as an SVG picture: some lines over the epochs.

use std::path::Path;

use cresset::prelude::*;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Around the plot: left, right, top, bottom.
const MARGIN: [f64; 4] = [60.0, 60.0, 40.0, 46.0];
const COLOURS: [&str; 4] = ["#d1495b", "#00798c", "#edae49", "#30638e"];

/// Lines over the epochs. Those of the first axis are drawn by the scale on the left, those of the second on the right.
#[derive(Default)]
pub struct Curve {
    title: String,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    right: bool,
    values: Vec<f64>,
}

impl Curve {
    /// No lines yet.
    pub fn new(title: impl Into<String>) -> Curve {
        Curve { title: title.into(), lines: Vec::new() }
    }

    /// One more point of the line of that name, by the scale on the left.
    pub fn left(&mut self, name: &str, value: f64) {
        self.push(name, value, false);
    }

    /// One more point of the line of that name, by the scale on the right.
    pub fn right(&mut self, name: &str, value: f64) {
        self.push(name, value, true);
    }

    fn push(&mut self, name: &str, value: f64, right: bool) {
        match self.lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.values.push(value),
            None => self.lines.push(Line { name: name.to_owned(), right, values: vec![value] }),
        }
    }

    /// Writes the picture.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.svg())
            .map_err(|error| Error::file("Curve::save", format!("{}: {error}", path.display())))
    }

    fn svg(&self) -> String {
        let [left, right, top, bottom] = MARGIN;
        let (inner_width, inner_height) = (WIDTH - left - right, HEIGHT - top - bottom);
        let epochs = self.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
        let x = |i: usize| left + inner_width * i as f64 / epochs.saturating_sub(1).max(1) as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{left}\" y=\"24\" font-size=\"15\">{}</text>\n",
            self.title
        );
        for is_right in [false, true] {
            let side: Vec<&Line> = self.lines.iter().filter(|line| line.right == is_right).collect();
            let values = side.iter().flat_map(|line| &line.values).copied().filter(|value| value.is_finite());
            let (low, high) =
                values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
            if low > high {
                continue;
            }
            let (low, high, step) = ticks(low, high);
            let y = |value: f64| top + inner_height * (high - value) / (high - low);
            for i in 0..=((high - low) / step).round() as usize {
                let value = low + step * i as f64;
                let (at, place) = (y(value), if is_right { WIDTH - right + 8.0 } else { left - 8.0 });
                let anchor = if is_right { "start" } else { "end" };
                if !is_right {
                    svg += &format!(
                        "<line x1=\"{left}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\n",
                        WIDTH - right
                    );
                }
                svg += &format!(
                    "<text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
                    at + 4.0,
                    short(value, step)
                );
            }
            for line in side {
                let colour = self.colour(line);
                let points: Vec<String> = (line.values.iter().enumerate())
                    .filter(|(_, value)| value.is_finite())
                    .map(|(i, &value)| format!("{:.1},{:.1}", x(i), y(value)))
                    .collect();
                svg += &format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                    points.join(" ")
                );
            }
        }
        let every = epochs.div_ceil(10).max(1);
        for epoch in (0..epochs).step_by(every) {
            svg += &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                x(epoch),
                HEIGHT - bottom + 18.0,
                epoch + 1
            );
        }
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">epoch</text>\n",
            left + inner_width / 2.0,
            HEIGHT - 10.0
        );
        let mut at = WIDTH - right;
        for line in self.lines.iter().rev() {
            svg += &format!(
                "<text x=\"{at:.1}\" y=\"24\" text-anchor=\"end\" fill=\"{}\">{}</text>\n",
                self.colour(line),
                line.name
            );
            at -= 8.0 * line.name.chars().count() as f64 + 14.0;
        }
        svg + "</svg>\n"
    }

    fn colour(&self, line: &Line) -> &'static str {
        let place = self.lines.iter().position(|other| other.name == line.name).unwrap_or(0);
        COLOURS[place % COLOURS.len()]
    }
}

/// Round numbers around a range, and how far apart they are.
fn ticks(low: f64, high: f64) -> (f64, f64, f64) {
    let range = if high > low { high - low } else { high.abs().max(1.0) };
    let power = 10f64.powf((range / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| range / step <= 6.0);
    let step = step.unwrap_or(range);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    (low, if high > low { high } else { low + step }, step)
}

/// A number with as many digits as its steps have.
fn short(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.digits$}")
}
