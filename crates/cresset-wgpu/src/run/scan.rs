//! Running totals and running extremes along a dimension.
//!
//! Short lines, and many, are walked by one invocation each. Others are walked by a workgroup, tile after tile; few long
//! ones are cut into parts, whose totals a first dispatch finds. Everything is taken together in the order in which it
//! lies, so that the result is the same every time.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, DType, Op, Outputs, Result, Shape, cpu::plan::Lane, infer::infer, op::Scan};
use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::{Buffer, buffer},
    wgsl::{
        Writer,
        element::{Element, lane_type},
        param,
        rows::{GROUP, Operand, Space, Team},
    },
};

/// Elements of a lane in one tile.
const RUN: u32 = 4;
/// Elements of a tile.
const TILE: usize = (GROUP * RUN) as usize;
/// Lines up to this length are walked by one invocation.
const SHORT: usize = 32;
/// So many lines keep a card busy if each is walked by one invocation.
const MANY: usize = 1 << 14;
/// So many workgroups keep it busy.
const BUSY: usize = 256;

/// Which kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Form {
    /// An invocation for each line.
    Line,
    /// A workgroup for each line.
    Tiles,
    /// A workgroup for each part of a line, of which it finds the total.
    Totals,
    /// A workgroup for each part of a line, after what the parts before it come to.
    Parts,
}

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    kind: Scan,
    dtype: DType,
    form: Form,
    /// Of the input, the output, and the places.
    space: Space,
    /// Lines of the output are whole words, one after another.
    whole: bool,
}

/// The running totals, or the running extremes and where they lie.
pub fn scan(card: &Arc<Card>, op: &Op, kind: Scan, dim: usize, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let name = kind.name();
    let metas = infer(op, inputs)?;
    let x = inputs[0];
    let length = x.shape().get(dim).copied().unwrap_or(1);
    check(card, kind, x.dtype(), length)?;
    let outputs: Outputs<Array> =
        metas.iter().map(|meta| card.fresh(name, meta.shape.clone(), meta.dtype)).collect::<Result<_>>()?;
    if x.numel() == 0 {
        return Ok(outputs);
    }
    let rows = x.numel() / length;
    let (along, kept): (Vec<usize>, Vec<usize>) = (0..x.rank()).partition(|&d| d == dim);
    let operands: SmallVec<[Operand; 3]> = (std::iter::once(x).chain(&outputs))
        .map(|x| (x.offset(), x.strides().iter().copied().collect()))
        .collect();
    let (space, words) = Space::new(x.shape(), &kept, &along, &operands);
    let parts = (length / (4 * TILE)).min(BUSY / rows.min(BUSY)).clamp(1, GROUP as usize);
    let chunk = length.div_ceil(parts).next_multiple_of(TILE);
    let parts = length.div_ceil(chunk);
    let form = match parts {
        _ if length <= SHORT || rows >= MANY => Form::Line,
        1 => Form::Tiles,
        _ => Form::Parts,
    };
    let per_word = Element::of(outputs[0].dtype(), &card.abilities).per_word() as usize;
    let inner: usize = x.shape().iter().skip(dim + 1).product();
    let whole = inner == 1 && length.is_multiple_of(per_word);
    let mut parameters = words;
    parameters.insert_many(0, [rows as u32, length as u32, parts as u32, chunk as u32]);
    let run = |form: Form, outputs: &[&Array], partial: &[&Array], groups: u32| {
        let template = Template { kind, dtype: x.dtype(), form, space, whole };
        let mut buffers: SmallVec<[&Arc<Buffer>; 6]> = SmallVec::new();
        for array in std::iter::once(&x).chain(outputs).chain(partial) {
            buffers.push(buffer(array)?);
        }
        let kernel = card.kernel(name, kernels::Template::Scan(template))?;
        card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])
    };
    let all: Vec<&Array> = outputs.iter().collect();
    match form {
        Form::Line => run(form, &all, &[], ALONE.groups(rows))?,
        Form::Tiles => run(form, &all, &[], TOGETHER.groups(rows))?,
        Form::Totals | Form::Parts => {
            let units = rows * parts;
            let shape = Shape::from_slice(&[units]);
            let kept = kept_dtype(Lane::of(x.dtype()), &card.abilities);
            let mut partial: SmallVec<[Array; 2]> = SmallVec::new();
            partial.push(card.fresh(name, shape.clone(), kept)?);
            if is_extreme(kind) {
                partial.push(card.fresh(name, shape, DType::I32)?);
            }
            let partial: SmallVec<[&Array; 2]> = partial.iter().collect();
            run(Form::Totals, &[], &partial, TOGETHER.groups(units))?;
            run(Form::Parts, &all, &partial, TOGETHER.groups(units))?;
        }
    }
    Ok(outputs)
}

/// An invocation for each line.
const ALONE: Team = Team { lanes: 1, across: false };
/// A workgroup for each line.
const TOGETHER: Team = Team { lanes: GROUP, across: false };

/// Refuses what the card cannot compute.
fn check(card: &Card, kind: Scan, dtype: DType, length: usize) -> Result<()> {
    card.abilities.check(kind.name(), dtype)?;
    if kind == Scan::LogSumExp && dtype == DType::F64 {
        // Its functions order numbers by their bits.
        card.abilities.check(kind.name(), DType::I64)?;
    }
    if !matches!(kind, Scan::Sum | Scan::Prod) || dtype.is_float() {
        return Ok(());
    }
    // Totals of truths, and sums of small numbers, are exact in fewer bits.
    let (low, high) = dtype.int_range();
    let most = high.saturating_abs().max(low.saturating_abs());
    let small = kind == Scan::Sum && (length as i64).saturating_mul(most) <= i64::from(i32::MAX);
    if small || dtype == DType::Bool {
        return Ok(());
    }
    card.abilities.check(kind.name(), DType::I64)
}

fn is_extreme(kind: Scan) -> bool {
    matches!(kind, Scan::Max | Scan::Min)
}

/// The dtype of an array that holds totals of parts.
fn kept_dtype(lane: Lane, abilities: &Abilities) -> DType {
    match lane {
        Lane::F32 => DType::F32,
        Lane::F64 => DType::F64,
        Lane::I64 | Lane::Bool if abilities.i64 => DType::I64,
        Lane::I64 | Lane::Bool => DType::I32,
    }
}

impl Template {
    /// What is carried along: names, types, and what they are before the first element.
    fn carried(&self, abilities: &Abilities) -> Vec<(&'static str, &'static str, String)> {
        let number = self.number();
        if !is_extreme(self.kind) {
            let start = match self.kind {
                Scan::Prod => format!("{number}(1)"),
                Scan::LogSumExp => format!("{number}(neg_f32(inf_f32()))"),
                Scan::Sum | Scan::Max | Scan::Min => format!("{number}(0)"),
            };
            return vec![("total", number, start)];
        }
        let (rank, lowest) = match number {
            "f32" => ("u32", "0u"),
            "f64" => ("f64", "f64(neg_f32(inf_f32()))"),
            _ if abilities.i64 => ("int", "lowest_int(63u)"),
            _ => ("int", "lowest_int(31u)"),
        };
        vec![
            ("rank", rank, lowest.to_owned()),
            ("total", number, format!("{number}(0)")),
            ("found", "u32", "0u".to_owned()),
        ]
    }

    /// In what elements are computed: truths as integers.
    fn number(&self) -> &'static str {
        match Lane::of(self.dtype) {
            Lane::Bool => lane_type(Lane::I64),
            lane => lane_type(lane),
        }
    }

    fn ranked(&self, value: &str) -> String {
        let turned = if self.kind == Scan::Min { "turned_" } else { "" };
        format!("{turned}rank_{}({value})", self.number())
    }

    /// Takes what comes later, in `other_NAME` or another prefix, into what was there before.
    fn combine(&self, later: &str, abilities: &Abilities) -> String {
        match self.kind {
            Scan::Sum => format!("total = total + {later}total;"),
            Scan::Prod => format!("total = total * {later}total;"),
            Scan::LogSumExp => format!("total = log_of_sum_{}(total, {later}total);", self.number()),
            Scan::Max | Scan::Min => {
                let rank = self.carried(abilities)[0].1;
                format!(
                    "if (!above_{rank}(rank, {later}rank)) {{ rank = {later}rank; total = {later}total; found = {later}found; }}"
                )
            }
        }
    }

    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        const WORDS: usize = 4;
        let lane = Lane::of(self.dtype);
        let read = Element::of(self.dtype, abilities);
        let target = self.kind.dtype(self.dtype);
        let written = Element::of(target, abilities);
        let extreme = is_extreme(self.kind);
        let whole = written.per_word() > 1 && self.whole && self.form != Form::Line;
        let apart = written.per_word() > 1 && !whole;
        let carried = self.carried(abilities);
        let places = Element { dtype: DType::I64, paired: true };
        let mut writer = Writer::default();
        writer.bind("x", read, Access::Read, false);
        if self.form != Form::Totals {
            writer.bind("y", written, Access::Write, apart);
            if extreme {
                writer.bind("places", places, Access::Write, false);
            }
        }
        if matches!(self.form, Form::Totals | Form::Parts) {
            let access = if self.form == Form::Totals { Access::Write } else { Access::Read };
            writer.bind("kept_total", Element::of(kept_dtype(lane, abilities), abilities), access, false);
            if extreme {
                writer.bind("kept_found", Element::of(DType::I32, abilities), access, false);
            }
        }
        // Prints the element of number `r` as the variables' next values.
        let element = |r: &str, at: &str, into: &str, body: &mut String| {
            self.space.print_places(r, at, 0..1, WORDS, body);
            let load = read.load("x", &format!("at0{at}"), false);
            let load = if lane == Lane::Bool { format!("int_from_bool({load})") } else { load };
            let _ = writeln!(body, "    {into}total = {load};");
            if extreme {
                let _ = writeln!(
                    body,
                    "    {into}rank = {};\n    {into}found = {r};",
                    self.ranked(&format!("{into}total"))
                );
            }
        };
        // A total as a value of the output's lane.
        let value =
            |name: &str| if target == DType::Bool { format!("({name} != int(0))") } else { name.to_owned() };
        let declare = |prefix: &str, body: &mut String| {
            for (name, kind, start) in &carried {
                let _ = writeln!(body, "    var {prefix}{name}: {kind} = {start};");
            }
        };
        let mut body = format!(
            "    let length = {};\n    let parts = {};\n    let chunk = {};\n",
            param(1),
            param(2),
            param(3)
        );
        if self.form == Form::Line {
            ALONE.open(&param(0), &mut body);
            body += "    let row = select(0u, unit, valid);\n";
            self.space.print_bases("row", WORDS, &mut body);
            declare("", &mut body);
            declare("other_", &mut body);
            body += "    let end = select(0u, length, valid);\n    for (var r = 0u; r < end; r++) {\n";
            element("r", "", "other_", &mut body);
            let _ = writeln!(body, "    {}", self.combine("other_", abilities));
            self.space.print_places("r", "w", 1..self.space.operands, WORDS, &mut body);
            let total = value("total");
            if apart {
                let _ = writeln!(body, "    {}", written.store_part("y", "at1w", &total));
            } else {
                let _ = writeln!(body, "    y[at1w] = {};", written.pack(&total));
            }
            if extreme {
                body += "    places[at2w] = vec2<i32>(bitcast<i32>(found), 0);\n";
            }
            body += "    }\n";
            ALONE.close(&mut body);
            writer.body = body;
            return writer.finish(abilities, [GROUP, 1, 1]);
        }
        // Lanes are scanned in workgroup memory: each takes in what lies 1, 2, 4, … before it.
        let mut lanes = String::new();
        for (name, kind, _) in &carried {
            let _ = writeln!(lanes, "var<workgroup> team_{name}: array<{kind}, {GROUP}>;");
        }
        let _ = writeln!(
            lanes,
            "fn scan_lanes(lane: u32) {{\n    for (var far = 1u; far < {GROUP}u; far = far * 2u) {{\n    workgroupBarrier();"
        );
        for (name, _, _) in &carried {
            let _ =
                writeln!(lanes, "    let later_{name} = team_{name}[lane];\n    var {name} = later_{name};");
        }
        lanes += "    if (lane >= far) {\n";
        for (name, _, _) in &carried {
            let _ = writeln!(lanes, "    {name} = team_{name}[lane - far];");
        }
        let _ = writeln!(lanes, "    {}\n    }}\n    workgroupBarrier();", self.combine("later_", abilities));
        for (name, _, _) in &carried {
            let _ = writeln!(lanes, "    team_{name}[lane] = {name};");
        }
        lanes += "    }\n    workgroupBarrier();\n}\n";
        writer.globals += &lanes;
        let parted = matches!(self.form, Form::Totals | Form::Parts);
        let units = if parted { format!("{} * parts", param(0)) } else { param(0) };
        TOGETHER.open(&units, &mut body);
        body += if parted {
            "    let row = unit / parts;\n    let part = unit % parts;\n    let begin = part * chunk;\n    let end = min(length, begin + chunk);\n"
        } else {
            "    let row = unit;\n    let begin = 0u;\n    let end = length;\n"
        };
        self.space.print_bases("row", WORDS, &mut body);
        // What all before this tile come to.
        declare("before_", &mut body);
        if self.form == Form::Parts {
            body += "    {\n";
            declare("", &mut body);
            body += "    if (lane < part) {\n    total = kept_total[row * parts + lane];\n";
            if extreme {
                let _ = writeln!(
                    body,
                    "    found = bitcast<u32>(kept_found[row * parts + lane]);\n    rank = {};",
                    self.ranked("total")
                );
            }
            body += "    }\n";
            for (name, _, _) in &carried {
                let _ = writeln!(body, "    team_{name}[lane] = {name};");
            }
            body += "    scan_lanes(lane);\n    if (part > 0u) {\n";
            for (name, _, _) in &carried {
                let _ = writeln!(body, "    before_{name} = team_{name}[part - 1u];");
            }
            body += "    }\n    workgroupBarrier();\n    }\n";
        }
        let _ = writeln!(
            body,
            "    for (var tile = begin; tile < end; tile += {TILE}u) {{\n    let first = tile + lane * {RUN}u;"
        );
        for k in 0..RUN {
            declare(&format!("own{k}_"), &mut body);
            let _ = writeln!(body, "    let r{k} = first + {k}u;\n    if (r{k} < end) {{");
            element(&format!("r{k}"), "", &format!("own{k}_"), &mut body);
            body += "    }\n";
            if k > 0 {
                self.after(&format!("own{}_", k - 1), &format!("own{k}_"), &carried, abilities, &mut body);
            }
        }
        for (name, _, _) in &carried {
            let _ = writeln!(body, "    team_{name}[lane] = own{}_{name};", RUN - 1);
        }
        body += "    scan_lanes(lane);\n";
        if self.form != Form::Totals {
            // What comes before this lane's elements.
            declare("ahead_", &mut body);
            body += "    if (lane > 0u) {\n";
            for (name, _, _) in &carried {
                let _ = writeln!(body, "    ahead_{name} = team_{name}[lane - 1u];");
            }
            body += "    }\n";
            self.after("before_", "ahead_", &carried, abilities, &mut body);
            for k in 0..RUN {
                self.after("ahead_", &format!("own{k}_"), &carried, abilities, &mut body);
            }
            let per_word = if whole { written.per_word() } else { 1 };
            for k in (0..RUN).step_by(per_word as usize) {
                let _ = writeln!(body, "    if (r{k} < end) {{");
                self.space.print_places(&format!("r{k}"), "w", 1..2, WORDS, &mut body);
                let total = value(&format!("own{k}_total"));
                if apart {
                    let _ = writeln!(body, "    {}", written.store_part("y", "at1w", &total));
                } else if per_word == 1 {
                    let _ = writeln!(body, "    y[at1w] = {};", written.pack(&total));
                } else {
                    let parts: Vec<String> = (0..per_word)
                        .map(|i| {
                            let bits = written.pack(&value(&format!("own{}_total", k + i)));
                            format!("({bits} << {}u)", i * written.bits())
                        })
                        .collect();
                    let _ = writeln!(body, "    y[at1w / {per_word}u] = {};", parts.join(" | "));
                }
                body += "    }\n";
            }
            for k in (0..RUN).filter(|_| extreme) {
                let _ = writeln!(body, "    if (r{k} < end) {{");
                self.space.print_places(&format!("r{k}"), "w", 2..3, WORDS, &mut body);
                let _ =
                    writeln!(body, "    places[at2w] = vec2<i32>(bitcast<i32>(own{k}_found), 0);\n    }}");
            }
        }
        body += "    {\n";
        for (name, _, _) in &carried {
            let _ = writeln!(body, "    var last_{name} = team_{name}[{}];", GROUP - 1);
        }
        self.after("before_", "last_", &carried, abilities, &mut body);
        for (name, _, _) in &carried {
            let _ = writeln!(body, "    before_{name} = last_{name};");
        }
        body += "    }\n    workgroupBarrier();\n    }\n";
        if self.form == Form::Totals {
            body += "    if (lane == 0u) {\n    kept_total[unit] = before_total;\n";
            if extreme {
                body += "    kept_found[unit] = bitcast<i32>(before_found);\n";
            }
            body += "    }\n";
        }
        TOGETHER.close(&mut body);
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Prints that what has one prefix comes before what has another, which takes it in.
    fn after(
        &self,
        earlier: &str,
        later: &str,
        carried: &[(&'static str, &'static str, String)],
        abilities: &Abilities,
        body: &mut String,
    ) {
        body.push_str("    {\n");
        for (name, _, _) in carried {
            let _ = writeln!(body, "    var {name} = {earlier}{name};");
        }
        let _ = writeln!(body, "    {}", self.combine(later, abilities));
        for (name, _, _) in carried {
            let _ = writeln!(body, "    {later}{name} = {name};");
        }
        body.push_str("    }\n");
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let mut samples = Vec::new();
        let kinds = [Scan::Sum, Scan::Prod, Scan::LogSumExp, Scan::Max, Scan::Min];
        for dtype in DType::ALL {
            for kind in kinds {
                let known = abilities.check("samples", dtype).is_ok()
                    && abilities.check("samples", kind.dtype(dtype)).is_ok();
                if !known
                    || kind == Scan::LogSumExp && (!dtype.is_float() || dtype == DType::F64 && !abilities.i64)
                {
                    continue;
                }
                let operands = 2 + usize::from(is_extreme(kind));
                for form in [Form::Line, Form::Tiles, Form::Totals, Form::Parts] {
                    for whole in [false, true] {
                        let kept = 1 + usize::from(whole);
                        let space = Space { kept, along: 1, operands };
                        samples.push(Template { kind, dtype, form, space, whole });
                    }
                }
            }
        }
        samples
    }
}
