//! Tensors as datasets: item `i` is row `i` of each.

use cresset_autograd::prelude::*;
use cresset_tensor::Array;

use super::{Dataset, check_index};

/// Tensors that have rows: one, or several of as many rows (tuples, lists).
pub trait Rows: Sized + Send + Sync {
    /// The sizes of the first dimension, one for each tensor.
    fn rows(&self, sizes: &mut Vec<usize>) -> Result<()>;
    /// Row `index` of each. It shares memory with the whole.
    fn row(&self, index: usize) -> Result<Self>;
}

macro_rules! tensors {
    ($($type:ty),*) => {$(
        impl Rows for $type {
            fn rows(&self, sizes: &mut Vec<usize>) -> Result<()> {
                let Some(&size) = self.shape().first() else {
                    return Err(Error::shape("TensorDataset", "a single number has no rows"));
                };
                sizes.push(size);
                Ok(())
            }

            fn row(&self, index: usize) -> Result<Self> {
                self.select(0, i64::try_from(index).unwrap_or(i64::MAX))
            }
        }
    )*};
}

tensors!(Tensor, Array);

impl<R: Rows> Rows for Vec<R> {
    fn rows(&self, sizes: &mut Vec<usize>) -> Result<()> {
        self.iter().try_for_each(|tensor| tensor.rows(sizes))
    }

    fn row(&self, index: usize) -> Result<Self> {
        self.iter().map(|tensor| tensor.row(index)).collect()
    }
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Rows),*> Rows for ($($name,)*) {
            fn rows(&self, sizes: &mut Vec<usize>) -> Result<()> {
                let ($($name,)*) = self;
                $($name.rows(sizes)?;)*
                Ok(())
            }

            fn row(&self, index: usize) -> Result<Self> {
                let ($($name,)*) = self;
                Ok(($($name.row(index)?,)*))
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// Row `i` of one tensor, or of each of several: PyTorch's `TensorDataset`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::{Dataset, TensorDataset};
/// let data = TensorDataset::new((Tensor::new([[1.0, 2.0], [3.0, 4.0]]), Tensor::new([0i64, 1])))?;
/// let (x, y) = data.item(1)?;
/// assert_eq!((x.to_vec::<f64>()?, y.item::<i64>()?), (vec![3.0, 4.0], 1));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset<R> {
    tensors: R,
    len: usize,
}

impl<R: Rows> TensorDataset<R> {
    /// Over tensors of as many rows each.
    #[track_caller]
    pub fn new(tensors: R) -> Result<TensorDataset<R>> {
        let mut sizes = Vec::new();
        tensors.rows(&mut sizes)?;
        match sizes.first() {
            Some(&len) if sizes.iter().all(|&size| size == len) => Ok(TensorDataset { tensors, len }),
            Some(_) => Err(Error::shape(
                "TensorDataset",
                format!("the tensors' first dimensions differ: {sizes:?}; each needs one row for each item"),
            )),
            None => Err(Error::argument("TensorDataset", "needs at least one tensor")),
        }
    }

    /// The tensors.
    pub fn tensors(&self) -> &R {
        &self.tensors
    }
}

impl<R: Rows> Dataset for TensorDataset<R> {
    type Item = R;

    fn len(&self) -> usize {
        self.len
    }

    #[track_caller]
    fn item(&self, index: usize) -> Result<R> {
        check_index("TensorDataset", index, self.len)?;
        self.tensors.row(index)
    }
}
