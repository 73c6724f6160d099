//! A card's memory, in buffers that are used again: to make one takes longer than most kernels.
//!
//! A buffer that an array has given up may be taken at once, though the card may still be working with it: what is asked
//! of the card later is done later.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use cresset_tensor::{Array, Device, Error, Result, Storage, device::Remote};

use crate::{card::Card, transfer::Bytes};

/// The least a buffer has.
const LEAST: u64 = 256;
/// Powers of two are split in so many steps.
const STEPS: u64 = 4;
/// So many bytes are kept unused, at most.
const KEPT: u64 = 8 << 30;

/// What a card's pool holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes of all buffers: in use, or kept to be used again.
    pub reserved: u64,
    /// Bytes of the buffers kept to be used again.
    pub kept: u64,
    /// The most `reserved` has been.
    pub peak: u64,
    /// How many buffers were made since the card was opened.
    pub buffers_made: u64,
    /// How many kernels were compiled.
    pub kernels: u64,
    /// How many dispatches there were.
    pub dispatches: u64,
    /// How often work was handed to the driver.
    pub submits: u64,
}

/// A buffer with what the pool and the stream know about it.
#[derive(Debug)]
pub struct Buffer {
    /// The buffer.
    pub raw: wgpu::Buffer,
    /// Never used for another.
    pub id: u64,
    /// The recording in which it was last used.
    pub last_use: AtomicU64,
}

/// Buffers nobody uses.
#[derive(Default)]
pub struct Pool {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    free: HashMap<u64, Vec<Arc<Buffer>>>,
    statistics: Statistics,
    next: u64,
}

/// The bytes of the smallest class that has so many: 256, 320, 384, 448, 512, 640, …
pub fn class(bytes: u64) -> u64 {
    if bytes <= LEAST {
        return LEAST;
    }
    let step = (bytes.next_power_of_two() / 2 / STEPS).max(1);
    bytes.next_multiple_of(step)
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free buffer of a class; of those last used before a recording, if one is named.
    fn find(&self, size: u64, before: Option<u64>) -> Option<Arc<Buffer>> {
        let mut inner = self.lock();
        let list = inner.free.get_mut(&size)?;
        let place = match before {
            None => list.len().checked_sub(1)?,
            Some(recording) => list.iter().position(|buffer| buffer.last_use.load(Relaxed) < recording)?,
        };
        let buffer = list.swap_remove(place);
        inner.statistics.kept -= size;
        Some(buffer)
    }

    fn made(&self, raw: wgpu::Buffer) -> Arc<Buffer> {
        let mut inner = self.lock();
        inner.next += 1;
        inner.statistics.buffers_made += 1;
        inner.statistics.reserved += raw.size();
        inner.statistics.peak = inner.statistics.peak.max(inner.statistics.reserved);
        Arc::new(Buffer { raw, id: inner.next, last_use: AtomicU64::new(0) })
    }

    fn give_back(&self, buffer: Arc<Buffer>) {
        let mut inner = self.lock();
        let size = buffer.raw.size();
        if inner.statistics.kept + size > KEPT {
            inner.statistics.reserved -= size;
            return;
        }
        inner.statistics.kept += size;
        inner.free.entry(size).or_default().push(buffer);
    }

    /// Gives every buffer nobody uses back to the driver.
    pub fn empty(&self) {
        let mut inner = self.lock();
        let free = std::mem::take(&mut inner.free);
        let bytes: u64 = free.values().flatten().map(|buffer| buffer.raw.size()).sum();
        inner.statistics.reserved -= bytes;
        inner.statistics.kept = 0;
    }

    /// What it holds and has done, and what the stream has.
    pub fn statistics(&self) -> Statistics {
        self.lock().statistics
    }
}

/// The memory of one array and its views.
pub struct Memory {
    /// Whose it is.
    pub card: Arc<Card>,
    /// The buffer, until it goes back to the pool.
    buffer: Option<Arc<Buffer>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({}, {:?})", self.card.device, self.buffer.as_ref().map(|buffer| buffer.raw.size()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.card.pool.give_back(buffer);
        }
    }
}

impl Remote for Memory {
    fn device(&self) -> Device {
        self.card.device
    }

    fn read(&self, bytes: Range<usize>) -> Result<Storage> {
        self.begin_read(bytes)?.wait()
    }
}

impl Card {
    /// A buffer with at least so many bytes. One that is to be written before what is being recorded runs must not occur
    /// in it.
    pub fn take(&self, operation: &'static str, bytes: u64, before: Option<u64>) -> Result<Arc<Buffer>> {
        let most = self.abilities.binding_bytes.min(self.abilities.buffer_bytes) / 4 * 4;
        if bytes > most {
            return Err(Error::memory(
                operation,
                format!(
                    "an array of {bytes} bytes is more than {} lets a kernel see at once ({most} bytes); split it, or stay on the CPU",
                    self.name
                ),
            ));
        }
        let size = class(bytes).min(most);
        if let Some(buffer) = self.pool.find(size, before) {
            return Ok(buffer);
        }
        if let Some(raw) = self.make(size) {
            return Ok(self.pool.made(raw));
        }
        // Perhaps what is kept unused is what is missing.
        self.flush(operation)?;
        self.wait(operation)?;
        self.forget_bindings();
        self.pool.empty();
        match self.make(size) {
            Some(raw) => Ok(self.pool.made(raw)),
            None => Err(Error::memory(
                operation,
                format!(
                    "{} is out of memory: {size} bytes could not be had, {} are in use; make batches smaller, or drop what is not needed",
                    self.name,
                    self.pool.statistics().reserved
                ),
            )),
        }
    }

    /// A new buffer; `None` if there is no memory for it.
    fn make(&self, size: u64) -> Option<wgpu::Buffer> {
        let scope = self.raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.raw.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        pollster::block_on(scope.pop()).is_none().then_some(raw)
    }

    /// An array over a buffer.
    pub fn array(
        self: &Arc<Card>,
        buffer: Arc<Buffer>,
        shape: cresset_tensor::Shape,
        dtype: cresset_tensor::DType,
    ) -> Result<Array> {
        let bytes = shape.checked_numel("array")? * dtype.size();
        let memory = Memory { card: self.clone(), buffer: Some(buffer) };
        Array::remote(Storage::remote(Box::new(memory), bytes), shape, dtype)
    }

    /// Uninitialised memory as an array.
    pub fn fresh(
        self: &Arc<Card>,
        operation: &'static str,
        shape: cresset_tensor::Shape,
        dtype: cresset_tensor::DType,
    ) -> Result<Array> {
        let bytes = shape.checked_numel(operation)? * dtype.size();
        let buffer = self.take(operation, bytes as u64, None)?;
        self.array(buffer, shape, dtype)
    }
}

impl Memory {
    /// Begins to bring some of its bytes back.
    pub fn begin_read(&self, bytes: Range<usize>) -> Result<Bytes> {
        match &self.buffer {
            Some(buffer) => self.card.begin_read(buffer, bytes),
            None => Err(Error::device("read", "the memory was given back")),
        }
    }
}

/// The memory under an array.
pub fn memory(x: &Array) -> Result<&Memory> {
    let memory = x.storage().as_remote().and_then(|remote| {
        let any: &dyn std::any::Any = remote;
        any.downcast_ref::<Memory>()
    });
    memory.ok_or_else(|| Error::device("gpu", format!("an array of {} is not a card's", x.device())))
}

/// The buffer under an array.
pub fn buffer(x: &Array) -> Result<&Arc<Buffer>> {
    match &memory(x)?.buffer {
        Some(buffer) => Ok(buffer),
        None => Err(Error::device("gpu", "the memory was given back")),
    }
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn classes_hold_what_they_promise_and_waste_at_most_a_quarter() {
        for bytes in (1..200_000).chain((200_000..1 << 30).step_by(999_983)) {
            let size = class(bytes);
            assert!(size >= bytes && size.is_multiple_of(4), "{bytes} → {size}");
            assert!(size <= 256 || size < bytes + bytes / 4 + 4, "{bytes} → {size}");
            assert_eq!(class(size), size);
        }
    }
}
