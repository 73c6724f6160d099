//! What is asked of a card: recorded into one open pass, and handed over many dispatches at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use cresset_tensor::{ErrorKind, Result};
use smallvec::SmallVec;

use crate::{
    card::Card,
    kernels::{Access, Kernel},
    memory::Buffer,
    stamps::Stamps,
};

/// Bytes of the parameters of all dispatches of one recording.
const ARENA: usize = 256 << 10;
/// Bytes of them that a kernel sees.
pub const WINDOW: u64 = 1024;
/// Parameters of a dispatch, at most.
pub const PARAMETERS: usize = WINDOW as usize / 4;
/// Where the parameters of a dispatch may start.
const ALIGNMENT: usize = 256;
/// So many dispatches are handed over at once.
pub const DISPATCHES: u32 = 64;
/// So many recordings may be under way on the card.
const UNDER_WAY: usize = 4;
/// So many sets of arrays that took part in a dispatch are remembered.
const BINDINGS: usize = 4096;

/// A recording.
pub struct Stream {
    // The pass is dropped before its encoder.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    /// Its number.
    recording: u64,
    parameters: Vec<u8>,
    recorded: u32,
    arena: wgpu::Buffer,
    window: Option<wgpu::BindGroup>,
    bindings: HashMap<(u64, SmallVec<[u64; 8]>), wgpu::BindGroup>,
    under_way: VecDeque<wgpu::SubmissionIndex>,
    /// When dispatches ran, once a profile has asked.
    stamps: Option<Stamps>,
    /// How many dispatches there were.
    pub dispatches: u64,
    /// How often work was handed over.
    pub submits: u64,
}

impl Stream {
    /// An empty one.
    pub fn new(device: &wgpu::Device) -> Stream {
        let arena = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: ARENA as u64 + WINDOW,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Stream {
            pass: None,
            encoder: None,
            recording: 1,
            parameters: Vec::with_capacity(ARENA),
            recorded: 0,
            arena,
            window: None,
            bindings: HashMap::new(),
            under_way: VecDeque::new(),
            stamps: None,
            dispatches: 0,
            submits: 0,
        }
    }

    /// The number of the recording.
    pub fn recording(&self) -> u64 {
        self.recording
    }

    fn encoder(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    /// Ends the open pass.
    pub fn end_pass(&mut self) {
        self.pass = None;
    }

    /// The encoder, and the stamps of what it records.
    pub fn stamping(&mut self, device: &wgpu::Device) -> (&mut wgpu::CommandEncoder, &mut Option<Stamps>) {
        let encoder = self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        (encoder, &mut self.stamps)
    }

    /// When dispatches ran, if a profile has ever asked.
    pub fn stamps(&mut self) -> Option<&mut Stamps> {
        self.stamps.as_mut()
    }
}

impl Card {
    /// Records a kernel over buffers. The parameters are what its `params` holds.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        buffers: &[&Arc<Buffer>],
        parameters: &[u32],
        groups: [u32; 3],
    ) -> Result<()> {
        if groups.contains(&0) {
            return Ok(());
        }
        debug_assert!(parameters.len() <= PARAMETERS, "{} parameters", parameters.len());
        debug_assert_eq!(kernel.access.len(), buffers.len(), "buffers of a kernel");
        let mut stream = self.stream();
        let stream = &mut *stream;
        let own = kernel.immediates as usize / 4;
        let bytes: &[u8] = if own == 0 { bytemuck::cast_slice(parameters) } else { &[] };
        if stream.parameters.len() + bytes.len() > ARENA || stream.recorded >= DISPATCHES {
            self.submit(stream)?;
        }
        let start = stream.parameters.len();
        if own == 0 {
            stream.parameters.extend_from_slice(bytes);
            stream.parameters.resize(stream.parameters.len().next_multiple_of(ALIGNMENT), 0);
        }
        if own == 0 && stream.window.is_none() {
            stream.window = Some(self.raw.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("parameters"),
                layout: self.kernels.window(),
                entries: &[wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &stream.arena,
                        offset: 0,
                        size: wgpu::BufferSize::new(WINDOW),
                    }),
                }],
            }));
        }
        // A kernel that is timed has a pass of its own.
        let mut stamped = self.stamped_pass(stream);
        let key = (kernel.signature, buffers.iter().map(|buffer| buffer.id).collect());
        if stream.bindings.len() >= BINDINGS {
            stream.bindings.clear();
        }
        let group = stream.bindings.entry(key).or_insert_with(|| {
            let entries: SmallVec<[wgpu::BindGroupEntry<'_>; 8]> = (0..)
                .zip(buffers)
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.raw.as_entire_binding(),
                })
                .collect();
            self.raw.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &kernel.bindings,
                entries: &entries,
            })
        });
        for buffer in buffers {
            buffer.last_use.store(stream.recording, Relaxed);
        }
        let pass = match (&mut stamped, &mut stream.pass) {
            (Some(pass), _) | (None, Some(pass)) => pass,
            (None, place) => {
                let encoder = stream
                    .encoder
                    .get_or_insert_with(|| self.raw.create_command_encoder(&Default::default()));
                place.insert(encoder.begin_compute_pass(&Default::default()).forget_lifetime())
            }
        };
        pass.set_pipeline(&kernel.pipeline);
        if own == 0 {
            pass.set_bind_group(0, &stream.window, &[start as u32]);
        } else {
            // All that the kernel declares, whole quads.
            let mut words: SmallVec<[u32; 64]> =
                SmallVec::from_slice(&parameters[..own.min(parameters.len())]);
            words.resize(own, 0);
            pass.set_immediates(0, bytemuck::cast_slice(&words));
        }
        pass.set_bind_group(1, &*group, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        stream.recorded += 1;
        stream.dispatches += 1;
        Ok(())
    }

    /// Records a copy of bytes from one buffer to another; all are multiples of four.
    pub fn record_copy(&self, from: &wgpu::Buffer, start: u64, to: &wgpu::Buffer, at: u64, bytes: u64) {
        let mut stream = self.stream();
        stream.pass = None;
        stream.encoder(&self.raw).copy_buffer_to_buffer(from, start, to, at, bytes);
    }

    /// Hands what was recorded to the driver.
    pub fn flush(&self, operation: &'static str) -> Result<()> {
        self.submit(&mut self.stream())?;
        self.trouble.check(operation)
    }

    fn submit(&self, stream: &mut Stream) -> Result<()> {
        stream.pass = None;
        let Some(mut encoder) = stream.encoder.take() else { return Ok(()) };
        let stamps = self.resolve_stamps(&mut stream.stamps, &mut encoder);
        if !stream.parameters.is_empty() {
            self.queue.write_buffer(&stream.arena, 0, &stream.parameters);
            stream.parameters.clear();
        }
        let handed = Instant::now();
        stream.under_way.push_back(self.queue.submit([encoder.finish()]));
        if let Some(staging) = stamps {
            self.fetch_stamps(&mut stream.stamps, staging, handed);
        }
        stream.recorded = 0;
        stream.recording += 1;
        stream.submits += 1;
        while stream.under_way.len() > UNDER_WAY {
            let oldest = stream.under_way.pop_front();
            self.poll(oldest);
        }
        Ok(())
    }

    /// Waits until all that was handed over is done.
    pub fn wait(&self, operation: &'static str) -> Result<()> {
        self.stream().under_way.clear();
        self.poll(None);
        self.trouble.check(operation)
    }

    /// Waits for a submission, or for all.
    pub fn poll(&self, submission: Option<wgpu::SubmissionIndex>) {
        let wait = wgpu::PollType::Wait { submission_index: submission, timeout: None };
        if let Err(error) = self.raw.poll(wait) {
            self.trouble.note(ErrorKind::Device, format!("{} does not answer: {error}", self.name));
        }
    }

    /// Forgets which buffers took part in dispatches together, which keeps them alive.
    pub fn forget_bindings(&self) {
        self.stream().bindings.clear();
    }

    /// The bind group layout of a list of accesses.
    pub fn layout(device: &wgpu::Device, access: &[Access]) -> wgpu::BindGroupLayout {
        let entries: SmallVec<[wgpu::BindGroupLayoutEntry; 8]> = (0..)
            .zip(access)
            .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: *access == Access::Read },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
    }
}
