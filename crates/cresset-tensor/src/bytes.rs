//! Numbers as bytes and back: what files hold. Little-endian, row-major, whatever the machine and the layout.

use std::io;

use crate::{Array, DType, Device, Error, Locks, Result, Shape};

/// Bytes that elements with gaps between them are gathered into before they are written.
const CHUNK: usize = 1 << 16;

const NATIVE: bool = cfg!(target_endian = "little");

impl Array {
    /// A copy of the numbers that lie in bytes, little-endian and row-major; of truths, any byte but zero is one.
    /// PyTorch's `frombuffer`, with a shape.
    ///
    /// ```
    /// use cresset_tensor::{Array, DType};
    /// let x = Array::from_bytes(&[1, 0, 0, 1], [2], DType::I16)?;
    /// assert_eq!(x.to_vec::<i16>()?, [1, 256]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn from_bytes(bytes: &[u8], shape: impl Into<Shape>, dtype: DType) -> Result<Array> {
        let shape = shape.into();
        let size = shape.checked_numel("from_bytes")? * dtype.size();
        if size != bytes.len() {
            let message = format!("shape {shape} of {dtype} takes {size} bytes, not {}", bytes.len());
            return Err(Error::shape("from_bytes", message));
        }
        let array = Array::uninitialised("from_bytes", shape, dtype)?;
        let target = array.as_ptr();
        // SAFETY: the memory is fresh, ours alone, and holds `size` bytes, as many as there are; every byte is a number
        // of these dtypes, but for truths, which are made 0 or 1.
        unsafe {
            if dtype == DType::Bool {
                for (i, &byte) in bytes.iter().enumerate() {
                    target.add(i).write(u8::from(byte != 0));
                }
            } else if NATIVE {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, size);
            } else {
                let width = dtype.size();
                for (i, &byte) in bytes.iter().enumerate() {
                    target.add(i - i % width + (width - 1 - i % width)).write(byte);
                }
            }
        }
        Ok(array)
    }

    /// Its numbers as bytes, little-endian, in row-major order.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// assert_eq!(Array::new([1i16, 256]).to_bytes()?, [1, 0, 0, 1]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let size = self.numel().saturating_mul(self.dtype().size());
        let mut bytes = Vec::new();
        // A view may have far more elements than its memory.
        if bytes.try_reserve_exact(size).is_err() {
            return Err(Error::memory("to_bytes", format!("{size} bytes do not fit into memory")));
        }
        match self.write_bytes(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(Error::memory("to_bytes", error.to_string())),
        }
    }

    /// Writes its numbers as bytes, little-endian, in row-major order, without a copy where they lie so.
    ///
    /// The memory is locked for reading meanwhile, so the writer must not write to this array.
    pub fn write_bytes(&self, writer: &mut dyn io::Write) -> io::Result<()> {
        let (numel, size) = (self.numel(), self.dtype().size());
        if numel == 0 {
            return Ok(());
        }
        if self.device() != Device::Cpu {
            return self.to_host().map_err(io::Error::other)?.write_bytes(writer);
        }
        let _lock = Locks::read(self.storage());
        if NATIVE && self.is_contiguous() {
            // SAFETY: the layout lies inside the memory (checked when made), its elements side by side; we hold the
            // lock, and every number is bytes.
            let bytes = unsafe { std::slice::from_raw_parts(self.as_ptr(), numel * size) };
            return writer.write_all(bytes);
        }
        let start = self.storage().as_ptr();
        let mut chunk = Vec::with_capacity(numel.saturating_mul(size).min(CHUNK));
        for place in self.layout().places() {
            // SAFETY: every place of the layout lies inside the memory (checked when made); we hold the lock.
            let element = unsafe { std::slice::from_raw_parts(start.add(place * size), size) };
            if chunk.len() + size > CHUNK {
                writer.write_all(&chunk)?;
                chunk.clear();
            }
            let from = chunk.len();
            chunk.extend_from_slice(element);
            if !NATIVE {
                chunk[from..].reverse();
            }
        }
        writer.write_all(&chunk)
    }
}
