//! A module as text, as PyTorch prints it.

use std::fmt::Display;

use cresset_autograd::{Scalar, Sizes};

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

/// A floating-point number as Python writes it: `0.1`, `1.0`, `1e-05`.
pub fn float(x: f64) -> String {
    let text = if x.is_finite() { format!("{x:?}") } else { x.to_string().to_lowercase() };
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// A number as Python writes it.
pub fn number(x: Scalar) -> String {
    match x {
        Scalar::Bool(is) => truth(is).to_owned(),
        Scalar::Int(n) => n.to_string(),
        Scalar::Float(x) => float(x),
    }
}

/// What may be missing, which Python writes `None`.
pub fn maybe<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "None".to_owned(), show)
}

/// Several as Python writes them: `(1, 2)`, and `(1,)` for a single one.
pub fn tuple(items: impl IntoIterator<Item = impl Display>) -> String {
    match items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().as_slice() {
        [item] => format!("({item},)"),
        items => format!("({})", items.join(", ")),
    }
}

/// Sizes as they were given: a single number, or several.
pub fn sizes(sizes: &Sizes) -> String {
    match sizes[..] {
        [size] => size.to_string(),
        _ => tuple(sizes),
    }
}

/// Sizes for so many dimensions, where a single number stands for all.
pub fn spread(sizes: &Sizes, dims: usize) -> String {
    match sizes[..] {
        [size] => tuple(vec![size; dims]),
        _ => tuple(sizes),
    }
}
