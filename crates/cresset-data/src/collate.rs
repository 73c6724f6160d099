//! How the items of a batch become one thing: tensors stacked, numbers gathered, and so on into tuples, lists and maps.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use cresset_autograd::prelude::*;
use cresset_tensor::{Array, bf16, f16};

/// What a batch of such items is. PyTorch's `default_collate`.
///
/// | item | batch |
/// |---|---|
/// | `Tensor`, `Array` | one with a dimension more, in front |
/// | a number, a truth | a `Tensor` of one dimension |
/// | a tuple, an array | the same of batches |
/// | a `Vec`, all of one length | a `Vec` of batches |
/// | a map, all of the same keys | a map of batches |
/// | an `Option` | all or nothing |
/// | a text | a `Vec` of texts |
pub trait Collate: Sized {
    /// What they become.
    type Batch: Send + 'static;

    /// One batch of these items.
    fn collate(items: Vec<Self>) -> Result<Self::Batch>;
}

/// One batch of these items: PyTorch's `default_collate`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::collate;
/// let (x, y) = collate(vec![(Tensor::new([1.0, 2.0]), 3i64), (Tensor::new([4.0, 5.0]), 6)])?;
/// assert_eq!((x.shape().to_vec(), y.to_vec::<i64>()?), (vec![2, 2], vec![3, 6]));
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn collate<T: Collate>(items: Vec<T>) -> Result<T::Batch> {
    T::collate(items)
}

#[track_caller]
#[inline]
fn unlike(what: String) -> Error {
    Error::shape("collate", format!("{what}; give the loader a collate function of your own"))
}

macro_rules! tensors {
    ($($type:ty),*) => {$(
        impl Collate for $type {
            type Batch = $type;

            #[track_caller]
            #[inline]
            fn collate(items: Vec<$type>) -> Result<$type> {
                if let Some(first) = items.first()
                    && let Some((i, other)) =
                        items.iter().enumerate().find(|(_, item)| item.shape() != first.shape())
                {
                    let (a, b) = (first.shape(), other.shape());
                    return Err(unlike(format!("items differ in shape: the first is {a}, number {i} is {b}")));
                }
                <$type>::stack(&items, 0)
            }
        }
    )*};
}

tensors!(Tensor, Array);

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Collate for $type {
            type Batch = Tensor;

            #[inline]
            fn collate(items: Vec<$type>) -> Result<Tensor> {
                Ok(Tensor::from(Array::from(items)))
            }
        }
    )*};
}

numbers!(f64, f32, f16, bf16, i64, i32, i16, i8, u8, bool);

impl Collate for usize {
    type Batch = Tensor;

    #[track_caller]
    #[inline]
    fn collate(items: Vec<usize>) -> Result<Tensor> {
        let wide = |item: usize| {
            i64::try_from(item)
                .map_err(|_| Error::argument("collate", format!("{item} does not fit into int64")))
        };
        i64::collate(items.into_iter().map(wide).collect::<Result<_>>()?)
    }
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl Collate for $type {
            type Batch = Vec<$type>;

            #[inline]
            fn collate(items: Vec<$type>) -> Result<Vec<$type>> {
                Ok(items)
            }
        }
    )*};
}

texts!(String, &'static str, char, std::path::PathBuf);

impl Collate for () {
    type Batch = ();

    #[inline]
    fn collate(_: Vec<()>) -> Result<()> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($($name:ident $place:tt)*;)*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Collate),*> Collate for ($($name,)*) {
            type Batch = ($($name::Batch,)*);

            #[track_caller]
            fn collate(items: Vec<Self>) -> Result<Self::Batch> {
                // A vector for each place of the tuple, under the name of its type.
                $(let mut $name = Vec::with_capacity(items.len());)*
                for item in items {
                    $($name.push(item.$place);)*
                }
                Ok(($($name::collate($name)?,)*))
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
}

/// Lists of one length each, place by place.
#[track_caller]
fn places<T: Collate>(items: Vec<Vec<T>>) -> Result<Vec<T::Batch>> {
    let len = items.first().map_or(0, Vec::len);
    let mut places: Vec<Vec<T>> = (0..len).map(|_| Vec::with_capacity(items.len())).collect();
    for (i, item) in items.into_iter().enumerate() {
        if item.len() != len {
            let other = item.len();
            return Err(unlike(format!(
                "lists differ in length: the first has {len}, number {i} has {other}"
            )));
        }
        places.iter_mut().zip(item).for_each(|(place, value)| place.push(value));
    }
    places.into_iter().map(T::collate).collect()
}

impl<T: Collate> Collate for Vec<T> {
    type Batch = Vec<T::Batch>;

    #[track_caller]
    fn collate(items: Vec<Vec<T>>) -> Result<Vec<T::Batch>> {
        places(items)
    }
}

impl<T: Collate, const N: usize> Collate for [T; N] {
    type Batch = [T::Batch; N];

    #[track_caller]
    fn collate(items: Vec<[T; N]>) -> Result<[T::Batch; N]> {
        let lists: Vec<Vec<T>> = items.into_iter().map(Vec::from).collect();
        // Without items there are no lists that tell how long they are.
        let batches = if lists.is_empty() {
            (0..N).map(|_| T::collate(Vec::new())).collect::<Result<_>>()?
        } else {
            places(lists)?
        };
        <[T::Batch; N]>::try_from(batches).map_err(|_| unlike("lists differ in length".to_owned()))
    }
}

impl<T: Collate> Collate for Option<T> {
    type Batch = Option<T::Batch>;

    #[track_caller]
    fn collate(items: Vec<Option<T>>) -> Result<Option<T::Batch>> {
        let count = items.len();
        let there: Vec<T> = items.into_iter().flatten().collect();
        match there.len() {
            0 => Ok(None),
            some if some == count => T::collate(there).map(Some),
            some => Err(unlike(format!("{some} of {count} items are there, the others are missing"))),
        }
    }
}

macro_rules! maps {
    ($($map:ident: $($bound:ident)+;)*) => {$(
        impl<K: $($bound +)+ Send + 'static, V: Collate> Collate for $map<K, V> {
            type Batch = $map<K, V::Batch>;

            #[track_caller]
            fn collate(items: Vec<$map<K, V>>) -> Result<$map<K, V::Batch>> {
                let (count, keys) = (items.len(), items.first().map_or(0, $map::len));
                let mut all: $map<K, Vec<V>> = $map::new();
                for (i, item) in items.into_iter().enumerate() {
                    if item.len() != keys {
                        return Err(unlike(format!("maps differ in their keys: number {i} from the first")));
                    }
                    for (key, value) in item {
                        all.entry(key).or_default().push(value);
                    }
                }
                if all.values().any(|values| values.len() != count) {
                    return Err(unlike("maps differ in their keys".to_owned()));
                }
                all.into_iter().map(|(key, values)| Ok((key, V::collate(values)?))).collect()
            }
        }
    )*};
}

maps! {
    HashMap: Hash Eq;
    BTreeMap: Ord;
}
