//! An array as several views of its parts.

use cresset_tensor::{Array, DType, Error, Result, Sizes};

use super::{Shaping, Slicing};
use crate::{Apply, view::View};

/// Into what an array is split: one number, or a list of them, which the method explains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sections {
    /// One number.
    One(i64),
    /// A list.
    List(Sizes),
}

impl From<i64> for Sections {
    fn from(number: i64) -> Self {
        Sections::One(number)
    }
}

impl From<i32> for Sections {
    fn from(number: i32) -> Self {
        Sections::One(number.into())
    }
}

impl From<usize> for Sections {
    fn from(number: usize) -> Self {
        Sections::One(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Sizes> for Sections {
    fn from(list: Sizes) -> Self {
        Sections::List(list)
    }
}

macro_rules! lists {
    ($($type:ty)*) => {$(
        impl<const N: usize> From<[$type; N]> for Sections {
            fn from(list: [$type; N]) -> Self {
                Sections::List(list.into())
            }
        }
        impl From<&[$type]> for Sections {
            fn from(list: &[$type]) -> Self {
                Sections::List(list.into())
            }
        }
        impl From<Vec<$type>> for Sections {
            fn from(list: Vec<$type>) -> Self {
                Sections::List(list.into())
            }
        }
    )*};
}

lists!(i64 i32 usize);

impl TryFrom<&Array> for Sections {
    type Error = Error;

    /// From an array of integers: a number where it has no dimensions, else a list.
    fn try_from(array: &Array) -> Result<Sections> {
        if array.dtype() != DType::I64 || array.rank() > 1 {
            return Err(Error::argument(
                "tensor_split",
                format!("sections are an int64 number or list, not {} {}", array.dtype(), array.shape()),
            ));
        }
        match (array.rank(), &array.to_i64s()?[..]) {
            (0, [number]) => Ok(Sections::One(*number)),
            (_, list) => Ok(Sections::List(list.into())),
        }
    }
}

/// Splitting. All parts are views.
pub trait Splitting: Apply {
    /// Parts of `size` along a dimension, the last smaller if need be; or, given a list, parts of those sizes.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([1, 2, 3, 4, 5]);
    /// assert_eq!(x.split(2, 0)?[2].to_vec::<i32>()?, [5]);
    /// assert_eq!(x.split([1, 4], 0)?[1].to_vec::<i32>()?, [2, 3, 4, 5]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn split(&self, size: impl Into<Sections>, dim: i64) -> Result<Vec<Self>> {
        let part = match size.into() {
            Sections::One(part) => part,
            Sections::List(sizes) => return self.split_with_sizes(sizes, dim),
        };
        let (axis, size) = dimension(self, "split", dim)?;
        if part < 0 || (part == 0 && size > 0) {
            return Err(Error::argument(
                "split",
                format!("a part of size {part} does not split {size} elements"),
            ));
        }
        let part = usize::try_from(part).unwrap_or(usize::MAX).max(1);
        check_count("split", size / part)?;
        let mut parts: Vec<usize> = vec![part; size / part];
        if !size.is_multiple_of(part) || size == 0 {
            parts.push(size % part);
        }
        cut(self, axis, parts)
    }

    /// Parts of those sizes along a dimension.
    #[track_caller]
    fn split_with_sizes(&self, sizes: impl Into<Sizes>, dim: i64) -> Result<Vec<Self>> {
        let (axis, size) = dimension(self, "split_with_sizes", dim)?;
        let parts = sizes.into().to_shape("split_with_sizes")?;
        if parts.iter().try_fold(0usize, |sum, &part| sum.checked_add(part)) != Some(size) {
            return Err(Error::argument(
                "split_with_sizes",
                format!("the sizes {parts} must sum to the {size} elements of dimension {dim}"),
            ));
        }
        cut(self, axis, parts.iter().copied())
    }

    /// At most so many parts of equal size along a dimension, the last smaller if need be.
    #[track_caller]
    fn chunk(&self, chunks: i64, dim: i64) -> Result<Vec<Self>> {
        let (axis, size) = dimension(self, "chunk", dim)?;
        let Some(chunks) = usize::try_from(chunks).ok().filter(|&chunks| chunks > 0) else {
            return Err(Error::argument("chunk", format!("needs at least one chunk, not {chunks}")));
        };
        if size == 0 {
            // Nothing in so many parts.
            check_count("chunk", chunks)?;
            return (0..chunks).map(|_| self.alias()).collect();
        }
        let part = size.div_ceil(chunks);
        check_count("chunk", size.div_ceil(part))?;
        cut(self, axis, (0..size.div_ceil(part)).map(|i| part.min(size - i * part)))
    }

    /// So many parts as equal as can be, the first ones larger by one if need be; or, given a list, the parts between
    /// those indices.
    #[track_caller]
    fn tensor_split(&self, sections: impl Into<Sections>, dim: i64) -> Result<Vec<Self>> {
        let (axis, size) = dimension(self, "tensor_split", dim)?;
        match sections.into() {
            Sections::One(count) => {
                let Some(count) = usize::try_from(count).ok().filter(|&count| count > 0) else {
                    return Err(Error::argument(
                        "tensor_split",
                        format!("needs at least one section, not {count}"),
                    ));
                };
                check_count("tensor_split", count)?;
                let (part, larger) = (size / count, size % count);
                cut(self, axis, (0..count).map(|i| part + usize::from(i < larger)))
            }
            Sections::List(places) => {
                let mut parts = Vec::with_capacity(places.len() + 1);
                let mut start = None;
                for end in places.iter().map(|&place| Some(place)).chain([None]) {
                    parts.push(self.slice(axis as i64, start, end, 1)?);
                    start = end;
                }
                Ok(parts)
            }
        }
    }

    /// [`tensor_split`](Self::tensor_split) into columns: along dimension 1, or 0 of a list. A number of parts must
    /// divide the size.
    #[track_caller]
    fn hsplit(&self, sections: impl Into<Sections>) -> Result<Vec<Self>> {
        even_split(self, "hsplit", sections.into(), 1, usize::from(self.rank() > 1))
    }

    /// [`tensor_split`](Self::tensor_split) into rows: along dimension 0 of at least two. A number of parts must
    /// divide the size.
    #[track_caller]
    fn vsplit(&self, sections: impl Into<Sections>) -> Result<Vec<Self>> {
        even_split(self, "vsplit", sections.into(), 2, 0)
    }

    /// [`tensor_split`](Self::tensor_split) into layers: along dimension 2. A number of parts must divide the size.
    #[track_caller]
    fn dsplit(&self, sections: impl Into<Sections>) -> Result<Vec<Self>> {
        even_split(self, "dsplit", sections.into(), 3, 2)
    }

    /// Every index of a dimension, which goes away.
    #[track_caller]
    fn unbind(&self, dim: i64) -> Result<Vec<Self>> {
        let (axis, size) = dimension(self, "unbind", dim)?;
        check_count("unbind", size)?;
        (0..size).map(|index| self.view_as_data(View::Select { dim: axis, index })).collect()
    }

    /// [`split`](Self::split) as PyTorch's `unsafe_split`: nothing is unsafe about it here.
    #[track_caller]
    fn unsafe_split(&self, size: i64, dim: i64) -> Result<Vec<Self>> {
        self.split(size, dim)
    }

    /// [`split_with_sizes`](Self::split_with_sizes) as PyTorch's `unsafe_split_with_sizes`.
    #[track_caller]
    fn unsafe_split_with_sizes(&self, sizes: impl Into<Sizes>, dim: i64) -> Result<Vec<Self>> {
        self.split_with_sizes(sizes, dim)
    }

    /// [`chunk`](Self::chunk) as PyTorch's `unsafe_chunk`.
    #[track_caller]
    fn unsafe_chunk(&self, chunks: i64, dim: i64) -> Result<Vec<Self>> {
        self.chunk(chunks, dim)
    }
}

impl<T: Apply> Splitting for T {}

/// A dimension of something that has dimensions, and its size.
#[track_caller]
fn dimension<T: Apply>(x: &T, name: &'static str, dim: i64) -> Result<(usize, usize)> {
    if x.rank() == 0 {
        return Err(Error::index(name, "a single number has no dimensions to split"));
    }
    let axis = x.shape().axis(name, dim)?;
    Ok((axis, x.shape()[axis]))
}

/// Refuses numbers of parts whose views alone would fill memory.
#[track_caller]
fn check_count(name: &'static str, parts: usize) -> Result<()> {
    if parts <= 1 << 26 {
        return Ok(());
    }
    Err(Error::memory(name, format!("{parts} parts are more than memory holds")))
}

/// Consecutive parts of sizes that lie within the dimension.
#[track_caller]
fn cut<T: Apply>(x: &T, dim: usize, parts: impl IntoIterator<Item = usize>) -> Result<Vec<T>> {
    let mut start = 0;
    let mut views = Vec::new();
    for len in parts {
        views.push(x.view_as_data(View::Slice {
            dim,
            start: if len > 0 { start } else { 0 },
            len,
            step: 1,
        })?);
        start += len;
    }
    Ok(views)
}

#[track_caller]
fn even_split<T: Apply>(
    x: &T,
    name: &'static str,
    sections: Sections,
    least: usize,
    dim: usize,
) -> Result<Vec<T>> {
    if x.rank() < least {
        return Err(Error::shape(
            name,
            format!("needs at least {least} dimensions; the shape is {}", x.shape()),
        ));
    }
    if let Sections::One(count) = sections
        && (count <= 0 || x.shape()[dim] as i64 % count != 0)
    {
        return Err(Error::argument(
            name,
            format!("{count} parts do not divide the {} elements of dimension {dim}", x.shape()[dim]),
        ));
    }
    x.tensor_split(sections, dim as i64)
}
