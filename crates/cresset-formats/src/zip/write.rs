//! Writing an archive from the front to the end, once. The time of every entry is the same, so equal contents are equal
//! files.

use std::io::{self, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};

use super::{CENTRAL, DEFLATED, END, END_64, LOCAL, LOCATOR_64, STORED, WIDE};
use crate::trouble::{Outcome, wrong};

/// The first of January 1980, the earliest there is.
const DATE: u16 = 0x21;
/// Names are UTF-8.
const FLAGS: u16 = 0x800;
/// An extra field of no meaning, by which PyTorch aligns what follows.
const PADDING: u16 = 0x4246;

/// Something that is written by writing.
pub(crate) type Written<'a> = &'a dyn Fn(&mut dyn Write) -> Outcome<()>;

/// An archive being written.
pub(crate) struct Writer<'a> {
    file: &'a mut dyn Write,
    offset: u64,
    entries: Vec<Record>,
    /// Numbers from here on are written in 64 bits.
    narrow: u64,
}

struct Record {
    name: String,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

impl<'a> Writer<'a> {
    /// An empty one.
    #[inline]
    pub fn new(file: &'a mut dyn Write) -> Writer<'a> {
        Writer { file, offset: 0, entries: Vec::new(), narrow: u64::from(u32::MAX) }
    }

    /// One that writes every number from `narrow` on as archives beyond 4 GiB do.
    #[cfg(test)]
    #[inline]
    pub fn with_narrow(file: &'a mut dyn Write, narrow: u64) -> Writer<'a> {
        Writer { narrow, ..Writer::new(file) }
    }

    /// Adds a file as it is, at a multiple of `alignment`. It is written twice, first for its checksum alone.
    #[inline]
    pub fn store(&mut self, name: &str, alignment: u64, write: Written) -> Outcome<()> {
        let mut sum = Summed { sum: Crc::new(), size: 0, into: None };
        write(&mut sum)?;
        let (checksum, size) = (sum.sum.sum(), sum.size);
        let record = self.record(name, STORED, checksum, size, size)?;
        self.header(&record, alignment)?;
        let mut copied = Summed { sum: Crc::new(), size: 0, into: Some(&mut *self.file) };
        write(&mut copied)?;
        if (copied.sum.sum(), copied.size) != (checksum, size) {
            return wrong(format!("'{name}' was changed while it was saved"));
        }
        self.offset += size;
        self.entries.push(record);
        Ok(())
    }

    /// Adds a file, deflated.
    #[inline]
    pub fn deflate(&mut self, name: &str, write: Written) -> Outcome<()> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        let mut summed = Summed { sum: Crc::new(), size: 0, into: Some(&mut packed) };
        write(&mut summed)?;
        let (checksum, size) = (summed.sum.sum(), summed.size);
        let packed = packed.finish()?;
        let record = self.record(name, DEFLATED, checksum, packed.len() as u64, size)?;
        self.header(&record, 1)?;
        self.file.write_all(&packed)?;
        self.offset += record.packed;
        self.entries.push(record);
        Ok(())
    }

    #[inline]
    fn record(&self, name: &str, method: u16, checksum: u32, packed: u64, size: u64) -> Outcome<Record> {
        if name.len() > usize::from(u16::MAX) {
            return wrong(format!("a name of {} bytes is too long for a zip archive", name.len()));
        }
        Ok(Record { name: name.to_owned(), method, checksum, packed, size, offset: self.offset })
    }

    #[inline]
    fn header(&mut self, record: &Record, alignment: u64) -> Outcome<()> {
        let mut extra = Vec::new();
        let wide = record.size >= self.narrow || record.packed >= self.narrow;
        if wide {
            put(&mut extra, &[&WIDE.to_le_bytes(), &16u16.to_le_bytes()]);
            put(&mut extra, &[&record.size.to_le_bytes(), &record.packed.to_le_bytes()]);
        }
        if alignment > 1 {
            let start = self.offset + 30 + (record.name.len() + extra.len()) as u64 + 4;
            let padding = start.next_multiple_of(alignment) - start;
            put(&mut extra, &[&PADDING.to_le_bytes(), &(padding as u16).to_le_bytes()]);
            extra.resize(extra.len() + padding as usize, 0);
        }
        let mut header = Vec::new();
        put(&mut header, &[&LOCAL.to_le_bytes(), &version(wide).to_le_bytes()]);
        put(&mut header, &[&common(record, wide), &(record.name.len() as u16).to_le_bytes()]);
        put(&mut header, &[&(extra.len() as u16).to_le_bytes(), record.name.as_bytes(), &extra]);
        self.write(&header)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.file.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Writes the directory.
    #[inline]
    pub fn finish(mut self) -> Outcome<()> {
        let start = self.offset;
        for record in std::mem::take(&mut self.entries) {
            let wide = record.size >= self.narrow || record.packed >= self.narrow;
            let far = record.offset >= self.narrow;
            let mut extra = Vec::new();
            if wide {
                put(&mut extra, &[&record.size.to_le_bytes(), &record.packed.to_le_bytes()]);
            }
            if far {
                put(&mut extra, &[&record.offset.to_le_bytes()]);
            }
            if wide || far {
                let length = extra.len() as u16;
                extra.splice(0..0, WIDE.to_le_bytes().into_iter().chain(length.to_le_bytes()));
            }
            let offset = if far { u32::MAX } else { record.offset as u32 };
            let mut entry = Vec::new();
            let version = version(wide || far).to_le_bytes();
            put(&mut entry, &[&CENTRAL.to_le_bytes(), &version, &version, &common(&record, wide)]);
            put(
                &mut entry,
                &[&(record.name.len() as u16).to_le_bytes(), &(extra.len() as u16).to_le_bytes()],
            );
            // No comment, first disk, no attributes.
            put(&mut entry, &[&[0; 10], &offset.to_le_bytes(), record.name.as_bytes(), &extra]);
            self.entries.push(record);
            self.write(&entry)?;
        }
        let (count, size) = (self.entries.len() as u64, self.offset - start);
        let wide_at = self.offset;
        let mut end = Vec::new();
        let most = self.narrow.min(u64::from(u16::MAX));
        if count >= most || size >= self.narrow || start >= self.narrow {
            put(&mut end, &[&END_64.to_le_bytes(), &44u64.to_le_bytes(), &45u16.to_le_bytes()]);
            put(&mut end, &[&45u16.to_le_bytes(), &[0; 8], &count.to_le_bytes(), &count.to_le_bytes()]);
            put(&mut end, &[&size.to_le_bytes(), &start.to_le_bytes()]);
            put(&mut end, &[&LOCATOR_64.to_le_bytes(), &[0; 4], &wide_at.to_le_bytes(), &1u32.to_le_bytes()]);
        }
        let narrow = |number: u64| if number >= self.narrow { u32::MAX } else { number as u32 };
        let count = if count >= most { u16::MAX } else { count as u16 };
        put(&mut end, &[&END.to_le_bytes(), &[0; 4], &count.to_le_bytes(), &count.to_le_bytes()]);
        put(&mut end, &[&narrow(size).to_le_bytes(), &narrow(start).to_le_bytes(), &[0; 2]]);
        self.write(&end)
    }
}

#[inline]
fn put(bytes: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
}

/// The version of the format that a reader must know.
#[inline]
fn version(wide: bool) -> u16 {
    if wide { 45 } else { 20 }
}

/// What both headers of an entry say, from the flags to the sizes.
#[inline]
fn common(record: &Record, wide: bool) -> Vec<u8> {
    let narrow = |number: u64| if wide { u32::MAX } else { number as u32 };
    let mut bytes = Vec::new();
    put(&mut bytes, &[&FLAGS.to_le_bytes(), &record.method.to_le_bytes(), &[0; 2], &DATE.to_le_bytes()]);
    put(&mut bytes, &[&record.checksum.to_le_bytes(), &narrow(record.packed).to_le_bytes()]);
    put(&mut bytes, &[&narrow(record.size).to_le_bytes()]);
    bytes
}

/// Counts and sums what is written on the way.
struct Summed<'a> {
    sum: Crc,
    size: u64,
    into: Option<&'a mut dyn Write>,
}

impl Write for Summed<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.into {
            Some(into) => into.write(bytes)?,
            None => bytes.len(),
        };
        self.sum.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        self.into.as_mut().map_or(Ok(()), |into| into.flush())
    }
}
