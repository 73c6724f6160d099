//! A training killed at any moment goes on, and ends bit for bit where one that nobody killed ends.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use cresset_data::draw;
use cresset_tensor::Generator;

const KILLS: usize = 30;

/// The training, until it ends or is killed after so long. Did it end?
fn run(folder: &Path, kill_after: Option<Duration>) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_training"))
        .arg(folder)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the training starts");
    if let Some(time) = kill_after {
        let start = Instant::now();
        while start.elapsed() < time {
            if child.try_wait().expect("it is ours").is_some() {
                break;
            }
            sleep(Duration::from_millis(1));
        }
        // SIGKILL: nothing is flushed, nothing is cleaned up. (Of one that has ended, nothing is left to kill.)
        child.kill().expect("it is ours");
    }
    let output = child.wait_with_output().expect("it ends");
    if output.status.success() {
        return true;
    }
    // Whoever is killed says nothing; anything else is a failure to go on.
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(kill_after.is_some(), "the training fails");
    false
}

#[test]
fn a_killed_training_ends_where_the_others_do() {
    let root = std::env::temp_dir().join(format!("cresset-killed-{}", std::process::id()));
    let fresh = |name: &str| {
        let folder = root.join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the test");
        folder
    };
    let whole = fresh("whole");
    let start = Instant::now();
    assert!(run(&whole, None));
    let time = start.elapsed().as_secs_f64();
    let end = fs::read(whole.join("end.safetensors")).expect("what it ends with");

    let mut random = Generator::new(std::process::id().into());
    let (mut kills, mut ends) = (0, 0);
    let mut folder = fresh("killed");
    while kills < KILLS || ends == 0 {
        let after = Duration::from_secs_f64(time * draw::uniform(&mut random, 0.05, 0.6));
        if !run(&folder, (kills < KILLS).then_some(after)) {
            kills += 1;
            continue;
        }
        ends += 1;
        let here = fs::read(folder.join("end.safetensors")).expect("what it ends with");
        assert!(here == end, "after {kills} kills the training ended elsewhere");
        folder = fresh("killed");
    }
    fs::remove_dir_all(&root).expect("the test's own folder");
}
