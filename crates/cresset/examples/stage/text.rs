//! A text as numbers, one for each character, and windows of it to learn from.

use std::{collections::BTreeSet, path::Path};

use cresset::prelude::*;

/// What is learned unless another text is given; see `text/README.md`.
const PLAY: &str = include_str!("../text/as-you-like-it.txt");

/// A text, and the characters in it.
pub struct Text {
    /// Each character there is, in order: a character's number is its place.
    pub alphabet: Vec<char>,
    numbers: Vec<i64>,
}

impl Text {
    /// The text in a file, or the one that comes with the examples.
    pub fn read(path: Option<&Path>) -> Result<Text> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Error::file("Text::read", format!("{}: {error}", path.display())))?,
            None => PLAY.to_owned(),
        };
        let alphabet: Vec<char> = text.chars().collect::<BTreeSet<char>>().into_iter().collect();
        let numbers = encode(&alphabet, &text)?;
        Ok(Text { alphabet, numbers })
    }

    /// How many characters it has.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Windows of so many characters: of the first nine tenths, to learn from, and of the rest, to be asked about.
    pub fn split(&self, length: usize) -> Result<(Windows, Windows)> {
        let (train, test) = self.numbers.split_at(self.len() * 9 / 10);
        if test.len() <= length {
            return Err(Error::argument(
                "Text::split",
                format!("a text of {} characters is too short; it needs {}", self.len(), 10 * (length + 1)),
            ));
        }
        let windows = |numbers: &[i64]| Windows { numbers: Tensor::new(numbers.to_vec()), length };
        Ok((windows(train), windows(test)))
    }

    /// The numbers of the characters.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        encode(&self.alphabet, text)
    }

    /// The characters of these numbers.
    pub fn decode(&self, numbers: &[i64]) -> String {
        numbers.iter().filter_map(|&number| self.alphabet.get(number as usize)).collect()
    }
}

fn encode(alphabet: &[char], text: &str) -> Result<Vec<i64>> {
    let number = |character: char| match alphabet.binary_search(&character) {
        Ok(place) => Ok(place as i64),
        Err(_) => Err(Error::argument("Text::encode", format!("{character:?} is not in the text learned"))),
    };
    text.chars().map(number).collect()
}

/// Every stretch of so many characters, and the same moved on by one: what comes next, at each place.
pub struct Windows {
    numbers: Tensor,
    length: usize,
}

impl Windows {
    /// Those that do not overlap.
    pub fn apart(self) -> Result<Subset<Windows>> {
        let starts: Vec<usize> = (0..self.len()).step_by(self.length).collect();
        Subset::new(self, starts)
    }
}

impl Dataset for Windows {
    type Item = (Tensor, Tensor);

    fn len(&self) -> usize {
        self.numbers.numel() - self.length
    }

    fn item(&self, index: usize) -> Result<(Tensor, Tensor)> {
        let window = |start: usize| self.numbers.narrow(0, start as i64, self.length as i64);
        Ok((window(index)?, window(index + 1)?))
    }
}

/// One character, drawn by its scores. Below a temperature of 1 likely ones come more often, above less.
pub fn draw(scores: &Tensor, temperature: f64) -> Result<i64> {
    scores.div(temperature)?.softmax(-1)?.multinomial(1, true)?.item()
}
