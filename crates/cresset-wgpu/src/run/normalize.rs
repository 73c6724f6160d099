//! Rows with mean 0 and variance 1. The variance is taken about the mean, so that it is right however far from zero the row
//! lies.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, Error, Op, Outputs, Result, infer::infer};
use smallvec::smallvec;

use super::rewrite::{Laid, Rows, in_parts, is_for_parts};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{Writer, param, rows::GROUP},
};

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    rows: Rows,
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
    if is_for_parts(x.dtype(), rows, length) {
        return in_parts(op, &[x]);
    }
    let fresh = |shape: &cresset_ops::Shape| card.fresh(op.name(), shape.clone(), x.dtype());
    let (y, mean, scale) = (fresh(&values.shape)?, fresh(&statistics.shape)?, fresh(&statistics.shape)?);
    if rows > 0 {
        let all: Vec<usize> = (0..x.rank()).collect();
        let (kept, along) = all.split_at(x.rank() - dims);
        let laid = Laid::new(x, &y, [kept, along], 1, &card.abilities);
        let mut parameters = laid.words;
        let [rows, length] = laid.counts;
        parameters.insert_many(0, [rows, length, (epsilon as f32).to_bits()]);
        let kernel = card.kernel(op.name(), kernels::Template::Normalize(Template { rows: laid.rows }))?;
        let buffers = [buffer(x)?, buffer(&y)?, buffer(&mean)?, buffer(&scale)?];
        card.dispatch(&kernel, &buffers, &parameters, laid.groups)?;
    }
    Ok(smallvec![y, mean, scale])
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let printer = self.rows.printer(3, abilities);
        let element = printer.element;
        // Neighbouring rows' statistics share a word.
        let shared = element.per_word() > 1;
        let mut writer = Writer::default();
        printer.bind(&mut writer);
        writer.bind("mean", element, Access::Write, shared);
        writer.bind("scale", element, Access::Write, shared);
        let (mut body, globals) = (String::new(), &mut writer.globals);
        let _ = writeln!(body, "    let epsilon = bitcast<f32>({});", param(2));
        printer.open(&mut body);
        let add = "total = total + other_total;";
        body += "    var total = 0.0;\n";
        printer.read("0.0", |x| format!("total += {x};"), &mut body);
        printer.gather("total", "total", add, abilities, globals, &mut body);
        body += "    let center = total / f32(length);\n    total = 0.0;\n";
        // Elements that are held stay centered.
        let square = |x: &str, inside: &str| {
            if printer.holds() {
                format!("{x} = {x} - center;\n    if ({inside}) {{ total += {x} * {x}; }}")
            } else {
                format!("let off = {x} - center;\n    total += off * off;")
            }
        };
        printer.again(square, &mut body);
        printer.gather("squares", "total", add, abilities, globals, &mut body);
        body += "    let factor = 1.0 / sqrt(total / f32(length) + epsilon);\n    if (valid) {\n    if (lane == 0u) {\n";
        for (buffer, value) in [("mean", "center"), ("scale", "factor")] {
            let store = match shared {
                true => element.store_part(buffer, "unit", value),
                false => format!("{buffer}[unit] = {};", element.pack(value)),
            };
            let _ = writeln!(body, "    {store}");
        }
        body += "    }\n";
        let result = |x: &str| {
            if printer.holds() { format!("{x} * factor") } else { format!("({x} - center) * factor") }
        };
        printer.write(result, &mut body);
        body += "    }\n";
        printer.close(&mut body);
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        Rows::samples().into_iter().map(|rows| Template { rows }).collect()
    }
}
