//! Small and thin products: every element of the result by itself, by one invocation, or by a workgroup that divides the
//! depth where the elements are few and what they are summed of lies in a line.

use std::fmt::Write as _;

use cresset_ops::cpu::plan::Lane;

use super::{Template, fma, form::Side, load, zero};
use crate::{
    abilities::Abilities,
    kernels::Source,
    wgsl::{Writer, element::lane_type, rows::Gathering},
};

/// Invocations of a workgroup that compute an element each.
pub const GROUP: u32 = 256;

/// Prints a template of which each invocation computes the elements of a word.
pub fn direct(template: &Template, abilities: &Abilities) -> Source {
    let mut writer = Writer::default();
    template.bind(abilities, &mut writer);
    let (element, lane) = (template.written(abilities), Lane::of(template.dtype));
    let per_word = element.per_word();
    let body = &mut writer.body;
    template.parameters(body);
    let _ = writeln!(
        body,
        "    let words = (numel + {}u) / {per_word}u;\n    for (var word = global_id.x; word < total; word += groups.x * {GROUP}u) {{",
        per_word - 1
    );
    *body += "    let part = word / words;\n    let in_part = word - part * words;\n";
    if per_word > 1 {
        let _ = writeln!(
            body,
            "    var packed = 0u;\n    for (var sub = 0u; sub < {per_word}u; sub++) {{\n    let place = in_part * {per_word}u + sub;\n    if (place >= numel) {{ break; }}"
        );
    } else {
        *body += "    let place = in_part;\n";
    }
    element_of(template, body);
    let _ = writeln!(body, "    var sum = {};", zero(lane));
    *body += "    for (var kk = k_first; kk < k_end; kk++) {\n";
    step(template, abilities, body);
    *body += "    }\n";
    add_bias(template, abilities, body);
    if per_word > 1 {
        let _ =
            writeln!(body, "    packed |= ({}) << (sub * {}u);\n    }}", element.pack("sum"), element.bits());
        *body += "    c[in_part] = packed;\n";
    } else {
        let _ = writeln!(body, "    c[part * numel + place] = {};", element.pack("sum"));
    }
    *body += "    }\n";
    writer.finish(abilities, [GROUP, 1, 1])
}

/// Prints a template of which each workgroup of so many invocations computes the elements of a word, one after the other.
pub fn shared(template: &Template, width: u32, abilities: &Abilities) -> Source {
    let mut writer = Writer::default();
    template.bind(abilities, &mut writer);
    let (element, lane) = (template.written(abilities), Lane::of(template.dtype));
    let per_word = element.per_word();
    let body = &mut writer.body;
    template.parameters(body);
    let _ = writeln!(
        body,
        "    let words = (numel + {}u) / {per_word}u;\n    for (var word = group_id.x; word < total; word += groups.x) {{",
        per_word - 1
    );
    *body += "    let part = word / words;\n    let in_part = word - part * words;\n";
    if per_word > 1 {
        let _ = writeln!(
            body,
            "    var packed = 0u;\n    for (var sub = 0u; sub < {per_word}u; sub++) {{\n    let place = min(in_part * {per_word}u + sub, numel - 1u);"
        );
    } else {
        *body += "    let place = in_part;\n";
    }
    element_of(template, body);
    let _ = writeln!(body, "    var sum = {};", zero(lane));
    let _ = writeln!(body, "    for (var kk = k_first + local_index; kk < k_end; kk += {width}u) {{");
    step(template, abilities, body);
    *body += "    }\n    let lane = local_index;\n    let mate = 0u;\n    let slot = local_index;\n";
    let gathering = Gathering {
        lanes: width,
        group: width,
        name: "team",
        variables: &[("sum", lane_type(lane))],
        combine: "sum = sum + other_sum;",
    };
    if abilities.subgroups {
        gathering.print_by_hand(abilities, &mut writer.globals, body);
    } else {
        gathering.print(&mut writer.globals, body);
    }
    add_bias(template, abilities, body);
    if per_word > 1 {
        let _ = writeln!(
            body,
            "    packed |= ({}) << (sub * {}u);\n    }}\n    if (local_index == 0u) {{ c[in_part] = packed; }}",
            element.pack("sum"),
            element.bits()
        );
    } else {
        let _ = writeln!(
            body,
            "    if (local_index == 0u) {{ c[part * numel + place] = {}; }}",
            element.pack("sum")
        );
    }
    *body += "    }\n";
    writer.finish(abilities, [width, 1, 1])
}

/// Adds what is to be added to the sum.
fn add_bias(template: &Template, abilities: &Abilities, body: &mut String) {
    if template.biased {
        let _ = writeln!(body, "    sum = sum + {};", template.bias("row", "column", abilities));
    }
}

/// Which row and column of which matrix the element at `place` is, and what follows from them.
fn element_of(template: &Template, body: &mut String) {
    *body += "    let row_rest = place / run;\n    let in_run = place - row_rest * run;\n";
    *body += "    let item_rest0 = row_rest / m;\n    let row = row_rest - item_rest0 * m;\n";
    *body += "    let image = item_rest0 / items;\n    let item = item_rest0 - image * items;\n";
    *body += "    let column = image * run + in_run;\n";
    *body += "    let k_first = part * depth;\n    let k_end = min(k, k_first + depth);\n";
    template.form.starts(body);
    template.form.line(Side::A, "a_line0", "row", body);
    template.form.line(Side::B, "b_line0", "column", body);
}

/// Adds the product of a depth to the sum.
fn step(template: &Template, abilities: &Abilities, body: &mut String) {
    template.form.depth(Side::A, "a_deep0", "kk", body);
    template.form.depth(Side::B, "b_deep0", "kk", body);
    load(template, Side::A, "a_line0", "a_deep0", "x", abilities, body);
    load(template, Side::B, "b_line0", "b_deep0", "y", abilities, body);
    let _ = writeln!(body, "    sum = {};", fma(Lane::of(template.dtype), "x", "y", "sum"));
}
