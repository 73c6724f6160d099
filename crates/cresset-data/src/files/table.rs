//! Tables: files of comma-separated values, and tensors of their columns.

mod columns;

use std::{io::Read, path::Path};

use cresset_autograd::prelude::*;
use cresset_tensor::{bf16, f16};

use super::{
    opened::{bad, open, read},
    vocabulary::Vocabulary,
};
pub use columns::{Column, Columns};

/// How a file of comma-separated values is read.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::Csv;
/// let table = Csv::new().delimiter(b';').parse("length;width;kind\n5.1;3.5;setosa\n6.2;?;virginica\n")?;
/// assert_eq!(table.names(), ["length", "width", "kind"]);
/// let whole = table.drop_missing(..)?;
/// assert_eq!(whole.tensor(["length", "width"])?.shape(), &[1, 2]);
/// let (numbers, kinds) = table.categories("kind")?;
/// assert_eq!((numbers.to_vec::<i64>()?, kinds.words()[1].as_str()), (vec![0, 1], "virginica"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Csv {
    delimiter: u8,
    quote: u8,
    comment: Option<u8>,
    header: bool,
    missing: Vec<String>,
}

impl Default for Csv {
    #[inline]
    fn default() -> Self {
        Csv::new()
    }
}

impl Csv {
    /// Commas, double quotes, names in the first line. Missing are cells that are empty, `?`, `NA`, `N/A`, `NaN`,
    /// `null` or `None`, in any case.
    #[inline]
    pub fn new() -> Csv {
        let missing = ["", "?", "na", "n/a", "nan", "null", "none"].map(str::to_owned).to_vec();
        Csv { delimiter: b',', quote: b'"', comment: None, header: true, missing }
    }

    /// What is between cells: `b';'`, `b'\t'`.
    #[inline]
    pub fn delimiter(self, delimiter: u8) -> Csv {
        Csv { delimiter, ..self }
    }

    /// What is around cells that contain delimiters.
    #[inline]
    pub fn quote(self, quote: u8) -> Csv {
        Csv { quote, ..self }
    }

    /// What lines begin with that are not read.
    #[inline]
    pub fn comment(self, comment: u8) -> Csv {
        Csv { comment: Some(comment), ..self }
    }

    /// Whether the first line holds the names of the columns; else they are called by their numbers.
    #[inline]
    pub fn header(self, header: bool) -> Csv {
        Csv { header, ..self }
    }

    /// What stands for a missing value, in any case, instead of what usually does.
    pub fn missing<W: Into<String>>(self, words: impl IntoIterator<Item = W>) -> Csv {
        let missing = words.into_iter().map(|word| word.into().to_lowercase()).collect();
        Csv { missing, ..self }
    }

    /// Reads a file, compressed by gzip or not.
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let opened = open("csv", path)?;
        self.read_from(opened.bytes).map_err(|error| bad("csv", path, error.message()))
    }

    /// Reads a text.
    #[track_caller]
    #[inline]
    pub fn parse(&self, text: &str) -> Result<Table> {
        self.read_from(text.as_bytes())
    }

    /// Reads what a reader gives.
    #[track_caller]
    pub fn read_from(&self, mut reader: impl Read) -> Result<Table> {
        let mut bytes = Vec::new();
        if let Err(error) = read(&mut reader, u64::MAX, &mut bytes) {
            return Err(Error::file("csv", error.to_string()));
        }
        self.table(&bytes)
    }

    #[track_caller]
    #[inline]
    fn table(&self, bytes: &[u8]) -> Result<Table> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .quote(self.quote)
            .comment(self.comment)
            .has_headers(false)
            .from_reader(bytes);
        let mut table = Table { missing: self.missing.clone(), ..Table::default() };
        let mut record = csv::StringRecord::new();
        let mut named = !self.header;
        while reader.read_record(&mut record).map_err(|error| self.said(error, bytes))? {
            if !named {
                table.names = record.iter().map(|name| name.trim().to_owned()).collect();
                named = true;
                continue;
            }
            if table.names.is_empty() {
                table.names = (0..record.len()).map(|i| i.to_string()).collect();
            }
            table.lines.push(self.line(record.position(), bytes));
            for cell in &record {
                table.text.push_str(cell);
                table.ends.push(table.text.len());
            }
        }
        if table.names.is_empty() {
            let wanted = if self.header { "not even a line of names" } else { "no line" };
            return Err(Error::file("csv", format!("there is {wanted}")));
        }
        Ok(table)
    }

    /// The line on which a row begins. What the csv crate calls its position is where the row before it ended: empty
    /// lines and comments may follow.
    #[inline]
    fn line(&self, position: Option<&csv::Position>, bytes: &[u8]) -> u64 {
        let (mut place, mut line) =
            position.map_or((0, 1), |position| (position.byte() as usize, position.line()));
        loop {
            match bytes.get(place) {
                Some(b'\n') => (place, line) = (place + 1, line + 1),
                Some(b'\r') => place += 1,
                Some(&first) if Some(first) == self.comment => {
                    place += bytes[place..].iter().take_while(|&&byte| byte != b'\n').count();
                }
                _ => return line,
            }
        }
    }

    /// The error of the csv crate in our words, with its line.
    #[track_caller]
    #[inline]
    fn said(&self, error: csv::Error, bytes: &[u8]) -> Error {
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = self.line(pos.as_ref(), bytes);
                format!("line {line}: {len} cells, where the lines before have {expected_len}")
            }
            csv::ErrorKind::Utf8 { pos, err } => {
                let line = self.line(pos.as_ref(), bytes);
                format!("line {line}: cell {} is not UTF-8 text", err.field() + 1)
            }
            _ => error.to_string(),
        };
        Error::file("csv", message)
    }
}

/// What becomes of missing values in a tensor.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Missing {
    /// An error that names the line.
    #[default]
    Refuse,
    /// Not a number.
    Nan,
    /// That number.
    Value(f64),
    /// One number for each column, such as the [means](Table::means) of the data trained on.
    Values(Vec<f64>),
    /// The mean of the column's other values.
    Mean,
}

/// A table of texts, with names of its columns: what a [`Csv`] reads, and what tensors are made of.
#[derive(Clone, Debug, Default)]
pub struct Table {
    names: Vec<String>,
    /// All cells, one after another, row by row.
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    /// The line each row was read from.
    lines: Vec<u64>,
    missing: Vec<String>,
}

impl Table {
    /// How many rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Are there none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The names of the columns.
    #[inline]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    #[inline]
    fn cell(&self, row: usize, column: usize) -> &str {
        let place = row * self.names.len() + column;
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    #[inline]
    fn is_missing(&self, cell: &str) -> bool {
        let cell = cell.trim();
        // Missing values are short words: no long text needs to be made lower case.
        self.missing.iter().any(|word| word.len() == cell.len() && *word == cell.to_lowercase())
    }

    #[track_caller]
    fn wrong(&self, row: usize, column: usize, why: impl std::fmt::Display) -> Error {
        let (line, name) = (self.lines[row], &self.names[column]);
        Error::file("csv", format!("line {line}, column '{name}': {why}"))
    }

    /// The cells of a column, as they are; `None` where they are missing.
    #[track_caller]
    pub fn texts(&self, column: impl Into<Column>) -> Result<Vec<Option<&str>>> {
        let column = column.into().place(&self.names)?;
        let cells = (0..self.len()).map(|row| self.cell(row, column));
        Ok(cells.map(|cell| (!self.is_missing(cell)).then_some(cell)).collect())
    }

    /// The rows in which none of these columns is missing.
    #[track_caller]
    pub fn drop_missing(&self, columns: impl Into<Columns>) -> Result<Table> {
        let columns = columns.into().places(&self.names)?;
        let whole = |&row: &usize| !columns.iter().any(|&column| self.is_missing(self.cell(row, column)));
        let mut table =
            Table { names: self.names.clone(), missing: self.missing.clone(), ..Table::default() };
        for row in (0..self.len()).filter(whole) {
            table.lines.push(self.lines[row]);
            for column in 0..self.names.len() {
                table.text.push_str(self.cell(row, column));
                table.ends.push(table.text.len());
            }
        }
        Ok(table)
    }

    /// The numbers of these columns as float32, `[rows, columns]`; a missing one is an error. Columns are chosen by
    /// name, by number (from either end), by a range of numbers, or `..` for all of them.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// use cresset_data::Csv;
    /// let table = Csv::new().header(false).parse("1,2,0\n3,4,1\n")?;
    /// assert_eq!(table.tensor(..2)?.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(table.column_with(-1, DType::I64)?.to_vec::<i64>()?, [0, 1]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn tensor(&self, columns: impl Into<Columns>) -> Result<Tensor> {
        self.tensor_with(columns, DType::F32, Missing::Refuse)
    }

    /// As [`tensor`](Self::tensor), of any dtype, and with missing values.
    #[track_caller]
    pub fn tensor_with(&self, columns: impl Into<Columns>, dtype: DType, missing: Missing) -> Result<Tensor> {
        let columns = columns.into().places(&self.names)?;
        let instead = self.instead(&columns, dtype, missing)?;
        let shape = [self.len(), columns.len()];
        match dtype {
            DType::F64 => Tensor::from_vec(self.all(&columns, &instead, |x| x.parse().ok(), |x| x)?, shape),
            DType::F32 => {
                Tensor::from_vec(self.all(&columns, &instead, |x| x.parse().ok(), |x| x as f32)?, shape)
            }
            DType::F16 => Tensor::from_vec(
                self.all(&columns, &instead, |x| x.parse().ok().map(f16::from_f64), f16::from_f64)?,
                shape,
            ),
            DType::BF16 => Tensor::from_vec(
                self.all(&columns, &instead, |x| x.parse().ok().map(bf16::from_f64), bf16::from_f64)?,
                shape,
            ),
            DType::Bool => Tensor::from_vec(self.all(&columns, &instead, truth, |x| x != 0.0)?, shape),
            DType::I64 => Tensor::from_vec(self.all(&columns, &instead, integer, |x| x as i64)?, shape),
            DType::I32 => Tensor::from_vec(self.all(&columns, &instead, narrow, |x| x as i32)?, shape),
            DType::I16 => Tensor::from_vec(self.all(&columns, &instead, narrow, |x| x as i16)?, shape),
            DType::I8 => Tensor::from_vec(self.all(&columns, &instead, narrow, |x| x as i8)?, shape),
            DType::U8 => Tensor::from_vec(self.all(&columns, &instead, narrow, |x| x as u8)?, shape),
        }
    }

    /// The numbers of one column, `[rows]`; a missing one is an error.
    #[track_caller]
    pub fn column_with(&self, column: impl Into<Column>, dtype: DType) -> Result<Tensor> {
        self.tensor_with(Columns::from(column.into()), dtype, Missing::Refuse)?.squeeze(1)
    }

    /// The mean of each of these columns, of what is not missing.
    #[track_caller]
    pub fn means(&self, columns: impl Into<Columns>) -> Result<Vec<f64>> {
        self.means_of(&columns.into().places(&self.names)?)
    }

    #[track_caller]
    #[inline]
    fn means_of(&self, columns: &[usize]) -> Result<Vec<f64>> {
        let mean = |&column: &usize| {
            let (mut sum, mut count) = (0.0, 0usize);
            for row in 0..self.len() {
                let cell = self.cell(row, column);
                if !self.is_missing(cell) {
                    let number = cell.trim().parse::<f64>();
                    sum +=
                        number.map_err(|_| self.wrong(row, column, format!("'{cell}' is not a number")))?;
                    count += 1;
                }
            }
            if count == 0 {
                let name = &self.names[column];
                return Err(Error::file("csv", format!("column '{name}' has no values to take the mean of")));
            }
            Ok(sum / count as f64)
        };
        columns.iter().map(mean).collect()
    }

    /// What stands in for a missing value in each column, if anything does.
    #[track_caller]
    #[inline]
    fn instead(&self, columns: &[usize], dtype: DType, missing: Missing) -> Result<Vec<Option<f64>>> {
        let values = match missing {
            Missing::Refuse => return Ok(vec![None; columns.len()]),
            Missing::Nan => vec![f64::NAN; columns.len()],
            Missing::Value(value) => vec![value; columns.len()],
            Missing::Values(values) => values,
            Missing::Mean => self.means_of(columns)?,
        };
        if values.len() != columns.len() {
            let (given, wanted) = (values.len(), columns.len());
            return Err(Error::argument(
                "csv",
                format!("{given} values for what is missing in {wanted} columns"),
            ));
        }
        if !dtype.is_float() && values.iter().any(|value| value.fract() != 0.0) {
            return Err(Error::dtype(
                "csv",
                format!("{values:?} in place of missing values are not of {dtype}"),
            ));
        }
        Ok(values.into_iter().map(Some).collect())
    }

    #[track_caller]
    fn all<T>(
        &self,
        columns: &[usize],
        instead: &[Option<f64>],
        parse: impl Fn(&str) -> Option<T>,
        convert: impl Fn(f64) -> T,
    ) -> Result<Vec<T>> {
        let mut numbers = Vec::with_capacity(self.len() * columns.len());
        for row in 0..self.len() {
            for (&column, instead) in columns.iter().zip(instead) {
                let cell = self.cell(row, column);
                numbers.push(match (parse(cell.trim()), instead) {
                    (_, Some(value)) if self.is_missing(cell) => convert(*value),
                    (_, None) if self.is_missing(cell) => {
                        let why =
                            "the value is missing; drop_missing, or say what to put in its place (Missing)";
                        return Err(self.wrong(row, column, why));
                    }
                    (Some(number), _) => number,
                    (None, _) => {
                        let kind = std::any::type_name::<T>();
                        return Err(self.wrong(
                            row,
                            column,
                            format!("'{cell}' is not a number of type {kind}"),
                        ));
                    }
                });
            }
        }
        Ok(numbers)
    }

    /// The numbers of a column's words, `[rows]` of int64, and the words, sorted.
    #[track_caller]
    pub fn categories(&self, column: impl Into<Column>) -> Result<(Tensor, Vocabulary)> {
        let column = column.into();
        let words = Vocabulary::of(self.texts(column.clone())?.into_iter().flatten().map(str::trim));
        Ok((self.encode(column, &words, None)?, words))
    }

    /// The numbers of a column's words in a vocabulary that is kept from before. What is missing or not in it gets the
    /// number `unknown`, or is an error.
    #[track_caller]
    pub fn encode(
        &self,
        column: impl Into<Column>,
        vocabulary: &Vocabulary,
        unknown: impl Into<Option<i64>>,
    ) -> Result<Tensor> {
        let (place, unknown) = (column.into().place(&self.names)?, unknown.into());
        let number = |row| {
            let cell = self.cell(row, place);
            let number = if self.is_missing(cell) { None } else { vocabulary.number(cell.trim()) };
            number.map(|number| number as i64).or(unknown).ok_or_else(|| {
                self.wrong(
                    row,
                    place,
                    format!("'{cell}' is not one of the {} known categories", vocabulary.len()),
                )
            })
        };
        Tensor::from_vec((0..self.len()).map(number).collect::<Result<Vec<i64>>>()?, self.len())
    }
}

/// A whole number, also written as `3.0`.
#[inline]
fn integer(text: &str) -> Option<i64> {
    let float = || text.parse::<f64>().ok().filter(|x| x.fract() == 0.0 && x.abs() <= (1u64 << 53) as f64);
    text.parse().ok().or_else(|| float().map(|x| x as i64))
}

/// A whole number that a smaller type holds.
fn narrow<T: TryFrom<i64>>(text: &str) -> Option<T> {
    integer(text).and_then(|number| T::try_from(number).ok())
}

#[inline]
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "TRUE" => Some(true),
        "0" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}
