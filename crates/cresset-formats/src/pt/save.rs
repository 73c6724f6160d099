//! Writing the zip format. Arrays that share memory are views of one storage; others are written as they are, without the
//! rest of the memory they are a part of.

use std::{collections::HashMap, io::Write, sync::Arc};

use cresset_tensor::{Array, DType, Layout, Result, State, Storage};

use crate::{pickle, trouble::Outcome, zip};

/// What lies over one memory.
#[derive(Default)]
struct Shared {
    arrays: usize,
    /// The elements that they name.
    span: Option<(usize, usize)>,
    /// Its number once it was written.
    key: Option<usize>,
}

type Memory = (*const Storage, DType);

/// PyTorch has no strides below zero: such arrays are written out.
#[inline]
fn has_strides(array: &Array) -> bool {
    array.numel() > 0 && array.strides().iter().all(|&stride| stride >= 0)
}

#[inline]
fn memory_of(array: &Array) -> Memory {
    (Arc::as_ptr(array.storage()), array.dtype())
}

/// Writes a tree.
#[inline]
pub(super) fn write(file: &mut dyn Write, state: &State) -> Outcome<()> {
    let mut memories: HashMap<Memory, Shared> = HashMap::new();
    for (_, array) in state.arrays() {
        if has_strides(array)
            && let Some((start, end)) = array.layout().span()?
        {
            let shared = memories.entry(memory_of(array)).or_default();
            shared.arrays += 1;
            let (low, high) = shared.span.unwrap_or((start, end));
            shared.span = Some((low.min(start), high.max(end)));
        }
    }
    let mut storages: Vec<Array> = Vec::new();
    let mut pickle = pickle::Writer::new();
    pickle.state(state, &mut |pickle, array| {
        let shared = if has_strides(array) { memories.get_mut(&memory_of(array)) } else { None };
        // Also alone, an array that repeats elements is written as what it repeats.
        let shared = shared.and_then(|shared| {
            let (start, end) = shared.span?;
            (shared.arrays > 1 || array.numel() > end - start).then_some((shared, start, end))
        });
        let (key, layout) = match shared {
            Some((shared, start, end)) => {
                let key = match shared.key {
                    Some(key) => key,
                    None => {
                        storages.push(line(array, start, end)?);
                        *shared.key.insert(storages.len() - 1)
                    }
                };
                let layout = array.layout();
                let offset = layout.offset().saturating_sub(start);
                (key, Layout::new(layout.shape().clone(), layout.strides().clone(), offset))
            }
            None => {
                storages.push(array.clone());
                (storages.len() - 1, Layout::contiguous(array.shape().clone()))
            }
        };
        pickle.tensor(&key.to_string(), storages[key].numel(), array.dtype(), &layout)
    })?;
    let pickle = pickle.finish();

    let mut archive = zip::Writer::new(file);
    let mut store = |name: &str, alignment, bytes: &[u8]| {
        archive.store(name, alignment, &|file: &mut dyn Write| Ok(file.write_all(bytes)?))
    };
    store("archive/data.pkl", 64, &pickle)?;
    store("archive/.format_version", 1, b"1")?;
    store("archive/.storage_alignment", 1, b"64")?;
    store("archive/byteorder", 1, b"little")?;
    for (key, array) in storages.iter().enumerate() {
        archive.store(&format!("archive/data/{key}"), 64, &|file: &mut dyn Write| {
            Ok(array.write_bytes(file)?)
        })?;
    }
    archive.store("archive/version", 1, &|file: &mut dyn Write| Ok(file.write_all(b"3\n")?))?;
    archive.finish()
}

/// The elements of an array's memory from one place to another, side by side.
#[inline]
fn line(array: &Array, start: usize, end: usize) -> Result<Array> {
    array.with_layout(Layout::new((end - start).into(), [1].into(), start))
}
