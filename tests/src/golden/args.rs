//! The arguments of a call, asked for by place or name. What nobody asked for is told afterwards, so that no argument
//! is passed over in silence.

use std::{cell::RefCell, collections::HashSet};

use cresset_ops::{Apply, DType, Error, Operand, Result, Scalar};

use super::Value;

/// Arguments that say nothing about the answer's values.
const WITHOUT_EFFECT: &[&str] = &[
    "memory_format",
    "out",
    "requires_grad",
    "device",
    "pin_memory",
    "non_blocking",
    "copy",
    "layout",
    "is_coalesced",
];

/// The arguments of a call.
///
/// Names may list alternatives: `"dim|axis"`. Python's order counts, as in PyTorch's signature.
pub struct Args<T> {
    list: Vec<Value<T>>,
    named: Vec<(String, Value<T>)>,
    /// PyTorch's name for the variant of the sample, rarely needed.
    pub variant: String,
    asked: RefCell<HashSet<String>>,
    places: RefCell<HashSet<usize>>,
}

impl<T: Apply> Args<T> {
    /// Positional and named arguments.
    pub fn new(list: Vec<Value<T>>, named: Vec<(String, Value<T>)>, variant: &str) -> Self {
        Args {
            list,
            named,
            variant: variant.to_owned(),
            asked: RefCell::default(),
            places: RefCell::default(),
        }
    }

    /// How many there are by place.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Is there none by place?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Is there one of that name (given by name)?
    pub fn has(&self, name: &str) -> bool {
        self.named.iter().any(|(other, _)| name.split('|').any(|name| name == other))
    }

    /// The argument at a place or of a name, if it was given.
    pub fn get(&self, place: usize, name: &str) -> Option<&Value<T>> {
        self.places.borrow_mut().insert(place);
        self.asked.borrow_mut().extend(name.split('|').map(str::to_owned));
        let named = self.named.iter().find(|(other, _)| name.split('|').any(|name| name == other));
        named.map(|(_, value)| value).or(self.list.get(place))
    }

    /// As `get`; `None` counts as not given.
    pub fn given(&self, place: usize, name: &str) -> Option<&Value<T>> {
        self.get(place, name).filter(|value| !matches!(value, Value::None))
    }

    /// The argument of a name alone, for those that Python takes by name only.
    pub fn named(&self, name: &str) -> Option<&Value<T>> {
        self.given(usize::MAX, name)
    }

    /// All from a place on, as Python's `*args`.
    pub fn rest(&self, from: usize) -> &[Value<T>] {
        self.places.borrow_mut().extend(from..self.list.len());
        self.list.get(from..).unwrap_or(&[])
    }

    /// Names and places nobody asked for.
    pub fn unhandled(&self) -> Vec<String> {
        let (asked, places) = (self.asked.borrow(), self.places.borrow());
        let by_place = (0..self.list.len()).filter(|i| !places.contains(i)).map(|i| i.to_string());
        let names = self.named.iter().map(|(name, _)| name);
        let by_name = names.filter(|name| !asked.contains(*name) && !WITHOUT_EFFECT.contains(&name.as_str()));
        by_place.chain(by_name.cloned()).collect()
    }

    /// All tensors, by place, then by name.
    pub fn all_tensors(&self) -> Vec<&T> {
        let values = self.list.iter().chain(self.named.iter().map(|(_, value)| value));
        values.flat_map(|value| value.tensors()).collect()
    }

    /// The largest finite number in its tensors.
    pub fn largest(&self) -> f64 {
        let values = self.list.iter().chain(self.named.iter().map(|(_, value)| value));
        let tensors = values.flat_map(|value| value.tensors());
        let numbers = tensors.flat_map(|tensor| tensor.array().to_f64s().unwrap());
        numbers.map(f64::abs).filter(|x| x.is_finite()).fold(0.0, f64::max)
    }

    #[track_caller]
    fn required(&self, place: usize, name: &str) -> Result<&Value<T>> {
        self.get(place, name).ok_or_else(|| Error::argument("call", format!("argument '{name}' is missing")))
    }

    /// A tensor.
    #[track_caller]
    pub fn tensor(&self, place: usize, name: &str) -> Result<&T> {
        as_tensor(name, self.required(place, name)?)
    }

    /// A tensor, or nothing.
    #[track_caller]
    pub fn maybe_tensor(&self, place: usize, name: &str) -> Result<Option<&T>> {
        self.given(place, name).map(|value| as_tensor(name, value)).transpose()
    }

    /// A list of tensors.
    #[track_caller]
    pub fn tensors(&self, place: usize, name: &str) -> Result<Vec<&T>> {
        match self.required(place, name)? {
            Value::List(list) => list.iter().map(|value| as_tensor(name, value)).collect(),
            other => Err(wrong(name, "a list of tensors", other)),
        }
    }

    /// All tensors from a place on: `*tensors`, or one list of them.
    #[track_caller]
    pub fn tensors_from(&self, place: usize, name: &str) -> Result<Vec<&T>> {
        match self.rest(place) {
            [Value::List(_)] | [] => self.tensors(place, name),
            list => list.iter().map(|value| as_tensor(name, value)).collect(),
        }
    }

    /// A tensor or a number.
    #[track_caller]
    pub fn operand(&self, place: usize, name: &str) -> Result<Operand<'_, T>> {
        as_operand(name, self.required(place, name)?)
    }

    /// A tensor or a number, or nothing.
    #[track_caller]
    pub fn maybe_operand(&self, place: usize, name: &str) -> Result<Option<Operand<'_, T>>> {
        self.given(place, name).map(|value| as_operand(name, value)).transpose()
    }

    /// A number of any kind.
    #[track_caller]
    pub fn number(&self, place: usize, name: &str) -> Result<Scalar> {
        as_number(name, self.required(place, name)?)
    }

    /// A number of any kind, or nothing.
    #[track_caller]
    pub fn maybe_number(&self, place: usize, name: &str) -> Result<Option<Scalar>> {
        self.given(place, name).map(|value| as_number(name, value)).transpose()
    }

    /// A number of any kind, or what it is where nobody says.
    #[track_caller]
    pub fn number_or(&self, place: usize, name: &str, default: impl Into<Scalar>) -> Result<Scalar> {
        Ok(self.maybe_number(place, name)?.unwrap_or(default.into()))
    }

    /// An integer.
    #[track_caller]
    pub fn int(&self, place: usize, name: &str) -> Result<i64> {
        as_int(name, self.required(place, name)?)
    }

    /// An integer, or nothing.
    #[track_caller]
    pub fn maybe_int(&self, place: usize, name: &str) -> Result<Option<i64>> {
        self.given(place, name).map(|value| as_int(name, value)).transpose()
    }

    /// An integer, or what it is where nobody says.
    #[track_caller]
    pub fn int_or(&self, place: usize, name: &str, default: i64) -> Result<i64> {
        Ok(self.maybe_int(place, name)?.unwrap_or(default))
    }

    /// A count: an integer that is not negative.
    #[track_caller]
    pub fn size(&self, place: usize, name: &str) -> Result<usize> {
        as_size(name, self.int(place, name)?)
    }

    /// A count, or what it is where nobody says.
    #[track_caller]
    pub fn size_or(&self, place: usize, name: &str, default: usize) -> Result<usize> {
        self.maybe_int(place, name)?.map_or(Ok(default), |value| as_size(name, value))
    }

    /// A count, or nothing.
    #[track_caller]
    pub fn maybe_size(&self, place: usize, name: &str) -> Result<Option<usize>> {
        self.maybe_int(place, name)?.map(|value| as_size(name, value)).transpose()
    }

    /// A floating-point number (or an integer).
    #[track_caller]
    pub fn float(&self, place: usize, name: &str) -> Result<f64> {
        self.number(place, name).map(Scalar::to_f64)
    }

    /// A floating-point number, or nothing.
    #[track_caller]
    pub fn maybe_float(&self, place: usize, name: &str) -> Result<Option<f64>> {
        Ok(self.maybe_number(place, name)?.map(Scalar::to_f64))
    }

    /// A floating-point number, or what it is where nobody says.
    #[track_caller]
    pub fn float_or(&self, place: usize, name: &str, default: f64) -> Result<f64> {
        Ok(self.maybe_float(place, name)?.unwrap_or(default))
    }

    /// A truth.
    #[track_caller]
    pub fn bool(&self, place: usize, name: &str) -> Result<bool> {
        as_bool(name, self.required(place, name)?)
    }

    /// A truth, or what it is where nobody says.
    #[track_caller]
    pub fn bool_or(&self, place: usize, name: &str, default: bool) -> Result<bool> {
        self.given(place, name).map_or(Ok(default), |value| as_bool(name, value))
    }

    /// A truth, or nothing.
    #[track_caller]
    pub fn maybe_bool(&self, place: usize, name: &str) -> Result<Option<bool>> {
        self.given(place, name).map(|value| as_bool(name, value)).transpose()
    }

    /// A string.
    #[track_caller]
    pub fn text(&self, place: usize, name: &str) -> Result<&str> {
        as_text(name, self.required(place, name)?)
    }

    /// A string, or nothing.
    #[track_caller]
    pub fn maybe_text(&self, place: usize, name: &str) -> Result<Option<&str>> {
        self.given(place, name).map(|value| as_text(name, value)).transpose()
    }

    /// A string, or what it is where nobody says.
    #[track_caller]
    pub fn text_or<'a>(&'a self, place: usize, name: &str, default: &'a str) -> Result<&'a str> {
        Ok(self.maybe_text(place, name)?.unwrap_or(default))
    }

    /// An integer or a list of them.
    #[track_caller]
    pub fn ints(&self, place: usize, name: &str) -> Result<Vec<i64>> {
        as_ints(name, self.required(place, name)?)
    }

    /// An integer or a list of them, or nothing.
    #[track_caller]
    pub fn maybe_ints(&self, place: usize, name: &str) -> Result<Option<Vec<i64>>> {
        self.given(place, name).map(|value| as_ints(name, value)).transpose()
    }

    /// Integers from a place on: `*size`, or one list of them.
    #[track_caller]
    pub fn ints_from(&self, place: usize, name: &str) -> Result<Vec<i64>> {
        match self.rest(place) {
            [Value::List(_)] | [] => self.ints(place, name),
            list => list.iter().map(|value| as_int(name, value)).collect(),
        }
    }

    /// Counts: an integer or a list of them, none negative.
    #[track_caller]
    pub fn sizes(&self, place: usize, name: &str) -> Result<Vec<usize>> {
        self.ints(place, name)?.into_iter().map(|value| as_size(name, value)).collect()
    }

    /// Counts, or nothing.
    #[track_caller]
    pub fn maybe_sizes(&self, place: usize, name: &str) -> Result<Option<Vec<usize>>> {
        let list = self.maybe_ints(place, name)?;
        list.map(|list| list.into_iter().map(|value| as_size(name, value)).collect()).transpose()
    }

    /// Numbers: one or a list of them, or nothing.
    #[track_caller]
    pub fn maybe_floats(&self, place: usize, name: &str) -> Result<Option<Vec<f64>>> {
        let number = |value: &Value<T>| as_number(name, value).map(Scalar::to_f64);
        self.given(place, name)
            .map(|value| match value {
                Value::List(list) => list.iter().map(number).collect(),
                value => Ok(vec![number(value)?]),
            })
            .transpose()
    }

    /// A dtype.
    #[track_caller]
    pub fn dtype(&self, place: usize, name: &str) -> Result<DType> {
        as_dtype(name, self.required(place, name)?)
    }

    /// A dtype, or nothing.
    #[track_caller]
    pub fn maybe_dtype(&self, place: usize, name: &str) -> Result<Option<DType>> {
        self.given(place, name).map(|value| as_dtype(name, value)).transpose()
    }
}

#[track_caller]
fn wrong<T>(name: &str, wanted: &str, got: &Value<T>) -> Error {
    Error::argument("call", format!("argument '{name}' must be {wanted}, not {}", got.kind()))
}

#[track_caller]
fn as_tensor<'a, T>(name: &str, value: &'a Value<T>) -> Result<&'a T> {
    match value {
        Value::Tensor(tensor) => Ok(tensor),
        other => Err(wrong(name, "a tensor", other)),
    }
}

#[track_caller]
fn as_operand<'a, T: Apply>(name: &str, value: &'a Value<T>) -> Result<Operand<'a, T>> {
    match value {
        Value::Tensor(tensor) => Ok(Operand::Value(tensor)),
        Value::Number(number) => Ok(Operand::Number(*number)),
        other => Err(wrong(name, "a tensor or a number", other)),
    }
}

/// A tensor of one element counts as its number, as in PyTorch.
#[track_caller]
fn as_number<T: Apply>(name: &str, value: &Value<T>) -> Result<Scalar> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Tensor(tensor) if tensor.rank() == 0 => tensor.array().item_scalar(),
        other => Err(wrong(name, "a number", other)),
    }
}

#[track_caller]
fn as_int<T: Apply>(name: &str, value: &Value<T>) -> Result<i64> {
    match as_number(name, value)? {
        Scalar::Int(value) => Ok(value),
        Scalar::Bool(value) => Ok(value.into()),
        Scalar::Float(_) => Err(wrong(name, "an integer", value)),
    }
}

#[track_caller]
fn as_size(name: &str, value: i64) -> Result<usize> {
    usize::try_from(value)
        .map_err(|_| Error::argument("call", format!("argument '{name}' must not be negative: {value}")))
}

#[track_caller]
fn as_bool<T: Apply>(name: &str, value: &Value<T>) -> Result<bool> {
    match as_number(name, value)? {
        Scalar::Bool(value) => Ok(value),
        Scalar::Int(value) => Ok(value != 0),
        Scalar::Float(_) => Err(wrong(name, "a truth", value)),
    }
}

#[track_caller]
fn as_text<'a, T>(name: &str, value: &'a Value<T>) -> Result<&'a str> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(wrong(name, "a string", other)),
    }
}

#[track_caller]
fn as_ints<T: Apply>(name: &str, value: &Value<T>) -> Result<Vec<i64>> {
    match value {
        Value::List(list) => list.iter().map(|value| as_int(name, value)).collect(),
        value => Ok(vec![as_int(name, value)?]),
    }
}

#[track_caller]
fn as_dtype<T>(name: &str, value: &Value<T>) -> Result<DType> {
    match value {
        Value::DType(dtype) => Ok(*dtype),
        other => Err(wrong(name, "a dtype", other)),
    }
}
