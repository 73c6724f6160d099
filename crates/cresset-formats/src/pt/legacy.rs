//! The format before PyTorch 1.6: five pickles one after the other (a magic number, a version, what the machine was like,
//! the value, the keys of its storages), then the storages.

use std::collections::HashMap;

use cresset_tensor::{DType, State};

use super::build::{Storages, build};
use crate::{
    bytes::Bytes,
    pickle::{self, Value},
    trouble::{Outcome, Trouble, wrong},
};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const VERSION: i128 = 1001;

/// Does it begin as such a file does: with a pickle of the magic number?
#[inline]
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x80)
        && bytes.get(2..4) == Some(&[0x8a, 10])
        && bytes.get(4..14) == Some(&MAGIC.to_le_bytes()[..10])
}

/// The tree in a file.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Outcome<State> {
    let mut bytes = Bytes::new(bytes);
    for expected in [MAGIC, VERSION] {
        let pickle = pickle::run(&mut bytes)?;
        match pickle.get(pickle.root) {
            Value::Int(number) if *number == expected => {}
            _ => {
                return wrong(format!(
                    "its beginning is not the number {expected:#x}, as PyTorch before 1.6 wrote it"
                ));
            }
        }
    }
    // Byte order and sizes of the machine's types; storages are little-endian whatever it says.
    pickle::run(&mut bytes)?;
    let value = pickle::run(&mut bytes)?;
    let keys = pickle::run(&mut bytes)?;
    let Some(list) = keys.sequence(keys.root) else { return wrong("it has no list of storages") };

    let mut dtypes: HashMap<&str, Option<DType>> = HashMap::new();
    for stored in &value.values {
        if let Value::Storage(storage) = stored
            && let Some(key) = value.text(storage.key)
        {
            dtypes.insert(key, storage.dtype);
        }
    }
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for &key in list {
        let key =
            keys.text(key).ok_or_else(|| Trouble::from("the key of a storage is no text".to_owned()))?;
        let Some(dtype) = dtypes.get(key) else {
            return wrong(format!("it holds storage '{key}', over which no tensor lies"));
        };
        let within = |trouble: Trouble| trouble.within(format!("storage '{key}'"));
        let numel = bytes.u64().map_err(within)?;
        let size = numel.saturating_mul(dtype.map_or(1, DType::size) as u64);
        storages.insert(key, bytes.take_long(size).map_err(within)?);
    }
    let fetch = |key: &str| match storages.get(key) {
        Some(&bytes) => Ok(bytes.into()),
        None => wrong(format!("storage '{key}' is not in the file")),
    };
    build(&value, Storages { fetch: &fetch, big_endian: false })
}
