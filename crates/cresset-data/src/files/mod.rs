//! File formats of data: tables, well-known sets of images, folders of images, and images written.

pub mod cifar;
pub mod digits;
pub mod idx;
#[cfg(feature = "image")]
pub mod image_folder;
pub mod labelled;
pub mod mnist;
mod opened;
pub mod png;
pub mod table;
pub mod vocabulary;
