//! `.npy`: one array of NumPy's. A short header in Python's own notation, then the numbers.

mod dtype;
mod header;
mod literal;

use std::{borrow::Cow, io::Write, path::Path};

use cresset_tensor::{Array, DType, Layout, Result, Shape, Strides};

pub(crate) use self::dtype::{Descr, element_of};
use self::header::Header;
use crate::{
    atomic::saving,
    bytes::Bytes,
    content::loading,
    trouble::{Outcome, wrong},
};

/// Reads an array as `numpy.save` writes it: format versions 1 to 3, either byte order, rows or columns first.
///
/// Complex numbers, structures, texts, dates and pickled objects are refused by name.
///
/// ```
/// use cresset_formats::{load_npy, save_npy};
/// use cresset_tensor::Array;
/// # let path = std::env::temp_dir().join(format!("cresset-{}.npy", std::process::id()));
/// save_npy(&path, &Array::new([[1, 2], [3, 4]]))?;
/// assert_eq!(load_npy(&path)?.to_vec2::<i32>()?, [[1, 2], [3, 4]]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[track_caller]
pub fn load_npy(path: impl AsRef<Path>) -> Result<Array> {
    loading("load_npy", path.as_ref(), read)
}

/// Writes an array as `numpy.load` reads it, atomically. NumPy has no `bfloat16`: convert such an array first.
#[track_caller]
pub fn save_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    saving("save_npy", path.as_ref(), |file| write(file, array))
}

/// The array in the bytes of a `.npy` file.
#[track_caller]
#[inline]
pub fn from_bytes(bytes: &[u8]) -> Result<Array> {
    match read(bytes) {
        Ok(array) => Ok(array),
        Err(trouble) => Err(trouble.of("npy::from_bytes", None)),
    }
}

/// The bytes of a `.npy` file.
#[track_caller]
#[inline]
pub fn to_bytes(array: &Array) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match write(&mut bytes, array) {
        Ok(()) => Ok(bytes),
        Err(trouble) => Err(trouble.of("npy::to_bytes", None)),
    }
}

#[inline]
pub(crate) fn read(bytes: &[u8]) -> Outcome<Array> {
    let mut bytes = Bytes::new(bytes);
    let Header { descr, columns_first, shape } = Header::read(&mut bytes)?;
    let data = bytes.take(bytes.left())?;
    let numel = shape.checked_numel("load_npy")?;
    let size = numel * descr.dtype.size();
    if size != data.len() {
        let dtype = descr.dtype;
        return wrong(if data.len() < size {
            format!("cut off: shape {shape} of {dtype} takes {size} bytes, {} are there", data.len())
        } else {
            format!("{} bytes follow the array's {size}; .npz holds several arrays", data.len() - size)
        });
    }
    arrange(data, descr, shape, columns_first)
}

/// Numbers as they lie in a file, under a shape. The bytes are as many as it takes.
#[inline]
pub(crate) fn arrange(data: &[u8], descr: Descr, shape: Shape, columns_first: bool) -> Outcome<Array> {
    let data = if descr.big_endian { swapped(data, descr.dtype) } else { Cow::Borrowed(data) };
    if !columns_first || shape.len() < 2 {
        return Ok(Array::from_bytes(&data, shape, descr.dtype)?);
    }
    let flat = Array::from_bytes(&data, shape.numel(), descr.dtype)?;
    // Columns first is a matter of strides, not of copying.
    let mut strides = Strides::repeat(1, shape.len());
    for i in 1..shape.len() {
        strides[i] =
            strides[i - 1].saturating_mul(isize::try_from(shape[i - 1].max(1)).unwrap_or(isize::MAX));
    }
    Ok(flat.with_layout(Layout::new(shape, strides, 0))?)
}

/// The bytes of every number the other way round.
#[inline]
pub(crate) fn swapped(data: &[u8], dtype: DType) -> Cow<'_, [u8]> {
    let mut data = data.to_vec();
    data.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    Cow::Owned(data)
}

#[inline]
pub(crate) fn write(file: &mut dyn Write, array: &Array) -> Outcome<()> {
    file.write_all(&header::written(array)?)?;
    Ok(array.write_bytes(file)?)
}

/// How many bytes [`write`] writes.
#[inline]
pub(crate) fn size(array: &Array) -> Outcome<u64> {
    let header = header::written(array)?.len() as u64;
    match (array.numel() as u64).checked_mul(array.dtype().size() as u64) {
        Some(data) if data < 1 << 62 => Ok(header + data),
        _ => wrong(format!("shape {} has more elements than a file can hold", array.shape())),
    }
}
