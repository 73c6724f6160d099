//! The tree of a text. Built as the text is read, so maps keep their order and nothing is held twice.

use std::{collections::HashSet, fmt};

use cresset_tensor::{Array, Key, State};
use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::{
    tree::DEEPEST,
    trouble::{Outcome, Trouble},
};

/// The array of a name.
type Arrays<'a> = dyn Fn(&str) -> Option<Array> + 'a;

/// The tree of a text.
pub(crate) fn parse(text: &str, arrays: &Arrays) -> Outcome<State> {
    read(text, Some(arrays)).map_err(|trouble| trouble.within("not the JSON of a state"))
}

/// The value of a text in which keys that begin with a dollar mean nothing.
pub(crate) fn plain(text: &str) -> Outcome<State> {
    read(text, None)
}

fn read(text: &str, arrays: Option<&Arrays>) -> Outcome<State> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let state = Seed { arrays, depth: 0 }.deserialize(&mut deserializer);
    let state = state.and_then(|state| deserializer.end().map(|()| state));
    state.map_err(|error| Trouble::from(error.to_string()))
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    /// What `{"$array": …}` names, if dollars mean something.
    arrays: Option<&'a Arrays<'a>>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        // JSON of a map with whole numbers as keys is three times as deep as the map.
        if self.depth > 3 * DEEPEST {
            return Err(E::custom("nested too deep"));
        }
        Ok(Seed { depth: self.depth + 1, ..self })
    }

    /// What an object of one key that begins with a dollar stands for.
    fn special<E: Error>(self, kind: &str, value: State) -> Result<State, E> {
        match (kind, value) {
            ("$float", State::Text(text)) => match text.as_str() {
                "inf" => Ok(State::Float(f64::INFINITY)),
                "-inf" => Ok(State::Float(f64::NEG_INFINITY)),
                "nan" => Ok(State::Float(f64::NAN)),
                bits => match u64::from_str_radix(bits, 16) {
                    Ok(bits) => Ok(State::Float(f64::from_bits(bits))),
                    Err(_) => Err(E::custom(format_args!("\"{bits}\" is no float"))),
                },
            },
            ("$array", State::Text(name)) => match self.arrays.and_then(|arrays| arrays(&name)) {
                Some(array) => Ok(State::Array(array)),
                None => Err(E::custom(format_args!("there is no array named \"{name}\""))),
            },
            ("$map", State::List(pairs)) => {
                let mut entries = Vec::new();
                let mut seen = HashSet::new();
                for pair in pairs {
                    let State::List(pair) = pair else {
                        return Err(E::custom("an entry of a $map is no list"));
                    };
                    let Ok([key, value]) = <[State; 2]>::try_from(pair) else {
                        return Err(E::custom("an entry of a $map is not a key and a value"));
                    };
                    let key = match key {
                        State::Text(text) => Key::Text(text),
                        State::Int(number) => Key::Int(number),
                        other => {
                            return Err(E::custom(format_args!("the key of a $map is {}", other.kind())));
                        }
                    };
                    if !seen.insert(key.clone()) {
                        return Err(E::custom(format_args!("the key {key:?} comes twice")));
                    }
                    entries.push((key, value));
                }
                Ok(State::Map(entries))
            }
            (kind, value) => Err(E::custom(format_args!("{kind} of {} is not known", value.kind()))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = State;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<State, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = State;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<State, E> {
        Ok(State::None)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<State, E> {
        Ok(State::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<State, E> {
        Ok(State::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<State, E> {
        Ok(i64::try_from(number).map_or_else(|_| State::Text(number.to_string()), State::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<State, E> {
        Ok(State::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<State, E> {
        Ok(State::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<State, E> {
        Ok(State::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<State, A::Error> {
        let deeper = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(deeper)? {
            values.push(value);
        }
        Ok(State::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<State, A::Error> {
        let deeper = self.deeper()?;
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(deeper)?;
            if key.starts_with('$') && self.arrays.is_some() {
                if !entries.is_empty() || map.next_key::<String>()?.is_some() {
                    return Err(A::Error::custom(format_args!("{key} is not alone in its object")));
                }
                return self.special(&key, value);
            }
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("the key {key:?} comes twice")));
            }
            entries.push((Key::Text(key), value));
        }
        Ok(State::Map(entries))
    }
}
