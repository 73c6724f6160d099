//! Reductions over any dimensions, of an array or of a formula's values.
//!
//! Every result is a row of what is reduced to it. Few rows with many elements are cut into parts, whose totals a second
//! dispatch brings together. Every lane adds up pieces before it adds these, and lanes are added by halves, so that
//! rounding errors grow slowly.

use std::{
    fmt::Write as _,
    hash::{Hash, Hasher},
    sync::Arc,
};

use cresset_ops::{
    Array, DType, Error, Op, Result, Shape,
    cpu::{
        constants,
        plan::{Code, Lane, Plan, plan},
        walk::{Steps, broadcast_strides},
    },
    expr::{Expr, Program, Type, traced},
    infer::{broadcast, infer},
    op::{Map, Numbers, Reduce, Reduction},
};
use cresset_tensor::{Category, Scalar};
use smallvec::SmallVec;

use super::map;
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::{Buffer, buffer},
    stream::PARAMETERS,
    wgsl::{
        Writer,
        element::{Element, lane_name, lane_type},
        formula, param,
        place::Words,
        rows::{GROUP, Operand, Space, Team},
    },
};

/// Elements that a lane adds to each other before it adds their sum to its total.
const PIECE: u32 = 32;
/// Elements that a lane has under way at once: memory is far, and a total waits for the one before.
const AT_ONCE: u32 = 4;
/// Formulas of more steps are printed once: long kernels take long to compile, and have enough to do.
const SHORT: usize = 6;
/// Elements of a lane below which no part is worth a dispatch.
const FEW: usize = 64;
/// Workgroups there should be.
const BUSY: usize = 512;
/// Elements of a lane, at most, before a row is cut into parts.
const LONG: usize = 1024;
/// Parts of a row, at most.
const PARTS: usize = 1 << 14;

/// Parameters before the constants: rows, parts, and the length of a row.
const HEAD: usize = 3;

/// The slot of an input that the formula does not need.
const UNUSED: u8 = u8::MAX;

/// Where a kernel's elements come from.
#[derive(Clone, Debug)]
enum From {
    /// A formula of inputs.
    Formula {
        program: Arc<Program>,
        inputs: SmallVec<[Type; 4]>,
        families: SmallVec<[Category; 2]>,
        /// Which binding each input is.
        slots: SmallVec<[u8; 8]>,
    },
    /// The totals of parts.
    Parts,
}

impl From {
    fn key(&self) -> impl Eq + Hash + '_ {
        match self {
            From::Formula { program, inputs, families, slots } => {
                Some((Arc::as_ptr(program) as usize, inputs, families, slots))
            }
            From::Parts => None,
        }
    }
}

/// What the kernel of a reduction depends on.
#[derive(Clone, Debug)]
pub struct Template {
    from: From,
    kind: Reduction,
    /// Of the elements.
    lane: Lane,
    /// The dtype of the results; `None` for the totals of parts.
    target: Option<DType>,
    team: Team,
    space: Space,
}

impl Template {
    fn key(&self) -> impl Eq + Hash + '_ {
        (self.from.key(), self.kind, self.lane, self.target, self.team, self.space)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Template {}

impl Hash for Template {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Does the kind ask where something lies?
fn finds(kind: Reduction) -> bool {
    matches!(kind, Reduction::ArgMax | Reduction::ArgMin)
}

/// What a total is while it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Total {
    F32,
    F64,
    Int,
    Bool,
    /// The rank of an f32.
    Rank,
}

impl Total {
    fn of(kind: Reduction, lane: Lane) -> Total {
        match (kind, lane) {
            (Reduction::Any | Reduction::All, _) => Total::Bool,
            (Reduction::Max | Reduction::Min, Lane::Bool) => Total::Bool,
            (Reduction::ArgMax | Reduction::ArgMin, Lane::F32) => Total::Rank,
            (_, Lane::F32) => Total::F32,
            (_, Lane::F64) => Total::F64,
            (_, Lane::I64 | Lane::Bool) => Total::Int,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Total::F32 => "f32",
            Total::F64 => "f64",
            Total::Int => "int",
            Total::Bool => "bool",
            Total::Rank => "u32",
        }
    }

    /// The dtype of the array that holds totals of parts.
    fn kept(self, abilities: &Abilities) -> DType {
        match self {
            Total::F32 => DType::F32,
            Total::F64 => DType::F64,
            Total::Int if abilities.i64 => DType::I64,
            Total::Int | Total::Bool | Total::Rank => DType::I32,
        }
    }

    /// A kept total as it was, and the other way round.
    fn unkept(self, value: &str) -> String {
        match self {
            Total::F32 | Total::F64 | Total::Int => value.to_owned(),
            Total::Bool => format!("({value} != 0i)"),
            Total::Rank => format!("bitcast<u32>({value})"),
        }
    }

    fn keep(self, value: &str) -> String {
        match self {
            Total::F32 | Total::F64 | Total::Int => value.to_owned(),
            Total::Bool => format!("select(0i, 1i, {value})"),
            Total::Rank => format!("bitcast<i32>({value})"),
        }
    }
}

/// Reduces.
pub fn reduce(card: &Arc<Card>, op: &Op, reduce: &Reduce, inputs: &[&Array]) -> Result<Array> {
    let name = reduce.kind.name();
    let metas = infer(op, inputs)?;
    let meta = &metas[0];
    let identity;
    let map = match &reduce.map {
        Some(map) => map,
        None => {
            let program = traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]);
            identity = Map { program, numbers: Numbers::new(), shape: None };
            &identity
        }
    };
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).collect();
    let plan = plan(&map.program, &types, &map.numbers)?;
    let constants = constants(name, plan, &map.numbers)?;
    let Some(&(_, dtype)) = plan.outputs.first() else {
        return Err(Error::argument(name, "the formula has no output"));
    };
    let lane = Lane::of(dtype);
    let shape = broadcast(name, inputs, map.shape.as_deref())?;
    let narrow = formula::is_narrow(plan, &constants, &[], shape.numel());
    formula::check(name, plan, narrow, &card.abilities)?;
    let layout = Layout::new(reduce, plan, inputs, &shape)?;
    check(card, reduce.kind, lane, dtype, layout.length)?;
    let output = card.fresh(name, meta.shape.clone(), meta.dtype)?;
    if layout.rows == 0 {
        return Ok(output);
    }
    let Some((buffers, slots)) = bindings(card, plan, inputs, finds(reduce.kind))? else {
        // More arrays than the card binds at once: the formula's values first.
        let values = map::one(card, map, inputs)?;
        let plain = Reduce { map: None, ..reduce.clone() };
        return self::reduce(card, &Op::Reduce(Box::new(plain.clone())), &plain, &[&values]);
    };
    let mut head: SmallVec<[u32; 64]> = SmallVec::new();
    for bits in &constants {
        head.extend([*bits as u32, (*bits >> 32) as u32]);
    }
    let from = From::Formula {
        program: map.program.clone(),
        inputs: types,
        families: map.numbers.iter().map(|number| number.category()).collect(),
        slots,
    };
    let pass = Pass { card, kind: reduce.kind, lane };
    if layout.parts == 1 {
        pass.run(from, Some(&output), &layout, &head, &buffers, None)?;
        return Ok(output);
    }
    let total = Total::of(reduce.kind, lane);
    let units = Shape::from_slice(&[layout.rows * layout.parts]);
    let partial = card.fresh(name, units.clone(), total.kept(&card.abilities))?;
    let places = finds(reduce.kind).then(|| card.fresh(name, units, DType::I32)).transpose()?;
    pass.run(from, None, &layout, &head, &buffers, Some((&partial, places.as_ref())))?;
    // Parts lie one after the other, each with all rows.
    let operand = |_: usize| -> Operand { (0, Steps::from_slice(&[layout.rows as isize, 1])) };
    let operands: SmallVec<[Operand; 2]> = (0..1 + usize::from(places.is_some())).map(operand).collect();
    let (space, words) = Space::new(&[layout.parts, layout.rows], &[1], &[0], &operands);
    let team = Team::new(layout.rows, layout.parts, layout.rows >= 16);
    let last = Layout { rows: layout.rows, length: layout.parts, parts: 1, team, space, words };
    let mut buffers: SmallVec<[&Arc<Buffer>; 8]> = SmallVec::new();
    buffers.push(buffer(&partial)?);
    if let Some(places) = &places {
        buffers.push(buffer(places)?);
    }
    pass.run(From::Parts, Some(&output), &last, &[], &buffers, None)?;
    Ok(output)
}

/// Refuses totals of integers that the card cannot hold.
fn check(card: &Card, kind: Reduction, lane: Lane, dtype: DType, length: usize) -> Result<()> {
    if !matches!(kind, Reduction::Sum | Reduction::Prod) || !matches!(lane, Lane::I64 | Lane::Bool) {
        return Ok(());
    }
    // Sums of small numbers are exact in fewer bits.
    let (low, high) = dtype.int_range();
    let most = if lane == Lane::Bool { 1 } else { high.saturating_abs().max(low.saturating_abs()) };
    let small = kind == Reduction::Sum && (length as i64).saturating_mul(most) <= i64::from(i32::MAX);
    if lane == Lane::Bool && kind == Reduction::Prod || small {
        return Ok(());
    }
    card.abilities.check(kind.name(), DType::I64)
}

/// Buffers of what is read.
type Read<'a> = SmallVec<[&'a Arc<Buffer>; 8]>;

/// The buffers that a formula reads, and which is whose; `None` if they are too many.
fn bindings<'a>(
    card: &Card,
    plan: &Plan,
    inputs: &[&'a Array],
    finds: bool,
) -> Result<Option<(Read<'a>, SmallVec<[u8; 8]>)>> {
    let mut buffers = Read::new();
    let mut slots = SmallVec::new();
    for (i, x) in inputs.iter().enumerate() {
        if !map::is_used(plan, i) {
            slots.push(UNUSED);
            continue;
        }
        let own = buffer(x)?;
        let place = buffers.iter().position(|other| other.id == own.id).unwrap_or_else(|| {
            buffers.push(own);
            buffers.len() - 1
        });
        slots.push(place as u8);
    }
    let written = 1 + usize::from(finds);
    let fits = buffers.len() + written <= card.abilities.storage_buffers as usize;
    Ok(fits.then_some((buffers, slots)))
}

/// Does a formula ask for the place of an element?
fn by_place(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.code, Code::Index | Code::Random))
}

/// How a reduction is laid out.
struct Layout {
    rows: usize,
    length: usize,
    parts: usize,
    team: Team,
    space: Space,
    words: Words,
}

impl Layout {
    fn new(reduce: &Reduce, plan: &Plan, inputs: &[&Array], shape: &Shape) -> Result<Layout> {
        let name = reduce.kind.name();
        let mut operands: SmallVec<[Operand; 4]> =
            inputs.iter().map(|x| (x.offset(), broadcast_strides(shape, x.shape(), x.strides()))).collect();
        // That which has most elements says in which order to go.
        let main = (0..inputs.len()).max_by_key(|&i| (inputs[i].numel(), std::cmp::Reverse(i)));
        let flat: Steps = SmallVec::from_elem(0, shape.rank());
        let strides = main.map_or(&flat, |i| &operands[i].1).clone();
        let distance = |dim: usize| match strides[dim] {
            0 => usize::MAX,
            stride => stride.unsigned_abs(),
        };
        let mut along: SmallVec<[usize; 6]> = reduce.dims.iter().copied().collect();
        along.sort_by_key(|&dim| std::cmp::Reverse(distance(dim)));
        let kept: SmallVec<[usize; 6]> = (0..shape.rank()).filter(|dim| !reduce.dims.contains(dim)).collect();
        let nearest =
            |dims: &[usize]| dims.iter().filter(|&&dim| shape[dim] > 1).map(|&dim| distance(dim)).min();
        let across = match (nearest(&kept), nearest(&along)) {
            (Some(kept), Some(along)) => kept < along,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if by_place(plan) {
            operands.push((0, shape.contiguous_strides().iter().copied().collect()));
        }
        let product = |dims: &[usize]| dims.iter().try_fold(1usize, |all, &dim| all.checked_mul(shape[dim]));
        let most = i32::MAX as usize;
        let (Some(rows), Some(length)) = (product(&kept), product(&along)) else {
            return Err(too_many(name, shape));
        };
        if rows > most || length > most {
            return Err(too_many(name, shape));
        }
        let team = Team::new(rows, length, across);
        let each = length / team.lanes as usize;
        let busy = team.groups(rows).max(1) as usize;
        let mut parts = 1;
        if team.lanes == GROUP || across {
            while parts < PARTS
                && (busy * parts < BUSY && each / parts >= FEW || each / parts > LONG)
                && rows * parts <= most / 2
            {
                parts *= 2;
            }
        }
        let (space, words) = Space::new(shape, &kept, &along, &operands);
        let constants = formula::constant_words(plan);
        if HEAD + constants + words.len() > PARAMETERS {
            return Err(Error::argument(
                name,
                "arrays of so many dimensions that cannot be joined; make them contiguous first",
            ));
        }
        Ok(Layout { rows, length, parts, team, space, words })
    }
}

fn too_many(name: &'static str, shape: &Shape) -> Error {
    Error::shape(name, format!("{shape} has more elements than a card counts; split it"))
}

/// One dispatch of a reduction.
struct Pass<'a> {
    card: &'a Arc<Card>,
    kind: Reduction,
    lane: Lane,
}

impl Pass<'_> {
    fn run<'b>(
        &self,
        from: From,
        output: Option<&'b Array>,
        layout: &Layout,
        constants: &[u32],
        read: &[&'b Arc<Buffer>],
        partial: Option<(&'b Array, Option<&'b Array>)>,
    ) -> Result<()> {
        let mut buffers = Read::from_slice(read);
        if let Some(output) = output {
            buffers.push(buffer(output)?);
        }
        if let Some((totals, places)) = partial {
            buffers.push(buffer(totals)?);
            if let Some(places) = places {
                buffers.push(buffer(places)?);
            }
        }
        let template = Template {
            from,
            kind: self.kind,
            lane: self.lane,
            target: output.map(|output| output.dtype()),
            team: layout.team,
            space: layout.space,
        };
        let mut parameters: SmallVec<[u32; 64]> =
            SmallVec::from_slice(&[layout.rows as u32, layout.parts as u32, layout.length as u32]);
        parameters.extend_from_slice(constants);
        parameters.extend_from_slice(&layout.words);
        let kernel = self.card.kernel(self.kind.name(), kernels::Template::Reduce(template))?;
        let groups = layout.team.groups(layout.rows * layout.parts);
        self.card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])
    }
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let total = Total::of(self.kind, self.lane);
        let finds = finds(self.kind);
        let kept = Element::of(total.kept(abilities), abilities);
        let mut writer = Writer::default();
        let mut element = String::new();
        let first_word;
        let mut at_once = 1;
        // Prints the element of number `r` as `value`, and its place as `place`.
        match &self.from {
            From::Formula { program, inputs, families, slots } => {
                let numbers: Numbers = families.iter().map(|&family| example(family)).collect();
                let Ok(plan) = plan(program, inputs, &numbers) else {
                    // It was made once, or there would be no template.
                    return writer.finish(abilities, [GROUP, 1, 1]);
                };
                first_word = HEAD + formula::constant_words(plan);
                if plan.steps.len() <= SHORT && self.team.lanes > 1 {
                    at_once = AT_ONCE;
                }
                let bindings = slots.iter().filter(|&&slot| slot != UNUSED).max().map_or(0, |&last| last + 1);
                for slot in 0..bindings {
                    let operand = slots.iter().position(|&other| other == slot).unwrap_or(0);
                    let stored = Element::of(inputs[operand].dtype, abilities);
                    writer.bind(&format!("b{slot}"), stored, Access::Read, false);
                }
                let used =
                    (0..self.space.operands).filter(|&k| slots.get(k).is_none_or(|&slot| slot != UNUSED));
                self.space.print_places("r", "", used, first_word, &mut element);
                let mut names = Vec::new();
                for (k, &slot) in slots.iter().enumerate() {
                    if slot != UNUSED {
                        let stored = Element::of(inputs[k].dtype, abilities);
                        let load = stored.load(&format!("b{slot}"), &format!("at{k}"), false);
                        let _ = writeln!(element, "    let x{k} = {load};");
                    }
                    names.push(format!("x{k}"));
                }
                let index = format!("at{}", inputs.len());
                let values = formula::print(plan, &names, &index, HEAD, &mut element);
                let value = values.first().cloned().unwrap_or_default();
                let _ = writeln!(element, "    let value = {};", self.prepared(&value));
                if finds {
                    element += "    let place = r;\n";
                }
            }
            From::Parts => {
                first_word = HEAD;
                writer.bind("totals", kept, Access::Read, false);
                self.space.print_places("r", "", 0..self.space.operands, first_word, &mut element);
                let _ = writeln!(element, "    let value = {};", total.unkept("totals[at0]"));
                if finds {
                    let stored = Element::of(DType::I32, abilities);
                    writer.bind("places", stored, Access::Read, false);
                    element += "    let place = bitcast<u32>(places[at1]);\n";
                }
            }
        }
        let rows = self.team.rows();
        let mut body = format!(
            "    let rows = {};\n    let parts = {};\n    let length = {};\n",
            param(0),
            param(1),
            param(2)
        );
        self.team.open("rows * parts", &mut body);
        let lanes = self.team.lanes;
        let _ = writeln!(
            body,
            "    let row = unit % rows;\n    let step = {lanes}u * parts;\n    let first = select(length, unit / rows * {lanes}u + lane, valid);"
        );
        self.space.print_bases("row", first_word, &mut body);
        let start = self.start(abilities);
        let _ = writeln!(body, "    var total: {} = {start};", total.text());
        let into = |name: &str| self.combined(name, "value");
        if finds {
            let ahead = format!(
                "if (above_{0}(value, total) || (!above_{0}(total, value) && place < found)) {{ total = value; found = place; }}",
                total.text()
            );
            let _ = write!(
                body,
                "    var found = 0xffffffffu;\n    for (var r = first; r < length; r += step) {{\n{element}    {ahead}\n    }}\n"
            );
        } else {
            let take = |r: &str, piece: &str| {
                format!("    {{\n    let r = {r};\n{element}    {piece} = {};\n    }}\n", into(piece))
            };
            let pieces: Vec<String> = (0..at_once).map(|k| format!("piece{k}")).collect();
            body += "    for (var next = first; next < length; ) {\n";
            for piece in &pieces {
                let _ = writeln!(body, "    var {piece}: {} = {start};", total.text());
            }
            if at_once > 1 {
                let far = format!("next + {}u * step", at_once - 1);
                let _ = writeln!(
                    body,
                    "    for (var k = 0u; k < {}u && {far} < length; k++) {{",
                    PIECE / at_once
                );
                for (k, piece) in pieces.iter().enumerate() {
                    body += &take(&format!("next + {k}u * step"), piece);
                }
                let _ = writeln!(body, "    next += {at_once}u * step;\n    }}\n    if ({far} >= length) {{");
            }
            let _ = writeln!(body, "    for (var k = 0u; k < {PIECE}u && next < length; k++) {{");
            body += &take("next", "piece0");
            body += "    next += step;\n    }\n";
            if at_once > 1 {
                body += "    }\n";
            }
            for piece in &pieces {
                let _ = writeln!(body, "    total = {};", self.combined("total", piece));
            }
            body += "    }\n";
        }
        let variables = [("total", total.text()), ("found", "u32")];
        let combine = if finds {
            format!(
                "if (above_{0}(other_total, total) || (!above_{0}(total, other_total) && other_found < found)) {{ total = other_total; found = other_found; }}",
                total.text()
            )
        } else {
            format!("total = {};", self.combined("total", "other_total"))
        };
        let used = &variables[..1 + usize::from(finds)];
        self.team.gather("team", used, &combine, abilities, &mut writer.globals, &mut body);
        match self.target {
            None => {
                writer.bind("totals", kept, Access::Write, false);
                let _ = writeln!(
                    body,
                    "    if (valid && lane == 0u) {{\n    totals[unit] = {};",
                    total.keep("total")
                );
                if finds {
                    writer.bind("places", Element::of(DType::I32, abilities), Access::Write, false);
                    body += "    places[unit] = bitcast<i32>(found);\n";
                }
                body += "    }\n";
            }
            Some(dtype) => {
                let stored = Element::of(dtype, abilities);
                let value = if finds { "int(found)" } else { "total" };
                let per_word = stored.per_word();
                if per_word == 1 {
                    writer.bind("y", stored, Access::Write, false);
                    let _ = writeln!(
                        body,
                        "    if (valid && lane == 0u) {{ y[unit] = {}; }}",
                        stored.pack(value)
                    );
                } else if rows.is_multiple_of(per_word) {
                    // One invocation writes a whole word.
                    writer.bind("y", stored, Access::Write, false);
                    let _ = writeln!(writer.globals, "var<workgroup> words: array<u32, {rows}>;");
                    let _ = write!(
                        body,
                        "    if (lane == 0u) {{ words[mate] = {}; }}\n    workgroupBarrier();\n    if (valid && lane == 0u && mate % {per_word}u == 0u) {{\n    y[unit / {per_word}u] = words[mate]",
                        stored.pack(value)
                    );
                    for k in 1..per_word {
                        let _ = write!(body, " | (words[mate + {k}u] << {}u)", k * stored.bits());
                    }
                    body += ";\n    }\n    workgroupBarrier();\n";
                } else {
                    writer.bind("y", stored, Access::Write, true);
                    let store = stored.store_part("y", "unit", value);
                    let _ = writeln!(body, "    if (valid && lane == 0u) {store}");
                }
            }
        }
        self.team.close(&mut body);
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// A value of the formula as a total of one element.
    fn prepared(&self, value: &str) -> String {
        let lane = lane_name(self.lane);
        match self.kind {
            Reduction::Sum | Reduction::Prod if self.lane == Lane::Bool => format!("int_from_bool({value})"),
            Reduction::Any | Reduction::All if self.lane != Lane::Bool => {
                format!("truth_{lane}({value})")
            }
            Reduction::ArgMax => format!("rank_{lane}({value})"),
            Reduction::ArgMin => format!("turned_rank_{lane}({value})"),
            Reduction::Sum
            | Reduction::Prod
            | Reduction::Max
            | Reduction::Min
            | Reduction::Any
            | Reduction::All => value.to_owned(),
        }
    }

    /// What two totals come to.
    fn combined(&self, a: &str, b: &str) -> String {
        let lane = lane_type(self.lane);
        match (self.kind, self.lane) {
            (Reduction::Sum, _) => format!("{a} + {b}"),
            (Reduction::Prod, _) => format!("{a} * {b}"),
            (Reduction::Any, _) | (Reduction::Max, Lane::Bool) => format!("{a} || {b}"),
            (Reduction::All, _) | (Reduction::Min, Lane::Bool) => format!("{a} && {b}"),
            (Reduction::Max, Lane::F64) => format!("larger_f64({a}, {b})"),
            (Reduction::Min, Lane::F64) => format!("smaller_f64({a}, {b})"),
            (Reduction::Max, _) => format!("maximum_{lane}({a}, {b})"),
            (Reduction::Min, _) => format!("minimum_{lane}({a}, {b})"),
            // These compare ranks.
            (Reduction::ArgMax | Reduction::ArgMin, _) => a.to_owned(),
        }
    }

    /// The total of nothing.
    fn start(&self, abilities: &Abilities) -> String {
        let total = Total::of(self.kind, self.lane);
        let lowest = if abilities.i64 { "lowest_int(63u)" } else { "lowest_int(31u)" };
        match (self.kind, total) {
            (Reduction::Any | Reduction::Max, Total::Bool) => "false".to_owned(),
            (_, Total::Bool) => "true".to_owned(),
            (_, Total::Rank) => "0u".to_owned(),
            (Reduction::Sum, _) => format!("{}(0)", total.text()),
            (Reduction::Prod, _) => format!("{}(1)", total.text()),
            (Reduction::Min, Total::Int) => format!("(-({lowest} + int(1)))"),
            (_, Total::Int) => lowest.to_owned(),
            (Reduction::Min, _) => format!("{}(inf_f32())", total.text()),
            (_, _) => format!("{}(neg_f32(inf_f32()))", total.text()),
        }
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let mut samples = Vec::new();
        let identity = traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]);
        let spaces = [Space { kept: 1, along: 1, operands: 1 }, Space { kept: 3, along: 2, operands: 1 }];
        let teams = [1, 16, 256].map(|lanes| Team { lanes, across: lanes == 16 });
        for dtype in DType::ALL {
            if abilities.check("samples", dtype).is_err() {
                continue;
            }
            let lane = Lane::of(dtype);
            for &kind in Reduction::ALL {
                let target = kind.dtype(dtype);
                let wide = matches!(kind, Reduction::Sum | Reduction::Prod);
                if wide && abilities.check("samples", target).is_err() {
                    continue;
                }
                let from = From::Formula {
                    program: identity.clone(),
                    inputs: SmallVec::from_elem(Type::array(dtype, 2), 1),
                    families: SmallVec::new(),
                    slots: SmallVec::from_elem(0, 1),
                };
                let parts = Space { operands: 1 + usize::from(finds(kind)), ..spaces[0] };
                for team in teams {
                    for (from, target, space) in [
                        (from.clone(), Some(target), spaces[0]),
                        (from.clone(), Some(target), spaces[1]),
                        (from.clone(), None, spaces[0]),
                        (From::Parts, Some(target), parts),
                    ] {
                        samples.push(Template { from, kind, lane, target, team, space });
                    }
                }
            }
        }
        samples
    }
}

/// A number of a family, of which only the family matters.
fn example(family: Category) -> Scalar {
    match family {
        Category::Bool => Scalar::Bool(true),
        Category::Int => Scalar::Int(1),
        Category::Float => Scalar::Float(1.0),
    }
}
