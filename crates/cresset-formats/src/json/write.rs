//! The text of a tree.

use std::fmt::Write;

use cresset_tensor::{Array, Key, State};

use crate::{
    tree,
    trouble::{Outcome, Trouble, wrong},
};

/// Under what name an array at a path is kept.
type Name<'a> = dyn FnMut(&str, &Array) -> Outcome<String> + 'a;

/// JSON goes no deeper than this when it is read.
const DEEPEST: usize = 120;

/// The text of a tree.
pub(crate) fn text(state: &State, name: &mut Name) -> Outcome<String> {
    tree::check(state)?;
    let mut writer = Writer { text: String::new(), path: Vec::new(), name };
    writer.state(state, 0)?;
    Ok(writer.text)
}

struct Writer<'a, 'n> {
    text: String,
    path: Vec<String>,
    name: &'a mut Name<'n>,
}

impl Writer<'_, '_> {
    fn state(&mut self, state: &State, depth: usize) -> Outcome<()> {
        if depth > DEEPEST {
            return wrong(
                "the state is nested too deep for JSON; maps with whole numbers as keys take three levels",
            );
        }
        match state {
            State::None => self.text.push_str("null"),
            State::Bool(truth) => self.display(truth)?,
            State::Int(number) => self.display(number)?,
            // Shortest digits that are this number and no other, always with a point or an exponent.
            State::Float(number) if number.is_finite() => self.display(&format_args!("{number:?}"))?,
            State::Float(number) => self.special(*number)?,
            State::Text(text) => self.string(text)?,
            State::Array(array) => {
                let name = (self.name)(&self.path.join("."), array)?;
                self.text.push_str("{\"$array\":");
                self.string(&name)?;
                self.text.push('}');
            }
            State::List(values) => {
                self.text.push('[');
                for (i, value) in values.iter().enumerate() {
                    self.comma(i);
                    self.under(&i.to_string(), value, depth + 1)?;
                }
                self.text.push(']');
            }
            State::Map(entries) => self.map(entries, depth)?,
        }
        Ok(())
    }

    fn map(&mut self, entries: &[(Key, State)], depth: usize) -> Outcome<()> {
        let plain = entries.iter().all(|(key, _)| matches!(key, Key::Text(text) if !text.starts_with('$')));
        if plain {
            self.text.push('{');
            for (i, (key, value)) in entries.iter().enumerate() {
                self.comma(i);
                let key = key.to_string();
                self.string(&key)?;
                self.text.push(':');
                self.under(&key, value, depth + 1)?;
            }
            self.text.push('}');
            return Ok(());
        }
        self.text.push_str("{\"$map\":[");
        for (i, (key, value)) in entries.iter().enumerate() {
            self.comma(i);
            self.text.push('[');
            match key {
                Key::Text(text) => self.string(text)?,
                Key::Int(number) => self.display(number)?,
            }
            self.text.push(',');
            self.under(&key.to_string(), value, depth + 3)?;
            self.text.push(']');
        }
        self.text.push_str("]}");
        Ok(())
    }

    fn under(&mut self, key: &str, value: &State, depth: usize) -> Outcome<()> {
        self.path.push(key.to_owned());
        self.state(value, depth)?;
        self.path.pop();
        Ok(())
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.text.push(',');
        }
    }

    /// Infinities, and NaNs with their bits where those are not the usual ones.
    fn special(&mut self, number: f64) -> Outcome<()> {
        self.text.push_str("{\"$float\":\"");
        match number {
            f64::INFINITY => self.text.push_str("inf"),
            f64::NEG_INFINITY => self.text.push_str("-inf"),
            nan if nan.to_bits() == f64::NAN.to_bits() => self.text.push_str("nan"),
            nan => self.display(&format_args!("{:016x}", nan.to_bits()))?,
        }
        self.text.push_str("\"}");
        Ok(())
    }

    fn string(&mut self, text: &str) -> Outcome<()> {
        self.text.push_str(&quoted(text)?);
        Ok(())
    }

    fn display(&mut self, value: &dyn std::fmt::Display) -> Outcome<()> {
        write!(self.text, "{value}").map_err(|error| Trouble::from(error.to_string()))
    }
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> Outcome<String> {
    serde_json::to_string(text).map_err(|error| Trouble::from(error.to_string()))
}
