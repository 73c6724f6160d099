//! What is saved and loaded: named arrays, and trees of arrays, numbers and texts.
//!
//! How either lies in a file is not known here: see `cresset-formats`.

use std::{collections::HashMap, fmt};

use crate::{Array, Error, Result, random::GeneratorState};

/// A tree of arrays, numbers, texts, lists and maps: the state of an optimizer, a schedule, a data loader, a whole
/// training.
#[derive(Clone, Debug, Default)]
pub enum State {
    /// Nothing; Python's `None`.
    #[default]
    None,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// An array.
    Array(Array),
    /// A list; Python's tuples are lists too.
    List(Vec<State>),
    /// A map, in the order in which it was written.
    Map(Vec<(Key, State)>),
}

/// The key of a map.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Key {
    /// A text.
    Text(String),
    /// A whole number, as PyTorch's optimizers number their parameters.
    Int(i64),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Text(text) => f.write_str(text),
            Key::Int(number) => number.fmt(f),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::Text(text)
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Key {
        Key::Int(number)
    }
}

macro_rules! from {
    ($($type:ty => |$x:ident| $state:expr;)*) => {$(
        impl From<$type> for State {
            fn from($x: $type) -> State {
                $state
            }
        }
    )*};
}

from! {
    bool => |x| State::Bool(x);
    i64 => |x| State::Int(x);
    usize => |x| i64::try_from(x).map_or(State::Float(x as f64), State::Int);
    f64 => |x| State::Float(x);
    &str => |x| State::Text(x.to_owned());
    String => |x| State::Text(x);
    Array => |x| State::Array(x);
    Vec<State> => |x| State::List(x);
}

impl From<GeneratorState> for State {
    /// As its bytes.
    fn from(state: GeneratorState) -> State {
        State::Array(Array::new(state.to_bytes().to_vec()))
    }
}

impl TryFrom<&State> for GeneratorState {
    type Error = Error;

    #[track_caller]
    fn try_from(state: &State) -> Result<GeneratorState> {
        GeneratorState::from_bytes(&state.array()?.to_vec::<u8>()?)
    }
}

impl<T: Into<State>> From<Option<T>> for State {
    fn from(value: Option<T>) -> State {
        value.map_or(State::None, Into::into)
    }
}

impl State {
    /// A map of these entries.
    ///
    /// ```
    /// use cresset_tensor::State;
    /// let state = State::map([("step", 3i64.into()), ("lr", 0.1.into())]);
    /// assert_eq!(state.get("step")?.int()?, 3);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn map<K: Into<Key>>(entries: impl IntoIterator<Item = (K, State)>) -> State {
        State::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// What kind of value this is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            State::None => "nothing",
            State::Bool(_) => "a truth",
            State::Int(_) => "a whole number",
            State::Float(_) => "a number",
            State::Text(_) => "a text",
            State::Array(_) => "an array",
            State::List(_) => "a list",
            State::Map(_) => "a map",
        }
    }

    #[track_caller]
    fn wrong<T>(&self, wanted: &str) -> Result<T> {
        Err(Error::argument("state", format!("expected {wanted}, found {}", self.kind())))
    }

    /// The value under a key of a map, or an error that names the keys there are.
    #[track_caller]
    pub fn get(&self, key: impl Into<Key>) -> Result<&State> {
        let key = key.into();
        match self.find(&key) {
            Some(value) => Ok(value),
            None => {
                let keys: Vec<String> = self.entries()?.iter().map(|(key, _)| format!("{key:?}")).collect();
                Err(Error::argument("state", format!("no {key:?}; there are: {}", keys.join(", "))))
            }
        }
    }

    /// The value under a key of a map, if there is one.
    pub fn find(&self, key: &Key) -> Option<&State> {
        match self {
            State::Map(entries) => entries.iter().find(|(other, _)| other == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The entries of a map.
    #[track_caller]
    pub fn entries(&self) -> Result<&[(Key, State)]> {
        match self {
            State::Map(entries) => Ok(entries),
            _ => self.wrong("a map"),
        }
    }

    /// The values of a list.
    #[track_caller]
    pub fn list(&self) -> Result<&[State]> {
        match self {
            State::List(values) => Ok(values),
            _ => self.wrong("a list"),
        }
    }

    /// An array.
    #[track_caller]
    pub fn array(&self) -> Result<&Array> {
        match self {
            State::Array(array) => Ok(array),
            _ => self.wrong("an array"),
        }
    }

    /// Every array in the tree with the keys and places that lead to it, joined by dots.
    ///
    /// ```
    /// use cresset_tensor::{Array, State};
    /// let state = State::map([("model", State::map([("weight", Array::new([1.0]).into())]))]);
    /// let (path, array) = &state.arrays()[0];
    /// assert_eq!((path.as_str(), array.numel()), ("model.weight", 1));
    /// ```
    pub fn arrays(&self) -> Vec<(String, &Array)> {
        fn walk<'a>(state: &'a State, path: &str, all: &mut Vec<(String, &'a Array)>) {
            let under = |key: &dyn fmt::Display| match path {
                "" => key.to_string(),
                path => format!("{path}.{key}"),
            };
            match state {
                State::Array(array) => all.push((path.to_owned(), array)),
                State::List(values) => {
                    values.iter().enumerate().for_each(|(i, value)| walk(value, &under(&i), all));
                }
                State::Map(entries) => entries.iter().for_each(|(key, value)| walk(value, &under(key), all)),
                State::None | State::Bool(_) | State::Int(_) | State::Float(_) | State::Text(_) => {}
            }
        }
        let mut all = Vec::new();
        walk(self, "", &mut all);
        all
    }

    /// A whole number.
    #[track_caller]
    pub fn int(&self) -> Result<i64> {
        match self {
            State::Int(number) => Ok(*number),
            State::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
            _ => self.wrong("a whole number"),
        }
    }

    /// A number.
    #[track_caller]
    pub fn float(&self) -> Result<f64> {
        match self {
            State::Float(number) => Ok(*number),
            State::Int(number) => Ok(*number as f64),
            _ => self.wrong("a number"),
        }
    }

    /// A truth.
    #[track_caller]
    pub fn bool(&self) -> Result<bool> {
        match self {
            State::Bool(truth) => Ok(*truth),
            _ => self.wrong("a truth"),
        }
    }

    /// A text.
    #[track_caller]
    pub fn text(&self) -> Result<&str> {
        match self {
            State::Text(text) => Ok(text),
            _ => self.wrong("a text"),
        }
    }
}

/// Arrays by name, in the order in which they were put in: what a model's parameters and buffers are saved as.
#[derive(Clone, Default)]
pub struct StateDict {
    entries: Vec<(String, Array)>,
    places: HashMap<String, usize>,
}

impl StateDict {
    /// None yet.
    pub fn new() -> StateDict {
        StateDict::default()
    }

    /// Puts an array under a name; returns what was there before.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) -> Option<Array> {
        let name = name.into();
        match self.places.get(&name) {
            Some(&place) => Some(std::mem::replace(&mut self.entries[place].1, array)),
            None => {
                self.places.insert(name.clone(), self.entries.len());
                self.entries.push((name, array));
                None
            }
        }
    }

    /// The array under a name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.places.get(name).map(|&place| &self.entries[place].1)
    }

    /// Is there an array under this name?
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Names and arrays, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.entries.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<N: Into<String>> FromIterator<(N, Array)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (N, Array)>>(entries: I) -> StateDict {
        let mut all = StateDict::new();
        for (name, array) in entries {
            all.insert(name, array);
        }
        all
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Array);
    type IntoIter = std::vec::IntoIter<(String, Array)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl fmt::Debug for StateDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry =
            |(name, array): (&str, &Array)| (name.to_owned(), format!("{} {}", array.dtype(), array.shape()));
        f.debug_map().entries(self.iter().map(entry)).finish()
    }
}

impl From<StateDict> for State {
    fn from(dict: StateDict) -> State {
        State::map(dict.into_iter().map(|(name, array)| (name, State::Array(array))))
    }
}

impl TryFrom<State> for StateDict {
    type Error = Error;

    /// A map of nothing but arrays; anything else is named in the error.
    #[track_caller]
    fn try_from(state: State) -> Result<StateDict> {
        let State::Map(entries) = state else { return state.wrong("a map of arrays") };
        let mut dict = StateDict::new();
        for (key, value) in entries {
            match value {
                State::Array(array) => dict.insert(key.to_string(), array),
                other => {
                    let message = format!("{key} is {}, not an array", other.kind());
                    return Err(Error::argument("state", message));
                }
            };
        }
        Ok(dict)
    }
}
