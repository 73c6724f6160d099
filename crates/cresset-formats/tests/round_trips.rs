//! What is saved is loaded again, bit for bit, in every format.

use std::path::PathBuf;

use cresset_formats::*;
use cresset_tensor::{Array, DType, Key, Layout, State, StateDict};
use proptest::prelude::*;

/// Are both the same tree, bit for bit?
fn same(a: &State, b: &State) -> bool {
    match (a, b) {
        (State::None, State::None) => true,
        (State::Bool(a), State::Bool(b)) => a == b,
        (State::Int(a), State::Int(b)) => a == b,
        (State::Float(a), State::Float(b)) => a.to_bits() == b.to_bits(),
        (State::Text(a), State::Text(b)) => a == b,
        (State::Array(a), State::Array(b)) => same_array(a, b),
        (State::List(a), State::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (State::Map(a), State::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
        }
        _ => false,
    }
}

fn same_array(a: &Array, b: &Array) -> bool {
    (a.dtype(), a.shape()) == (b.dtype(), b.shape()) && a.to_bytes().unwrap() == b.to_bytes().unwrap()
}

fn same_dict(a: &StateDict, b: &StateDict) -> bool {
    a.len() == b.len()
        && a.iter().all(|(name, array)| b.get(name).is_some_and(|other| same_array(array, other)))
}

/// Any bits, any dtype, up to three dimensions, some laid out in strides.
fn array() -> impl Strategy<Value = Array> {
    let shape = prop::collection::vec(0usize..4, 0..4);
    (0..DType::ALL.len(), shape, any::<[u8; 32]>(), any::<bool>()).prop_map(
        |(dtype, shape, seed, reversed)| {
            let dtype = DType::ALL[dtype];
            let size = shape.iter().product::<usize>() * dtype.size();
            let bytes: Vec<u8> = seed.iter().copied().cycle().take(size).collect();
            let array = Array::from_bytes(&bytes, shape, dtype).unwrap();
            if !reversed {
                return array;
            }
            let order: Vec<usize> = (0..array.rank()).rev().collect();
            array.with_layout(array.layout().permute(&order).unwrap()).unwrap()
        },
    )
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        "[a-zé.$\"\\\\_]{0,4}".prop_map(Key::Text),
        any::<i64>().prop_map(Key::Int),
        (0i64..3).prop_map(Key::Int),
    ]
}

fn leaf(with_arrays: bool) -> BoxedStrategy<State> {
    let plain = prop_oneof![
        Just(State::None),
        any::<bool>().prop_map(State::Bool),
        any::<i64>().prop_map(State::Int),
        // Any bits: infinities, NaNs of all kinds, the smallest numbers.
        any::<u64>().prop_map(|bits| State::Float(f64::from_bits(bits))),
        prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e16, 0.1, 5e-324])
            .prop_map(State::Float),
        any::<String>().prop_map(State::Text),
    ];
    if with_arrays {
        prop_oneof![3 => plain, 2 => array().prop_map(State::Array)].boxed()
    } else {
        plain.boxed()
    }
}

fn tree(with_arrays: bool) -> impl Strategy<Value = State> {
    leaf(with_arrays).prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(State::List),
            prop::collection::hash_map(key(), inner, 0..5)
                .prop_map(|map| State::Map(map.into_iter().collect())),
        ]
    })
}

fn dict() -> impl Strategy<Value = StateDict> {
    prop::collection::vec(("[a-zé./ ]{0,6}", array()), 0..6).prop_map(|entries| entries.into_iter().collect())
}

/// A file of one test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        File(std::env::temp_dir().join(format!("cresset-round-trip-{}-{name}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn checkpoints(state in tree(true)) {
        let bytes = checkpoint::to_bytes(&state).unwrap();
        prop_assert!(same(&checkpoint::from_bytes(&bytes).unwrap(), &state));
        prop_assert_eq!(checkpoint::to_bytes(&state).unwrap(), bytes);
    }

    #[test]
    fn json(state in tree(false)) {
        let text = to_json(&state).unwrap();
        prop_assert!(same(&from_json(&text).unwrap(), &state), "{}", text);
    }

    #[test]
    fn pytorch(state in tree(true)) {
        let file = File::new("tree.pt");
        save_pt(&file.0, &state).unwrap();
        prop_assert!(same(&load_pt(&file.0).unwrap(), &state));
    }

    #[test]
    fn safetensors_dicts(dict in dict()) {
        let bytes = safetensors::to_bytes(&dict, &Default::default()).unwrap();
        prop_assert!(same_dict(&safetensors::from_bytes(&bytes).unwrap().0, &dict));
    }

    #[test]
    fn numpy(dict in dict()) {
        let dict: StateDict = dict.into_iter().filter(|(_, array)| array.dtype() != DType::BF16).collect();
        for (_, array) in dict.iter() {
            let bytes = npy::to_bytes(array).unwrap();
            prop_assert!(same_array(&npy::from_bytes(&bytes).unwrap(), array));
            prop_assert_eq!((bytes.len() - array.numel() * array.dtype().size()) % 64, 0);
        }
        let file = File::new("dict.npz");
        save_npz(&file.0, &dict).unwrap();
        prop_assert!(same_dict(&load_npz(&file.0).unwrap(), &dict));
        save_npz_compressed(&file.0, &dict).unwrap();
        prop_assert!(same_dict(&load_npz(&file.0).unwrap(), &dict));
    }
}

#[test]
fn safetensors_headers_are_taken_at_their_word() {
    // In names of arrays a dollar means nothing.
    let dict: StateDict = [("$array", Array::new([1.0f32]))].into_iter().collect();
    let metadata = [("$float".to_owned(), "\"nan\n".to_owned())].into();
    let bytes = safetensors::to_bytes(&dict, &metadata).unwrap();
    let (back, texts) = safetensors::from_bytes(&bytes).unwrap();
    assert!(same_dict(&back, &dict) && texts == metadata);

    let said = |header: &str| {
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0]].concat();
        safetensors::from_bytes(&bytes).unwrap_err().to_string()
    };
    let array = r#"{"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}"#;
    assert!(said(&format!("{{\"x\": {array}, \"x\": {array}}}")).contains("twice"));
    assert!(said(&format!("{{\"x\": {}}}", array.replace("[1]", "[\"1\"]"))).contains("no list of sizes"));
    assert!(said(&format!("{{\"x\": {}}}", array.replace("[1]", "[-1]"))).contains("no list of sizes"));
    assert!(said("{\"x\": 1}").contains("x: it is no object") && said("[]").contains("it is a list"));
    assert!(said("{\"__metadata__\": {\"format\": 1}}").contains("format is no text"));
}

#[test]
fn large_files_are_mapped() {
    let numbers: Vec<f32> = (0..1 << 20).map(|x| x as f32).collect();
    let dict: StateDict =
        [("large", Array::from_vec(numbers, [1 << 10, 1 << 10]).unwrap())].into_iter().collect();
    let file = File::new("large.safetensors");
    save_safetensors(&file.0, &dict).unwrap();
    // Not even as it was, cut off after it was mapped, does the file matter: the numbers were copied.
    let loaded = load_safetensors(&file.0).unwrap();
    std::fs::write(&file.0, b"").unwrap();
    assert!(same_dict(&loaded, &dict));
}

#[test]
fn order_is_kept() {
    let names = ["z", "a", "m", "b"];
    let dict: StateDict = names.map(|name| (name, Array::new([1.0f32]))).into_iter().collect();
    let bytes = safetensors::to_bytes(&dict, &Default::default()).unwrap();
    assert_eq!(safetensors::from_bytes(&bytes).unwrap().0.names().collect::<Vec<_>>(), names);
    // Wider dtypes lie before narrower ones, so that all are aligned.
    let dict: StateDict = [("byte", Array::new([1u8])), ("wide", Array::new([1i64]))].into_iter().collect();
    let bytes = safetensors::to_bytes(&dict, &Default::default()).unwrap();
    assert_eq!(safetensors::from_bytes(&bytes).unwrap().0.names().collect::<Vec<_>>(), ["wide", "byte"]);
}

#[test]
fn arrays_that_are_there_twice_are_saved_once() {
    let shared = Array::new([1.0f32; 1000]);
    let row = shared.with_layout(Layout::new([10].into(), [1].into(), 5)).unwrap();
    let state = State::map([
        ("a.b", State::Array(shared.clone())),
        ("a", State::map([("b", State::Array(shared.clone()))])),
        ("row", State::Array(row)),
    ]);
    let bytes = checkpoint::to_bytes(&state).unwrap();
    assert!(bytes.len() < 5000);
    let back = checkpoint::from_bytes(&bytes).unwrap();
    let inner = back.get("a").unwrap().get("b").unwrap().array().unwrap();
    assert!(back.get("a.b").unwrap().array().unwrap().shares_memory(inner));

    let file = File::new("shared.pt");
    save_pt(&file.0, &state).unwrap();
    assert!(std::fs::metadata(&file.0).unwrap().len() < 6000);
    let back = load_pt(&file.0).unwrap();
    let all = back.arrays();
    assert!(all.iter().all(|(_, array)| array.shares_memory(all[0].1)));
    assert_eq!(all[2].1.offset(), 5);
}

#[test]
fn names_that_collide_are_told_apart() {
    let state = State::map([
        ("a.b", State::Array(Array::new([1]))),
        ("a", State::map([("b", State::Array(Array::new([2])))])),
        ("__metadata__", State::Array(Array::new([3]))),
        ("", State::Array(Array::new([4]))),
    ]);
    let back = checkpoint::from_bytes(&checkpoint::to_bytes(&state).unwrap()).unwrap();
    assert!(same(&back, &state));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let array = State::map([("deep", State::List(vec![Array::new([1.0]).into()]))]);
    let text = to_json(&array).unwrap_err().to_string();
    assert!(text.contains("'deep.0' is an array") && text.contains("save_checkpoint"), "{text}");

    let half = Array::from_bytes(&[0, 0], [1], DType::BF16).unwrap();
    let text = npy::to_bytes(&half).unwrap_err().to_string();
    assert!(text.contains("NumPy has no bfloat16"), "{text}");

    let twice = State::map([("x", State::None), ("x", State::None)]);
    assert!(to_json(&twice).unwrap_err().to_string().contains("twice"));
    assert!(from_json(r#"{"x": 1, "x": 2}"#).unwrap_err().to_string().contains("twice"));

    let deep = (0..200).fold(State::None, |inner, _| State::List(vec![inner]));
    assert!(to_json(&deep).is_err());
    assert!(save_pt(std::env::temp_dir().join("never.pt"), &deep).is_err());
    let deep = (0..99).fold(State::None, |inner, _| State::List(vec![inner]));
    assert!(same(&from_json(&to_json(&deep).unwrap()).unwrap(), &deep));
    // Each of these takes three levels of JSON.
    let deep = (0..90).fold(State::None, |inner, _| State::map([(0, inner)]));
    assert!(to_json(&deep).unwrap_err().to_string().contains("nested too deep"));

    let reserved: StateDict = [("__metadata__", Array::new([1]))].into_iter().collect();
    assert!(safetensors::to_bytes(&reserved, &Default::default()).is_err());
}

#[test]
fn any_json_is_read() {
    let state = from_json(
        " {\"big\": 18446744073709551615, \"min\": -9223372036854775808, \"list\": [1, 2.0, \"x\"]} ",
    );
    let state = state.unwrap();
    assert_eq!(state.get("big").unwrap().text().unwrap(), "18446744073709551615");
    assert_eq!(state.get("min").unwrap().int().unwrap(), i64::MIN);
    assert!(matches!(state.get("list").unwrap().list().unwrap()[1], State::Float(2.0)));
    for text in [
        "",
        "{",
        "[1,]",
        "1 2",
        "{\"$float\": \"x\"}",
        "{\"$array\": \"w\"}",
        "{\"$new\": 1}",
        "{\"$map\": [[1]]}",
        "{\"$map\": [[null, 1]]}",
        "{\"$map\": [[1, 1], [1, 2]]}",
        "{\"a\": 1, \"$float\": \"inf\"}",
        "1e999",
    ] {
        assert!(from_json(text).is_err(), "{text}");
    }
    assert!(from_json(&"[".repeat(1_000_000)).is_err());
}
