//! What arguments and answers are made of.

use cresset_ops::{DType, Scalar};

/// An argument, or an answer.
#[derive(Clone, Debug)]
pub enum Value<T> {
    /// A tensor.
    Tensor(T),
    /// A number or a truth.
    Number(Scalar),
    /// A string.
    Text(String),
    /// Python's `None`.
    None,
    /// A list or a tuple.
    List(Vec<Value<T>>),
    /// A dtype.
    DType(DType),
    /// A slice: start, stop, step.
    Slice([Option<i64>; 3]),
    /// `...`
    Ellipsis,
    /// Named values, in order.
    Dict(Vec<(String, Value<T>)>),
}

impl<T> From<T> for Value<T> {
    fn from(tensor: T) -> Self {
        Value::Tensor(tensor)
    }
}

impl<T> From<(T, T)> for Value<T> {
    fn from((a, b): (T, T)) -> Self {
        Value::list([a, b])
    }
}

impl<T> From<(T, T, T)> for Value<T> {
    fn from((a, b, c): (T, T, T)) -> Self {
        Value::list([a, b, c])
    }
}

impl<T> From<(T, T, T, T)> for Value<T> {
    fn from((a, b, c, d): (T, T, T, T)) -> Self {
        Value::list([a, b, c, d])
    }
}

impl<T> From<Vec<T>> for Value<T> {
    fn from(tensors: Vec<T>) -> Self {
        Value::list(tensors)
    }
}

impl<T> Value<T> {
    /// A list of tensors.
    pub fn list(tensors: impl IntoIterator<Item = T>) -> Self {
        Value::List(tensors.into_iter().map(Value::Tensor).collect())
    }

    /// A number or a truth.
    pub fn number(number: impl Into<Scalar>) -> Self {
        Value::Number(number.into())
    }

    /// A list of integers.
    pub fn integers(list: impl IntoIterator<Item = i64>) -> Self {
        Value::List(list.into_iter().map(Value::number).collect())
    }

    /// Which kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Tensor(_) => "a tensor",
            Value::Number(Scalar::Bool(_)) => "a truth",
            Value::Number(Scalar::Int(_)) => "an integer",
            Value::Number(Scalar::Float(_)) => "a floating-point number",
            Value::Text(_) => "a string",
            Value::None => "None",
            Value::List(_) => "a list",
            Value::DType(_) => "a dtype",
            Value::Slice(_) => "a slice",
            Value::Ellipsis => "an ellipsis",
            Value::Dict(_) => "a dict",
        }
    }

    /// The same with other tensors, each made from the old one and its path, such as `args/0/2`.
    pub fn with_tensors<U>(&self, path: &str, make: &mut dyn FnMut(&str, &T) -> U) -> Value<U> {
        match self {
            Value::Tensor(tensor) => Value::Tensor(make(path, tensor)),
            Value::Number(number) => Value::Number(*number),
            Value::Text(text) => Value::Text(text.clone()),
            Value::None => Value::None,
            Value::List(list) => Value::List(
                list.iter()
                    .enumerate()
                    .map(|(i, value)| value.with_tensors(&format!("{path}/{i}"), make))
                    .collect(),
            ),
            Value::DType(dtype) => Value::DType(*dtype),
            Value::Slice(slice) => Value::Slice(*slice),
            Value::Ellipsis => Value::Ellipsis,
            Value::Dict(dict) => Value::Dict(
                dict.iter()
                    .map(|(name, value)| (name.clone(), value.with_tensors(&format!("{path}/{name}"), make)))
                    .collect(),
            ),
        }
    }

    /// Its tensors, in order.
    pub fn tensors(&self) -> Vec<&T> {
        match self {
            Value::Tensor(tensor) => vec![tensor],
            Value::List(list) => list.iter().flat_map(Value::tensors).collect(),
            Value::Dict(dict) => dict.iter().flat_map(|(_, value)| value.tensors()).collect(),
            Value::Number(_)
            | Value::Text(_)
            | Value::None
            | Value::DType(_)
            | Value::Slice(_)
            | Value::Ellipsis => Vec::new(),
        }
    }
}
