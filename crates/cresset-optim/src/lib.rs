//! What changes parameters: optimizers, learning-rate schedules, gradient clipping, averages of parameters.
//!
//! Nothing here knows layers: parameters are tensors.
