//! What a model is fed: datasets, samplers, loaders, transforms, and file formats of data.
//!
//! Nothing here knows models.

mod collate;
pub mod dataset;
pub mod draw;
pub mod files;
pub mod loader;
mod portable;
pub mod sampler;
pub mod transform;

pub use collate::{Collate, collate};
pub use cresset_autograd::Tensor;
pub use cresset_tensor::{Generator, State};
pub use dataset::{
    ChainDataset, ConcatDataset, Dataset, IterableDataset, StackDataset, Subset, TensorDataset, iterate,
    random_split, still,
};
#[cfg(feature = "image")]
pub use files::image_folder::{ImageFolder, decode_image, read_image};
pub use files::{
    cifar::{cifar10, cifar100},
    digits::digits,
    idx::read_idx,
    labelled::LabelledImages,
    mnist::{fashion_mnist, mnist},
    png::{make_grid, save_image},
    table::{Csv, Missing, Table},
    vocabulary::Vocabulary,
};
pub use loader::{DataLoader, Epoch};
pub use portable::Portable;
pub use sampler::{
    BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
    WeightedRandomSampler,
};
pub use transform::Transform;

/// What a program that feeds a model needs.
pub mod prelude {
    pub use crate::{
        DataLoader, Dataset, IterableDataset, Sampler, TensorDataset, Transform, digits, random_split,
    };
}

/// The book's page about this crate, whose examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/data.md")]
struct Book;
