//! PyTorch's own cases of modules: outputs, gradients, and buffers afterwards.

use cresset_ops::Device;
use cresset_tests::golden::{default_folder, read_modules, run_module};

/// Cases that need not pass, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[test]
fn modules_answer_as_pytorchs_do() {
    let cases = read_modules(&default_folder()).unwrap();
    let excused = |id: &str| EXCEPTIONS.iter().any(|(name, _)| *name == id);
    let fallen: Vec<String> = cases
        .iter()
        .filter(|case| !excused(&case.id))
        .filter_map(|case| run_module(case, Device::Cpu).err().map(|text| format!("{}: {text}", case.id)))
        .filter(|text| !text.ends_with(": nobody has it"))
        .collect();
    assert!(fallen.is_empty(), "{} of {}:\n{}", fallen.len(), cases.len(), fallen.join("\n"));
}
