//! The vocabulary of `cresset-ops` on any vendor's graphics card: Vulkan, Metal and DX12 through wgpu, kernels in WGSL.
//!
//! [`Gpu`] opens a card; from then on arrays can be moved to it with `to_device`, and every operation on them runs there.
//!
//! ```no_run
//! use cresset_ops::prelude::*;
//! use cresset_wgpu::Gpu;
//!
//! let gpu = Device::gpu(0)?;
//! let x = Array::new([1.0f32, 2.0, 3.0]).to_device(gpu)?;
//! println!("{}", x.exp()?); // tensor([ 2.7183,  7.3891, 20.0855], device='gpu:0')
//! # Ok::<(), cresset_ops::Error>(())
//! ```
//!
//! Nothing here knows derivatives: they are made of the same operations.

mod abilities;
pub mod accuracy;
mod adapter;
mod card;
mod kernels;
mod memory;
mod mistakes;
mod run;
mod stamps;
mod stream;
mod transfer;
mod trouble;
mod wgsl;

pub use abilities::Abilities;
pub use adapter::{Adapter, Gpu, adapters};
pub use card::{abilities, statistics};
pub use kernels::{Kind, Source, Template};
pub use memory::Statistics;
pub use transfer::{Reading, read};
