//! The error a person reads: which operation, what was wrong, what would be right, where in the caller's code.

use std::{borrow::Cow, fmt, panic::Location};

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a program may want to tell cases apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// Shapes that do not fit each other or the operation.
    Shape,
    /// A dtype the operation does not take.
    DType,
    /// An index or a dimension out of range.
    Index,
    /// An argument of an operation that has no meaning.
    Argument,
    /// Arrays on different devices, or a device that is not there.
    Device,
    /// More memory than there is, or can be addressed.
    Memory,
    /// A derivative that does not exist, was not recorded, or was recorded of values since overwritten.
    Gradient,
    /// A number that is not finite, found by anomaly mode.
    Anomaly,
    /// A file that cannot be read or written, or that does not hold what it should.
    File,
}

/// An operation was refused. Prints as `operation: message`, then the line of the caller's code.
#[derive(Clone, thiserror::Error)]
#[error("{}: {}\n  at {}", .0.operation, .0.message, .0.location)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: Cow<'static, str>,
    message: String,
    location: &'static Location<'static>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        #[cold]
        pub fn $name(operation: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
            Error::new(ErrorKind::$kind, operation, message)
        }
    )*};
}

impl Error {
    /// An error that points at the caller's line.
    #[track_caller]
    #[cold]
    pub fn new(
        kind: ErrorKind,
        operation: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Error {
        Error(Box::new(Inner {
            kind,
            operation: operation.into(),
            message: message.into(),
            location: Location::caller(),
        }))
    }

    constructors! {
        /// Shapes that do not fit.
        shape => Shape;
        /// A dtype that does not fit.
        dtype => DType;
        /// An index or dimension out of range.
        index => Index;
        /// An argument without a meaning.
        argument => Argument;
        /// A device that does not fit.
        device => Device;
        /// Too much memory.
        memory => Memory;
        /// A derivative that cannot be had.
        gradient => Gradient;
        /// A NaN or an infinity.
        anomaly => Anomaly;
        /// A file that cannot be read or written, or that is damaged.
        file => File;
    }

    /// The same error, pointing at another line: the outermost call in the library's own code does this.
    pub fn at(mut self, location: &'static Location<'static>) -> Error {
        self.0.location = location;
        self
    }

    /// The same error under the name of the function the caller called.
    pub fn of(mut self, operation: impl Into<Cow<'static, str>>) -> Error {
        self.0.operation = operation.into();
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that was refused.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// What was wrong, and what would be right.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The line of the caller's code.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
