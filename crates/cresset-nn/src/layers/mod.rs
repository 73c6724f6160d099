//! Layers, by theme.

mod activation;
mod batch_norm;
mod bilinear;
mod convolution;
mod distance;
mod dropout;
mod linear;
mod normalization;
mod pooling;
mod recurrent;
mod reshaping;
mod sequential;

pub use activation::*;
pub use batch_norm::*;
pub use bilinear::Bilinear;
pub use convolution::*;
pub use distance::{CosineSimilarity, PairwiseDistance};
pub use dropout::*;
pub use linear::Linear;
pub use normalization::*;
pub use pooling::*;
pub use recurrent::*;
pub use reshaping::*;
pub use sequential::Sequential;
