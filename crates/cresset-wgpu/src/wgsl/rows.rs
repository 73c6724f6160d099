//! Rows: what is computed of many elements for each of many places, by teams of invocations.
//!
//! Dimensions are either kept, which makes the number of rows, or gone along. A workgroup has several rows at once, each
//! with a team of lanes that share its elements; what lanes found is brought together by halves: from hand to hand in a
//! subgroup, else in workgroup memory.

use std::fmt::Write as _;

use cresset_ops::cpu::walk::{Steps, Walk};
use smallvec::SmallVec;

use super::{SUBGROUP_SIZE, param, place::Words};
use crate::abilities::Abilities;

/// Invocations of a workgroup.
pub const GROUP: u32 = 256;
/// Workgroups of a dispatch, at most: they stride over the rest.
pub const GROUPS: usize = 65_535;

/// How several operands are walked over rows: what the text of a kernel depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Space {
    /// Over so many kept dimensions.
    pub kept: usize,
    /// Along so many dimensions.
    pub along: usize,
    /// How many operands.
    pub operands: usize,
}

/// An operand: its offset, and its strides over all dimensions.
pub type Operand = (usize, Steps);

impl Space {
    /// Of operands over a shape, with the dimensions that are kept and those that are gone along, both in the order in
    /// which their elements are counted; and the words that tell a kernel so.
    pub fn new(shape: &[usize], kept: &[usize], along: &[usize], operands: &[Operand]) -> (Space, Words) {
        let part = |dims: &[usize]| {
            let sizes: SmallVec<[usize; 6]> = dims.iter().map(|&dim| shape[dim]).collect();
            let steps: SmallVec<[Steps; 4]> =
                operands.iter().map(|(_, strides)| dims.iter().map(|&dim| strides[dim]).collect()).collect();
            Walk::new(&sizes, &steps)
        };
        let (kept, along) = (part(kept), part(along));
        let mut words = Words::new();
        words.extend(kept.shape.iter().chain(&along.shape).map(|&size| size as u32));
        for (i, (offset, _)) in operands.iter().enumerate() {
            words.push(*offset as u32);
            // Negative strides wrap, and so do the sums they enter.
            words.extend(kept.strides[i].iter().chain(&along.strides[i]).map(|&stride| stride as u32));
        }
        let space = Space { kept: kept.shape.len(), along: along.shape.len(), operands: operands.len() };
        (space, words)
    }

    fn operand(self, first: usize, operand: usize) -> usize {
        first + self.kept + self.along + operand * (1 + self.kept + self.along)
    }

    /// Prints where the row of a number (an expression of type `u32`) begins for every operand: `base0`, `base1`, …
    /// Parameters start at `first`.
    pub fn print_bases(self, row: &str, first: usize, body: &mut String) {
        coordinates("row", row, self.kept, first, body);
        for k in 0..self.operands {
            let at = self.operand(first, k);
            let place = sum(param(at), "row", self.kept, at + 1);
            let _ = writeln!(body, "    let base{k} = {place};");
        }
    }

    /// Prints where the element of a number in its row lies for operands: `at0`, `at1`, … with `suffix` at the end.
    pub fn print_places(
        self,
        element: &str,
        suffix: &str,
        operands: impl Iterator<Item = usize>,
        first: usize,
        body: &mut String,
    ) {
        let name = format!("along{suffix}_");
        coordinates(&name, element, self.along, first + self.kept, body);
        for k in operands {
            let at = self.operand(first, k) + 1 + self.kept;
            let place = sum(format!("base{k}"), &name, self.along, at);
            let _ = writeln!(body, "    let at{k}{suffix} = {place};");
        }
    }
}

/// Prints the coordinates of a place over sizes in parameters: `NAME0`, `NAME1`, …
fn coordinates(name: &str, place: &str, dims: usize, first: usize, body: &mut String) {
    if dims == 1 {
        let _ = writeln!(body, "    let {name}0 = {place};");
        return;
    }
    let _ = writeln!(body, "    var {name}rest = {place};");
    for dim in (1..dims).rev() {
        let size = param(first + dim);
        let _ =
            writeln!(body, "    let {name}{dim} = {name}rest % {size}; {name}rest = {name}rest / {size};");
    }
    let _ = writeln!(body, "    let {name}0 = {name}rest;");
}

/// A place: coordinates times strides in parameters.
fn sum(start: String, name: &str, dims: usize, first: usize) -> String {
    (0..dims).fold(start, |place, dim| format!("{place} + {name}{dim} * {}", param(first + dim)))
}

/// How the invocations of a workgroup share rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Team {
    /// So many share a row: a power of two, at most all of them.
    pub lanes: u32,
    /// Neighbouring invocations have neighbouring rows, not neighbouring elements of one.
    pub across: bool,
}

impl Team {
    /// For rows of a length. `across` says that neighbouring rows lie closer together than a row's own elements.
    pub fn new(rows: usize, length: usize, across: bool) -> Team {
        let mut lanes = 1;
        if across {
            while lanes < 16 && rows * lanes < 1 << 14 && length >= 8 * lanes {
                lanes *= 2;
            }
        } else {
            while lanes < GROUP as usize && length >= 8 * lanes {
                lanes *= 2;
            }
        }
        Team { lanes: lanes as u32, across }
    }

    /// So many rows a workgroup has at once.
    pub fn rows(self) -> u32 {
        GROUP / self.lanes
    }

    /// Workgroups for so many rows.
    pub fn groups(self, rows: usize) -> u32 {
        rows.div_ceil(self.rows() as usize).min(GROUPS) as u32
    }

    /// Opens the loop over rows: `unit` is the number of the row, `valid` whether there is one, `lane` the number in the
    /// team, `mate` that of the team, and `slot` a place of the invocation in workgroup memory. `units` is how many
    /// rows there are.
    pub fn open(self, units: &str, body: &mut String) {
        let (lanes, rows) = (self.lanes, self.rows());
        let (lane, mate) = match (lanes, self.across) {
            (1, _) => ("0u".to_owned(), "local_index".to_owned()),
            (_, true) => (format!("local_index / {rows}u"), format!("local_index % {rows}u")),
            (_, false) => (format!("local_index % {lanes}u"), format!("local_index / {lanes}u")),
        };
        let _ = write!(
            body,
            "    let lane = {lane};
    let mate = {mate};
    let slot = lane * {rows}u + mate;
    let units = {units};
    let blocks = (units + {}u) / {rows}u;
    for (var block = group_id.x; block < blocks; block += groups.x) {{
    let unit = block * {rows}u + mate;
    let valid = unit < units;
",
            rows - 1
        );
    }

    /// Closes it.
    pub fn close(self, body: &mut String) {
        body.push_str("    }\n");
    }

    /// Brings together what the lanes of each team have in variables, by `combine`: a statement that takes what is in
    /// `other_NAME` into `NAME`. Afterwards every lane has the result. The declarations of workgroup memory go to
    /// `globals`.
    pub fn gather(
        self,
        name: &str,
        variables: &[(&str, &str)],
        combine: &str,
        abilities: &Abilities,
        globals: &mut String,
        body: &mut String,
    ) {
        let gathering = Gathering { lanes: self.lanes, group: GROUP, name, variables, combine };
        // Lanes of a subgroup are neighbours.
        if abilities.subgroups && !self.across {
            gathering.print_by_hand(abilities, globals, body);
        } else {
            gathering.print(globals, body);
        }
    }
}

/// Lanes of teams that bring together what each has.
pub struct Gathering<'a> {
    /// Of a team.
    pub lanes: u32,
    /// Of all teams of a workgroup.
    pub group: u32,
    /// What its workgroup memory is called by.
    pub name: &'a str,
    /// What is brought together, with their types.
    pub variables: &'a [(&'a str, &'a str)],
    /// How.
    pub combine: &'a str,
}

impl Gathering<'_> {
    /// In workgroup memory. `lane`, `mate` and `slot` are what [`Team::open`] says.
    pub fn print(&self, globals: &mut String, body: &mut String) {
        let Gathering { lanes, group, name, variables, combine } = *self;
        if lanes == 1 {
            return;
        }
        let rows = group / lanes;
        for (variable, kind) in variables {
            let _ = writeln!(globals, "var<workgroup> {name}_{variable}: array<{kind}, {group}>;");
            let _ = writeln!(body, "    {name}_{variable}[slot] = {variable};");
        }
        let _ = writeln!(
            body,
            "    workgroupBarrier();
    for (var half = {}u; half > 0u; half = half / 2u) {{
    if (lane < half) {{
    let across = slot + half * {rows}u;",
            lanes / 2
        );
        for (variable, _) in variables {
            let _ = writeln!(body, "    let other_{variable} = {name}_{variable}[across];");
        }
        let _ = writeln!(body, "    {combine}");
        for (variable, _) in variables {
            let _ = writeln!(body, "    {name}_{variable}[slot] = {variable};");
        }
        body.push_str("    }\n    workgroupBarrier();\n    }\n");
        for (variable, _) in variables {
            let _ = writeln!(body, "    {variable} = {name}_{variable}[mate];");
        }
        body.push_str("    workgroupBarrier();\n");
    }

    /// From hand to hand as far as subgroups reach, then in workgroup memory, of which every lane reads all that its team
    /// has. Lanes of a team are neighbours.
    pub fn print_by_hand(&self, abilities: &Abilities, globals: &mut String, body: &mut String) {
        let Gathering { lanes, group, name, variables, combine } = *self;
        // Metal hands on no more than 32 bits.
        let hands =
            |kind: &str| matches!(kind, "f32" | "u32" | "i32" | "bool") || kind == "int" && !abilities.i64;
        if lanes == 1 || !variables.iter().all(|(_, kind)| hands(kind)) {
            return self.print(globals, body);
        }
        let _ = writeln!(
            body,
            "    {{
    let reach = min({lanes}u, {SUBGROUP_SIZE});
    for (var half = reach / 2u; half > 0u; half = half / 2u) {{"
        );
        for (variable, kind) in variables {
            let handed = match *kind {
                "bool" => format!("subgroupShuffleXor(select(0u, 1u, {variable}), half) != 0u"),
                _ => format!("subgroupShuffleXor({variable}, half)"),
            };
            let _ = writeln!(body, "    let other_{variable} = {handed};");
        }
        let _ = writeln!(body, "    {combine}\n    }}");
        // Every card's subgroups have so many.
        if lanes > LEAST {
            let _ = writeln!(body, "    if (reach < {lanes}u) {{\n    if (lane % reach == 0u) {{");
            for (variable, kind) in variables {
                let places = group / LEAST;
                let _ = writeln!(globals, "var<workgroup> {name}_{variable}: array<{kind}, {places}>;");
                let _ = writeln!(body, "    {name}_{variable}[local_index / reach] = {variable};");
            }
            let _ = writeln!(
                body,
                "    }}
    workgroupBarrier();
    let count = {lanes}u / reach;
    let first_of_team = local_index / {lanes}u * count;"
            );
            for (variable, _) in variables {
                let _ = writeln!(body, "    {variable} = {name}_{variable}[first_of_team];");
            }
            body.push_str("    for (var next_of_team = 1u; next_of_team < count; next_of_team++) {\n");
            for (variable, _) in variables {
                let _ = writeln!(
                    body,
                    "    let other_{variable} = {name}_{variable}[first_of_team + next_of_team];"
                );
            }
            let _ = writeln!(body, "    {combine}\n    }}\n    workgroupBarrier();\n    }}");
        }
        body.push_str("    }\n");
    }
}

/// Invocations of the smallest subgroups there are.
const LEAST: u32 = 4;
