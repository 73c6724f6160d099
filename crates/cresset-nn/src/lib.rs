//! Modules: layers, losses, initialisation, state dicts.
//!
//! Nothing here knows optimizers.
