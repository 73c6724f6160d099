//! What a profile says of programs whose operations are known.

use std::{sync::Mutex, thread, time::Duration};

use cresset::{
    prelude::*,
    profile::{By, Kind, Profile},
};

/// A profile sees all threads, so one test at a time makes one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn calls(profile: &Profile, name: &str) -> usize {
    let rows = profile.rows(By::Name);
    rows.iter().find(|row| row.name == name).map_or(0, |row| row.calls)
}

#[test]
fn operations_are_counted_by_name_and_shape_and_line() -> Result<()> {
    let _alone = alone();
    let (a, b) = (Tensor::ones([4, 8]), Tensor::ones([8, 2]));
    let (result, profile) = profile(|| -> Result<Tensor> {
        let mut sum = Tensor::zeros([4, 2]);
        for _ in 0..3 {
            sum = sum.add(&a.matmul(&b)?)?;
        }
        sum.matmul(&Tensor::ones([2, 2]))?.gelu()?.t()
    });
    assert_eq!(result?.shape(), &[2, 4]);
    assert_eq!((calls(&profile, "matmul"), calls(&profile, "add"), calls(&profile, "gelu")), (4, 3, 1));
    let by_shape = profile.rows(By::Shape);
    let of = |name: &str| by_shape.iter().find(|row| row.name == name).map(|row| (row.calls, row.bytes));
    // Three products of 4 × 2 numbers of four bytes; a view makes nothing.
    assert_eq!(of("matmul [4, 8] [8, 2]"), Some((3, 3 * 4 * 2 * 4)));
    assert_eq!(of("matmul [4, 2] [2, 2]"), Some((1, 4 * 2 * 4)));
    assert_eq!(of("permute [4, 2]").map(|(_, bytes)| bytes), Some(0));
    let lines = profile.rows(By::Line);
    let products: Vec<usize> =
        lines.iter().filter(|row| row.name.starts_with("matmul ")).map(|row| row.calls).collect();
    assert!(products == [3, 1] || products == [1, 3], "{lines:?}");
    assert!(lines.iter().any(|row| row.name.contains("profile.rs:")));
    // Times fit into each other.
    for event in profile.events() {
        assert!(event.own <= event.time && event.start + event.time <= profile.wall(), "{event:?}");
    }
    Ok(())
}

#[test]
fn ranges_modules_and_passes_nest() -> Result<()> {
    let _alone = alone();
    manual_seed(0);
    let net = sequential![Linear::new(4, 8), Gelu::new(), Linear::new(8, 3)];
    let mut optimizer = AdamW::new(net.parameters(), 1e-3);
    let (x, labels) = (Tensor::ones([5, 4]), Tensor::new([0i64, 1, 2, 0, 1]));
    let (result, profile) = profile(|| {
        profile::range("training", || {
            for _ in 0..2 {
                let loss = profile::range("forward", || net.forward(&x)?.cross_entropy(&labels))?;
                optimizer.zero_grad();
                loss.backward()?;
                optimizer.step()?;
            }
            Ok::<(), Error>(())
        })
    });
    result?;
    let ranges: Vec<(usize, String, usize)> =
        profile.ranges().into_iter().map(|row| (row.depth, row.name, row.calls)).collect();
    let row = |depth, name: &str, calls| (depth, name.to_owned(), calls);
    let expected = [
        row(0, "training", 2 / 2),
        row(1, "forward", 2),
        row(2, "Sequential", 2),
        row(3, "Linear", 4),
        row(3, "GELU", 2),
        row(1, "backward", 2),
        row(1, "AdamW.step", 2),
    ];
    assert_eq!(ranges, expected);
    // Of two layers' products in two steps: both inputs' of the second layer, the weight's of the first.
    assert_eq!((calls(&profile, "matmul"), calls(&profile, "∂matmul: matmul")), (4, 6));
    let rows = profile.rows(By::Name);
    assert!(rows.iter().any(|row| row.backward && row.name.starts_with("∂gelu: ")), "{rows:?}");
    assert!(rows.windows(2).all(|two| two[0].backward <= two[1].backward), "forward stands first");
    // What is inside is no longer than what it is in.
    for event in profile.events() {
        if let Some(outer) = event.inside.map(|outer| &profile.events()[outer]) {
            assert!(event.start >= outer.start && event.time <= outer.time);
        }
    }
    let text = profile.to_string();
    for part in ["operation ", "forward\n", "backward\n", "∂matmul: matmul", "AdamW.step", "in operations"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    Ok(())
}

#[test]
fn every_thread_has_its_track() {
    let _alone = alone();
    let ((), profile) = profile(|| {
        thread::scope(|scope| {
            for name in ["first", "second"] {
                let work = || {
                    profile::range("work", || Tensor::ones([3]).exp()).unwrap();
                };
                thread::Builder::new().name(name.into()).spawn_scoped(scope, work).unwrap();
            }
        });
        Tensor::ones([3]).exp().unwrap();
    });
    assert_eq!(calls(&profile, "exp"), 3);
    let of = |name: &str| profile.tracks().iter().position(|track| track.name == name);
    let (first, second) = (of("first"), of("second"));
    assert!(first.is_some() && second.is_some(), "{:?}", profile.tracks());
    let inside = |track| {
        profile
            .events()
            .iter()
            .filter(|event| Some(event.track) == track && event.kind == Kind::Operation)
            .count()
    };
    assert_eq!((inside(first), inside(second)), (1, 1));
    // A thread that has ended is forgotten.
    let ((), later) = cresset::profile(|| drop(Tensor::ones([3]).exp()));
    assert_eq!(later.tracks().len(), 1);
}

#[test]
fn errors_and_panics_leave_it_off() {
    let _alone = alone();
    let (result, profile) = profile(|| Tensor::ones([2, 3]).matmul(&Tensor::ones([2, 3])));
    assert!(result.is_err());
    assert_eq!(calls(&profile, "matmul"), 1);
    let broken = std::panic::catch_unwind(|| {
        cresset::profile(|| profile::range("broken", || drop(&Tensor::ones([2]) + &Tensor::ones([3]))))
    });
    assert!(broken.is_err());
    assert!(!profile::is_on());
    // And the next one knows nothing of it.
    Tensor::ones([3]).exp().unwrap();
    let (_, profile) = cresset::profile(|| Tensor::ones([3]).log().unwrap());
    assert_eq!((calls(&profile, "log"), calls(&profile, "exp"), profile.events().len()), (1, 0, 1));
    assert!(profile.ranges().is_empty());
}

#[test]
fn a_profile_in_a_profile_is_a_part_of_it() {
    let _alone = alone();
    let (inner, outer) = profile(|| {
        Tensor::ones([3]).exp().unwrap();
        let (_, inner) = profile(|| Tensor::ones([3]).log().unwrap());
        Tensor::ones([3]).sin().unwrap();
        inner
    });
    assert_eq!([calls(&inner, "exp"), calls(&inner, "log"), calls(&inner, "sin")], [0, 1, 0]);
    assert_eq!([calls(&outer, "exp"), calls(&outer, "log"), calls(&outer, "sin")], [1, 1, 1]);
    assert!(outer.wall() >= inner.wall());
}

#[test]
fn the_trace_is_json_that_browsers_take() -> Result<()> {
    let _alone = alone();
    let ((), profile) = profile(|| {
        profile::range("a \"quoted\"\nname", || {
            let x = Tensor::ones([2, 2]).requires_grad();
            x.exp().unwrap().sum().unwrap().backward().unwrap();
            thread::sleep(Duration::from_millis(2));
        });
    });
    let path = std::env::temp_dir().join(format!("cresset-trace-{}.json", std::process::id()));
    profile.write_chrome_trace(&path)?;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let trace = cresset::formats::from_json(&text)?;
    let lines = trace.get("traceEvents")?.list()?;
    let mut names = Vec::new();
    for line in lines {
        assert!(line.get("pid")?.int()? >= 1 && line.get("tid")?.int()? >= 0);
        if line.get("ph")?.text()? == "X" {
            assert!(line.get("ts")?.float()? >= 0.0 && line.get("dur")?.float()? >= 0.0);
            names.push(line.get("name")?.text()?.to_owned());
        } else {
            assert_eq!(line.get("ph")?.text()?, "M");
        }
    }
    for name in ["a \"quoted\"\nname", "exp", "sum", "backward", "∂exp", "∂sum"] {
        assert!(names.iter().any(|other| other == name), "{name} in {names:?}");
    }
    assert_eq!(names.len(), profile.events().len());
    let range =
        lines.iter().find(|line| line.get("cat").and_then(State::text).is_ok_and(|cat| cat == "range"));
    assert!(range.unwrap().get("dur")?.float()? >= 2000.0);
    assert!(profile.write_chrome_trace("/no such/folder/trace.json").is_err());
    Ok(())
}
