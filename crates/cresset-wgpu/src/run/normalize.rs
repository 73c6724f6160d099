//! Rows with mean 0 and variance 1: a team of lanes for each. The variance is taken about the mean, so that it is right
//! however far from zero the row lies. A row that the lanes can hold is read once.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{
    Array, DType, Error, Op, Outputs, Result, decompose::decompose, infer::infer, methods::prelude::*,
};
use smallvec::smallvec;

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
    team: Team,
    /// Of the input and the output.
    space: Space,
    /// Elements that a lane holds; 0 if it reads them again.
    held: u32,
    /// Rows of the output are whole words.
    whole: bool,
}

/// `(x - mean)/√(variance + ε)`, the mean, and `1/√(variance + ε)` of every row of the last dimensions.
pub fn normalize(
    card: &Arc<Card>,
    op: &Op,
    dims: usize,
    epsilon: f64,
    inputs: &[&Array],
) -> Result<Outputs<Array>> {
    let metas = infer(op, inputs)?;
    let x = inputs[0];
    card.abilities.check(op.name(), x.dtype())?;
    let [values, statistics, ..] = metas.as_slice() else {
        return Err(Error::argument(op.name(), "has three outputs"));
    };
    let rows = statistics.shape.numel();
    let length: usize = x.shape()[x.rank() - dims..].iter().product();
    if x.dtype() == DType::F64 || (rows < BUSY && length > LONG) {
        return in_parts(op, x);
    }
    let fresh = |shape: &cresset_ops::Shape| card.fresh(op.name(), shape.clone(), x.dtype());
    let (y, mean, scale) = (fresh(&values.shape)?, fresh(&statistics.shape)?, fresh(&statistics.shape)?);
    if rows > 0 {
        let all: Vec<usize> = (0..x.rank()).collect();
        let (kept, along) = all.split_at(x.rank() - dims);
        let strides = |x: &Array| -> Operand { (x.offset(), x.strides().iter().copied().collect()) };
        let (space, words) = Space::new(x.shape(), kept, along, &[strides(x), strides(&y)]);
        let team = Team::new(rows, length, false);
        let per_word = Element::of(x.dtype(), &card.abilities).per_word() as usize;
        let whole = length.is_multiple_of(per_word);
        let each = length.div_ceil(team.lanes as usize) as u32;
        // Counts by which few kernels do for all lengths.
        let held = if each <= HELD { each.next_power_of_two().max(per_word as u32) } else { 0 };
        let template = Template { dtype: x.dtype(), team, space, held, whole };
        let mut parameters = words;
        parameters.insert_many(0, [rows as u32, length as u32, (epsilon as f32).to_bits()]);
        let kernel = card.kernel(op.name(), kernels::Template::Normalize(template))?;
        let buffers = [buffer(x)?, buffer(&y)?, buffer(&mean)?, buffer(&scale)?];
        card.dispatch(&kernel, &buffers, &parameters, [team.groups(rows), 1, 1])?;
    }
    Ok(smallvec![y, mean, scale])
}

/// By reductions and formulas.
fn in_parts(op: &Op, x: &Array) -> Result<Outputs<Array>> {
    let wide =
        if matches!(x.dtype(), DType::F16 | DType::BF16) { x.to_dtype(DType::F32)? } else { x.clone() };
    match decompose(op, &[&wide]) {
        Some(outputs) => outputs?.iter().map(|output| output.to_dtype(x.dtype())).collect(),
        None => Err(Error::argument(op.name(), "has no parts")),
    }
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        const WORDS: usize = 3;
        let element = Element::of(self.dtype, abilities);
        let shared = element.per_word() > 1;
        let per_word = if self.whole { element.per_word() } else { 1 };
        let apart = shared && !self.whole;
        let mut writer = Writer::default();
        writer.bind("x", element, Access::Read, false);
        writer.bind("y", element, Access::Write, apart);
        writer.bind("mean", element, Access::Write, shared);
        writer.bind("scale", element, Access::Write, shared);
        let lanes = self.team.lanes;
        let mut body = String::new();
        let _ =
            writeln!(body, "    let length = {};\n    let epsilon = bitcast<f32>({});", param(1), param(2));
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
        let globals = &mut writer.globals;
        body += "    var total = 0.0;\n";
        if self.held > 0 {
            for k in 0..self.held {
                let r = place(k);
                let _ = writeln!(body, "    var x{k} = 0.0;\n    if ({r} < length) {{");
                at(0, &r, &mut body);
                let load = element.load("x", "at0", false);
                let _ = writeln!(body, "    x{k} = {load};\n    }}\n    total += x{k};");
            }
        } else {
            let _ = write!(body, "{every}{loaded}    total += value;\n    }}\n    }}\n");
        }
        let add = "total = total + other_total;";
        self.team.gather("total", &[("total", "f32")], add, abilities, globals, &mut body);
        body += "    let center = total / f32(length);\n    total = 0.0;\n";
        if self.held > 0 {
            for k in 0..self.held {
                let r = place(k);
                let _ = writeln!(
                    body,
                    "    x{k} = x{k} - center;\n    if ({r} < length) {{ total += x{k} * x{k}; }}"
                );
            }
        } else {
            let _ = write!(
                body,
                "{every}{loaded}    let off = value - center;\n    total += off * off;\n    }}\n    }}\n"
            );
        }
        self.team.gather("squares", &[("total", "f32")], add, abilities, globals, &mut body);
        body += "    let factor = 1.0 / sqrt(total / f32(length) + epsilon);\n    if (valid) {\n";
        let store = |buffer: &str, apart: bool, value: &str, at: &str| {
            if apart {
                element.store_part(buffer, at, value)
            } else {
                format!("{buffer}[{at}] = {};", element.pack(value))
            }
        };
        let _ = writeln!(
            body,
            "    if (lane == 0u) {{\n    {}\n    {}\n    }}",
            store("mean", shared, "center", "unit"),
            store("scale", shared, "factor", "unit")
        );
        if self.held > 0 {
            for first in (0..self.held).step_by(per_word as usize) {
                let r = place(first);
                let _ = writeln!(body, "    if ({r} < length) {{");
                at(1, &r, &mut body);
                if per_word == 1 {
                    let _ =
                        writeln!(body, "    {}", store("y", apart, &format!("x{first} * factor"), "at1w"));
                } else {
                    let parts: Vec<String> = (0..per_word)
                        .map(|k| {
                            let bits = element.pack(&format!("x{} * factor", first + k));
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
            let _ = write!(
                body,
                "    {}\n    }}\n    }}\n",
                store("y", apart, "(value - center) * factor", "at1w")
            );
        } else {
            let _ = writeln!(
                body,
                "    for (var run = lane * {per_word}u; run < length; run += {}u) {{\n    var word = 0u;\n    for (var k = 0u; k < {per_word}u; k++) {{\n    let r = run + k;\n{loaded}    word |= {} << (k * {}u);\n    }}",
                lanes * per_word,
                element.pack("(value - center) * factor"),
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
            for (lanes, held) in [(1, 2), (64, 8), (256, 0)] {
                for whole in [false, true] {
                    for along in [1, 2] {
                        let space = Space { kept: 1, along, operands: 2 };
                        let team = Team { lanes, across: false };
                        samples.push(Template { dtype, team, space, held, whole });
                    }
                }
            }
        }
        samples
    }
}
