//! The functions that kernels call, in files of WGSL. A kernel gets those it names, and those they name.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// The files. A function's name is unique in all of them; a constant belongs to the functions of its file that name it.
const FILES: &[&str] = &[
    include_str!("../primitives/elements.wgsl"),
    include_str!("../primitives/arithmetic.wgsl"),
    include_str!("../primitives/parts.wgsl"),
    include_str!("../primitives/pair.wgsl"),
    include_str!("../primitives/exponential.wgsl"),
    include_str!("../primitives/hyperbolic.wgsl"),
    include_str!("../primitives/power.wgsl"),
    include_str!("../primitives/trigonometric.wgsl"),
    include_str!("../primitives/error.wgsl"),
    include_str!("../primitives/gamma.wgsl"),
    include_str!("../primitives/incomplete_gamma.wgsl"),
    include_str!("../primitives/bessel.wgsl"),
    include_str!("../primitives/integers.wgsl"),
    include_str!("../primitives/double.wgsl"),
    include_str!("../primitives/double_functions.wgsl"),
    include_str!("../primitives/random.wgsl"),
    include_str!("../primitives/order.wgsl"),
];

/// The same names again, for integers of 64 bits and of 32.
const WIDE: &str = include_str!("../primitives/wide_integers.wgsl");
const NARROW: &str = include_str!("../primitives/narrow_integers.wgsl");

struct Item {
    text: &'static str,
    names: Vec<&'static str>,
}

type Items = HashMap<&'static str, Item>;

static ITEMS: LazyLock<[Items; 2]> = LazyLock::new(|| [items(NARROW), items(WIDE)]);

fn items(integers: &'static str) -> Items {
    let mut items = HashMap::new();
    for file in FILES.iter().copied().chain([integers]) {
        for text in split(file) {
            let mut names = words(text);
            // What declares it comes first: `fn NAME` or `const NAME`.
            let Some(name) = names.nth(1) else { continue };
            items.insert(name, Item { text, names: names.collect() });
        }
    }
    items
}

/// Is there a function of that name?
pub fn has(name: &str) -> bool {
    ITEMS[1].contains_key(name)
}

/// The functions and constants that texts name, and those these name in turn, for integers of 64 bits if `wide`.
pub fn needed(texts: &[&str], wide: bool) -> String {
    let items = &ITEMS[usize::from(wide)];
    let mut found: Vec<&'static str> = Vec::new();
    let mut seen: HashSet<&'static str> = HashSet::new();
    let mut names: Vec<&str> = texts.iter().flat_map(|text| words(text)).collect();
    while let Some(name) = names.pop() {
        let Some((name, item)) = items.get_key_value(name) else { continue };
        if seen.insert(name) {
            found.push(name);
            names.extend(&item.names);
        }
    }
    found.sort_unstable();
    found.iter().map(|name| items[name].text).collect()
}

/// The declarations of a file, each up to the next one that starts a line.
fn split(file: &'static str) -> impl Iterator<Item = &'static str> {
    let starts: Vec<usize> = file
        .match_indices('\n')
        .map(|(i, _)| i + 1)
        .chain([0])
        .filter(|&i| file[i..].starts_with("fn ") || file[i..].starts_with("const "))
        .collect();
    let mut starts = starts;
    starts.sort_unstable();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([file.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &file[start..end])
}

/// The identifiers of a text, comments left out.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
}
