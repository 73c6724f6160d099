//! NumPy's short names of dtypes: `<f4`, `|b1`, `>i8`.

use cresset_tensor::DType;

use crate::trouble::{Outcome, wrong};

/// What kind of numbers lie in a file, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Descr {
    pub dtype: DType,
    pub big_endian: bool,
}

/// The dtype that a short name means.
#[inline]
pub(crate) fn element_of(name: &str) -> Outcome<Descr> {
    let (order, kind) = match name.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => name.split_at(1),
        _ => ("=", name),
    };
    let big_endian = order == ">" || (order == "=" && cfg!(target_endian = "big"));
    let dtype = match kind {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "f2" => DType::F16,
        "i8" => DType::I64,
        "i4" => DType::I32,
        "i2" => DType::I16,
        "i1" => DType::I8,
        "u1" => DType::U8,
        "b1" | "?" => DType::Bool,
        _ => {
            let why = match kind.as_bytes().first() {
                Some(b'c') => "complex numbers are not supported; save the real and the imaginary part",
                Some(b'O') => "these are pickled Python objects, which are never loaded",
                Some(b'V') => {
                    "these are raw bytes, as NumPy writes structures and bfloat16; save an array of numbers"
                }
                Some(b'U' | b'S' | b'a') => "these are texts, not numbers",
                Some(b'M' | b'm') => "these are dates or times; save .astype('int64')",
                Some(b'u') => "of unsigned integers there is only uint8; save .astype('int64')",
                Some(b'f' | b'g') => "there are floats of 2, 4 and 8 bytes; save .astype('float64')",
                _ => "no array can have it here",
            };
            return wrong(format!("its dtype is '{name}': {why}"));
        }
    };
    Ok(Descr { dtype, big_endian })
}

/// The short name of a dtype, if NumPy has it.
#[inline]
pub(crate) fn name_of(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::F64 => "<f8",
        DType::F32 => "<f4",
        DType::F16 => "<f2",
        DType::BF16 => return None,
        DType::I64 => "<i8",
        DType::I32 => "<i4",
        DType::I16 => "<i2",
        DType::I8 => "|i1",
        DType::U8 => "|u1",
        DType::Bool => "|b1",
    })
}
