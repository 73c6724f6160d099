//! Reading an archive out of memory. Its directory is checked before anything is read: entries lie inside the file and
//! do not overlap, so no small file can pretend to hold much.

use std::{borrow::Cow, collections::HashMap, io::Read};

use cresset_tensor::order::sort_by;
use flate2::{Crc, read::DeflateDecoder};

use super::{CENTRAL, DEFLATED, END, END_64, LOCAL, LOCATOR_64, STORED, WIDE};
use crate::{
    bytes::Bytes,
    trouble::{Outcome, Trouble, wrong},
};

/// No deflated byte stands for more than so many.
const DENSEST: u64 = 1032;

/// An archive.
pub(crate) struct Archive<'a> {
    entries: Vec<Entry<'a>>,
    places: HashMap<String, usize>,
}

/// A file in it.
pub(crate) struct Entry<'a> {
    pub name: String,
    method: u16,
    checksum: u32,
    /// How long it is once inflated.
    size: u64,
    data: &'a [u8],
}

impl<'a> Archive<'a> {
    /// The archive that a file is.
    #[inline]
    pub fn open(file: &'a [u8]) -> Outcome<Archive<'a>> {
        let Directory { mut bytes, count } = Directory::find(file)?;
        let mut archive = Archive { entries: Vec::new(), places: HashMap::new() };
        let mut spans = Vec::new();
        for _ in 0..count {
            let Some((entry, span)) = entry(file, &mut bytes)? else { continue };
            let place = archive.entries.len();
            if archive.places.insert(entry.name.clone(), place).is_some() {
                return wrong(format!("the archive holds '{}' twice", entry.name));
            }
            archive.entries.push(entry);
            spans.push(span);
        }
        sort_by(&mut spans, Ord::cmp);
        if spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return wrong("entries of the archive overlap");
        }
        Ok(archive)
    }

    /// Its files, in the order of its directory.
    #[inline]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The file of a name.
    #[inline]
    pub fn find(&self, name: &str) -> Option<&Entry<'a>> {
        self.places.get(name).map(|&place| &self.entries[place])
    }
}

impl<'a> Entry<'a> {
    /// What it holds; without a copy where it is stored.
    #[inline]
    pub fn read(&self) -> Outcome<Cow<'a, [u8]>> {
        let bytes = match self.method {
            STORED => Cow::Borrowed(self.data),
            DEFLATED => Cow::Owned(self.inflated()?),
            other => return self.wrong(format!("it is compressed by method {other}; 0 and 8 can be read")),
        };
        if bytes.len() as u64 != self.size {
            return self.wrong(format!("it has {} bytes, not the {} it should", bytes.len(), self.size));
        }
        Ok(bytes)
    }

    /// [`Entry::read`], and its checksum compared.
    #[inline]
    pub fn read_checked(&self) -> Outcome<Cow<'a, [u8]>> {
        let bytes = self.read()?;
        let mut sum = Crc::new();
        sum.update(&bytes);
        if sum.sum() != self.checksum {
            return self.wrong("its checksum differs: the file is damaged");
        }
        Ok(bytes)
    }

    /// Has it no checksum, as PyTorch writes where it was told to save the time?
    #[inline]
    pub fn is_unchecked(&self) -> bool {
        self.checksum == 0
    }

    #[inline]
    fn inflated(&self) -> Outcome<Vec<u8>> {
        if self.size > (self.data.len() as u64).saturating_mul(DENSEST) {
            return self.wrong(format!("{} bytes cannot inflate to {}", self.data.len(), self.size));
        }
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(usize::try_from(self.size).unwrap_or(usize::MAX)).is_err() {
            return self.wrong(format!("its {} bytes do not fit into memory", self.size));
        }
        // One byte more than it should have tells that it has too many.
        let read = DeflateDecoder::new(self.data).take(self.size + 1).read_to_end(&mut bytes);
        read.map_err(|error| Trouble::from(error).within(format!("'{}' in the archive", self.name)))?;
        Ok(bytes)
    }

    fn wrong<T>(&self, text: impl Into<String>) -> Outcome<T> {
        wrong::<T>(text).map_err(|trouble| trouble.within(format!("'{}' in the archive", self.name)))
    }
}

/// The list of files at an archive's end.
struct Directory<'a> {
    bytes: Bytes<'a>,
    count: u64,
}

impl<'a> Directory<'a> {
    #[inline]
    fn find(file: &'a [u8]) -> Outcome<Directory<'a>> {
        // The end record is the last one, but for a comment of up to 65535 bytes.
        let latest = match file.len().checked_sub(22) {
            Some(latest) => latest,
            None => return wrong(format!("too short for a zip archive: {} bytes", file.len())),
        };
        let earliest = latest.saturating_sub(0xffff);
        let at = (earliest..=latest).rev().find(|&at| {
            file[at..].starts_with(&END.to_le_bytes())
                && usize::from(u16::from_le_bytes([file[at + 20], file[at + 21]])) + 22 + at <= file.len()
        });
        let Some(at) = at else {
            return wrong(
                "the zip archive has no directory at its end: the file is cut off, or no zip archive",
            );
        };
        let mut end = Bytes::new(&file[at + 10..]);
        let (mut count, mut size, mut start) =
            (u64::from(end.u16()?), u64::from(end.u32()?), u64::from(end.u32()?));
        if let Some(locator) = at.checked_sub(20)
            && file[locator..].starts_with(&LOCATOR_64.to_le_bytes())
        {
            let wide = Bytes::new(&file[locator + 8..]).u64()?;
            let wide = usize::try_from(wide).ok().and_then(|wide| file.get(wide..));
            let Some(wide) = wide.filter(|wide| wide.starts_with(&END_64.to_le_bytes())) else {
                return wrong("the zip archive's wide end record is not where it should be");
            };
            let mut wide = Bytes::new(wide);
            wide.take(32)?;
            (count, size, start) = (wide.u64()?, wide.u64()?, wide.u64()?);
        }
        let bytes = usize::try_from(start).ok().and_then(|start| {
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            file.get(start..end)
        });
        match bytes {
            Some(bytes) => Ok(Directory { bytes: Bytes::new(bytes), count }),
            None => {
                wrong(format!("the zip archive's directory of {size} bytes at {start} lies outside the file"))
            }
        }
    }
}

/// The next file of the directory and the bytes it takes; `None` for a folder.
#[inline]
fn entry<'a>(file: &'a [u8], directory: &mut Bytes<'a>) -> Outcome<Option<(Entry<'a>, (usize, usize))>> {
    if directory.u32()? != CENTRAL {
        return wrong("the zip archive's directory is damaged");
    }
    directory.take(4)?;
    let (flags, method) = (directory.u16()?, directory.u16()?);
    directory.take(4)?;
    let checksum = directory.u32()?;
    let (mut packed, mut size) = (u64::from(directory.u32()?), u64::from(directory.u32()?));
    let (name, extra, comment) = (directory.u16()?, directory.u16()?, directory.u16()?);
    directory.take(8)?;
    let mut start = u64::from(directory.u32()?);
    let name = directory.take(name.into())?;
    // Names that are not UTF-8 are of another age; they are told apart, if not read rightly.
    let name = String::from_utf8_lossy(name).into_owned();
    let mut extra = Bytes::new(directory.take(extra.into())?);
    directory.take(comment.into())?;
    while extra.left() >= 4 {
        let (kind, length) = (extra.u16()?, extra.u16()?);
        let mut field = Bytes::new(extra.take(length.into())?);
        if kind == WIDE {
            for number in [&mut size, &mut packed, &mut start] {
                if *number == u64::from(u32::MAX) {
                    *number = field.u64()?;
                }
            }
        }
    }
    let within =
        |text: &str| wrong::<()>(text).map_err(|trouble| trouble.within(format!("'{name}' in the archive")));
    if flags & 1 != 0 {
        within("it is encrypted")?;
    }
    let local = usize::try_from(start).ok().and_then(|start| file.get(start..));
    let Some(mut local) = local.map(Bytes::new) else {
        return within("it lies outside the file").map(|()| None);
    };
    if local.u32().ok() != Some(LOCAL) {
        within("it is not where the directory says")?;
    }
    local.take(22)?;
    let before = usize::from(local.u16()?) + usize::from(local.u16()?);
    local.take(before)?;
    let Ok(data) = local.take_long(packed) else {
        return within("it reaches beyond the end of the file").map(|()| None);
    };
    if name.ends_with('/') && size == 0 {
        return Ok(None);
    }
    let start = start as usize;
    let span = (start, start + local.at());
    Ok(Some((Entry { name, method, checksum, size, data }, span)))
}
