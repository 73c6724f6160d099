//! A progress bar, one line an epoch: drawn over and over in a terminal, written once elsewhere.

use std::{
    io::{IsTerminal, Write, stdout},
    time::{Duration, Instant},
};

/// The line of an epoch.
pub struct Progress {
    label: String,
    total: usize,
    done: usize,
    start: Instant,
    drawn: Option<Instant>,
    live: bool,
}

impl Progress {
    /// Of `total` steps, none done.
    pub fn new(label: impl Into<String>, total: usize) -> Progress {
        let live = stdout().is_terminal();
        Progress { label: label.into(), total, done: 0, start: Instant::now(), drawn: None, live }
    }

    /// One more step is done; the text says how it stands.
    pub fn step(&mut self, text: &str) {
        self.done += 1;
        // More than twenty pictures a second nobody sees.
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(50));
        if self.live && (due || self.done == self.total) {
            self.drawn = Some(Instant::now());
            self.draw(text);
        }
    }

    /// The epoch is over; the text says what came of it.
    pub fn end(&mut self, text: &str) {
        self.draw(text);
        println!();
    }

    fn draw(&self, text: &str) {
        const WIDTH: usize = 24;
        let full = (WIDTH * self.done).checked_div(self.total).unwrap_or(WIDTH);
        let bar = "█".repeat(full) + &"░".repeat(WIDTH - full.min(WIDTH));
        let seconds = self.start.elapsed().as_secs_f64();
        // From the line's start, to its end, so that nothing of a longer text stays.
        let (back, clear) = if self.live { ("\r", "\x1b[K") } else { ("", "") };
        print!("{back}{} {bar} {seconds:5.1} s  {text}{clear}", self.label);
        let _ = stdout().flush();
    }
}
