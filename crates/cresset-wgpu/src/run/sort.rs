//! Sorting, and the best few, along a dimension.
//!
//! Elements become keys, each with its place, by which equals are told apart: so any way of sorting keeps them in their
//! order. Tiles are sorted by a bitonic network in workgroup memory. Sorted tiles are merged two by two, each element
//! finding its place by a search in the other half; or, where few are asked for, each tile keeps its best, until one is left.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, DType, Error, Op, Outputs, Result, Shape, infer::infer};
use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::{Buffer, buffer},
    wgsl::{
        Writer,
        element::Element,
        order::{Bits, key_element, key_kind, key_name},
        param,
        place::Words,
        rows::{GROUP, GROUPS, Operand, Space},
    },
};

/// Elements that a workgroup sorts: with keys of 64 bits and places, 12 of the 16 KiB that every card has.
const TILE: usize = 1024;
/// Up to so many of a tile are kept where few are asked for.
const FEW: usize = TILE / 4;

/// Where elements come from or go to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Side {
    /// An array.
    Array,
    /// Keys and places, row after row.
    Keys,
}

/// What a kernel does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// Sorts tiles.
    Tiles(Side),
    /// Merges sorted runs.
    Merge,
}

/// What a kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    dtype: DType,
    step: Step,
    to: Side,
    /// Of the input and the outputs.
    space: Space,
}

/// Parameters before the words that tell where elements lie.
#[repr(usize)]
enum Parameter {
    /// How many rows.
    Rows,
    /// Elements of a row.
    Length,
    /// Elements of a tile, a power of two; or of a run that is merged.
    Width,
    /// So many of a tile, or of the row, are kept.
    Kept,
    /// Tiles of a row.
    Tiles,
    /// With what keys are turned.
    Turn,
    Count,
}

/// All elements in order, and where each came from.
pub fn sort(
    card: &Arc<Card>,
    op: &Op,
    dim: usize,
    descending: bool,
    inputs: &[&Array],
) -> Result<Outputs<Array>> {
    run(card, op, dim, descending, None, inputs)
}

/// The `k` largest or smallest elements in order, and where each came from.
pub fn topk(
    card: &Arc<Card>,
    op: &Op,
    k: usize,
    dim: usize,
    largest: bool,
    inputs: &[&Array],
) -> Result<Outputs<Array>> {
    run(card, op, dim, largest, Some(k), inputs)
}

fn run(
    card: &Arc<Card>,
    op: &Op,
    dim: usize,
    descending: bool,
    k: Option<usize>,
    inputs: &[&Array],
) -> Result<Outputs<Array>> {
    let name = op.name();
    let metas = infer(op, inputs)?;
    let x = inputs[0];
    let outputs: Outputs<Array> =
        metas.iter().map(|meta| card.fresh(name, meta.shape.clone(), meta.dtype)).collect::<Result<_>>()?;
    let [values, places] = &outputs[..] else {
        return Err(Error::argument(name, "has two outputs"));
    };
    if values.numel() == 0 {
        return Ok(outputs);
    }
    let length = x.shape().get(dim).copied().unwrap_or(1);
    // Of a single number there is one, even of none that are asked for, as in PyTorch.
    let kept = if x.rank() == 0 { 1 } else { k.unwrap_or(length) };
    let rows = x.numel() / length;
    let (along, others): (Vec<usize>, Vec<usize>) = (0..x.rank()).partition(|&d| d == dim);
    let operands: SmallVec<[Operand; 3]> = [x, values, places]
        .map(|x| (x.offset(), x.strides().iter().copied().collect()))
        .into_iter()
        .collect();
    let (space, words) = Space::new(x.shape(), &others, &along, &operands);
    let work = Work { card, name, x, values, places, rows, space, words, descending };
    if length <= TILE {
        work.tiles(None, length, kept, None)?;
    } else if kept <= FEW {
        work.best(length, kept)?;
    } else {
        work.merge(length, kept)?;
    }
    Ok(outputs)
}

/// Keys and places of all rows.
struct Keys {
    keys: Array,
    places: Array,
}

/// What is sorted, and into what.
struct Work<'a> {
    card: &'a Arc<Card>,
    name: &'static str,
    x: &'a Array,
    values: &'a Array,
    places: &'a Array,
    rows: usize,
    space: Space,
    words: Words,
    descending: bool,
}

impl Work<'_> {
    fn keys(&self, each: usize) -> Result<Keys> {
        let numel = self.rows.checked_mul(each).filter(|&numel| numel <= i32::MAX as usize);
        let Some(numel) = numel else {
            return Err(Error::memory(self.name, "more elements than a card counts; split the array"));
        };
        let dtype = if Bits::of(self.x.dtype()).wide() { DType::I64 } else { DType::I32 };
        let fresh = |dtype| self.card.fresh(self.name, Shape::from_slice(&[numel]), dtype);
        Ok(Keys { keys: fresh(dtype)?, places: fresh(DType::I32)? })
    }

    /// Sorts tiles, of the array or of keys, and keeps the first of each: as keys, or as the outputs.
    fn tiles(&self, from: Option<&Keys>, length: usize, kept: usize, to: Option<&Keys>) -> Result<()> {
        let width = length.next_power_of_two().clamp(2, TILE);
        let tiles = length.div_ceil(width);
        let side = |keys: Option<&Keys>| if keys.is_some() { Side::Keys } else { Side::Array };
        let groups = (self.rows * tiles * width).div_ceil(TILE);
        self.dispatch(Step::Tiles(side(from)), from, to, [length, width, kept, tiles], groups)
    }

    /// The best few of long rows.
    fn best(&self, length: usize, kept: usize) -> Result<()> {
        let mut length = length;
        let mut keys: Option<Keys> = None;
        while length > TILE {
            let left = length.div_ceil(TILE) * kept;
            let next = self.keys(left)?;
            self.tiles(keys.as_ref(), length, kept, Some(&next))?;
            (keys, length) = (Some(next), left);
        }
        self.tiles(keys.as_ref(), length, kept, None)
    }

    /// Long rows.
    fn merge(&self, length: usize, kept: usize) -> Result<()> {
        let padded = length.next_multiple_of(TILE);
        let (mut from, mut to) = (self.keys(padded)?, self.keys(padded)?);
        self.tiles(None, length, TILE, Some(&from))?;
        let mut width = TILE;
        while width < padded {
            let last = 2 * width >= padded;
            let target = (!last).then_some(&to);
            let groups = (self.rows * padded).div_ceil(GROUP as usize);
            self.dispatch(Step::Merge, Some(&from), target, [padded, width, kept, 1], groups)?;
            std::mem::swap(&mut from, &mut to);
            width *= 2;
        }
        Ok(())
    }

    fn dispatch(
        &self,
        step: Step,
        from: Option<&Keys>,
        to: Option<&Keys>,
        numbers: [usize; 4],
        groups: usize,
    ) -> Result<()> {
        let template = Template {
            dtype: self.x.dtype(),
            step,
            to: if to.is_some() { Side::Keys } else { Side::Array },
            space: self.space,
        };
        let mut buffers: SmallVec<[&Arc<Buffer>; 8]> = SmallVec::new();
        if template.reads_array() {
            buffers.push(buffer(self.x)?);
        }
        for keys in [from, to].into_iter().flatten() {
            buffers.push(buffer(&keys.keys)?);
            buffers.push(buffer(&keys.places)?);
        }
        if to.is_none() {
            buffers.push(buffer(self.values)?);
            buffers.push(buffer(self.places)?);
        }
        let turn = if self.descending { u32::MAX } else { 0 };
        let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
        parameters.push(self.rows as u32);
        parameters.extend(numbers.map(|number| number as u32));
        parameters.push(turn);
        parameters.extend_from_slice(&self.words);
        let kernel = self.card.kernel(self.name, kernels::Template::Sort(template))?;
        self.card.dispatch(&kernel, &buffers, &parameters, [groups.min(GROUPS) as u32, 1, 1])
    }
}

impl Template {
    /// Elements are read, or values are picked by their places.
    fn reads_array(&self) -> bool {
        self.step == Step::Tiles(Side::Array) || self.to == Side::Array
    }

    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let bits = Bits::of(self.dtype);
        let wide = bits.wide();
        let keys = key_element(wide);
        let narrow = key_element(false);
        let mut writer = Writer::default();
        if self.reads_array() {
            writer.bind("x", bits.element(), Access::Read, false);
        }
        if self.step != Step::Tiles(Side::Array) {
            writer.bind("from_keys", keys, Access::Read, false);
            writer.bind("from_places", narrow, Access::Read, false);
        }
        match self.to {
            Side::Keys => {
                writer.bind("to_keys", keys, Access::Write, false);
                writer.bind("to_places", narrow, Access::Write, false);
            }
            Side::Array => {
                writer.bind("values", bits.element(), Access::Write, bits.apart());
                let places = Element { dtype: DType::I64, paired: true };
                writer.bind("places", places, Access::Write, false);
            }
        }
        let number = |parameter: Parameter| param(parameter as usize);
        let mut body = format!(
            "    let rows = {};\n    let length = {};\n    let width = {};\n    let kept = {};\n    let tiles = {};\n    let turn = {};\n",
            number(Parameter::Rows),
            number(Parameter::Length),
            number(Parameter::Width),
            number(Parameter::Kept),
            number(Parameter::Tiles),
            number(Parameter::Turn)
        );
        match self.step {
            Step::Tiles(from) => self.print_tiles(from, bits, &mut writer.globals, &mut body),
            Step::Merge => self.print_merge(bits, &mut body),
        }
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Writes a key and a place, which are `key` and `place`, as number `rank` of a row.
    fn print_store(&self, bits: Bits, body: &mut String) {
        let first = Parameter::Count as usize;
        self.space.print_bases("row", first, body);
        self.space.print_places("place", "x", 0..1, first, body);
        self.space.print_places("rank", "y", 1..3, first, body);
        let _ = writeln!(body, "    let picked = {};", bits.load("x", "at0x"));
        let _ = writeln!(body, "    {}", bits.store("values", "at1y", "picked"));
        body.push_str("    places[at2y] = vec2<i32>(bitcast<i32>(place), 0);\n");
    }

    fn print_tiles(&self, from: Side, bits: Bits, globals: &mut String, body: &mut String) {
        let wide = bits.wide();
        let (kind, name, stored) = (key_kind(wide), key_name(wide), key_element(wide).stored());
        let most = if wide { "vec2<u32>(0xffffffffu, 0xffffffffu)" } else { "0xffffffffu" };
        let _ = write!(
            globals,
            "var<workgroup> tile_keys: array<{kind}, {TILE}>;\nvar<workgroup> tile_places: array<u32, {TILE}>;\n"
        );
        let _ = write!(
            body,
            "    let total = rows * tiles;
    let blocks = (total * width + {last}u) / {TILE}u;
    for (var block = group_id.x; block < blocks; block += groups.x) {{
    for (var i = local_index; i < {TILE}u; i += {GROUP}u) {{
    let unit = (block * {TILE}u + i) / width;
    let row = unit / tiles;
    let element = unit % tiles * width + i % width;
    var key = {most};
    var place = 0xffffffffu;
    if (unit < total && element < length) {{
",
            last = TILE - 1
        );
        match from {
            Side::Array => {
                let first = Parameter::Count as usize;
                self.space.print_bases("row", first, body);
                self.space.print_places("element", "", 0..1, first, body);
                let key = bits.key(&bits.load("x", "at0"));
                let _ = writeln!(body, "    key = {key} ^ {kind}(turn);\n    place = element;");
            }
            Side::Keys => {
                let _ = writeln!(
                    body,
                    "    let at = row * length + element;\n    key = bitcast<{kind}>(from_keys[at]);\n    place = bitcast<u32>(from_places[at]);"
                );
            }
        }
        let _ = write!(
            body,
            "    }}
    tile_keys[i] = key;
    tile_places[i] = place;
    }}
    workgroupBarrier();
    for (var size = 2u; size <= width; size = size * 2u) {{
    for (var far = size / 2u; far > 0u; far = far / 2u) {{
    for (var pair = local_index; pair < {half}u; pair += {GROUP}u) {{
    let i = pair / far * far * 2u + pair % far;
    let j = i + far;
    let up = size == width || ((i % width) & size) == 0u;
    let key = tile_keys[i];
    let place = tile_places[i];
    let other_key = tile_keys[j];
    let other_place = tile_places[j];
    if (ahead_{name}(other_key, other_place, key, place) == up) {{
    tile_keys[i] = other_key;
    tile_places[i] = other_place;
    tile_keys[j] = key;
    tile_places[j] = place;
    }}
    }}
    workgroupBarrier();
    }}
    }}
    for (var i = local_index; i < {TILE}u; i += {GROUP}u) {{
    let unit = (block * {TILE}u + i) / width;
    let row = unit / tiles;
    let rank = i % width;
    if (unit < total && rank < kept) {{
    let key = tile_keys[i];
    let place = tile_places[i];
",
            half = TILE / 2
        );
        match self.to {
            Side::Keys => {
                let _ = writeln!(
                    body,
                    "    let at = unit * kept + rank;\n    to_keys[at] = bitcast<{stored}>(key);\n    to_places[at] = bitcast<i32>(place);"
                );
            }
            Side::Array => self.print_store(bits, body),
        }
        body.push_str("    }\n    }\n    workgroupBarrier();\n    }\n");
    }

    fn print_merge(&self, bits: Bits, body: &mut String) {
        let wide = bits.wide();
        let (kind, name) = (key_kind(wide), key_name(wide));
        let _ = write!(
            body,
            "    let total = rows * length;
    for (var i = global_id.x; i < total; i += groups.x * {GROUP}u) {{
    let row = i / length;
    let element = i % length;
    let own = element / width * width;
    let is_later = (element / width) % 2u == 1u;
    let key = bitcast<{kind}>(from_keys[i]);
    let place = bitcast<u32>(from_places[i]);
    var low = select(own + width, own - width, is_later);
    let other = low;
    var high = min(low + width, length);
    while (low < high) {{
    let middle = (low + high) / 2u;
    let other_key = bitcast<{kind}>(from_keys[row * length + middle]);
    let other_place = bitcast<u32>(from_places[row * length + middle]);
    // What is equal fills up rows; of it, what lies earlier stays before.
    let equal = !ahead_{name}(key, place, other_key, other_place) && !ahead_{name}(other_key, other_place, key, place);
    if (ahead_{name}(other_key, other_place, key, place) || (equal && is_later)) {{
    low = middle + 1u;
    }} else {{
    high = middle;
    }}
    }}
    let rank = min(own, other) + (element - own) + (low - other);
"
        );
        match self.to {
            Side::Keys => {
                let stored = key_element(wide).stored();
                let _ = write!(
                    body,
                    "    to_keys[row * length + rank] = bitcast<{stored}>(key);\n    to_places[row * length + rank] = bitcast<i32>(place);\n"
                );
            }
            Side::Array => {
                body.push_str("    if (rank < kept) {\n");
                self.print_store(bits, body);
                body.push_str("    }\n");
            }
        }
        body.push_str("    }\n");
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        let mut samples = Vec::new();
        for dtype in DType::ALL {
            for kept in [1, 3] {
                let space = Space { kept, along: 1, operands: 3 };
                for step in [Step::Tiles(Side::Array), Step::Tiles(Side::Keys), Step::Merge] {
                    for to in [Side::Array, Side::Keys] {
                        samples.push(Template { dtype, step, to, space });
                    }
                }
            }
        }
        samples
    }
}
