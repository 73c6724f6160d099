//! Where a loader stands, to be saved and restored: training that is resumed sees the batches it would have seen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cresset_tensor::{Error, Result, State};

use super::DataLoader;

/// An epoch, and how many of its batches were given out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Position {
    pub epoch: usize,
    pub batch: usize,
}

/// Nothing here is left half written by a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Send + 'static> DataLoader<B> {
    /// The epoch it stands in, and how many of the epoch's batches were given out. After the last batch was asked for
    /// in vain, that is the beginning of the next epoch.
    pub fn position(&self) -> (usize, usize) {
        let Position { epoch, batch } = *lock(&self.position);
        (epoch, batch)
    }

    /// Where it stands: the seed, the epoch, how many batches were given out, and what must be the same for the rest
    /// to be the same. Batches that workers have made ahead do not count.
    pub fn state_dict(&self) -> State {
        let (epoch, batch) = self.position();
        State::map([
            // The same 64 bits, read with a sign.
            ("seed", State::Int(self.seed as i64)),
            ("epoch", epoch.into()),
            ("batch", batch.into()),
            ("items", self.source.len().into()),
            ("batch_size", self.batch_size.into()),
            ("drop_last", self.drop_last.into()),
            ("order", self.order.name().into()),
        ])
    }

    /// Goes on where another loader over the same dataset stood: the epoch of that number begins after the batches
    /// that were given out. Takes over the seed; refuses another number of items, batch size or kind of order.
    ///
    /// ```
    /// use cresset_data::DataLoader;
    /// let make = |seed| DataLoader::new(Vec::from_iter(0..10i64)).batch_size(3).shuffle(true).seed(seed);
    /// let loader = make(1);
    /// let mut batches = loader.epoch(4);
    /// batches.next();
    /// let state = loader.state_dict();
    ///
    /// let mut resumed = make(2);
    /// resumed.load_state_dict(&state)?;
    /// let (epoch, _) = resumed.position();
    /// for (a, b) in batches.zip(resumed.epoch(epoch)) {
    ///     assert_eq!(a?.to_vec::<i64>()?, b?.to_vec::<i64>()?);
    /// }
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let count = |name: &'static str| {
            let number = state.get(name)?.int()?;
            usize::try_from(number)
                .map_err(|_| Error::argument("DataLoader", format!("'{name}' of the state is {number}")))
        };
        let items = match state.get("items")? {
            State::None => None,
            _ => Some(count("items")?),
        };
        let different = |what: &str, then: &dyn std::fmt::Debug, now: &dyn std::fmt::Debug| {
            let message = format!(
                "the state was saved with {what} {then:?}, this loader has {now:?}: its batches would be others"
            );
            Err(Error::argument("DataLoader", message))
        };
        if items != self.source.len() {
            return different("number of items", &items, &self.source.len());
        }
        if count("batch_size")? != self.batch_size {
            return different("batch_size", &count("batch_size")?, &self.batch_size);
        }
        if state.get("drop_last")?.bool()? != self.drop_last {
            return different("drop_last", &!self.drop_last, &self.drop_last);
        }
        if state.get("order")?.text()? != self.order.name() {
            return different("order", &state.get("order")?.text()?, &self.order.name());
        }
        let place = Position { epoch: count("epoch")?, batch: count("batch")? };
        self.seed = state.get("seed")?.int()? as u64;
        *lock(&self.position) = place;
        *lock(&self.resume) = Some(place);
        Ok(())
    }
}
