//! What a file holds: small ones are read, large ones mapped into memory.

use std::{fs::File, io::Read, ops::Deref, path::Path};

use cresset_tensor::Result;
use memmap2::Mmap;

use crate::trouble::{Outcome, wrong};

/// From this size on, mapping a file costs less than reading it.
const LARGE: u64 = 1 << 20;

/// All bytes of a file.
enum Content {
    Read(Vec<u8>),
    Mapped(Mmap),
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Content::Read(bytes) => bytes,
            Content::Mapped(map) => map,
        }
    }
}

fn open(path: &Path) -> Outcome<Content> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return wrong("this is a folder, not a file");
    }
    if metadata.is_file() && metadata.len() >= LARGE {
        // SAFETY: the map is read-only, and goes before the call that asked for it returns, so that it outlives no
        // promise made to us. Nobody who saves as this crate does writes into a file that is there: they rename. A
        // program that overwrites the file in these moments makes us read other numbers, which are checked like any;
        // one that cuts it off gets the process a bus error, as with every mapped file.
        return Ok(Content::Mapped(unsafe { Mmap::map(&file)? }));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Content::Read(bytes))
}

/// What a function makes of all bytes of a file; its trouble is told with the file's name.
#[track_caller]
pub(crate) fn loading<T>(
    operation: &'static str,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Outcome<T>,
) -> Result<T> {
    match open(path).and_then(|content| parse(&content)) {
        Ok(value) => Ok(value),
        Err(trouble) => Err(trouble.of(operation, Some(path))),
    }
}
