//! The ratchet: what answers as PyTorch does must go on doing so.
//!
//! `passing.txt` names the operations that pass whole, on arguments laid out in any way; a name is added when one more
//! does (`cargo xtask conformance --list > tests/passing.txt`), and never taken out.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use cresset_tests::golden::{Mode, default_folder, read, run};

#[test]
fn what_passed_passes() {
    let listed: Vec<&str> = include_str!("../passing.txt").lines().collect();
    let goldens = read(&default_folder(), |name| listed.contains(&name)).unwrap();
    for name in &listed {
        assert!(goldens.iter().any(|golden| golden.name == *name), "there are no cases of {name}");
    }
    let next = AtomicUsize::new(0);
    let fallen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(golden) = goldens.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for mode in [Mode::Plain, Mode::Strided] {
                        let report = run(golden, mode);
                        if !report.is_whole() {
                            fallen.lock().unwrap().push(format!("{mode:?}: {report}"));
                        }
                    }
                }
            });
        }
    });
    let fallen = fallen.into_inner().unwrap();
    assert!(fallen.is_empty(), "these passed before:\n{}", fallen.join("\n"));
}
