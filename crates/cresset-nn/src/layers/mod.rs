//! Layers, by theme.

mod activation;
mod adaptive_pooling;
mod batch_norm;
mod bilinear;
mod convolution;
mod distance;
mod dropout;
mod embedding;
mod linear;
mod normalization;
mod padding;
mod pooling;
mod recurrent;
mod resampling;
mod reshaping;
mod sequential;
mod transformer;

pub use activation::*;
pub use adaptive_pooling::*;
pub use batch_norm::*;
pub use bilinear::Bilinear;
pub use convolution::*;
pub use distance::{CosineSimilarity, PairwiseDistance};
pub use dropout::*;
pub use embedding::*;
pub use linear::Linear;
pub use normalization::*;
pub use padding::*;
pub use pooling::*;
pub use recurrent::*;
pub use resampling::*;
pub use reshaping::*;
pub use sequential::Sequential;
pub use transformer::*;
