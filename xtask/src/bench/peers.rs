//! The programs that ours is compared with: where they are, what they need before they run, and what they are told.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Outcome, contestant::Program};

/// The names of peers, as options have them.
pub const NAMES: [&str; 4] = ["pytorch", "compile", "candle", "burn"];

/// What tells the peers' allocator when to give memory back.
pub const KEEPS_MEMORY: &str = "MIMALLOC_PURGE_DELAY";

/// The project's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Ours: this program, asked to serve.
pub fn ours(threads: usize) -> Outcome<Program> {
    Ok(program("cresset", env::current_exe()?, &["bench", "--serve"], &["bench", "--first"], threads))
}

/// A peer, made ready.
pub fn peer(name: &str, threads: usize) -> Outcome<Program> {
    let peers = root().join("xtask/peers");
    let [serve, first] =
        ["serve.py", "first.py"].map(|file| peers.join("pytorch").join(file).display().to_string());
    match name {
        "pytorch" => Ok(program("pytorch", python(&peers)?, &[&serve], &[&first], threads)),
        "compile" => Ok(program("compile", python(&peers)?, &[&serve, "--compile"], &[], threads)),
        "candle" => Ok(program("candle", built(&peers, "candle")?, &[], &["--first"], threads)),
        "burn" => Ok(program("burn", built(&peers, "burn")?, &[], &["--first"], threads)),
        other => Err(format!("there is no peer named '{other}', but {}", NAMES.join(", ")).into()),
    }
}

fn program(name: &'static str, path: PathBuf, words: &[&str], first: &[&str], threads: usize) -> Program {
    let strings = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let counted = ["CRESSET_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"];
    let mut environment: Vec<_> = counted.map(|variable| (variable, threads.to_string())).into();
    // As PyTorch's guide to tuning has it. Its threads wait for each other in loops, which takes milliseconds where two of
    // them share a core.
    environment.extend([("OMP_PROC_BIND", "true".into()), ("OMP_PLACES", "cores".into())]);
    // The peers' allocator, which gives memory back after 10 ms and then takes fresh pages, which costs half of a large
    // training step.
    environment.push((KEEPS_MEMORY, "-1".into()));
    Program {
        name,
        path,
        words: strings(words),
        first: strings(first),
        environment,
        log: root().join(format!("target/peers/{name}.log")),
    }
}

/// A Python that has PyTorch: the one that `CRESSET_PEER_PYTHON` names, or one of our own.
fn python(peers: &Path) -> Outcome<PathBuf> {
    if let Ok(path) = env::var("CRESSET_PEER_PYTHON") {
        return Ok(path.into());
    }
    let folder = root().join("target/peers/venv");
    let python = folder.join("bin/python");
    if !folder.join("complete").exists() {
        println!("making a virtual environment with PyTorch in {}", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let list = peers.join("pytorch/requirements.txt");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(list))?;
        std::fs::write(folder.join("complete"), "")?;
    }
    Ok(python)
}

/// A program that is a package of its own, built for this processor alone, since some of its loops are chosen when they
/// are compiled.
fn built(peers: &Path, name: &str) -> Outcome<PathBuf> {
    let target = root().join("target/peers").join(name);
    let manifest = peers.join(name).join("Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(&target).env("RUSTFLAGS", "-C target-cpu=native");
    run(&mut command)?;
    Ok(target.join("release").join(format!("{name}-peer")))
}

/// Runs a program that has to succeed.
fn run(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
