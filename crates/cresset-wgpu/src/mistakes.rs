//! What a kernel finds wrong with the numbers it is given: indices that lie outside. The call that caused it has returned,
//! so the next one that reads something back says so, once, and the program may go on.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cresset_tensor::{Error, Result};

use crate::{card::Card, memory::Buffer};

/// So many dispatches are remembered by name.
const REMEMBERED: usize = 4096;

/// The dispatches that may find something, and where they note it.
#[derive(Default)]
pub struct Mistakes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// One word, zero or the ticket of the first dispatch that found something.
    buffer: Option<Arc<Buffer>>,
    /// Dispatches since the last look.
    watched: VecDeque<Watched>,
    next: u32,
}

/// A dispatch that may find an index outside.
struct Watched {
    number: u32,
    operation: &'static str,
    dim: usize,
    size: usize,
}

/// What a dispatch gets: where to note, and what. The earlier one has the larger ticket.
pub struct Ticket {
    /// Where.
    pub buffer: Arc<Buffer>,
    /// What.
    pub word: u32,
}

/// A look at the word: which dispatches it is about.
pub struct Look {
    /// Where the word lies.
    pub buffer: Arc<Buffer>,
    /// Dispatches before this number.
    before: u32,
}

impl Mistakes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The word, if any dispatch since the last look may have noted something.
    pub fn look(&self) -> Option<Look> {
        let inner = self.lock();
        if inner.watched.is_empty() {
            return None;
        }
        inner.buffer.clone().map(|buffer| Look { buffer, before: inner.next })
    }
}

impl Card {
    /// A ticket for a dispatch that reads or writes at indices along a dimension of that size.
    pub fn ticket(&self, operation: &'static str, dim: usize, size: usize) -> Result<Ticket> {
        let mut inner = self.mistakes.lock();
        let buffer = match &inner.buffer {
            Some(buffer) => buffer.clone(),
            None => {
                // What is written to a buffer comes before what is being recorded, in which it must not occur.
                let buffer = self.take(operation, 4, Some(self.stream().recording()))?;
                self.queue.write_buffer(&buffer.raw, 0, &[0; 4]);
                inner.buffer.insert(buffer).clone()
            }
        };
        let number = inner.next;
        // After so many dispatches the numbers begin again.
        inner.next = (number + 1) % (u32::MAX - 1);
        if inner.watched.len() == REMEMBERED {
            inner.watched.pop_front();
        }
        inner.watched.push_back(Watched { number, operation, dim, size });
        Ok(Ticket { buffer, word: u32::MAX - number })
    }

    /// What the word says when it was looked at.
    pub fn found(&self, look: &Look, word: u32) -> Result<()> {
        let mut inner = self.mistakes.lock();
        let found = (word != 0).then(|| inner.watched.iter().position(|one| one.number == u32::MAX - word));
        let error = found.map(|place| {
            let (operation, rest) = match place.map(|place| &inner.watched[place]) {
                Some(one) => (one.operation, format!(" for dimension {} of size {}", one.dim, one.size)),
                None => ("index", String::new()),
            };
            Error::index(
                operation,
                format!(
                    "an index was out of bounds{rest}; {} found it after the call had returned",
                    self.name
                ),
            )
        });
        inner.watched.retain(|one| one.number >= look.before);
        match error {
            Some(error) => {
                self.queue.write_buffer(&look.buffer.raw, 0, &[0; 4]);
                Err(error)
            }
            None => Ok(()),
        }
    }
}
