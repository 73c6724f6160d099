//! What batches are made of: items by number, or a stream of items; and of whose random numbers.

use std::{collections::HashMap, sync::Arc};

use cresset_tensor::{Error, Generator, Result};

use super::pipeline::{Job, Jobs, guarded};
use crate::{
    dataset::{Dataset, IterableDataset},
    sampler::{Sampler, Samples, in_batches},
};

/// Which items make which batch.
pub(super) enum Batches {
    /// These; an item may come several times.
    Chosen { batches: Samples<Vec<usize>>, repeats: bool },
    /// The next so many of a stream.
    Next { batch_size: usize, drop_last: bool },
}

impl Batches {
    pub fn of(
        sampler: &dyn Sampler,
        epoch: usize,
        random: &mut Generator,
        batch_size: usize,
        drop_last: bool,
    ) -> Result<Batches> {
        let batches = in_batches(sampler.sample(epoch, random)?, batch_size, drop_last);
        Ok(Batches::Chosen { batches, repeats: sampler.repeats() })
    }
}

/// Makes the jobs of an epoch, each of which makes a batch, wherever and whenever it is called.
pub(super) trait Source<B>: Send + Sync {
    /// How many items, where that is known.
    fn len(&self) -> Option<usize>;
    /// The jobs, in order.
    fn jobs(self: Arc<Self>, batches: Batches, seed: u64, epoch: usize) -> Result<Jobs<B>>;
}

/// Items by number.
pub(super) struct Map<D, C> {
    pub dataset: Arc<D>,
    pub collate: Arc<C>,
}

/// An item to be taken: its number, and how often it came before in this epoch.
type Pick = (usize, u64);

impl<D, C, B> Source<B> for Map<D, C>
where
    D: Dataset + 'static,
    C: Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    B: 'static,
{
    fn len(&self) -> Option<usize> {
        Some(self.dataset.len())
    }

    fn jobs(self: Arc<Self>, batches: Batches, seed: u64, epoch: usize) -> Result<Jobs<B>> {
        let Batches::Chosen { batches, repeats } = batches else {
            return Err(Error::argument("DataLoader", "items by number are taken by a sampler"));
        };
        let mut before: HashMap<usize, u64> = HashMap::new();
        let mut pick = move |index| {
            let count = if repeats { before.entry(index).or_default() } else { &mut 0 };
            *count += 1;
            (index, *count - 1)
        };
        Ok(Box::new(batches.map(move |indices| -> Job<B> {
            let picks: Vec<Pick> = indices.into_iter().map(&mut pick).collect();
            let source = self.clone();
            Box::new(move || {
                let items = picks.into_iter().map(|pick| source.item(pick, seed, epoch));
                (source.collate)(items.collect::<Result<_>>()?)
            })
        })))
    }
}

impl<D: Dataset, C> Map<D, C> {
    fn item(&self, (index, before): Pick, seed: u64, epoch: usize) -> Result<D::Item> {
        let mut random = Generator::keyed(seed, epoch as u64, index as u64);
        if before > 0 {
            random = Generator::keyed(random.initial_seed(), before, index as u64);
        }
        let item = guarded(|| self.dataset.item_with(index, &mut random));
        item.map_err(|error| {
            let message = format!("{} (item {index})", error.message());
            Error::new(error.kind(), error.operation().to_owned(), message).at(error.location())
        })
    }
}

/// A stream of items.
pub(super) struct Stream<D, C> {
    pub dataset: D,
    pub collate: Arc<C>,
}

impl<D, C, B> Source<B> for Stream<D, C>
where
    D: IterableDataset,
    D::Item: Send,
    C: Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    B: 'static,
{
    fn len(&self) -> Option<usize> {
        None
    }

    fn jobs(self: Arc<Self>, batches: Batches, seed: u64, epoch: usize) -> Result<Jobs<B>> {
        let Batches::Next { batch_size, drop_last } = batches else {
            return Err(Error::argument("DataLoader", "a stream has no numbers to choose items by"));
        };
        let mut random = Generator::keyed(seed, epoch as u64, u64::MAX);
        let items = self.dataset.iter(epoch, &mut random)?;
        let collate = self.collate.clone();
        Ok(Box::new(in_batches(items, batch_size, drop_last).map(move |items| -> Job<B> {
            let collate = collate.clone();
            Box::new(move || collate(items.into_iter().collect::<Result<_>>()?))
        })))
    }
}

/// The one item of a batch of one.
#[track_caller]
pub(super) fn only<T>(mut items: Vec<T>) -> Result<T> {
    match (items.pop(), items.len()) {
        (Some(item), 0) => Ok(item),
        _ => Err(Error::argument("DataLoader", "a loader without batches gives items one at a time")),
    }
}
