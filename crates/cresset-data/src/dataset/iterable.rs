//! `IterableDataset`: items one after another, for what has no numbers or is too long to number.

use std::sync::Arc;

use cresset_tensor::{Generator, Result};

use crate::draw;

/// Items one after another; an error does not have to be the end.
pub type Items<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Items one after another: PyTorch's `IterableDataset`.
///
/// One stream is opened in each epoch, whatever the number of workers: workers take turns to pull the items of a
/// batch from it, and put the batch together side by side. Nothing is read twice, and batches do not depend on the
/// number of workers.
///
/// ```
/// use cresset_data::{IterableDataset, iterate};
/// let lines = iterate(|_epoch| Ok(["one", "two"].into_iter().map(Ok)));
/// let lengths = lines.map(|line, _random| Ok(line.len()));
/// let all: Result<Vec<usize>, _> = lengths.iter(0, &mut cresset_tensor::Generator::new(0))?.collect();
/// assert_eq!(all?, [3, 3]);
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
pub trait IterableDataset: Send + Sync {
    /// What one item is.
    type Item: 'static;

    /// The items of an epoch. The generator is a function of the loader's seed and the epoch.
    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<Self::Item>>;

    /// What a function makes of each item. Random numbers it draws from the generator it is given.
    fn map<F, U>(self, function: F) -> MapIterable<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Item, &mut Generator) -> Result<U> + Send + Sync + 'static,
        U: 'static,
    {
        MapIterable { dataset: self, function: Arc::new(function) }
    }

    /// These items, then those of another. PyTorch's `ChainDataset`.
    fn chain<O: IterableDataset<Item = Self::Item>>(self, other: O) -> ChainDataset<Self, O>
    where
        Self: Sized,
    {
        ChainDataset(self, other)
    }

    /// Out of order: of the next `buffer` items, one at random comes next.
    fn shuffle(self, buffer: usize) -> Shuffle<Self>
    where
        Self: Sized,
    {
        Shuffle { dataset: self, buffer: buffer.max(1) }
    }
}

impl<D: IterableDataset + ?Sized> IterableDataset for Arc<D> {
    type Item = D::Item;

    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<D::Item>> {
        (**self).iter(epoch, random)
    }
}

impl<D: IterableDataset + ?Sized> IterableDataset for Box<D> {
    type Item = D::Item;

    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<D::Item>> {
        (**self).iter(epoch, random)
    }
}

struct Iterate<F>(F);

/// A dataset of a function that opens the stream of an epoch.
pub fn iterate<F, I, T>(open: F) -> impl IterableDataset<Item = T>
where
    F: Fn(usize) -> Result<I> + Send + Sync,
    I: Iterator<Item = Result<T>> + Send + 'static,
    T: 'static,
{
    Iterate(open)
}

impl<F, I, T> IterableDataset for Iterate<F>
where
    F: Fn(usize) -> Result<I> + Send + Sync,
    I: Iterator<Item = Result<T>> + Send + 'static,
    T: 'static,
{
    type Item = T;

    fn iter(&self, epoch: usize, _: &mut Generator) -> Result<Items<T>> {
        Ok(Box::new((self.0)(epoch)?))
    }
}

/// What [`IterableDataset::map`] makes.
#[derive(Clone, Debug)]
pub struct MapIterable<D, F> {
    dataset: D,
    function: Arc<F>,
}

impl<D, F, U> IterableDataset for MapIterable<D, F>
where
    D: IterableDataset,
    F: Fn(D::Item, &mut Generator) -> Result<U> + Send + Sync + 'static,
    U: 'static,
{
    type Item = U;

    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<U>> {
        let items = self.dataset.iter(epoch, random)?;
        let (function, key) = (self.function.clone(), random.fork().initial_seed());
        Ok(Box::new(
            items
                .enumerate()
                .map(move |(number, item)| function(item?, &mut Generator::keyed(key, 0, number as u64))),
        ))
    }
}

/// What [`IterableDataset::chain`] makes.
#[derive(Clone, Debug)]
pub struct ChainDataset<A, B>(A, B);

impl<A: IterableDataset, B: IterableDataset<Item = A::Item>> IterableDataset for ChainDataset<A, B> {
    type Item = A::Item;

    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<A::Item>> {
        let first = self.0.iter(epoch, random)?;
        Ok(Box::new(first.chain(self.1.iter(epoch, random)?)))
    }
}

/// What [`IterableDataset::shuffle`] makes.
#[derive(Clone, Debug)]
pub struct Shuffle<D> {
    dataset: D,
    buffer: usize,
}

impl<D: IterableDataset> IterableDataset for Shuffle<D>
where
    D::Item: Send,
{
    type Item = D::Item;

    fn iter(&self, epoch: usize, random: &mut Generator) -> Result<Items<D::Item>> {
        let mut items = self.dataset.iter(epoch, random)?;
        let (size, mut random, mut buffer) = (self.buffer, random.fork(), Vec::new());
        Ok(Box::new(std::iter::from_fn(move || {
            while buffer.len() < size {
                match items.next() {
                    Some(item) => buffer.push(item),
                    None => break,
                }
            }
            (!buffer.is_empty()).then(|| {
                let which = draw::integer(&mut random, buffer.len());
                buffer.swap_remove(which)
            })
        })))
    }
}
