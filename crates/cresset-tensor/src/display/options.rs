//! How arrays are printed, for the whole process or within a call.

use std::{
    cell::Cell,
    sync::{PoisonError, RwLock},
};

/// How arrays are printed: PyTorch's `set_printoptions`.
///
/// ```
/// use cresset_tensor::{Array, PrintOptions};
/// let options = PrintOptions { precision: 2, ..PrintOptions::DEFAULT };
/// assert_eq!(Array::new([1.12345f32]).to_text(&options), "tensor([1.12])");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrintOptions {
    /// Digits after the point.
    pub precision: usize,
    /// Arrays of more elements are summarised: `[1, 2, 3,  ..., 7, 8, 9]`.
    pub threshold: usize,
    /// Elements shown at each end of a dimension of a summary.
    pub edgeitems: usize,
    /// Characters in a line.
    pub linewidth: usize,
    /// Scientific notation always or never; `None` where the numbers ask for it.
    pub sci_mode: Option<bool>,
}

impl PrintOptions {
    /// PyTorch's profile `default`.
    pub const DEFAULT: PrintOptions =
        PrintOptions { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sci_mode: None };
    /// PyTorch's profile `short`: two digits, two elements at each end.
    pub const SHORT: PrintOptions = PrintOptions { precision: 2, edgeitems: 2, ..PrintOptions::DEFAULT };
    /// PyTorch's profile `full`: never summarised.
    pub const FULL: PrintOptions = PrintOptions { threshold: usize::MAX, ..PrintOptions::DEFAULT };

    /// Prints with these options whatever the closure prints on this thread (PyTorch's `printoptions`).
    ///
    /// ```
    /// use cresset_tensor::{Array, PrintOptions};
    /// let text = PrintOptions::SHORT.within(|| Array::new([0.125f32]).to_string());
    /// assert_eq!(text, "tensor([0.12])");
    /// ```
    pub fn within<R>(self, body: impl FnOnce() -> R) -> R {
        struct Restore(Option<PrintOptions>);
        impl Drop for Restore {
            fn drop(&mut self) {
                WITHIN.set(self.0);
            }
        }
        let _restore = Restore(WITHIN.replace(Some(self)));
        body()
    }
}

impl Default for PrintOptions {
    fn default() -> PrintOptions {
        PrintOptions::DEFAULT
    }
}

static EVERYWHERE: RwLock<PrintOptions> = RwLock::new(PrintOptions::DEFAULT);

thread_local! {
    static WITHIN: Cell<Option<PrintOptions>> = const { Cell::new(None) };
}

/// Sets how the whole process prints (PyTorch's `set_printoptions`).
///
/// ```
/// use cresset_tensor::{Array, PrintOptions, get_printoptions, set_printoptions};
/// set_printoptions(PrintOptions { sci_mode: Some(true), ..get_printoptions() });
/// assert_eq!(Array::new([250.0f32]).to_string(), "tensor([2.5000e+02])");
/// ```
pub fn set_printoptions(options: PrintOptions) {
    *EVERYWHERE.write().unwrap_or_else(PoisonError::into_inner) = options;
}

/// How this thread prints now: as [`PrintOptions::within`] says, else as the whole process does.
pub fn get_printoptions() -> PrintOptions {
    WITHIN.get().unwrap_or_else(|| *EVERYWHERE.read().unwrap_or_else(PoisonError::into_inner))
}
