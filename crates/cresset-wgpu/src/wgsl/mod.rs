//! Writing kernels: the functions they call (`library`), elements in memory (`element`), formulas (`formula`), where elements
//! lie (`place`), and rows of them (`rows`).

pub mod bits;
pub mod element;
pub mod formula;
pub mod library;
pub mod order;
pub mod place;
pub mod rows;

use std::fmt::Write as _;

use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    kernels::{Access, Source},
    stream::PARAMETERS,
    wgsl::element::Element,
};

/// A kernel being written: what is bound, and the body of its entry point.
#[derive(Default)]
pub struct Writer {
    bindings: String,
    access: SmallVec<[Access; 8]>,
    /// Declarations outside of the entry point, such as workgroup memory.
    pub globals: String,
    /// What the entry point does.
    pub body: String,
    /// Are integers of 32 bits enough, though the card has wider ones?
    pub narrow: bool,
}

impl Writer {
    /// Binds the next buffer under a name.
    pub fn bind(&mut self, name: &str, element: Element, access: Access, atomic: bool) {
        self.bind_as(name, element.stored(), access, atomic);
    }

    /// Binds the next buffer under a name, as an array of such elements.
    pub fn bind_as(&mut self, name: &str, inner: &str, access: Access, atomic: bool) {
        let kind = if access == Access::Read { "read" } else { "read_write" };
        let inner = if atomic { format!("atomic<{inner}>") } else { inner.to_owned() };
        let binding = self.access.len();
        let _ = writeln!(
            self.bindings,
            "@group(1) @binding({binding}) var<storage, {kind}> {name}: array<{inner}>;"
        );
        self.access.push(access);
    }

    /// The kernel's text, with the library's functions that it calls. `size` are the invocations of a workgroup.
    pub fn finish(self, abilities: &Abilities, size: [u32; 3]) -> Source {
        let mut text = String::new();
        let wide = abilities.i64 && !self.narrow;
        let int = if wide { "i64" } else { "i32" };
        let _ = writeln!(text, "alias int = {int};");
        let used = quads(&self.body).max(quads(&self.globals)) * QUAD;
        let immediates = if used <= abilities.immediate_bytes { used } else { 0 };
        let (place, quads) = match immediates {
            0 => ("@group(0) @binding(0) var<uniform>", PARAMETERS / 4),
            bytes => ("var<immediate>", (bytes / QUAD) as usize),
        };
        let _ = writeln!(
            text,
            "struct Parameters {{ quads: array<vec4<u32>, {quads}> }}\n{place} params: Parameters;"
        );
        text += &self.bindings;
        text += &self.globals;
        let [x, y, z] = size;
        let subgroup = match self.body.contains(SUBGROUP_SIZE) {
            true => format!("    @builtin(subgroup_size) {SUBGROUP_SIZE}: u32,\n"),
            false => String::new(),
        };
        let body = format!(
            "@compute @workgroup_size({x}, {y}, {z})\nfn main(\n    @builtin(global_invocation_id) global_id: vec3<u32>,\n    @builtin(local_invocation_id) local_id: vec3<u32>,\n    @builtin(local_invocation_index) local_index: u32,\n    @builtin(workgroup_id) group_id: vec3<u32>,\n    @builtin(num_workgroups) groups: vec3<u32>,\n{subgroup}) {{\n{}}}\n",
            self.body
        );
        text += &library::needed(&[&self.globals, &body], wide);
        text += &body;
        Source { text, access: self.access, immediates }
    }
}

/// How many invocations run side by side, where a kernel asks for it.
pub const SUBGROUP_SIZE: &str = "subgroup_size";
/// Bytes of four parameters.
const QUAD: u32 = 16;
/// What every parameter's text begins with.
const PARAMETER: &str = "params.quads[";

/// Parameter `i`, an unsigned number.
pub fn param(i: usize) -> String {
    format!("{PARAMETER}{}].{}", i / 4, ["x", "y", "z", "w"][i % 4])
}

/// How many quads of parameters a text reads.
fn quads(text: &str) -> u32 {
    let numbers =
        text.split(PARAMETER).skip(1).filter_map(|rest| rest.split_once(']')?.0.parse::<u32>().ok());
    numbers.max().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_in_quads() {
        assert_eq!(quads("nothing"), 0);
        assert_eq!(quads(&format!("{} + {}", param(3), param(0))), 1);
        assert_eq!(quads(&format!("{} + {}", param(44), param(2))), 12);
    }
}
