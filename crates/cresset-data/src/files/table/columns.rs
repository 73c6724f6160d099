//! Which columns of a table: by name, by number, by a range of numbers.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

use cresset_tensor::{Error, Result};

/// A column: its name, or its number, counted from either end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Column {
    /// By name.
    Name(String),
    /// By number; -1 is the last.
    Number(i64),
}

impl From<&str> for Column {
    #[inline]
    fn from(name: &str) -> Column {
        Column::Name(name.to_owned())
    }
}

impl From<&String> for Column {
    #[inline]
    fn from(name: &String) -> Column {
        Column::Name(name.clone())
    }
}

impl From<String> for Column {
    #[inline]
    fn from(name: String) -> Column {
        Column::Name(name)
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl From<$type> for Column {
            #[inline]
            fn from(number: $type) -> Column {
                Column::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )*};
}

numbers!(i32, i64, usize);

impl Column {
    /// Its number among these.
    #[track_caller]
    #[inline]
    pub(super) fn place(&self, names: &[String]) -> Result<usize> {
        let there = || names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        match self {
            Column::Name(wanted) => {
                let mut found = (0..names.len()).filter(|&i| names[i] == *wanted);
                match (found.next(), found.next()) {
                    (Some(place), None) => Ok(place),
                    (Some(a), Some(b)) => Err(Error::argument(
                        "csv",
                        format!("columns {a} and {b} are both called '{wanted}': choose one by its number"),
                    )),
                    _ => Err(Error::argument("csv", format!("no column '{wanted}'; there are: {}", there()))),
                }
            }
            Column::Number(number) => {
                let count = names.len() as i64;
                let place = if *number < 0 { number.saturating_add(count) } else { *number };
                match usize::try_from(place) {
                    Ok(place) if place < names.len() => Ok(place),
                    _ => Err(Error::index(
                        "csv",
                        format!("no column {number}: there are {count}, counted from 0"),
                    )),
                }
            }
        }
    }
}

/// Some columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Columns {
    /// From a number, up to another or to the end.
    Range(usize, Option<usize>),
    /// These, in this order.
    List(Vec<Column>),
}

impl Columns {
    /// Their numbers among these.
    #[track_caller]
    #[inline]
    pub(super) fn places(&self, names: &[String]) -> Result<Vec<usize>> {
        match self {
            Columns::List(columns) => columns.iter().map(|column| column.place(names)).collect(),
            Columns::Range(start, end) => {
                let end = end.unwrap_or(names.len());
                if *start > end || end > names.len() {
                    return Err(Error::index(
                        "csv",
                        format!("no columns {start}..{end}: there are {}", names.len()),
                    ));
                }
                Ok((*start..end).collect())
            }
        }
    }
}

impl From<Column> for Columns {
    #[inline]
    fn from(column: Column) -> Columns {
        Columns::List(vec![column])
    }
}

macro_rules! one {
    ($($type:ty),*) => {$(
        impl From<$type> for Columns {
            #[inline]
            fn from(column: $type) -> Columns {
                Columns::List(vec![column.into()])
            }
        }
    )*};
}

one!(&str, String, i32, i64, usize);

impl<C: Into<Column>, const N: usize> From<[C; N]> for Columns {
    fn from(columns: [C; N]) -> Columns {
        Columns::List(columns.into_iter().map(Into::into).collect())
    }
}

impl<C: Into<Column>> From<Vec<C>> for Columns {
    fn from(columns: Vec<C>) -> Columns {
        Columns::List(columns.into_iter().map(Into::into).collect())
    }
}

impl<C: Into<Column> + Clone> From<&[C]> for Columns {
    fn from(columns: &[C]) -> Columns {
        Columns::List(columns.iter().cloned().map(Into::into).collect())
    }
}

macro_rules! ranges {
    ($($range:ty: |$r:ident| $start:expr, $end:expr;)*) => {$(
        impl From<$range> for Columns {
            fn from($r: $range) -> Columns {
                Columns::Range($start, $end)
            }
        }
    )*};
}

ranges! {
    RangeFull: |_range| 0, None;
    Range<usize>: |range| range.start, Some(range.end);
    RangeTo<usize>: |range| 0, Some(range.end);
    RangeFrom<usize>: |range| range.start, None;
    RangeInclusive<usize>: |range| *range.start(), Some(range.end().saturating_add(1));
}
