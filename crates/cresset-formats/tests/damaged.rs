//! Damaged files: cuts and changed bytes of every file there is. Nothing panics, and no memory is taken beyond what the
//! file itself could hold.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use cresset_formats::{checkpoint, npy, npz, pt, safetensors};
use cresset_tensor::{Array, State};

/// The system's memory, counted.
struct Counted;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(USED.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Reads bytes as what the extension says; was it good, and how much memory did it take?
fn read(extension: &str, bytes: &[u8]) -> (bool, usize) {
    let before = USED.load(Relaxed);
    PEAK.store(before, Relaxed);
    let good = match extension {
        "pt" => pt::from_bytes(bytes).is_ok(),
        "npy" => npy::from_bytes(bytes).is_ok(),
        "npz" => npz::from_bytes(bytes).is_ok(),
        "ckpt" => checkpoint::from_bytes(bytes).is_ok(),
        _ => safetensors::from_bytes(bytes).is_ok(),
    };
    (good, PEAK.load(Relaxed).saturating_sub(before))
}

fn files() -> Vec<(String, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/formats");
    let mut files: Vec<(String, String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let part = |part: Option<&std::ffi::OsStr>| part.unwrap().to_str().unwrap().to_owned();
            (part(path.file_name()), part(path.extension()), std::fs::read(&path).unwrap())
        })
        .filter(|(_, extension, _)| extension != "json")
        .collect();
    let state = State::map([
        ("model", State::map([("weight", Array::new([0.5f32; 9]).into())])),
        ("groups", State::List(vec![State::map([(0, f64::NAN.into())])])),
        ("text", "größe".into()),
    ]);
    files.push(("state.ckpt".to_owned(), "ckpt".to_owned(), checkpoint::to_bytes(&state).unwrap()));
    files.sort();
    files
}

/// One test, as its memory is counted: nothing else may run beside it.
#[test]
fn nothing_panics_or_takes_memory_that_is_not_there() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for (name, extension, bytes) in files() {
        // Deflated bytes may stand for a thousand each; the pool keeps what it was given once.
        let limit = match extension.as_str() {
            "npz" => 1032 * bytes.len() + (1 << 20),
            _ => 200 * bytes.len() + (1 << 20),
        };
        // Every place of short files, some of long ones.
        let step = bytes.len() / 300 + 1;
        let first = next() as usize % step;
        for length in (first..bytes.len()).step_by(step) {
            let (good, used) = read(&extension, &bytes[..length]);
            assert!(!good, "{name} was read though cut off after {length} bytes");
            assert!(used < limit, "{name} cut off after {length} bytes took {used} bytes");
        }
        let mut damaged = bytes.clone();
        for place in (first..bytes.len()).step_by(step) {
            for changed in [bytes[place] ^ (1 << (next() % 8)), 0xff] {
                damaged[place] = changed;
                let (_, used) = read(&extension, &damaged);
                assert!(used < limit, "{name} with {changed} at {place} took {used} bytes");
            }
            damaged[place] = bytes[place];
        }
        // Several at once.
        for _ in 0..100 {
            if bytes.is_empty() {
                break;
            }
            let mut damaged = bytes.clone();
            for _ in 0..next() % 8 + 1 {
                let place = next() as usize % damaged.len();
                damaged[place] = next() as u8;
            }
            damaged.truncate(bytes.len() - (next() % 4) as usize % bytes.len());
            let (_, used) = read(&extension, &damaged);
            assert!(used < limit, "{name} took {used} bytes");
        }
    }
}
