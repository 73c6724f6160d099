//! Derivatives of everything against finite differences, a few samples of each: `cargo xtask gradcheck` takes more.

use cresset_ops::Device;
use cresset_tests::gradcheck::{Options, names, run};

#[test]
fn derivatives_agree_with_finite_differences() {
    let options = Options { only: Vec::new(), cases: 4, seed: 1, device: Device::Cpu };
    let outcomes = run(&options, |_| {}).expect("the golden cases are there");
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .map(|outcome| outcome.to_string())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_method_is_called_by_a_golden_case() {
    let troubles = names::troubles().expect("the sources are there");
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}
