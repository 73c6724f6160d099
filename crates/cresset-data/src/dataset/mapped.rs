//! Datasets whose items go through a function or a transform.

use cresset_tensor::{Generator, Result};

use super::{Dataset, still};
use crate::{Tensor, transform::Transform};

/// What [`Dataset::map`] makes.
#[derive(Clone, Debug)]
pub struct MapDataset<D, F> {
    dataset: D,
    function: F,
}

impl<D, F> MapDataset<D, F> {
    pub(super) fn new(dataset: D, function: F) -> Self {
        MapDataset { dataset, function }
    }

    /// What it is made over.
    pub fn inner(&self) -> &D {
        &self.dataset
    }
}

impl<D, F, U> Dataset for MapDataset<D, F>
where
    D: Dataset,
    F: Fn(D::Item, &mut Generator) -> Result<U> + Send + Sync,
{
    type Item = U;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn item(&self, index: usize) -> Result<U> {
        self.item_with(index, &mut still(index))
    }

    fn item_with(&self, index: usize, random: &mut Generator) -> Result<U> {
        let item = self.dataset.item_with(index, random)?;
        (self.function)(item, random)
    }
}

/// What [`Dataset::transform`] makes.
#[derive(Clone, Debug)]
pub struct TransformDataset<D, T> {
    dataset: D,
    transform: T,
}

impl<D, T> TransformDataset<D, T> {
    pub(super) fn new(dataset: D, transform: T) -> Self {
        TransformDataset { dataset, transform }
    }

    /// What it is made over.
    pub fn inner(&self) -> &D {
        &self.dataset
    }
}

impl<D: Dataset<Item = (Tensor, L)>, T: Transform, L> Dataset for TransformDataset<D, T> {
    type Item = (Tensor, L);

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn item(&self, index: usize) -> Result<(Tensor, L)> {
        self.item_with(index, &mut still(index))
    }

    fn item_with(&self, index: usize, random: &mut Generator) -> Result<(Tensor, L)> {
        let (image, label) = self.dataset.item_with(index, random)?;
        Ok((self.transform.apply(&image, random)?, label))
    }
}
