//! Jobs done by several threads, their results given out in the order of the jobs.
//!
//! Knows nothing of data. A panic in a job is an error in place of its result. Dropping a pipeline stops its threads.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use cresset_tensor::{Error, Result};

use super::position::lock;

/// Makes a batch.
pub(super) type Job<B> = Box<dyn FnOnce() -> Result<B> + Send>;
/// The jobs, in order.
pub(super) type Jobs<B> = Box<dyn Iterator<Item = Job<B>> + Send>;

/// How long a dropped pipeline waits for jobs in the middle of which it was dropped. After that their threads are left
/// to themselves: they end with their job.
const PATIENCE: Duration = Duration::from_secs(5);

/// Results of jobs, in order.
pub(super) enum Pipeline<B> {
    /// Made when they are asked for.
    Here(Queue<B>),
    /// Made ahead.
    Ahead(Ahead<B>),
    /// Nothing but an error.
    Refusing(Option<Error>),
}

/// Jobs that nobody has taken yet.
pub(super) struct Queue<B> {
    jobs: Jobs<B>,
    /// The number of the next.
    next: usize,
    ended: bool,
}

impl<B> Queue<B> {
    /// The next job. A panic in what makes the jobs is the end of them, and an error.
    fn take(&mut self) -> Option<(usize, Result<Job<B>>)> {
        if self.ended {
            return None;
        }
        let job = guarded(|| Ok(self.jobs.next()));
        self.ended = !matches!(job, Ok(Some(_)));
        let job = job.transpose()?;
        self.next += 1;
        Some((self.next - 1, job))
    }
}

/// Runs a closure, and makes an error of a panic.
pub(super) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that the closure may have left half done is looked at afterwards, but the user's own data.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(panic) => {
            Err(Error::argument("DataLoader", format!("a panic while a batch was made: {}", said(&*panic))))
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "it said nothing",
    }
}

impl<B: Send + 'static> Pipeline<B> {
    /// The jobs are numbered from `first`. Each worker may be `prefetch` jobs ahead.
    pub fn new(jobs: Jobs<B>, first: usize, workers: usize, prefetch: usize) -> Result<Pipeline<B>> {
        let queue = Queue { jobs, next: first, ended: false };
        if workers == 0 {
            return Ok(Pipeline::Here(queue));
        }
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            board: Mutex::new(Board {
                claimed: 0,
                given: 0,
                next: first,
                done: BTreeMap::new(),
                end: None,
                stop: false,
                alive: 0,
            }),
            room: Condvar::new(),
            news: Condvar::new(),
            capacity: workers.saturating_mul(prefetch.max(1)),
        });
        let mut ahead = Ahead { shared, threads: Vec::new() };
        for number in 0..workers {
            let shared = ahead.shared.clone();
            lock(&shared.board).alive += 1;
            let presence = Presence(shared);
            let name = format!("loader worker {number}");
            match thread::Builder::new().name(name).spawn(move || presence.0.work()) {
                Ok(thread) => ahead.threads.push(thread),
                // Fewer threads than asked for make the same batches.
                Err(_) if !ahead.threads.is_empty() => break,
                Err(error) => {
                    return Err(Error::argument(
                        "DataLoader",
                        format!("no worker could be started: {error}"),
                    ));
                }
            }
        }
        Ok(Pipeline::Ahead(ahead))
    }

    /// Gives an error and nothing else.
    pub fn refusing(error: Error) -> Pipeline<B> {
        Pipeline::Refusing(Some(error))
    }

    /// The next result.
    pub fn next(&mut self) -> Option<Result<B>> {
        match self {
            Pipeline::Here(queue) => queue.take().map(|(_, job)| guarded(|| job?())),
            Pipeline::Ahead(ahead) => ahead.shared.next(),
            Pipeline::Refusing(error) => error.take().map(Err),
        }
    }
}

/// Threads, and what they share.
pub(super) struct Ahead<B> {
    shared: Arc<Shared<B>>,
    threads: Vec<JoinHandle<()>>,
}

/// `board` may be locked while `queue` is, never the other way round.
struct Shared<B> {
    queue: Mutex<Queue<B>>,
    board: Mutex<Board<B>>,
    /// There is room for more results, or no more work.
    room: Condvar,
    /// There is a result, or there will be none.
    news: Condvar,
    capacity: usize,
}

/// What is done, and what is being done.
struct Board<B> {
    /// How many jobs workers have set out to take, and how many results were given out.
    claimed: usize,
    given: usize,
    /// The number of the result that is given out next.
    next: usize,
    done: BTreeMap<usize, Result<B>>,
    /// The number after the last job.
    end: Option<usize>,
    stop: bool,
    alive: usize,
}

/// A worker, alive until this is dropped, however its thread ends.
struct Presence<B>(Arc<Shared<B>>);

impl<B> Drop for Presence<B> {
    fn drop(&mut self) {
        lock(&self.0.board).alive -= 1;
        self.0.news.notify_all();
    }
}

impl<B> Shared<B> {
    fn work(&self) {
        while self.claim() {
            let taken = {
                let mut queue = lock(&self.queue);
                let taken = queue.take();
                if queue.ended {
                    lock(&self.board).end = Some(queue.next);
                    self.room.notify_all();
                    self.news.notify_all();
                }
                taken
            };
            let Some((number, job)) = taken else { return };
            let result = guarded(|| job?());
            lock(&self.board).done.insert(number, result);
            self.news.notify_all();
        }
    }

    /// Waits until there is room for another result. False where there is nothing more to do.
    fn claim(&self) -> bool {
        let mut board = lock(&self.board);
        loop {
            if board.stop || board.end.is_some() {
                return false;
            }
            if board.claimed - board.given < self.capacity {
                board.claimed += 1;
                return true;
            }
            board = self.room.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(&self) -> Option<Result<B>> {
        let mut board = lock(&self.board);
        loop {
            let number = board.next;
            if let Some(result) = board.done.remove(&number) {
                board.next += 1;
                board.given += 1;
                self.room.notify_one();
                return Some(result);
            }
            if board.end.is_some_and(|end| number >= end) {
                return None;
            }
            if board.alive == 0 {
                board.end = Some(number);
                return Some(Err(Error::argument("DataLoader", "the workers ended before their work")));
            }
            board = self.news.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<B> Drop for Ahead<B> {
    fn drop(&mut self) {
        let mut board = lock(&self.shared.board);
        board.stop = true;
        let unwanted = std::mem::take(&mut board.done);
        self.shared.room.notify_all();
        let waited = self.shared.news.wait_timeout_while(board, PATIENCE, |board| board.alive > 0);
        let (board, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(board);
        drop(unwanted);
        if !timeout.timed_out() {
            for thread in self.threads.drain(..) {
                // What it panicked with, if it did, was no job's: those are guarded.
                let _ = thread.join();
            }
        }
    }
}
