//! Searching sorted rows by halving: one invocation for each value.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, DType, Op, Result, cpu::walk::Steps, infer::infer};

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{
        Writer,
        element::Element,
        order::{Bits, key_name},
        param,
        rows::{GROUP, GROUPS, Operand, Space},
    },
};

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    dtype: DType,
    right: bool,
    /// Of the values and the sorted rows, over the values and along a row.
    space: Space,
}

/// Where in its sorted row each value would go: before equals, or after them. NaN goes to the end.
pub fn search_sorted(card: &Arc<Card>, op: &Op, right: bool, inputs: &[&Array]) -> Result<Array> {
    let metas = infer(op, inputs)?;
    let (sorted, values) = (inputs[0], inputs[1]);
    let output = card.fresh(op.name(), metas[0].shape.clone(), metas[0].dtype)?;
    if output.numel() == 0 {
        return Ok(output);
    }
    let length = sorted.shape().last().copied().unwrap_or(1);
    // Over the values, and then along a sorted row: one row serves all, or each row the values of its own.
    let mut shape: Vec<usize> = values.shape().to_vec();
    shape.push(length);
    let rank = values.rank();
    let mut own: Steps = values.strides().iter().copied().collect();
    own.push(0);
    let mut rows: Steps = Steps::from_elem(0, rank);
    if sorted.rank() > 1 {
        let kept = sorted.rank() - 1;
        rows[..kept].copy_from_slice(&sorted.strides()[..kept]);
    }
    rows.push(sorted.strides().last().copied().unwrap_or(0));
    let operands: [Operand; 2] = [(values.offset(), own), (sorted.offset(), rows)];
    let kept: Vec<usize> = (0..rank).collect();
    let (space, words) = Space::new(&shape, &kept, &[rank], &operands);
    let mut parameters = words;
    parameters.insert_many(0, [output.numel() as u32, length as u32]);
    let template = Template { dtype: values.dtype(), right, space };
    let kernel = card.kernel(op.name(), kernels::Template::Search(template))?;
    let groups = output.numel().div_ceil(GROUP as usize).min(GROUPS) as u32;
    // Both may lie in one buffer, which then is bound twice, to be read.
    let buffers = [buffer(values)?, buffer(sorted)?, buffer(&output)?];
    card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])?;
    Ok(output)
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        const WORDS: usize = 2;
        let bits = Bits::of(self.dtype);
        let name = key_name(bits.wide());
        let mut writer = Writer::default();
        writer.bind("values", bits.element(), Access::Read, false);
        writer.bind("sorted", bits.element(), Access::Read, false);
        writer.bind("y", Element { dtype: DType::I64, paired: true }, Access::Write, false);
        let mut body = format!(
            "    let count = {};\n    let length = {};\n    for (var i = global_id.x; i < count; i += groups.x * {GROUP}u) {{\n",
            param(0),
            param(1)
        );
        self.space.print_bases("i", WORDS, &mut body);
        let _ = writeln!(
            body,
            "    let key = {};\n    var low = 0u;\n    var high = length;\n    while (low < high) {{\n    let middle = (low + high) / 2u;",
            bits.key(&bits.load("values", "base0"))
        );
        self.space.print_places("middle", "", 1..2, WORDS, &mut body);
        let _ = writeln!(body, "    let other = {};", bits.key(&bits.load("sorted", "at1")));
        let before = if self.right {
            format!("!before_{name}(key, other)")
        } else {
            format!("before_{name}(other, key)")
        };
        // As in PyTorch, nothing is found not to be below NaN, nor NaN not to be below anything.
        let before = match bits.nan_key() {
            Some(nan) if bits.wide() => format!("({before} || all(key == {nan}) || all(other == {nan}))"),
            Some(nan) => format!("({before} || key == {nan} || other == {nan})"),
            None => before,
        };
        let _ = write!(
            body,
            "    if ({before}) {{ low = middle + 1u; }} else {{ high = middle; }}\n    }}\n    y[i] = vec2<i32>(bitcast<i32>(low), 0);\n    }}\n"
        );
        writer.body = body;
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        let mut samples = Vec::new();
        for dtype in DType::ALL {
            for right in [false, true] {
                for kept in [1, 2] {
                    let space = Space { kept, along: 1, operands: 2 };
                    samples.push(Template { dtype, right, space });
                }
            }
        }
        samples
    }
}
