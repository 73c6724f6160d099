//! Large products: a workgroup computes a tile of the result, out of panels of the factors that it keeps in its memory.
//!
//! Everything is printed unrolled, sums under names of their own: they stay in registers, and no index is to be checked.

use std::fmt::Write as _;

use cresset_ops::cpu::plan::Lane;

use super::{
    Template, fma,
    form::{Form, Side},
    load, store,
};
use crate::{
    abilities::Abilities,
    kernels::Source,
    wgsl::{Writer, element::lane_type},
};

/// Rows of tiles that are computed side by side, so that what they share is still near.
const BAND: u32 = 8;

/// The tile of a workgroup, and what each of its invocations computes: multiples of four.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tile {
    /// Rows.
    pub m: u32,
    /// Columns.
    pub n: u32,
    /// How deep the panels are.
    pub k: u32,
    /// Rows of an invocation.
    pub rows: u32,
    /// Columns of an invocation.
    pub columns: u32,
}

impl Tile {
    /// The invocations of a workgroup.
    pub const fn invocations(self) -> u32 {
        (self.m / self.rows) * (self.n / self.columns)
    }

    /// Bytes of a workgroup's memory.
    pub fn bytes(self, lane: Lane) -> u32 {
        let size = lane.dtype().size() as u32;
        self.k * (pitch(self.m) + pitch(self.n)) * 4 * size
    }
}

/// Quads from one depth of a panel to the next: one more than there are lines, so that a panel is written without two
/// invocations asking the same bank.
const fn pitch(lines: u32) -> u32 {
    lines / 4 + 1
}

/// How the quads of a panel are divided among the invocations: each takes four lines of one depth at a time.
struct Division {
    side: Side,
    /// Quads of lines.
    quads: u32,
    /// How many each invocation takes.
    units: u32,
    /// From one of them to the next: quads of lines, or depths.
    step: u32,
    /// Are depths neighbours in memory, and therefore in invocations?
    deep: bool,
}

impl Division {
    fn new(side: Side, tile: Tile, deep: bool) -> Division {
        let quads = if side == Side::A { tile.m } else { tile.n } / 4;
        let invocations = tile.invocations();
        let step = invocations / if deep { tile.k } else { quads };
        Division { side, quads, units: quads * tile.k / invocations, step, deep }
    }

    /// The quad of lines, and the depth in the panel, of the first unit.
    fn first(&self, depth: u32) -> (String, String) {
        let quads = self.quads;
        if self.deep {
            (format!("local_index / {depth}u"), format!("local_index % {depth}u"))
        } else {
            (format!("local_index % {quads}u"), format!("local_index / {quads}u"))
        }
    }

    /// The quad of lines of a unit, and its depth in the panel.
    fn unit(&self, unit: u32) -> (String, String) {
        let (buffer, more) = (self.side.buffer(), unit * self.step);
        let (quad, depth) = (format!("{buffer}_quad"), format!("{buffer}_deep"));
        match (more, self.deep) {
            (0, _) => (quad, depth),
            (_, true) => (format!("({quad} + {more}u)"), depth),
            (_, false) => (quad, format!("({depth} + {more}u)")),
        }
    }
}

/// Prints a template of such a tile.
pub fn source(template: &Template, tile: Tile, abilities: &Abilities) -> Source {
    let mut writer = Writer::default();
    template.bind(abilities, &mut writer);
    let lane = Lane::of(template.dtype);
    let ty = lane_type(lane);
    let Tile { m, n, k, rows, columns } = tile;
    for (side, lines) in [("a", m), ("b", n)] {
        let quads = k * pitch(lines);
        let _ = writeln!(writer.globals, "var<workgroup> {side}_panel: array<vec4<{ty}>, {quads}>;");
    }
    let divisions =
        [Division::new(Side::A, tile, template.deep[0]), Division::new(Side::B, tile, template.deep[1])];
    let body = &mut writer.body;
    template.parameters(body);
    for division in &divisions {
        let (quad, depth) = division.first(k);
        let buffer = division.side.buffer();
        let _ = writeln!(body, "    let {buffer}_quad = {quad};\n    let {buffer}_deep = {depth};");
    }
    let across = n / columns;
    let _ =
        writeln!(body, "    let across = local_index % {across}u;\n    let down = local_index / {across}u;");
    let _ = writeln!(
        body,
        "    let tiles_m = (m + {}u) / {m}u;\n    let tiles_n = (n + {}u) / {n}u;\n    let tiles = tiles_m * tiles_n;",
        m - 1,
        n - 1
    );
    *body += "    for (var tile = group_id.x; tile < total; tile += groups.x) {\n";
    *body += "    let matrix = tile / tiles;\n    let inside = tile - matrix * tiles;\n";
    *body += "    let part = matrix / items;\n    let item = matrix - part * items;\n";
    let _ = writeln!(
        body,
        "    let band = inside / ({BAND}u * tiles_n);\n    let in_band = inside - band * {BAND}u * tiles_n;\n    let height = min(tiles_m - band * {BAND}u, {BAND}u);"
    );
    let _ = writeln!(
        body,
        "    let tile_row = (band * {BAND}u + in_band % height) * {m}u;\n    let tile_column = (in_band / height) * {n}u;"
    );
    *body += "    let k_first = part * depth;\n    let k_end = min(k, k_first + depth);\n";
    template.form.starts(body);
    for division in &divisions {
        lines(template, division, body);
    }
    for row in 0..rows {
        for quad in 0..columns / 4 {
            let _ = writeln!(body, "    var sum{row}_{quad} = vec4<{ty}>();");
        }
    }
    for division in &divisions {
        for unit in 0..division.units {
            let _ = writeln!(body, "    var {}_next{unit} = vec4<{ty}>();", division.side.buffer());
        }
    }
    // The next panels are on their way from memory while the present ones are multiplied.
    *body += "    var k0 = k_first;\n    loop {\n    if (k0 < k_end) {\n";
    for division in &divisions {
        fetch(template, division, abilities, body);
    }
    *body += "    }\n    if (k0 != k_first) {\n";
    multiply(lane, tile, body);
    *body += "    }\n    if (k0 >= k_end) { break; }\n    workgroupBarrier();\n";
    for division in &divisions {
        let (side, pitch) = (division.side.buffer(), division.quads + 1);
        for unit in 0..division.units {
            let (quad, depth) = division.unit(unit);
            let _ = writeln!(body, "    {side}_panel[{depth} * {pitch}u + {quad}] = {side}_next{unit};");
        }
    }
    let _ = writeln!(body, "    workgroupBarrier();\n    k0 += {k}u;\n    }}");
    results(template, tile, abilities, body);
    *body += "    }\n";
    writer.finish(abilities, [tile.invocations(), 1, 1])
}

/// What follows from the lines that an invocation fetches.
fn lines(template: &Template, division: &Division, body: &mut String) {
    let (side, buffer) = (division.side, division.side.buffer());
    let tile = if side == Side::A { "tile_row" } else { "tile_column" };
    let count = side.lines();
    for unit in 0..if division.deep { division.units } else { 1 } {
        let (quad, _) = division.unit(unit);
        for i in 0..4 {
            // Lines past the end are the last one, and their results are not written.
            let line = format!("{buffer}_line{unit}_{i}");
            let _ = writeln!(body, "    let {line}n = min({tile} + {quad} * 4u + {i}u, {count} - 1u);");
            template.form.line(side, &line, &format!("{line}n"), body);
        }
    }
}

/// Fetches an invocation's part of the next panel into registers.
fn fetch(template: &Template, division: &Division, abilities: &Abilities, body: &mut String) {
    let (side, buffer) = (division.side, division.side.buffer());
    let ty = lane_type(Lane::of(template.dtype));
    for unit in 0..division.units {
        let (_, depth) = division.unit(unit);
        let name = format!("{buffer}_depth{unit}");
        if unit == 0 || !division.deep {
            let _ = writeln!(body, "    let {name}k = k0 + {depth};");
            template.form.depth(side, &name, &format!("min({name}k, k - 1u)"), body);
        }
        let of = if division.deep { format!("{buffer}_depth0") } else { name };
        let mut values = Vec::new();
        for i in 0..4 {
            let line = format!("{buffer}_line{}_{i}", if division.deep { unit } else { 0 });
            let value = format!("{buffer}_value{unit}_{i}");
            load(template, side, &line, &of, &value, abilities, body);
            values.push(value);
        }
        let _ = writeln!(
            body,
            "    {buffer}_next{unit} = select(vec4<{ty}>(), vec4<{ty}>({}), {of}k < k_end);",
            values.join(", ")
        );
    }
}

/// Multiplies the panels.
fn multiply(lane: Lane, tile: Tile, body: &mut String) {
    let Tile { m, n, k, rows, columns } = tile;
    let (down, across) = (m / rows, n / columns);
    let ty = lane_type(lane);
    for depth in 0..k {
        *body += "    {\n";
        for quad in 0..rows / 4 {
            let start = depth * pitch(m) + quad * down;
            let _ = writeln!(body, "    let x{quad} = a_panel[down + {start}u];");
        }
        for quad in 0..columns / 4 {
            let start = depth * pitch(n) + quad * across;
            let _ = writeln!(body, "    let y{quad} = b_panel[across + {start}u];");
        }
        for row in 0..rows {
            let x = format!("vec4<{ty}>(x{}.{})", row / 4, ["x", "y", "z", "w"][row as usize % 4]);
            for quad in 0..columns / 4 {
                let sum = format!("sum{row}_{quad}");
                let _ = writeln!(body, "    {sum} = {};", fma(lane, &x, &format!("y{quad}"), &sum));
            }
        }
        *body += "    }\n";
    }
}

/// Writes an invocation's part of the tile.
fn results(template: &Template, tile: Tile, abilities: &Abilities, body: &mut String) {
    let Tile { m, n, rows, columns, .. } = tile;
    let (down, across) = (m / rows, n / columns);
    for quad in 0..columns / 4 {
        for i in 0..4 {
            let name = format!("column{quad}_{i}");
            let _ = writeln!(
                body,
                "    let {name}n = tile_column + (across + {}u) * 4u + {i}u;\n    let {name}_image = {name}n / run;\n    let {name} = part * numel + ({name}_image * items + item) * m * run + {name}n - {name}_image * run;",
                quad * across
            );
        }
    }
    let element = template.written(abilities);
    let per_word = element.per_word();
    // Of matrices it is each column's, of a convolution each row's.
    let by_column = matches!(template.form, Form::Matrices { .. });
    if template.biased && by_column {
        for quad in 0..columns / 4 {
            for i in 0..4 {
                let bias = template.bias("", &format!("min(column{quad}_{i}n, n - 1u)"), abilities);
                let _ = writeln!(body, "    let bias{quad}_{i} = {bias};");
            }
        }
    }
    for row in 0..rows {
        let _ = writeln!(
            body,
            "    let row{row} = tile_row + (down + {}u) * 4u + {}u;\n    if (row{row} < m) {{",
            row / 4 * down,
            row % 4
        );
        if template.biased && !by_column {
            let _ = writeln!(body, "    let bias = {};", template.bias(&format!("row{row}"), "", abilities));
        }
        for quad in 0..columns / 4 {
            for i in (0..4).step_by(per_word as usize) {
                let value = |i: u32| {
                    let sum = format!("sum{row}_{quad}.{}", ["x", "y", "z", "w"][i as usize]);
                    match (template.biased, by_column) {
                        (false, _) => sum,
                        (true, true) => format!("({sum} + bias{quad}_{i})"),
                        (true, false) => format!("({sum} + bias)"),
                    }
                };
                let values: Vec<String> = (i..i + per_word).map(value).collect();
                let place = format!("column{quad}_{i} + row{row} * run");
                let statement = store(element, &values, &place);
                let _ = writeln!(body, "    if (column{quad}_{i}n < n) {{ {statement} }}");
            }
        }
        *body += "    }\n";
    }
}

#[cfg(test)]
mod tests {
    use super::{super::choice::TILES, *};

    #[test]
    fn invocations_divide_the_panels_of_every_tile_evenly() {
        for tile in TILES {
            let invocations = tile.invocations();
            assert!(invocations <= 256, "{tile:?}");
            assert!(tile.bytes(Lane::F32) <= 16 << 10, "{tile:?}");
            assert!(tile.m % tile.rows == 0 && tile.n % tile.columns == 0, "{tile:?}");
            assert!(tile.rows % 4 == 0 && tile.columns % 4 == 0, "{tile:?}");
            assert_eq!(invocations % tile.k, 0, "{tile:?}");
            for lines in [tile.m, tile.n] {
                assert_eq!(invocations % (lines / 4), 0, "{tile:?}");
                assert_eq!((lines / 4 * tile.k) % invocations, 0, "{tile:?}");
            }
        }
    }
}
