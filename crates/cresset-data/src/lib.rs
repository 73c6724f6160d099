//! What a model is fed: datasets, samplers, loaders, transforms, and file formats of data.
//!
//! Nothing here knows models.
