//! Rows that are read whole and written again: what softmax and norms share. A team of lanes has each row; one that the
//! lanes can hold is read once, a longer one as often as it is gone through.

use std::fmt::Write as _;

use cresset_ops::{Array, DType, Error, Op, Outputs, Result, decompose::decompose, methods::prelude::*};

use crate::{
    abilities::Abilities,
    kernels::Access,
    wgsl::{
        Writer,
        element::Element,
        param,
        place::Words,
        rows::{Operand, Space, Team},
    },
};

/// Elements that a lane holds, at most.
const HELD: u32 = 8;
/// A row of more elements is no work for one workgroup where there are few rows.
const LONG: usize = 1 << 15;
/// So many rows keep a card busy.
const BUSY: usize = 64;

/// What a kernel over rows depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rows {
    dtype: DType,
    team: Team,
    /// Of the input and the output.
    space: Space,
    /// Elements that a lane holds; 0 if it reads them again.
    held: u32,
    /// Rows of the output are whole words, one after another.
    whole: bool,
}

/// Rows of an array and of the one that is written, and what a kernel is told of them.
pub struct Laid {
    /// How they are gone through.
    pub rows: Rows,
    /// How many there are, and how long they are.
    pub counts: [u32; 2],
    /// Where they lie.
    pub words: Words,
    /// Workgroups for them.
    pub groups: [u32; 3],
}

/// Are rows better computed by reductions and formulas?
pub fn is_for_parts(dtype: DType, rows: usize, length: usize) -> bool {
    dtype == DType::F64 || (rows < BUSY && length > LONG)
}

/// By reductions and formulas, in f32 where halves are.
pub fn in_parts(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let [x, rest @ ..] = inputs else {
        return Err(Error::argument(op.name(), "takes an array"));
    };
    let wide =
        if matches!(x.dtype(), DType::F16 | DType::BF16) { x.to_dtype(DType::F32)? } else { (*x).clone() };
    apart(op, &[&[&wide], rest].concat())?.iter().map(|output| output.to_dtype(x.dtype())).collect()
}

/// By simpler operations.
pub fn apart(op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    decompose(op, inputs).unwrap_or_else(|| Err(Error::argument(op.name(), "has no parts")))
}

impl Laid {
    /// Rows along dimensions of an array, one for each place of the others. `inner` are the elements of `y` between two
    /// neighbours of a row; neighbouring rows may lie closer together than these.
    pub fn new(
        x: &Array,
        y: &Array,
        [kept, along]: [&[usize]; 2],
        inner: usize,
        abilities: &Abilities,
    ) -> Laid {
        let size = |dims: &[usize]| dims.iter().map(|&d| x.shape()[d]).product::<usize>();
        let (rows, length) = (size(kept), size(along));
        let distance = |d: &usize| x.strides()[*d].unsigned_abs();
        let nearest = kept.iter().filter(|&&d| x.shape()[d] > 1).map(distance).min();
        let across = inner > 1 && nearest.is_some_and(|near| along.iter().all(|d| near < distance(d)));
        let operand = |x: &Array| -> Operand { (x.offset(), x.strides().iter().copied().collect()) };
        let (space, words) = Space::new(x.shape(), kept, along, &[operand(x), operand(y)]);
        let team = Team::new(rows, length, across);
        let per_word = Element::of(x.dtype(), abilities).per_word() as usize;
        let each = length.div_ceil(team.lanes as usize) as u32;
        // Counts by which few kernels do for all lengths.
        let held = if each <= HELD { each.next_power_of_two().max(per_word as u32) } else { 0 };
        let whole = inner == 1 && length.is_multiple_of(per_word);
        let groups = [team.groups(rows), 1, 1];
        let rows_of = Rows { dtype: x.dtype(), team, space, held, whole };
        Laid { rows: rows_of, counts: [rows as u32, length as u32], words, groups }
    }
}

/// Prints a kernel over rows, whose first two parameters are how many rows there are and how long they are.
pub struct Printer {
    rows: Rows,
    /// How elements lie.
    pub element: Element,
    per_word: u32,
    apart: bool,
    /// The first parameter that says where rows lie.
    first: usize,
}

impl Rows {
    /// What prints the kernel. Parameters that say where rows lie start at `first`.
    pub fn printer(self, first: usize, abilities: &Abilities) -> Printer {
        let element = Element::of(self.dtype, abilities);
        let per_word = if self.whole { element.per_word() } else { 1 };
        let apart = !self.whole && element.per_word() > 1;
        Printer { rows: self, element, per_word, apart, first }
    }

    /// Samples for the shader checks.
    pub fn samples() -> Vec<Rows> {
        let mut samples = Vec::new();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            for (lanes, across, held) in [(1, false, 2), (16, true, 0), (64, false, 8), (256, false, 0)] {
                for whole in [false, true] {
                    for along in [1, 2] {
                        let space = Space { kept: 1 + usize::from(across), along, operands: 2 };
                        let team = Team { lanes, across };
                        samples.push(Rows { dtype, team, space, held, whole });
                    }
                }
            }
        }
        samples
    }
}

impl Printer {
    /// Does each lane keep its elements in `x0`, `x1`, …?
    pub fn holds(&self) -> bool {
        self.rows.held > 0
    }

    /// Binds what is read and what is written.
    pub fn bind(&self, writer: &mut Writer) {
        writer.bind("x", self.element, Access::Read, false);
        writer.bind("y", self.element, Access::Write, self.apart);
    }

    /// Opens the loop over rows.
    pub fn open(&self, body: &mut String) {
        let _ = writeln!(body, "    let length = {};", param(1));
        self.rows.team.open(&param(0), body);
        body.push_str("    let row = select(0u, unit, valid);\n");
        self.rows.space.print_bases("row", self.first, body);
    }

    /// Closes it.
    pub fn close(&self, body: &mut String) {
        self.rows.team.close(body);
    }

    /// Brings together what the lanes have in a variable; see [`Team::gather`].
    pub fn gather(
        &self,
        name: &str,
        variable: &str,
        combine: &str,
        abilities: &Abilities,
        globals: &mut String,
        body: &mut String,
    ) {
        self.rows.team.gather(name, &[(variable, "f32")], combine, abilities, globals, body);
    }

    /// The place in the row of an element that is held: each lane has runs of as many as share a word.
    fn place(&self, k: u32) -> String {
        let (per_word, lanes) = (self.per_word, self.rows.team.lanes);
        format!("(({}u * {lanes}u + lane) * {per_word}u + {}u)", k / per_word, k % per_word)
    }

    /// Prints where an element of a row lies: in what is read as `at0`, in what is written as `at1w`.
    fn print_place(&self, operand: usize, r: &str, body: &mut String) {
        let suffix = ["", "w"][operand.min(1)];
        self.rows.space.print_places(r, suffix, operand..operand + 1, self.first, body);
    }

    /// Opens two loops over the lane's elements, of which each is read as `value`.
    fn every(&self) -> String {
        let (per_word, lanes) = (self.per_word, self.rows.team.lanes);
        format!(
            "    for (var run = lane * {per_word}u; run < length; run += {}u) {{\n    for (var k = 0u; k < {per_word}u; k++) {{\n    let r = run + k;\n{}",
            lanes * per_word,
            self.loaded()
        )
    }

    fn loaded(&self) -> String {
        let mut text = String::new();
        self.print_place(0, "r", &mut text);
        let _ = writeln!(text, "    let value = {};", self.element.load("x", "at0", false));
        text
    }

    /// Reads every element of the lane and prints what becomes of it. Those held begin as `empty`.
    pub fn read(&self, empty: &str, then: impl Fn(&str) -> String, body: &mut String) {
        for k in 0..self.rows.held {
            let r = self.place(k);
            let _ = writeln!(body, "    var x{k} = {empty};\n    if ({r} < length) {{");
            self.print_place(0, &r, body);
            let load = self.element.load("x", "at0", false);
            let _ = writeln!(body, "    x{k} = {load};\n    }}\n    {}", then(&format!("x{k}")));
        }
        if !self.holds() {
            let _ = writeln!(body, "{}    {}\n    }}\n    }}", self.every(), then("value"));
        }
    }

    /// Prints what becomes of every element once more: by its name, and whether it is one of the row.
    pub fn again(&self, then: impl Fn(&str, &str) -> String, body: &mut String) {
        for k in 0..self.rows.held {
            let _ = writeln!(body, "    {}", then(&format!("x{k}"), &format!("{} < length", self.place(k))));
        }
        if !self.holds() {
            let _ = writeln!(body, "{}    {}\n    }}\n    }}", self.every(), then("value", "true"));
        }
    }

    /// Writes what becomes of every element, in whole words where rows are such.
    pub fn write(&self, result: impl Fn(&str) -> String, body: &mut String) {
        let (element, per_word) = (self.element, self.per_word);
        let one = |value: &str| {
            if self.apart {
                element.store_part("y", "at1w", value)
            } else {
                format!("y[at1w] = {};", element.pack(value))
            }
        };
        for first in (0..self.rows.held).step_by(per_word as usize) {
            let r = self.place(first);
            let _ = writeln!(body, "    if ({r} < length) {{");
            self.print_place(1, &r, body);
            if per_word == 1 {
                let _ = writeln!(body, "    {}", one(&result(&format!("x{first}"))));
            } else {
                let parts: Vec<String> = (0..per_word)
                    .map(|k| {
                        let bits = element.pack(&result(&format!("x{}", first + k)));
                        format!("({bits} << {}u)", k * element.bits())
                    })
                    .collect();
                let _ = writeln!(body, "    y[at1w / {per_word}u] = {};", parts.join(" | "));
            }
            body.push_str("    }\n");
        }
        if self.holds() {
            return;
        }
        if per_word == 1 {
            body.push_str(&self.every());
            self.print_place(1, "r", body);
            let _ = writeln!(body, "    {}\n    }}\n    }}", one(&result("value")));
            return;
        }
        let _ = writeln!(
            body,
            "    for (var run = lane * {per_word}u; run < length; run += {}u) {{\n    var word = 0u;\n    for (var k = 0u; k < {per_word}u; k++) {{\n    let r = run + k;\n{}    word |= {} << (k * {}u);\n    }}",
            self.rows.team.lanes * per_word,
            self.loaded(),
            element.pack(&result("value")),
            element.bits()
        );
        self.print_place(1, "run", body);
        let _ = writeln!(body, "    y[at1w / {per_word}u] = word;\n    }}");
    }
}
