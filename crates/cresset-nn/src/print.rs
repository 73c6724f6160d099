//! A module as text, as PyTorch prints it.

use crate::module::{Module, Part};

/// The module, and those inside it indented below.
pub fn text(module: &dyn Module) -> String {
    let mut lines = Vec::new();
    let mut parameters = Vec::new();
    module.parts(&mut |name, part| match part {
        Part::Module(child) => lines.push((name.to_owned(), indented(&text(child)))),
        Part::Parameter(parameter) => parameters.push((name.to_owned(), format!("{parameter:?}"))),
        Part::Buffer(_) | Part::Training(_) => {}
    });
    // A list of parameters has nothing else to show.
    if module.is_list() && lines.is_empty() {
        lines = parameters;
    }
    let extra = module.extra();
    if lines.is_empty() {
        return format!("{}({extra})", module.kind());
    }
    let lines = if module.is_list() { together(lines) } else { numbered(lines) };
    let extra = if extra.is_empty() { extra } else { format!("  {extra}\n") };
    format!("{}(\n{extra}{}\n)", module.kind(), lines.join("\n"))
}

fn numbered(lines: Vec<(String, String)>) -> Vec<String> {
    lines.into_iter().map(|(name, text)| format!("  ({name}): {text}")).collect()
}

/// Neighbours of the same text in one line: `(0-2): 3 x Linear(…)`.
fn together(lines: Vec<(String, String)>) -> Vec<String> {
    lines
        .chunk_by(|a, b| a.1 == b.1)
        .map(|same| match same {
            [(name, text)] => format!("  ({name}): {text}"),
            [(first, text), .., (last, _)] => format!("  ({first}-{last}): {} x {text}", same.len()),
            [] => String::new(),
        })
        .collect()
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// A truth as Python writes it.
pub fn truth(is: bool) -> &'static str {
    if is { "True" } else { "False" }
}
