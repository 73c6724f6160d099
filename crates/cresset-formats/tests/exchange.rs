//! Python reads what we write, and we read what Python writes: NumPy, safetensors and PyTorch themselves.
//!
//! The Python that `CRESSET_PYTHON` names is asked, else `python3`; what it cannot import is left out, and said.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cresset_formats::*;
use cresset_tensor::{Array, DType, Element, Key, Layout, Scalar, State, StateDict, with_element};

/// Runs the other side; the packages it has. None without a Python.
fn python(command: &str, folder: &Path) -> Option<String> {
    let python = std::env::var_os("CRESSET_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange.py");
    let output = match Command::new(&python).arg(script).arg(command).arg(folder).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: {} does not run: {error}", python.display());
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for package in ["numpy", "torch", "safetensors"] {
        if !has(&text, package) {
            println!("skipped: {} has no {package}", python.display());
        }
    }
    Some(text)
}

fn has(packages: &str, name: &str) -> bool {
    packages.split_whitespace().any(|package| package == name)
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("cresset-exchange-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// What both sides agree on: 0 to 5 in two rows.
fn numbers(dtype: DType) -> Array {
    with_element!(dtype, T => {
        let numbers: Vec<T> = (0..6).map(|x| T::from_scalar(Scalar::Int(x))).collect();
        Array::from_vec(numbers, [2, 3]).unwrap()
    })
}

fn same(got: &Array, expected: &Array) {
    assert_eq!((got.dtype(), got.shape()), (expected.dtype(), expected.shape()));
    assert_eq!(got.to_bytes().unwrap(), expected.to_bytes().unwrap(), "{got} is not {expected}");
}

fn floats(range: std::ops::Range<usize>) -> Array {
    let numbers: Vec<f32> = range.clone().map(|x| x as f32).collect();
    Array::from_vec(numbers, [range.len()]).unwrap()
}

fn view(array: &Array, shape: &[usize], strides: &[isize], offset: usize) -> Array {
    array.with_layout(Layout::new(shape.into(), strides.into(), offset)).unwrap()
}

#[test]
fn python_reads_what_we_write() {
    let folder = Folder::new("check");
    let path = |name: &str| folder.0.join(name);

    for dtype in DType::ALL {
        if dtype != DType::BF16 {
            save_npy(path(&format!("{dtype}.npy")), &numbers(dtype)).unwrap();
        }
    }
    let transposed = view(&numbers(DType::F32), &[3, 2], &[1, 3], 0);
    save_npy(path("transposed.npy"), &transposed).unwrap();
    save_npy(path("point.npy"), &Array::scalar(2.5, DType::F64).unwrap()).unwrap();
    save_npy(path("empty.npy"), &Array::from_vec(Vec::<f32>::new(), [3, 0]).unwrap()).unwrap();
    save_npy(path("line.npy"), &Array::new([1, 2, 3])).unwrap();
    let dict: StateDict = [
        ("a/b", Array::new([1, 2, 3])),
        ("größe", (0..9999i64).map(|x| x % 7).collect()),
        ("empty", Array::from_bytes(&[], [0, 4], DType::F16).unwrap()),
    ]
    .into_iter()
    .collect();
    save_npz(path("stored.npz"), &dict).unwrap();
    save_npz_compressed(path("deflated.npz"), &dict).unwrap();

    let tensors = DType::ALL.map(|dtype| (dtype.name(), numbers(dtype)));
    let scalar = || Array::scalar(2.5, DType::F32).unwrap();
    let empty = || Array::from_vec(Vec::<f32>::new(), [0, 3]).unwrap();
    let mut dict: StateDict = tensors.clone().into_iter().collect();
    dict.insert("scalar", scalar());
    dict.insert("empty", empty());
    dict.insert("transposed", transposed);
    let metadata = [("format", "pt"), ("größe", "7")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    save_safetensors_with_metadata(path("rust.safetensors"), &dict, &metadata).unwrap();
    let model = State::map([("weight", numbers(DType::F32).into()), ("bias", floats(0..3).into())]);
    save_checkpoint(path("rust.checkpoint"), &State::map([("model", model), ("step", 3i64.into())])).unwrap();

    let memory = floats(0..24);
    let state = State::map([
        ("tensors", State::map(tensors.map(|(name, array)| (name, array.into())))),
        ("base", view(&memory, &[4, 6], &[6, 1], 0).into()),
        ("transposed", view(&memory, &[6, 4], &[1, 6], 0).into()),
        ("column", view(&memory, &[4], &[6], 2).into()),
        ("reversed", view(&memory, &[24], &[-1], 23).into()),
        ("expanded", view(&Array::new([7.0f32, 1.0]), &[1000, 1000], &[0, 0], 1).into()),
        ("part", view(&Array::new([0i64, 1, 2, 3]), &[2], &[1], 1).into()),
        ("scalar", scalar().into()),
        ("empty", empty().into()),
        (
            "values",
            State::List(vec![
                State::None,
                true.into(),
                2.5.into(),
                f64::NEG_INFINITY.into(),
                "größe\n".into(),
                f64::NAN.into(),
                (-1i64).into(),
                255i64.into(),
                256i64.into(),
                (-(1i64 << 31)).into(),
                (1i64 << 31).into(),
                i64::MIN.into(),
                i64::MAX.into(),
            ]),
        ),
        (
            "state",
            State::map([
                (0, State::map([("step", 3i64.into())])),
                (1, State::Map(Vec::new())),
                (-1, State::List(Vec::new())),
            ]),
        ),
    ]);
    save_pt(path("rust.pt"), &state).unwrap();
    python("check", &folder.0);
}

#[test]
fn we_read_what_python_writes() {
    let folder = Folder::new("write");
    let Some(packages) = python("write", &folder.0) else { return };
    let path = |name: &str| folder.0.join(name);
    if has(&packages, "numpy") {
        numpy(&path);
    }
    if has(&packages, "torch") {
        for name in ["protocol2.pt", "protocol4.pt", "protocol5.pt", "legacy.pt", "unchecked.pt"] {
            torch(load_pt(path(name)).unwrap(), has(&packages, "numpy"));
        }
        for (name, words) in [
            ("model.pt", "torch.nn.modules.container.Sequential; nothing was run: a whole model was pickled"),
            (
                "complex.pt",
                "x: a tensor is over torch.ComplexFloatStorage: complex numbers are not supported",
            ),
            ("script.pt", "a TorchScript program"),
        ] {
            let text = load_pt(path(name)).unwrap_err().to_string();
            assert!(text.contains(words) || words.starts_with("x: ") && text.contains(&words[3..]), "{text}");
        }
    }
    if has(&packages, "torch") && has(&packages, "safetensors") {
        let (dict, metadata) = load_safetensors_with_metadata(path("python.safetensors")).unwrap();
        assert_eq!(dict.len(), 12);
        for dtype in DType::ALL {
            same(dict.get(dtype.name()).unwrap(), &numbers(dtype));
        }
        assert_eq!(dict.get("scalar").unwrap().item::<f32>().unwrap(), 2.5);
        assert_eq!(dict.get("empty").unwrap().shape(), &[0, 3]);
        assert_eq!(metadata.get("größe").map(String::as_str), Some("7"));
    }
}

fn numpy(path: &dyn Fn(&str) -> PathBuf) {
    for dtype in DType::ALL {
        if dtype != DType::BF16 {
            same(&load_npy(path(&format!("{dtype}.npy"))).unwrap(), &numbers(dtype));
        }
    }
    let fortran = load_npy(path("fortran.npy")).unwrap();
    assert_eq!(fortran.shape(), &[2, 3, 4]);
    assert_eq!(fortran.to_vec::<f64>().unwrap(), (0..24).map(f64::from).collect::<Vec<_>>());
    same(&load_npy(path("big.npy")).unwrap(), &numbers(DType::I32));
    for version in 1..=3 {
        same(&load_npy(path(&format!("version{version}.npy"))).unwrap(), &Array::new([1.5f32, -2.5]));
    }
    for name in ["stored.npz", "deflated.npz"] {
        let dict = load_npz(path(name)).unwrap();
        assert_eq!(dict.names().collect::<Vec<_>>(), ["a/b", "", "leer", "größe"]);
        assert_eq!(dict.get("a/b").unwrap().to_vec::<i64>().unwrap(), [0, 1, 2]);
        assert_eq!(dict.get("").unwrap().item::<f32>().unwrap(), 2.5);
        assert_eq!(dict.get("leer").unwrap().shape(), &[0, 4]);
        assert_eq!(
            dict.get("größe").unwrap().to_i64s().unwrap(),
            (0..9999).map(|x| x % 7).collect::<Vec<_>>()
        );
    }
}

fn torch(state: State, with_numpy: bool) {
    let get = |name: &str| state.get(name).unwrap();
    let array = |name: &str| get(name).array().unwrap();
    let tensors = get("tensors");
    for dtype in DType::ALL {
        same(tensors.get(dtype.name()).unwrap().array().unwrap(), &numbers(dtype));
    }
    let memory = floats(0..24);
    same(array("base"), &view(&memory, &[4, 6], &[6, 1], 0));
    same(array("transposed"), &view(&memory, &[6, 4], &[1, 6], 0));
    same(array("slice"), &view(&memory, &[2, 3], &[6, 2], 6));
    assert!(array("slice").shares_memory(array("base")));
    same(array("expanded"), &Array::filled("full", [3, 4].into(), DType::F32, 1).unwrap());
    same(array("parameter"), &Array::new([1.5f32, 1.5]));
    same(array("tagged"), &Array::new([1f32, 1.0]));
    let model = state_dict_in(state.clone()).unwrap();
    let names = [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ];
    assert_eq!(model.names().collect::<Vec<_>>(), names);
    let optimizer = get("optimizer");
    assert_eq!(optimizer.get("state").unwrap().entries().unwrap()[0].0, Key::Int(0));
    let step = optimizer.get("state").unwrap().get(0).unwrap().get("step").unwrap();
    assert_eq!(step.array().unwrap().item::<f32>().unwrap(), 1.0);
    let group = &optimizer.get("param_groups").unwrap().list().unwrap()[0];
    assert_eq!(group.get("lr").unwrap().float().unwrap(), 0.01);
    assert_eq!(get("counts").get("b").unwrap().int().unwrap(), -(1 << 62));
    assert_eq!(get("history").get("loss").unwrap().list().unwrap()[1].float().unwrap(), f64::INFINITY);
    assert_eq!(get("beyond").text().unwrap(), "18446744073709551615");
    assert_eq!(get("tuple").list().unwrap()[1].list().unwrap()[0].int().unwrap(), 2);
    assert_eq!(get("set").list().unwrap()[0].int().unwrap(), 7);
    same(array("bytes"), &Array::new([b'a', b'b', 255]));
    assert_eq!(get("size").list().unwrap()[1].int().unwrap(), 6);
    assert_eq!(get("dtype").text().unwrap(), "torch.float16");
    assert_eq!(get("device").text().unwrap(), "cuda:1");
    assert_eq!(get("text").text().unwrap(), "größe\n");
    assert!(get("truth").bool().unwrap());
    assert_eq!(get("none").kind(), "nothing");
    if with_numpy {
        assert_eq!(get("best").float().unwrap(), 0.75);
        assert_eq!(get("count").int().unwrap(), -3);
        same(array("array"), &numbers(DType::I32));
    }
}
