//! PyTorch's job in Rust: tensors, automatic derivatives, neural networks, training.
//!
//! This crate computes nothing: it gathers the others under one name, with one prelude.
//!
//! ```
//! use cresset::prelude::*;
//!
//! #[derive(Module)]
//! struct Net {
//!     hidden: Linear,
//!     head: Linear,
//! }
//!
//! impl Layer for Net {
//!     fn forward(&self, x: &Tensor) -> Result<Tensor> {
//!         self.head.forward(&self.hidden.forward(x)?.relu()?)
//!     }
//! }
//!
//! // Which of two numbers is larger?
//! manual_seed(0);
//! let net = Net { hidden: Linear::new(2, 16), head: Linear::new(16, 2) };
//! let mut optimizer = AdamW::new(net.parameters(), 1e-2);
//! for _ in 0..100 {
//!     let x = Tensor::rand([64, 2]);
//!     let labels = x.argmax_dim(1, false)?;
//!     let loss = net.forward(&x)?.cross_entropy(&labels)?;
//!     optimizer.zero_grad();
//!     loss.backward()?;
//!     optimizer.step()?;
//! }
//! let answer = net.forward(&Tensor::new([[0.1f32, 0.9]]))?.argmax_dim(1, false)?;
//! assert_eq!(answer.item::<i64>()?, 1);
//! # Ok::<(), Error>(())
//! ```
//!
//! | module | is the crate | for |
//! |---|---|---|
//! | [`tensor`] | `cresset-tensor` | dtypes, shapes, memory, printing, random streams |
//! | [`ops`] | `cresset-ops` | operations on arrays, and the methods people call |
//! | [`autograd`] | `cresset-autograd` | `Tensor` and derivatives |
//! | [`nn`] | `cresset-nn` | modules, layers, losses, initialisation |
//! | [`optim`] | `cresset-optim` | optimizers, schedules, clipping |
//! | [`data`] | `cresset-data` | datasets, loaders, transforms |
//! | [`formats`] | `cresset-formats` | safetensors, npy, npz, PyTorch's checkpoints, training checkpoints |
//! | [`wgpu`](https://docs.rs/cresset-wgpu) | `cresset-wgpu` | graphics cards, with the feature `wgpu` |
//!
//! Features, all off unless asked for: `image` (folders of PNG and JPEG files), `ndarray` (conversions), `wgpu` (graphics
//! cards of any vendor: `Device::gpu(0)`).

pub use cresset_autograd as autograd;
pub use cresset_data as data;
pub use cresset_formats as formats;
pub use cresset_ops as ops;
pub use cresset_optim as optim;
pub use cresset_tensor as tensor;
#[cfg(feature = "wgpu")]
pub use cresset_wgpu as wgpu;

/// Modules, layers, losses, initialisation: the crate `cresset-nn`.
pub mod nn {
    pub use cresset_derive::FacadeModule as Module;
    pub use cresset_nn::*;
}

pub use cresset_autograd::{Array, DType, Device, Error, ErrorKind, Result, Shape, Tensor};
pub use cresset_ops::profile;
pub use cresset_tensor::random::manual_seed;

/// Everything that programs like the examples need: `use cresset::prelude::*;`.
pub mod prelude {
    pub use crate::nn::Module;
    pub use cresset_data::{
        ConcatDataset, DataLoader, Dataset, IterableDataset, LabelledImages, RandomSampler, Sampler,
        StackDataset, Subset, TensorDataset, Transform, cifar10, digits, make_grid, random_split, save_image,
    };
    pub use cresset_formats::{
        load_checkpoint, load_npy, load_npz, load_pt, load_safetensors, save_checkpoint, save_npy, save_npz,
        save_pt, save_safetensors,
    };
    pub use cresset_nn::{init, prelude::*};
    pub use cresset_ops::{
        methods::{AttentionOptions, LossReduction},
        profile,
    };
    pub use cresset_optim::{
        Adam, AdamW, CosineAnnealingLR, Ema, LRScheduler, LinearLR, OneCycleLR, Optimizer, ReduceLROnPlateau,
        Schedule, Sgd, StepLR, clip_grad_norm_, clip_grad_value_,
    };
    pub use cresset_tensor::{
        Generator, State,
        random::{get_rng_state, manual_seed, set_rng_state},
    };
    #[cfg(feature = "wgpu")]
    pub use cresset_wgpu::Gpu;
}
