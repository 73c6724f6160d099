//! Random streams, and the generator that everybody shares.
//!
//! Random numbers here are a function of (seed, counter): see [`philox`]. A [`Generator`] hands out ranges of the
//! counter as [`Stream`]s; what fills an array from a stream may do so in any order, by any number of threads, on any
//! device. How words become numbers of a distribution is in [`sample`].

mod generator;
pub mod philox;
pub mod sample;
mod stream;

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{LazyLock, Mutex, PoisonError},
};

pub use generator::{Generator, GeneratorState};
pub use stream::Stream;

static DEFAULT: LazyLock<Mutex<Generator>> = LazyLock::new(|| Mutex::new(Generator::new(entropy())));

fn with_default<R>(body: impl FnOnce(&mut Generator) -> R) -> R {
    body(&mut DEFAULT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Starts the process-wide generator again from a seed. Until somebody does, its seed differs from run to run.
///
/// ```
/// use cresset_tensor::random;
/// random::manual_seed(7);
/// let first = random::reserve(10);
/// random::manual_seed(7);
/// assert_eq!(random::reserve(10), first);
/// ```
pub fn manual_seed(seed: u64) {
    with_default(|generator| generator.manual_seed(seed));
}

/// Starts the process-wide generator again from a seed nobody can foresee, and returns it.
pub fn seed() -> u64 {
    with_default(Generator::seed)
}

/// The seed the process-wide generator was last started from.
pub fn initial_seed() -> u64 {
    with_default(|generator| generator.initial_seed())
}

/// Where the process-wide generator stands.
pub fn get_rng_state() -> GeneratorState {
    with_default(|generator| generator.state())
}

/// Puts the process-wide generator back to where it stood.
pub fn set_rng_state(state: GeneratorState) {
    with_default(|generator| generator.set_state(state));
}

/// Runs the closure, then puts the process-wide generator back to where it stood before.
///
/// ```
/// use cresset_tensor::random;
/// let before = random::get_rng_state();
/// random::fork_rng(|| random::manual_seed(1));
/// assert_eq!(random::get_rng_state(), before);
/// ```
pub fn fork_rng<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(GeneratorState);
    impl Drop for Restore {
        fn drop(&mut self) {
            set_rng_state(self.0);
        }
    }
    let _restore = Restore(get_rng_state());
    body()
}

/// A stream for `n` elements from the process-wide generator: [`Generator::reserve`].
pub fn reserve(n: usize) -> Stream {
    with_default(|generator| generator.reserve(n))
}

/// A stream with a generator for each element from the process-wide generator: [`Generator::reserve_each`].
pub fn reserve_each() -> Stream {
    with_default(Generator::reserve_each)
}

/// A generator of its own, seeded by the process-wide one: [`Generator::fork`].
pub fn fork() -> Generator {
    with_default(Generator::fork)
}

/// A seed nobody can foresee: the standard library's hash maps take theirs from the system.
fn entropy() -> u64 {
    RandomState::new().hash_one(std::time::SystemTime::now())
}
