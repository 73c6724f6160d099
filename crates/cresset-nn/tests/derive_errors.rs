//! What the compiler says of modules that are none: the message tells what to do, and points at the field.
//!
//! Programs are given to `rustc` with this crate as it was compiled for the tests; where there is no `rustc`, nothing is
//! checked.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the compiler says of a program that begins with this crate's prelude, and whether it took it.
fn compiled(name: &str, program: &str) -> Option<(bool, String)> {
    let deps = env::current_exe().ok()?.parent()?.to_owned();
    let library = newest(&deps, "libcresset_nn-")?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join(format!("{name}.rs"));
    fs::write(&source, format!("use cresset_nn::prelude::*;\n{program}\nfn main() {{}}\n")).ok()?;
    let output = Command::new("rustc")
        .args(["--edition=2024", "--emit=metadata", "--crate-type=bin", "--color=never", "-Adead_code"])
        .arg("-o")
        .arg(folder.join(format!("{name}.rmeta")))
        .arg("--extern")
        .arg(format!("cresset_nn={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg(&source)
        .output()
        .ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn newest(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let libraries = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    libraries
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rlib"))
        .max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// The program must be refused with these words, and the first error must be on the line that has a `HERE`.
#[track_caller]
fn refused(name: &str, program: &str, words: &[&str]) {
    let Some((taken, text)) = compiled(name, program) else { return };
    assert!(!taken, "{name} was compiled");
    for word in words {
        assert!(text.contains(word), "{name}: {word:?} is not in\n{text}");
    }
    // One line comes before the program.
    let line = 2 + program.lines().position(|line| line.contains("HERE")).unwrap();
    let first = text.lines().find(|line| line.trim_start().starts_with("-->")).unwrap_or_default();
    assert!(first.contains(&format!("{name}.rs:{line}:")), "{name}: line {line} is not where\n{text}");
}

#[test]
fn a_module_is_compiled() {
    let program = "#[derive(Module)] struct Net { layer: Linear, many: Vec<Option<Conv2d>>, #[module(skip)] x: Tensor }";
    let Some((taken, text)) = compiled("good", program) else { return };
    assert!(taken, "{text}");
}

#[test]
fn a_plain_tensor() {
    let program = "
        #[derive(Module)]
        struct Net {
            layer: Linear,
            scale: Tensor, // HERE
        }";
    let words = ["`Parameter`", "`Buffer`", "#[module(skip)]", "is not a module, nor a part of one"];
    refused("plain_tensor", program, &words);
}

#[test]
fn what_is_in_containers() {
    let program = "
        struct Opaque;
        #[derive(Module)]
        struct Net {
            list: Vec<Opaque>, // HERE
        }";
    refused("opaque_in_list", program, &["Opaque", "#[module(skip)]"]);
    let program = "
        #[derive(Module)]
        enum Net {
            One(Linear),
            Two(Option<std::sync::Mutex<Tensor>>), // HERE
        }";
    refused("mutex_in_enum", program, &["#[module(skip)]"]);
}

#[test]
fn attributes() {
    let program = "
        #[derive(Module)]
        struct Net {
            #[module(ignore)] // HERE
            layer: Linear,
        }";
    refused("unknown_attribute", program, &["a field takes `skip` or `name = \"…\"`"]);
    let program = "
        #[derive(Module)]
        #[module(skip)] // HERE
        struct Net {
            layer: Linear,
        }";
    refused("attribute_of_field", program, &["a module takes `extra` or `name = \"…\"`"]);
    let program = "
        #[derive(Module)]
        struct Net {
            #[module(name = \"a.b\")] // HERE
            layer: Linear,
        }";
    refused("dotted_name", program, &["no dot"]);
    let program = "
        #[derive(Module)]
        union Net { // HERE
            one: u32,
        }";
    refused("union", program, &["a union cannot be a module"]);
}

#[test]
fn a_layer_without_forward() {
    let program = "
        #[derive(Module)]
        struct Net { layer: Linear }
        fn net(net: Net) -> Sequential {
            sequential![net] // HERE
        }";
    refused("no_forward", program, &["`Net` is not a layer", "impl Layer for Net"]);
}
