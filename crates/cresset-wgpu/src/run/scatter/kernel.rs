//! The kernels of scatter: each way's dispatches, and how what meets is combined.

use cresset_ops::{DType, cpu::plan::Lane, op::Combine};

use crate::{
    abilities::Abilities,
    kernels::{Access, Source},
    run::{index::print_index, map::GROUP},
    wgsl::{
        Writer,
        bits::{Bits, sweep},
        element::{Element, lane_name},
        param,
        place::{Way, Ways},
    },
};

/// Parts of more indices are brought into order by a workgroup each, and combined in chunks.
pub(super) const LONG: usize = 4096;
/// Indices of a chunk.
pub(super) const CHUNK: usize = 512;
/// Indices that an invocation looks at before it tells its workgroup how many are its place's.
const RUN: u32 = 16;

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Template {
    /// Every element of the target goes through all indices.
    Walk {
        /// What is combined, and how.
        cell: Cell,
        /// Of index and source without the indexed dimension, of the target, and of the place in that dimension.
        ways: Ways,
    },
    /// How many indices name each place, and which of them each one is; or which is the last.
    Count {
        /// Which is the last?
        last: bool,
        /// Of the index, and of the place that it counts from.
        ways: Ways,
    },
    /// A part of the list for each place.
    Part,
    /// The indices of a place into its part.
    Place,
    /// Each part in order, long ones excepted.
    Order,
    /// Each long part in order.
    Long,
    /// What every chunk of a long part comes to.
    Chunk {
        /// What is combined, and how.
        cell: Cell,
    },
    /// Every element of the target combines what its part names.
    Merge {
        /// What is combined, and how.
        cell: Cell,
        /// Of the target.
        ways: Ways,
        /// Are the chunks of long parts combined already?
        chunked: bool,
    },
}

/// Elements that are combined: values of a dtype, or where one only takes the other's place, bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cell {
    /// The last takes the place.
    Bits(Bits),
    /// They are combined.
    Value(DType, Combine),
}

impl Cell {
    pub(super) fn of(dtype: DType, combine: Combine) -> Cell {
        match combine {
            Combine::Set => Cell::Bits(Bits::of(dtype)),
            Combine::Add | Combine::Mul | Combine::Max | Combine::Min => Cell::Value(dtype, combine),
        }
    }

    /// The dtype in which values are combined.
    pub(super) fn dtype(self) -> DType {
        match self {
            Cell::Bits(_) => DType::I32,
            Cell::Value(dtype, _) => dtype,
        }
    }

    pub(super) fn per_word(self) -> u32 {
        match self {
            Cell::Bits(bits) => bits.per_word(),
            Cell::Value(dtype, _) => Bits::of(dtype).per_word(),
        }
    }

    fn stored(self, abilities: &Abilities) -> &'static str {
        match self {
            Cell::Bits(bits) => bits.stored(),
            Cell::Value(dtype, _) => Element::of(dtype, abilities).stored(),
        }
    }

    fn load(self, abilities: &Abilities, buffer: &str, place: &str, atomic: bool) -> String {
        match self {
            Cell::Bits(bits) => bits.load(buffer, place, atomic),
            Cell::Value(dtype, _) => Element::of(dtype, abilities).load(buffer, place, atomic),
        }
    }

    fn store(self, abilities: &Abilities, buffer: &str, place: &str, value: &str) -> String {
        match self {
            Cell::Bits(bits) => bits.store(buffer, place, value),
            Cell::Value(dtype, _) => {
                let element = Element::of(dtype, abilities);
                match element.per_word() {
                    1 => format!("{buffer}[{place}] = {};", element.pack(value)),
                    _ => element.store_part(buffer, place, value),
                }
            }
        }
    }

    /// What two values are together, as precise as the dtype.
    pub fn combined(self, a: &str, b: &str) -> String {
        let Cell::Value(dtype, combine) = self else { return b.to_owned() };
        let lane = Lane::of(dtype);
        if lane == Lane::F64 {
            return match combine {
                Combine::Add => format!("({a} + {b})"),
                Combine::Mul => format!("({a} * {b})"),
                Combine::Max => format!("larger_f64({a}, {b})"),
                Combine::Min => format!("smaller_f64({a}, {b})"),
                Combine::Set => b.to_owned(),
            };
        }
        let name = match combine {
            Combine::Add => "add",
            Combine::Mul => "mul",
            Combine::Max => "maximum",
            Combine::Min => "minimum",
            Combine::Set => return b.to_owned(),
        };
        let both = format!("{name}_{}({a}, {b})", lane_name(lane));
        match dtype {
            DType::F16 => format!("narrow_half({both})"),
            DType::BF16 => format!("narrow_bfloat({both})"),
            DType::I32 => format!("wrap_i32({both})"),
            DType::I16 => format!("wrap_i16({both})"),
            DType::I8 => format!("wrap_i8({both})"),
            DType::U8 => format!("wrap_u8({both})"),
            DType::F64 | DType::F32 | DType::I64 | DType::Bool => both,
        }
    }
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let mut writer = Writer::default();
        let mut body = String::new();
        let words = |writer: &mut Writer, name: &str, access: Access, atomic: bool| {
            writer.bind_as(name, "u32", access, atomic);
        };
        match self {
            Template::Walk { cell, ways } => {
                let shared = cell.per_word() > 1;
                writer.bind_as("places", "vec2<u32>", Access::Read, false);
                writer.bind_as("x", cell.stored(abilities), Access::Read, false);
                writer.bind_as("y", cell.stored(abilities), Access::Write, shared);
                words(&mut writer, "mistakes", Access::Write, true);
                ways.print("i", 6, "at", &mut body);
                let load = |buffer: &str, place: &str, atomic| cell.load(abilities, buffer, place, atomic);
                body += &format!("    var value = {};\n    var named = false;\n", load("y", "at2", shared));
                body += &format!("    for (var j = 0u; j < {}; j++) {{\n", param(2));
                let place = format!("at0 + j * {}", param(3));
                print_index("p", &place, 1, 5, " && at3 == 0u", &mut body);
                let from = format!("at1 + j * {}", param(4));
                body += &format!(
                    "    if (!p_outside && p == at3) {{ value = {}; named = true; }}\n    }}\n",
                    cell.combined("value", &load("x", &from, false))
                );
                body += &format!("    if (named) {{ {} }}\n", cell.store(abilities, "y", "at2", "value"));
            }
            Template::Count { last, ways } => {
                writer.bind_as("places", "vec2<u32>", Access::Read, false);
                words(&mut writer, "counts", Access::Write, true);
                words(&mut writer, "mistakes", Access::Write, true);
                ways.print("i", 4, "at", &mut body);
                print_index("p", "at0", 1, 3, "", &mut body);
                body += &format!("    let key = at1 + p * {};\n", param(2));
                if *last {
                    body += "    if (!p_outside) { atomicMax(&counts[key], i + 1u); }\n";
                } else {
                    words(&mut writer, "keys", Access::Write, false);
                    words(&mut writer, "slots", Access::Write, false);
                    body += "    keys[i] = select(key, 0xffffffffu, p_outside);\n    if (!p_outside) { slots[i] = atomicAdd(&counts[key], 1u); }\n";
                }
            }
            Template::Part => {
                words(&mut writer, "counts", Access::Write, true);
                words(&mut writer, "starts", Access::Write, false);
                // Which part of the list a place gets may differ from run to run; what is in it does not.
                body += "    let count = atomicLoad(&counts[i]);\n    if (count > 0u) { starts[i] = atomicAdd(&counts[n], count); }\n";
            }
            Template::Place => {
                words(&mut writer, "keys", Access::Read, false);
                words(&mut writer, "slots", Access::Read, false);
                words(&mut writer, "starts", Access::Read, false);
                words(&mut writer, "list", Access::Write, false);
                body += "    let key = keys[i];\n    if (key != 0xffffffffu) { list[starts[key] + slots[i]] = i; }\n";
            }
            Template::Order => {
                words(&mut writer, "keys", Access::Read, false);
                words(&mut writer, "counts", Access::Read, false);
                words(&mut writer, "starts", Access::Read, false);
                words(&mut writer, "list", Access::Read, false);
                words(&mut writer, "order", Access::Write, false);
                body += &format!(
                    "    let key = keys[i];\n    if (key != 0xffffffffu && counts[key] <= {LONG}u) {{\n    let start = starts[key];\n    let end = start + counts[key];\n    var rank = start;\n    for (var j = start; j < end; j++) {{ rank += select(0u, 1u, list[j] < i); }}\n    order[rank] = i;\n    }}\n"
                );
            }
            Template::Long => {
                for name in ["keys", "counts", "starts"] {
                    words(&mut writer, name, Access::Read, false);
                }
                words(&mut writer, "order", Access::Write, false);
                writer.globals += &format!("var<workgroup> totals: array<u32, {GROUP}>;\n");
                writer.body = format!(
                    "    for (var key = group_id.x; key < {keys}; key += groups.x) {{
    if (counts[key] > {LONG}u) {{
    var rank = starts[key];
    for (var first = 0u; first < {entries}; first += {block}u) {{
    let begin = first + local_index * {RUN}u;
    let end = min(begin + {RUN}u, {entries});
    var own = 0u;
    for (var i = begin; i < end; i++) {{ own += select(0u, 1u, keys[i] == key); }}
    totals[local_index] = own;
    workgroupBarrier();
    for (var far = 1u; far < {GROUP}u; far = far * 2u) {{
    var before = 0u;
    if (local_index >= far) {{ before = totals[local_index - far]; }}
    workgroupBarrier();
    totals[local_index] += before;
    workgroupBarrier();
    }}
    var mine = rank + totals[local_index] - own;
    for (var i = begin; i < end; i++) {{
    if (keys[i] == key) {{ order[mine] = i; mine += 1u; }}
    }}
    rank += totals[{last}];
    workgroupBarrier();
    }}
    }}
    }}
",
                    keys = param(0),
                    entries = param(1),
                    block = GROUP * RUN,
                    last = GROUP - 1,
                );
                return writer.finish(abilities, [GROUP, 1, 1]);
            }
            Template::Chunk { cell } => {
                for name in ["keys", "counts", "starts", "order"] {
                    words(&mut writer, name, Access::Read, false);
                }
                writer.bind_as("x", cell.stored(abilities), Access::Read, false);
                writer.bind_as("chunks", cell.stored(abilities), Access::Write, false);
                // A place in the list tells whose part it is in. Chunks count from the beginning of a part, wherever in the
                // list that lies, so that sums are the same every time.
                let load = |place: &str| {
                    cell.load(
                        abilities,
                        "x",
                        &format!("{} + order[{place}] * {} + column", param(2), param(1)),
                        false,
                    )
                };
                body += &format!(
                    "    let slot = i / {width};
    let column = i % {width};
    if (slot * {CHUNK}u < counts[{keys}]) {{
    let key = keys[order[slot * {CHUNK}u]];
    let start = starts[key];
    let chunk = slot - (start + {up}u) / {CHUNK}u;
    if (counts[key] > {LONG}u && chunk < counts[key] / {CHUNK}u) {{
    let first = start + chunk * {CHUNK}u;
    var value = {one};
    for (var j = first + 1u; j < first + {CHUNK}u; j++) {{ value = {both}; }}
    {store}
    }}
    }}
",
                    width = param(1),
                    keys = param(3),
                    up = CHUNK - 1,
                    one = load("first"),
                    both = cell.combined("value", &load("j")),
                    store = cell.store(abilities, "chunks", "i", "value"),
                );
            }
            Template::Merge { cell, ways, chunked } => {
                let shared = cell.per_word() > 1;
                words(&mut writer, "counts", Access::Read, false);
                writer.bind_as("x", cell.stored(abilities), Access::Read, false);
                writer.bind_as("y", cell.stored(abilities), Access::Write, shared);
                ways.print("i", 3, "at", &mut body);
                let (width, first) = (param(1), param(2));
                body += &format!(
                    "    let key = i / {width};\n    let column = i % {width};\n    let count = counts[key];\n"
                );
                let load = |buffer: &str, place: &str, atomic| cell.load(abilities, buffer, place, atomic);
                let from = |entry: &str| format!("{first} + ({entry}) * {width} + column");
                let inner = match cell {
                    Cell::Bits(_) => format!("    let value = {};\n", load("x", &from("count - 1u"), false)),
                    Cell::Value(..) => {
                        words(&mut writer, "starts", Access::Read, false);
                        words(&mut writer, "order", Access::Read, false);
                        let next = load("x", &from("order[start + j]"), false);
                        let mut chunks = String::new();
                        if *chunked {
                            writer.bind_as("chunks", cell.stored(abilities), Access::Read, false);
                            let chunk = load("chunks", &format!("(slot + j) * {width} + column"), false);
                            chunks = format!(
                                "    if (count > {LONG}u) {{\n    let slot = (start + {}u) / {CHUNK}u;\n    for (var j = 0u; j < count / {CHUNK}u; j++) {{ value = {}; }}\n    done = count / {CHUNK}u * {CHUNK}u;\n    }}\n",
                                CHUNK - 1,
                                cell.combined("value", &chunk)
                            );
                        }
                        format!(
                            "    let start = starts[key];\n    var value = {};\n    var done = 0u;\n{chunks}    for (var j = done; j < count; j++) {{ value = {}; }}\n",
                            load("y", "at0", shared),
                            cell.combined("value", &next)
                        )
                    }
                };
                let store = cell.store(abilities, "y", "at0", "value");
                body += &format!("    if (count > 0u) {{\n{inner}    {store}\n    }}\n");
            }
        }
        writer.body = format!("    let n = {};\n", param(0)) + &sweep(GROUP, 1, "", &body);
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let ways = |ways: &[Way], dims| Ways { ways: ways.iter().copied().collect(), dims };
        let bits = Bits::ALL.into_iter().map(Cell::Bits);
        let dtypes = DType::ALL.iter().filter(|dtype| abilities.check("scatter", **dtype).is_ok());
        let combines = [Combine::Add, Combine::Mul, Combine::Max, Combine::Min];
        let values = dtypes.flat_map(|&dtype| combines.map(|combine| Cell::Value(dtype, combine)));
        let mut samples = vec![Template::Part, Template::Place, Template::Order, Template::Long];
        for last in [true, false] {
            samples.push(Template::Count { last, ways: ways(&[Way::Line, Way::Single], 0) });
            samples.push(Template::Count { last, ways: ways(&[Way::Strided, Way::Strided], 3) });
        }
        for cell in bits.chain(values) {
            let all = [Way::Strided, Way::Strided, Way::Line, Way::Strided];
            samples.push(Template::Walk { cell, ways: ways(&all, 2) });
            let all = [Way::Single, Way::Single, Way::Single, Way::Single];
            samples.push(Template::Walk { cell, ways: ways(&all, 0) });
            samples.push(Template::Merge { cell, ways: ways(&[Way::Line], 0), chunked: false });
            samples.push(Template::Merge { cell, ways: ways(&[Way::Strided], 3), chunked: false });
            if matches!(cell, Cell::Value(..)) && cell.per_word() == 1 {
                samples.push(Template::Chunk { cell });
                samples.push(Template::Merge { cell, ways: ways(&[Way::Line], 0), chunked: true });
            }
        }
        samples
    }
}
