//! What a profile says of a card: which operations were asked for, and how long it worked for each.

mod common;

use cresset_ops::{
    prelude::*,
    profile::{self, By, Kind},
};
use cresset_wgpu::{abilities, statistics};

#[test]
fn a_card_says_how_long_it_worked() -> Result<()> {
    let Some(gpu) = common::gpu() else { return Ok(()) };
    let x = Array::ones([96, 96]).to_device(gpu)?;
    let program = || -> Result<Vec<f32>> {
        let mut y = x.clone();
        // More kernels than one recording holds.
        for _ in 0..100 {
            y = y.matmul(&x)?.mul(1.0 / 96.0)?;
        }
        y.sum()?.to_vec::<f32>()
    };
    let expected = program()?;
    let before = statistics(gpu)?;
    let (result, profile) = profile::profile(program);
    assert_eq!(result?, expected);
    let dispatches = (statistics(gpu)?.dispatches - before.dispatches) as usize;
    let rows = profile.rows(By::Name);
    let row =
        |name: &str| rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name} in {rows:?}"));
    assert_eq!(
        [row("matmul").calls, row("mul").calls, row("sum").calls, row("read").calls],
        [100, 100, 1, 1]
    );
    let kernels: Vec<_> = profile.events().iter().filter(|event| event.kind == Kind::Kernel).collect();
    if !abilities(gpu)?.timestamps {
        assert!(kernels.is_empty() && !profile.to_string().contains("card"));
        return Ok(());
    }
    assert_eq!(kernels.len(), dispatches);
    assert!(row("matmul").card > row("mul").card && !row("mul").card.is_zero(), "{rows:?}");
    let whole: std::time::Duration = kernels.iter().map(|event| event.time).sum();
    assert_eq!(rows.iter().map(|row| row.card).sum::<std::time::Duration>(), whole);
    // One after the other, each no earlier than it was asked for, on a track of their own.
    for event in &kernels {
        assert_eq!(profile.tracks()[event.track].device, Some(gpu));
        let asked = &profile.events()[event.inside.expect("an operation")];
        assert!(asked.name == event.name && asked.kind == Kind::Operation);
    }
    assert!(kernels.windows(2).all(|two| two[1].start >= two[0].start));
    assert!(profile.to_string().contains("on cards"));
    assert!(profile.chrome_trace().contains("\"gpu:0\""));
    // And afterwards nothing is timed any more.
    program()?;
    let ((), later) = profile::profile(|| ());
    assert!(later.events().is_empty());
    Ok(())
}
