//! What a pickle builds.

use std::borrow::Cow;

use cresset_tensor::DType;

use super::globals::Global;
use crate::npy::Descr;

/// The place of a value.
pub(crate) type Ref = u32;

/// A value of Python's, or of PyTorch's.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// A list, or a set.
    List(Vec<Ref>),
    Tuple(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    /// A class or function that may be named.
    Global(Global),
    Storage(Storage),
    Tensor(Tensor),
    NumpyType(Descr),
    NumpyArray(Option<NumpyArray>),
}

/// Memory that tensors share. Its numbers lie outside the pickle, under its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage {
    /// None where only its bytes are counted.
    pub dtype: Option<DType>,
    pub key: Ref,
    /// Elements, or bytes without a dtype.
    pub numel: u64,
    /// Where it begins inside the one it is a part of.
    pub offset: u64,
}

/// A layout over a storage, unchecked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub storage: Ref,
    /// Where the storage does not say.
    pub dtype: Option<DType>,
    pub offset: Ref,
    pub shape: Ref,
    pub strides: Ref,
}

/// An array of NumPy's, whose bytes lie in the pickle itself; unchecked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumpyArray {
    pub descr: Descr,
    pub shape: Ref,
    pub columns_first: bool,
    pub data: Ref,
}

impl Value<'_> {
    /// What this is, for errors.
    #[inline]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Float(_) => "a float",
            Value::Text(_) => "a str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Dict(_) => "a dict",
            Value::Global(_) => "a class or function",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
            Value::NumpyType(_) => "a dtype of NumPy's",
            Value::NumpyArray(_) => "an array of NumPy's",
        }
    }
}
