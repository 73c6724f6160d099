//! Noting what happens while a profile is made. Every thread keeps its own list, so that none waits for another.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
    collections::HashMap,
    panic::Location,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use cresset_tensor::{Array, Device, Result, Shape, order::sort_by};
use smallvec::SmallVec;

use super::{Event, Kind, Profile, Track};
use crate::{backend, op::Op};

/// How many profiles are being made.
static ON: AtomicU32 = AtomicU32::new(0);
/// Events are numbered as they begin.
static NEXT: AtomicU64 = AtomicU64::new(1);
/// What every thread noted.
static THREADS: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());
/// What cards said.
static CARDS: Mutex<Vec<Kernel>> = Mutex::new(Vec::new());

thread_local! {
    /// The event that the thread is in; 0 is none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
    static THREAD: OnceCell<Arc<Thread>> = const { OnceCell::new() };
}

/// A thread's list.
struct Thread {
    name: String,
    noted: Mutex<Vec<Noted>>,
}

/// An event as it is noted.
#[derive(Clone)]
struct Noted {
    number: u64,
    inside: u64,
    kind: Kind,
    name: Cow<'static, str>,
    start: Instant,
    time: Duration,
    shapes: SmallVec<[Shape; 2]>,
    bytes: u64,
    location: &'static Location<'static>,
}

/// What a card said of one of its kernels.
#[derive(Clone)]
struct Kernel {
    device: Device,
    card: String,
    /// The operation that asked for it.
    of: u64,
    start: Instant,
    time: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is a profile being made? One load that nobody waits for.
#[inline]
pub fn is_on() -> bool {
    ON.load(Relaxed) != 0
}

/// A stretch of time that ends when this is dropped.
#[must_use = "the stretch ends when this is dropped"]
pub struct Span(Option<Box<Noted>>);

/// Begins a stretch of time, if a profile is being made: for crates that have something to tell. Programs use
/// [`range`](super::range).
#[track_caller]
#[inline]
pub fn span(kind: Kind, name: impl FnOnce() -> Cow<'static, str>) -> Span {
    if is_on() { Span::open(kind, name(), Location::caller()) } else { Span(None) }
}

impl Span {
    #[cold]
    fn open(kind: Kind, name: Cow<'static, str>, location: &'static Location<'static>) -> Span {
        let number = NEXT.fetch_add(1, Relaxed);
        let inside = CURRENT.replace(number);
        Span(Some(Box::new(Noted {
            number,
            inside,
            kind,
            name,
            start: Instant::now(),
            time: Duration::ZERO,
            shapes: SmallVec::new(),
            bytes: 0,
            location,
        })))
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(noted) = self.0.take() {
            close(noted);
        }
    }
}

#[cold]
fn close(mut noted: Box<Noted>) {
    noted.time = noted.start.elapsed();
    CURRENT.set(noted.inside);
    if !is_on() {
        return;
    }
    // A thread that is ending has no list any more.
    let _ = THREAD.try_with(|thread| {
        let thread = thread.get_or_init(|| {
            let name = std::thread::current().name().unwrap_or("thread").to_owned();
            let thread = Arc::new(Thread { name, noted: Mutex::default() });
            lock(&THREADS).push(thread.clone());
            thread
        });
        lock(&thread.noted).push(*noted);
    });
}

/// The number of the event that the thread is in: what a device notes with a kernel, to tell [`ran`] later. 0 is none.
pub fn current() -> u64 {
    CURRENT.get()
}

/// Tells that a card has run a kernel for an event.
pub fn ran(device: Device, card: &str, of: u64, start: Instant, time: Duration) {
    if is_on() {
        lock(&CARDS).push(Kernel { device, card: card.to_owned(), of, start, time });
    }
}

/// Runs an operation and notes it; `made` says which arrays it gave.
#[cold]
#[inline(never)]
pub(crate) fn operation<R>(
    op: &Op,
    inputs: &[&Array],
    location: &'static Location<'static>,
    run: impl FnOnce() -> Result<R>,
    made: impl FnOnce(&R) -> &[Array],
) -> Result<R> {
    let mut span = Span::open(Kind::Operation, op.label(), location);
    let result = run();
    if let Some(noted) = &mut span.0 {
        noted.shapes = inputs.iter().map(|x| x.shape().clone()).collect();
        if let Ok(given) = &result {
            let fresh = |x: &&Array| !inputs.iter().any(|input| input.shares_memory(x));
            let bytes = made(given).iter().filter(fresh).map(|x| x.numel() * x.dtype().size());
            noted.bytes = bytes.sum::<usize>() as u64;
        }
    }
    result
}

/// A profile being made. Dropped without an end, as by a panic, it leaves nothing behind.
pub(super) struct Session {
    began: Instant,
    first: u64,
}

impl Session {
    pub fn begin() -> Session {
        let _threads = lock(&THREADS);
        ON.fetch_add(1, Relaxed);
        Session { began: Instant::now(), first: NEXT.load(Relaxed) }
    }

    #[inline]
    pub fn end(self) -> Profile {
        let wall = self.began.elapsed();
        // What cards were asked for they may still be at.
        backend::report();
        let mut noted: Vec<(usize, Noted)> = Vec::new();
        let mut tracks = Vec::new();
        for thread in lock(&THREADS).iter() {
            let before = noted.len();
            let all = lock(&thread.noted);
            let ours = all.iter().filter(|one| one.number >= self.first);
            noted.extend(ours.map(|one| (tracks.len(), one.clone())));
            if noted.len() > before {
                tracks.push(Track { name: thread.name.clone(), device: None });
            }
        }
        sort_by(&mut noted, |(_, one), (_, other)| one.number.cmp(&other.number));
        let place: HashMap<u64, usize> =
            noted.iter().enumerate().map(|(i, (_, one))| (one.number, i)).collect();
        let mut events: Vec<Event> = Vec::with_capacity(noted.len());
        for (track, one) in noted {
            let inside = place.get(&one.inside).copied();
            // What it is inside of has begun before, so it is here already.
            let (backward, derives) = match inside.map(|outer| &events[outer]) {
                Some(outer) if outer.kind == Kind::Rule => (true, Some(outer.name.clone())),
                Some(outer) => (outer.backward || outer.kind == Kind::Backward, outer.derives.clone()),
                None => (false, None),
            };
            if let Some(outer) = inside {
                events[outer].own = events[outer].own.saturating_sub(one.time);
            }
            events.push(Event {
                kind: one.kind,
                name: one.name,
                start: one.start.saturating_duration_since(self.began),
                time: one.time,
                own: one.time,
                card: Duration::ZERO,
                track,
                inside,
                backward,
                derives,
                shapes: one.shapes,
                bytes: one.bytes,
                location: Some(one.location),
            });
        }
        let kernels: Vec<Kernel> =
            lock(&CARDS).iter().filter(|kernel| kernel.of >= self.first).cloned().collect();
        for kernel in kernels {
            let known = tracks.iter().position(|track| track.device == Some(kernel.device));
            let track = known.unwrap_or_else(|| {
                tracks.push(Track { name: kernel.card, device: Some(kernel.device) });
                tracks.len() - 1
            });
            let inside = place.get(&kernel.of).copied();
            let mut event = match inside {
                Some(asker) => {
                    events[asker].card += kernel.time;
                    events[asker].clone()
                }
                // Whoever asked has not ended yet.
                None => continue,
            };
            event.kind = Kind::Kernel;
            event.start = kernel.start.saturating_duration_since(self.began);
            (event.time, event.own, event.card) = (kernel.time, kernel.time, kernel.time);
            (event.track, event.inside, event.bytes) = (track, inside, 0);
            events.push(event);
        }
        Profile { events, tracks, wall }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut threads = lock(&THREADS);
        if ON.fetch_sub(1, Relaxed) == 1 {
            threads.iter().for_each(|thread| *lock(&thread.noted) = Vec::new());
            threads.retain(|thread| Arc::strong_count(thread) > 1);
            *lock(&CARDS) = Vec::new();
        }
    }
}
