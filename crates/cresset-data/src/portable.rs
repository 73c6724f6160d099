//! Batches that can be moved to a device, whatever their tensors lie in.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use cresset_autograd::prelude::*;
use cresset_tensor::Array;

/// What can be moved to a device: tensors and arrays, and tuples, lists, maps and options of them. What else a batch holds
/// (texts, numbers) stays as it is.
pub trait Portable: Sized {
    /// The same on a device.
    fn moved(self, device: Device) -> Result<Self>;
}

macro_rules! tensors {
    ($($type:ty),*) => {$(
        impl Portable for $type {
            #[track_caller]
            fn moved(self, device: Device) -> Result<$type> {
                self.to_device(device)
            }
        }
    )*};
}

tensors!(Tensor, Array);

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Portable for $type {
            fn moved(self, _: Device) -> Result<$type> {
                Ok(self)
            }
        }
    )*};
}

plain!((), String, &'static str, char, std::path::PathBuf, bool, f64, f32, i64, i32, u8, usize);

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Portable),*> Portable for ($($name,)*) {
            #[track_caller]
            fn moved(self, device: Device) -> Result<Self> {
                let ($($name,)*) = self;
                Ok(($($name.moved(device)?,)*))
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

impl<T: Portable> Portable for Vec<T> {
    #[track_caller]
    fn moved(self, device: Device) -> Result<Self> {
        self.into_iter().map(|part| part.moved(device)).collect()
    }
}

impl<T: Portable, const N: usize> Portable for [T; N] {
    #[track_caller]
    fn moved(self, device: Device) -> Result<Self> {
        let moved: Vec<T> = Vec::from(self).moved(device)?;
        moved.try_into().map_err(|_| Error::argument("moved", "a list changed its length"))
    }
}

impl<T: Portable> Portable for Option<T> {
    #[track_caller]
    fn moved(self, device: Device) -> Result<Self> {
        self.map(|part| part.moved(device)).transpose()
    }
}

impl<K: Hash + Eq, V: Portable> Portable for HashMap<K, V> {
    #[track_caller]
    fn moved(self, device: Device) -> Result<Self> {
        self.into_iter().map(|(key, part)| Ok((key, part.moved(device)?))).collect()
    }
}

impl<K: Ord, V: Portable> Portable for BTreeMap<K, V> {
    #[track_caller]
    fn moved(self, device: Device) -> Result<Self> {
        self.into_iter().map(|(key, part)| Ok((key, part.moved(device)?))).collect()
    }
}
