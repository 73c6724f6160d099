//! PyTorch's job in Rust: tensors, automatic derivatives, neural networks, training.
//!
//! This crate computes nothing: it re-exports the others, with one prelude.
