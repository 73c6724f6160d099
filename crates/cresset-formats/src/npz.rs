//! `.npz`: several of NumPy's arrays by name, in a zip archive.

use std::{io::Write, path::Path};

use cresset_tensor::{Result, StateDict};

use crate::{
    atomic::saving,
    content::loading,
    npy,
    trouble::{Outcome, wrong},
    zip::{Archive, Writer},
};

/// Reads all arrays that `numpy.savez` or `numpy.savez_compressed` wrote, in the order of the archive.
///
/// ```
/// use cresset_formats::{load_npz, save_npz_compressed};
/// use cresset_tensor::{Array, StateDict};
/// # let path = std::env::temp_dir().join(format!("cresset-{}.npz", std::process::id()));
/// let dict: StateDict = [("images", Array::new([0u8; 784])), ("labels", Array::new([7u8]))].into_iter().collect();
/// save_npz_compressed(&path, &dict)?;
/// assert_eq!(load_npz(&path)?.names().collect::<Vec<_>>(), ["images", "labels"]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn load_npz(path: impl AsRef<Path>) -> Result<StateDict> {
    loading("load_npz", path.as_ref(), read)
}

/// Writes arrays as `numpy.load` reads them, atomically. NumPy's `savez`.
#[track_caller]
pub fn save_npz(path: impl AsRef<Path>, dict: &StateDict) -> Result<()> {
    saving("save_npz", path.as_ref(), |file| write(file, dict, false))
}

/// [`save_npz`], deflated: smaller and slower. NumPy's `savez_compressed`.
#[track_caller]
pub fn save_npz_compressed(path: impl AsRef<Path>, dict: &StateDict) -> Result<()> {
    saving("save_npz_compressed", path.as_ref(), |file| write(file, dict, true))
}

/// The arrays in the bytes of a `.npz` file.
#[track_caller]
#[inline]
pub fn from_bytes(bytes: &[u8]) -> Result<StateDict> {
    match read(bytes) {
        Ok(dict) => Ok(dict),
        Err(trouble) => Err(trouble.of("npz::from_bytes", None)),
    }
}

#[inline]
fn read(bytes: &[u8]) -> Outcome<StateDict> {
    let mut dict = StateDict::new();
    for entry in Archive::open(bytes)?.entries() {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            return wrong(format!(
                "'{}' in the archive is no array: its name does not end in .npy",
                entry.name
            ));
        };
        let bytes = entry.read_checked()?;
        dict.insert(name, npy::read(&bytes).map_err(|trouble| trouble.within(&entry.name))?);
    }
    Ok(dict)
}

#[inline]
fn write(file: &mut dyn Write, dict: &StateDict, deflated: bool) -> Outcome<()> {
    let mut archive = Writer::new(file);
    for (name, array) in dict.iter() {
        npy::size(array).map_err(|trouble| trouble.within(name))?;
        let entry = format!("{name}.npy");
        let write = |file: &mut dyn Write| npy::write(file, array);
        if deflated {
            archive.deflate(&entry, &write)?;
        } else {
            archive.store(&entry, 64, &write)?;
        }
    }
    archive.finish()
}
