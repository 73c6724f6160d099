//! safetensors: named arrays, a JSON header before their bytes. The `safetensors` crate checks headers; writing is ours,
//! straight from the arrays into the file, in the order of the names.

use std::{collections::BTreeMap, fmt::Write as _, io::Write, path::Path};

use ::safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::Metadata as Header};
use cresset_tensor::{Array, DType, Result, StateDict};

use crate::{
    atomic::saving,
    content::loading,
    trouble::{Outcome, Trouble, wrong},
};

/// Texts that a safetensors file carries beside its arrays.
pub type Metadata = BTreeMap<String, String>;

/// Reads a safetensors file. Large files are mapped and copied once, into the arrays' own memory.
///
/// ```
/// use cresset_formats::{load_safetensors, save_safetensors};
/// use cresset_tensor::{Array, StateDict};
/// # let path = std::env::temp_dir().join(format!("cresset-{}.safetensors", std::process::id()));
/// let dict: StateDict = [("weight", Array::new([[1.0f32, 2.0]]))].into_iter().collect();
/// save_safetensors(&path, &dict)?;
/// assert_eq!(load_safetensors(&path)?.get("weight").unwrap().to_vec::<f32>()?, [1.0, 2.0]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<StateDict> {
    loading("load_safetensors", path.as_ref(), |bytes| Ok(read(bytes)?.0))
}

/// [`load_safetensors`], and the texts under `__metadata__`.
#[track_caller]
pub fn load_safetensors_with_metadata(path: impl AsRef<Path>) -> Result<(StateDict, Metadata)> {
    loading("load_safetensors", path.as_ref(), read)
}

/// Writes a safetensors file, atomically. Wider dtypes come first, so that every array is aligned; of the same width, in
/// the order of the dict.
#[track_caller]
pub fn save_safetensors(path: impl AsRef<Path>, dict: &StateDict) -> Result<()> {
    saving("save_safetensors", path.as_ref(), |file| write(file, dict, &Metadata::new()))
}

/// [`save_safetensors`] with texts beside the arrays. Some programs want `format` to be `pt`.
#[track_caller]
pub fn save_safetensors_with_metadata(
    path: impl AsRef<Path>,
    dict: &StateDict,
    metadata: &Metadata,
) -> Result<()> {
    saving("save_safetensors", path.as_ref(), |file| write(file, dict, metadata))
}

/// What the bytes of a safetensors file hold.
#[track_caller]
pub fn from_bytes(bytes: &[u8]) -> Result<(StateDict, Metadata)> {
    match read(bytes) {
        Ok(all) => Ok(all),
        Err(trouble) => Err(trouble.of("safetensors::from_bytes", None)),
    }
}

/// The bytes of a safetensors file.
#[track_caller]
pub fn to_bytes(dict: &StateDict, metadata: &Metadata) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match write(&mut bytes, dict, metadata) {
        Ok(()) => Ok(bytes),
        Err(trouble) => Err(trouble.of("safetensors::to_bytes", None)),
    }
}

pub(crate) fn read(bytes: &[u8]) -> Outcome<(StateDict, Metadata)> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return wrong(format!(
            "not a safetensors file: it has {} bytes, its header's length takes 8",
            bytes.len()
        ));
    };
    let length = u64::from_le_bytes(*length);
    if length > rest.len() as u64 {
        return wrong(format!(
            "not a whole safetensors file: its header is to have {length} bytes, {} follow",
            rest.len()
        ));
    }
    let (header, data) = rest.split_at(length as usize);
    // The crate's own reader adds up where the arrays end, and may overflow there; its errors are better, though.
    let header: Header = match serde_json::from_slice(header) {
        Ok(header) => header,
        Err(error) => {
            let trouble = SafeTensors::read_metadata(bytes).err();
            let trouble = explain(trouble.unwrap_or(SafeTensorError::InvalidHeaderDeserialization(error)));
            return Err(culprit(header).unwrap_or(trouble));
        }
    };
    if header.data_len() != data.len() {
        return wrong(format!(
            "its arrays take {} bytes, {} follow the header: it was cut off, or something was appended",
            header.data_len(),
            data.len()
        ));
    }
    let mut dict = StateDict::new();
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        let (start, end) = info.data_offsets;
        let Some(bytes) = data.get(start..end) else {
            return wrong(format!("{name}: its bytes {start} to {end} lie beyond the file's {}", data.len()));
        };
        let array = dtype_of(info.dtype)
            .and_then(|dtype| Ok(Array::from_bytes(bytes, info.shape.as_slice(), dtype)?))
            .map_err(|trouble| trouble.within(&name))?;
        dict.insert(name, array);
    }
    let metadata = header.metadata().iter().flatten();
    Ok((dict, metadata.map(|(name, text)| (name.clone(), text.clone())).collect()))
}

/// The crate's errors, with what would be right.
fn explain(error: SafeTensorError) -> Trouble {
    Trouble::from(match error {
        SafeTensorError::InvalidHeader(error) => format!("its header is not UTF-8: {error}"),
        SafeTensorError::InvalidHeaderDeserialization(error) => {
            format!("its header is not a safetensors header: {error}")
        }
        SafeTensorError::HeaderTooLarge => "its header is longer than 100 million bytes".to_owned(),
        SafeTensorError::InvalidOffset(name) => format!(
            "{name}: its bytes do not begin where those of the array before it end: arrays overlap, or leave a gap"
        ),
        other => other.to_string(),
    })
}

/// The first array of a refused header whose own entry is wrong: the crate's errors do not name it.
fn culprit(header: &[u8]) -> Option<Trouble> {
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    header.iter().filter(|(name, _)| *name != "__metadata__").find_map(|(name, info)| {
        let text = info["dtype"].as_str()?;
        let Some(dtype) = DType::ALL.into_iter().find(|dtype| name_of(*dtype) == text) else {
            return Some(Trouble::from(format!(
                "{name}: its dtype is {text}, which arrays cannot have here"
            )));
        };
        let shape: Option<Vec<u64>> = info["shape"].as_array()?.iter().map(|size| size.as_u64()).collect();
        let shape = shape?;
        let size = shape.iter().try_fold(dtype.size() as u64, |size, &n| size.checked_mul(n));
        let bytes = info["data_offsets"][1].as_u64()?.checked_sub(info["data_offsets"][0].as_u64()?);
        match (size, bytes) {
            (Some(size), Some(bytes)) if size == bytes => None,
            (size, bytes) => {
                let size =
                    size.map_or("more bytes than can be counted".to_owned(), |size| format!("{size} bytes"));
                let bytes = bytes.map_or("fewer than none".to_owned(), |bytes| bytes.to_string());
                Some(Trouble::from(format!(
                    "{name}: shape {shape:?} of {text} takes {size}, its offsets say {bytes}"
                )))
            }
        }
    })
}

fn dtype_of(dtype: Dtype) -> Outcome<DType> {
    Ok(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        other => return wrong(format!("its dtype is {other}, which arrays cannot have here")),
    })
}

fn name_of(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "F64",
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I16 => "I16",
        DType::I8 => "I8",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
    }
}

pub(crate) fn write(file: &mut dyn Write, dict: &StateDict, metadata: &Metadata) -> Outcome<()> {
    let mut order: Vec<(&str, &Array)> = dict.iter().collect();
    order.sort_by_key(|(_, array)| std::cmp::Reverse(array.dtype().size()));
    let mut header = String::from("{");
    if !metadata.is_empty() {
        write!(header, "\"__metadata__\":{}", json(metadata)?).map_err(unwritten)?;
    }
    let mut end = 0usize;
    for (name, array) in &order {
        if *name == "__metadata__" {
            return wrong(
                "an array cannot be named __metadata__: that is where a safetensors file has its texts",
            );
        }
        let start = end;
        let size = array.numel().checked_mul(array.dtype().size());
        let Some(after) = size.and_then(|size| start.checked_add(size)) else {
            return wrong(format!(
                "{name}: its shape {} has more elements than a file can hold",
                array.shape()
            ));
        };
        end = after;
        let comma = if header.len() > 1 { "," } else { "" };
        write!(
            header,
            "{comma}{}:{{\"dtype\":\"{}\",\"shape\":{:?},\"data_offsets\":[{start},{end}]}}",
            json(name)?,
            name_of(array.dtype()),
            array.shape(),
        )
        .map_err(unwritten)?;
    }
    header.push('}');
    // The arrays begin at a multiple of eight.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    if header.len() > 100_000_000 {
        return wrong(
            "names and metadata take more than the 100 million bytes that a safetensors header may have",
        );
    }
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (_, array) in order {
        array.write_bytes(file)?;
    }
    Ok(())
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Trouble::from(error.to_string()))
}

fn unwritten(error: std::fmt::Error) -> Trouble {
    Trouble::from(error.to_string())
}
