//! Numbers from the processor's memory to the card's and back.

use std::{
    ops::Range,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use cresset_tensor::{Array, Error, Locks, Result, Storage};

use crate::{
    card::Card,
    memory::{Buffer, class},
};

/// So many staging buffers are kept.
const STAGING: usize = 8;

impl Card {
    /// A row-major copy on the card of an array in the processor's memory.
    pub fn upload(self: &Arc<Card>, x: &Array) -> Result<Array> {
        let dense;
        let x = if x.is_contiguous() {
            x
        } else {
            dense = cresset_ops::cpu::copy::contiguous(x)?;
            &dense
        };
        let bytes = x.numel() * x.dtype().size();
        // The write happens before what is being recorded, so nothing of it may use the buffer.
        let recording = self.stream().recording();
        let buffer = self.take("to_device", bytes as u64, Some(recording))?;
        if bytes > 0 {
            let _lock = Locks::read(x.storage());
            // SAFETY: the elements lie side by side inside the memory (checked when the array was made); we hold the lock,
            // and every number is bytes.
            let slice = unsafe { std::slice::from_raw_parts(x.as_ptr(), bytes) };
            let whole = bytes / 4 * 4;
            if whole > 0 {
                self.queue.write_buffer(&buffer.raw, 0, &slice[..whole]);
            }
            if whole < bytes {
                let mut last = [0; 4];
                last[..bytes - whole].copy_from_slice(&slice[whole..]);
                self.queue.write_buffer(&buffer.raw, whole as u64, &last);
            }
        }
        self.trouble.check("to_device")?;
        self.array(buffer, x.shape().clone(), x.dtype())
    }

    /// Some bytes of a buffer, once all that was asked for before is done.
    pub fn read(&self, buffer: &Buffer, bytes: Range<usize>) -> Result<Storage> {
        let result = Storage::uninitialised("read", bytes.len())?;
        if bytes.is_empty() {
            return Ok(result);
        }
        self.trouble.check("read")?;
        let start = bytes.start / 4 * 4;
        let end = bytes.end.next_multiple_of(4);
        let length = (end - start) as u64;
        let staging = self.staging(length);
        self.record_copy(&buffer.raw, &staging, start as u64, length);
        self.flush("read")?;
        let mapped = Arc::new(AtomicBool::new(false));
        let seen = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, ..length, move |result| {
            seen.store(result.is_ok(), Ordering::Release);
        });
        self.wait("read")?;
        let view = mapped.load(Ordering::Acquire).then(|| staging.get_mapped_range(..length));
        let Some(Ok(view)) = view else {
            return Err(Error::device("read", format!("what {} computed could not be read back", self.name)));
        };
        let skip = bytes.start - start;
        // SAFETY: the storage is fresh, ours alone, and has as many bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(view[skip..].as_ptr(), result.as_ptr(), bytes.len());
        }
        drop(view);
        staging.unmap();
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < STAGING {
            kept.push(staging);
        }
        Ok(result)
    }

    fn staging(&self, bytes: u64) -> wgpu::Buffer {
        let size = class(bytes);
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|buffer| buffer.size() == size) {
            return kept.swap_remove(place);
        }
        if kept.len() == STAGING {
            kept.remove(0);
        }
        self.raw.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }
}
