//! What stands between the brackets of an indexing: `x.i((.., 0, 1..3))` for Python's `x[:, 0, 1:3]`.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::Apply;

/// One index. Made from integers, ranges, lists of integers, arrays, [`NewAxis`] and [`Ellipsis`].
#[derive(Clone, Debug)]
pub enum Index<T> {
    /// One place, counted from either end; its dimension goes away.
    Int(i64),
    /// Python's `start:end:step`. A negative step runs backwards, as in NumPy.
    Range {
        /// The first.
        start: Option<i64>,
        /// Before which it ends.
        end: Option<i64>,
        /// How far apart.
        step: i64,
    },
    /// Python's `...`: as many whole dimensions as are left.
    Ellipsis,
    /// Python's `None`: a new dimension of size one.
    NewAxis,
    /// A new dimension of size one (`true`) or zero (`false`).
    Bool(bool),
    /// The places of a list.
    List(Vec<i64>),
    /// The places of an array of `int64` or `int32`; where an array of `bool` is true, which covers as many
    /// dimensions as it has.
    Tensor(T),
}

/// A new dimension of size one: Python's `None` as an index.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// As many whole dimensions as are left: Python's `...`.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

impl<T> Index<T> {
    /// Python's `start:end:step`.
    pub fn range(start: impl Into<Option<i64>>, end: impl Into<Option<i64>>, step: i64) -> Self {
        Index::Range { start: start.into(), end: end.into(), step }
    }
}

/// One index or several: what [`Index`] is made from, tuples of up to six such, and lists of [`Index`].
pub trait IntoIndices<T> {
    /// As a list.
    fn into_indices(self) -> Vec<Index<T>>;
}

/// Where something after an included end starts; `-1` is the last, after which there is nothing.
fn after(end: i64) -> Option<i64> {
    end.checked_add(1).filter(|&end| end != 0)
}

macro_rules! conversions {
    ($([$($generics:tt)*] $type:ty, |$from:ident| $index:expr;)*) => {$(
        impl<T: Apply, $($generics)*> From<$type> for Index<T> {
            fn from($from: $type) -> Self {
                $index
            }
        }
        impl<T: Apply, $($generics)*> IntoIndices<T> for $type {
            fn into_indices(self) -> Vec<Index<T>> {
                vec![self.into()]
            }
        }
    )*};
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        conversions! {
            [] $type, |i| Index::Int(i64::try_from(i).unwrap_or(i64::MAX));
            [] Range<$type>, |range| Index::range(whole(range.start), whole(range.end), 1);
            [] RangeFrom<$type>, |range| Index::range(whole(range.start), None, 1);
            [] RangeTo<$type>, |range| Index::range(None, whole(range.end), 1);
            [] RangeInclusive<$type>, |range| Index::range(whole(*range.start()), after(whole(*range.end())), 1);
            [] RangeToInclusive<$type>, |range| Index::range(None, after(whole(range.end)), 1);
            [const N: usize] [$type; N], |list| Index::List(list.iter().map(|&i| whole(i)).collect());
            [] Vec<$type>, |list| Index::List(list.iter().map(|&i| whole(i)).collect());
            [] &[$type], |list| Index::List(list.iter().map(|&i| whole(i)).collect());
        }
    )*};
}

fn whole<I: TryInto<i64>>(i: I) -> i64 {
    i.try_into().unwrap_or(i64::MAX)
}

integers!(i64 i32 usize);

conversions! {
    [] RangeFull, |_range| Index::range(None, None, 1);
    [] NewAxis, |_axis| Index::NewAxis;
    [] Ellipsis, |_rest| Index::Ellipsis;
    [] bool, |truth| Index::Bool(truth);
    [] &T, |tensor| Index::Tensor(tensor.clone());
}

impl<T: Apply> From<&Index<T>> for Index<T> {
    fn from(index: &Index<T>) -> Self {
        index.clone()
    }
}

impl<T: Apply> IntoIndices<T> for Index<T> {
    fn into_indices(self) -> Vec<Index<T>> {
        vec![self]
    }
}

impl<T: Apply> IntoIndices<T> for Vec<Index<T>> {
    fn into_indices(self) -> Vec<Index<T>> {
        self
    }
}

impl<T: Apply> IntoIndices<T> for &[Index<T>] {
    fn into_indices(self) -> Vec<Index<T>> {
        self.to_vec()
    }
}

impl<T: Apply, const N: usize> IntoIndices<T> for [Index<T>; N] {
    fn into_indices(self) -> Vec<Index<T>> {
        self.into()
    }
}

impl<T: Apply> IntoIndices<T> for () {
    fn into_indices(self) -> Vec<Index<T>> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        #[allow(non_snake_case)]
        impl<T: Apply, $($name: Into<Index<T>>),+> IntoIndices<T> for ($($name,)+) {
            fn into_indices(self) -> Vec<Index<T>> {
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
