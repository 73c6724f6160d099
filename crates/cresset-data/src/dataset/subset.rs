//! Parts of a dataset: chosen items, and random splits.

use std::sync::Arc;

use cresset_tensor::{Error, Generator, Result};

use super::{Dataset, check_index, still};
use crate::draw;

/// Some items of a dataset, in that order: PyTorch's `Subset`.
///
/// ```
/// use cresset_data::{Dataset, Subset};
/// let some = Subset::new(vec!['a', 'b', 'c'], [2, 0])?;
/// assert_eq!((some.len(), some.item(0)?), (2, 'c'));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subset<D> {
    dataset: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The items of these numbers, all of which the dataset must have.
    #[track_caller]
    pub fn new(dataset: D, indices: impl IntoIterator<Item = usize>) -> Result<Subset<D>> {
        let (indices, len): (Vec<usize>, _) = (indices.into_iter().collect(), dataset.len());
        indices.iter().try_for_each(|&index| check_index("Subset", index, len))?;
        Ok(Subset { dataset, indices })
    }

    /// What it is a part of.
    pub fn inner(&self) -> &D {
        &self.dataset
    }

    /// The numbers of its items in the whole.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.indices.len()
    }

    #[track_caller]
    fn item(&self, index: usize) -> Result<D::Item> {
        self.item_with(index, &mut still(index))
    }

    #[track_caller]
    fn item_with(&self, index: usize, random: &mut Generator) -> Result<D::Item> {
        check_index("Subset", index, self.len())?;
        self.dataset.item_with(self.indices[index], random)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for f64 {}
}

/// How large a part is: a number of items, or a fraction of the whole.
pub trait Length: sealed::Sealed + Copy {
    /// Numbers of items that make up the whole.
    fn resolve(lengths: &[Self], total: usize) -> Result<Vec<usize>>;
}

impl Length for usize {
    #[track_caller]
    #[inline]
    fn resolve(lengths: &[usize], total: usize) -> Result<Vec<usize>> {
        let sum = lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length));
        if sum == Some(total) {
            return Ok(lengths.to_vec());
        }
        Err(Error::argument(
            "random_split",
            format!("the lengths {lengths:?} do not add up to {total} items"),
        ))
    }
}

impl Length for f64 {
    /// As PyTorch: each part is rounded down, and what is left goes to the first parts, one each.
    #[track_caller]
    #[inline]
    fn resolve(fractions: &[f64], total: usize) -> Result<Vec<usize>> {
        let sum: f64 = fractions.iter().sum();
        if !fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction)) || (sum - 1.0).abs() > 1e-6 {
            return Err(Error::argument(
                "random_split",
                format!("the fractions {fractions:?} must lie within 0..=1 and add up to 1, not {sum}"),
            ));
        }
        let mut lengths: Vec<usize> =
            fractions.iter().map(|fraction| (total as f64 * fraction).floor() as usize).collect();
        let left = total.saturating_sub(lengths.iter().sum());
        let parts = lengths.len();
        (0..left).for_each(|i| lengths[i % parts] += 1);
        Ok(lengths)
    }
}

/// Splits a dataset at random into parts that have no item in common: of so many items each, or of such fractions.
///
/// ```
/// use cresset_data::{Dataset, random_split};
/// let numbers: Vec<i64> = (0..100).collect();
/// let [train, test] = random_split(numbers, [0.8, 0.2], 42)?;
/// assert_eq!((train.len(), test.len()), (80, 20));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn random_split<D: Dataset, L: Length, const N: usize>(
    dataset: D,
    lengths: [L; N],
    seed: u64,
) -> Result<[Subset<Arc<D>>; N]> {
    let dataset = Arc::new(dataset);
    let lengths = L::resolve(&lengths, dataset.len())?;
    let mut order = draw::permutation(&mut Generator::new(seed), dataset.len()).into_iter();
    Ok(std::array::from_fn(|part| Subset {
        dataset: dataset.clone(),
        indices: order.by_ref().take(lengths[part]).collect(),
    }))
}
