//! The methods people call, by theme: each is written once, in terms of the door, for every type that goes through it.

mod activation;
mod adaptive_pooling;
mod arithmetic;
mod attention;
mod batch_norm;
mod comparison;
mod contraction;
mod converting;
mod convolution;
mod copying;
mod creation;
mod declare;
mod diagonals;
mod differences;
mod distance;
mod dropout;
mod elementwise;
mod embedding;
pub(crate) mod fused;
mod grid_sampling;
mod histograms;
mod indexing;
mod indices;
mod joining;
mod logic;
mod loss;
mod mapping;
mod masking;
mod matrix;
mod normalization;
mod norms;
mod options;
mod padding;
mod picking;
mod polynomials;
mod pooling;
mod quantiles;
mod random;
mod rearranging;
mod reduction;
mod resampling;
mod rounding;
mod scans;
mod scattering;
mod segments;
mod shape;
mod slicing;
mod softmax;
mod sorting;
mod special;
mod splitting;
mod statistics;
mod taps;
mod uniqueness;
mod windows;
mod writing;

pub use activation::Activations;
pub use adaptive_pooling::{AdaptivePooling, PoolSizes};
pub use arithmetic::Arithmetic;
pub use attention::{Attention, AttentionOptions};
pub use batch_norm::{BatchNormOptions, BatchNormalizations};
pub use comparison::Comparison;
pub use contraction::Contractions;
pub use converting::Converting;
pub use convolution::{ConvOptions, ConvPadding, ConvTransposeOptions, Convolutions};
pub use copying::Copying;
pub use creation::Creation;
pub use diagonals::Diagonals;
pub use differences::{DiffOptions, Differences, Spacing, Spacings};
pub use distance::{ComputeMode, Distances};
pub use dropout::Dropouts;
pub use elementwise::Elementwise;
pub use embedding::{BagMode, EmbeddingBagOptions, EmbeddingOptions, Embeddings};
pub use grid_sampling::{GridMode, GridPadding, GridSampling};
pub use histograms::{Bins, HistogramOptions, Histograms};
pub use indexing::Indexing;
pub use indices::{Ellipsis, Index, IntoIndices, NewAxis};
pub use joining::Joining;
pub use logic::Logic;
pub use loss::{
    ClassificationLosses, CrossEntropyOptions, EmbeddingLosses, LinearCrossEntropyOptions, LossReduction,
    MarginLosses, MultiMarginOptions, PoissonNllOptions, RegressionLosses, SequenceLosses,
    TripletMarginOptions,
};
pub use mapping::Mapping;
pub use masking::Masking;
pub use matrix::Matrices;
pub use normalization::Normalizations;
pub use norms::Norms;
pub use options::TensorOptions;
pub use padding::{PadMode, Padding};
pub use picking::Picking;
pub use polynomials::Polynomials;
pub use pooling::{AvgPoolOptions, MaxPoolOptions, MaxUnpoolOptions, Pooling};
pub use quantiles::{QuantileInterpolation, Quantiles};
pub use random::Randomness;
pub use rearranging::Rearranging;
pub use reduction::Reductions;
pub use resampling::{InterpolateOptions, Interpolation, Resampling};
pub use rounding::Rounding;
pub use scans::Scans;
pub use scattering::{ScatterReduction, Scattering};
pub use segments::{SegmentOptions, SegmentReduction, SegmentReductions, Segments};
pub use shape::{Shaping, broadcast_shapes};
pub use slicing::Slicing;
pub use softmax::Softmaxes;
pub use sorting::{SearchOptions, Sorting};
pub use special::Special;
pub use splitting::{Sections, Splitting};
pub use statistics::{CovOptions, Statistics};
pub use uniqueness::{Unique, Uniqueness};
pub use windows::{WindowOptions, Windows};
pub use writing::Filling;

/// All method traits.
pub mod prelude {
    pub use super::{
        Activations, AdaptivePooling, Arithmetic, Attention, AvgPoolOptions, BatchNormalizations, Bins,
        ClassificationLosses, Comparison, ComputeMode, Contractions, ConvOptions, ConvPadding,
        ConvTransposeOptions, Converting, Convolutions, Copying, CovOptions, Creation, Diagonals,
        DiffOptions, Differences, Distances, Dropouts, Elementwise, Ellipsis, EmbeddingLosses, Embeddings,
        Filling, GridMode, GridPadding, GridSampling, HistogramOptions, Histograms, Index, Indexing,
        InterpolateOptions, Interpolation, IntoIndices, Joining, Logic, Mapping, MarginLosses, Masking,
        Matrices, MaxPoolOptions, MaxUnpoolOptions, NewAxis, Normalizations, Norms, PadMode, Padding,
        Picking, Polynomials, PoolSizes, Pooling, QuantileInterpolation, Quantiles, Randomness, Rearranging,
        Reductions, RegressionLosses, Resampling, Rounding, Scans, ScatterReduction, Scattering,
        SearchOptions, Sections, SegmentOptions, SegmentReduction, SegmentReductions, Segments,
        SequenceLosses, Shaping, Slicing, Softmaxes, Sorting, Spacing, Spacings, Special, Splitting,
        Statistics, TensorOptions, Unique, Uniqueness, WindowOptions, Windows,
    };
}
