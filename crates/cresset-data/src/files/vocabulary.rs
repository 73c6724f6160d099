//! `Vocabulary`: words by number, and numbers by word.

use std::collections::{BTreeSet, HashMap};

use cresset_autograd::prelude::*;
use cresset_tensor::State;

/// Words, each with its number: how categories become numbers, kept to make the same numbers of other data and words
/// of predictions.
///
/// ```
/// use cresset_data::Vocabulary;
/// let colours = Vocabulary::of(["red", "green", "red", "blue"]); // sorted
/// assert_eq!(colours.words(), ["blue", "green", "red"]);
/// assert_eq!(colours.number("red"), Some(2));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vocabulary {
    words: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Vocabulary {
    /// The words there are, sorted.
    pub fn of<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Vocabulary {
        let words: BTreeSet<String> = words.into_iter().map(Into::into).collect();
        Vocabulary::in_order(words)
    }

    /// These words, numbered in this order.
    pub fn in_order<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for word in words {
            let (word, next) = (word.into(), vocabulary.words.len());
            vocabulary.numbers.entry(word).or_insert_with_key(|word| {
                vocabulary.words.push(word.clone());
                next
            });
        }
        vocabulary
    }

    /// How many.
    #[inline]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Are there none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words, in order.
    #[inline]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The number of a word.
    #[inline]
    pub fn number(&self, word: &str) -> Option<usize> {
        self.numbers.get(word).copied()
    }

    /// The word of a number.
    #[inline]
    pub fn word(&self, number: usize) -> Option<&str> {
        self.words.get(number).map(String::as_str)
    }

    /// The words of a tensor of numbers.
    #[track_caller]
    #[inline]
    pub fn decode(&self, numbers: &Tensor) -> Result<Vec<&str>> {
        let word = |number: i64| {
            let word = usize::try_from(number).ok().and_then(|number| self.word(number));
            word.ok_or_else(|| {
                Error::index("decode", format!("there is no word {number}: there are {}", self.len()))
            })
        };
        if numbers.dtype().is_float() {
            return Err(Error::dtype(
                "decode",
                format!("numbers of words are integers, not {}", numbers.dtype()),
            ));
        }
        numbers.array().to_i64s()?.into_iter().map(word).collect()
    }
}

impl From<&Vocabulary> for State {
    /// The list of its words.
    #[inline]
    fn from(vocabulary: &Vocabulary) -> State {
        State::List(vocabulary.words.iter().map(|word| State::Text(word.clone())).collect())
    }
}

impl TryFrom<&State> for Vocabulary {
    type Error = Error;

    #[track_caller]
    #[inline]
    fn try_from(state: &State) -> Result<Vocabulary> {
        let words: Vec<&str> = state.list()?.iter().map(State::text).collect::<Result<_>>()?;
        Ok(Vocabulary::in_order(words))
    }
}
