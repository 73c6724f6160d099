//! When kernels ran, by the card's own clock: asked for while a profile is made, on cards that have time stamps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Acquire, Ordering::Release},
    },
    time::{Duration, Instant},
};

use cresset_ops::profile;
use cresset_tensor::Result;

use crate::{
    card::Card,
    stream::{DISPATCHES, Stream},
};

/// Bytes of the stamps of one dispatch: when it began, when it ended.
const BYTES: u64 = 16;

/// The stamps of a card's dispatches.
pub struct Stamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// The events that asked for the dispatches of this recording.
    asked: Vec<u64>,
    under_way: Vec<Batch>,
}

/// The stamps of a recording that was handed over.
struct Batch {
    staging: wgpu::Buffer,
    asked: Vec<u64>,
    handed: Instant,
    mapped: Arc<AtomicU8>,
}

impl Stamps {
    fn new(device: &wgpu::Device) -> Stamps {
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("stamps"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * DISPATCHES,
        });
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stamps"),
            size: BYTES * u64::from(DISPATCHES),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Stamps { queries, resolved, asked: Vec::new(), under_way: Vec::new() }
    }

    /// A pass whose beginning and end are stamped, for the event the thread is in.
    fn begin(&mut self, encoder: &mut wgpu::CommandEncoder) -> wgpu::ComputePass<'static> {
        let place = 2 * self.asked.len() as u32;
        self.asked.push(profile::current());
        let pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(place),
                end_of_pass_write_index: Some(place + 1),
            }),
        });
        pass.forget_lifetime()
    }
}

impl Card {
    /// A pass for one dispatch, stamped if a profile is being made.
    pub fn stamped_pass(&self, stream: &mut Stream) -> Option<wgpu::ComputePass<'static>> {
        if !profile::is_on() || !self.abilities.timestamps {
            return None;
        }
        stream.end_pass();
        let (encoder, stamps) = stream.stamping(&self.raw);
        Some(stamps.get_or_insert_with(|| Stamps::new(&self.raw)).begin(encoder))
    }

    /// Records that the stamps of this recording are brought back; what is given is told when it was handed over.
    pub fn resolve_stamps(
        &self,
        stamps: &mut Option<Stamps>,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Option<wgpu::Buffer> {
        let stamps = stamps.as_mut().filter(|stamps| !stamps.asked.is_empty())?;
        let count = stamps.asked.len() as u32;
        let bytes = BYTES * u64::from(count);
        let staging = self.staging(bytes);
        encoder.resolve_query_set(&stamps.queries, 0..2 * count, &stamps.resolved, 0);
        encoder.copy_buffer_to_buffer(&stamps.resolved, 0, &staging, 0, bytes);
        Some(staging)
    }

    /// Asks for stamps that were handed over.
    pub fn fetch_stamps(&self, stamps: &mut Option<Stamps>, staging: wgpu::Buffer, handed: Instant) {
        let Some(stamps) = stamps else { return };
        let asked = std::mem::take(&mut stamps.asked);
        let mapped = Arc::new(AtomicU8::new(0));
        let seen = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, ..BYTES * asked.len() as u64, move |result| {
            seen.store(u8::from(result.is_ok()), Release);
        });
        stamps.under_way.push(Batch { staging, asked, handed, mapped });
    }

    /// Waits for all stamps and tells the profile.
    pub fn tell_stamps(&self) -> Result<()> {
        if self.stream().stamps().is_none() {
            return Ok(());
        }
        self.flush("profile")?;
        self.wait("profile")?;
        let batches = match self.stream().stamps() {
            Some(stamps) => std::mem::take(&mut stamps.under_way),
            None => return Ok(()),
        };
        let period = f64::from(self.queue.get_timestamp_period());
        // The card's clock is set by its first dispatch, which began when it was handed over.
        let mut clock: Option<(u64, Instant)> = None;
        for batch in batches.into_iter().filter(|batch| batch.mapped.load(Acquire) == 1) {
            let view = batch.staging.get_mapped_range(..BYTES * batch.asked.len() as u64);
            let stamps: Vec<u64> = match &view {
                Ok(view) => view
                    .chunks_exact(8)
                    .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
                    .collect(),
                Err(_) => Vec::new(),
            };
            drop(view);
            batch.staging.unmap();
            self.keep_staging(batch.staging);
            for (stamp, asked) in stamps.chunks_exact(2).zip(&batch.asked) {
                let (zero, began) = *clock.get_or_insert((stamp[0], batch.handed));
                let time = |ticks: u64| Duration::from_nanos((ticks as f64 * period) as u64);
                let start = began + time(stamp[0].saturating_sub(zero));
                profile::ran(self.device, &self.name, *asked, start, time(stamp[1].saturating_sub(stamp[0])));
            }
        }
        Ok(())
    }
}
