//! safetensors: named arrays, a JSON header before their bytes. A file is what the format's own program takes: the arrays'
//! bytes follow one another without a gap.
//!
//! The `safetensors` crate is not used: its errors do not name the array they are about, adding up what its reader takes
//! from a header may overflow, and with what it depends on it took a twentieth of a small program's build.

use std::{collections::BTreeMap, fmt::Write as _, io::Write, path::Path};

use cresset_tensor::{Array, DType, Key, Result, State, StateDict, order::sort_by};

use crate::{
    atomic::saving,
    content::loading,
    json,
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

/// The most bytes of a header.
const LONGEST: usize = 100_000_000;

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
    let (mut entries, metadata) = entries(header)?;
    sort_by(&mut entries, |entry, other| (entry.start, entry.end).cmp(&(other.start, other.end)));
    let mut before = 0;
    for Entry { name, start, end, .. } in &entries {
        if *start != before {
            return wrong(format!(
                "{name}: its bytes begin at {start}, those of the array before it end at {before}: arrays overlap, or \
                 leave a gap"
            ));
        }
        before = *end;
    }
    if before != data.len() as u64 {
        return wrong(format!(
            "its arrays take {before} bytes, {} follow the header: it was cut off, or something was appended",
            data.len()
        ));
    }
    let mut dict = StateDict::new();
    for Entry { name, dtype, shape, start, end } in entries {
        // They follow one another up to the end of the data.
        let bytes = &data[start as usize..end as usize];
        let array =
            Array::from_bytes(bytes, shape, dtype).map_err(|error| Trouble::from(error).within(&name))?;
        dict.insert(name, array);
    }
    Ok((dict, metadata))
}

/// What a header says of an array.
struct Entry {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    /// Where its bytes begin and end, from the header's end.
    start: u64,
    end: u64,
}

/// The arrays and texts of a header.
fn entries(header: &[u8]) -> Outcome<(Vec<Entry>, Metadata)> {
    if header.len() > LONGEST {
        return wrong("its header is longer than 100 million bytes");
    }
    let text = match std::str::from_utf8(header) {
        Ok(text) => text,
        Err(error) => return wrong(format!("its header is not UTF-8: {error}")),
    };
    let header = match json::plain(text) {
        Ok(State::Map(header)) => header,
        Ok(other) => return wrong(format!("its header is not a safetensors header: it is {}", other.kind())),
        Err(trouble) => return Err(trouble.within("its header is not a safetensors header")),
    };
    let (mut entries, mut metadata) = (Vec::with_capacity(header.len()), Metadata::new());
    for (name, info) in header {
        let name = name.to_string();
        match info {
            info if name != "__metadata__" => entries.push(entry(name, &info)?),
            State::Map(texts) => {
                for (key, text) in texts {
                    let State::Text(text) = text else {
                        return wrong(format!("__metadata__: {key} is no text"));
                    };
                    metadata.insert(key.to_string(), text);
                }
            }
            State::None => {}
            _ => return wrong("__metadata__ is to be an object of texts"),
        }
    }
    Ok((entries, metadata))
}

fn entry(name: String, info: &State) -> Outcome<Entry> {
    let lacks = |what: &str| Trouble::from(format!("its header is not a safetensors header: {name}: {what}"));
    let State::Map(info) = info else { return Err(lacks("it is no object")) };
    let part = |wanted: &str| {
        info.iter().find(|(key, _)| matches!(key, Key::Text(key) if key == wanted)).map(|(_, part)| part)
    };
    let Some(State::Text(text)) = part("dtype") else { return Err(lacks("it has no text `dtype`")) };
    let Some(dtype) = DType::ALL.into_iter().find(|dtype| name_of(*dtype) == text) else {
        return wrong(format!("{name}: its dtype is {text}, which arrays cannot have here"));
    };
    let number = |number: &State| match number {
        State::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let numbers = |key: &str| -> Option<Vec<u64>> {
        let Some(State::List(numbers)) = part(key) else { return None };
        numbers.iter().map(number).collect()
    };
    let shape = numbers("shape").ok_or_else(|| lacks("it has no list of sizes `shape`"))?;
    let offsets = numbers("data_offsets");
    let Some(&[start, end]) = offsets.as_deref() else {
        return Err(lacks("it has no two numbers `data_offsets`"));
    };
    let size = shape.iter().try_fold(dtype.size() as u64, |size, &n| size.checked_mul(n));
    let bytes = end.checked_sub(start);
    if size.is_none() || size != bytes {
        let size = size.map_or("more bytes than can be counted".to_owned(), |size| format!("{size} bytes"));
        let bytes = bytes.map_or("fewer than none".to_owned(), |bytes| bytes.to_string());
        return wrong(format!("{name}: shape {shape:?} of {text} takes {size}, its offsets say {bytes}"));
    }
    let sizes: std::result::Result<Vec<usize>, _> = shape.iter().map(|&n| usize::try_from(n)).collect();
    let shape = sizes.map_err(|_| lacks("a size is larger than this machine's numbers"))?;
    Ok(Entry { name, dtype, shape, start, end })
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
    sort_by(&mut order, |(_, array), (_, other)| other.dtype().size().cmp(&array.dtype().size()));
    let mut header = String::from("{");
    if !metadata.is_empty() {
        let texts = metadata.iter().map(|(key, text)| Ok(json::quoted(key)? + ":" + &json::quoted(text)?));
        let texts = texts.collect::<Outcome<Vec<String>>>()?.join(",");
        write!(header, "\"__metadata__\":{{{texts}}}").map_err(unwritten)?;
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
            json::quoted(name)?,
            name_of(array.dtype()),
            array.shape(),
        )
        .map_err(unwritten)?;
    }
    header.push('}');
    // The arrays begin at a multiple of eight.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    if header.len() > LONGEST {
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

fn unwritten(error: std::fmt::Error) -> Trouble {
    Trouble::from(error.to_string())
}
