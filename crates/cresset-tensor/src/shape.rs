//! Shapes, strides, and the arguments in which people name sizes and dimensions.

use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::{Deref, DerefMut},
};

use smallvec::SmallVec;

use crate::{Error, Listed, Result};

/// Dimensions kept in place, without an allocation, up to this many.
const INLINE: usize = 4;

macro_rules! small_list {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        #[derive(PartialEq, Eq, Default)]
        pub struct $name(SmallVec<[$type; INLINE]>);

        impl $name {
            /// A copy of a slice.
            #[inline]
            pub fn from_slice(list: &[$type]) -> Self {
                $name(SmallVec::from_slice(list))
            }

            /// `n` times the same.
            pub fn repeat(value: $type, n: usize) -> Self {
                $name(SmallVec::from_elem(value, n))
            }

            /// One more at the end.
            pub fn push(&mut self, value: $type) {
                self.0.push(value);
            }

            /// One more before place `at`.
            pub fn insert(&mut self, at: usize, value: $type) {
                self.0.insert(at, value);
            }

            /// Takes out the one at place `at`.
            pub fn remove(&mut self, at: usize) -> $type {
                self.0.remove(at)
            }
        }

        impl Clone for $name {
            #[inline]
            fn clone(&self) -> Self {
                $name(SmallVec::from_slice(&self.0))
            }
        }

        impl Deref for $name {
            type Target = [$type];
            #[inline]
            fn deref(&self) -> &[$type] {
                &self.0
            }
        }

        impl DerefMut for $name {
            #[inline]
            fn deref_mut(&mut self) -> &mut [$type] {
                &mut self.0
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.as_slice().hash(state);
            }
        }

        impl FromIterator<$type> for $name {
            fn from_iter<I: IntoIterator<Item = $type>>(list: I) -> Self {
                $name(list.into_iter().listed())
            }
        }

        impl<'a> IntoIterator for &'a $name {
            type Item = &'a $type;
            type IntoIter = std::slice::Iter<'a, $type>;
            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.0.as_slice(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.0.as_slice(), f)
            }
        }

        impl PartialEq<[$type]> for $name {
            fn eq(&self, other: &[$type]) -> bool {
                self.0.as_slice() == other
            }
        }

        impl<const N: usize> PartialEq<[$type; N]> for $name {
            fn eq(&self, other: &[$type; N]) -> bool {
                self.0.as_slice() == other
            }
        }

        impl From<&[$type]> for $name {
            fn from(list: &[$type]) -> Self {
                Self::from_slice(list)
            }
        }

        impl From<&Vec<$type>> for $name {
            fn from(list: &Vec<$type>) -> Self {
                Self::from_slice(list)
            }
        }

        impl From<Vec<$type>> for $name {
            fn from(list: Vec<$type>) -> Self {
                Self::from_slice(&list)
            }
        }

        impl<const N: usize> From<[$type; N]> for $name {
            fn from(list: [$type; N]) -> Self {
                Self::from_slice(&list)
            }
        }

        impl<const N: usize> From<&[$type; N]> for $name {
            fn from(list: &[$type; N]) -> Self {
                Self::from_slice(list)
            }
        }

        impl From<&$name> for $name {
            fn from(list: &$name) -> Self {
                list.clone()
            }
        }

        impl From<$type> for $name {
            fn from(one: $type) -> Self {
                Self::from_slice(&[one])
            }
        }

        impl From<()> for $name {
            fn from(_: ()) -> Self {
                Self::default()
            }
        }
    };
}

small_list! {
    /// The size of every dimension. `Shape::default()` is the shape of a single number.
    Shape, usize
}
small_list! {
    /// How many elements apart the neighbours along each dimension lie; negative runs backwards.
    Strides, isize
}
small_list! {
    /// Sizes in which `-1` may stand for "whatever is left".
    Sizes, i64
}

impl Shape {
    /// Number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.len()
    }

    /// Number of elements; `usize::MAX` where there is no number for it. (Arrays of such shapes are refused.)
    #[inline]
    pub fn numel(&self) -> usize {
        self.iter().fold(1, |n, &size| n.saturating_mul(size))
    }

    /// Number of elements, or an error where it exceeds what memory can address.
    #[track_caller]
    pub fn checked_numel(&self, operation: &'static str) -> Result<usize> {
        // Sizes beside a zero still have to multiply to something addressable, as strides are made of them.
        let limit = isize::MAX as usize;
        let total = self.iter().filter(|&&size| size != 0).try_fold(1usize, |n, &size| n.checked_mul(size));
        match total {
            Some(n) if n <= limit && self.contains(&0) => Ok(0),
            // Room for the widest element, twice.
            Some(n) if n <= limit / 16 => Ok(n),
            _ => Err(Error::memory(
                operation,
                format!("shape {self} has more elements than memory can address"),
            )),
        }
    }

    /// Strides of the row-major arrangement.
    pub fn contiguous_strides(&self) -> Strides {
        let mut strides = Strides::repeat(1, self.len());
        let mut step = 1isize;
        for i in (0..self.len()).rev() {
            strides[i] = step;
            // Shapes that saturate here are refused wherever they would meet memory.
            step = step.saturating_mul(isize::try_from(self[i].max(1)).unwrap_or(isize::MAX));
        }
        strides
    }

    /// The shape two shapes broadcast to, or `None`. PyTorch's `broadcast_shapes`.
    ///
    /// ```
    /// use cresset_tensor::Shape;
    /// assert_eq!(Shape::from([4, 1]).broadcast(&[3].into()), Some([4, 3].into()));
    /// assert_eq!(Shape::from([4]).broadcast(&[3].into()), None);
    /// ```
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let (long, short) = if self.len() >= other.len() { (self, other) } else { (other, self) };
        let mut shape = long.clone();
        let extra = long.len() - short.len();
        for (size, &wanted) in shape[extra..].iter_mut().zip(short.iter()) {
            if *size == 1 {
                *size = wanted;
            } else if wanted != 1 && wanted != *size {
                return None;
            }
        }
        Some(shape)
    }

    /// A dimension counted from either end, as an index; a single number has one dimension in this sense.
    #[track_caller]
    pub fn axis(&self, operation: &'static str, dim: i64) -> Result<usize> {
        axis_of(operation, dim, self.len())
    }
}

/// A dimension of `rank` counted from either end, as an index.
#[track_caller]
pub fn axis_of(operation: &'static str, dim: i64, rank: usize) -> Result<usize> {
    let n = saturated(rank.max(1));
    if dim < -n || dim >= n {
        return Err(Error::index(
            operation,
            format!("dimension out of range: {dim} (expected {} to {})", -n, n - 1),
        ));
    }
    Ok(if dim < 0 { dim + n } else { dim } as usize)
}

macro_rules! integers {
    ($name:ident: $($type:ty),*) => {$(
        impl<const N: usize> From<[$type; N]> for $name {
            fn from(list: [$type; N]) -> Self {
                list.iter().map(|&x| saturated(x)).collect()
            }
        }
        impl<const N: usize> From<&[$type; N]> for $name {
            fn from(list: &[$type; N]) -> Self {
                list.iter().map(|&x| saturated(x)).collect()
            }
        }
        impl From<&[$type]> for $name {
            fn from(list: &[$type]) -> Self {
                list.iter().map(|&x| saturated(x)).collect()
            }
        }
        impl From<Vec<$type>> for $name {
            fn from(list: Vec<$type>) -> Self {
                list.iter().map(|&x| saturated(x)).collect()
            }
        }
        impl From<&Vec<$type>> for $name {
            fn from(list: &Vec<$type>) -> Self {
                list.iter().map(|&x| saturated(x)).collect()
            }
        }
        impl From<$type> for $name {
            fn from(one: $type) -> Self {
                [one].into()
            }
        }
    )*};
}

integers!(Sizes: i32, usize, isize);

/// A size as `i64`. One too large must stay too large, and not turn into `-1`.
fn saturated<T: TryInto<i64>>(size: T) -> i64 {
    size.try_into().unwrap_or(i64::MAX)
}

impl From<&Shape> for Sizes {
    fn from(shape: &Shape) -> Self {
        shape.iter().map(|&x| saturated(x)).collect()
    }
}

impl From<Shape> for Sizes {
    fn from(shape: Shape) -> Self {
        (&shape).into()
    }
}

impl Sizes {
    /// The shape these sizes mean for `numel` elements: at most one `-1`, everything else not negative.
    ///
    /// ```
    /// use cresset_tensor::Sizes;
    /// assert_eq!(Sizes::from([2, -1]).resolve("reshape", 6)?, [2, 3]);
    /// assert!(Sizes::from([4, -1]).resolve("reshape", 6).is_err());
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn resolve(&self, operation: &'static str, numel: usize) -> Result<Shape> {
        let location = std::panic::Location::caller();
        let mismatch = || {
            Error::shape(operation, format!("shape {self} is not possible for {numel} elements")).at(location)
        };
        let mut known = Shape::default();
        let mut hole = None;
        for (i, &size) in self.iter().enumerate() {
            match size {
                -1 if hole.is_some() => {
                    return Err(Error::shape(operation, format!("only one size of {self} may be -1")));
                }
                -1 => hole = Some(i),
                size if size < 0 => {
                    return Err(Error::shape(operation, format!("invalid size {size} in {self}")));
                }
                _ => {}
            }
            known.push(if size == -1 { 1 } else { size as usize });
        }
        let rest = known.checked_numel(operation)?;
        if let Some(i) = hole {
            if rest == 0 {
                return Err(Error::shape(
                    operation,
                    format!("-1 in {self} is ambiguous: the other sizes hold no elements"),
                ));
            }
            if !numel.is_multiple_of(rest) {
                return Err(mismatch());
            }
            known[i] = numel / rest;
        } else if rest != numel {
            return Err(mismatch());
        }
        Ok(known)
    }

    /// The shape these sizes mean where none may be negative.
    #[track_caller]
    pub fn to_shape(&self, operation: &'static str) -> Result<Shape> {
        if let Some(size) = self.iter().find(|&&size| size < 0) {
            return Err(Error::shape(operation, format!("negative size {size} in {self}")));
        }
        Ok(self.iter().map(|&x| x as usize).collect())
    }
}

/// Dimensions as people name them: one, several, or all (`..`), counted from either end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Axes {
    /// Every dimension.
    All,
    /// These.
    List(Sizes),
}

impl Axes {
    /// The named dimensions as indices, in the order given; each may be named once.
    ///
    /// ```
    /// use cresset_tensor::Axes;
    /// assert_eq!(Axes::from([-1, 0]).resolve("sum", 3)?[..], [2, 0]);
    /// assert_eq!(Axes::from(..).resolve("sum", 3)?[..], [0, 1, 2]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn resolve(&self, operation: &'static str, rank: usize) -> Result<SmallVec<[usize; 6]>> {
        let Axes::List(list) = self else { return Ok((0..rank).listed()) };
        let mut axes = SmallVec::new();
        for &dim in list {
            let axis = axis_of(operation, dim, rank)?;
            if axes.contains(&axis) {
                return Err(Error::argument(
                    operation,
                    format!("dim {dim} appears multiple times in {list}"),
                ));
            }
            axes.push(axis);
        }
        if rank == 0 {
            axes.clear();
        }
        Ok(axes)
    }
}

impl From<std::ops::RangeFull> for Axes {
    fn from(_: std::ops::RangeFull) -> Self {
        Axes::All
    }
}

impl From<Sizes> for Axes {
    fn from(list: Sizes) -> Self {
        Axes::List(list)
    }
}

macro_rules! axes {
    ($($type:ty),*) => {$(
        impl<const N: usize> From<[$type; N]> for Axes {
            fn from(list: [$type; N]) -> Self {
                Axes::List(list.into())
            }
        }
        impl From<&[$type]> for Axes {
            fn from(list: &[$type]) -> Self {
                Axes::List(list.into())
            }
        }
        impl From<Vec<$type>> for Axes {
            fn from(list: Vec<$type>) -> Self {
                Axes::List(list.into())
            }
        }
        impl From<$type> for Axes {
            fn from(one: $type) -> Self {
                Axes::List(one.into())
            }
        }
    )*};
}

axes!(i32, i64, isize, usize);
