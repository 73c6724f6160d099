//! What went wrong on a card after the call that caused it had returned. It sticks: every later call says it again.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering::Acquire, Ordering::Release},
};

use cresset_tensor::{Error, ErrorKind, Result};

/// The first trouble of a card.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_there: AtomicBool,
    first: OnceLock<(ErrorKind, String)>,
    /// Held while a trouble is noted, so that whoever sees the flag finds the text.
    noting: Mutex<()>,
}

impl Trouble {
    /// Notes a trouble; all but the first are passed over, since they mostly follow from it.
    pub fn note(&self, kind: ErrorKind, text: String) {
        let _noting = self.0.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.0.first.set((kind, text));
        self.0.is_there.store(true, Release);
    }

    /// The error, if there was a trouble.
    #[inline]
    pub fn check(&self, operation: &'static str) -> Result<()> {
        if self.0.is_there.load(Acquire) { self.tell(operation) } else { Ok(()) }
    }

    #[cold]
    fn tell(&self, operation: &'static str) -> Result<()> {
        match self.0.first.get() {
            Some((kind, text)) => Err(Error::new(*kind, operation, text.clone())),
            None => Ok(()),
        }
    }

    /// Has a device report here.
    pub fn watch(&self, device: &wgpu::Device, name: &str) {
        let (trouble, card) = (self.clone(), name.to_owned());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let (kind, what) = match &error {
                wgpu::Error::OutOfMemory { .. } => (ErrorKind::Memory, "ran out of memory"),
                wgpu::Error::Validation { .. } => (ErrorKind::Device, "refused what it was asked"),
                wgpu::Error::Internal { .. } => (ErrorKind::Device, "failed inside its driver"),
            };
            trouble.note(kind, format!("{card} {what} in an earlier operation: {error}"));
        }));
        let (trouble, card) = (self.clone(), name.to_owned());
        device.set_device_lost_callback(move |reason, message| {
            // A device that is dropped is lost too, which is no trouble.
            if reason != wgpu::DeviceLostReason::Destroyed {
                trouble.note(
                    ErrorKind::Device,
                    format!("{card} was lost ({message}); what was on it is gone, and the program must start again"),
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_trouble_sticks_and_is_its_cards_alone() {
        let (one, other) = (Trouble::default(), Trouble::default());
        assert!(one.check("exp").is_ok());
        one.note(ErrorKind::Memory, "it ran out of memory".into());
        one.note(ErrorKind::Device, "what follows from that".into());
        let error = one.check("exp").unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Memory, "exp"));
        assert!(error.message().contains("ran out"));
        assert!(one.check("log").is_err());
        assert!(other.check("exp").is_ok());
    }
}
