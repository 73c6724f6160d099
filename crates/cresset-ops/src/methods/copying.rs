//! PyTorch's `*_copy`: what a view shows, with memory of its own.

use cresset_tensor::{Axes, Result, Sizes};

use super::{Rearranging, Sections, Shaping, Slicing, Splitting};
use crate::Apply;

/// Declares methods that copy what another one shows.
macro_rules! copies {
    ($($method:ident $view:ident ($($name:ident: $type:ty),*);)*) => {$(
        #[doc = concat!("A copy of [`", stringify!($view), "`].")]
        #[track_caller]
        fn $method(&self $(, $name: $type)*) -> Result<Self> {
            self.$view($($name),*)?.copy()
        }
    )*};
}

/// Views with memory of their own.
pub trait Copying: Apply {
    copies! {
        alias_copy alias();
        expand_copy expand(sizes: impl Into<Sizes>);
        squeeze_copy squeeze(dims: impl Into<Axes>);
        unsqueeze_copy unsqueeze(dim: i64);
        permute_copy permute(dims: impl Into<Sizes>);
        transpose_copy transpose(dim0: i64, dim1: i64);
        t_copy t();
        narrow_copy narrow(dim: i64, start: i64, length: i64);
        select_copy select(dim: i64, index: i64);
        slice_copy slice(dim: i64, start: impl Into<Option<i64>>, end: impl Into<Option<i64>>, step: i64);
        diagonal_copy diagonal(offset: i64, dim1: i64, dim2: i64);
        unfold_copy unfold(dim: i64, size: i64, step: i64);
        as_strided_copy as_strided(sizes: impl Into<Sizes>, strides: impl Into<Sizes>, offset: impl Into<Option<i64>>);
    }

    /// A copy in another shape; unlike [`view`](Shaping::view), of any layout.
    #[track_caller]
    fn view_copy(&self, sizes: impl Into<Sizes>) -> Result<Self> {
        let shaped = self.reshape(sizes).map_err(|error| error.of("view_copy"))?;
        if shaped.array().shares_memory(self.array()) { shaped.copy() } else { Ok(shaped) }
    }

    /// Copies of [`split`](Splitting::split).
    #[track_caller]
    fn split_copy(&self, sizes: impl Into<Sections>, dim: i64) -> Result<Vec<Self>> {
        self.split(sizes, dim)?.iter().map(|part| part.copy()).collect()
    }

    /// Copies of [`split_with_sizes`](Splitting::split_with_sizes).
    #[track_caller]
    fn split_with_sizes_copy(&self, sizes: impl Into<Sizes>, dim: i64) -> Result<Vec<Self>> {
        self.split_with_sizes(sizes, dim)?.iter().map(|part| part.copy()).collect()
    }

    /// Copies of [`unbind`](Splitting::unbind).
    #[track_caller]
    fn unbind_copy(&self, dim: i64) -> Result<Vec<Self>> {
        self.unbind(dim)?.iter().map(|part| part.copy()).collect()
    }
}

impl<T: Apply> Copying for T {}
