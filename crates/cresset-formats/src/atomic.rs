//! Saving whole or not at all: a temporary file beside the target, written to the disk, then given the target's name.
//!
//! Whenever the program or the machine stops, the target is the old file or the new one. Temporaries of savers that were
//! killed are removed by the next one that saves the same file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use cresset_tensor::Result;

use crate::trouble::{Outcome, wrong};

/// Writes a file whole or not at all: what `write` writes takes the place of `path` once all of it is on the disk.
///
/// If `write` fails, the file that was there is untouched.
///
/// ```
/// use cresset_formats::save_atomically;
/// # let folder = std::env::temp_dir().join(format!("cresset-atomic-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("curve.svg");
/// save_atomically(&path, |file| file.write_all(b"<svg/>"))?;
/// assert!(save_atomically(&path, |_| Err(std::io::Error::other("no more"))).is_err());
/// assert_eq!(std::fs::read(&path).unwrap(), b"<svg/>");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn save_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    saving("save_atomically", path.as_ref(), |file| Ok(write(file)?))
}

/// [`save_atomically`] under another name.
#[track_caller]
pub(crate) fn saving(
    operation: &'static str,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Outcome<()>,
) -> Result<()> {
    match save(path, write) {
        Ok(()) => Ok(()),
        Err(trouble) => Err(trouble.of(operation, Some(path))),
    }
}

fn save(path: &Path, write: impl FnOnce(&mut dyn Write) -> Outcome<()>) -> Outcome<()> {
    // A link is written through, as by any program that opens it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = path.file_name() else { return wrong("this names no file") };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return wrong(format!("there is no folder {}", folder.display()));
    }
    let before = fs::metadata(&path).ok();
    match &before {
        Some(metadata) if metadata.is_dir() => return wrong("this is a folder"),
        Some(metadata) if !metadata.is_file() => return wrong("this is not a regular file"),
        _ => {}
    }
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    sweep(folder, &prefix);
    let temporary = Temporary::new(folder, &prefix)?;
    let mut writer = BufWriter::with_capacity(1 << 18, &temporary.file);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if let Some(before) = before {
        temporary.file.set_permissions(before.permissions())?;
    }
    temporary.file.sync_all()?;
    temporary.rename(&path)?;
    sync_folder(folder)
}

/// A file of our own, removed when it goes unless it was renamed. It is locked as long as it is open, which tells other
/// savers that someone writes it.
struct Temporary {
    file: File,
    path: PathBuf,
    renamed: bool,
}

const SUFFIX: &str = ".tmp";

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Temporary {
    fn new(folder: &Path, prefix: &OsString) -> Outcome<Temporary> {
        loop {
            let mut name = prefix.clone();
            name.push(format!("{}-{}{SUFFIX}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            let path = folder.join(name);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return wrong(format!("no file can be made in {}: {error}", folder.display())),
            };
            // Another saver may have taken it for a dead one's before it was locked, and removed it.
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            let temporary = Temporary { file, path, renamed: false };
            if !taken && temporary.path.exists() {
                return Ok(temporary);
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what savers left that were killed: temporaries of the same target that nobody has locked. Trouble with it is
/// no reason not to save.
fn sweep(folder: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = prefix.as_encoded_bytes();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let middle = name.as_encoded_bytes().strip_prefix(prefix);
        let middle = middle.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        let ours = middle.is_some_and(|middle| {
            middle.contains(&b'-') && middle.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
        });
        if !ours {
            continue;
        }
        let Ok(file) = OpenOptions::new().write(true).open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            // Removed while locked, so that its maker sees that it is gone.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The new name itself must reach the disk too.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> Outcome<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(()),
        // Some file systems cannot, and some folders may be written but not read.
        Err(error) => match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied => {
                Ok(())
            }
            _ => Err(error.into()),
        },
    }
}

/// Other systems write names when they write them.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Outcome<()> {
    Ok(())
}
