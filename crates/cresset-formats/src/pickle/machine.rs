//! The machine: one opcode after the other, a stack, a memo. Protocols 2 to 5.

use std::{borrow::Cow, collections::HashMap};

use super::{Ref, Storage, Value, globals, globals::Global};
use crate::{
    bytes::Bytes,
    trouble::{Outcome, Trouble, wrong},
};

/// What was built.
pub(crate) struct Pickle<'a> {
    /// All values.
    pub values: Vec<Value<'a>>,
    /// The one that was asked for.
    pub root: Ref,
    /// How much more may be copied of what is shared: see [`Machine::spend`].
    pub budget: u64,
}

impl<'a> Pickle<'a> {
    /// The value at a place.
    #[inline]
    pub fn get(&self, at: Ref) -> &Value<'a> {
        &self.values[at as usize]
    }

    /// The values of a list or tuple.
    #[inline]
    pub fn sequence(&self, at: Ref) -> Option<&[Ref]> {
        sequence(&self.values, at)
    }

    /// The text at a place.
    #[inline]
    pub fn text(&self, at: Ref) -> Option<&str> {
        text(&self.values, at)
    }
}

#[inline]
pub(super) fn sequence<'v>(values: &'v [Value<'_>], at: Ref) -> Option<&'v [Ref]> {
    match &values[at as usize] {
        Value::List(list) | Value::Tuple(list) => Some(list),
        _ => None,
    }
}

#[inline]
pub(super) fn text<'v>(values: &'v [Value<'_>], at: Ref) -> Option<&'v str> {
    match &values[at as usize] {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Runs the next pickle of these bytes.
#[inline]
pub(crate) fn run<'a>(bytes: &mut Bytes<'a>) -> Outcome<Pickle<'a>> {
    let start = bytes.at();
    let mut machine = Machine {
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        budget: (bytes.left() as u64).saturating_mul(16).saturating_add(1 << 16),
    };
    loop {
        let at = bytes.at() - start;
        match machine.step(bytes) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root, budget: machine.budget }),
            Err(trouble) => return Err(trouble.within(format!("byte {at} of its pickle"))),
        }
    }
}

pub(super) struct Machine<'a> {
    pub values: Vec<Value<'a>>,
    stack: Vec<Ref>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Ref>,
    budget: u64,
}

impl<'a> Machine<'a> {
    /// Counts what is copied of values that exist already. A few bytes can ask for that again and again, and so fill the
    /// memory: real files stay far below sixteen times their own size.
    #[inline]
    pub fn spend(&mut self, count: usize) -> Outcome<()> {
        match self.budget.checked_sub(count as u64) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => wrong("it repeats itself so often that it would fill the memory"),
        }
    }

    /// A place for a value.
    #[inline]
    pub fn keep(&mut self, value: Value<'a>) -> Outcome<Ref> {
        let Ok(at) = Ref::try_from(self.values.len()) else { return wrong("it has too many values") };
        self.values.push(value);
        Ok(at)
    }

    #[inline]
    fn push(&mut self, value: Value<'a>) -> Outcome<()> {
        let at = self.keep(value)?;
        self.stack.push(at);
        Ok(())
    }

    #[inline]
    fn base(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    #[inline]
    fn top(&self) -> Outcome<Ref> {
        match self.stack.get(self.base()..).and_then(<[Ref]>::last) {
            Some(&top) => Ok(top),
            None => wrong("it takes a value where there is none"),
        }
    }

    #[inline]
    fn pop(&mut self) -> Outcome<Ref> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// All values since the last mark.
    #[inline]
    fn pop_mark(&mut self) -> Outcome<Vec<Ref>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => wrong("it goes back to a mark it did not set"),
        }
    }

    #[inline]
    fn tuple(&mut self, count: usize) -> Outcome<()> {
        if self.stack.len() < self.base() + count {
            return wrong("it takes values where there are none");
        }
        let values = self.stack.split_off(self.stack.len() - count);
        self.push(Value::Tuple(values))
    }

    #[inline]
    fn extend(&mut self, more: Vec<Ref>) -> Outcome<()> {
        let list = self.top()? as usize;
        match &mut self.values[list] {
            Value::List(list) => list.extend(more),
            other => return wrong(format!("it appends to {}", other.kind())),
        }
        Ok(())
    }

    #[inline]
    fn set(&mut self, entries: Vec<Ref>) -> Outcome<()> {
        let dict = self.top()? as usize;
        if !entries.len().is_multiple_of(2) {
            return wrong("it sets a key without a value");
        }
        match &mut self.values[dict] {
            Value::Dict(dict) => dict.extend(entries.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            other => return wrong(format!("it sets items of {}", other.kind())),
        }
        Ok(())
    }

    #[inline]
    fn remember(&mut self, place: u32) -> Outcome<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    #[inline]
    fn recall(&mut self, place: u32) -> Outcome<()> {
        match self.memo.get(&place) {
            Some(&value) => {
                self.stack.push(value);
                Ok(())
            }
            None => wrong(format!("it recalls memo {place}, which it did not set")),
        }
    }

    /// One opcode; the value built if it was the last one.
    #[inline]
    fn step(&mut self, bytes: &mut Bytes<'a>) -> Outcome<Option<Ref>> {
        let opcode = bytes.u8()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => match bytes.u8()? {
                2..=5 => {}
                other => return wrong(format!("it is of protocol {other}; 2 to 5 can be read")),
            },
            0x95 => drop(bytes.u64()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.stack.len() == self.base() && !self.marks.is_empty() => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }

            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' => self.push(Value::Int(bytes.u8()?.into()))?,
            b'M' => self.push(Value::Int(bytes.u16()?.into()))?,
            b'J' => self.push(Value::Int(bytes.i32()?.into()))?,
            0x8a => {
                let length = bytes.u8()?;
                self.push(Value::Int(long(bytes.take(length.into())?)?))?;
            }
            0x8b => {
                let length = bytes.u32()?;
                self.push(Value::Int(long(bytes.take_long(length.into())?)?))?;
            }
            b'G' => self.push(Value::Float(f64::from_be_bytes(bytes.array()?)))?,

            0x8c => {
                let length = bytes.u8()?;
                self.push(unicode(bytes.take(length.into())?)?)?;
            }
            b'X' => {
                let length = bytes.u32()?;
                self.push(unicode(bytes.take_long(length.into())?)?)?;
            }
            0x8d => {
                let length = bytes.u64()?;
                self.push(unicode(bytes.take_long(length)?)?)?;
            }
            // Python 2's texts, which were bytes.
            b'U' => {
                let length = bytes.u8()?;
                self.push(either(bytes.take(length.into())?))?;
            }
            b'T' => {
                let length = bytes.u32()?;
                self.push(either(bytes.take_long(length.into())?))?;
            }
            b'C' => {
                let length = bytes.u8()?;
                self.push(Value::Bytes(bytes.take(length.into())?.into()))?;
            }
            b'B' => {
                let length = bytes.u32()?;
                self.push(Value::Bytes(bytes.take_long(length.into())?.into()))?;
            }
            0x8e | 0x96 => {
                let length = bytes.u64()?;
                self.push(Value::Bytes(bytes.take_long(length)?.into()))?;
            }

            b')' => self.push(Value::Tuple(Vec::new()))?,
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let values = self.pop_mark()?;
                self.push(Value::Tuple(values))?;
            }
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'l' | 0x91 => {
                let values = self.pop_mark()?;
                self.push(Value::List(values))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_mark()?;
                self.extend(values)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let entries = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set(entries)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])?;
            }
            b'u' => {
                let entries = self.pop_mark()?;
                self.set(entries)?;
            }

            b'q' => self.remember(bytes.u8()?.into())?,
            b'r' => self.remember(bytes.u32()?)?,
            0x94 => self.remember(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
            b'h' => self.recall(bytes.u8()?.into())?,
            b'j' => self.recall(bytes.u32()?)?,

            b'c' => {
                let module = String::from_utf8_lossy(bytes.line()?);
                let name = String::from_utf8_lossy(bytes.line()?);
                self.push(globals::find(&module, &name)?)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let found = match (text(&self.values, module), text(&self.values, name)) {
                    (Some(module), Some(name)) => globals::find(module, name)?,
                    _ => return wrong("it names a global by something that is no text"),
                };
                self.push(found)?;
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let result = self.call(function, arguments)?;
                self.stack.push(result);
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                self.build(object, state)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Value::Storage(storage))?;
            }
            other => {
                let text = other.escape_ascii();
                return wrong(format!("its opcode '{text}' is none that torch.save writes"));
            }
        }
        Ok(None)
    }

    /// The storage that a persistent id names: `('storage', class, key, location, numel)`, and in old files what it is a
    /// part of.
    #[inline]
    fn storage(&self, id: Ref) -> Outcome<Storage> {
        let Some([kind, class, key, _location, numel, rest @ ..]) = sequence(&self.values, id) else {
            return wrong("its persistent id is no storage");
        };
        let class = match &self.values[*class as usize] {
            Value::Global(Global::Storage(dtype)) => *dtype,
            _ => return wrong("the class of its storage is none"),
        };
        let numel = match self.values[*numel as usize] {
            Value::Int(numel) => u64::try_from(numel).ok(),
            _ => None,
        };
        let offset = match rest.first().map(|&view| &self.values[view as usize]) {
            None | Some(Value::None) => Some(0),
            Some(Value::Tuple(view)) => match view.get(1).map(|&at| &self.values[at as usize]) {
                Some(Value::Int(offset)) => u64::try_from(*offset).ok(),
                _ => None,
            },
            Some(_) => None,
        };
        match (text(&self.values, *kind), text(&self.values, *key), numel, offset) {
            (Some("storage"), Some(_), Some(numel), Some(offset)) => {
                Ok(Storage { dtype: class, key: *key, numel, offset })
            }
            _ => wrong("its persistent id is no storage"),
        }
    }
}

/// A whole number of any width, as far as there are numbers for it.
#[inline]
fn long(bytes: &[u8]) -> Outcome<i128> {
    if bytes.len() > 16 {
        return wrong(format!("a whole number has {} bytes; up to 16 can be read", bytes.len()));
    }
    let sign = bytes.last().map_or(0, |&last| if last >= 0x80 { 0xff } else { 0 });
    let mut own = [sign; 16];
    own[..bytes.len()].copy_from_slice(bytes);
    Ok(i128::from_le_bytes(own))
}

#[inline]
fn unicode(bytes: &[u8]) -> Outcome<Value<'_>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
        // Python writes lone surrogates, which are no text.
        Err(error) => Err(Trouble::from(format!("a text is not UTF-8: {error}"))),
    }
}

#[inline]
fn either(bytes: &[u8]) -> Value<'_> {
    unicode(bytes).unwrap_or(Value::Bytes(bytes.into()))
}
