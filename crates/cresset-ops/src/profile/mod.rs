//! Where the time goes: `profile` runs a closure and says what it computed and how long each part took; `range` names a part.
//!
//! `record` notes what happens, `rows` sums it up, `table` prints it and `trace` writes it for a browser.

mod record;
mod rows;
mod table;
mod trace;

use std::{borrow::Cow, panic::Location, time::Duration};

use cresset_tensor::{Device, Shape};
use smallvec::SmallVec;

pub(crate) use record::operation;
pub use record::{Span, current, is_on, ran, span};
pub use rows::{By, RangeRow, Row};

/// Runs a closure, and gives what it gave and what was computed meanwhile, in all threads. PyTorch's `torch.profiler.profile`.
///
/// Printed, a [`Profile`] is a table of operations with those first that took most time; [`Profile::write_chrome_trace`]
/// writes when each of them ran, for `chrome://tracing` or <https://ui.perfetto.dev>. What cards computed is waited for.
///
/// ```
/// use cresset_ops::{prelude::*, profile};
///
/// let (y, profile) = profile(|| {
///     let x = Array::ones([64, 64]);
///     profile::range("square", || x.matmul(&x))?.exp()
/// });
/// y?;
/// println!("{profile}");
/// assert!(profile.rows(profile::By::Name).iter().any(|row| row.name == "matmul" && row.calls >= 1));
/// # Ok::<(), Error>(())
/// ```
pub fn profile<R>(f: impl FnOnce() -> R) -> (R, Profile) {
    let session = record::Session::begin();
    let value = f();
    (value, session.end())
}

/// Runs a closure under a name that stands in a profile, with all that happens in it. PyTorch's `record_function`.
///
/// Where no profile is made it costs one look at a variable.
///
/// ```
/// use cresset_ops::{prelude::*, profile};
/// let (sum, profile) = profile(|| profile::range("all of it", || Array::ones([3]).sum()));
/// assert_eq!(sum?.item::<f32>()?, 3.0);
/// assert!(profile.ranges().iter().any(|row| row.name == "all of it"));
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn range<R>(name: impl Into<Cow<'static, str>>, f: impl FnOnce() -> R) -> R {
    let _span = span(Kind::Range, || name.into());
    f()
}

/// What a stretch of time was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// An operation: its numbers were computed, or asked of a card.
    Operation,
    /// What a program named with [`range`].
    Range,
    /// The forward pass of a module.
    Module,
    /// The derivative of an operation.
    Rule,
    /// A backward pass.
    Backward,
    /// A kernel ran on a card.
    Kernel,
}

impl Kind {
    /// A word for it, as in a trace.
    #[inline]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Operation => "operation",
            Kind::Range => "range",
            Kind::Module => "module",
            Kind::Rule => "rule",
            Kind::Backward => "backward",
            Kind::Kernel => "kernel",
        }
    }
}

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it was.
    pub kind: Kind,
    /// Its name: an operation's, a range's, a module's.
    pub name: Cow<'static, str>,
    /// When it began, from the beginning of the profile.
    pub start: Duration,
    /// How long it took.
    pub time: Duration,
    /// How long it took without the events inside of it.
    pub own: Duration,
    /// How long cards worked for it, without the events inside of it.
    pub card: Duration,
    /// Where it happened: a place in [`Profile::tracks`].
    pub track: usize,
    /// The event it happened in: a place in [`Profile::events`].
    pub inside: Option<usize>,
    /// Was it a part of a backward pass?
    pub backward: bool,
    /// The operation whose derivative it was a part of.
    pub derives: Option<Cow<'static, str>>,
    /// The shapes of an operation's inputs.
    pub shapes: SmallVec<[Shape; 2]>,
    /// Bytes of the new arrays that an operation gave.
    pub bytes: u64,
    /// The line that asked for it.
    pub location: Option<&'static Location<'static>>,
}

/// Where events happen one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Track {
    /// The name of a thread, or of a card.
    pub name: String,
    /// The card; `None` is a thread.
    pub device: Option<Device>,
}

/// What was computed while a closure ran; see [`profile`].
#[derive(Clone, Debug)]
pub struct Profile {
    events: Vec<Event>,
    tracks: Vec<Track>,
    wall: Duration,
}

impl Profile {
    /// Everything that happened, in the order in which it began.
    #[inline]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The threads and cards on which it happened.
    #[inline]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// How long the closure ran.
    #[inline]
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// The operations among the events.
    #[inline]
    fn operations(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind == Kind::Operation)
    }

    /// Did any card say how long it worked?
    #[inline]
    fn has_cards(&self) -> bool {
        self.tracks.iter().any(|track| track.device.is_some())
    }
}
