//! Arrays and states in files: safetensors, `.npy` and `.npz`, PyTorch's `.pt`, training checkpoints.
//!
//! Nothing here knows models: names and arrays go in and come out.
