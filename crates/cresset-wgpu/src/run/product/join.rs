//! The second pass of a product whose depth was divided, or whose rows end inside of a word: the parts are added in their
//! order, and become what they shall be.

use cresset_ops::cpu::plan::Lane;
use cresset_tensor::DType;

use super::zero;
use crate::{
    abilities::Abilities,
    kernels::{Access, Source},
    wgsl::{Writer, element::Element, param},
};

/// Invocations of a workgroup.
pub const GROUP: u32 = 256;

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    /// The dtype of the parts: that of a lane.
    pub parts: DType,
    /// The dtype of the result.
    pub target: DType,
    /// Is something added?
    pub biased: bool,
}

impl Template {
    /// The kernel; its parameters are the elements of the result and the number of parts; of what is added, the
    /// offset and the stride, how many elements one after the other have the same, and how many numbers there are.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let mut writer = Writer::default();
        let (parts, target) = (Element::of(self.parts, abilities), Element::of(self.target, abilities));
        writer.bind("a", parts, Access::Read, false);
        if self.biased {
            writer.bind("bias", target, Access::Read, false);
        }
        writer.bind("c", target, Access::Write, false);
        let (per_word, zero) = (target.per_word(), zero(Lane::of(self.parts)));
        let (numel, count) = (param(0), param(1));
        let load = parts.load("a", "part * numel + place", false);
        let mut sum = format!(
            "    var sum = {zero};\n    for (var part = 0u; part < {count}; part++) {{ sum = sum + {load}; }}\n"
        );
        if self.biased {
            let place = format!("({} + place / {} % {} * {})", param(2), param(4), param(5), param(3));
            sum += &format!("    sum = sum + {};\n", target.load("bias", &place, false));
        }
        writer.body = format!(
            "    let numel = {numel};\n    let words = (numel + {}u) / {per_word}u;\n    for (var word = global_id.x; word < words; word += groups.x * {GROUP}u) {{\n",
            per_word - 1
        );
        if per_word == 1 {
            writer.body += &format!("    let place = word;\n{sum}    c[word] = {};\n", target.pack("sum"));
        } else {
            writer.body += &format!(
                "    var packed = 0u;\n    for (var sub = 0u; sub < {per_word}u; sub++) {{\n    let place = min(word * {per_word}u + sub, numel - 1u);\n{sum}    packed |= ({}) << (sub * {}u);\n    }}\n    c[word] = packed;\n",
                target.pack("sum"),
                target.bits()
            );
        }
        writer.body += "    }\n";
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        super::dtypes(abilities)
            .flat_map(|target| {
                let parts = super::wide(target, abilities);
                [false, true].map(|biased| Template { parts, target, biased })
            })
            .collect()
    }
}
