//! What is wrong with a file, told before it is known which file it is and who asked for it.

use std::{fmt::Display, io, path::Path};

use cresset_tensor::{Error, ErrorKind};

/// Why a file is refused.
#[derive(Debug)]
pub(crate) struct Trouble {
    kind: ErrorKind,
    text: String,
}

/// What reading or writing comes to.
pub(crate) type Outcome<T> = Result<T, Trouble>;

/// Trouble with this text.
#[cold]
pub(crate) fn wrong<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Trouble::from(text.into()))
}

impl Trouble {
    /// The same, told of a part of the file.
    pub fn within(self, part: impl Display) -> Trouble {
        Trouble { text: format!("{part}: {}", self.text), ..self }
    }

    /// As the error of the function that was called, at the line of its caller.
    #[track_caller]
    pub fn of(self, operation: &'static str, path: Option<&Path>) -> Error {
        let text = match path {
            Some(path) => format!("{}: {}", path.display(), self.text),
            None => self.text,
        };
        Error::new(self.kind, operation, text)
    }
}

impl From<String> for Trouble {
    fn from(text: String) -> Trouble {
        Trouble { kind: ErrorKind::File, text }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::from(error.to_string())
    }
}

impl From<Error> for Trouble {
    /// Without the operation and its line, which are ours and not the caller's.
    fn from(error: Error) -> Trouble {
        let kind = if error.kind() == ErrorKind::Memory { ErrorKind::Memory } else { ErrorKind::File };
        Trouble { kind, text: error.message().to_owned() }
    }
}
