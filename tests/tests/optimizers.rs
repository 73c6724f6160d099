//! PyTorch's cases of optimizers and schedules.

use cresset_ops::Device;
use cresset_tests::golden::{default_folder, run_optimizers, run_schedules};

#[test]
fn optimizers_step_as_pytorch_s() {
    let report = run_optimizers(&default_folder(), Device::Cpu).unwrap();
    assert!(
        report.is_whole(),
        "optimizers: {} of {}\n{}",
        report.cases.0,
        report.cases.1,
        report.troubles.join("\n")
    );
    assert!(report.cases.1 > 0);
}

#[test]
fn schedules_give_pytorch_s_rates() {
    let report = run_schedules(&default_folder()).unwrap();
    assert!(
        report.is_whole(),
        "schedules: {} of {}\n{}",
        report.cases.0,
        report.cases.1,
        report.troubles.join("\n")
    );
    assert!(report.cases.1 > 0);
}
