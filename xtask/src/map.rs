//! `cargo xtask map`: the book's map of the tree, a line for each file, as the files themselves say in their first lines.

use std::{fs, path::Path};

const USAGE: &str = "\
The book's map of the tree: that docs/src/map.md has a line for every source file, in the file's own words.

usage: cargo xtask map [--write]

  --write         make it so";

const HEAD: &str = "\
# Map of the tree

A line for every file, in its own words: the first sentence of what it opens with. Written by `cargo xtask map --write`.
";

/// Runs; true if the map is that of the tree.
pub fn main(words: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let write = match words {
        [] => false,
        [word] if word == "--write" => true,
        _ => {
            println!("{USAGE}");
            return Ok(words.iter().any(|word| word == "--help" || word == "-h"));
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = root.join("docs/src/map.md");
    let mut map = HEAD.to_owned();
    for member in members(&root)? {
        folder(&root, &member, &mut map)?;
    }
    if write {
        fs::write(&place, map)?;
        return Ok(true);
    }
    let same = fs::read_to_string(&place).is_ok_and(|old| old == map);
    println!(
        "{}",
        if same { "the map is that of the tree" } else { "docs/src/map.md is old: cargo xtask map --write" }
    );
    Ok(same)
}

/// Where sources are.
fn members(root: &Path) -> std::io::Result<Vec<String>> {
    let mut members = Vec::new();
    for name in sorted(&root.join("crates"))? {
        members.push(format!("crates/{name}"));
    }
    members.extend(["tests".to_owned(), "xtask".to_owned()]);
    Ok(members)
}

fn sorted(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Files of a folder first, then the folders in it; a heading for each folder that has sources.
fn folder(root: &Path, path: &str, map: &mut String) -> std::io::Result<()> {
    let names = sorted(&root.join(path))?;
    let (folders, files): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| root.join(path).join(name).is_dir());
    let mut rows = String::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(path).join(file))?;
        rows.push_str(&format!("| `{file}` | {} |\n", sentence(&text)));
    }
    if !rows.is_empty() {
        map.push_str(&format!("\n## {path}\n\n| file | |\n|---|---|\n{rows}"));
    }
    for name in folders.iter().filter(|name| *name != "target" && *name != "cases") {
        folder(root, &format!("{path}/{name}"), map)?;
    }
    Ok(())
}

/// The first sentence of what a file opens with.
fn sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let paragraph: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ").replace('|', "\\|");
    // A sentence ends with a point before a space and what does not go on in small letters.
    let ends = paragraph.match_indices(". ").map(|(i, _)| i);
    let end = ends.into_iter().find(|&i| !paragraph[i + 2..].starts_with(char::is_lowercase));
    paragraph[..end.unwrap_or(paragraph.len())].trim_end_matches('.').to_owned()
}
