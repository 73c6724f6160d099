//! Files of other programs, good and damaged: `formats/manifest.json` says which is which and what the good ones hold.

use std::{fs, path::Path};

use cresset_formats::{load_npy, load_npz, load_pt, load_safetensors};
use cresset_tensor::{Array, Result, State};
use safetensors::SafeTensors;
use serde_json::Value as Json;

use super::{Report, Trouble};

/// All files that the manifest of a folder names.
pub fn run_formats(folder: &Path) -> Result<Report, Trouble> {
    let folder = folder.join("formats");
    let manifest =
        fs::read(folder.join("manifest.json")).map_err(|error| format!("{}: {error}", folder.display()))?;
    let manifest: Json = serde_json::from_slice(&manifest)?;
    let expected = fs::read(folder.join("expected.safetensors"))?;
    let expected = SafeTensors::deserialize(&expected)?;
    let mut report = Report { name: "formats".to_owned(), ..Report::default() };
    for case in manifest.as_array().ok_or("the manifest is no list")? {
        let file = case["file"].as_str().ok_or("a case of the manifest names no file")?;
        let result = run(&folder, file, case, &expected);
        Report::count(&mut report.cases, &mut report.troubles, file, result);
    }
    Ok(report)
}

fn run(folder: &Path, file: &str, case: &Json, expected: &SafeTensors) -> Result<(), String> {
    let loaded = load(&folder.join(file));
    if case["good"] == false {
        return match loaded {
            Ok(_) => Err(format!("was read, but: {}", case["note"])),
            Err(_) => Ok(()),
        };
    }
    let loaded = loaded.map_err(|error| error.to_string())?;
    let tensors = case["tensors"].as_object().ok_or("the manifest names no tensors")?;
    let arrays = loaded.arrays();
    if let Some((extra, _)) = arrays.iter().find(|(name, _)| !tensors.contains_key(name)) {
        return Err(format!("'{extra}' was read, which is not in it"));
    }
    for (name, key) in tensors {
        let (_, array) =
            arrays.iter().find(|(other, _)| other == name).ok_or(format!("'{name}' is missing"))?;
        let expected = key.as_str().ok_or("a key is no text").map(|key| expected.tensor(key));
        compare(array, &expected?.map_err(|error| error.to_string())?)
            .map_err(|text| format!("'{name}': {text}"))?;
    }
    Ok(())
}

/// What a file holds, whatever its format; of `.npy`, the array without a name.
fn load(path: &Path) -> Result<State> {
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt") => load_pt(path)?,
        Some("safetensors") => load_safetensors(path)?.into(),
        Some("npz") => load_npz(path)?.into(),
        _ => State::Array(load_npy(path)?),
    })
}

/// Equal bit for bit.
fn compare(array: &Array, expected: &safetensors::tensor::TensorView) -> Result<(), String> {
    let dtype = match expected.dtype() {
        safetensors::Dtype::BF16 => "bfloat16".to_owned(),
        safetensors::Dtype::BOOL => "bool".to_owned(),
        other => other.to_string().to_lowercase().replace('f', "float").replace('u', "uint"),
    };
    let dtype = if dtype.starts_with('i') { dtype.replace('i', "int") } else { dtype };
    if array.dtype().name() != dtype {
        return Err(format!("dtype {}, not {dtype}", array.dtype()));
    }
    if **array.shape() != *expected.shape() {
        return Err(format!("shape {}, not {:?}", array.shape(), expected.shape()));
    }
    match array.to_bytes().map_err(|error| error.to_string())? == expected.data() {
        true => Ok(()),
        false => Err("other numbers".to_owned()),
    }
}
