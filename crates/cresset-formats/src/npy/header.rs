//! The header of a `.npy` file: which numbers, in which order, under which shape.

use cresset_tensor::{Array, Shape};

use super::{
    dtype::{Descr, element_of, name_of},
    literal::{Literal, parse},
};
use crate::{
    bytes::Bytes,
    trouble::{Outcome, wrong},
};

const MAGIC: &[u8] = b"\x93NUMPY";

/// What a header says.
pub(crate) struct Header {
    pub descr: Descr,
    /// Columns before rows: Fortran's order.
    pub columns_first: bool,
    pub shape: Shape,
}

/// NumPy's limit.
const MOST_DIMENSIONS: usize = 64;

impl Header {
    #[inline]
    pub fn read(bytes: &mut Bytes<'_>) -> Outcome<Header> {
        if bytes.take(MAGIC.len()).ok() != Some(MAGIC) {
            return wrong("not a .npy file: it does not begin with \\x93NUMPY");
        }
        let [major, minor] = bytes.array()?;
        let length = match major {
            1 => u32::from(bytes.u16()?),
            2 | 3 => bytes.u32()?,
            _ => return wrong(format!("its format version is {major}.{minor}; 1 to 3 can be read")),
        };
        let header = bytes.take_long(length.into()).map_err(|trouble| trouble.within("its header"))?;
        let text = match std::str::from_utf8(header) {
            Ok(text) => text.to_owned(),
            Err(_) if major == 3 => return wrong("its header is not UTF-8"),
            // Latin-1, whose characters are the first of Unicode.
            Err(_) => header.iter().map(|&byte| char::from(byte)).collect(),
        };
        Header::parse(&text)
    }

    #[inline]
    fn parse(text: &str) -> Outcome<Header> {
        let Literal::Dict(entries) = parse(text)? else { return wrong("its header is not a Python dict") };
        let (mut descr, mut columns_first, mut shape) = (None, None, None);
        for (key, value) in entries {
            let Literal::Text(key) = key else { return wrong("a key of its header is not a text") };
            match (key.as_str(), value) {
                ("descr", Literal::Text(name)) => descr = Some(element_of(&name)?),
                ("descr", Literal::Sequence(_)) => {
                    return wrong(
                        "its dtype is a structure of named fields; save each field as an array of its own",
                    );
                }
                ("fortran_order", Literal::Bool(truth)) => columns_first = Some(truth),
                ("shape", Literal::Sequence(sizes)) if sizes.len() <= MOST_DIMENSIONS => {
                    shape = Some(sizes.iter().map(size).collect::<Outcome<Shape>>()?);
                }
                (key, _) => {
                    return wrong(format!("'{key}' of its header is unknown, or not what it should be"));
                }
            }
        }
        match (descr, columns_first, shape) {
            (Some(descr), Some(columns_first), Some(shape)) => Ok(Header { descr, columns_first, shape }),
            _ => wrong("its header lacks one of 'descr', 'fortran_order', 'shape'"),
        }
    }
}

#[inline]
fn size(literal: &Literal) -> Outcome<usize> {
    match literal {
        Literal::Int(number) => match usize::try_from(*number) {
            Ok(size) => Ok(size),
            Err(_) => wrong(format!("a size of its shape is {number}")),
        },
        _ => wrong("a size of its shape is not a whole number"),
    }
}

/// The header of an array, as long as a multiple of 64 bytes so that the numbers after it are aligned.
#[inline]
pub(crate) fn written(array: &Array) -> Outcome<Vec<u8>> {
    let Some(descr) = name_of(array.dtype()) else {
        return wrong(format!("NumPy has no {}: convert with to_dtype(DType::F32) first", array.dtype()));
    };
    if array.rank() > MOST_DIMENSIONS {
        return wrong(format!(
            "NumPy's arrays have at most {MOST_DIMENSIONS} dimensions, not {}",
            array.rank()
        ));
    }
    let sizes: String = array.shape().iter().map(|size| format!("{size}, ")).collect();
    // `(3,)`, `(3, 4)`: a comma after a single size, none after the last of several.
    let sizes = if array.rank() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let before = MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    // At most 64 sizes of 20 digits: far below 65536.
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(before + length - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}
