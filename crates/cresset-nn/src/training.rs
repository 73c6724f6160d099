//! Whether a module is being trained: dropout and batch norm ask.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// The flag that [`train`](crate::ModuleExt::train) and [`eval`](crate::ModuleExt::eval) set. A module that behaves differently
/// in training has one as a field. It can be set while the module is shared.
pub struct Training(AtomicBool);

impl Training {
    /// Is it being trained?
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets whether it is being trained.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }
}

impl Default for Training {
    /// A new module is being trained.
    fn default() -> Training {
        Training(AtomicBool::new(true))
    }
}

impl Clone for Training {
    fn clone(&self) -> Training {
        Training(AtomicBool::new(self.is_on()))
    }
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.is_on().fmt(f)
    }
}
