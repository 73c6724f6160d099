//! `DataLoader`: batches of a dataset, in the calling thread or made ahead by workers.

mod pipeline;
mod position;
mod source;

use std::sync::{Arc, Mutex};

use cresset_ops::profile::{Kind, span};
use cresset_tensor::{Device, Error, Generator, Result, random};

use crate::{
    collate::Collate,
    dataset::{Dataset, IterableDataset},
    portable::Portable,
    sampler::{RandomSampler, Sampler, SequentialSampler},
};
use pipeline::{Pipeline, guarded};
use position::Position;
use source::{Batches, Map, Source, Stream};

/// Batches of a dataset: PyTorch's `DataLoader`.
///
/// Every batch is a function of (seed, epoch, number), whatever the number of workers. Without a seed, that of the
/// process's generator when the loader is made (`manual_seed`) is taken.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::{DataLoader, TensorDataset};
/// let x = Tensor::arange_with(0, 10, 1, DType::F32)?.reshape([5, 2])?;
/// let y = Tensor::new([0i64, 1, 0, 1, 0]);
/// let loader = DataLoader::new(TensorDataset::new((x, y))?).batch_size(2).shuffle(true).seed(7).workers(2);
/// for epoch in 0..3 {
///     for batch in loader.epoch(epoch) {
///         let (x, y) = batch?;
///         assert_eq!(x.shape()[0], y.shape()[0]);
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
pub struct DataLoader<B> {
    source: Arc<dyn Source<B>>,
    order: Order,
    batch_size: usize,
    drop_last: bool,
    seed: u64,
    workers: usize,
    prefetch: usize,
    /// What is done with each batch at last, in the calling thread.
    deliver: Option<Deliver<B>>,
    position: Arc<Mutex<Position>>,
    /// Where the epoch of that number goes on.
    resume: Mutex<Option<Position>>,
}

type Deliver<B> = Arc<dyn Fn(B) -> Result<B> + Send + Sync>;

/// In which order items are taken.
enum Order {
    Sequential,
    Shuffled,
    Sampler(Arc<dyn Sampler>),
    Batches(Arc<dyn Sampler<Vec<usize>>>),
}

impl Order {
    fn name(&self) -> &'static str {
        match self {
            Order::Sequential => "sequential",
            Order::Shuffled => "shuffled",
            Order::Sampler(_) => "sampler",
            Order::Batches(_) => "batch_sampler",
        }
    }
}

impl<B: Send + 'static> DataLoader<B> {
    /// Over a dataset, one item in a batch, in order, in the calling thread, until something else is said.
    pub fn new<D>(dataset: D) -> DataLoader<B>
    where
        D: Dataset + 'static,
        D::Item: Collate<Batch = B>,
    {
        DataLoader::with_collate(dataset, D::Item::collate)
    }

    /// Over a dataset, with a function that makes a batch of its items. PyTorch's `collate_fn`.
    ///
    /// ```
    /// use cresset_data::DataLoader;
    /// let words = vec!["a", "few", "words"];
    /// let loader = DataLoader::with_collate(words, |items| Ok(items.concat())).batch_size(2);
    /// let batches: Result<Vec<String>, _> = loader.epoch(0).collect();
    /// assert_eq!(batches?, ["afew", "words"]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn with_collate<D>(
        dataset: D,
        collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    ) -> DataLoader<B>
    where
        D: Dataset + 'static,
    {
        DataLoader::of(Arc::new(Map { dataset: Arc::new(dataset), collate: Arc::new(collate) }))
    }

    /// Over a dataset, items as they are. PyTorch's `batch_size=None`.
    pub fn unbatched<D>(dataset: D) -> DataLoader<B>
    where
        D: Dataset<Item = B> + 'static,
    {
        DataLoader::with_collate(dataset, source::only)
    }

    /// Over a stream of items.
    pub fn iterable<D>(dataset: D) -> DataLoader<B>
    where
        D: IterableDataset + 'static,
        D::Item: Collate<Batch = B> + Send,
    {
        DataLoader::iterable_with_collate(dataset, D::Item::collate)
    }

    /// Over a stream of items, with a function that makes a batch of them.
    pub fn iterable_with_collate<D>(
        dataset: D,
        collate: impl Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    ) -> DataLoader<B>
    where
        D: IterableDataset + 'static,
        D::Item: Send,
    {
        DataLoader::of(Arc::new(Stream { dataset, collate: Arc::new(collate) }))
    }

    fn of(source: Arc<dyn Source<B>>) -> DataLoader<B> {
        DataLoader {
            source,
            order: Order::Sequential,
            batch_size: 1,
            drop_last: false,
            seed: random::initial_seed(),
            workers: 0,
            prefetch: 2,
            deliver: None,
            position: Arc::default(),
            resume: Mutex::default(),
        }
    }

    /// Moves every batch to a device when it is asked for.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// use cresset_data::{DataLoader, TensorDataset};
    /// let data = TensorDataset::new((Tensor::rand([8, 3]), Tensor::rand([8])))?;
    /// let loader = DataLoader::new(data).batch_size(4).device(Device::Cpu);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn device(self, device: Device) -> Self
    where
        B: Portable,
    {
        DataLoader { deliver: Some(Arc::new(move |batch: B| batch.moved(device))), ..self }
    }

    /// How many items make a batch.
    pub fn batch_size(self, batch_size: usize) -> Self {
        DataLoader { batch_size, ..self }
    }

    /// Whether every epoch takes the items in another, random order.
    pub fn shuffle(self, shuffle: bool) -> Self {
        DataLoader { order: if shuffle { Order::Shuffled } else { Order::Sequential }, ..self }
    }

    /// In which order which items are taken, instead of [`shuffle`](Self::shuffle).
    pub fn sampler(self, sampler: impl Sampler + 'static) -> Self {
        DataLoader { order: Order::Sampler(Arc::new(sampler)), ..self }
    }

    /// Which items make which batch, instead of [`shuffle`](Self::shuffle), [`batch_size`](Self::batch_size) and
    /// [`drop_last`](Self::drop_last).
    pub fn batch_sampler(self, sampler: impl Sampler<Vec<usize>> + 'static) -> Self {
        DataLoader { order: Order::Batches(Arc::new(sampler)), ..self }
    }

    /// Whether a last batch of fewer items is left out.
    pub fn drop_last(self, drop_last: bool) -> Self {
        DataLoader { drop_last, ..self }
    }

    /// What the order and all random numbers follow from, together with the epoch.
    pub fn seed(self, seed: u64) -> Self {
        DataLoader { seed, ..self }
    }

    /// How many threads make batches ahead; with none, the calling thread makes each when it is asked for.
    /// PyTorch's `num_workers`.
    pub fn workers(self, workers: usize) -> Self {
        DataLoader { workers, ..self }
    }

    /// How many batches each worker may be ahead. PyTorch's `prefetch_factor`.
    pub fn prefetch(self, prefetch: usize) -> Self {
        DataLoader { prefetch: prefetch.max(1), ..self }
    }

    /// How many batches an epoch has; an error where nobody knows: for a stream.
    #[track_caller]
    pub fn len(&self) -> Result<usize> {
        self.count()?.ok_or_else(|| {
            Error::argument("DataLoader", "how many items a stream has is known only when it has ended")
        })
    }

    /// Has an epoch no batches?
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// The batches of an epoch: those before the place that [`load_state_dict`](Self::load_state_dict) said, if it
    /// said one in this epoch, are left out.
    ///
    /// An item that is an error, or a panic while it is made, is an error in place of its batch; the batches after it
    /// are there all the same. Dropping the iterator stops its workers.
    pub fn epoch(&self, epoch: usize) -> Epoch<B> {
        let start = {
            let mut resume = position::lock(&self.resume);
            let here = resume.take_if(|place| place.epoch == epoch);
            here.map_or(0, |place| place.batch)
        };
        *position::lock(&self.position) = Position { epoch, batch: start };
        let (pipeline, total) = match guarded(|| self.pipeline(epoch, start)) {
            Ok(both) => both,
            Err(error) => (Pipeline::refusing(error), None),
        };
        let (position, deliver) = (self.position.clone(), self.deliver.clone());
        Epoch { pipeline, deliver, position, epoch, next: start, total, ended: false }
    }

    fn pipeline(&self, epoch: usize, start: usize) -> Result<(Pipeline<B>, Option<usize>)> {
        let total = self.count()?;
        // No item has this number, so that the order's random numbers are nobody else's.
        let mut random = Generator::keyed(self.seed, epoch as u64, u64::MAX);
        let (batch_size, drop_last) = (self.batch_size, self.drop_last);
        let batches = match (&self.order, self.source.len()) {
            (Order::Sequential, None) => Batches::Next { batch_size, drop_last },
            (Order::Sequential, Some(len)) => {
                Batches::of(&SequentialSampler::new(len), epoch, &mut random, batch_size, drop_last)?
            }
            (Order::Shuffled, Some(len)) => {
                Batches::of(&RandomSampler::new(len), epoch, &mut random, batch_size, drop_last)?
            }
            (Order::Sampler(sampler), Some(_)) => {
                Batches::of(&**sampler, epoch, &mut random, batch_size, drop_last)?
            }
            (Order::Batches(sampler), Some(_)) => {
                Batches::Chosen { batches: sampler.sample(epoch, &mut random)?, repeats: sampler.repeats() }
            }
            (order, None) => {
                return Err(Error::argument(
                    "DataLoader",
                    format!(
                        "a stream has an order of its own ({} was asked for); shuffle(buffer) is a method of the iterable dataset",
                        order.name()
                    ),
                ));
            }
        };
        let mut jobs = self.source.clone().jobs(batches, self.seed, epoch)?;
        if start > 0 {
            // What a job does, it does when it is called: the ones left out cost nothing but their items' numbers.
            jobs.nth(start - 1);
        }
        let workers = self.workers.min(total.map_or(usize::MAX, |total| total.saturating_sub(start)));
        Ok((Pipeline::new(jobs, start, workers, self.prefetch)?, total))
    }

    fn count(&self) -> Result<Option<usize>> {
        if self.batch_size == 0 && !matches!(self.order, Order::Batches(_)) {
            return Err(Error::argument("DataLoader", "batch_size must be positive"));
        }
        let items = match &self.order {
            Order::Batches(sampler) => return Ok(Some(sampler.len())),
            Order::Sampler(sampler) => Some(sampler.len()),
            Order::Sequential | Order::Shuffled => self.source.len(),
        };
        Ok(items.map(|items| crate::sampler::count(items, self.batch_size, self.drop_last)))
    }
}

/// The batches of an epoch; see [`DataLoader::epoch`].
pub struct Epoch<B> {
    pipeline: Pipeline<B>,
    deliver: Option<Deliver<B>>,
    position: Arc<Mutex<Position>>,
    epoch: usize,
    /// The number of the batch that comes next.
    next: usize,
    total: Option<usize>,
    ended: bool,
}

impl<B> Epoch<B> {
    /// The number of the batch that comes next, counted from the epoch's beginning.
    pub fn batch(&self) -> usize {
        self.next
    }
}

impl<B: Send + 'static> Iterator for Epoch<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        if self.ended {
            return None;
        }
        let _span = span(Kind::Range, || "DataLoader".into());
        let batch = self.pipeline.next();
        let place = match batch {
            Some(_) => {
                self.next += 1;
                Position { epoch: self.epoch, batch: self.next }
            }
            None => {
                self.ended = true;
                Position { epoch: self.epoch.saturating_add(1), batch: 0 }
            }
        };
        *position::lock(&self.position) = place;
        match (&self.deliver, batch) {
            (Some(deliver), Some(Ok(batch))) => Some(deliver(batch)),
            (_, batch) => batch,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match (self.ended, self.total) {
            (true, _) => (0, Some(0)),
            // A sampler may give fewer than it said.
            (false, Some(total)) => (0, Some(total.saturating_sub(self.next))),
            (false, None) => (0, None),
        }
    }
}
