//! What a thread records: gradients or not, and whether it looks for numbers that are not finite.

use std::cell::Cell;

/// The modes of a thread.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    /// Operations on tensors that require a gradient are recorded.
    pub recording: bool,
    /// Not even views are remembered.
    pub inference: bool,
    /// Every result is searched for NaN and infinity.
    pub anomaly: bool,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode { recording: true, inference: false, anomaly: false }) };
}

/// The thread's mode.
#[inline]
pub(crate) fn mode() -> Mode {
    MODE.get()
}

/// Runs `f` under another mode, and takes the old one back even if it panics.
pub(crate) fn with<R>(change: impl FnOnce(&mut Mode), f: impl FnOnce() -> R) -> R {
    struct Restore(Mode);
    impl Drop for Restore {
        fn drop(&mut self) {
            MODE.set(self.0);
        }
    }
    let before = MODE.get();
    let _restore = Restore(before);
    let mut now = before;
    change(&mut now);
    MODE.set(now);
    f()
}

/// Runs a closure without recording: for what needs no gradient, such as an optimizer's step.
///
/// ```
/// use cresset_autograd::prelude::*;
/// let w = Tensor::new([1.0]).requires_grad();
/// let y = no_grad(|| w.mul(2.0))?;
/// assert!(!y.needs_grad());
/// # Ok::<(), Error>(())
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with(|mode| mode.recording = false, f)
}

/// Runs a closure with recording, inside of [`no_grad`].
pub fn enable_grad<R>(f: impl FnOnce() -> R) -> R {
    with(
        |mode| {
            mode.recording = true;
            mode.inference = false;
        },
        f,
    )
}

/// Runs a closure without recording anything, not even what is a view of what: PyTorch's `inference_mode`.
pub fn inference<R>(f: impl FnOnce() -> R) -> R {
    with(
        |mode| {
            mode.recording = false;
            mode.inference = true;
        },
        f,
    )
}

/// Runs a closure in which the first NaN or infinity that an operation makes, forward or backward, is an error that
/// names the operation and the line of its call.
pub fn detect_anomaly<R>(f: impl FnOnce() -> R) -> R {
    with(|mode| mode.anomaly = true, f)
}

/// Are operations recorded on this thread?
pub fn is_grad_enabled() -> bool {
    mode().recording
}
