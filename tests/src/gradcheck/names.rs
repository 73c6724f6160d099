//! The names of all public methods, read from their sources: each has to be among the calls of the golden cases, by
//! which its derivative is checked, or on a list that says why it is not.

use std::{collections::BTreeMap, fs, path::Path};

use super::{exceptions::WITHOUT_CALL, uncalled};

/// What is wrong with the lists: methods without a call, and exceptions that need not be any more.
pub fn troubles() -> std::io::Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut methods = BTreeMap::new();
    for text in sources(&root.join("../crates/cresset-ops/src/methods"))? {
        methods.extend(of_source(&text));
    }
    let calls = sources(&root.join("src/calls"))?.concat();
    // By its name in Rust, or by PyTorch's.
    let called = |name: &str| {
        [format!(".{name}("), format!("::{name}("), format!("::{name})"), format!("::{name},")]
            .iter()
            .chain([&format!("\"{name}\""), &format!(".{name}\"")])
            .any(|text| calls.contains(text.as_str()))
    };
    let excused = |name: &str| WITHOUT_CALL.iter().any(|(other, _)| *other == name);
    let mut troubles = Vec::new();
    for (name, other) in &methods {
        // The in-place form of a method is the same formula.
        let base = name.strip_suffix('_').filter(|base| methods.contains_key(*base)).unwrap_or(name);
        let other = other.as_deref().unwrap_or(base);
        let drawn = |name: &str| uncalled::ALL.iter().any(|method| method.name == name);
        if ![name, base, other].into_iter().any(|name| called(name) || drawn(name) || excused(name)) {
            troubles.push(format!("{name} is in no call of the golden cases, nor on the list of exceptions"));
        }
    }
    for (name, _) in WITHOUT_CALL {
        if !methods.contains_key(*name) {
            troubles.push(format!("{name} is on the list of exceptions, but no method"));
        }
    }
    Ok(troubles)
}

/// The texts of all Rust files of a folder.
fn sources(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        if path.is_dir() {
            texts.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(path)?);
        }
    }
    Ok(texts)
}

/// The methods of the traits of a file: those written out, and the rows of tables, which begin with the name, each with
/// the method it is only another name of.
fn of_source(text: &str) -> Vec<(String, Option<String>)> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut found = Vec::new();
    let (mut in_trait, mut in_table) = (false, false);
    for line in text.lines() {
        if line.starts_with("pub trait ") {
            in_trait = true;
        } else if line.starts_with('}') {
            in_trait = false;
        }
        if !in_trait {
            continue;
        }
        if let Some(rest) = line.strip_prefix("    fn ") {
            found.push((word(rest), None));
        } else if line.starts_with("    }") {
            in_table = false;
        } else if line.starts_with("    ") && !line.starts_with("     ") && line.ends_with("! {") {
            in_table = true;
        } else if let (true, Some(row)) = (in_table, line.strip_prefix("        "))
            && row.starts_with(|c: char| c.is_ascii_lowercase())
        {
            let (name, rest) = (word(row), row.split_once(" = "));
            let other =
                rest.map(|(_, base)| word(base)).filter(|base| row.ends_with(';') && !base.is_empty());
            found.push((name, other));
        }
    }
    found.retain(|(name, _)| !name.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::of_source;

    #[test]
    fn methods_are_found_in_traits_and_their_tables() {
        let text = "fn free() {}\npub trait Theme: Apply {\n    table! {\n        /// Doc.\n        neg neg_ |x| -x;\n        eq;\n        scatter scatter_['a](dim: i64) = parts;\n        absolute absolute_ = abs abs_;\n    }\n\n    #[track_caller]\n    fn map(&self) -> X {\n        inner();\n    }\n}\nimpl X {\n    fn private() {}\n}\n";
        let names: Vec<String> = of_source(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["neg", "eq", "scatter", "absolute", "map"]);
        assert_eq!(of_source(text)[3].1.as_deref(), Some("abs"));
    }
}
