//! Saving is whole or not at all, whatever happens meanwhile.

use std::{
    fs,
    io::Error,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use cresset_formats::{load_checkpoint, save_atomically, save_checkpoint, save_npy};
use cresset_tensor::{Array, DType, State};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("cresset-atomic-{name}-{}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn trouble_leaves_the_old_file_and_nothing_else() {
    let folder = Folder::new("trouble");
    let path = folder.path("file");
    fs::write(&path, "old").unwrap();
    let result = save_atomically(&path, |file| {
        file.write_all(&[0; 1 << 20])?;
        Err(Error::other("the disk is full"))
    });
    let text = result.unwrap_err().to_string();
    assert!(
        text.contains("the disk is full") && text.contains("file") && text.contains("atomic.rs"),
        "{text}"
    );
    let panicked = std::panic::catch_unwind(|| {
        save_atomically(&path, |_| panic!("in the middle")).ok();
    });
    assert!(panicked.is_err());
    // An error of the format, not of the disk.
    let half = Array::from_bytes(&[0, 0], [1], DType::BF16).unwrap();
    assert!(save_npy(&path, &half).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn only_files_are_written_over() {
    let folder = Folder::new("targets");
    let refused = |path: &Path| save_atomically(path, |file| file.write_all(b"x")).unwrap_err().to_string();
    assert!(refused(&folder.0).contains("this is a folder"));
    assert!(refused(&folder.path("no/where")).contains("there is no folder"));
    assert!(refused(Path::new("")).contains("names no file"));
    #[cfg(unix)]
    assert!(refused(Path::new("/dev/null")).contains("not a regular file"));
    assert!(folder.names().is_empty());
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("links");
    let (file, link) = (folder.path("file"), folder.path("link"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("file", &link).unwrap();
    save_atomically(&link, |file| file.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn savers_do_not_collide() {
    let folder = Folder::new("many");
    let path = folder.path("file");
    std::thread::scope(|scope| {
        for saver in 0..4u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..25 {
                    save_atomically(path, |file| (0..100).try_for_each(|_| file.write_all(&[saver; 1000])))
                        .unwrap();
                }
            });
        }
    });
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn what_killed_savers_left_is_removed() {
    let folder = Folder::new("stale");
    let path = folder.path("file");
    for name in [".file.123-4.tmp", ".file.notes.tmp", ".other.123-4.tmp", ".file.tmp"] {
        fs::write(folder.path(name), "x").unwrap();
    }
    // One that someone is writing.
    let alive = fs::File::create(folder.path(".file.99-9.tmp")).unwrap();
    alive.lock().unwrap();
    save_atomically(&path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(
        folder.names(),
        [".file.99-9.tmp", ".file.notes.tmp", ".file.tmp", ".other.123-4.tmp", "file"]
    );
}

fn state(step: i64) -> State {
    let array = Array::from_vec(vec![step; 200_000], [200_000]).unwrap();
    State::map([("step", step.into()), ("numbers", array.into())])
}

/// Not a test of its own: run by the next one, it saves again and again until it is killed.
#[test]
fn saves_until_killed() {
    let Some(path) = std::env::var_os("CRESSET_SAVE_TO") else { return };
    let mut step = 0;
    loop {
        step += 1;
        save_checkpoint(&path, &state(step)).unwrap();
    }
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new_one() {
    let folder = Folder::new("kill");
    let path = folder.path("training.ckpt");
    save_checkpoint(&path, &state(0)).unwrap();
    for i in 0..12u64 {
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let mut saver = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "saves_until_killed", "--quiet"])
            .env("CRESSET_SAVE_TO", &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // It has saved at least once, and is somewhere in the middle of saving again.
        while fs::metadata(&path).unwrap().modified().unwrap() == before
            && saver.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(i * 2));
        saver.kill().unwrap();
        saver.wait().unwrap();
        let loaded = load_checkpoint(&path).unwrap();
        let step = loaded.get("step").unwrap().int().unwrap();
        let numbers = loaded.get("numbers").unwrap().array().unwrap().to_vec::<i64>().unwrap();
        assert!(numbers.len() == 200_000 && numbers.iter().all(|number| *number == step));
    }
    save_checkpoint(&path, &state(1)).unwrap();
    assert_eq!(folder.names(), ["training.ckpt"]);
}
