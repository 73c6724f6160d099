//! IDX, the format of MNIST's files: a magic number, sizes, and numbers with the highest byte first.

use std::{io::Read, path::Path};

use cresset_autograd::prelude::*;

use super::opened::{self, Opened, bad, open};

/// The numbers of an IDX file, compressed by gzip or not.
#[track_caller]
pub fn read_idx(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let (sizes, numbers) = read(path)?;
    fn all<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
    }
    match numbers {
        Numbers(DType::U8, bytes) => Tensor::from_vec(bytes, sizes),
        Numbers(DType::I8, bytes) => Tensor::from_vec(all(&bytes, i8::from_be_bytes), sizes),
        Numbers(DType::I16, bytes) => Tensor::from_vec(all(&bytes, i16::from_be_bytes), sizes),
        Numbers(DType::I32, bytes) => Tensor::from_vec(all(&bytes, i32::from_be_bytes), sizes),
        Numbers(DType::F32, bytes) => Tensor::from_vec(all(&bytes, f32::from_be_bytes), sizes),
        Numbers(_, bytes) => Tensor::from_vec(all(&bytes, f64::from_be_bytes), sizes),
    }
}

/// The bytes of an IDX file of so many dimensions.
#[track_caller]
pub(super) fn read_bytes<const RANK: usize>(path: &Path) -> Result<([usize; RANK], Vec<u8>)> {
    let (sizes, Numbers(dtype, bytes)) = read(path)?;
    match <[usize; RANK]>::try_from(&sizes[..]) {
        Ok(sizes) if dtype == DType::U8 => Ok((sizes, bytes)),
        _ => {
            let why =
                format!("holds {dtype} of sizes {sizes:?}, where bytes of {RANK} dimensions were expected");
            Err(bad("read_idx", path, why))
        }
    }
}

struct Numbers(DType, Vec<u8>);

#[track_caller]
#[inline]
fn read(path: &Path) -> Result<(Vec<usize>, Numbers)> {
    let fail = |why: String| Err(bad("read_idx", path, why));
    let Opened { mut bytes, most, exact } = open("read_idx", path)?;
    let mut magic = [0; 4];
    if let Err(error) = bytes.read_exact(&mut magic) {
        return fail(format!("the magic number cannot be read: {error}"));
    }
    let [0, 0, code, rank] = magic else {
        return fail(format!("not an IDX file: it begins with {magic:02x?} instead of two zeros"));
    };
    let dtype = match code {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0B => DType::I16,
        0x0C => DType::I32,
        0x0D => DType::F32,
        0x0E => DType::F64,
        _ => return fail(format!("there is no kind of numbers 0x{code:02x}")),
    };
    if rank == 0 {
        return fail("it has no dimensions".to_owned());
    }
    let mut sizes = Vec::new();
    for dim in 0..rank {
        let mut size = [0; 4];
        if let Err(error) = bytes.read_exact(&mut size) {
            return fail(format!("it ends in the size of dimension {dim} of {rank}: {error}"));
        }
        sizes.push(u32::from_be_bytes(size) as usize);
    }
    let header = 4 + 4 * u64::from(rank);
    let product = sizes.iter().try_fold(dtype.size(), |all, &size| all.checked_mul(size));
    let Some(wanted) = product.filter(|&wanted| (wanted as u64).saturating_add(header) <= most) else {
        let there = most.saturating_sub(header);
        let most = if exact { "" } else { "at most " };
        return fail(format!(
            "truncated, or its sizes lie: {sizes:?} of {dtype} are not {most}{there} bytes"
        ));
    };
    let mut numbers = Vec::new();
    // One more than wanted: so that too many are found, and the checksum at the end of a compressed file is looked at.
    if let Err(error) = opened::read(&mut bytes, wanted as u64 + 1, &mut numbers) {
        return fail(format!("damaged after {} of {wanted} bytes: {error}", numbers.len()));
    }
    match numbers.len() {
        there if there < wanted => fail(format!("truncated: {there} of {wanted} bytes of numbers are there")),
        there if there > wanted => {
            fail(format!("there is more behind the {wanted} bytes of its sizes {sizes:?}"))
        }
        _ => Ok((sizes, Numbers(dtype, numbers))),
    }
}
