//! `parallel_for`: the one way work leaves the calling thread.
//!
//! A pool of our own rather than a general one: a job is a range of numbers for each thread, from which it takes one
//! after the other, and then from those of the others; and a worker that has just worked looks for the next job for some
//! microseconds before it sleeps, since operations come one close after another. What a task computes must not depend on
//! who runs it, so that results are the same for any number of threads.
//!
//! A job may have stages, each of which begins when the one before is done: the threads stay, and each finds in its caches
//! what it used before.
//!
//! Numbers next to each other are mostly memory next to each other: threads that took them in turn from one counter
//! would read it with gaps, which costs up to half of its speed.

use std::{
    cell::Cell,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use smallvec::SmallVec;

/// How often an idle worker looks for a job before it sleeps: some ten microseconds.
const SPINS: u32 = 4000;

struct Job {
    /// The caller's closure. Valid until the caller has seen `done` reach the last number, which it waits for.
    task: *const (dyn Fn(usize) + Sync),
    stages: SmallVec<[Stage; 1]>,
    /// How many threads have come.
    joined: AtomicUsize,
    done: AtomicUsize,
    panicked: AtomicBool,
}

/// Numbers that follow each other, none of which is begun before all below them are done.
struct Stage {
    numbers: Range<usize>,
    /// For each thread, how many of its range are taken.
    next: Vec<Line>,
}

/// A counter with a cache line of its own.
#[repr(align(64))]
struct Line(AtomicUsize);

impl Stage {
    fn new(numbers: Range<usize>, threads: usize) -> Stage {
        Stage { numbers, next: (0..threads).map(|_| Line(AtomicUsize::new(0))).collect() }
    }

    /// The numbers of a thread's range.
    fn range(&self, thread: usize) -> Range<usize> {
        let (first, total) = (self.numbers.start, self.numbers.len());
        let bound = |i: usize| first + (i as u128 * total as u128 / self.next.len() as u128) as usize;
        bound(thread)..bound(thread + 1)
    }
}

impl Job {
    /// Waits until so many tasks are done.
    fn wait_for(&self, count: usize) {
        let mut spins = 0u32;
        while self.done.load(Ordering::Acquire) < count {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

// SAFETY: `task` is only called for the stages' numbers, all of which end before the caller's borrow does.
unsafe impl Send for Job {}
// SAFETY: as above; the closure is `Sync`.
unsafe impl Sync for Job {}

struct Pool {
    /// Counts jobs, so that a worker sees a new one without taking the lock.
    generation: AtomicU64,
    job: Mutex<Option<Arc<Job>>>,
    /// How many workers sleep. To wake nobody is a call of the system too, which takes longer than a short task.
    asleep: AtomicUsize,
    wake: Condvar,
    /// Held by the caller whose job runs. Whoever finds it taken works alone.
    busy: Mutex<()>,
    workers: AtomicUsize,
}

static POOL: Pool = Pool {
    generation: AtomicU64::new(0),
    job: Mutex::new(None),
    asleep: AtomicUsize::new(0),
    wake: Condvar::new(),
    busy: Mutex::new(()),
    workers: AtomicUsize::new(0),
};

/// How many threads work, the caller included; 0 where nobody has said yet.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// How many threads an operation may use: what [`set_num_threads`] said, else `CRESSET_NUM_THREADS`, else all cores.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            static FOUND: OnceLock<usize> = OnceLock::new();
            *FOUND.get_or_init(|| {
                let asked =
                    std::env::var("CRESSET_NUM_THREADS").ok().and_then(|text| text.trim().parse().ok());
                asked
                    .filter(|&n| n > 0)
                    .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
            })
        }
        n => n,
    }
}

/// Sets how many threads an operation may use. Results do not depend on it.
pub fn set_num_threads(n: usize) {
    THREADS.store(n.max(1), Ordering::Relaxed);
}

/// Calls `task` with every number below `total`, on several threads if there are any. Inside of a task it works alone.
///
/// # Panics
/// If a task does, after all others have ended.
#[inline]
pub fn parallel_for(total: usize, task: impl Fn(usize) + Sync) {
    share(&[total], &task);
}

/// Calls `task` with every number, stage after stage, of which each has so many.
///
/// Not generic, so that every kernel's code is compiled once, not once for each way it may be called here.
fn share(stages: &[usize], task: &(dyn Fn(usize) + Sync)) {
    let total: usize = stages.iter().sum();
    let threads = num_threads().min(stages.iter().copied().max().unwrap_or(0));
    if threads <= 1 || INSIDE.get() {
        return (0..total).for_each(task);
    }
    let Ok(_alone) = POOL.busy.try_lock() else {
        return (0..total).for_each(task);
    };
    start_workers(threads - 1);
    // SAFETY: only the lifetime is changed; this function does not return before every call of it has.
    let task =
        unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task) };
    let mut before = 0;
    let numbers = stages.iter().map(|&count| {
        before += count;
        before - count..before
    });
    let job = Arc::new(Job {
        task,
        stages: numbers.map(|numbers| Stage::new(numbers, threads)).collect(),
        joined: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        panicked: AtomicBool::new(false),
    });
    {
        let mut guard = lock(&POOL.job);
        *guard = Some(job.clone());
        POOL.generation.fetch_add(1, Ordering::Release);
    }
    // Who goes to sleep looks at the generation under the lock, after it has counted itself.
    if POOL.asleep.load(Ordering::SeqCst) > 0 {
        POOL.wake.notify_all();
    }
    work(&job);
    job.wait_for(total);
    *lock(&POOL.job) = None;
    assert!(!job.panicked.load(Ordering::Relaxed), "a task of parallel_for panicked");
}

/// As [`parallel_for`] where that is worth it, else on this thread alone.
///
/// Not generic either, so that a kernel which is short and long is compiled once.
pub fn divide(worth: bool, total: usize, task: &(dyn Fn(usize) + Sync)) {
    if worth {
        share(&[total], task);
    } else {
        (0..total).for_each(task);
    }
}

/// As [`divide`], in stages of so many numbers each: all of one are done before any of the next begins.
pub fn divide_stages(worth: bool, stages: &[usize], task: &(dyn Fn(usize) + Sync)) {
    if worth {
        share(stages, task);
    } else {
        (0..stages.iter().sum()).for_each(task);
    }
}

/// As [`divide`], of tasks that may find no memory: `None` if any did.
pub fn try_divide(worth: bool, total: usize, task: &(dyn Fn(usize) -> Option<()> + Sync)) -> Option<()> {
    let failed = AtomicBool::new(false);
    divide(worth, total, &|number| {
        if task(number).is_none() {
            failed.store(true, Ordering::Relaxed);
        }
    });
    (!failed.load(Ordering::Relaxed)).then_some(())
}

/// Calls `task` with consecutive ranges that cover `0..len`, each of `chunk` but the last, where that is worth it, else
/// with all of it on this thread.
pub fn divide_range(worth: bool, len: usize, chunk: usize, task: &(dyn Fn(Range<usize>) + Sync)) {
    if !worth {
        return task(0..len);
    }
    let chunk = chunk.max(1);
    share(&[len.div_ceil(chunk)], &|i| task(i * chunk..((i + 1) * chunk).min(len)));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn work(job: &Job) {
    INSIDE.set(true);
    let own = job.joined.fetch_add(1, Ordering::Relaxed);
    for stage in &job.stages {
        job.wait_for(stage.numbers.start);
        let threads = stage.next.len();
        for thread in (0..threads).map(|i| (own + i) % threads) {
            let range = stage.range(thread);
            loop {
                let number = range.start + stage.next[thread].0.fetch_add(1, Ordering::Relaxed);
                if number >= range.end {
                    break;
                }
                // SAFETY: the caller still waits for this call and keeps the closure alive.
                let task = unsafe { &*job.task };
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task(number))).is_err() {
                    job.panicked.store(true, Ordering::Relaxed);
                }
                job.done.fetch_add(1, Ordering::Release);
            }
        }
    }
    INSIDE.set(false);
}

fn start_workers(wanted: usize) {
    while POOL.workers.load(Ordering::Relaxed) < wanted {
        POOL.workers.fetch_add(1, Ordering::Relaxed);
        let spawned = thread::Builder::new().name("cresset".into()).spawn(serve);
        if spawned.is_err() {
            // Without another thread the caller does the work.
            return;
        }
    }
}

fn serve() {
    let mut seen = POOL.generation.load(Ordering::Acquire).saturating_sub(1);
    loop {
        let mut spins = 0;
        while POOL.generation.load(Ordering::Acquire) == seen && spins < SPINS {
            spins += 1;
            std::hint::spin_loop();
        }
        let mut guard = lock(&POOL.job);
        if POOL.generation.load(Ordering::Acquire) == seen {
            POOL.asleep.fetch_add(1, Ordering::SeqCst);
            while POOL.generation.load(Ordering::Acquire) == seen {
                guard = POOL.wake.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            POOL.asleep.fetch_sub(1, Ordering::SeqCst);
        }
        seen = POOL.generation.load(Ordering::Acquire);
        let job = guard.clone();
        drop(guard);
        if let Some(job) = job {
            work(&job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_once_nested_and_from_several_callers() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for total in [0, 1, 2, 7, 1000] {
                        let hits: Vec<AtomicUsize> = (0..total).map(|_| AtomicUsize::new(0)).collect();
                        parallel_for(total, |i| {
                            parallel_for(3, |_| {
                                hits[i].fetch_add(1, Ordering::Relaxed);
                            });
                        });
                        assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 3));
                    }
                });
            }
        });
    }

    #[test]
    fn a_stage_begins_when_the_one_before_is_done() {
        let stages = [3, 1, 0, 8, 2, 5];
        let first_of = |stage: usize| stages[..stage].iter().sum::<usize>();
        for worth in [true, false] {
            for _ in 0..200 {
                let done = AtomicUsize::new(0);
                let hits: Vec<AtomicUsize> = (0..first_of(6)).map(|_| AtomicUsize::new(0)).collect();
                divide_stages(worth, &stages, &|number| {
                    let stage = (0..6).find(|&stage| number < first_of(stage + 1)).unwrap();
                    assert!(done.load(Ordering::SeqCst) >= first_of(stage));
                    hits[number].fetch_add(1, Ordering::Relaxed);
                    done.fetch_add(1, Ordering::SeqCst);
                });
                assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_harms_nobody_else() {
        let result = std::panic::catch_unwind(|| parallel_for(100, |i| assert!(i != 37)));
        assert!(result.is_err());
        let sum = AtomicUsize::new(0);
        parallel_for(100, |i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4950);
    }
}
