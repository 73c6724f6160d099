//! The classes and functions that a pickle may name. Each means something the machine does itself; everything else is
//! refused by its name, so nothing of Python's is ever run.

use cresset_tensor::DType;

use super::Value;
use crate::trouble::{Outcome, wrong};

/// A class or function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Global {
    /// `OrderedDict`, `Counter`.
    Dict,
    DefaultDict,
    /// `set`, `frozenset`.
    Set,
    Bytearray,
    /// `_codecs.encode`: how bytes are written where pickle has none.
    Encode,
    /// A class that `defaultdict` makes new values of.
    Factory,
    Size,
    Device,
    Layout,
    TensorClass,
    RebuildTensor,
    RebuildTensorV3,
    RebuildParameter,
    RebuildFromType,
    /// Of a dtype, or of bytes.
    Storage(Option<DType>),
    NumpyScalar,
    NumpyReconstruct,
    NumpyFromBuffer,
    NumpyArray,
    NumpyType,
}

/// What a name means.
#[inline]
pub(crate) fn find<'a>(module: &str, name: &str) -> Outcome<Value<'a>> {
    use Global::*;
    Ok(Value::Global(match (module, name) {
        ("collections", "OrderedDict" | "Counter") => Dict,
        ("collections", "defaultdict") => DefaultDict,
        ("builtins" | "__builtin__", "set" | "frozenset") => Set,
        ("builtins" | "__builtin__", "bytearray") => Bytearray,
        ("builtins" | "__builtin__", "list" | "dict" | "int" | "float" | "str" | "bool" | "tuple") => Factory,
        ("_codecs", "encode") => Encode,
        ("torch", "Size") => Size,
        ("torch", "device") => Device,
        ("torch.serialization", "_get_layout") => Layout,
        ("torch", "Tensor") | ("torch.nn.parameter", "Parameter" | "Buffer") => TensorClass,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => RebuildTensorV3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => RebuildParameter,
        ("torch._tensor", "_rebuild_from_type_v2") => RebuildFromType,
        ("torch.storage", "UntypedStorage") | ("torch", "UntypedStorage") => Storage(None),
        ("torch", name) if name.ends_with("Storage") => Storage(Some(element_of(name)?)),
        ("torch", name) if is_dtype(name) => return Ok(Value::Text(format!("torch.{name}").into())),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => NumpyScalar,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => NumpyReconstruct,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => NumpyFromBuffer,
        ("numpy", "ndarray") => NumpyArray,
        ("numpy", "dtype") => NumpyType,
        // NumPy 2 names its dtypes' own classes.
        ("numpy.dtypes", name) => match numpy_class(name) {
            Some(descr) => return Ok(Value::NumpyType(crate::npy::element_of(descr)?)),
            None => return refused(module, name),
        },
        _ => return refused(module, name),
    }))
}

fn refused<T>(module: &str, name: &str) -> Outcome<T> {
    let why = match (module, name) {
        ("builtins" | "__builtin__", "complex") => "complex numbers are not supported",
        ("torch._utils", _) if name.contains("sparse") => {
            "sparse tensors are not supported; save .to_dense()"
        }
        ("torch._utils", "_rebuild_qtensor") => "quantized tensors are not supported; save .dequantize()",
        _ if module.starts_with("torch.nn.modules")
            || module.starts_with("torch.fx")
            || module == "__main__" =>
        {
            "a whole model was pickled, which is a program and not only numbers; save model.state_dict()"
        }
        _ => {
            "that is not among the few names of PyTorch's tensors and Python's containers which mean only data"
        }
    };
    wrong(format!("it names {module}.{name}; nothing was run: {why}"))
}

#[inline]
fn element_of(storage: &str) -> Outcome<DType> {
    Ok(match storage {
        "DoubleStorage" => DType::F64,
        "FloatStorage" => DType::F32,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "LongStorage" => DType::I64,
        "IntStorage" => DType::I32,
        "ShortStorage" => DType::I16,
        "CharStorage" => DType::I8,
        "ByteStorage" => DType::U8,
        "BoolStorage" => DType::Bool,
        _ if storage.starts_with("Complex") => {
            return wrong(format!("a tensor is over torch.{storage}: complex numbers are not supported"));
        }
        _ => return wrong(format!("a tensor is over torch.{storage}, whose dtype there is not here")),
    })
}

/// The class of a storage of numbers of this dtype.
#[inline]
pub(crate) fn storage_of(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "DoubleStorage",
        DType::F32 => "FloatStorage",
        DType::F16 => "HalfStorage",
        DType::BF16 => "BFloat16Storage",
        DType::I64 => "LongStorage",
        DType::I32 => "IntStorage",
        DType::I16 => "ShortStorage",
        DType::I8 => "CharStorage",
        DType::U8 => "ByteStorage",
        DType::Bool => "BoolStorage",
    }
}

#[inline]
fn is_dtype(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let word = &name[..name.len() - digits.len()];
    matches!(word, "float" | "bfloat" | "int" | "uint" | "complex" | "bool" | "quint" | "qint")
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b"x_emfnuz".contains(&byte))
}

#[inline]
fn numpy_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "Float64DType" => "f8",
        "Float32DType" => "f4",
        "Float16DType" => "f2",
        "Int64DType" => "i8",
        "Int32DType" => "i4",
        "Int16DType" => "i2",
        "Int8DType" => "i1",
        "UInt8DType" => "u1",
        "BoolDType" => "b1",
        _ => return None,
    })
}
