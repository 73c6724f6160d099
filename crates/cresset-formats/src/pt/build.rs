//! From what a pickle built to a tree: tensors get their numbers, and everything is checked.

use std::{borrow::Cow, collections::HashMap};

use cresset_tensor::{Array, DType, Key, Layout, Shape, State, Strides};

use crate::{
    npy,
    pickle::{NumpyArray, Pickle, Ref, Storage, Tensor, Value},
    tree::DEEPEST,
    trouble::{Outcome, wrong},
};

/// As many as PyTorch's own tensors may have in most of its functions.
const MOST_DIMENSIONS: usize = 64;

/// Where the numbers of storages lie.
pub(super) struct Storages<'s, 'a> {
    /// The bytes under a key.
    pub fetch: &'s dyn Fn(&str) -> Outcome<Cow<'a, [u8]>>,
    /// Are they written the other way round?
    pub big_endian: bool,
}

/// The tree that a pickle is.
#[inline]
pub(super) fn build<'a>(pickle: &Pickle<'a>, storages: Storages<'_, 'a>) -> Outcome<State> {
    let mut builder = Builder { pickle, storages, memory: HashMap::new(), budget: pickle.budget };
    builder.state(pickle.root, 0)
}

struct Builder<'p, 's, 'a> {
    pickle: &'p Pickle<'a>,
    storages: Storages<'s, 'a>,
    /// The memory of every storage read so far.
    memory: HashMap<(&'p str, DType), Array>,
    budget: u64,
}

impl<'p, 'a> Builder<'p, '_, 'a> {
    /// Counts what is made: values that are shared in the pickle are copied in the tree.
    #[inline]
    fn spend(&mut self, count: usize) -> Outcome<()> {
        match self.budget.checked_sub(count as u64) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => wrong("its pickle repeats itself so often that it would fill the memory"),
        }
    }

    #[inline]
    fn state(&mut self, at: Ref, depth: usize) -> Outcome<State> {
        if depth > DEEPEST {
            return wrong(format!("it is nested deeper than {DEEPEST} levels, or in a circle"));
        }
        self.spend(1)?;
        let pickle = self.pickle;
        Ok(match pickle.get(at) {
            Value::None => State::None,
            Value::Bool(truth) => State::Bool(*truth),
            Value::Int(number) => match i64::try_from(*number) {
                Ok(number) => State::Int(number),
                Err(_) => State::Text(number.to_string()),
            },
            Value::Float(number) => State::Float(*number),
            Value::Text(text) => {
                self.spend(text.len())?;
                State::Text(text.to_string())
            }
            Value::Bytes(bytes) => {
                self.spend(bytes.len())?;
                State::Array(Array::from_bytes(bytes, bytes.len(), DType::U8)?)
            }
            Value::List(values) | Value::Tuple(values) => {
                let mut list = Vec::new();
                for (i, value) in values.iter().enumerate() {
                    list.push(self.state(*value, depth + 1).map_err(|trouble| trouble.within(i))?);
                }
                State::List(list)
            }
            Value::Dict(entries) => self.map(entries, depth)?,
            Value::Tensor(tensor) => State::Array(self.tensor(tensor)?),
            Value::NumpyArray(Some(array)) => State::Array(self.numpy(array)?),
            other
            @ (Value::Global(_) | Value::Storage(_) | Value::NumpyType(_) | Value::NumpyArray(None)) => {
                return wrong(format!("{} is no value that can be kept", other.kind()));
            }
        })
    }

    #[inline]
    fn map(&mut self, entries: &'p [(Ref, Ref)], depth: usize) -> Outcome<State> {
        let mut map: Vec<(Key, State)> = Vec::new();
        let mut places = HashMap::new();
        for (key, value) in entries {
            let key = match self.pickle.get(*key) {
                Value::Text(text) => {
                    self.spend(text.len())?;
                    Key::Text(text.to_string())
                }
                Value::Int(number) if i64::try_from(*number).is_ok() => Key::Int(*number as i64),
                other => {
                    return wrong(format!(
                        "the key of a dict is {}; it may be a str or an int",
                        other.kind()
                    ));
                }
            };
            let value = self.state(*value, depth + 1).map_err(|trouble| trouble.within(&key))?;
            // Set again, a key keeps its place.
            match places.get(&key) {
                Some(&place) => {
                    let entry: &mut (Key, State) = &mut map[place];
                    entry.1 = value;
                }
                None => {
                    places.insert(key.clone(), map.len());
                    map.push((key, value));
                }
            }
        }
        Ok(State::Map(map))
    }

    /// Numbers of a tuple, which may not be negative.
    #[inline]
    fn sizes(&self, at: Ref) -> Outcome<Vec<usize>> {
        let sizes = self.pickle.sequence(at).filter(|sizes| sizes.len() <= MOST_DIMENSIONS);
        let sizes: Option<Vec<usize>> =
            sizes.and_then(|list| list.iter().map(|&size| self.size(size)).collect());
        match sizes {
            Some(sizes) => Ok(sizes),
            None => {
                wrong(format!("a shape is not a tuple of up to {MOST_DIMENSIONS} whole numbers from zero on"))
            }
        }
    }

    #[inline]
    fn size(&self, at: Ref) -> Option<usize> {
        match self.pickle.get(at) {
            Value::Int(number) => {
                isize::try_from(*number).ok().and_then(|number| usize::try_from(number).ok())
            }
            _ => None,
        }
    }

    #[inline]
    fn tensor(&mut self, tensor: &Tensor) -> Outcome<Array> {
        let shape: Shape = self.sizes(tensor.shape)?.into();
        let strides: Strides =
            self.sizes(tensor.strides)?.into_iter().map(|stride| stride as isize).collect();
        if shape.len() != strides.len() {
            return wrong(format!("a tensor has {} sizes and {} strides", shape.len(), strides.len()));
        }
        let Value::Storage(storage) = self.pickle.get(tensor.storage) else {
            return wrong("a tensor lies over no storage");
        };
        let offset =
            self.size(tensor.offset).and_then(|at| at.checked_add(usize::try_from(storage.offset).ok()?));
        let (Some(offset), Some(dtype)) = (offset, tensor.dtype.or(storage.dtype)) else {
            return wrong("a tensor does not say of which dtype it is, or where in its storage it begins");
        };
        let memory = self.memory(*storage, dtype)?;
        shape.checked_numel("load_pt")?;
        match memory.with_layout(Layout::new(shape.clone(), strides.clone(), offset)) {
            Ok(array) => Ok(array),
            Err(_) => wrong(format!(
                "a tensor of shape {shape} with strides {strides} from element {offset} reaches beyond its storage of {}",
                memory.numel()
            )),
        }
    }

    /// The numbers of a storage, read once.
    #[inline]
    fn memory(&mut self, storage: Storage, dtype: DType) -> Outcome<Array> {
        let Some(key) = self.pickle.text(storage.key) else {
            return wrong("the key of a storage is no text");
        };
        if let Some(memory) = self.memory.get(&(key, dtype)) {
            return Ok(memory.clone());
        }
        let bytes = (self.storages.fetch)(key)?;
        let width = storage.dtype.map_or(1, DType::size) as u64;
        // A part of an older storage counts its own elements, and the file holds the whole.
        if storage.offset == 0 && storage.numel.checked_mul(width) != Some(bytes.len() as u64) {
            let wanted = storage.numel;
            let what = storage.dtype.map_or("bytes", DType::name);
            return wrong(format!(
                "storage '{key}' holds {} bytes, where {wanted} {what} should be",
                bytes.len()
            ));
        }
        let numel = bytes.len() / dtype.size();
        if numel * dtype.size() != bytes.len() {
            return wrong(format!("storage '{key}' holds {} bytes, no whole number of {dtype}", bytes.len()));
        }
        let bytes = if self.storages.big_endian { npy::swapped(&bytes, dtype) } else { bytes };
        let memory = Array::from_bytes(&bytes, numel, dtype)?;
        self.memory.insert((key, dtype), memory.clone());
        Ok(memory)
    }

    #[inline]
    fn numpy(&mut self, array: &NumpyArray) -> Outcome<Array> {
        let shape: Shape = self.sizes(array.shape)?.into();
        let Value::Bytes(data) = self.pickle.get(array.data) else {
            return wrong("the numbers of an array of NumPy's are no bytes");
        };
        self.spend(data.len())?;
        if shape.checked_numel("load_pt")? * array.descr.dtype.size() != data.len() {
            return wrong(format!("an array of NumPy's of shape {shape} has {} bytes", data.len()));
        }
        npy::arrange(data, array.descr, shape, array.columns_first)
    }
}
