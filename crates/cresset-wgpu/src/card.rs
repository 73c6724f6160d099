//! A card that was opened: its device and queue, its pool, its kernels, what it is recording.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cresset_ops::{
    Array, DType, Device, Error, Op, Outputs, Result, Scalar, Shape,
    backend::{self, Backend},
};

use crate::{
    abilities::Abilities,
    adapter::Gpu,
    kernels::Kernels,
    memory::{Pool, Statistics},
    mistakes::Mistakes,
    run,
    stream::Stream,
    trouble::Trouble,
};

/// An open card.
pub struct Card {
    /// Its number.
    pub device: Device,
    /// Its name, for messages.
    pub name: String,
    /// What it can do.
    pub abilities: Abilities,
    /// wgpu's device.
    pub raw: wgpu::Device,
    /// wgpu's queue.
    pub queue: wgpu::Queue,
    /// Memory to be used again.
    pub pool: Pool,
    /// Staging memory to be used again.
    pub staging: Mutex<Vec<wgpu::Buffer>>,
    /// Compiled kernels.
    pub kernels: Kernels,
    /// The first thing that went wrong.
    pub trouble: Trouble,
    /// What kernels found wrong with the numbers they were given.
    pub mistakes: Mistakes,
    stream: Mutex<Stream>,
}

/// What the door keeps of a card.
struct Opened(Arc<Card>);

/// Cards by number, for what is asked about them.
static CARDS: [OnceLock<Arc<Card>>; 16] = [const { OnceLock::new() }; 16];

impl Card {
    /// Opens an adapter as the card of a number.
    pub fn open(adapter: wgpu::Adapter, index: u16) -> Result<Box<dyn Backend>> {
        let abilities = Abilities::of(&adapter)?;
        let name = adapter.get_info().name;
        let asked = wgpu::DeviceDescriptor {
            label: Some("cresset"),
            required_features: abilities.features(),
            required_limits: wgpu::Limits {
                max_storage_buffers_per_shader_stage: abilities.storage_buffers,
                max_immediate_size: abilities.immediate_bytes,
                ..adapter.limits()
            },
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let opened = pollster::block_on(adapter.request_device(&asked));
        let (raw, queue) =
            opened.map_err(|error| Error::device("gpu", format!("{name} could not be opened: {error}")))?;
        let trouble = Trouble::default();
        trouble.watch(&raw, &name);
        let mut card = Arc::new(Card {
            device: Device::Gpu(index),
            stream: Mutex::new(Stream::new(&raw)),
            kernels: Kernels::new(&raw),
            pool: Pool::default(),
            staging: Mutex::default(),
            name,
            abilities,
            raw,
            queue,
            trouble,
            mistakes: Mistakes::default(),
        });
        if card.abilities.subgroups && !run::neighbours::are_neighbours(&card)? {
            // Nobody else knows the card yet.
            match Arc::get_mut(&mut card) {
                Some(card) => card.abilities.subgroups = false,
                None => {
                    return Err(Error::device("gpu", format!("{} is held by what it has done", card.name)));
                }
            }
        }
        remember(&card, index);
        Ok(Box::new(Opened(card)))
    }

    /// What it is recording.
    pub fn stream(&self) -> std::sync::MutexGuard<'_, Stream> {
        // A panic while recording leaves a recording that is refused, which is noted as a trouble.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(card: &Arc<Card>, index: u16) {
    if let Some(place) = CARDS.get(usize::from(index)) {
        let _ = place.set(card.clone());
    }
}

impl Backend for Opened {
    fn execute(&self, op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
        self.0.trouble.check(op.name())?;
        run::execute(&self.0, op, inputs)
    }

    fn execute_into(&self, op: &Op, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
        self.0.trouble.check(op.name())?;
        run::execute_into(&self.0, op, inputs, targets)
    }

    fn upload(&self, array: &Array) -> Result<Array> {
        self.0.trouble.check("to_device")?;
        self.0.upload(array)
    }

    fn filled(&self, operation: &'static str, shape: Shape, dtype: DType, value: Scalar) -> Result<Array> {
        self.0.trouble.check(operation)?;
        run::fill::filled(&self.0, operation, shape, dtype, value)
    }

    fn synchronize(&self) -> Result<()> {
        self.0.flush("synchronize")?;
        self.0.wait("synchronize")?;
        self.0.begin_mistakes()?.wait().map(drop)
    }

    fn report(&self) -> Result<()> {
        self.0.tell_stamps()
    }
}

/// The card of a number, opened if it is not.
pub fn card(device: Device) -> Result<Arc<Card>> {
    let Device::Gpu(index) = device else {
        return Err(Error::device("gpu", "the CPU is not a graphics card; open one with Device::gpu(0)"));
    };
    Device::gpu(index)?;
    match CARDS.get(usize::from(index)).and_then(OnceLock::get) {
        Some(card) => Ok(card.clone()),
        None => backend::backend("gpu", index).and(Err(Error::device("gpu", "served by another crate"))),
    }
}

/// What kernels may use of a card.
#[track_caller]
pub fn abilities(device: Device) -> Result<Abilities> {
    Ok(card(device)?.abilities)
}

/// What the memory of a card holds, and what was done on it.
#[track_caller]
pub fn statistics(device: Device) -> Result<Statistics> {
    let card = card(device)?;
    let stream = card.stream();
    Ok(Statistics {
        kernels: card.kernels.count(),
        dispatches: stream.dispatches,
        submits: stream.submits,
        ..card.pool.statistics()
    })
}
