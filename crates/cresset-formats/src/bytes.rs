//! Bytes read from the front: every read checks that there are as many.

use crate::trouble::{Outcome, wrong};

/// Bytes, and how many of them were read.
#[derive(Clone)]
pub(crate) struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

macro_rules! numbers {
    ($($name:ident: $type:ty;)*) => {$(
        /// A little-endian number.
        pub fn $name(&mut self) -> Outcome<$type> {
            Ok(<$type>::from_le_bytes(self.array()?))
        }
    )*};
}

impl<'a> Bytes<'a> {
    /// From the first.
    pub fn new(all: &'a [u8]) -> Bytes<'a> {
        Bytes { all, at: 0 }
    }

    /// How many were read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.all.len() - self.at
    }

    /// The next so many.
    pub fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        match self.all[self.at..].get(..count) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => wrong(format!("cut off: {count} bytes should follow, there are {}", self.left())),
        }
    }

    /// The next so many, where that comes out of the file itself.
    pub fn take_long(&mut self, count: u64) -> Outcome<&'a [u8]> {
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> Outcome<&'a [u8]> {
        let rest = &self.all[self.at..];
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                Ok(&rest[..end])
            }
            None => wrong("cut off in the middle of a line"),
        }
    }

    /// The next `N`.
    pub fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let mut own = [0; N];
        own.copy_from_slice(self.take(N)?);
        Ok(own)
    }

    numbers! {
        u8: u8;
        u16: u16;
        u32: u32;
        u64: u64;
        i32: i32;
    }
}
