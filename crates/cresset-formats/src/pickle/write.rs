//! Writing a pickle of protocol 2, as `torch.save` does.

use std::collections::HashMap;

use cresset_tensor::{DType, Key, Layout, State};

use super::globals::storage_of;
use crate::trouble::{Outcome, wrong};

/// A pickle being written.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    memo: HashMap<&'static str, u8>,
}

impl Writer {
    /// Nothing yet.
    #[inline]
    pub fn new() -> Writer {
        Writer { bytes: vec![0x80, 2], memo: HashMap::new() }
    }

    /// The whole pickle.
    #[inline]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'.');
        self.bytes
    }

    /// A tree, whose arrays `array` writes. It was checked not to be too deep.
    #[inline]
    pub fn state(
        &mut self,
        state: &State,
        array: &mut dyn FnMut(&mut Writer, &cresset_tensor::Array) -> Outcome<()>,
    ) -> Outcome<()> {
        match state {
            State::None => self.bytes.push(b'N'),
            State::Bool(truth) => self.bool(*truth),
            State::Int(number) => self.int(*number),
            State::Float(number) => {
                self.bytes.push(b'G');
                self.bytes.extend(number.to_be_bytes());
            }
            State::Text(text) => self.text(text)?,
            State::Array(numbers) => array(self, numbers)?,
            State::List(values) => {
                self.bytes.extend(b"](");
                values.iter().try_for_each(|value| self.state(value, array))?;
                self.bytes.push(b'e');
            }
            State::Map(entries) => {
                self.bytes.extend(b"}(");
                for (key, value) in entries {
                    match key {
                        Key::Text(text) => self.text(text)?,
                        Key::Int(number) => self.int(*number),
                    }
                    self.state(value, array)?;
                }
                self.bytes.push(b'u');
            }
        }
        Ok(())
    }

    /// A tensor over a storage of that many elements, kept under a key.
    #[inline]
    pub fn tensor(&mut self, key: &str, numel: usize, dtype: DType, layout: &Layout) -> Outcome<()> {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.bytes.extend(b"((");
        self.text("storage")?;
        self.global("torch", storage_of(dtype));
        self.text(key)?;
        self.text("cpu")?;
        self.int(numel as i64);
        self.bytes.extend(b"tQ");
        self.int(layout.offset() as i64);
        self.ints(layout.shape().iter().map(|&size| size as i64));
        self.ints(layout.strides().iter().map(|&stride| stride as i64));
        // No gradient, no hooks.
        self.bool(false);
        self.global("collections", "OrderedDict");
        self.bytes.extend(b")RtR");
        Ok(())
    }

    #[inline]
    fn bool(&mut self, truth: bool) {
        self.bytes.push(if truth { 0x88 } else { 0x89 });
    }

    #[inline]
    fn int(&mut self, number: i64) {
        if let Ok(number) = u8::try_from(number) {
            self.bytes.extend([b'K', number]);
        } else if let Ok(number) = i32::try_from(number) {
            self.bytes.push(b'J');
            self.bytes.extend(number.to_le_bytes());
        } else {
            self.bytes.extend([0x8a, 8]);
            self.bytes.extend(number.to_le_bytes());
        }
    }

    fn ints(&mut self, numbers: impl Iterator<Item = i64>) {
        self.bytes.push(b'(');
        numbers.for_each(|number| self.int(number));
        self.bytes.push(b't');
    }

    #[inline]
    fn text(&mut self, text: &str) -> Outcome<()> {
        let Ok(length) = u32::try_from(text.len()) else {
            return wrong(format!("a text of {} bytes is too long for a pickle", text.len()));
        };
        self.bytes.push(b'X');
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(text.as_bytes());
        Ok(())
    }

    /// A class or function, written whole once and recalled after that.
    #[inline]
    fn global(&mut self, module: &str, name: &'static str) {
        match self.memo.get(name) {
            Some(&place) => self.bytes.extend([b'h', place]),
            None => {
                // There are a dozen of them.
                let place = self.memo.len() as u8;
                self.memo.insert(name, place);
                self.bytes.push(b'c');
                self.bytes.extend(format!("{module}\n{name}\n").as_bytes());
                self.bytes.extend([b'q', place]);
            }
        }
    }
}
