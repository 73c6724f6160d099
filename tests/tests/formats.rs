//! Files of other programs read as their manifest says, and damaged ones are refused with what is wrong with them.

use std::path::PathBuf;

use cresset_formats::{load_npy, load_pt, load_safetensors, load_safetensors_with_metadata};
use cresset_tests::golden::{default_folder, run_formats};

fn file(name: &str) -> PathBuf {
    default_folder().join("formats").join(name)
}

#[test]
fn every_file_reads_as_the_manifest_says() {
    let report = run_formats(&default_folder()).unwrap();
    assert!(report.is_whole(), "{}", report.troubles.join("\n"));
    assert_eq!(report.cases, (41, 41));
}

#[test]
fn errors_say_what_is_wrong() {
    for (name, words) in [
        ("evil.pt", "posix.system"),
        ("truncated.pt", "cut off"),
        ("not_a_checkpoint.pt", "not a PyTorch checkpoint"),
        ("empty.pt", "the file is empty"),
        ("missing_storage.pt", "0.weight: storage '0' is not in the archive"),
        ("short_storage.pt", "storage '0' holds"),
        ("huge_header.safetensors", "its header is to have 1152921504606846976 bytes"),
        ("bad_json.safetensors", "its header is not a safetensors header"),
        ("past_end.safetensors", "its arrays take"),
        ("overlap.safetensors", "overlap"),
        ("wrong_size.safetensors", "a: shape ["),
        ("overflow.safetensors", "a: shape ["),
        ("odd_dtype.safetensors", "a: its dtype is F12"),
        ("structured.npy", "a structure of named fields"),
        ("object.npy", "pickled Python objects"),
        ("complex.npy", "complex numbers"),
        ("truncated.npy", "cut off"),
        ("bad_magic.npy", "not a .npy file"),
        ("huge_shape.npy", "takes 48000000000000 bytes, 58 are there"),
    ] {
        let path = file(name);
        let error = match path.extension().unwrap().to_str().unwrap() {
            "pt" => load_pt(&path).unwrap_err(),
            "npy" => load_npy(&path).unwrap_err(),
            _ => load_safetensors(&path).unwrap_err(),
        };
        let text = error.to_string();
        assert!(text.contains(words) && text.contains(name) && text.contains("formats.rs"), "{text}");
        println!("{text}");
    }
}

#[test]
fn what_is_no_tensor_is_read_too() {
    let checkpoint = load_pt(file("checkpoint.pt")).unwrap();
    assert_eq!(checkpoint.get("epoch").unwrap().int().unwrap(), 7);
    assert_eq!(checkpoint.get("loss").unwrap().float().unwrap(), 0.125);
    let names = checkpoint.get("names").unwrap().list().unwrap();
    assert_eq!(names.iter().map(|name| name.text().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(checkpoint.get("none").unwrap().kind(), "nothing");
    let group = &checkpoint.get("optimizer").unwrap().get("param_groups").unwrap().list().unwrap()[0];
    assert_eq!(group.get("betas").unwrap().list().unwrap()[1].float().unwrap(), 0.999);
    let state = checkpoint.get("optimizer").unwrap().get("state").unwrap();
    assert_eq!(state.get(0).unwrap().get("exp_avg").unwrap().array().unwrap().shape(), &[2, 3]);

    let (_, metadata) = load_safetensors_with_metadata(file("dtypes.safetensors")).unwrap();
    assert_eq!(metadata.get("format").map(String::as_str), Some("pt"));
    assert_eq!(metadata.get("step").map(String::as_str), Some("3"));
}

#[test]
fn views_share_their_storage() {
    let views = load_pt(file("views.pt")).unwrap();
    let array = |name: &str| views.get(name).unwrap().array().unwrap();
    for name in ["transposed", "slice", "tied"] {
        assert!(array(name).shares_memory(array("base")), "{name}");
    }
    assert!(!array("expanded").shares_memory(array("base")));
    assert_eq!(array("expanded").strides()[0], 0);
}
