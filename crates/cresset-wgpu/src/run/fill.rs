//! Every element the same number: words of one pattern, whatever the dtype, so that also what the card does not compute in
//! can be filled.

use std::sync::Arc;

use cresset_ops::{Array, DType, Result, Scalar, Shape};

use super::map::{GROUP, GROUPS};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{Writer, element::Element, param},
};

/// What the kernel depends on: nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template;

/// An array of one number.
pub fn filled(
    card: &Arc<Card>,
    operation: &'static str,
    shape: Shape,
    dtype: DType,
    value: Scalar,
) -> Result<Array> {
    let output = card.fresh(operation, shape, dtype)?;
    let words = (output.numel() * dtype.size()).div_ceil(4) as u32;
    if words == 0 {
        return Ok(output);
    }
    let [low, high] = pattern(dtype, value)?;
    let kernel = card.kernel(operation, kernels::Template::Fill(Template))?;
    let groups = words.div_ceil(GROUP).min(GROUPS);
    card.dispatch(&kernel, &[buffer(&output)?], &[words, low, high], [groups, 1, 1])?;
    Ok(output)
}

/// The two words that repeat.
fn pattern(dtype: DType, value: Scalar) -> Result<[u32; 2]> {
    let mut one = Vec::with_capacity(8);
    // Writing into a vector does not fail.
    let _ = Array::scalar(value, dtype)?.write_bytes(&mut one);
    let mut bytes = [0u8; 8];
    bytes.iter_mut().zip(one.iter().cycle()).for_each(|(byte, from)| *byte = *from);
    let bits = u64::from_le_bytes(bytes);
    Ok([bits as u32, (bits >> 32) as u32])
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let mut writer = Writer::default();
        writer.bind("y", Element::of(DType::U8, abilities), Access::Write, false);
        writer.body = format!(
            "    for (var i = global_id.x; i < {}; i += groups.x * {GROUP}u) {{\n        y[i] = select({}, {}, (i & 1u) == 1u);\n    }}\n",
            param(0),
            param(1),
            param(2)
        );
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        vec![Template]
    }
}
