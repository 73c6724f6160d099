//! Recurrent layers, attention and transformers on cases of our own, answered by PyTorch: packed sequences, projections,
//! masks of all forms, stacks. `tests/cases/sequence.py` writes them.

use cresset_ops::Device;
use cresset_tests::golden::{default_folder, read_modules, run_module};

#[test]
fn packed_sequences_masks_and_stacks() {
    let cases = read_modules(&default_folder().join("sequence")).unwrap();
    assert!(cases.len() > 100);
    let fallen: Vec<String> = cases
        .iter()
        .filter_map(|case| run_module(case, Device::Cpu).err().map(|text| format!("{}: {text}", case.id)))
        .collect();
    assert!(fallen.is_empty(), "{} of {}:\n{}", fallen.len(), cases.len(), fallen.join("\n"));
}
