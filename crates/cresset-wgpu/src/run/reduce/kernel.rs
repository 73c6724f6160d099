//! The kernel of a reduction. Every lane adds up pieces before it adds these, and lanes are added by halves, so that rounding
//! errors grow slowly.

use std::{
    fmt::Write as _,
    hash::{Hash, Hasher},
};

use cresset_ops::{
    DType,
    cpu::plan::{Lane, plan},
    expr::{Expr, SharedProgram, Type, traced},
    op::{Numbers, Reduction},
};
use cresset_tensor::{Category, Scalar};
use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    kernels::{Access, Source},
    wgsl::{
        Writer,
        element::{Element, lane_name, lane_type},
        formula, param,
        rows::{GROUP, Space, Team},
    },
};

/// Elements that a lane adds to each other before it adds their sum to its total.
const PIECE: u32 = 32;
/// Elements that a lane has under way at once: memory is far, and a total waits for the one before.
const AT_ONCE: u32 = 4;
/// Formulas of more steps are printed once: long kernels take long to compile, and have enough to do.
const SHORT: usize = 6;
/// Parameters before the constants: rows, parts, and the length of a row.
pub(super) const HEAD: usize = 3;

/// The slot of an input that the formula does not need.
pub(super) const UNUSED: u8 = u8::MAX;

/// Where a kernel's elements come from.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// A formula of inputs.
    Formula {
        program: SharedProgram,
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
                Some((program.address(), inputs, families, slots))
            }
            From::Parts => None,
        }
    }
}

/// What the kernel of a reduction depends on.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) from: From,
    pub(super) kind: Reduction,
    /// Of the elements.
    pub(super) lane: Lane,
    /// The dtype of the results; `None` for the totals of parts.
    pub(super) target: Option<DType>,
    pub(super) team: Team,
    pub(super) space: Space,
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
pub(super) fn finds(kind: Reduction) -> bool {
    matches!(kind, Reduction::ArgMax | Reduction::ArgMin)
}

/// What a total is while it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Total {
    F32,
    F64,
    Int,
    Bool,
    /// The rank of an f32.
    Rank,
}

impl Total {
    pub(super) fn of(kind: Reduction, lane: Lane) -> Total {
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
    pub(super) fn kept(self, abilities: &Abilities) -> DType {
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
