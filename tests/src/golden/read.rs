//! Golden cases out of their files: gzipped JSON, its tensors in gzipped safetensors.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use cresset_ops::{Array, DType, Element, Scalar};
use cresset_tensor::{bf16, f16, with_element};
use flate2::read::GzDecoder;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value as Json;

use super::Value;

/// One operation's cases.
pub struct Golden {
    /// PyTorch's name.
    pub name: String,
    /// What it must answer.
    pub cases: Vec<Case>,
    /// What it must refuse.
    pub refusals: Vec<Refusal>,
}

/// A call and its answer.
pub struct Case {
    /// Its name.
    pub id: String,
    /// PyTorch's name for the variant.
    pub variant: String,
    /// Arguments by place.
    pub args: Vec<Value<Array>>,
    /// Arguments by name.
    pub kwargs: Vec<(String, Value<Array>)>,
    /// The answer.
    pub out: Value<Array>,
    /// What each output is weighted with for the gradients.
    pub cotangents: Vec<Option<Array>>,
    /// Gradients of the sum of weighted outputs.
    pub gradients: Vec<Gradient>,
}

/// A gradient.
pub struct Gradient {
    /// Of which argument: `args/0`, `args/0/2`, `kwargs/weight`.
    pub of: String,
    /// What it is.
    pub value: Array,
}

/// A call that must be refused.
pub struct Refusal {
    /// Its name.
    pub id: String,
    /// PyTorch's name for the variant.
    pub variant: String,
    /// Arguments by place.
    pub args: Vec<Value<Array>>,
    /// Arguments by name.
    pub kwargs: Vec<(String, Value<Array>)>,
    /// What PyTorch says.
    pub message: String,
}

/// Why the files cannot be read.
pub type Trouble = Box<dyn std::error::Error>;

/// Where the project keeps them.
pub fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// A gzipped file.
pub fn unzipped(path: &Path) -> Result<Vec<u8>, Trouble> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// JSON and the tensors it names.
pub struct Store {
    /// The JSON.
    pub json: Json,
    bytes: Vec<u8>,
}

impl Store {
    /// `NAME.json.gz`, and `NAME.safetensors.gz` where there is one.
    pub fn open(folder: &Path, name: &str) -> Result<Store, Trouble> {
        let text = String::from_utf8(unzipped(&folder.join(format!("{name}.json.gz")))?)?;
        // Python writes numbers that JSON has not.
        let json = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(_) => serde_json::from_str(&with_all_numbers(&text))?,
        };
        let tensors = folder.join(format!("{name}.safetensors.gz"));
        let bytes = if tensors.exists() { unzipped(&tensors)? } else { Vec::new() };
        Ok(Store { json, bytes })
    }

    /// The tensors.
    pub fn tensors(&self) -> Result<SafeTensors<'_>, Trouble> {
        Ok(SafeTensors::deserialize(&self.bytes)?)
    }
}

/// The same text with NaN and infinities as these files write them elsewhere.
fn with_all_numbers(text: &str) -> String {
    let mut text = text.to_owned();
    for before in [" ", "[", ",", ":"] {
        for (name, number) in [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")] {
            text = text.replace(&format!("{before}{name}"), &format!("{before}{{\"float\": \"{number}\"}}"));
        }
    }
    text
}

/// A number, which may be NaN or infinite.
pub(super) fn number(json: &Json) -> Result<f64, Trouble> {
    match json {
        Json::Object(_) => Ok(text(json, "float")?.parse()?),
        json => json.as_f64().ok_or_else(|| format!("not a number: {json}").into()),
    }
}

/// All cases of `ops.json.gz` in a folder, of the operations that `wanted` names.
pub fn read(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Golden>, Trouble> {
    let store = Store::open(folder, "ops")?;
    let tensors = store.tensors()?;
    let mut all = Vec::new();
    for operation in list(&store.json)? {
        let name = text(operation, "op")?;
        if !wanted(&name) {
            continue;
        }
        let cases = list(&operation["cases"])?.iter().map(|json| {
            case(json, &tensors).map_err(|error| format!("{name}: {}: {error}", json["id"]).into())
        });
        let refusals = list(&operation["errors"])?.iter().map(|json| refusal(json, &tensors));
        let cases = cases.collect::<Result<_, Trouble>>()?;
        let refusals = refusals.collect::<Result<_, Trouble>>()?;
        all.push(Golden { name, cases, refusals });
    }
    Ok(all)
}

fn case(json: &Json, tensors: &SafeTensors) -> Result<Case, Trouble> {
    let cotangents = match &json["cotangents"] {
        Json::Null => Vec::new(),
        all => list(all)?
            .iter()
            .map(|json| if json.is_null() { Ok(None) } else { tensor(json, tensors).map(Some) })
            .collect::<Result<_, _>>()?,
    };
    let gradients = match &json["grads"] {
        Json::Null => Vec::new(),
        all => list(all)?
            .iter()
            .map(|json| Ok(Gradient { of: text(json, "of")?, value: tensor(&json["value"], tensors)? }))
            .collect::<Result<_, Trouble>>()?,
    };
    Ok(Case {
        id: text(json, "id")?,
        variant: text(json, "variant")?,
        args: values(&json["args"], tensors)?,
        kwargs: named(&json["kwargs"], tensors)?,
        out: value(&json["out"], tensors)?,
        cotangents,
        gradients,
    })
}

fn refusal(json: &Json, tensors: &SafeTensors) -> Result<Refusal, Trouble> {
    Ok(Refusal {
        id: text(json, "id")?,
        variant: text(json, "variant")?,
        args: values(&json["args"], tensors)?,
        kwargs: named(&json["kwargs"], tensors)?,
        message: text(json, "error")?,
    })
}

pub(super) fn list(json: &Json) -> Result<&Vec<Json>, Trouble> {
    json.as_array().ok_or_else(|| format!("not a list: {json}").into())
}

pub(super) fn text(json: &Json, field: &str) -> Result<String, Trouble> {
    json[field].as_str().map(str::to_owned).ok_or_else(|| format!("no '{field}' in {json}").into())
}

pub(super) fn values(json: &Json, tensors: &SafeTensors) -> Result<Vec<Value<Array>>, Trouble> {
    list(json)?.iter().map(|json| value(json, tensors)).collect()
}

pub(super) fn named(json: &Json, tensors: &SafeTensors) -> Result<Vec<(String, Value<Array>)>, Trouble> {
    let object = json.as_object().ok_or_else(|| format!("not an object: {json}"))?;
    object.iter().map(|(name, json)| Ok((name.clone(), value(json, tensors)?))).collect()
}

/// A value as the files write it.
pub fn value(json: &Json, tensors: &SafeTensors) -> Result<Value<Array>, Trouble> {
    Ok(match json {
        Json::Null => Value::None,
        Json::Bool(truth) => Value::number(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::number(number),
            None => Value::number(number.as_f64().ok_or("a number beyond all types")?),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) => Value::List(values(json, tensors)?),
        Json::Object(object) => {
            let Some((kind, inside)) = object.iter().next() else { return Ok(Value::Dict(Vec::new())) };
            match kind.as_str() {
                "tensor" => Value::Tensor(tensor(json, tensors)?),
                "float" => Value::Number(Scalar::Float(match inside {
                    Json::String(text) => text.parse()?,
                    number => number.as_f64().ok_or("not a number")?,
                })),
                "list" => Value::List(values(inside, tensors)?),
                "dtype" => Value::DType(inside.as_str().ok_or("not a dtype")?.parse()?),
                "slice" => match list(inside)?.as_slice() {
                    [start, stop, step] => Value::Slice([start.as_i64(), stop.as_i64(), step.as_i64()]),
                    _ => return Err("a slice has three parts".into()),
                },
                "ellipsis" => Value::Ellipsis,
                // A module as an argument of another's constructor: its kind.
                "module" => Value::Text(inside.as_str().ok_or("not a module's name")?.to_owned()),
                "dict" => Value::Dict(named(inside, tensors)?),
                other => return Err(format!("unknown kind of value: {other}").into()),
            }
        }
    })
}

pub(super) fn tensor(json: &Json, tensors: &SafeTensors) -> Result<Array, Trouble> {
    let view = tensors.tensor(&text(json, "tensor")?)?;
    let dtype = match view.dtype() {
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
        other => return Err(format!("there is no dtype for {other:?}").into()),
    };
    Ok(with_element!(dtype, T => {
        let values = view.data().chunks_exact(dtype.size()).map(T::read).collect();
        Array::from_vec::<T>(values, view.shape())?
    }))
}

/// Elements from their bytes.
trait FromBytes: Element {
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! from_bytes {
    ($($type:ty)*) => {$(
        impl FromBytes for $type {
            fn read(bytes: &[u8]) -> $type {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                <$type>::from_le_bytes(own)
            }
        }
    )*};
}

from_bytes!(f64 f32 f16 bf16 i64 i32 i16 i8 u8);

impl FromBytes for bool {
    fn read(bytes: &[u8]) -> bool {
        bytes[0] != 0
    }
}
