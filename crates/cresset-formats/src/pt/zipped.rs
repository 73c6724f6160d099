//! The format since PyTorch 1.6: a zip archive of one pickle, and a file for each storage.

use cresset_tensor::State;

use super::build::{Storages, build};
use crate::{
    bytes::Bytes,
    pickle,
    trouble::{Outcome, wrong},
    zip::{Archive, Entry},
};

/// The tree in an archive.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Outcome<State> {
    let archive = Archive::open(bytes)?;
    let pickled = archive.entries().iter().find_map(|entry| {
        let folder = entry.name.strip_suffix("data.pkl")?;
        (folder.is_empty() || folder.ends_with('/')).then_some((entry, folder))
    });
    let Some((entry, folder)) = pickled else {
        return wrong(
            "a zip archive without data.pkl is no PyTorch checkpoint; of .npz, load_npz reads the arrays",
        );
    };
    let file = |name: &str| archive.find(&format!("{folder}{name}"));
    if file("constants.pkl").is_some() {
        return wrong(
            "this is a TorchScript program, not only numbers; save its state_dict() with torch.save",
        );
    }
    let big_endian = match file("byteorder").map(contents).transpose()?.as_deref() {
        None | Some(b"little") => false,
        Some(b"big") => true,
        Some(other) => return wrong(format!("its byte order is \"{}\"", other.escape_ascii())),
    };
    let data = contents(entry)?;
    let pickle = pickle::run(&mut Bytes::new(&data))?;
    let fetch = |key: &str| match file(&format!("data/{key}")) {
        Some(entry) => contents(entry),
        None => wrong(format!("storage '{key}' is not in the archive")),
    };
    build(&pickle, Storages { fetch: &fetch, big_endian })
}

/// What an entry holds, its checksum compared where there is one: PyTorch may be told to leave them out.
#[inline]
fn contents<'a>(entry: &Entry<'a>) -> Outcome<std::borrow::Cow<'a, [u8]>> {
    if entry.is_unchecked() { entry.read() } else { entry.read_checked() }
}
