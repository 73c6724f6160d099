//! Python's literals, as far as a `.npy` header needs them: texts, whole numbers, truths, tuples, lists, dicts.

use crate::trouble::{Outcome, wrong};

/// A value.
#[derive(Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    None,
    /// A tuple or a list.
    Sequence(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// Deeper than any header goes.
const DEEPEST: usize = 16;

/// The one literal in a text.
#[inline]
pub(crate) fn parse(text: &str) -> Outcome<Literal> {
    let mut rest = text;
    let value = value(&mut rest, 0)?;
    match rest.trim_start() {
        "" => Ok(value),
        more => wrong(format!("its header goes on after its end: {:?}", start(more))),
    }
}

#[inline]
fn start(text: &str) -> String {
    text.chars().take(20).collect()
}

#[inline]
fn eat(rest: &mut &str, token: char) -> bool {
    match rest.trim_start().strip_prefix(token) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

#[inline]
fn value(rest: &mut &str, depth: usize) -> Outcome<Literal> {
    if depth > DEEPEST {
        return wrong("its header is nested too deep");
    }
    *rest = rest.trim_start();
    match rest.chars().next() {
        Some('(') => sequence(rest, '(', ')', depth),
        Some('[') => sequence(rest, '[', ']', depth),
        Some('{') => dict(rest, depth),
        Some(quote @ ('\'' | '"')) => {
            let inside = &rest[1..];
            match inside.find(quote) {
                Some(end) if !inside[..end].contains('\\') => {
                    *rest = &inside[end + 1..];
                    Ok(Literal::Text(inside[..end].to_owned()))
                }
                _ => wrong(format!("its header has a text that does not end well: {:?}", start(rest))),
            }
        }
        _ => {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let literal = match word {
                "True" => Literal::Bool(true),
                "False" => Literal::Bool(false),
                "None" => Literal::None,
                // Python 2 wrote an L after long numbers.
                word => match word.strip_suffix('L').unwrap_or(word).parse() {
                    Ok(number) => Literal::Int(number),
                    Err(_) => return wrong(format!("its header is not a Python dict at {:?}", start(rest))),
                },
            };
            *rest = after;
            Ok(literal)
        }
    }
}

#[inline]
fn sequence(rest: &mut &str, open: char, close: char, depth: usize) -> Outcome<Literal> {
    eat(rest, open);
    let mut values = Vec::new();
    while !eat(rest, close) {
        values.push(value(rest, depth + 1)?);
        if !eat(rest, ',') {
            if !eat(rest, close) {
                return wrong(format!("its header lacks a '{close}' at {:?}", start(rest)));
            }
            // A number in parentheses is that number.
            return Ok(match (open, values.len()) {
                ('(', 1) => values.swap_remove(0),
                _ => Literal::Sequence(values),
            });
        }
    }
    Ok(Literal::Sequence(values))
}

#[inline]
fn dict(rest: &mut &str, depth: usize) -> Outcome<Literal> {
    eat(rest, '{');
    let mut entries = Vec::new();
    while !eat(rest, '}') {
        let key = value(rest, depth + 1)?;
        if !eat(rest, ':') {
            return wrong(format!("its header lacks a ':' at {:?}", start(rest)));
        }
        entries.push((key, value(rest, depth + 1)?));
        if !eat(rest, ',') {
            if !eat(rest, '}') {
                return wrong(format!("its header lacks a '}}' at {:?}", start(rest)));
            }
            break;
        }
    }
    Ok(Literal::Dict(entries))
}

#[cfg(test)]
mod tests {
    use super::{Literal::*, parse};

    #[test]
    fn what_python_writes_is_read() {
        let header = "{'descr': '<f4', \"fortran_order\": False, 'shape': (3, 4L), 'n': None, 'one': (7,), 'two': (7)} \n";
        let text = |text: &str| Text(text.to_owned());
        assert_eq!(
            parse(header).unwrap(),
            Dict(vec![
                (text("descr"), text("<f4")),
                (text("fortran_order"), Bool(false)),
                (text("shape"), Sequence(vec![Int(3), Int(4)])),
                (text("n"), None),
                (text("one"), Sequence(vec![Int(7)])),
                (text("two"), Int(7)),
            ])
        );
        assert_eq!(parse("[('a', '<i4'), ()]").unwrap(), {
            let field = Sequence(vec![text("a"), text("<i4")]);
            Sequence(vec![field, Sequence(vec![])])
        });
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "{", "{'a'", "{'a' 1}", "{'a': 1", "(1", "'a", "1 2", "-1", "1e3", "{'a': f()}", "'a\\'"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(1_000_000)).is_err());
        assert!(parse("18446744073709551616").is_err());
    }
}
