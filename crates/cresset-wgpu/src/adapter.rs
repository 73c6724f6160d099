//! Which cards there are, and opening one.

use cresset_ops::{Device, Error, Result, backend};

use crate::card::Card;

/// A card, as its driver tells of it.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Its name.
    pub name: String,
    /// Through what it is driven: `vulkan`, `metal`, `dx12`.
    pub driver: String,
    /// Is it a program on the processor that acts as a card?
    pub is_software: bool,
}

/// The environment variable that chooses a card: a part of its name, or its place in [`adapters`].
const CHOICE: &str = "CRESSET_GPU";

/// Opens cards.
///
/// ```no_run
/// use cresset_ops::Device;
/// use cresset_wgpu::Gpu;
/// let gpu = Device::gpu(0)?;
/// # Ok::<(), cresset_ops::Error>(())
/// ```
pub trait Gpu {
    /// The card of that number in the order of [`adapters`], opened if it is not yet: real cards first, strongest first.
    ///
    /// `CRESSET_GPU` names the one that is number 0: a part of its name (`CRESSET_GPU=nvidia`), or its number.
    #[track_caller]
    fn gpu(index: u16) -> Result<Device>;
}

impl Gpu for Device {
    #[track_caller]
    fn gpu(index: u16) -> Result<Device> {
        backend::open(index, || {
            let found = ordered()?;
            let count = found.len();
            match found.into_iter().nth(usize::from(index)) {
                Some(adapter) => Card::open(adapter, index),
                None => Err(Error::device("gpu", missing(index, count))),
            }
        })?;
        Ok(Device::Gpu(index))
    }
}

fn missing(index: u16, count: usize) -> String {
    match count {
        0 => "no graphics card was found: its Vulkan, Metal or DX12 driver may not be installed (on Debian, mesa-vulkan-drivers has one that needs no card); use Device::Cpu".into(),
        1 => format!("there is no gpu:{index}, only gpu:0"),
        _ => format!("there is no gpu:{index}; there are gpu:0 to gpu:{}", count - 1),
    }
}

/// The cards of this machine, in the order of their numbers.
#[track_caller]
pub fn adapters() -> Result<Vec<Adapter>> {
    let describe = |adapter: &wgpu::Adapter| {
        let info = adapter.get_info();
        Adapter {
            name: info.name,
            driver: info.backend.to_str().to_owned(),
            is_software: info.device_type == wgpu::DeviceType::Cpu,
        }
    };
    Ok(ordered()?.iter().map(describe).collect())
}

/// All adapters, the chosen one first, then by strength.
fn ordered() -> Result<Vec<wgpu::Adapter>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let strength = |adapter: &wgpu::Adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    found.sort_by_key(strength);
    let Ok(choice) = std::env::var(CHOICE) else { return Ok(found) };
    let wanted = choice.to_lowercase();
    let place = match wanted.parse::<usize>() {
        Ok(place) => (place < found.len()).then_some(place),
        Err(_) => found.iter().position(|adapter| adapter.get_info().name.to_lowercase().contains(&wanted)),
    };
    let Some(place) = place else {
        let names: Vec<String> = found.iter().map(|adapter| adapter.get_info().name).collect();
        return Err(Error::device(
            "gpu",
            format!("{CHOICE}={choice} names none of the cards here: {}", names.join(", ")),
        ));
    };
    let chosen = found.remove(place);
    found.insert(0, chosen);
    Ok(found)
}
