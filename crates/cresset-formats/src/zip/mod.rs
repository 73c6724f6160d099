//! Zip archives, as far as `.npz` and `.pt` need them: entries stored or deflated, of any size, in one file.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use self::{
    read::{Archive, Entry},
    write::Writer,
};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

/// The extra field that holds what does not fit into 32 bits.
const WIDE: u16 = 1;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
