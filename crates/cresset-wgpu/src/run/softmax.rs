//! Softmax and its logarithm along a dimension: a team of lanes for each row. A row that the lanes can hold is read once.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, DType, Error, Op, Result, decompose::decompose, infer::infer, methods::prelude::*};

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{
        Writer,
        element::Element,
        param,
        rows::{GROUP, Operand, Space, Team},
    },
};

/// Elements that a lane holds, at most.
const HELD: u32 = 8;
/// A row of more elements is no work for one workgroup where there are few rows.
const LONG: usize = 1 << 15;
/// So many rows keep a card busy.
const BUSY: usize = 64;

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    dtype: DType,
    log: bool,
    team: Team,
    /// Of the input and the output.
    space: Space,
    /// Elements that a lane holds; 0 if it reads them again.
    held: u32,
    /// Rows of the output are whole words, one after another.
    whole: bool,
}

/// `e^(x-m)/Σ` along a dimension, `m` the largest of the row; or `x - m - log Σ`.
pub fn softmax(card: &Arc<Card>, op: &Op, dim: usize, log: bool, inputs: &[&Array]) -> Result<Array> {
    let metas = infer(op, inputs)?;
    let (x, meta) = (inputs[0], &metas[0]);
    card.abilities.check(op.name(), x.dtype())?;
    let length = x.shape().get(dim).copied().unwrap_or(1);
    let rows = x.numel().checked_div(length).unwrap_or(0);
    if x.dtype() == DType::F64 || (rows < BUSY && length > LONG) {
        return in_parts(op, x);
    }
    let y = card.fresh(op.name(), meta.shape.clone(), meta.dtype)?;
    if rows == 0 {
        return Ok(y);
    }
    let dims: Vec<usize> = (0..x.rank()).collect();
    let (along, kept): (Vec<usize>, Vec<usize>) = dims.iter().partition(|&&d| d == dim);
    let strides = |x: &Array| -> Operand { (x.offset(), x.strides().iter().copied().collect()) };
    let distance = |d: &usize| x.strides()[*d].unsigned_abs();
    let inner: usize = x.shape().iter().skip(dim + 1).product();
    let nearest = kept.iter().filter(|&&d| x.shape()[d] > 1).map(distance).min();
    let across = inner > 1 && nearest.is_some_and(|near| along.iter().all(|d| near < distance(d)));
    let (space, words) = Space::new(x.shape(), &kept, &along, &[strides(x), strides(&y)]);
    let team = Team::new(rows, length, across);
    let per_word = Element::of(x.dtype(), &card.abilities).per_word() as usize;
    let whole = inner == 1 && length.is_multiple_of(per_word);
    let each = length.div_ceil(team.lanes as usize) as u32;
    // Counts by which few kernels do for all lengths.
    let held = if each <= HELD { each.next_power_of_two().max(per_word as u32) } else { 0 };
    let template = Template { dtype: x.dtype(), log, team, space, held, whole };
    let mut parameters = words;
    parameters.insert_many(0, [rows as u32, length as u32]);
    let kernel = card.kernel(op.name(), kernels::Template::Softmax(template))?;
    card.dispatch(&kernel, &[buffer(x)?, buffer(&y)?], &parameters, [team.groups(rows), 1, 1])?;
    Ok(y)
}

/// By reductions and formulas.
fn in_parts(op: &Op, x: &Array) -> Result<Array> {
    let wide =
        if matches!(x.dtype(), DType::F16 | DType::BF16) { x.to_dtype(DType::F32)? } else { x.clone() };
    let mut outputs = match decompose(op, &[&wide]) {
        Some(outputs) => outputs?,
        None => return Err(Error::argument(op.name(), "has no parts")),
    };
    match outputs.pop() {
        Some(y) => y.to_dtype(x.dtype()),
        None => Err(Error::argument(op.name(), "has one output")),
    }
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        const WORDS: usize = 2;
        let element = Element::of(self.dtype, abilities);
        let per_word = if self.whole { element.per_word() } else { 1 };
        let apart = !self.whole && element.per_word() > 1;
        let mut writer = Writer::default();
        writer.bind("x", element, Access::Read, false);
        writer.bind("y", element, Access::Write, apart);
        let lanes = self.team.lanes;
        let mut body = String::new();
        let _ = writeln!(body, "    let length = {};", param(1));
        self.team.open(&param(0), &mut body);
        body += "    let row = select(0u, unit, valid);\n";
        self.space.print_bases("row", WORDS, &mut body);
        // Each lane has runs of as many elements as share a word.
        let place =
            |k: u32| format!("(({}u * {lanes}u + lane) * {per_word}u + {}u)", k / per_word, k % per_word);
        let at = |operand: usize, r: &str, body: &mut String| {
            let suffix = ["", "w"][operand.min(1)];
            self.space.print_places(r, suffix, operand..operand + 1, WORDS, body);
        };
        let mut loaded = String::new();
        at(0, "r", &mut loaded);
        let _ = writeln!(loaded, "    let value = {};", element.load("x", "at0", false));
        // Opens a loop over the lane's elements `r`.
        let every = format!(
            "    for (var run = lane * {per_word}u; run < length; run += {}u) {{\n    for (var k = 0u; k < {per_word}u; k++) {{\n    let r = run + k;\n",
            lanes * per_word
        );
        body += "    var most = neg_f32(inf_f32());\n";
        if self.held > 0 {
            for k in 0..self.held {
                let r = place(k);
                let _ = writeln!(body, "    var x{k} = neg_f32(inf_f32());\n    if ({r} < length) {{");
                at(0, &r, &mut body);
                let load = element.load("x", "at0", false);
                let _ = writeln!(body, "    x{k} = {load};\n    }}\n    most = more_f32(most, x{k});");
            }
        } else {
            let _ = write!(body, "{every}{loaded}    most = more_f32(most, value);\n    }}\n    }}\n");
        }
        let globals = &mut writer.globals;
        self.team.gather(
            "most",
            &[("most", "f32")],
            "most = more_f32(most, other_most);",
            abilities,
            globals,
            &mut body,
        );
        body += "    var total = 0.0;\n";
        if self.held > 0 {
            for k in 0..self.held {
                let value = format!("exp_f32(x{k} - most)");
                if self.log {
                    let _ = writeln!(body, "    total += {value};");
                } else {
                    let _ = writeln!(body, "    x{k} = {value};\n    total += x{k};");
                }
            }
        } else {
            let _ = write!(body, "{every}{loaded}    total += exp_f32(value - most);\n    }}\n    }}\n");
        }
        self.team.gather(
            "total",
            &[("total", "f32")],
            "total = total + other_total;",
            abilities,
            globals,
            &mut body,
        );
        let _ = writeln!(
            body,
            "    let last = {};\n    if (valid) {{",
            if self.log { "log_f32(total)" } else { "1.0 / total" }
        );
        let result = |value: &str| {
            if self.log {
                format!("{value} - most - last")
            } else if self.held > 0 {
                format!("{value} * last")
            } else {
                format!("exp_f32({value} - most) * last")
            }
        };
        let store = |value: &str, at: &str| {
            if apart {
                element.store_part("y", at, value)
            } else {
                format!("y[{at}] = {};", element.pack(value))
            }
        };
        if self.held > 0 {
            for first in (0..self.held).step_by(per_word as usize) {
                let r = place(first);
                let _ = writeln!(body, "    if ({r} < length) {{");
                at(1, &r, &mut body);
                if per_word == 1 {
                    let _ = writeln!(body, "    {}", store(&result(&format!("x{first}")), "at1w"));
                } else {
                    let parts: Vec<String> = (0..per_word)
                        .map(|k| {
                            let bits = element.pack(&result(&format!("x{}", first + k)));
                            format!("({bits} << {}u)", k * element.bits())
                        })
                        .collect();
                    let _ = writeln!(body, "    y[at1w / {per_word}u] = {};", parts.join(" | "));
                }
                body += "    }\n";
            }
        } else if per_word == 1 {
            body += &every;
            body += &loaded;
            at(1, "r", &mut body);
            let _ = write!(body, "    {}\n    }}\n    }}\n", store(&result("value"), "at1w"));
        } else {
            let _ = writeln!(
                body,
                "    for (var run = lane * {per_word}u; run < length; run += {}u) {{\n    var word = 0u;\n    for (var k = 0u; k < {per_word}u; k++) {{\n    let r = run + k;\n{loaded}    word |= {} << (k * {}u);\n    }}",
                lanes * per_word,
                element.pack(&result("value")),
                element.bits()
            );
            at(1, "run", &mut body);
            let _ = write!(body, "    y[at1w / {per_word}u] = word;\n    }}\n");
        }
        body += "    }\n";
        self.team.close(&mut body);
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        let mut samples = Vec::new();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            for log in [false, true] {
                for (lanes, across, held) in [(1, false, 2), (16, true, 0), (64, false, 8), (256, false, 0)] {
                    for whole in [false, true] {
                        let space = Space { kept: 1 + usize::from(across), along: 1, operands: 2 };
                        let team = Team { lanes, across };
                        samples.push(Template { dtype, log, team, space, held, whole });
                    }
                }
            }
        }
        samples
    }
}
