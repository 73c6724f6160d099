//! Printing arrays exactly as PyTorch prints tensors. What decides how one number looks is in `number`, the brackets,
//! lines and ellipses are in `body`; here is what people call, and what is said after the numbers (dtype, size, …).

mod body;
mod number;
mod options;

use std::fmt;

pub use options::{PrintOptions, get_printoptions, set_printoptions};

use crate::{Array, DType, Device, Locks};

/// What every printed array starts with; the lines after the first are indented by its length.
const PREFIX: &str = "tensor(";

impl Array {
    /// The text PyTorch prints for these numbers, under these options.
    ///
    /// ```
    /// use cresset_tensor::{Array, PrintOptions};
    /// let x = Array::new([0.5, 2.25, -1.125]);
    /// assert_eq!(x.to_text(&PrintOptions::DEFAULT), "tensor([ 0.5000,  2.2500, -1.1250], dtype=torch.float64)");
    /// assert_eq!(x.to_text(&PrintOptions::SHORT), "tensor([ 0.50,  2.25, -1.12], dtype=torch.float64)");
    /// ```
    pub fn to_text(&self, options: &PrintOptions) -> String {
        self.to_text_with(options, &[])
    }

    /// The same with more said after the numbers, such as `requires_grad=True` or `grad_fn=<AddBackward0>`. A suffix
    /// that would make the last line too long starts a line of its own, as in PyTorch.
    ///
    /// ```
    /// use cresset_tensor::{Array, PrintOptions};
    /// let x = Array::new([1.0f32, 2.0]);
    /// assert_eq!(
    ///     x.to_text_with(&PrintOptions::DEFAULT, &["requires_grad=True"]),
    ///     "tensor([1., 2.], requires_grad=True)",
    /// );
    /// ```
    pub fn to_text_with(&self, options: &PrintOptions, more: &[&str]) -> String {
        let mut text = String::from(PREFIX);
        if self.numel() == 0 {
            text.push_str("[]");
        } else {
            match self.to_host() {
                Ok(here) => {
                    let _lock = Locks::read(here.storage());
                    body::write(&mut text, &here, PREFIX.len(), options);
                }
                Err(error) => text.push_str(&format!("<{}>", error.message())),
            }
        }
        let own = self.suffixes(options);
        let suffixes = own.iter().map(String::as_str).chain(more.iter().copied());
        append_suffixes(&mut text, suffixes, PREFIX.len(), options);
        text
    }

    /// What must be said after the numbers because they do not show it.
    fn suffixes(&self, options: &PrintOptions) -> Vec<String> {
        let mut suffixes = Vec::new();
        if self.device() != Device::Cpu {
            suffixes.push(format!("device='{}'", self.device()));
        }
        let empty = self.numel() == 0;
        if (empty && self.rank() != 1) || (!empty && options.edgeitems == 0) {
            suffixes.push(format!("size={}", tuple(self.shape())));
        }
        // Whole numbers and truth values are recognised on sight, but only where there is one to see.
        let recognised = match self.dtype() {
            DType::I64 | DType::Bool => !empty,
            dtype => dtype == DType::DEFAULT_FLOAT,
        };
        if !recognised {
            suffixes.push(format!("dtype=torch.{}", self.dtype()));
        }
        suffixes
    }
}

/// A shape as Python writes a tuple: `(2, 3)`, `(2,)`, `()`.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => {
            let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", sizes.join(", "))
        }
    }
}

/// Appends each suffix to the last line, or on a line of its own where it would not fit, then the closing parenthesis.
fn append_suffixes<'a>(
    text: &mut String,
    suffixes: impl Iterator<Item = &'a str>,
    indent: usize,
    options: &PrintOptions,
) {
    // PyTorch counts two more than the line has where there is only one line, and one more otherwise.
    let mut line = match text.rfind('\n') {
        Some(at) => text.len() - at + 1,
        None => text.len() + 2,
    };
    for suffix in suffixes {
        let length = suffix.chars().count();
        if line + length + 2 > options.linewidth {
            text.push_str(",\n");
            body::spaces(text, indent);
            line = indent + length;
        } else {
            text.push_str(", ");
            line += length + 2;
        }
        text.push_str(suffix);
    }
    text.push(')');
}

/// As PyTorch prints, under the options of [`get_printoptions`]; a precision in the format string (`{x:.2}`) wins.
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = get_printoptions();
        if let Some(precision) = f.precision() {
            options.precision = precision;
        }
        f.write_str(&self.to_text(&options))
    }
}

/// The same as `Display`.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
