//! Writing at indices along one dimension: `scatter`, and `index_put`, which is a scatter by an index that is the same for
//! whole slices. What meets at a place is combined in the order of the indices, as the processor does, whatever runs first.
//!
//! Two ways. Where there is little to do, one invocation for each element of the target goes through all indices (`Walk`).
//! Else the indices are sorted into the places they name: counted, each place given a part of one list, written there,
//! brought into order; and then each element of the target has only its own to combine. Of the last that wins, it is
//! enough to know which that is. What many thousand indices meet in is combined in chunks first.

mod kernel;

pub use kernel::{Cell, Template};

use std::sync::Arc;

use cresset_ops::{
    Array, DType, Error, Result, Shape,
    op::{Combine, List},
};
use cresset_tensor::Layout;
use smallvec::SmallVec;

use self::kernel::{CHUNK, LONG};
use super::{
    copy, fill,
    index::{beside, check_not_empty, over, size_along},
    map::{GROUP, GROUPS},
};
use crate::{
    card::Card,
    kernels,
    memory::{Buffer, buffer},
    stream::PARAMETERS,
    wgsl::place::ways_of,
};

/// So many times may all invocations together look at an index before it is worth sorting them.
const LOOKS: usize = 1 << 22;
/// Combines slices of the source into the target, which nobody else reads meanwhile, at the indices of a list.
pub fn index_put_into(
    card: &Arc<Card>,
    dim: usize,
    combine: Combine,
    target: &Array,
    index: &Array,
    source: &Array,
) -> Result<()> {
    let count = index.numel();
    let step = index.strides().first().copied().unwrap_or(0);
    let name = "index_put";
    check(card, name, combine, target, dim, count)?;
    if source.numel() == 0 {
        return Ok(());
    }
    let (index, source) = (apart(card, name, index, target)?, apart(card, name, source, target)?);
    let step = if index.strides().is_empty() { 0 } else { index.strides().first().copied().unwrap_or(step) };
    let region = target.shape().clone();
    let cell = Cell::of(target.dtype(), combine);
    if region.numel().saturating_mul(count) <= LOOKS {
        let places = over(&region, std::iter::repeat(0), index.offset());
        return walk(card, name, dim, cell, target, &region, (&index, places, step), &source, count);
    }
    // The indexed dimension first: an index then names a row.
    let mut order: List = (0..region.rank()).collect();
    if !order.is_empty() {
        order.remove(dim);
        order.insert(0, dim);
    }
    let permuted = |x: &Array| x.with_layout(x.layout().permute(&order)?);
    let (target, source) = (permuted(target)?, copy::contiguous(card, name, &permuted(&source)?)?);
    let list = over(&count.into(), std::iter::once(step), index.offset());
    let zero = over(&count.into(), std::iter::repeat(0), 0);
    let entries = Entries { index: &index, places: list, from: zero, step: 1, keys: size_along(&target, 0) };
    sorted(card, name, dim, cell, &target, entries, &source, size_along(&target, 0))
}

/// Combines elements of the source into the target at the indices of an array.
pub fn scatter_into(
    card: &Arc<Card>,
    dim: usize,
    combine: Combine,
    target: &Array,
    index: &Array,
    source: &Array,
) -> Result<()> {
    let name = "scatter";
    if index.numel() == 0 {
        return Ok(());
    }
    let count = size_along(index, dim);
    check(card, name, combine, target, dim, count)?;
    let (index, source) = (apart(card, name, index, target)?, apart(card, name, source, target)?);
    let cell = Cell::of(target.dtype(), combine);
    let shape = index.shape().clone();
    // Of the target, what indices may name.
    let mut region = shape.clone();
    if let (Some(size), Some(own)) = (region.get_mut(dim), target.shape().get(dim)) {
        *size = *own;
    }
    let shown = target.with_layout(over(&region, target.strides().iter().copied(), target.offset()))?;
    let source = source.with_layout(over(&shape, source.strides().iter().copied(), source.offset()))?;
    if region.numel().saturating_mul(count) <= LOOKS {
        let (places, step) = beside(&region, dim, &index);
        return walk(card, name, dim, cell, &shown, &region, (&index, places, step), &source, count);
    }
    let source = copy::contiguous(card, name, &source)?;
    let rows = region.contiguous_strides();
    let from = rows.iter().enumerate().map(|(i, &stride)| if i == dim { 0 } else { stride });
    let from = over(&shape, from, 0);
    let step = rows.get(dim).map_or(0, |&stride| stride as usize);
    let places = index.layout().clone();
    let entries = Entries { index: &index, places, from, step, keys: region.numel() };
    sorted(card, name, dim, cell, &shown, entries, &source, size_along(target, dim))
}

fn check(
    card: &Card,
    name: &'static str,
    combine: Combine,
    target: &Array,
    dim: usize,
    count: usize,
) -> Result<()> {
    if combine != Combine::Set {
        card.abilities.check(name, target.dtype())?;
    }
    if count > 0 { check_not_empty(name, dim, size_along(target, dim)) } else { Ok(()) }
}

/// What lies in the target's memory is copied before that is written.
fn apart(card: &Arc<Card>, name: &'static str, x: &Array, target: &Array) -> Result<Array> {
    if x.shares_memory(target) { copy::contiguous(card, name, x) } else { Ok(x.clone()) }
}

fn dispatch(
    card: &Card,
    name: &'static str,
    template: Template,
    buffers: &[&Arc<Buffer>],
    parameters: &[u32],
    invocations: usize,
) -> Result<()> {
    if parameters.len() > PARAMETERS {
        return Err(Error::shape(name, "arrays of so many dimensions; make them contiguous first"));
    }
    let kernel = card.kernel(name, kernels::Template::Scatter(template))?;
    let groups = (invocations as u32).div_ceil(GROUP).min(GROUPS);
    card.dispatch(&kernel, buffers, parameters, [groups, 1, 1])
}

/// One dispatch over the region of the target.
#[allow(clippy::too_many_arguments, reason = "each is one operand of the kernel")]
fn walk(
    card: &Arc<Card>,
    name: &'static str,
    dim: usize,
    cell: Cell,
    target: &Array,
    region: &Shape,
    (index, places, step): (&Array, Layout, isize),
    source: &Array,
    count: usize,
) -> Result<()> {
    let numel = region.numel();
    if numel == 0 || count == 0 {
        return Ok(());
    }
    let (from, along) = beside(region, dim, source);
    let row = over(region, (0..region.rank()).map(|i| isize::from(i == dim)), 0);
    let (ways, words) = ways_of(region, &[&places, &from, target.layout(), &row]);
    let size = size_along(target, dim);
    let ticket = card.ticket(name, dim, size)?;
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
    parameters.extend([numel as u32, size as u32, count as u32, step as u32, along as u32, ticket.word]);
    parameters.extend(words);
    let buffers = [buffer(index)?, buffer(source)?, buffer(target)?, &ticket.buffer];
    dispatch(card, name, Template::Walk { cell, ways }, &buffers, &parameters, numel)
}

/// Indices, and which place each names.
struct Entries<'a> {
    index: &'a Array,
    /// Where they lie.
    places: Layout,
    /// From which place each counts.
    from: Layout,
    /// How far apart the places are that an index counts.
    step: usize,
    /// How many places there are.
    keys: usize,
}

/// The indices sorted into places. The target's elements, row-major, are those of the places one after the other; so are
/// the source's of the entries.
#[allow(clippy::too_many_arguments, reason = "each is one operand of the kernels")]
fn sorted(
    card: &Arc<Card>,
    name: &'static str,
    dim: usize,
    cell: Cell,
    target: &Array,
    entries: Entries<'_>,
    source: &Array,
    size: usize,
) -> Result<()> {
    let Entries { index, places, from, step, keys } = entries;
    let count = places.numel();
    let numel = target.numel();
    let width = numel / keys.max(1);
    let words = |n: usize| card.fresh(name, n.into(), DType::I32);
    // The last one counts how much of the list was given away.
    let counts = fill::filled(card, name, (keys + 1).into(), DType::I32, 0.into())?;
    let (ways, more) = ways_of(places.shape(), &[&places, &from]);
    let ticket = card.ticket(name, dim, size)?;
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
    parameters.extend([count as u32, size as u32, step as u32, ticket.word]);
    parameters.extend(more);
    let last = matches!(cell, Cell::Bits(_));
    let (keyed, slots) = if last { (words(1)?, words(1)?) } else { (words(count)?, words(count)?) };
    let counting = Template::Count { last, ways };
    let buffers = match last {
        true => vec![buffer(index)?, buffer(&counts)?, &ticket.buffer],
        false => vec![buffer(index)?, buffer(&counts)?, &ticket.buffer, buffer(&keyed)?, buffer(&slots)?],
    };
    dispatch(card, name, counting, &buffers, &parameters, count)?;
    let (target_ways, target_words) = ways_of(target.shape(), &[target.layout()]);
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
    parameters.extend([numel as u32, width as u32, source.offset() as u32]);
    parameters.extend(target_words);
    let merge = |chunked: bool| Template::Merge { cell, ways: target_ways.clone(), chunked };
    if last {
        let buffers = [buffer(&counts)?, buffer(source)?, buffer(target)?];
        return dispatch(card, name, merge(false), &buffers, &parameters, numel);
    }
    let (starts, list, order) = (words(keys)?, words(count)?, words(count)?);
    let (counts, starts, keyed) = (buffer(&counts)?, buffer(&starts)?, buffer(&keyed)?);
    let (slots, list, order) = (buffer(&slots)?, buffer(&list)?, buffer(&order)?);
    let one = [keys as u32];
    dispatch(card, name, Template::Part, &[counts, starts], &one, keys)?;
    let one = [count as u32];
    dispatch(card, name, Template::Place, &[keyed, slots, starts, list], &one, count)?;
    dispatch(card, name, Template::Order, &[keyed, counts, starts, list, order], &one, count)?;
    let source_words = [source.offset() as u32];
    let source = buffer(source)?;
    let target = buffer(target)?;
    if count <= LONG {
        return dispatch(
            card,
            name,
            merge(false),
            &[counts, source, target, starts, order],
            &parameters,
            numel,
        );
    }
    let sizes = [keys as u32, count as u32];
    dispatch(
        card,
        name,
        Template::Long,
        &[keyed, counts, starts, order],
        &sizes,
        keys.min(GROUPS as usize) * GROUP as usize,
    )?;
    if cell.per_word() > 1 {
        return dispatch(
            card,
            name,
            merge(false),
            &[counts, source, target, starts, order],
            &parameters,
            numel,
        );
    }
    let slots = count.div_ceil(CHUNK) * width;
    let chunks = card.fresh(name, slots.into(), cell.dtype())?;
    let chunks = buffer(&chunks)?;
    let words = [slots as u32, width as u32, source_words[0], keys as u32];
    dispatch(
        card,
        name,
        Template::Chunk { cell },
        &[keyed, counts, starts, order, source, chunks],
        &words,
        slots,
    )?;
    let buffers = [counts, source, target, starts, order, chunks];
    dispatch(card, name, merge(true), &buffers, &parameters, numel)
}
