//! `Dataset`: items by number, and what is built over one: datasets that map, join, choose and split.

mod combined;
mod iterable;
mod mapped;
mod subset;
mod tensors;

use std::sync::Arc;

use cresset_tensor::{Error, Generator, Result};

use crate::Tensor;
use crate::transform::Transform;
pub use combined::{ConcatDataset, Parts, StackDataset};
pub use iterable::{ChainDataset, Items, IterableDataset, MapIterable, Shuffle, iterate};
pub use mapped::{MapDataset, TransformDataset};
pub use subset::{Length, Subset, random_split};
pub use tensors::{Rows, TensorDataset};

/// Items by number: PyTorch's map-style `Dataset`.
///
/// What an item is depends on its number alone, and, where it is random, on the generator it is given, which a
/// loader makes of its seed, the epoch and the number. That is why batches do not depend on the number of workers.
///
/// ```
/// use cresset_data::Dataset;
/// use cresset_tensor::Result;
///
/// struct Squares(usize);
///
/// impl Dataset for Squares {
///     type Item = i64;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn item(&self, index: usize) -> Result<i64> {
///         Ok((index * index) as i64)
///     }
/// }
/// assert_eq!(Squares(10).item(3)?, 9);
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
pub trait Dataset: Send + Sync {
    /// What one item is.
    type Item;

    /// How many items.
    fn len(&self) -> usize;

    /// Item `index`. PyTorch's `__getitem__`. (Not `get`: lists are datasets, and have that already.)
    fn item(&self, index: usize) -> Result<Self::Item>;

    /// Item `index`, whose random numbers are drawn from that generator. Datasets without any need not say this;
    /// those with some let [`item`](Self::item) be `self.item_with(index, &mut still(index))`, see [`still`].
    fn item_with(&self, index: usize, _random: &mut Generator) -> Result<Self::Item> {
        self.item(index)
    }

    /// Are there none?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dataset of what a function makes of each item. Random numbers it draws from the item's generator.
    ///
    /// ```
    /// use cresset_data::{Dataset, draw};
    /// let noisy = vec![1.0, 2.0].map(|x, random| Ok(x + draw::normal(random, 0.0, 0.1)));
    /// assert!((noisy.item(1)? - 2.0).abs() < 1.0);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    fn map<F, U>(self, function: F) -> MapDataset<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Item, &mut Generator) -> Result<U> + Send + Sync,
    {
        MapDataset::new(self, function)
    }

    /// The dataset of pairs whose first part, the image, goes through a transform.
    fn transform<T, L>(self, transform: T) -> TransformDataset<Self, T>
    where
        Self: Dataset<Item = (Tensor, L)> + Sized,
        T: Transform,
    {
        TransformDataset::new(self, transform)
    }
}

/// The generator of an item that is asked for without one: as in epoch 0 under seed 0.
#[inline]
pub fn still(index: usize) -> Generator {
    Generator::keyed(0, 0, index as u64)
}

/// An error unless there is an item of that number.
#[track_caller]
#[inline]
pub(crate) fn check_index(name: &'static str, index: usize, len: usize) -> Result<()> {
    if index < len {
        return Ok(());
    }
    Err(Error::index(name, format!("there is no item {index}: there are {len}, counted from 0")))
}

/// A list is a dataset of its elements.
impl<T: Clone + Send + Sync> Dataset for Vec<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> Result<T> {
        check_index("Vec", index, self.len())?;
        Ok(self[index].clone())
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            type Item = D::Item;

            fn len(&self) -> usize {
                (**self).len()
            }

            fn item(&self, index: usize) -> Result<D::Item> {
                (**self).item(index)
            }

            fn item_with(&self, index: usize, random: &mut Generator) -> Result<D::Item> {
                (**self).item_with(index, random)
            }
        }
    )*};
}

pointers!(Arc<D>, Box<D>, &D);
