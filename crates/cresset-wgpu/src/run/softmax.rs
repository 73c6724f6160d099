//! Softmax and its logarithm along a dimension.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, Error, Op, Result, infer::infer};

use super::rewrite::{Laid, Rows, in_parts, is_for_parts};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Source},
    memory::buffer,
    wgsl::{Writer, rows::GROUP},
};

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    rows: Rows,
    log: bool,
}

/// `e^(x-m)/Σ` along a dimension, `m` the largest of the row; or `x - m - log Σ`.
pub fn softmax(card: &Arc<Card>, op: &Op, dim: usize, log: bool, inputs: &[&Array]) -> Result<Array> {
    let metas = infer(op, inputs)?;
    let (x, meta) = (inputs[0], &metas[0]);
    card.abilities.check(op.name(), x.dtype())?;
    let length = x.shape().get(dim).copied().unwrap_or(1);
    let rows = x.numel().checked_div(length).unwrap_or(0);
    if is_for_parts(x.dtype(), rows, length) {
        return in_parts(op, &[x])?.pop().ok_or_else(|| Error::argument(op.name(), "has one output"));
    }
    let y = card.fresh(op.name(), meta.shape.clone(), meta.dtype)?;
    if rows == 0 {
        return Ok(y);
    }
    let (along, kept): (Vec<usize>, Vec<usize>) = (0..x.rank()).partition(|&d| d == dim);
    let inner = x.shape().iter().skip(dim + 1).product();
    let laid = Laid::new(x, &y, [&kept, &along], inner, &card.abilities);
    let mut parameters = laid.words;
    parameters.insert_many(0, laid.counts);
    let kernel = card.kernel(op.name(), kernels::Template::Softmax(Template { rows: laid.rows, log }))?;
    card.dispatch(&kernel, &[buffer(x)?, buffer(&y)?], &parameters, laid.groups)?;
    Ok(y)
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let printer = self.rows.printer(2, abilities);
        let mut writer = Writer::default();
        printer.bind(&mut writer);
        let (mut body, globals) = (String::new(), &mut writer.globals);
        printer.open(&mut body);
        body += "    var most = neg_f32(inf_f32());\n";
        printer.read("neg_f32(inf_f32())", |x| format!("most = more_f32(most, {x});"), &mut body);
        printer.gather("most", "most", "most = more_f32(most, other_most);", abilities, globals, &mut body);
        body += "    var total = 0.0;\n";
        // Powers that are held are not computed again.
        let keep = printer.holds() && !self.log;
        let power = |x: &str, _: &str| {
            if keep {
                format!("{x} = exp_f32({x} - most);\n    total += {x};")
            } else {
                format!("total += exp_f32({x} - most);")
            }
        };
        printer.again(power, &mut body);
        printer.gather("total", "total", "total = total + other_total;", abilities, globals, &mut body);
        let last = if self.log { "log_f32(total)" } else { "1.0 / total" };
        let _ = writeln!(body, "    let last = {last};\n    if (valid) {{");
        let result = |x: &str| match (self.log, keep) {
            (true, _) => format!("{x} - most - last"),
            (false, true) => format!("{x} * last"),
            (false, false) => format!("exp_f32({x} - most) * last"),
        };
        printer.write(result, &mut body);
        body += "    }\n";
        printer.close(&mut body);
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        Rows::samples().into_iter().flat_map(|rows| [false, true].map(|log| Template { rows, log })).collect()
    }
}
