//! Functions of networks on cases of our own, answered by PyTorch: kinks, infinities, empty inputs, options in every
//! combination. `tests/cases/functional.py` writes them.

use cresset_tests::golden::{Mode, default_folder, read, run};

#[test]
fn kinks_options_and_refusals() {
    let goldens = read(&default_folder().join("functional"), |_| true).unwrap();
    assert!(goldens.len() > 50);
    let mut troubles = Vec::new();
    for golden in &goldens {
        for mode in [Mode::Plain, Mode::Strided] {
            troubles.extend(run(golden, mode).troubles);
        }
    }
    assert!(troubles.is_empty(), "{} fall short:\n{}", troubles.len(), troubles.join("\n"));
}
