//! Several datasets as one: one after another, or side by side.

use cresset_tensor::{Error, Generator, Result};

use super::{Dataset, check_index, still};

/// Datasets one after another: PyTorch's `ConcatDataset`. Of different types, box them first.
///
/// ```
/// use cresset_data::{ConcatDataset, Dataset};
/// let data = ConcatDataset::new(vec![vec![1, 2, 3], vec![4, 5]]);
/// assert_eq!((data.len(), data.item(3)?), (5, 4));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConcatDataset<D> {
    datasets: Vec<D>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl<D: Dataset> ConcatDataset<D> {
    /// Of any number of datasets.
    pub fn new(datasets: impl IntoIterator<Item = D>) -> ConcatDataset<D> {
        let datasets: Vec<D> = datasets.into_iter().collect();
        let mut end = 0usize;
        let ends = datasets.iter().map(|dataset| {
            end = end.saturating_add(dataset.len());
            end
        });
        let ends = ends.collect();
        ConcatDataset { datasets, ends }
    }

    /// The datasets.
    pub fn datasets(&self) -> &[D] {
        &self.datasets
    }
}

impl<D: Dataset> Dataset for ConcatDataset<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    #[track_caller]
    fn item(&self, index: usize) -> Result<D::Item> {
        self.item_with(index, &mut still(index))
    }

    #[track_caller]
    fn item_with(&self, index: usize, random: &mut Generator) -> Result<D::Item> {
        check_index("ConcatDataset", index, self.len())?;
        let which = self.ends.partition_point(|&end| end <= index);
        let start = if which == 0 { 0 } else { self.ends[which - 1] };
        self.datasets[which].item_with(index - start, random)
    }
}

/// Datasets of as many items each, in a tuple.
pub trait Parts: Send + Sync {
    /// The items of all.
    type Item;
    /// How many items each has.
    fn lens(&self) -> Vec<usize>;
    /// Item `index` of each.
    fn get_each(&self, index: usize, random: &mut Generator) -> Result<Self::Item>;
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Dataset),*> Parts for ($($name,)*) {
            type Item = ($($name::Item,)*);

            fn lens(&self) -> Vec<usize> {
                let ($($name,)*) = self;
                vec![$($name.len()),*]
            }

            fn get_each(&self, index: usize, random: &mut Generator) -> Result<Self::Item> {
                let ($($name,)*) = self;
                Ok(($($name.item_with(index, random)?,)*))
            }
        }
    )*};
}

tuples! {
    A B;
    A B C;
    A B C D;
}

/// Datasets side by side, zipped: item `i` is the tuple of their items `i`. PyTorch's `StackDataset`.
///
/// ```
/// use cresset_data::{Dataset, StackDataset};
/// let data = StackDataset::new((vec!["a", "b"], vec![1, 2]))?;
/// assert_eq!(data.item(1)?, ("b", 2));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StackDataset<P> {
    parts: P,
    len: usize,
}

impl<P: Parts> StackDataset<P> {
    /// Over datasets of as many items each.
    #[track_caller]
    pub fn new(parts: P) -> Result<StackDataset<P>> {
        let lens = parts.lens();
        match lens.first() {
            Some(&len) if lens.iter().all(|&other| other == len) => Ok(StackDataset { parts, len }),
            _ => Err(Error::argument(
                "StackDataset",
                format!("the datasets have different numbers of items: {lens:?}"),
            )),
        }
    }
}

impl<P: Parts> Dataset for StackDataset<P> {
    type Item = P::Item;

    fn len(&self) -> usize {
        self.len
    }

    #[track_caller]
    fn item(&self, index: usize) -> Result<P::Item> {
        self.item_with(index, &mut still(index))
    }

    #[track_caller]
    fn item_with(&self, index: usize, random: &mut Generator) -> Result<P::Item> {
        check_index("StackDataset", index, self.len)?;
        self.parts.get_each(index, random)
    }
}
