//! A profile as a trace that browsers draw: Chrome's trace event format.

use std::{fmt::Write as _, path::Path, time::Duration};

use cresset_tensor::{Error, Result};

use super::{Event, Kind, Profile};

/// The process that the program's threads are in; cards come after it.
const PROGRAM: usize = 1;

impl Profile {
    /// Writes when everything ran, for `chrome://tracing` or <https://ui.perfetto.dev>: a line for each thread, and one for each
    /// card that says when its kernels ran. PyTorch's `export_chrome_trace`.
    ///
    /// Cards have clocks of their own, which are set here so that a card's first kernel begins when it was handed over.
    #[track_caller]
    pub fn write_chrome_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.chrome_trace()).map_err(|error| {
            Error::file("write_chrome_trace", format!("{} could not be written: {error}", path.display()))
        })
    }

    /// The text of the trace, JSON.
    #[inline]
    pub fn chrome_trace(&self) -> String {
        let mut text = String::from("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
        let mut named = |pid: usize, tid: usize, what: &str, name: &str| {
            let _ = writeln!(
                text,
                "{{\"ph\": \"M\", \"pid\": {pid}, \"tid\": {tid}, \"name\": \"{what}\", \"args\": {{\"name\": {}}}}},",
                quoted(name)
            );
        };
        named(PROGRAM, 0, "process_name", "program");
        for (tid, track) in self.tracks().iter().enumerate() {
            let pid = self.process(tid);
            if let Some(device) = track.device {
                named(pid, tid, "process_name", &device.to_string());
            }
            named(pid, tid, "thread_name", &track.name);
        }
        for event in self.events() {
            text += &self.line(event);
            text += ",\n";
        }
        // No comma after the last.
        text.truncate(text.trim_end().trim_end_matches(',').len());
        text + "\n]}\n"
    }

    #[inline]
    fn process(&self, track: usize) -> usize {
        let cards = self.tracks()[..=track].iter().filter(|track| track.device.is_some()).count();
        if self.tracks()[track].device.is_some() { PROGRAM + cards } else { PROGRAM }
    }

    #[inline]
    fn line(&self, event: &Event) -> String {
        let name = match event.kind {
            Kind::Rule => quoted(&format!("∂{}", event.name)),
            Kind::Operation | Kind::Range | Kind::Module | Kind::Backward | Kind::Kernel => {
                quoted(&event.name)
            }
        };
        let mut arguments: Vec<String> = Vec::new();
        let mut argument = |name: &str, value: String| arguments.push(format!("\"{name}\": {value}"));
        if !event.shapes.is_empty() {
            let shapes: Vec<String> = event.shapes.iter().map(ToString::to_string).collect();
            argument("shapes", quoted(&shapes.join(" ")));
        }
        if event.bytes > 0 {
            argument("bytes", event.bytes.to_string());
        }
        if let Some(of) = &event.derives {
            argument("derivative of", quoted(of));
        }
        if let Some(location) = event.location {
            argument("line", quoted(&format!("{}:{}", location.file(), location.line())));
        }
        format!(
            "{{\"ph\": \"X\", \"pid\": {}, \"tid\": {}, \"ts\": {}, \"dur\": {}, \"name\": {name}, \"cat\": \"{}\", \"args\": {{{}}}}}",
            self.process(event.track),
            event.track,
            microseconds(event.start),
            microseconds(event.time),
            event.kind.name(),
            arguments.join(", ")
        )
    }
}

#[inline]
fn microseconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_micros(), time.subsec_nanos() % 1000)
}

/// A text as JSON writes it.
#[inline]
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            letter if letter < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_times_in_microseconds() {
        assert_eq!(quoted("a \"b\" \\ \n∂"), r#""a \"b\" \\ \u000a∂""#);
        assert_eq!(microseconds(Duration::from_nanos(1_234_567)), "1234.567");
        assert_eq!(microseconds(Duration::from_nanos(5)), "0.005");
    }
}
