//! Numbers from the processor's memory to the card's and back.

use std::{
    ops::Range,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU8, Ordering::Acquire, Ordering::Release},
    },
    time::{Duration, Instant},
};

use cresset_ops::profile::{Kind, span};
use cresset_tensor::{Array, DType, Device, Error, Layout, Locks, Result, Storage};

use crate::{
    card::Card,
    memory::{Buffer, class, memory},
    mistakes::Look,
};

/// Bytes behind those that are read, for what kernels found wrong.
const MISTAKE: u64 = 4;
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

    /// Begins to bring some bytes of a buffer back.
    pub fn begin_read(self: &Arc<Card>, buffer: &Buffer, bytes: Range<usize>) -> Result<Bytes> {
        self.trouble.check("read")?;
        let start = bytes.start / 4 * 4;
        let length = (bytes.end.next_multiple_of(4) - start) as u64;
        let state = Arc::new(AtomicU8::new(PENDING));
        let (seen, skip) = (state.clone(), bytes.start - start);
        let look = if bytes.is_empty() { None } else { self.mistakes.look() };
        let count = bytes.len();
        let mut begun = Bytes { card: self.clone(), staging: None, length, skip, count, state, look };
        if bytes.is_empty() {
            return Ok(begun);
        }
        let staging = self.staging(length + MISTAKE);
        self.record_copy(&buffer.raw, start as u64, &staging, 0, length);
        if let Some(look) = &begun.look {
            self.record_copy(&look.buffer.raw, 0, &staging, length, MISTAKE);
        }
        self.flush("read")?;
        staging.map_async(wgpu::MapMode::Read, ..length + MISTAKE, move |result| {
            seen.store(if result.is_ok() { MAPPED } else { FAILED }, Release);
        });
        begun.staging = Some(staging);
        Ok(begun)
    }

    /// Begins to bring back nothing but what kernels found wrong.
    pub fn begin_mistakes(self: &Arc<Card>) -> Result<Bytes> {
        let looked = self.mistakes.look().map(|look| look.buffer);
        match looked {
            Some(buffer) => self.begin_read(&buffer, 0..4),
            None => {
                let state = Arc::new(AtomicU8::new(PENDING));
                Ok(Bytes {
                    card: self.clone(),
                    staging: None,
                    length: 0,
                    skip: 0,
                    count: 0,
                    state,
                    look: None,
                })
            }
        }
    }

    /// Memory into which the card copies what is to be read, of so many bytes at least.
    pub fn staging(&self, bytes: u64) -> wgpu::Buffer {
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

    /// Keeps such memory to be used again.
    pub fn keep_staging(&self, staging: wgpu::Buffer) {
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < STAGING {
            kept.push(staging);
        }
    }
}

/// How long another thread may take to say that bytes are there.
const PATIENCE: Duration = Duration::from_secs(10);

const PENDING: u8 = 0;
const MAPPED: u8 = 1;
const FAILED: u8 = 2;

/// Bytes on their way back.
pub struct Bytes {
    card: Arc<Card>,
    staging: Option<wgpu::Buffer>,
    length: u64,
    skip: usize,
    count: usize,
    state: Arc<AtomicU8>,
    look: Option<Look>,
}

impl Bytes {
    /// Have they arrived, or will they never?
    pub fn is_ready(&self) -> bool {
        if self.staging.is_some() && self.state.load(Acquire) == PENDING {
            // What went wrong is told by `wait`.
            let _ = self.card.raw.poll(wgpu::PollType::Poll);
        }
        self.staging.is_none() || self.state.load(Acquire) != PENDING
    }

    /// Waits for them.
    pub fn wait(mut self) -> Result<Storage> {
        let result = Storage::uninitialised("read", self.count)?;
        let Some(staging) = self.staging.take() else { return Ok(result) };
        let _span = span(Kind::Operation, || "read".into());
        if self.state.load(Acquire) == PENDING {
            self.card.wait("read")?;
        }
        // They are there. But another thread that waited may be the one that is about to say so.
        let patience = Instant::now() + PATIENCE;
        while self.state.load(Acquire) == PENDING && Instant::now() < patience {
            std::thread::yield_now();
        }
        let view =
            (self.state.load(Acquire) == MAPPED).then(|| staging.get_mapped_range(..self.length + MISTAKE));
        let Some(Ok(view)) = view else {
            self.card.trouble.check("read")?;
            let card = &self.card.name;
            return Err(Error::device("read", format!("what {card} computed could not be read back")));
        };
        // SAFETY: the storage is fresh, ours alone, and has as many bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(view[self.skip..].as_ptr(), result.as_ptr(), self.count);
        }
        let mut mistake = [0; 4];
        mistake.copy_from_slice(&view[self.length as usize..][..4]);
        drop(view);
        staging.unmap();
        self.card.keep_staging(staging);
        if let Some(look) = &self.look {
            self.card.found(look, u32::from_le_bytes(mistake))?;
        }
        Ok(result)
    }
}

/// An array on its way back from a card; see [`read`].
pub struct Reading {
    bytes: Option<Bytes>,
    layout: Layout,
    here: Option<Array>,
    dtype: DType,
}

/// Begins to bring an array back from its card, while the program goes on.
///
/// ```no_run
/// use cresset_ops::prelude::*;
/// use cresset_wgpu::{Gpu, read};
/// let loss = Array::new([0.5f32]).to_device(Device::gpu(0)?)?;
/// let reading = read(&loss)?;
/// // … the next step is asked for …
/// println!("{}", reading.wait()?);
/// # Ok::<(), cresset_ops::Error>(())
/// ```
#[track_caller]
pub fn read(x: &Array) -> Result<Reading> {
    let dtype = x.dtype();
    if x.device() == Device::Cpu {
        return Ok(Reading { bytes: None, layout: x.layout().clone(), here: Some(x.clone()), dtype });
    }
    let (low, high) = x.layout().span()?.unwrap_or((0, 0));
    let offset = if high > low { x.offset() - low } else { 0 };
    let layout = Layout::new(x.shape().clone(), x.strides().clone(), offset);
    let size = dtype.size();
    let bytes = memory(x)?.begin_read(low * size..high * size)?;
    Ok(Reading { bytes: Some(bytes), layout, here: None, dtype })
}

impl Reading {
    /// Is it there, so that [`wait`](Reading::wait) need not wait?
    pub fn is_ready(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_ready)
    }

    /// The array in the processor's memory, once it is there.
    #[track_caller]
    pub fn wait(self) -> Result<Array> {
        match (self.bytes, self.here) {
            (Some(bytes), _) => Array::over(bytes.wait()?, self.layout, self.dtype),
            (None, Some(here)) => Ok(here),
            (None, None) => Err(Error::device("read", "nothing was asked for")),
        }
    }
}
