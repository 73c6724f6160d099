//! Are the invocations of a subgroup neighbours, in the order of their numbers? Drivers need not say, and do so everywhere that is
//! known; kernels that hand numbers from one to another rely on it, so a card is asked when it is opened.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, DType, Result};

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{SUBGROUP_SIZE, Writer, element::Element, rows::GROUP},
};

/// Nothing that it depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template;

/// Asks a card.
pub fn are_neighbours(card: &Arc<Card>) -> Result<bool> {
    let strangers = card.upload(&Array::from_vec(vec![0i32], [1])?)?;
    let kernel = card.kernel("gpu", kernels::Template::Neighbours(Template))?;
    card.dispatch(&kernel, &[buffer(&strangers)?], &[], [8, 1, 1])?;
    Ok(strangers.to_vec::<i32>()? == [0])
}

impl Template {
    /// The kernel: an invocation that finds another than its neighbour says so.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let mut writer = Writer::default();
        writer.bind("strangers", Element::of(DType::I32, abilities), Access::Write, false);
        let _ = write!(
            writer.body,
            "    let first = local_index / {SUBGROUP_SIZE} * {SUBGROUP_SIZE};
    for (var half = {SUBGROUP_SIZE} / 2u; half > 0u; half = half / 2u) {{
    let other = subgroupShuffleXor(local_index, half);
    if (other != first + ((local_index - first) ^ half)) {{ strangers[0] = 1i; }}
    }}
"
        );
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        if abilities.subgroups { vec![Template] } else { Vec::new() }
    }
}
