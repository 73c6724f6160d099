//! A file to be read, compressed by gzip or not, and how much there can be in it.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read},
    path::{Path, PathBuf},
};

use cresset_tensor::{Error, Result};
use flate2::read::MultiGzDecoder;

/// Deflate makes at most 1032 bytes of one.
const LARGEST_RATIO: u64 = 1032;

/// What is in a file.
pub(super) struct Opened {
    pub bytes: Box<dyn Read>,
    /// There are not more bytes than that: no number in the file is believed beyond it.
    pub most: u64,
    /// Whether `most` is how many there are.
    pub exact: bool,
}

/// An error about a file.
#[track_caller]
pub(super) fn bad(name: &'static str, path: &Path, why: impl std::fmt::Display) -> Error {
    Error::file(name, format!("{}: {why}", path.display()))
}

/// Opens a file. Whether it is compressed, its first two bytes say.
#[track_caller]
#[inline]
pub(super) fn open(name: &'static str, path: &Path) -> Result<Opened> {
    let file = File::open(path).map_err(|error| bad(name, path, error))?;
    let size = file.metadata().map_err(|error| bad(name, path, error))?.len();
    let mut file = BufReader::new(file);
    let mut start = Vec::new();
    read(&mut file, 2, &mut start).map_err(|error| bad(name, path, error))?;
    let compressed = start == [0x1F, 0x8B];
    let whole = Cursor::new(start).chain(file);
    Ok(if compressed {
        let most = size.saturating_mul(LARGEST_RATIO);
        Opened { bytes: Box::new(unpacked(whole)), most, exact: false }
    } else {
        Opened { bytes: Box::new(whole), most: size, exact: true }
    })
}

/// What comes out of a file compressed by gzip. Of one type, as [`read`] is, so that it is compiled once.
pub(super) fn unpacked(packed: impl Read + 'static) -> MultiGzDecoder<Box<dyn Read>> {
    MultiGzDecoder::new(Box::new(packed))
}

/// Reads at most so many bytes. What was read before something went wrong is there too.
#[inline]
pub(super) fn read(bytes: &mut dyn Read, most: u64, into: &mut Vec<u8>) -> std::io::Result<usize> {
    bytes.take(most).read_to_end(into)
}

/// The first of these files in the first of these folders that has one, each also with `.gz` behind its name.
#[track_caller]
#[inline]
pub(super) fn find(name: &'static str, root: &Path, folders: &[&str], files: &[&str]) -> Result<PathBuf> {
    for folder in folders {
        for file in files {
            for ending in ["", ".gz"] {
                let path = root.join(folder).join(format!("{file}{ending}"));
                if path.is_file() {
                    return Ok(path);
                }
            }
        }
    }
    let places: Vec<String> = folders.iter().map(|folder| root.join(folder).display().to_string()).collect();
    Err(Error::file(name, format!("no file {}(.gz) in {}", files.join(" or "), places.join(" or "))))
}
